/* SPDX-License-Identifier: MIT */
/*
 * hints - words of other dialects of Liquid, with what is to be written here:
 * B Braze, C Customer.io, L liquidjs, S Shopify; and signs of other languages.
 */
#include <string.h>

#include "templates/liquid/parse.h"

struct hint {
	const char *word, *text;
};

static const struct hint tag_hints[] = {
    /* B C */
    {"connected_content",
	"a template fetches nothing; send what it needs along with the event"},
    {"message_extras", "add headers in the channel's settings"},
    /* C */
    {"unsubscribe", "write a link to {{ unsubscribe_url }}"},
    {"manage_subscription_preferences_url", "write {{ preferences_url }}"},
    {"view_in_browser_url", "mails are not kept to be viewed"},
    {"cio_link", "write the link as it is"},
    {"render_liquid", "data is never read as a template"},
    {"random", "use \"split\" in the sequence"},
    {"generate_uuid", "use the message's own key, or an id of the event"},
    {"countdown", "write the date"},
    /* L S */
    {"layout", "name it in the header line Layout:"},
    {"block", "a layout has {{ content }}"}, {"section", "use {% render %}"},
    {"form", "a mail has no forms"}, {"style", "write <style>"},
    {"javascript", "a mail runs no scripts"},
    {"schema", "{% doc %} is for comments"}, {NULL, NULL}};

static const struct hint filter_hints[] = {
    /* B */
    {"sha1", "use sha256"}, {"sha2", "use sha256"},
    {"hmac_sha1_hex", "use hmac_sha256"},
    {"hmac_sha1_base64", "use hmac_sha256"}, {"hmac_sha512", "use hmac_sha256"},
    {"url_escape", "use url_param_escape"},
    {"json_escape", "use json; strings of a document need nothing"},
    {"number_with_delimiter", "use number"},
    {"property_accessor", "write hash[key]"},
    {"strptime", "date reads what people and programs write"},
    /* C */
    {"cgi_escape", "use url_encode"}, {"uri_escape", "use url_param_escape"},
    {"hmac_sha1", "use hmac_sha256"}, {"format_number", "use number"},
    {"rounded_currency", "use round, then currency"},
    {"array_to_sentence_string", "use sentence"},
    {"normalize_whitespace", "use squish"}, {"to_json", "use json"},
    {"from_json", "send the value as JSON, not as text"},
    /* L */
    {"where_exp", "use where, or {% if %} in a loop"},
    {"find_exp", "use find, or {% if %} in a loop"}, {"push", "use concat"},
    {"date_to_string", "use date"},
    /* S */
    {"money", "use currency: \"EUR\""},
    {"money_with_currency", "use currency: \"EUR\""},
    {"img_url", "write the URL"}, {"asset_url", "write the URL"},
    {"t", "write one file a language: welcome.de.md"},
    {"translate", "write one file a language: welcome.de.md"}, {NULL, NULL}};

static const struct hint name_hints[] = {
    /* B */
    {"custom_attribute", "write {{ user.name_of_the_trait }}"},
    {"event_properties", "write {{ event.name_of_the_property }}"},
    {"canvas_entry_properties", "write {{ event.name_of_the_property }}"},
    {"api_trigger_properties", "write {{ data.name }}"},
    {"content_blocks", "write {% render \"name\" %}"},
    /* C */
    {"customer", "the person is `user`: write {{ user.name_of_the_trait }}"},
    {"snippets", "write {% render \"name\" %}"},
    {"trigger", "write {{ event.name }}, or {{ data.name }} of a send"},
    {"journey", "write {{ entry.day }}, {{ event.name }}"}, {NULL, NULL}};

/* Signs at the beginning of what cannot be read. */
static const struct hint sign_hints[] = {{"“", "write \" or ' around a string"},
    {"”", "write \" or ' around a string"},
    {"„", "write \" or ' around a string"},
    {"‘", "write \" or ' around a string"},
    {"’", "write \" or ' around a string"}, {"&&", "write `and`"},
    {"||", "write `or`"}, {"!", "write {% unless %}, or `== false`"},
    {NULL, NULL}};

static const char *
find(const struct hint *list, struct span word)
{
	for (; list->word != NULL; list++)
		if (strlen(list->word) == word.len &&
		    memcmp(list->word, word.text, word.len) == 0)
			return list->text;
	return NULL;
}

const char *
hint_for_tag(struct span name)
{
	return find(tag_hints, name);
}

const char *
hint_for_filter(struct span name)
{
	return find(filter_hints, name);
}

const char *
hint_for_name(struct span root)
{
	return find(name_hints, root);
}

const char *
hint_for_sign(const char *text, const char *end)
{
	const struct hint *h = sign_hints;

	for (; h->word != NULL; h++)
		if ((size_t)(end - text) >= strlen(h->word) &&
		    memcmp(text, h->word, strlen(h->word)) == 0)
			break;
	return h->text;
}
