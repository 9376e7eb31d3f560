/* SPDX-License-Identifier: MIT */
/* Filters on numbers. */
#include <math.h>

#include "templates/liquid/filters.h"

static struct value
apply(struct render *r, char op, struct value a, struct value b)
{
	struct value v = value_nil();
	const char *wrong = number_apply(op, a, b, &v);

	if (wrong != NULL)
		render_fail(r, "%s", wrong);
	return v;
}

struct value
filter_plus(struct render *r, struct value v, const struct value *args, int n)
{
	return apply(r, '+', v, args[0]);
}

struct value
filter_minus(struct render *r, struct value v, const struct value *args, int n)
{
	return apply(r, '-', v, args[0]);
}

struct value
filter_times(struct render *r, struct value v, const struct value *args, int n)
{
	return apply(r, '*', v, args[0]);
}

struct value
filter_divided_by(
    struct render *r, struct value v, const struct value *args, int n)
{
	return apply(r, '/', v, args[0]);
}

struct value
filter_modulo(struct render *r, struct value v, const struct value *args, int n)
{
	return apply(r, '%', v, args[0]);
}

struct value
filter_abs(struct render *r, struct value v, const struct value *args, int n)
{
	v = number_of(v);
	if (v.type == VALUE_FLOAT)
		return value_float(fabs(v.real));
	return v.number >= 0 ? v : apply(r, '-', value_int(0), v);
}

struct value
filter_at_least(
    struct render *r, struct value v, const struct value *args, int n)
{
	struct value least = number_of(args[0]);

	v = number_of(v);
	return value_compare(v, least) < 0 ? least : v;
}

struct value
filter_at_most(
    struct render *r, struct value v, const struct value *args, int n)
{
	struct value most = number_of(args[0]);

	v = number_of(v);
	return value_compare(v, most) == 1 ? most : v;
}

static struct value
rounded(struct render *r, struct value v, char mode, int digits)
{
	v = number_of(v);
	if (digits <= 0 && v.type == VALUE_FLOAT && !isfinite(v.real))
		render_fail(r, "infinity cannot be rounded");
	return number_round(v, mode, digits);
}

struct value
filter_ceil(struct render *r, struct value v, const struct value *args, int n)
{
	return rounded(r, v, '+', 0);
}

struct value
filter_floor(struct render *r, struct value v, const struct value *args, int n)
{
	return rounded(r, v, '-', 0);
}

struct value
filter_round(struct render *r, struct value v, const struct value *args, int n)
{
	struct value digits = n > 0 ? number_of(args[0]) : value_int(0);
	double to = digits.type == VALUE_INT ? (double)digits.number
					     : trunc(digits.real);

	if (!(to <= 15))
		return number_of(v);
	return to < -18 ? value_int(0) : rounded(r, v, '~', (int)to);
}
