/* SPDX-License-Identifier: MIT */
/*
 * The table of filters, by name: function, least and most arguments, keyword.
 */
#include <stdlib.h>
#include <string.h>

#include "templates/liquid/filters.h"
#include "templates/liquid/parse.h"

static const struct filter filters[] = {
    {"abs", filter_abs, 0, 0, NULL},
    {"add_time", filter_add_time, 2, 2, NULL},
    {"append", filter_append, 1, 1, NULL},
    {"at_least", filter_at_least, 1, 1, NULL},
    {"at_most", filter_at_most, 1, 1, NULL},
    {"base64_decode", filter_base64_decode, 0, 0, NULL},
    {"base64_encode", filter_base64_encode, 0, 0, NULL},
    {"base64_url_safe_decode", filter_base64_url_decode, 0, 0, NULL},
    {"base64_url_safe_encode", filter_base64_url_encode, 0, 0, NULL},
    {"capitalize", filter_capitalize, 0, 0, NULL},
    {"ceil", filter_ceil, 0, 0, NULL},
    {"compact", filter_compact, 0, 1, NULL},
    {"concat", filter_concat, 1, 1, NULL},
    {"date", filter_date, 1, 2, NULL},
    {"default", filter_default, 0, 1, "allow_false"},
    {"divided_by", filter_divided_by, 1, 1, NULL},
    {"downcase", filter_downcase, 0, 0, NULL},
    {"escape", filter_escape, 0, 0, NULL},
    {"escape_once", filter_escape_once, 0, 0, NULL},
    {"find", filter_find, 1, 2, NULL},
    {"find_index", filter_find_index, 1, 2, NULL},
    {"first", filter_first, 0, 0, NULL},
    {"floor", filter_floor, 0, 0, NULL},
    {"h", filter_escape, 0, 0, NULL},
    {"has", filter_has, 1, 2, NULL},
    {"join", filter_join, 0, 1, NULL},
    {"json", filter_json, 0, 0, NULL},
    {"last", filter_last, 0, 0, NULL},
    {"lstrip", filter_lstrip, 0, 0, NULL},
    {"map", filter_map, 1, 1, NULL},
    {"minus", filter_minus, 1, 1, NULL},
    {"modulo", filter_modulo, 1, 1, NULL},
    {"newline_to_br", filter_newline_to_br, 0, 0, NULL},
    {"plain_name", filter_plain_name, 0, 0, NULL},
    {"pluralize", filter_pluralize, 1, 2, NULL},
    {"plus", filter_plus, 1, 1, NULL},
    {"prepend", filter_prepend, 1, 1, NULL},
    {"raw", filter_raw, 0, 0, NULL},
    {"reject", filter_reject, 1, 2, NULL},
    {"remove", filter_remove, 1, 1, NULL},
    {"remove_first", filter_remove_first, 1, 1, NULL},
    {"remove_last", filter_remove_last, 1, 1, NULL},
    {"replace", filter_replace, 1, 2, NULL},
    {"replace_first", filter_replace_first, 1, 2, NULL},
    {"replace_last", filter_replace_last, 2, 2, NULL},
    {"reverse", filter_reverse, 0, 0, NULL},
    {"round", filter_round, 0, 1, NULL},
    {"rstrip", filter_rstrip, 0, 0, NULL},
    {"sentence", filter_sentence, 0, 1, NULL},
    {"size", filter_size, 0, 0, NULL},
    {"slice", filter_slice, 1, 2, NULL},
    {"sort", filter_sort, 0, 1, NULL},
    {"sort_natural", filter_sort_natural, 0, 1, NULL},
    {"split", filter_split, 1, 1, NULL},
    {"squish", filter_squish, 0, 0, NULL},
    {"strip", filter_strip, 0, 0, NULL},
    {"strip_html", filter_strip_html, 0, 0, NULL},
    {"strip_newlines", filter_strip_newlines, 0, 0, NULL},
    {"sum", filter_sum, 0, 1, NULL},
    {"time_zone", filter_time_zone, 1, 1, NULL},
    {"times", filter_times, 1, 1, NULL},
    {"timezone", filter_time_zone, 1, 1, NULL},
    {"titlecase", filter_titlecase, 0, 0, NULL},
    {"truncate", filter_truncate, 0, 2, NULL},
    {"truncatewords", filter_truncatewords, 0, 2, NULL},
    {"uniq", filter_uniq, 0, 1, NULL},
    {"upcase", filter_upcase, 0, 0, NULL},
    {"url_decode", filter_url_decode, 0, 0, NULL},
    {"url_encode", filter_url_encode, 0, 0, NULL},
    {"url_param_escape", filter_url_param_escape, 0, 0, NULL},
    {"where", filter_where, 1, 2, NULL},
};

#define N_FILTERS (sizeof filters / sizeof *filters)

static int
by_name(const void *key, const void *filter)
{
	const struct span *name = key;
	const char *known = ((const struct filter *)filter)->name;
	int order = strncmp(name->text, known, name->len);

	return order != 0 ? order : known[name->len] == '\0' ? 0 : -1;
}

const struct filter *
filter_named(struct span name)
{
	return bsearch(&name, filters, N_FILTERS, sizeof *filters, by_name);
}

const char *
filter_suggest(const char *word)
{
	const char *names[N_FILTERS + 1];

	for (size_t i = 0; i < N_FILTERS; i++)
		names[i] = filters[i].name;
	names[N_FILTERS] = NULL;
	return suggest(word, names);
}

struct value
filter_text(struct render *r, struct value v)
{
	v = render_text(r, v);
	v.flags = 0;
	return v;
}

int64_t
filter_integer(struct render *r, struct value v, const char *what)
{
	int64_t n;

	if (value_integer(v, &n) != 0)
		render_fail(r, "%s must be a whole number", what);
	return n;
}

struct value
filter_default(
    struct render *r, struct value v, const struct value *args, int n)
{
	bool keep_false = n > 1 && value_truth(args[1]);
	bool replace = keep_false ? v.type == VALUE_NIL : !value_truth(v);

	if (!replace && !value_is_empty(v))
		return v;
	return n > 0 ? args[0] : value_text("", 0);
}
