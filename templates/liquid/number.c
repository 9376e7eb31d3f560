/* SPDX-License-Identifier: MIT */
/*
 * Arithmetic on whole numbers with a check for overflow, and on decimals, as
 * 128 bit integers with a power of ten. What does not fit there is done in
 * double.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "templates/liquid/number.h"

#define TINY	  1e-18	 /* smaller ones are no decimals */
#define WHOLE_MAX 3.9e28 /* 2^95 and a little less */

struct decimal {
	__int128 units; /* the value is units / 10^scale */
	int scale;
};

struct value
number_read_whole(const char *digits)
{
	bool negative = *digits == '-';
	__int128 n = 0;

	digits += *digits == '-' || *digits == '+';
	for (; *digits >= '0' && *digits <= '9'; digits++)
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, *digits - '0', &n))
			return value_nil();
	return value_whole(negative ? -n : n);
}

static struct value
number_of_text(struct value v)
{
	char digits[64];
	size_t i = 0, n = 0;
	bool fraction = false;
	struct value whole;

	while (i < v.len && is_space(v.text[i]))
		i++;
	if (i < v.len && (v.text[i] == '-' || v.text[i] == '+'))
		digits[n++] = v.text[i++];
	for (; i < v.len && n < sizeof digits - 1; i++) {
		char c = v.text[i];

		if (c == '.' && !fraction && n > 0 && digits[n - 1] >= '0')
			fraction = true;
		else if (c < '0' || c > '9')
			break;
		digits[n++] = c;
	}
	digits[n] = '\0';
	while (i < v.len && is_space(v.text[i]))
		i++;
	whole = number_read_whole(digits);
	if (whole.type == VALUE_NIL ||
	    (fraction && i == v.len && digits[n - 1] != '.'))
		return value_float(strtod(digits, NULL));
	return whole;
}

struct value
number_of(struct value v)
{
	if (value_is_whole(v) || v.type == VALUE_FLOAT)
		return v;
	return v.type == VALUE_STRING ? number_of_text(v) : value_int(0);
}

/* The fewest digits that read back as the same double, as d.ddde+xx. */
static void
shortest(double real, char *out, size_t size)
{
	for (int digits = 14; digits < 17; digits++) {
		snprintf(out, size, "%.*e", digits, real);
		if (strtod(out, NULL) == real)
			return;
	}
}

/* Digits without the point and trailing zeros; returns the exponent. */
static int
split_digits(double real, char *digits)
{
	char text[NUMBER_SIZE], *e;
	int n = 0;

	shortest(fabs(real), text, sizeof text);
	e = strchr(text, 'e');
	for (char *p = text; p < e; p++)
		if (*p != '.')
			digits[n++] = *p;
	while (n > 1 && digits[n - 1] == '0')
		n--;
	digits[n] = '\0';
	return atoi(e + 1);
}

size_t
number_print(double real, char out[NUMBER_SIZE])
{
	char digits[NUMBER_SIZE];
	const char *sign = signbit(real) ? "-" : "";
	int e, n;

	if (!isfinite(real))
		return (size_t)snprintf(out, NUMBER_SIZE, "%s",
		    isnan(real) ? "NaN"
		    : real > 0	? "Infinity"
				: "-Infinity");
	e = split_digits(real, digits);
	n = (int)strlen(digits);
	if (e < -4 || e >= 15)
		return (size_t)snprintf(out, NUMBER_SIZE, "%s%c.%se%c%02d",
		    sign, digits[0], n > 1 ? digits + 1 : "0",
		    e < 0 ? '-' : '+', abs(e));
	if (e < 0)
		return (size_t)snprintf(out, NUMBER_SIZE, "%s0.%.*s%s", sign,
		    -e - 1, "0000", digits);
	if (n > e + 1)
		return (size_t)snprintf(out, NUMBER_SIZE, "%s%.*s.%s", sign,
		    e + 1, digits, digits + e + 1);
	return (size_t)snprintf(out, NUMBER_SIZE, "%s%s%.*s.0", sign, digits,
	    e + 1 - n, "0000000000000000");
}

static bool
decimal_of(struct value v, struct decimal *d)
{
	char digits[NUMBER_SIZE];
	int e;

	if (value_is_whole(v)) {
		*d = (struct decimal){value_number(v), 0};
		return true;
	}
	if (!isfinite(v.real) || fabs(v.real) >= 1e17 ||
	    (v.real != 0 && fabs(v.real) < TINY))
		return false;
	e = split_digits(v.real, digits);
	d->units = strtoll(digits, NULL, 10);
	d->scale = (int)strlen(digits) - 1 - e;
	for (; d->scale < 0; d->scale++)
		d->units *= 10;
	if (v.real < 0)
		d->units = -d->units;
	return true;
}

size_t
number_print_whole(__int128 n, char out[NUMBER_SIZE])
{
	unsigned __int128 left =
	    n < 0 ? -(unsigned __int128)n : (unsigned __int128)n;
	char digits[NUMBER_SIZE], *p = digits + sizeof digits;
	size_t len;

	*--p = '\0';
	do {
		*--p = (char)('0' + (int)(left % 10));
		left /= 10;
	} while (left != 0);
	if (n < 0)
		*--p = '-';
	len = strlen(p);
	memcpy(out, p, len + 1);
	return len;
}

static struct value
decimal_value(struct decimal d)
{
	char text[NUMBER_SIZE + 16];
	size_t len = number_print_whole(d.units, text);

	snprintf(text + len, sizeof text - len, "e-%d", d.scale);
	return value_float(strtod(text, NULL));
}

static bool
same_scale(struct decimal *a, struct decimal *b)
{
	struct decimal *low = a->scale < b->scale ? a : b;
	int scale = a->scale < b->scale ? b->scale : a->scale;

	for (; low->scale < scale; low->scale++)
		if (__builtin_mul_overflow(low->units, 10, &low->units))
			return false;
	return true;
}

/* To some twenty digits: as many as the 128 bits have room for. */
static struct decimal
decimal_divide(struct decimal a, struct decimal b)
{
	__int128 more = a.units;

	while (!__builtin_mul_overflow(more, 10, &more)) {
		a.units = more;
		a.scale++;
	}
	return (struct decimal){a.units / b.units, a.scale - b.scale};
}

/* In decimals; false when the digits do not fit. */
static bool
apply_decimal(char op, struct decimal a, struct decimal b, struct value *out)
{
	struct decimal d;

	/* a zero has a sign, which decimals do not keep */
	if ((a.units == 0 || b.units == 0) &&
	    (a.units == b.units || (op != '+' && op != '-')))
		return false;
	if (op == '*' || op == '/') {
		d = (struct decimal){0, a.scale + b.scale};
		if (op == '/')
			d = decimal_divide(a, b);
		else if (__builtin_mul_overflow(a.units, b.units, &d.units))
			return false;
		*out = decimal_value(d);
		return true;
	}
	if (!same_scale(&a, &b))
		return false;
	d = a;
	if (op == '%') {
		d.units = a.units % b.units;
		if (d.units != 0 && (d.units < 0) != (b.units < 0))
			d.units += b.units;
	} else if (op == '+'
		       ? __builtin_add_overflow(a.units, b.units, &d.units)
		       : __builtin_sub_overflow(a.units, b.units, &d.units)) {
		return false;
	}
	*out = decimal_value(d);
	return true;
}

static double
apply_real(char op, double a, double b)
{
	double rest;

	switch (op) {
	case '+':
		return a + b;
	case '-':
		return a - b;
	case '*':
		return a * b;
	case '/':
		return a / b;
	default:
		rest = fmod(a, b);
		if (rest == 0)
			return 0; /* not -0 */
		return (rest < 0) != (b < 0) ? rest + b : rest;
	}
}

static const char *
apply_whole(char op, __int128 a, __int128 b, struct value *out)
{
	__int128 n = 0;
	bool over = false;

	if ((op == '/' || op == '%') && b == 0)
		return "divided by 0";
	if (op == '+')
		over = __builtin_add_overflow(a, b, &n);
	else if (op == '-')
		over = __builtin_sub_overflow(a, b, &n);
	else if (op == '*')
		over = __builtin_mul_overflow(a, b, &n);
	else if (op == '/')
		n = a / b - (a % b != 0 && (a < 0) != (b < 0));
	else
		n = a % b + (a % b != 0 && (a < 0) != (b < 0) ? b : 0);
	*out = value_whole(n);
	return over || out->type == VALUE_NIL
		   ? "the result is too large a number"
		   : NULL;
}

const char *
number_apply(char op, struct value a, struct value b, struct value *out)
{
	struct decimal x, y;

	a = number_of(a);
	b = number_of(b);
	if (value_is_whole(a) && value_is_whole(b))
		return apply_whole(op, value_number(a), value_number(b), out);
	if (op == '%' && value_compare(b, value_int(0)) == 0)
		return "divided by 0"; /* `/` gives Infinity */
	if (decimal_of(a, &x) && decimal_of(b, &y) &&
	    apply_decimal(op, x, y, out))
		return NULL;
	*out = value_float(apply_real(op, value_real(a), value_real(b)));
	return NULL;
}

/* d without its last digits, to a whole multiple of 10^-digits. */
static struct decimal
decimal_round(struct decimal d, char mode, int digits)
{
	__int128 unit = 1, rest;

	if (d.scale - digits > 36)
		return (struct decimal){0, 0};
	for (int i = digits; i < d.scale; i++)
		unit *= 10;
	rest = d.units % unit;
	d.units -= rest;
	if (mode == '+' ? rest > 0 : mode == '~' && rest * 2 >= unit)
		d.units += unit;
	if (mode == '-' ? rest < 0 : mode == '~' && -rest * 2 >= unit)
		d.units -= unit;
	return d;
}

struct value
number_round(struct value v, char mode, int digits)
{
	struct decimal d;

	v = number_of(v);
	if (value_is_whole(v) && digits >= 0)
		return v;
	if (!decimal_of(v, &d)) {
		double whole = mode == '+'   ? ceil(v.real)
			       : mode == '-' ? floor(v.real)
					     : round(v.real);

		if (digits > 0 && fabs(v.real) < TINY)
			return value_float(copysign(0, v.real));
		if (digits > 0 || !(fabs(whole) < WHOLE_MAX))
			return v;
		return value_whole((__int128)whole);
	}
	d = decimal_round(d, mode, digits);
	if (digits > 0 && d.units == 0)
		return value_float(copysign(0, v.real));
	if (digits > 0)
		return decimal_value(d);
	for (; d.scale > 0; d.scale--)
		d.units /= 10;
	return value_whole(d.units);
}
