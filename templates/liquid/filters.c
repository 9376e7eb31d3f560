/* SPDX-License-Identifier: MIT */
/*
 * The table of filters, by name: function, least and most arguments, keyword,
 * and what is special.
 */
#include <stdlib.h>
#include <string.h>

#include "templates/liquid/filters.h"
#include "templates/liquid/parse.h"

static const struct filter filters[] = {
    {"abs", filter_abs, .max = 0},
    {"add_day", filter_add_time, .min = 1, .max = 1, .with = "day"},
    {"add_days", filter_add_time, .min = 1, .max = 1, .with = "day"},
    {"add_hour", filter_add_time, .min = 1, .max = 1, .with = "hour"},
    {"add_hours", filter_add_time, .min = 1, .max = 1, .with = "hour"},
    {"add_minute", filter_add_time, .min = 1, .max = 1, .with = "minute"},
    {"add_minutes", filter_add_time, .min = 1, .max = 1, .with = "minute"},
    {"add_month", filter_add_time, .min = 1, .max = 1, .with = "month"},
    {"add_months", filter_add_time, .min = 1, .max = 1, .with = "month"},
    {"add_second", filter_add_time, .min = 1, .max = 1, .with = "second"},
    {"add_seconds", filter_add_time, .min = 1, .max = 1, .with = "second"},
    {"add_time", filter_add_time, .min = 2, .max = 2},
    {"add_week", filter_add_time, .min = 1, .max = 1, .with = "week"},
    {"add_weeks", filter_add_time, .min = 1, .max = 1, .with = "week"},
    {"add_year", filter_add_time, .min = 1, .max = 1, .with = "year"},
    {"add_years", filter_add_time, .min = 1, .max = 1, .with = "year"},
    {"append", filter_append, .min = 1, .max = 1},
    {"at_least", filter_at_least, .min = 1, .max = 1},
    {"at_most", filter_at_most, .min = 1, .max = 1},
    {"base64_decode", filter_base64_decode, .max = 0},
    {"base64_encode", filter_base64_encode, .max = 0},
    {"base64_url_safe_decode", filter_base64_url_decode, .max = 0},
    {"base64_url_safe_encode", filter_base64_url_encode, .max = 0},
    {"capitalize", filter_capitalize, .max = 0},
    {"ceil", filter_ceil, .max = 0},
    {"compact", filter_compact, .max = 1},
    {"concat", filter_concat, .min = 1, .max = 1},
    {"currency", filter_currency, .min = 1, .max = 2, .is_local = true},
    {"date", filter_date, .min = 1, .max = 2, .keyword = "locale",
	.is_local = true},
    {"default", filter_default, .max = 1, .keyword = "allow_false"},
    {"divided_by", filter_divided_by, .min = 1, .max = 1},
    {"downcase", filter_downcase, .max = 0},
    {"escape", filter_escape, .max = 0},
    {"escape_once", filter_escape_once, .max = 0},
    {"find", filter_find, .min = 1, .max = 2},
    {"find_index", filter_find_index, .min = 1, .max = 2},
    {"first", filter_first, .max = 0},
    {"floor", filter_floor, .max = 0},
    {"group_by", filter_group_by, .min = 1, .max = 1},
    {"h", filter_escape, .max = 0},
    {"has", filter_has, .min = 1, .max = 2},
    {"hmac_sha256", filter_hmac_sha256, .min = 1, .max = 1, .takes_key = true},
    {"join", filter_join, .max = 1},
    {"json", filter_json, .max = 0},
    {"last", filter_last, .max = 0},
    {"lstrip", filter_lstrip, .max = 0},
    {"map", filter_map, .min = 1, .max = 1},
    {"markdown", filter_markdown, .max = 0},
    {"md5", filter_md5, .max = 0},
    {"minus", filter_minus, .min = 1, .max = 1},
    {"modulo", filter_modulo, .min = 1, .max = 1},
    {"newline_to_br", filter_newline_to_br, .max = 0},
    {"number", filter_number, .max = 1, .is_local = true},
    {"plain_name", filter_plain_name, .max = 0},
    {"pluralize", filter_pluralize, .min = 1, .max = 2},
    {"plus", filter_plus, .min = 1, .max = 1},
    {"prepend", filter_prepend, .min = 1, .max = 1},
    {"raw", filter_raw, .max = 0, .is_raw = true},
    {"reject", filter_reject, .min = 1, .max = 2},
    {"remove", filter_remove, .min = 1, .max = 1},
    {"remove_first", filter_remove_first, .min = 1, .max = 1},
    {"remove_last", filter_remove_last, .min = 1, .max = 1},
    {"replace", filter_replace, .min = 1, .max = 2},
    {"replace_first", filter_replace_first, .min = 1, .max = 2},
    {"replace_last", filter_replace_last, .min = 2, .max = 2},
    {"reverse", filter_reverse, .max = 0},
    {"round", filter_round, .max = 1},
    {"rstrip", filter_rstrip, .max = 0},
    {"sentence", filter_sentence, .max = 1, .is_local = true},
    {"sha256", filter_sha256, .max = 0},
    {"size", filter_size, .max = 0},
    {"slice", filter_slice, .min = 1, .max = 2},
    {"sort", filter_sort, .max = 1},
    {"sort_natural", filter_sort_natural, .max = 1},
    {"split", filter_split, .min = 1, .max = 1},
    {"squish", filter_squish, .max = 0},
    {"strip", filter_strip, .max = 0},
    {"strip_html", filter_strip_html, .max = 0},
    {"strip_newlines", filter_strip_newlines, .max = 0},
    {"subtract_day", filter_add_time, .min = 1, .max = 1, .with = "-day"},
    {"subtract_days", filter_add_time, .min = 1, .max = 1, .with = "-day"},
    {"subtract_hour", filter_add_time, .min = 1, .max = 1, .with = "-hour"},
    {"subtract_hours", filter_add_time, .min = 1, .max = 1, .with = "-hour"},
    {"subtract_minute", filter_add_time, .min = 1, .max = 1, .with = "-minute"},
    {"subtract_minutes", filter_add_time, .min = 1, .max = 1,
	.with = "-minute"},
    {"subtract_month", filter_add_time, .min = 1, .max = 1, .with = "-month"},
    {"subtract_months", filter_add_time, .min = 1, .max = 1, .with = "-month"},
    {"subtract_second", filter_add_time, .min = 1, .max = 1, .with = "-second"},
    {"subtract_seconds", filter_add_time, .min = 1, .max = 1,
	.with = "-second"},
    {"subtract_week", filter_add_time, .min = 1, .max = 1, .with = "-week"},
    {"subtract_weeks", filter_add_time, .min = 1, .max = 1, .with = "-week"},
    {"subtract_year", filter_add_time, .min = 1, .max = 1, .with = "-year"},
    {"subtract_years", filter_add_time, .min = 1, .max = 1, .with = "-year"},
    {"sum", filter_sum, .max = 1},
    {"time_zone", filter_time_zone, .min = 1, .max = 1},
    {"times", filter_times, .min = 1, .max = 1},
    {"timezone", filter_time_zone, .min = 1, .max = 1},
    {"titlecase", filter_titlecase, .max = 0},
    {"truncate", filter_truncate, .max = 2},
    {"truncatewords", filter_truncatewords, .max = 2},
    {"uniq", filter_uniq, .max = 1},
    {"upcase", filter_upcase, .max = 0},
    {"url_decode", filter_url_decode, .max = 0},
    {"url_encode", filter_url_encode, .max = 0},
    {"url_param_escape", filter_url_param_escape, .max = 0},
    {"where", filter_where, .min = 1, .max = 2},
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
filter_name(size_t i)
{
	return i < N_FILTERS ? filters[i].name : NULL;
}

const char *
filter_suggest(const char *word)
{
	const char *names[N_FILTERS + 1];

	for (size_t i = 0; i <= N_FILTERS; i++)
		names[i] = filter_name(i);
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
