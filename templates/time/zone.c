/* SPDX-License-Identifier: MIT */
/*
 * zone - time zones as the system's TZif files tell them (RFC 9636): a table of
 * transitions, and behind the last one the rule of the footer, a POSIX TZ
 * string. Files are not trusted: a zone whose counts, indices, order or footer
 * are not right does not exist.
 *
 * A zone never changes once it is in the table that zone_find() reads, and is
 * never taken out; so readers need no lock.
 */
#include <ctype.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "templates/buf.h"
#include "templates/json.h"
#include "templates/mem.h"
#include "templates/time/zone.h"

#define ZONE_NAME_MAX  64
#define ZONE_BUCKETS   256
#define MISSING_MAX    1000 /* names without a zone that are kept */
#define DAY_S	       86400
#define OFFSET_MAX     (26 * 3600) /* RFC 9636 section 3.2 */
#define RULE_HOURS_MAX 167	   /* RFC 9636 section 3.3.1 */
#define HEADER_SIZE    44
#define ABBREVIATION   16
#define TIME_MAX       ((int64_t)1 << 55) /* keeps years within an int */
#define DAYS_TO_EPOCH  719468		  /* 0000-03-01 to 1970-01-01 */
#define DAYS_400_YEARS 146097

/* One of the two days of the year on which a footer's rule changes clocks. */
struct rule_day {
	char kind; /* 'J': 1-365 without leap days, '0': 0-365, 'M': month */
	int month, week, day; /* day: of the year, or of the week from Sunday */
	int seconds;	      /* of that day; may lie outside of it */
};

struct rule {
	struct zone_offset standard, summer;
	char standard_name[ABBREVIATION], summer_name[ABBREVIATION];
	bool has_summer;
	struct rule_day begin, end; /* of summer time */
};

struct zone {
	struct zone *next; /* in the bucket */
	char *name;
	int64_t *at; /* transitions, ascending */
	uint8_t *type;
	int n;
	struct zone_offset *types;
	char *abbreviations;
	bool has_rule;
	struct rule rule;
};

static int64_t
floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* Years are taken to begin in March: then the leap day is their last. */
int64_t
civil_days(int year, int month, int day)
{
	int64_t months = (int64_t)year * 12 + month - 3;
	int64_t y = floor_div(months, 12);

	return y * 365 + floor_div(y, 4) - floor_div(y, 100) +
	       floor_div(y, 400) + (153 * (months - y * 12) + 2) / 5 + day - 1 -
	       DAYS_TO_EPOCH;
}

void
civil_from_days(int64_t days, int *year, int *month, int *day)
{
	int64_t era = floor_div(days + DAYS_TO_EPOCH, DAYS_400_YEARS);
	int n = (int)(days + DAYS_TO_EPOCH - era * DAYS_400_YEARS);
	int y = (n - n / 1460 + n / 36524 - n / 146096) / 365;
	int of_year = n - (365 * y + y / 4 - y / 100);
	int m = (5 * of_year + 2) / 153;

	*day = of_year - (153 * m + 2) / 5 + 1;
	*month = m < 10 ? m + 3 : m - 9;
	*year = (int)(era * 400) + y + (*month <= 2);
}

int
civil_weekday(int64_t days)
{
	return (int)(days + 3 - floor_div(days + 3, 7) * 7);
}

/* The footer: "EST5EDT,M3.2.0,M11.1.0". Each read_ moves *p, or is false. */
static bool
read_number(const char **p, int max, int *out)
{
	const char *s = *p;

	for (*out = 0; isdigit((unsigned char)*s); s++)
		if ((*out = *out * 10 + *s - '0') > max)
			return false;
	if (s == *p)
		return false;
	*p = s;
	return true;
}

/* [+-]hh[:mm[:ss]], in seconds */
static bool
read_time(const char **p, int max_hours, int *out)
{
	int sign = **p == '-' ? -1 : 1;
	int part[3] = {0};

	*p += **p == '-' || **p == '+';
	if (!read_number(p, max_hours, &part[0]))
		return false;
	for (int i = 1; i < 3 && **p == ':'; i++) {
		++*p;
		if (!read_number(p, 59, &part[i]))
			return false;
	}
	*out = sign * (part[0] * 3600 + part[1] * 60 + part[2]);
	return true;
}

/* A name of letters, or of letters, digits and signs in < >. */
static bool
read_name(const char **p, char *out)
{
	bool is_quoted = **p == '<';
	size_t len = 0;

	*p += is_quoted;
	for (; isalpha((unsigned char)**p) ||
	       (is_quoted && **p != '\0' && strchr("0123456789+-", **p));
	     ++*p) {
		if (len == ABBREVIATION - 1)
			return false;
		out[len++] = **p;
	}
	out[len] = '\0';
	if (is_quoted && *(*p)++ != '>')
		return false;
	return len >= 3;
}

static bool
read_date(const char **p, struct rule_day *d)
{
	d->kind = **p == 'J' || **p == 'M' ? *(*p)++ : '0';
	if (d->kind != 'M')
		return read_number(p, 365, &d->day) &&
		       (d->kind == '0' || d->day > 0);
	return read_number(p, 12, &d->month) && d->month > 0 &&
	       *(*p)++ == '.' && read_number(p, 5, &d->week) && d->week > 0 &&
	       *(*p)++ == '.' && read_number(p, 6, &d->day);
}

static bool
read_rule_day(const char **p, struct rule_day *d)
{
	if (**p != ',')
		return false;
	++*p;
	if (!read_date(p, d))
		return false;
	d->seconds = 2 * 3600;
	if (**p != '/')
		return true;
	++*p;
	return read_time(p, RULE_HOURS_MAX, &d->seconds);
}

/* POSIX counts offsets west of Greenwich. */
static bool
read_rule(const char *p, struct rule *r)
{
	int west;

	if (!read_name(&p, r->standard_name) || !read_time(&p, 24, &west))
		return false;
	r->standard.seconds = -west;
	if (*p == '\0')
		return true;
	r->has_summer = true;
	west -= 3600;
	if (!read_name(&p, r->summer_name) ||
	    (*p != ',' && !read_time(&p, 24, &west)))
		return false;
	r->summer.seconds = -west;
	return read_rule_day(&p, &r->begin) && read_rule_day(&p, &r->end) &&
	       *p == '\0';
}

static int64_t
rule_date(const struct rule_day *d, int year)
{
	int64_t first = civil_days(year, 1, 1);
	int64_t day;

	if (d->kind == '0')
		return first + d->day;
	if (d->kind == 'J')
		return first + d->day - 1 +
		       (d->day > 59 && civil_days(year, 3, 1) - first == 60);
	first = civil_days(year, d->month, 1);
	day = first + (d->day + 13 - civil_weekday(first)) % 7 +
	      (d->week - 1) * 7;
	return day < civil_days(year, d->month + 1, 1) ? day : day - 7;
}

/* Clock changes by a footer's rule around a moment: three years of them. */
struct change {
	int64_t at;
	const struct zone_offset *to;
};

static void
rule_changes(const struct rule *r, int64_t t, struct change out[6])
{
	int year, month, day;

	civil_from_days(floor_div(t, DAY_S), &year, &month, &day);
	for (int i = 0; i < 3; i++, out += 2) {
		struct change begin = {
		    rule_date(&r->begin, year - 1 + i) * DAY_S +
			r->begin.seconds - r->standard.seconds,
		    &r->summer};
		struct change end = {rule_date(&r->end, year - 1 + i) * DAY_S +
					 r->end.seconds - r->summer.seconds,
		    &r->standard};

		out[0] = begin.at < end.at ? begin : end;
		out[1] = begin.at < end.at ? end : begin;
	}
}

/* Summer time all year ends when it begins again: the later entry wins. */
static const struct zone_offset *
rule_offset(const struct rule *r, int64_t t)
{
	const struct zone_offset *offset = &r->standard;
	struct change changes[6];

	if (!r->has_summer)
		return offset;
	rule_changes(r, t, changes);
	for (int i = 0; i < 6 && changes[i].at <= t; i++)
		offset = changes[i].to;
	return offset;
}

/* Index of the first transition after t; n if there is none. */
static int
transition_after(const struct zone *z, int64_t t)
{
	int low = 0, high = z->n;

	while (low < high) {
		int middle = (low + high) / 2;

		if (z->at[middle] <= t)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static const struct zone_offset *
find_offset(const struct zone *z, int64_t t)
{
	int i = transition_after(z, t);

	if (i == z->n && z->has_rule)
		return rule_offset(&z->rule, t);
	return &z->types[i == 0 ? 0 : z->type[i - 1]];
}

/* When the clocks may change next after t. False: never again. */
static bool
next_change(const struct zone *z, int64_t t, int64_t *at)
{
	int i = transition_after(z, t);
	struct change changes[6];

	if (i < z->n) {
		*at = z->at[i];
		return true;
	}
	if (!z->has_rule || !z->rule.has_summer)
		return false;
	rule_changes(&z->rule, t, changes);
	for (i = 0; i < 5 && changes[i].at <= t; i++)
		;
	*at = changes[i].at;
	return *at > t;
}

static int64_t
clamp(int64_t t)
{
	return t > TIME_MAX ? TIME_MAX : t < -TIME_MAX ? -TIME_MAX : t;
}

struct zone_offset
zone_offset_at(const struct zone *z, int64_t unix_s)
{
	return *find_offset(z, clamp(unix_s));
}

struct civil
zone_civil(const struct zone *z, int64_t unix_s)
{
	int64_t local = clamp(unix_s) + find_offset(z, clamp(unix_s))->seconds;
	int64_t days = floor_div(local, DAY_S);
	int s = (int)(local - days * DAY_S);
	struct civil c = {
	    .hour = s / 3600, .minute = s / 60 % 60, .second = s % 60};

	civil_from_days(days, &c.year, &c.month, &c.day);
	return c;
}

/*
 * Walks the stretches between clock changes from before any moment that could
 * show this local time, and takes the first in which it lies; or the one
 * before, if it lies in the gap between two.
 */
int64_t
zone_unix(const struct zone *z, const struct civil *c)
{
	int64_t local =
	    clamp(civil_days(c->year, c->month, 1) * DAY_S +
		  ((int64_t)c->day - 1) * DAY_S + (int64_t)c->hour * 3600 +
		  (int64_t)c->minute * 60 + c->second);
	int64_t t = local - OFFSET_MAX, change;
	int before = find_offset(z, t)->seconds;

	while (next_change(z, t, &change) && local - before >= change) {
		int after = find_offset(z, change)->seconds;

		if (local - after < change)
			break;
		before = after;
		t = change;
	}
	return local - before;
}

/* The file. A block: its header's counts, then where its parts begin. */
struct block {
	uint64_t isut, isstd, leap, time, type, chars;
	size_t time_size;
	const unsigned char *data;
};

static uint64_t
big_endian(const unsigned char *p, int size)
{
	uint64_t n = 0;

	while (size-- > 0)
		n = n << 8 | *p++;
	return n;
}

static uint64_t
block_size(const struct block *b)
{
	return b->time * (b->time_size + 1) + b->type * 6 + b->chars +
	       b->leap * (b->time_size + 4) + b->isstd + b->isut;
}

/* Returns where the block ends, or NULL. */
static const unsigned char *
block_read(const unsigned char *p, const unsigned char *end, size_t time_size,
    struct block *b)
{
	if (end - p < HEADER_SIZE || memcmp(p, "TZif", 4) != 0 || p[4] < '2')
		return NULL;
	*b = (struct block){
	    .isut = big_endian(p + 20, 4),
	    .isstd = big_endian(p + 24, 4),
	    .leap = big_endian(p + 28, 4),
	    .time = big_endian(p + 32, 4),
	    .type = big_endian(p + 36, 4),
	    .chars = big_endian(p + 40, 4),
	    .time_size = time_size,
	    .data = p + HEADER_SIZE,
	};
	if (block_size(b) > (uint64_t)(end - b->data))
		return NULL;
	return b->data + block_size(b);
}

static bool
read_transitions(struct zone *z, const struct block *b)
{
	const unsigned char *types = b->data + b->time * 8;

	z->n = (int)b->time;
	z->at = xcalloc(b->time, sizeof *z->at);
	z->type = xcalloc(b->time, sizeof *z->type);
	for (int i = 0; i < z->n; i++) {
		z->at[i] = (int64_t)big_endian(b->data + (size_t)i * 8, 8);
		z->type[i] = types[i];
		if (types[i] >= b->type || (i > 0 && z->at[i] <= z->at[i - 1]))
			return false;
	}
	return true;
}

static bool
read_types(struct zone *z, const struct block *b)
{
	const unsigned char *p = b->data + b->time * 9;

	z->types = xcalloc(b->type, sizeof *z->types);
	z->abbreviations = xstrndup((const char *)p + b->type * 6, b->chars);
	for (size_t i = 0; i < b->type; i++, p += 6) {
		z->types[i].seconds = (int32_t)big_endian(p, 4);
		z->types[i].abbreviation = z->abbreviations + p[5];
		if (p[5] >= b->chars || z->types[i].seconds > OFFSET_MAX ||
		    z->types[i].seconds < -OFFSET_MAX)
			return false;
	}
	return b->type > 0 && (b->isut == 0 || b->isut == b->type) &&
	       (b->isstd == 0 || b->isstd == b->type);
}

static bool
read_footer(struct zone *z, const unsigned char *p, const unsigned char *end)
{
	const unsigned char *line_end;
	char *text;
	bool is_right;

	if (p == end || *p++ != '\n' ||
	    (line_end = memchr(p, '\n', (size_t)(end - p))) == NULL)
		return false;
	z->has_rule = line_end > p;
	text = xstrndup((const char *)p, (size_t)(line_end - p));
	is_right = !z->has_rule || read_rule(text, &z->rule);
	free(text);
	z->rule.standard.abbreviation = z->rule.standard_name;
	z->rule.summer.abbreviation = z->rule.summer_name;
	return is_right;
}

static bool
zone_read(struct zone *z, const unsigned char *p, size_t len)
{
	const unsigned char *end = p + len;
	struct block b;

	return (p = block_read(p, end, 4, &b)) != NULL &&
	       (p = block_read(p, end, 8, &b)) != NULL &&
	       read_transitions(z, &b) && read_types(z, &b) &&
	       read_footer(z, p, end);
}

static struct zone *
zone_load(const char *name)
{
	struct buf path = {0};
	const char *dir = getenv("TZDIR");
	struct zone *z = xcalloc(1, sizeof *z);
	struct error ignored;
	size_t len;
	char *data;

	buf_addf(&path, "%s/%s",
	    dir != NULL && *dir != '\0' ? dir : "/usr/share/zoneinfo", name);
	data = file_read(buf_str(&path), &len, &ignored);
	buf_free(&path);
	z->name = xstrdup(name);
	if (data == NULL || !zone_read(z, (unsigned char *)data, len)) {
		free(z->name);
		free(z->at);
		free(z->type);
		free(z->types);
		free(z->abbreviations);
		free(z);
		z = NULL;
	}
	free(data);
	return z;
}

/*
 * Beside the zones the folder has copies of it (posix/, right/), lists and
 * links that differ from machine to machine. Doubled slashes would give one
 * zone any number of names, and the cache any size.
 */
static bool
name_is_valid(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len < ZONE_NAME_MAX &&
	       strspn(name,
		   "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		   "0123456789_+-/") == len &&
	       name[0] != '/' && name[len - 1] != '/' &&
	       strstr(name, "//") == NULL && strncmp(name, "posix/", 6) != 0 &&
	       strncmp(name, "right/", 6) != 0 &&
	       strcmp(name, "posixrules") != 0 &&
	       strcmp(name, "localtime") != 0;
}

static struct zone *
bucket_find(struct zone *z, const char *name)
{
	while (z != NULL && strcmp(z->name, name) != 0)
		z = z->next;
	return z;
}

/*
 * Names that are no zone's stand in the table as well, the first of them: what
 * a person's device calls its zone is asked for with each of their events.
 */
static struct zone *
zone_load_or_not(const char *name)
{
	static int missing;
	struct zone *z = zone_load(name);

	if (z != NULL || missing == MISSING_MAX)
		return z;
	missing++;
	z = xcalloc(1, sizeof *z);
	z->name = xstrdup(name);
	return z;
}

static const struct zone *
if_there(const struct zone *z)
{
	return z != NULL && z->types != NULL ? z : NULL;
}

const struct zone *
zone_find(const char *name)
{
	static _Atomic(struct zone *) buckets[ZONE_BUCKETS];
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	_Atomic(struct zone *) *bucket;
	struct zone *z;
	unsigned hash = 5381;

	if (strcmp(name, "UTC") == 0)
		return zone_utc();
	for (const char *p = name; *p != '\0'; p++)
		hash = hash * 33 + (unsigned char)*p;
	bucket = &buckets[hash % ZONE_BUCKETS];
	if ((z = bucket_find(*bucket, name)) != NULL || !name_is_valid(name))
		return if_there(z);
	pthread_mutex_lock(&lock);
	z = bucket_find(*bucket, name);
	if (z == NULL && (z = zone_load_or_not(name)) != NULL) {
		z->next = *bucket;
		*bucket = z;
	}
	pthread_mutex_unlock(&lock);
	return if_there(z);
}

const struct zone *
zone_utc(void)
{
	static char name[] = "UTC";
	static struct zone_offset type = {0, "UTC"};
	static const struct zone utc = {.name = name, .types = &type};

	return &utc;
}

const char *
zone_name(const struct zone *z)
{
	return z->name;
}
