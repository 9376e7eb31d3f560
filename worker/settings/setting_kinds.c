/* SPDX-License-Identifier: MIT */
/* setting_kinds - what a text may be for each kind of setting. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sequences/calendar.h"
#include "templates/mem.h"
#include "templates/mail/mime.h"
#include "worker/settings/setting_table.h"
#include "worker/settings/settings.h"

static char *
workspace_path(const struct setting_reader *r, const char *path)
{
	struct buf b = {0};

	if (path[0] != '/')
		buf_addf(&b, "%s/", r->folder);
	buf_adds(&b, path);
	return buf_steal(&b);
}

static int
parse_number(const char *text, int64_t min, int64_t max, int64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoll(text, &end, 10);
	return errno == 0 && end != text && *end == '\0' && *out >= min &&
		       *out <= max
		   ? 0
		   : -1;
}

int
setting_rate(const char *text, double *out)
{
	char *end;

	*out = strtod(text, &end);
	if (end == text || *out < 0 || *out > 1e6)
		return -1;
	if (strcmp(end, "/m") == 0)
		*out /= 60;
	else if (strcmp(end, "/h") == 0)
		*out /= 3600;
	else if (strcmp(end, "/s") != 0 && *end != '\0')
		return -1;
	return 0;
}

static void
put_text(void *at, char *text)
{
	free(*(char **)at);
	*(char **)at = text;
}

/*
 * One function a kind: puts the value of the text where it belongs, or returns
 * what was expected. `r` has the folder; the row has the range.
 */
typedef const char *set_fn(const struct setting_reader *,
    const struct setting *, void *at, const char *text);

static const char *
set_text(const struct setting_reader *r, const struct setting *row, void *at,
    const char *text)
{
	static char expected[80];
	int64_t len = (int64_t)strlen(text);

	if (row->max > 0 && (len < row->min || len > row->max)) {
		snprintf(expected, sizeof expected,
		    "%d to %d characters are expected", (int)row->min,
		    (int)row->max);
		return expected;
	}
	put_text(at, xstrdup(text));
	return NULL;
}

static const char *
set_path(const struct setting_reader *r, const struct setting *row, void *at,
    const char *text)
{
	put_text(at, workspace_path(r, text));
	return NULL;
}

static const char *
set_url(const struct setting_reader *r, const struct setting *row, void *at,
    const char *text)
{
	size_t len = strlen(text);

	if (strncmp(text, "http://", 7) != 0 &&
	    strncmp(text, "https://", 8) != 0)
		return "a URL with http:// or https:// is expected";
	while (text[len - 1] == '/')
		len--;
	put_text(at, xstrndup(text, len));
	return NULL;
}

static const char *
set_address(const struct setting_reader *r, const struct setting *row, void *at,
    const char *text)
{
	if (!address_is_valid(text))
		return "a mail address is expected";
	put_text(at, xstrdup(text));
	return NULL;
}

static const char *
set_zone(const struct setting_reader *r, const struct setting *row, void *at,
    const char *text)
{
	*(const struct zone **)at = zone_find(text);
	return *(const struct zone **)at != NULL
		   ? NULL
		   : "an IANA time zone is expected, such as Europe/Berlin";
}

static const char *
set_number(const struct setting_reader *r, const struct setting *row, void *at,
    const char *text)
{
	static char expected[80];
	int64_t n;

	if (parse_number(text, row->min, row->max, &n) != 0) {
		snprintf(expected, sizeof expected,
		    "a whole number from %lld to %lld is expected",
		    (long long)row->min, (long long)row->max);
		return expected;
	}
	if (row->kind == KIND_INT)
		*(int *)at = (int)n;
	else
		*(int64_t *)at = n;
	return NULL;
}

static const char *
set_duration(const struct setting_reader *r, const struct setting *row,
    void *at, const char *text)
{
	return duration_parse(text, at) == 0
		   ? NULL
		   : "a duration is expected, such as 90s, 48h or 14d";
}

static const char *
set_wait(const struct setting_reader *r, const struct setting *row, void *at,
    const char *text)
{
	int64_t ms;

	if (duration_parse(text, &ms) != 0 || ms < row->min || ms > row->max)
		return "a duration is expected, such as 30s";
	*(int *)at = (int)ms;
	return NULL;
}

static const char *
set_rate(const struct setting_reader *r, const struct setting *row, void *at,
    const char *text)
{
	return setting_rate(text, at) == 0
		   ? NULL
		   : "a rate is expected, such as 50/s or 10/m";
}

static const char *
set_time(const struct setting_reader *r, const struct setting *row, void *at,
    const char *text)
{
	return window_parse_time(text, at) == 0
		   ? NULL
		   : "a time of day is expected, such as 21:00";
}

static const char *
set_tls(const struct setting_reader *r, const struct setting *row, void *at,
    const char *text)
{
	static const char *const names[] = {"none", "starttls", "implicit"};

	for (int i = 0; i < 3; i++)
		if (strcmp(text, names[i]) == 0) {
			*(enum channel_tls *)at = (enum channel_tls)i;
			return NULL;
		}
	return "\"starttls\", \"implicit\" or \"none\" is expected";
}

static bool
set_either(void *at, const char *text, const char *yes, const char *no)
{
	*(bool *)at = strcmp(text, yes) == 0;
	return *(bool *)at || strcmp(text, no) == 0;
}

static const char *
set_format(const struct setting_reader *r, const struct setting *row, void *at,
    const char *text)
{
	return set_either(at, text, "json", "text")
		   ? NULL
		   : "\"text\" or \"json\" is expected";
}

static const char *
set_reload(const struct setting_reader *r, const struct setting *row, void *at,
    const char *text)
{
	return set_either(at, text, "auto", "signal")
		   ? NULL
		   : "\"auto\" or \"signal\" is expected";
}

static const char *
set_bool(const struct setting_reader *r, const struct setting *row, void *at,
    const char *text)
{
	return set_either(at, text, "true", "false")
		   ? NULL
		   : "true or false is expected";
}

/* "5s 5m 30m": durations with blanks between them. */
static const char *
set_waits(const struct setting_reader *r, const struct setting *row, void *at,
    const char *text)
{
	char *copy = xstrdup(text), *rest = copy, *word;
	int64_t *list = xcalloc(strlen(text) / 2 + 2, sizeof *list);
	const char *wrong = NULL;
	size_t n = 0;

	while ((word = strtok_r(rest, " ", &rest)) != NULL)
		if (duration_parse(word, &list[n]) != 0 || list[n++] <= 0)
			wrong = "durations are expected, such as "
				"[\"5s\", \"5m\", \"30m\"]";
	free(copy);
	if (wrong != NULL) {
		free(list);
		return wrong;
	}
	free(*(int64_t **)at);
	*(int64_t **)at = list;
	return NULL;
}

static set_fn *const setters[] = {
    [KIND_TEXT] = set_text,
    [KIND_SECRET] = set_text,
    [KIND_PATH] = set_path,
    [KIND_URL] = set_url,
    [KIND_ADDRESS] = set_address,
    [KIND_ZONE] = set_zone,
    [KIND_INT] = set_number,
    [KIND_SIZE] = set_number,
    [KIND_DURATION] = set_duration,
    [KIND_WAIT] = set_wait,
    [KIND_RATE] = set_rate,
    [KIND_TIME] = set_time,
    [KIND_TLS] = set_tls,
    [KIND_FORMAT] = set_format,
    [KIND_RELOAD] = set_reload,
    [KIND_BOOL] = set_bool,
    [KIND_WAITS] = set_waits,
};

const char *
setting_set(const struct setting_reader *r, const struct setting *row,
    void *base, const char *text)
{
	if (row->kind >= KIND_TEXTS)
		return "this cannot be set from text";
	return setters[row->kind](r, row, (char *)base + row->offset, text);
}
