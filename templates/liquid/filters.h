/* SPDX-License-Identifier: MIT */
#ifndef TEMPLATES_LIQUID_FILTERS_H
#define TEMPLATES_LIQUID_FILTERS_H

#include "templates/liquid/number.h"
#include "templates/liquid/render.h"

/*
 * filters - each takes the value before it and its arguments (filter_fn). A
 * result is unsafe (to be escaped) unless the filter says otherwise.
 */
filter_fn filter_append, filter_prepend, filter_capitalize, filter_downcase,
    filter_upcase, filter_titlecase, filter_strip, filter_lstrip, filter_rstrip,
    filter_squish, filter_strip_newlines, filter_truncate, filter_truncatewords,
    filter_split, filter_slice, filter_remove, filter_remove_first,
    filter_remove_last, filter_replace, filter_replace_first,
    filter_replace_last, filter_pluralize, filter_plain_name;
filter_fn filter_escape, filter_escape_once, filter_newline_to_br,
    filter_strip_html, filter_raw, filter_json, filter_url_encode,
    filter_url_decode, filter_url_param_escape, filter_base64_encode,
    filter_base64_decode, filter_base64_url_encode, filter_base64_url_decode,
    filter_markdown, filter_md5, filter_sha256, filter_hmac_sha256;
filter_fn filter_abs, filter_at_least, filter_at_most, filter_ceil,
    filter_floor, filter_round, filter_plus, filter_minus, filter_times,
    filter_divided_by, filter_modulo, filter_number, filter_currency;
filter_fn filter_compact, filter_concat, filter_find, filter_find_index,
    filter_first, filter_group_by, filter_has, filter_join, filter_last,
    filter_map, filter_reject, filter_reverse, filter_sentence, filter_size,
    filter_sort, filter_sort_natural, filter_sum, filter_uniq, filter_where;
filter_fn filter_date, filter_time_zone, filter_add_time, filter_default;

/* As text without any mark of safety. */
struct value filter_text(struct render *, struct value);
/* A whole number, or an error naming the filter's argument. */
int64_t filter_integer(struct render *, struct value, const char *what);

#endif
