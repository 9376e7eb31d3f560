/* SPDX-License-Identifier: MIT */
/* Filters on numbers. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "templates/liquid/filters.h"

#define DECIMAL_WORK 32 /* see render_step() */

static struct value
apply(struct render *r, char op, struct value a, struct value b)
{
	struct value v = value_nil();
	const char *wrong = number_apply(op, a, b, &v);

	render_step(r, DECIMAL_WORK);
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
	return value_compare(v, value_int(0)) >= 0
		   ? v
		   : apply(r, '-', value_int(0), v);
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
	render_step(r, DECIMAL_WORK);
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
	double to = trunc(value_real(digits));

	if (!(to <= 15))
		return number_of(v);
	return to < -18 ? value_int(0) : rounded(r, v, '~', (int)to);
}

/* ---------------------------------------------------- as people write them */

/* A number, also as text; anything else must not become 0 before a reader. */
static struct value
real_number(struct render *r, struct value v, const char *filter)
{
	struct value number = number_of(v), text;
	char *end;

	text = render_text(r, v);
	if (v.type == VALUE_STRING) {
		char *copy = render_alloc(r, text.len + 1);

		memcpy(copy, text.text, text.len);
		copy[text.len] = '\0';
		strtod(copy, &end);
		end += strspn(end, " \t\r\n");
		if (end == copy || *end != '\0')
			number.type = VALUE_NIL;
	} else if (!value_is_whole(v) && v.type != VALUE_FLOAT) {
		number.type = VALUE_NIL;
	}
	if (number.type == VALUE_NIL)
		render_fail(r, "%s needs a number, not '%.*s'", filter,
		    (int)(text.len < 60 ? text.len : 60), text.text);
	return number;
}

/* "1234567.5" with the language's marks. Digits and a point, no sign. */
static void
write_grouped(struct render *r, const char *text, const struct locale *l)
{
	size_t whole = strspn(text, "0123456789");

	for (size_t i = 0; i < whole; i++) {
		if (i > 0 && (whole - i) % 3 == 0 &&
		    whole >= (size_t)l->group_from)
			render_write(r, l->group, strlen(l->group));
		render_write(r, text + i, 1);
	}
	if (text[whole] != '.')
		return;
	render_write(r, l->decimal, strlen(l->decimal));
	render_write(r, text + whole + 1, strlen(text + whole + 1));
}

/* 1234.5 | number gives "1,234.5"; the argument is a language, as "de". */
struct value
filter_number(struct render *r, struct value v, const struct value *args, int n)
{
	const struct locale *l =
	    n > 0 ? render_locale_named(r, args[0]) : render_locale(r);
	char text[NUMBER_SIZE], *digits = text;
	size_t mark;

	if (v.type == VALUE_NIL)
		return v;
	v = real_number(r, v, "number");
	if (value_is_whole(v))
		number_print_whole(value_number(v), text);
	else
		number_print(v.real, text);
	if (v.type == VALUE_FLOAT && strcmp(text + strlen(text) - 2, ".0") == 0)
		text[strlen(text) - 2] = '\0';
	if (strspn(text, "-0123456789.") != strlen(text))
		return value_text(
		    memcpy(render_alloc(r, sizeof text), text, sizeof text),
		    strlen(text)); /* 1.0e+20 */
	mark = render_mark(r);
	if (*digits == '-')
		render_write(r, digits++, 1);
	write_grouped(r, digits, l);
	return render_take(r, mark);
}

static struct locale_currency
currency_named(struct render *r, struct value code)
{
	static const char capitals[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	const struct locale_currency *known;
	char *text = render_alloc(r, 4);

	code = filter_text(r, code);
	snprintf(text, 4, "%.*s", code.len > 3 ? 0 : (int)code.len, code.text);
	if (strspn(text, capitals) != 3)
		render_fail(r, "'%.*s' is not a currency, such as EUR",
		    code.len < 20 ? (int)code.len : 20, code.text);
	known = locale_currency(text);
	return known != NULL ? *known : (struct locale_currency){text, text, 2};
}

/* 9.5 | currency: "EUR" gives "€9.50", and with "de" behind it "9,50 €". */
struct value
filter_currency(
    struct render *r, struct value v, const struct value *args, int n)
{
	const struct locale *l =
	    n > 1 ? render_locale_named(r, args[1]) : render_locale(r);
	struct locale_currency money = currency_named(r, args[0]);
	const char *gap = l->money_gap;
	char text[64], *digits = text;
	size_t mark;

	if (v.type == VALUE_NIL)
		return v;
	v = real_number(r, v, "currency");
	if (!(fabs(value_real(v)) < 1e15))
		render_fail(r, "the amount is too large");
	v = number_round(v, '~', money.digits);
	snprintf(text, sizeof text, "%.*f", money.digits, value_real(v));
	if (l->money_first && money.symbol[0] == money.code[0] && *gap == '\0')
		gap = "\xc2\xa0"; /* "CHF 5.00", but "$5.00" */
	mark = render_mark(r);
	if (*digits == '-')
		render_write(r, digits++, 1);
	if (l->money_first) {
		render_write(r, money.symbol, strlen(money.symbol));
		render_write(r, gap, strlen(gap));
	}
	write_grouped(r, digits, l);
	if (!l->money_first) {
		render_write(r, gap, strlen(gap));
		render_write(r, money.symbol, strlen(money.symbol));
	}
	return render_take(r, mark);
}
