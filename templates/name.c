/* SPDX-License-Identifier: MIT */
/*
 * Names that users gave, before they are shown to somebody whose address nobody
 * has confirmed: a name that a mail client would turn into a link is none.
 */
#include <string.h>
#include <strings.h>

#include "templates/liquid/value.h"
#include "templates/name.h"

#define NAME_MAX_CHARS 64
#define TITLE_MAX      2 /* bytes: Dr, St */

static bool
is_letter(char c)
{
	return ((c | 32) >= 'a' && (c | 32) <= 'z') || (c & 0x80) != 0;
}

static bool
is_host_char(char c)
{
	return is_letter(c) || (c >= '0' && c <= '9') || c == '-';
}

/*
 * Would a mail client take this word for a top-level domain? All of two and
 * three letters may be one, and of another script; of the longer ones these are
 * those that anybody can register.
 */
static bool
is_domain(const char *word, size_t len)
{
	static const char *const known[] = {"academy", "accountant", "adult",
	    "agency", "associates", "autos", "bank", "beauty", "best", "bingo",
	    "blog", "boats", "bond", "business", "buzz", "cafe", "camp",
	    "capital", "care", "cars", "casa", "cash", "casino", "center",
	    "chat", "christmas", "church", "city", "click", "clinic", "cloud",
	    "club", "coach", "codes", "coffee", "community", "company",
	    "computer", "consulting", "coupons", "credit", "cricket", "cyou",
	    "date", "dating", "deals", "delivery", "dental", "design",
	    "digital", "direct", "directory", "discount", "download", "earth",
	    "education", "email", "energy", "estate", "events", "example",
	    "exchange", "expert", "express", "faith", "family", "fans", "farm",
	    "fashion", "finance", "financial", "fish", "fitness", "football",
	    "forex", "forsale", "foundation", "fund", "gallery", "game",
	    "games", "garden", "gifts", "global", "gold", "graphics", "group",
	    "guide", "guitars", "guru", "hair", "health", "help", "hockey",
	    "holiday", "home", "homes", "host", "hosting", "house", "immo",
	    "industries", "info", "institute", "insurance", "international",
	    "invest", "investments", "jewelry", "jobs", "kitchen", "land",
	    "lawyer", "lease", "legal", "life", "lighting", "limited", "limo",
	    "link", "live", "loan", "loans", "love", "ltda", "makeup",
	    "management", "market", "marketing", "media", "memorial", "mobi",
	    "moda", "money", "monster", "mortgage", "motorcycles", "movie",
	    "museum", "name", "network", "news", "online", "partners", "parts",
	    "party", "pharmacy", "phone", "photo", "photography", "photos",
	    "pics", "pictures", "pink", "pizza", "place", "plus", "poker",
	    "porn", "press", "productions", "promo", "properties", "property",
	    "quest", "racing", "realty", "recipes", "rent", "rentals", "repair",
	    "report", "republican", "rest", "restaurant", "rich", "review",
	    "reviews", "rocks", "sale", "salon", "school", "science",
	    "security", "services", "sexy", "shoes", "shop", "shopping", "show",
	    "singles", "site", "skin", "social", "software", "solar",
	    "solutions", "space", "sport", "stock", "store", "stream", "studio",
	    "style", "supply", "support", "surf", "surgery", "systems",
	    "tattoo", "tech", "technology", "tennis", "tips", "tires", "today",
	    "tools", "tours", "town", "toys", "trade", "trading", "training",
	    "travel", "university", "vacations", "ventures", "video", "villas",
	    "vision", "vodka", "vote", "voyage", "watch", "webcam", "website",
	    "wedding", "wiki", "wine", "work", "works", "world", "yachts",
	    "yoga", "zone"};

	if ((len >= 4 && strncasecmp(word, "xn--", 4) == 0) ||
	    (len > 0 && (word[0] & 0x80) != 0))
		return true;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (len == strlen(known[i]) &&
		    strncasecmp(word, known[i], len) == 0)
			return true;
	return len == 2 || len == 3;
}

/*
 * Behind an initial or a title (J.Smith, Dr.Strange, St.John) most words are
 * names; behind more than that they are taken for a domain, whatever they are:
 * new ones are added every year.
 */
static bool
is_host_dot(const char *s, size_t at, size_t len)
{
	size_t begin = at, end = at + 1;

	while (begin > 0 && is_host_char(s[begin - 1]))
		begin--;
	while (end < len && is_host_char(s[end]))
		end++;
	if (begin == at)
		return false;
	return is_domain(s + at + 1, end - at - 1) ||
	       (at - begin > TITLE_MAX && end - at > 2);
}

/* A dot of another script that browsers read as one (UTS 46). */
static bool
is_foreign_dot(const char *s, size_t len)
{
	return len >= 3 && (memcmp(s, "\xe3\x80\x82", 3) == 0 ||
			       memcmp(s, "\xef\xbc\x8e", 3) == 0 ||
			       memcmp(s, "\xef\xbd\xa1", 3) == 0);
}

/* Is what stands at s[at] part of a link, or of markup? */
static bool
makes_a_link(const char *s, size_t at, size_t len)
{
	switch (s[at]) {
	case '<':
	case '>':
	case '@':
		return true;
	case ':':
		return len - at >= 3 && memcmp(s + at, "://", 3) == 0;
	case '.':
		return is_host_dot(s, at, len) ||
		       (at >= 3 && at + 1 < len &&
			   strncasecmp(s + at - 3, "www", 3) == 0);
	default:
		return (unsigned char)s[at] < ' ' || s[at] == 0x7f ||
		       is_foreign_dot(s + at, len - at);
	}
}

bool
name_is_plain(const char *s, size_t len)
{
	if (utf8_count(s, len) > NAME_MAX_CHARS)
		return false;
	for (size_t i = 0; i < len; i++)
		if (makes_a_link(s, i, len))
			return false;
	return true;
}

static bool
is_among(const char *word, const char *const *list)
{
	for (; *list != NULL; list++)
		if (*word == **list && strcmp(word, *list) == 0)
			return true;
	return false;
}

bool
name_is_given(const char *root, size_t root_len, const char *last, size_t len)
{
	static const char *const always[] = {"firstname", "lastname",
	    "middlename", "fullname", "givenname", "familyname", "nickname",
	    "displayname", "username", "companyname", "teamname",
	    "organizationname", NULL};
	static const char *const ours[] = {
	    "name", "company", "team", "organization", "organisation", NULL};
	char word[20];
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		if (strchr("_- ", last[i]) != NULL)
			continue;
		if (n + 1 == sizeof word)
			return false;
		word[n++] = last[i] >= 'A' && last[i] <= 'Z'
				? (char)(last[i] | 32)
				: last[i];
	}
	word[n] = '\0';
	if (is_among(word, always))
		return true;
	return ((root_len == 4 && memcmp(root, "user", 4) == 0) ||
		   (root_len == 7 && memcmp(root, "account", 7) == 0)) &&
	       is_among(word, ours);
}
