/* SPDX-License-Identifier: MIT */
#ifndef TEMPLATES_LOCALE_H
#define TEMPLATES_LOCALE_H

#include <stdbool.h>

/*
 * locale - how a language names months and days and writes numbers and money,
 * as in Unicode's CLDR. A small table: German, French, Spanish, Italian,
 * Portuguese, Dutch, English, with the regions that write numbers their own
 * way. Everybody else gets English.
 */
struct locale_names {
	const char *months[12], *short_months[12];
	const char *days[7], *short_days[7]; /* from Monday */
	const char *and;		     /* before the last of a list */
};

struct locale {
	const char *tag; /* "de", "de-CH" */
	const struct locale_names *names;
	const char *decimal, *group; /* between digits */
	int group_from;		     /* digits from which groups are made */
	bool money_first;	     /* the symbol stands before the number */
	const char *money_gap;	     /* between both */
};

/*
 * The nearest for a tag such as "de", "de-AT", "pt_BR.UTF-8"; English for NULL
 * and for what is not known.
 */
const struct locale *locale_find(const char *tag);

struct locale_currency {
	const char *code, *symbol;
	int digits; /* behind the decimal point */
};

/* By its code in ISO 4217; NULL when it is not in the table. */
const struct locale_currency *locale_currency(const char *code);

#endif
