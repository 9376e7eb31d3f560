/* SPDX-License-Identifier: MIT */
/*
 * members - metrics of an account over its members.
 *
 * A member's part is kept in the member, what the parts come to in the account,
 * both under the metric's key. So bringing one member up to date costs the same
 * however many there are, and the account always shows exactly the parts that
 * its members have in their own state:
 *
 *	a member		[part]; no state: it has none
 *	share count sum avg	[members, sum, rest of the sum if any]
 *	min max			[outside, value, members, value, members, ..]
 *
 * The part is 1 or 0 of a share, 1 of a count, else the value. min and max keep
 * the 256 most extreme values, the most extreme first. Members with any other,
 * each of them less extreme than all that are kept, are only counted, as
 * outside. When all that were kept are gone and some are outside, the value is
 * not known until the members are counted again.
 *
 * All of it is exact (sums to some thirty digits), but:
 *	- a condition that reads traits of the account, or the time, is as of
 *	  the member's last event or wake-up;
 *	- whoever has a value beyond 2^53 has no part.
 */
#include <math.h>
#include <string.h>

#include "sequences/metrics/metrics_private.h"

#define VALUES_MAX 256

static json_int_t
integer_at(const json_t *array, size_t i)
{
	return json_integer_value(json_array_get(array, i));
}

static double
number_at(const json_t *array, size_t i)
{
	return json_number_value(json_array_get(array, i));
}

/* ------------------------------------------------ a member's part */

static bool
holds(const struct condition *c, const struct liquid_scope *scope)
{
	struct error ignored;

	return condition_test_in(c, scope, &ignored) == 1;
}

bool
member_part_share(
    const struct metric *m, const struct liquid_scope *scope, double *part)
{
	*part = holds(m->check, scope);
	return true;
}

bool
member_part_count(
    const struct metric *m, const struct liquid_scope *scope, double *part)
{
	*part = 1;
	return holds(m->check, scope);
}

bool
member_part_number(
    const struct metric *m, const struct liquid_scope *scope, double *part)
{
	json_t *value = metric_expr(m, scope);
	bool is_number =
	    metric_number_of(value, part) && fabs(*part) <= INTEGER_MAX;

	json_decref(value);
	return is_number;
}

/* --------------------------------------- what they come to */

/*
 * The sum is held in two doubles, the second what the first has no digits for:
 * what was added can be taken away without a trace.
 */
void
member_put_sum(const struct metric *m, json_t *state, double part, int sign)
{
	json_int_t members = integer_at(state, 0) + sign;
	double old = number_at(state, 1), rest = number_at(state, 2);
	double change = sign * part, sum = old + change, added = sum - old;

	rest += (old - (sum - added)) + (change - added);
	json_array_clear(state);
	if (members <= 0)
		return;
	json_array_append_new(state, json_integer(members));
	json_array_append_new(state, metric_number_json(sum + rest));
	rest -= (sum + rest) - sum;
	if (rest != 0)
		json_array_append_new(state, json_real(rest));
}

/* Of the pair with that value, or where it would stand. */
static size_t
find_value(const struct metric *m, const json_t *state, double value)
{
	size_t i = 1;

	while (i < json_array_size(state) && number_at(state, i) != value &&
	       m->kind->merge(number_at(state, i), value) != value)
		i += 2;
	return i;
}

static void
remove_pair(json_t *state, size_t i)
{
	json_array_remove(state, i + 1);
	json_array_remove(state, i);
}

static void
set_outside(json_t *state, json_int_t outside)
{
	json_array_set_new(state, 0, json_integer(outside > 0 ? outside : 0));
}

static void
insert_pair(json_t *state, size_t i, double value)
{
	size_t last = 1 + 2 * VALUES_MAX;

	json_array_insert_new(state, i, metric_number_json(value));
	json_array_insert_new(state, i + 1, json_integer(1));
	if (json_array_size(state) > last) {
		set_outside(
		    state, integer_at(state, 0) + integer_at(state, last + 1));
		remove_pair(state, last);
	}
}

void
member_put_extreme(
    const struct metric *m, json_t *state, double value, int sign)
{
	json_int_t outside = integer_at(state, 0), members;
	size_t i;

	if (json_array_size(state) == 0)
		json_array_append_new(state, json_integer(0));
	i = find_value(m, state, value);
	if (i < json_array_size(state) && number_at(state, i) == value) {
		members = integer_at(state, i + 1) + sign;
		if (members > 0)
			json_array_set_new(state, i + 1, json_integer(members));
		else
			remove_pair(state, i);
	} else if (sign < 0 || (i >= json_array_size(state) && outside > 0)) {
		set_outside(state, outside + sign);
	} else {
		insert_pair(state, i, value);
	}
}

/* Nothing but a number outside. */
bool
member_wants_recount(const json_t *state)
{
	return json_array_size(state) == 1 && integer_at(state, 0) > 0;
}

static bool
is_empty(const json_t *state)
{
	return json_array_size(state) <= 1 && integer_at(state, 0) == 0;
}

json_t *
member_value_count(const struct metric *m, const struct view *v)
{
	return json_integer(integer_at(v->state, 0));
}

json_t *
member_value_sum(const struct metric *m, const struct view *v)
{
	return metric_number_json(number_at(v->state, 1));
}

/* A share is the average of ones and zeros. */
json_t *
member_value_avg(const struct metric *m, const struct view *v)
{
	double members = number_at(v->state, 0);

	return members > 0
		   ? metric_number_json(number_at(v->state, 1) / members)
		   : NULL;
}

json_t *
member_value_extreme(const struct metric *m, const struct view *v)
{
	return json_incref(json_array_get(v->state, 1));
}

/* ------------------------------------------------------ public */

struct part {
	bool is_there;
	double value;
};

static struct part
kept_part(const struct metric *m, const struct subject *member)
{
	json_t *state = metric_state(m, member);

	return (struct part){state != NULL, number_at(state, 0)};
}

static struct part
part_now(const struct metric *m, const struct liquid_scope *scope)
{
	struct part part = {0};

	if (holds(m->among, scope))
		part.is_there = m->kind->part(m, scope, &part.value);
	return part;
}

static void
put(const struct metric *m, struct subject *account, double part, int sign)
{
	json_t *state = metric_state(m, account);

	if (state == NULL) {
		state = json_array();
		subject_keep(account, m->key, state);
	}
	m->kind->put(m, state, part, sign);
	if (is_empty(state))
		subject_drop(account, m->key);
	account->state_changed = true;
}

/* Returns whether anything changed. */
static bool
change_part(const struct metric *m, struct subject *member,
    struct subject *account, struct part now)
{
	struct part kept = kept_part(m, member);

	if (kept.is_there == now.is_there &&
	    (!now.is_there || kept.value == now.value))
		return false;
	if (now.is_there) { /* first: it may be the new minimum */
		put(m, account, now.value, 1);
		subject_keep(member, m->key,
		    json_pack("[o]", metric_number_json(now.value)));
	} else {
		subject_drop(member, m->key);
	}
	if (kept.is_there)
		put(m, account, kept.value, -1);
	member->state_changed = true;
	return true;
}

static bool
has_changed(const struct subject *s, const char *key)
{
	for (int i = 0; i < s->n_kept; i++)
		if (s->kept[i].is_changed && strcmp(s->kept[i].key, key) == 0)
			return true;
	return false;
}

/* By something that it keeps, by the account, or by the passing of time. */
static bool
may_have_changed(
    const struct metrics *all, const struct metric *m, const struct subject *s)
{
	for (int i = 0; i < m->n_sources; i++) {
		const struct metric *source = &all->list[m->sources[i]];

		if (source->reads_now || source->reads_account ||
		    (source->window_ms > 0 && metric_state(source, s)) ||
		    (source->key != NULL && has_changed(s, source->key)))
			return true;
	}
	return false;
}

static void
have_joined(struct subject *s)
{
	for (int i = 0; i < s->n_kept; i++)
		s->kept[i].is_changed = false;
	if (s->joined != s->known)
		s->state_changed = true;
	s->joined = s->known;
}

bool
metrics_join(const struct metrics *all, struct subject *user,
    struct subject *account, const struct liquid_scope *scope)
{
	bool is_fresh = user->joined == user->known, changed = false;

	for (int i = 0; i < all->n_of_members; i++) {
		const struct metric *m = all->of_members[i];

		if (!is_fresh || may_have_changed(all, m, user))
			changed |=
			    change_part(m, user, account, part_now(m, scope));
	}
	have_joined(user);
	return changed;
}

bool
metrics_leave(
    const struct metrics *all, struct subject *user, struct subject *account)
{
	bool changed = false;

	for (int i = 0; i < all->n_of_members; i++)
		changed |= change_part(all->of_members[i], user, account,
		    (struct part){.is_there = false});
	user->joined = 0;
	return changed;
}

/* Only a minimum or maximum may have to be counted again. */
static bool
is_extreme(const struct metric *m)
{
	return m->kind->put == member_put_extreme;
}

bool
metrics_want_recount(const struct metrics *all, const struct subject *account)
{
	for (int i = 0; i < all->n_of_members; i++)
		if (is_extreme(all->of_members[i]) &&
		    member_wants_recount(
			metric_state(all->of_members[i], account)))
			return true;
	return false;
}

void
metrics_recount_begin(const struct metrics *all, struct subject *account)
{
	for (int i = 0; i < all->n_of_members; i++)
		if (is_extreme(all->of_members[i]))
			subject_drop(account, all->of_members[i]->key);
	account->state_changed = true;
}

void
metrics_recount(const struct metrics *all, struct subject *account,
    const struct subject *member)
{
	for (int i = 0; i < all->n_of_members; i++) {
		struct part part = kept_part(all->of_members[i], member);

		if (is_extreme(all->of_members[i]) && part.is_there)
			put(all->of_members[i], account, part.value, 1);
	}
}
