/* SPDX-License-Identifier: MIT */
/*
 * Filters on arrays. Nested arrays are flattened, a hash is one item, and so is
 * any other value; nil is none.
 */
#include <string.h>
#include <strings.h>

#include "templates/liquid/filters.h"

struct list {
	struct value *items;
	size_t n;
};

static size_t
count_flat(struct render *r, struct value v)
{
	size_t n = 0;

	if (v.type == VALUE_RANGE)
		return value_count(v);
	for (size_t i = 0; i < value_count(v); i++) {
		struct value item = value_at(v, i);

		render_step(r, 4);
		if (++r->depth > 200)
			render_fail(r, "an array is nested too deep");
		n += value_is_array(item) && item.type != VALUE_RANGE
			 ? count_flat(r, item)
			 : 1;
		r->depth--;
	}
	return n;
}

static void
add_flat(struct list *list, struct value v)
{
	for (size_t i = 0; i < value_count(v); i++) {
		struct value item = value_at(v, i);

		if (value_is_array(item) && item.type != VALUE_RANGE)
			add_flat(list, item);
		else
			list->items[list->n++] = item;
	}
}

static struct list
list_of(struct render *r, struct value v)
{
	struct list list = {NULL, 0};
	size_t n;

	if (!value_is_array(v)) {
		list.items = render_alloc(r, sizeof v);
		list.items[0] = v;
		list.n = v.type != VALUE_NIL;
		return list;
	}
	n = count_flat(r, v);
	if (v.type == VALUE_RANGE && n > RENDER_RANGE_MAX)
		render_fail(
		    r, "the range has more than %d numbers", RENDER_RANGE_MAX);
	list.items = render_alloc(r, n * sizeof v);
	add_flat(&list, v);
	return list;
}

static struct list
list_new(struct render *r, size_t n)
{
	return (struct list){render_alloc(r, n * sizeof(struct value)), 0};
}

static struct value
list_value(struct list list)
{
	return (struct value){
	    .type = VALUE_ARRAY, .len = (uint32_t)list.n, .items = list.items};
}

_Noreturn static void
no_property(struct render *r, struct value name, const char *of)
{
	name = render_text(r, name);
	render_fail(r, "the property '%.*s' is asked of a %s", (int)name.len,
	    name.text, of);
}

/*
 * item[property] as Ruby has it: of a hash its member, of a text the property
 * if it is part of it. False when the item has no properties at all.
 */
static bool
property(
    struct render *r, struct value item, struct value name, struct value *out)
{
	*out = value_nil();
	if (item.type == VALUE_HASH) {
		if (name.type == VALUE_STRING)
			*out = value_of_json(
			    json_object_getn(item.json, name.text, name.len));
	} else if (item.type == VALUE_GROUP) {
		*out = value_index(item, name);
	} else if (item.type == VALUE_STRING) {
		if (name.type != VALUE_STRING)
			return false;
		render_step(r, item.len);
		if (render_contains(r, item, name))
			*out = name;
	} else if (item.type == VALUE_INT) {
		no_property(r, name, "number");
	} else {
		return false;
	}
	return true;
}

enum wanted { WANTED, UNWANTED, UNKNOWN };

static enum wanted
matches(struct render *r, struct value item, const struct value *args, int n)
{
	struct value found;

	if (!property(r, item, args[0], &found))
		return UNKNOWN;
	if (n > 1 && args[1].type != VALUE_NIL)
		return render_equal(r, found, args[1]) ? WANTED : UNWANTED;
	return value_truth(found) ? WANTED : UNWANTED;
}

/* An item that has no properties makes the whole nil. */
static struct value
selected(struct render *r, struct value v, const struct value *args, int n,
    enum wanted which)
{
	struct list all = list_of(r, v), some = list_new(r, all.n);

	for (size_t i = 0; i < all.n; i++) {
		enum wanted wanted = matches(r, all.items[i], args, n);

		if (wanted == UNKNOWN)
			return value_nil();
		if (wanted == which)
			some.items[some.n++] = all.items[i];
	}
	return list_value(some);
}

struct value
filter_where(struct render *r, struct value v, const struct value *args, int n)
{
	return selected(r, v, args, n, WANTED);
}

struct value
filter_reject(struct render *r, struct value v, const struct value *args, int n)
{
	return selected(r, v, args, n, UNWANTED);
}

/* The first item that matches: its index, -1 for none, -2 for cannot say. */
static long
find(struct render *r, struct list list, const struct value *args, int n)
{
	for (size_t i = 0; i < list.n; i++) {
		enum wanted wanted = matches(r, list.items[i], args, n);

		if (wanted != UNWANTED)
			return wanted == WANTED ? (long)i : -2;
	}
	return -1;
}

struct value
filter_find(struct render *r, struct value v, const struct value *args, int n)
{
	struct list list = list_of(r, v);
	long at = find(r, list, args, n);

	return at >= 0 ? list.items[at] : value_nil();
}

struct value
filter_find_index(
    struct render *r, struct value v, const struct value *args, int n)
{
	long at = find(r, list_of(r, v), args, n);

	return at >= 0 ? value_int(at) : value_nil();
}

struct value
filter_has(struct render *r, struct value v, const struct value *args, int n)
{
	long at = find(r, list_of(r, v), args, n);

	return at == -2 ? value_nil() : value_bool(at >= 0);
}

struct value
filter_map(struct render *r, struct value v, const struct value *args, int n)
{
	struct list list = list_of(r, v);

	for (size_t i = 0; i < list.n; i++) {
		struct value item = list.items[i];

		if (!property(r, item, args[0], &list.items[i]) &&
		    item.type == VALUE_STRING)
			no_property(r, args[0], "text");
	}
	return list_value(list);
}

struct value
filter_compact(
    struct render *r, struct value v, const struct value *args, int n)
{
	struct list all = list_of(r, v), some = list_new(r, all.n);

	for (size_t i = 0; i < all.n; i++) {
		struct value looked_at = all.items[i];

		if (n > 0)
			property(r, all.items[i], args[0], &looked_at);
		if (looked_at.type != VALUE_NIL)
			some.items[some.n++] = all.items[i];
	}
	return list_value(some);
}

/*
 * Where the key stands among those seen so far; if nowhere, it is added. As in
 * Ruby's hashes 1 and 1.0 are two keys.
 */
static size_t
place_of(struct render *r, struct list *seen, struct value key)
{
	size_t i = 0;

	render_step(r, seen->n * (1 + value_bytes(key) / 16));
	while (i < seen->n &&
	       (value_is_whole(seen->items[i]) != value_is_whole(key) ||
		   !render_equal(r, seen->items[i], key)))
		i++;
	if (i == seen->n)
		seen->items[seen->n++] = key;
	return i;
}

struct value
filter_uniq(struct render *r, struct value v, const struct value *args, int n)
{
	struct list all = list_of(r, v), some = list_new(r, all.n);
	struct list seen = list_new(r, all.n);

	for (size_t i = 0; i < all.n; i++) {
		struct value key = all.items[i];

		if (n > 0)
			property(r, all.items[i], args[0], &key);
		if (place_of(r, &seen, key) == some.n)
			some.items[some.n++] = all.items[i];
	}
	return list_value(some);
}

/* Groups in the order of their first items: each has a name and items. */
struct value
filter_group_by(
    struct render *r, struct value v, const struct value *args, int n)
{
	struct list all = list_of(r, v), names = list_new(r, all.n), groups;
	size_t *places = render_alloc(r, all.n * sizeof *places);
	struct list *members;

	for (size_t i = 0; i < all.n; i++) {
		struct value name;

		property(r, all.items[i], args[0], &name);
		places[i] = place_of(r, &names, name);
	}
	members = render_alloc(r, names.n * sizeof *members);
	memset(members, 0, names.n * sizeof *members);
	for (size_t i = 0; i < all.n; i++)
		members[places[i]].n++;
	for (size_t i = 0; i < names.n; i++)
		members[i] = list_new(r, members[i].n);
	for (size_t i = 0; i < all.n; i++) {
		struct list *m = &members[places[i]];

		m->items[m->n++] = all.items[i];
	}
	groups = list_new(r, names.n);
	for (size_t i = 0; i < names.n; i++) {
		struct group *g = render_alloc(r, sizeof *g);

		*g = (struct group){names.items[i], list_value(members[i])};
		groups.items[groups.n++] =
		    (struct value){.type = VALUE_GROUP, .group = g};
	}
	return list_value(groups);
}

struct value
filter_sum(struct render *r, struct value v, const struct value *args, int n)
{
	struct list list = list_of(r, v);
	struct value sum = value_int(0);

	for (size_t i = 0; i < list.n; i++) {
		struct value item = list.items[i];
		const char *wrong;

		if (n > 0)
			property(r, list.items[i], args[0], &item);
		wrong = number_apply('+', sum, item, &sum);
		if (wrong != NULL)
			render_fail(r, "%s", wrong);
	}
	return sum;
}

struct value
filter_concat(struct render *r, struct value v, const struct value *args, int n)
{
	struct list a = list_of(r, v), both;

	if (!value_is_array(args[0]) || args[0].type == VALUE_RANGE)
		render_fail(r, "concat takes an array");
	both = list_new(r, a.n + value_count(args[0]));
	if (a.n > 0)
		memcpy(both.items, a.items, a.n * sizeof *a.items);
	both.n = a.n;
	for (size_t i = 0; i < value_count(args[0]); i++)
		both.items[both.n++] = value_at(args[0], i);
	return list_value(both);
}

struct value
filter_reverse(
    struct render *r, struct value v, const struct value *args, int n)
{
	struct list list = list_of(r, v);

	for (size_t i = 0; i < list.n / 2; i++) {
		struct value swap = list.items[i];

		list.items[i] = list.items[list.n - 1 - i];
		list.items[list.n - 1 - i] = swap;
	}
	return list_value(list);
}

struct value
filter_first(struct render *r, struct value v, const struct value *args, int n)
{
	if (v.type == VALUE_HASH) {
		struct items items = items_of(r, v);

		return items.n > 0 ? items_at(&items, 0) : value_nil();
	}
	return value_is_array(v) ? value_member(v, "first", 5, NULL)
				 : value_nil();
}

struct value
filter_last(struct render *r, struct value v, const struct value *args, int n)
{
	return value_is_array(v) ? value_member(v, "last", 4, NULL)
				 : value_nil();
}

struct value
filter_size(struct render *r, struct value v, const struct value *args, int n)
{
	if (v.type == VALUE_HASH)
		return value_int((int64_t)json_object_size(v.json));
	v = value_member(v, "size", 4, NULL);
	return v.type == VALUE_INT ? v : value_int(0);
}

/* ------------------------------------------------------------------ joining */

/* Items with `glue` between, and `last` before the last. */
static struct value
joined(struct render *r, struct list list, struct value glue, struct value last)
{
	struct gather g;

	pieces_begin(r, &g);
	for (size_t i = 0; i < list.n; i++) {
		render_step(r, 0);
		if (i > 0)
			escape_print(
			    r, i + 1 == list.n ? last : glue, PLACE_TEXT);
		escape_print(r, list.items[i], PLACE_TEXT);
	}
	return pieces_end(r, false);
}

struct value
filter_join(struct render *r, struct value v, const struct value *args, int n)
{
	struct value glue =
	    n > 0 ? render_text(r, args[0]) : value_text(" ", 1);

	return joined(r, list_of(r, v), glue, glue);
}

/* "a, b and c" in the reader's language; the argument stands for "and". */
struct value
filter_sentence(
    struct render *r, struct value v, const struct value *args, int n)
{
	const char *and = render_locale(r)->names->and;
	struct value word =
	    n > 0 ? render_text(r, args[0]) : value_text(and, strlen(and));
	size_t mark = render_mark(r);
	struct value last;

	render_write(r, " ", 1);
	render_write(r, word.text, word.len);
	render_write(r, " ", 1);
	last = render_take(r, mark);
	return joined(r, list_of(r, v), value_text(", ", 2), last);
}

/* ------------------------------------------------------------------ sorting */

struct keyed {
	struct value key, item;
};

typedef int order_fn(struct render *, struct value, struct value);

static int
by_value(struct render *r, struct value a, struct value b)
{
	int order = render_equal(r, a, b) ? 0 : value_compare(a, b);

	if (order == VALUE_MIXED || order == VALUE_APART)
		render_fail(r, "values of these kinds cannot be sorted");
	return order;
}

static int
by_letters(struct render *r, struct value a, struct value b)
{
	int order;

	a = render_text(r, a);
	b = render_text(r, b);
	order = strncasecmp(a.text, b.text, a.len < b.len ? a.len : b.len);
	return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* nil stands last, whatever the order. */
static bool
is_before(struct render *r, const struct keyed *a, const struct keyed *b,
    order_fn *order)
{
	render_step(r, value_bytes(a->key));
	if (a->key.type == VALUE_NIL || b->key.type == VALUE_NIL)
		return a->key.type != VALUE_NIL && b->key.type == VALUE_NIL;
	return order(r, a->key, b->key) < 0;
}

/* Stable, n log n; `spare` has the room of `list`. */
static void
merge_sort(struct render *r, struct keyed *list, struct keyed *spare, size_t n,
    order_fn *order)
{
	size_t half = n / 2, i = 0, j = half, k = 0;

	if (n < 2)
		return;
	merge_sort(r, list, spare, half, order);
	merge_sort(r, list + half, spare, n - half, order);
	while (i < half && j < n)
		spare[k++] = is_before(r, &list[j], &list[i], order)
				 ? list[j++]
				 : list[i++];
	while (i < half)
		spare[k++] = list[i++];
	memcpy(list, spare, k * sizeof *list);
}

static struct value
sorted(struct render *r, struct value v, const struct value *args, int n,
    order_fn *order)
{
	struct list list = list_of(r, v);
	struct keyed *keyed = render_alloc(r, 2 * list.n * sizeof *keyed);

	for (size_t i = 0; i < list.n; i++) {
		keyed[i] = (struct keyed){list.items[i], list.items[i]};
		if (n > 0 && args[0].type != VALUE_NIL &&
		    !property(r, list.items[i], args[0], &keyed[i].key))
			return value_nil();
	}
	merge_sort(r, keyed, keyed + list.n, list.n, order);
	for (size_t i = 0; i < list.n; i++)
		list.items[i] = keyed[i].item;
	return list_value(list);
}

struct value
filter_sort(struct render *r, struct value v, const struct value *args, int n)
{
	return sorted(r, v, args, n, by_value);
}

struct value
filter_sort_natural(
    struct render *r, struct value v, const struct value *args, int n)
{
	return sorted(r, v, args, n, by_letters);
}
