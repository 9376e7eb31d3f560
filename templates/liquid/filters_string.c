/* SPDX-License-Identifier: MIT */
/*
 * Filters on text. Lengths and positions count characters, not bytes. Where
 * texts are joined, each part stays as safe or unsafe as it was.
 */
#include <string.h>

#include "templates/liquid/filters.h"
#include "templates/name.h"
#include "templates/utf8.h"

/* a, b, c in a row. */
static struct value
joined(struct render *r, struct value a, struct value b)
{
	struct gather g;

	a = render_text(r, a);
	b = render_text(r, b);
	pieces_begin(r, &g);
	escape_print(r, a, PLACE_TEXT);
	escape_print(r, b, PLACE_TEXT);
	return pieces_end(r, false);
}

struct value
filter_append(struct render *r, struct value v, const struct value *args, int n)
{
	return joined(r, v, args[0]);
}

struct value
filter_prepend(
    struct render *r, struct value v, const struct value *args, int n)
{
	return joined(r, args[0], v);
}

/* ------------------------------------------------------------------- case */

static void
write_case(struct render *r, const char *s, size_t len, bool upper)
{
	for (const char *end = s + len; s < end;) {
		char other[UTF8_CASE_MAX];
		size_t used, n = utf8_case(s, end, upper, other, &used);

		render_write(r, other, n);
		s += used;
	}
}

struct value
filter_upcase(struct render *r, struct value v, const struct value *args, int n)
{
	size_t mark;

	v = filter_text(r, v);
	mark = render_mark(r);
	write_case(r, v.text, v.len, true);
	return render_take(r, mark);
}

struct value
filter_downcase(
    struct render *r, struct value v, const struct value *args, int n)
{
	size_t mark;

	v = filter_text(r, v);
	mark = render_mark(r);
	write_case(r, v.text, v.len, false);
	return render_take(r, mark);
}

struct value
filter_capitalize(
    struct render *r, struct value v, const struct value *args, int n)
{
	size_t mark, first;

	v = filter_text(r, v);
	mark = render_mark(r);
	first = utf8_next(v.text, v.len);
	write_case(r, v.text, first, true);
	write_case(r, v.text + first, v.len - first, false);
	return render_take(r, mark);
}

struct value
filter_titlecase(
    struct render *r, struct value v, const struct value *args, int n)
{
	bool begins = true;
	size_t mark, len;

	v = filter_text(r, v);
	mark = render_mark(r);
	for (size_t i = 0; i < v.len; i += len) {
		len = utf8_next(v.text + i, v.len - i);
		write_case(r, v.text + i, len, begins);
		begins = is_space(v.text[i]) || v.text[i] == '-';
	}
	return render_take(r, mark);
}

/* ------------------------------------------------------------- white space */

static struct value
stripped(struct render *r, struct value v, bool left, bool right)
{
	size_t from = 0, to;
	struct gather g;

	v = render_text(r, v);
	to = v.len;
	while (left && from < to && is_space(v.text[from]))
		from++;
	while (right && to > from &&
	       (is_space(v.text[to - 1]) || v.text[to - 1] == '\0'))
		to--;
	pieces_begin(r, &g);
	pieces_print_range(r, v, from, to);
	return pieces_end(r, false);
}

struct value
filter_strip(struct render *r, struct value v, const struct value *args, int n)
{
	return stripped(r, v, true, true);
}

struct value
filter_lstrip(struct render *r, struct value v, const struct value *args, int n)
{
	return stripped(r, v, true, false);
}

struct value
filter_rstrip(struct render *r, struct value v, const struct value *args, int n)
{
	return stripped(r, v, false, true);
}

struct value
filter_squish(struct render *r, struct value v, const struct value *args, int n)
{
	size_t mark;

	v = stripped(r, v, true, true);
	mark = render_mark(r);
	for (uint32_t i = 0; i < v.len; i++)
		if (!is_space(v.text[i]))
			render_write(r, v.text + i, 1);
		else if (!is_space(v.text[i - 1]))
			render_write(r, " ", 1);
	return render_take(r, mark);
}

struct value
filter_strip_newlines(
    struct render *r, struct value v, const struct value *args, int n)
{
	size_t mark;

	v = filter_text(r, v);
	mark = render_mark(r);
	for (uint32_t i = 0; i < v.len; i++)
		if (v.text[i] != '\n' && v.text[i] != '\r')
			render_write(r, v.text + i, 1);
	return render_take(r, mark);
}

/* ------------------------------------------------------------------ cutting */

struct value
filter_truncate(
    struct render *r, struct value v, const struct value *args, int n)
{
	struct value end = value_text("...", 3);
	int64_t length = 50, keep;

	if (v.type == VALUE_NIL)
		return v;
	if (n > 0)
		length =
		    filter_integer(r, args[0], "the length to truncate to");
	if (n > 1)
		end = filter_text(r, args[1]);
	v = filter_text(r, v);
	if ((int64_t)utf8_count(v.text, v.len) <= length)
		return v;
	keep = length - (int64_t)utf8_count(end.text, end.len);
	v.len =
	    (uint32_t)utf8_prefix(v.text, v.len, keep > 0 ? (size_t)keep : 0);
	return joined(r, v, end);
}

/* The next word from *at on; len 0 at the end. */
static struct value
next_word(struct value v, uint32_t *at)
{
	uint32_t from;

	while (*at < v.len && is_space(v.text[*at]))
		++*at;
	from = *at;
	while (*at < v.len && !is_space(v.text[*at]))
		++*at;
	return value_text(v.text + from, *at - from);
}

struct value
filter_truncatewords(
    struct render *r, struct value v, const struct value *args, int n)
{
	struct value end = value_text("...", 3), word;
	int64_t words = 15;
	uint32_t at = 0;
	size_t mark;

	if (v.type == VALUE_NIL)
		return v;
	if (n > 0)
		words = filter_integer(r, args[0], "the number of words");
	if (n > 1)
		end = filter_text(r, args[1]);
	v = filter_text(r, v);
	if (words <= 0)
		words = 1;
	mark = render_mark(r);
	for (int64_t i = 0; i < words; i++) {
		word = next_word(v, &at);
		if (word.len == 0)
			break;
		if (i > 0)
			render_write(r, " ", 1);
		render_write(r, word.text, word.len);
	}
	if (at == v.len) { /* white space at the end counts, as in Ruby */
		buf_truncate(r->out, mark);
		return v;
	}
	render_write(r, end.text, end.len);
	return render_take(r, mark);
}

struct value
filter_slice(struct render *r, struct value v, const struct value *args, int n)
{
	int64_t from = filter_integer(r, args[0], "the start of a slice");
	int64_t length =
	    n > 1 && value_truth(args[1])
		? filter_integer(r, args[1], "the length of a slice")
		: 1;
	bool is_array = value_is_array(v) && v.type != VALUE_RANGE;
	int64_t size;
	struct value *items;
	size_t start;

	if (!is_array)
		v = filter_text(r, v);
	size = is_array ? (int64_t)value_count(v)
			: (int64_t)utf8_count(v.text, v.len);
	if (from < 0)
		from += size;
	if (from < 0 || from > size || length < 0)
		from = length = 0;
	if (length > size - from)
		length = size - from;
	if (!is_array) {
		start = utf8_prefix(v.text, v.len, (size_t)from);
		return value_text(v.text + start,
		    utf8_prefix(v.text + start, v.len - start, (size_t)length));
	}
	if (length > RENDER_RANGE_MAX)
		render_fail(
		    r, "the slice is longer than %d items", RENDER_RANGE_MAX);
	items = render_alloc(r, (size_t)length * sizeof *items);
	for (int64_t i = 0; i < length; i++)
		items[i] = value_at(v, (size_t)(from + i));
	return (struct value){
	    .type = VALUE_ARRAY, .len = (uint32_t)length, .items = items};
}

/*
 * The next piece from *at on, and *at behind the separator. "" separates
 * characters, " " words.
 */
static struct value
next_piece(struct value v, struct value by, uint32_t *at)
{
	const char *from = v.text + *at, *end;
	size_t left = v.len - *at;

	if (value_is(by, " "))
		return next_word(v, at);
	if (by.len == 0) {
		*at += (uint32_t)utf8_next(from, left);
		return value_text(from, *at - (size_t)(from - v.text));
	}
	end = memmem(from, left, by.text, by.len);
	if (end == NULL) {
		*at = v.len;
		return value_text(from, left);
	}
	*at = (uint32_t)(end - v.text) + by.len;
	return value_text(from, (size_t)(end - from));
}

struct value
filter_split(struct render *r, struct value v, const struct value *args, int n)
{
	struct value by = filter_text(r, args[0]), *items;
	uint32_t at = 0, count = 0, used = 0;

	v = filter_text(r, v);
	while (at < v.len) {
		next_piece(v, by, &at);
		count++;
	}
	render_step(r, v.len + count * 16);
	items = render_alloc(r, count * sizeof *items);
	at = 0;
	for (uint32_t i = 0; i < count; i++) {
		items[i] = next_piece(v, by, &at);
		if (items[i].len > 0)
			used = i + 1; /* empty ones at the end are dropped */
	}
	return (struct value){.type = VALUE_ARRAY, .len = used, .items = items};
}

/* ---------------------------------------------------------------- replacing */

enum which { ALL, FIRST, LAST };

static const char *
find_last(struct value v, struct value what)
{
	const char *found = NULL, *at = v.text, *end = v.text + v.len;

	if (what.len == 0)
		return end;
	while (
	    (at = memmem(at, (size_t)(end - at), what.text, what.len)) != NULL)
		found = at++;
	return found;
}

static void
print_replaced(struct render *r, struct value v, struct value what,
    struct value by, enum which which)
{
	const char *run = v.text, *end = v.text + v.len, *at;

	at = which == LAST ? find_last(v, what)
			   : memmem(run, v.len, what.text, what.len);
	while (at != NULL) {
		pieces_print_range(
		    r, v, (size_t)(run - v.text), (size_t)(at - v.text));
		escape_print(r, by, PLACE_TEXT);
		run = at + what.len;
		if (which != ALL)
			break;
		if (what.len == 0) { /* between all characters */
			at = run;
			run += utf8_next(run, (size_t)(end - run));
			pieces_print_range(r, v, (size_t)(at - v.text),
			    (size_t)(run - v.text));
			if (at == run)
				break;
		}
		at = memmem(run, (size_t)(end - run), what.text, what.len);
	}
	pieces_print_range(r, v, (size_t)(run - v.text), v.len);
}

static struct value
replaced(struct render *r, struct value v, struct value what, struct value by,
    enum which which)
{
	size_t mark = render_mark(r);
	struct gather g;

	v = render_text(r, v);
	what = render_text(r, what);
	by = render_text(r, by);
	pieces_begin(r, &g);
	print_replaced(r, v, what, by, which);
	render_step(r, render_mark(r) - mark);
	return pieces_end(r, false);
}

struct value
filter_replace(
    struct render *r, struct value v, const struct value *args, int n)
{
	return replaced(r, v, args[0], n > 1 ? args[1] : value_nil(), ALL);
}

struct value
filter_replace_first(
    struct render *r, struct value v, const struct value *args, int n)
{
	return replaced(r, v, args[0], n > 1 ? args[1] : value_nil(), FIRST);
}

struct value
filter_replace_last(
    struct render *r, struct value v, const struct value *args, int n)
{
	return replaced(r, v, args[0], args[1], LAST);
}

struct value
filter_remove(struct render *r, struct value v, const struct value *args, int n)
{
	return replaced(r, v, args[0], value_nil(), ALL);
}

struct value
filter_remove_first(
    struct render *r, struct value v, const struct value *args, int n)
{
	return replaced(r, v, args[0], value_nil(), FIRST);
}

struct value
filter_remove_last(
    struct render *r, struct value v, const struct value *args, int n)
{
	return replaced(r, v, args[0], value_nil(), LAST);
}

/* ------------------------------------------------------------------- others */

/* 3 | pluralize: "item", "items" gives "3 items" */
struct value
filter_pluralize(
    struct render *r, struct value v, const struct value *args, int n)
{
	struct value one = filter_text(r, args[0]);
	bool is_one = value_compare(number_of(v), value_int(1)) == 0;
	size_t mark = render_mark(r);

	render_print(r, v);
	render_write(r, " ", 1);
	if (is_one || n == 1)
		render_write(r, one.text, one.len);
	else
		render_print(r, args[1]);
	if (!is_one && n == 1)
		render_write(r, "s", 1);
	return render_take(r, mark);
}

/* One line, with one space at a time: as nearly all names are. */
static bool
is_squished(struct value v)
{
	bool after_space = true;

	for (uint32_t i = 0; i < v.len; i++) {
		bool space = is_space(v.text[i]);

		if (space && (after_space || v.text[i] != ' '))
			return false;
		after_space = space;
	}
	return v.len > 0 && !after_space;
}

struct value
render_name(struct render *r, struct value v)
{
	if (!is_squished(v))
		v = filter_squish(r, v, NULL, 0);
	return v.len > 0 && name_is_plain(v.text, v.len) ? v
							 : value_undefined();
}

struct value
filter_plain_name(
    struct render *r, struct value v, const struct value *args, int n)
{
	return render_name(r, filter_text(r, v));
}
