/* SPDX-License-Identifier: MIT */
/*
 * log - formats a message into a buffer of its own, escapes it in one place and
 * writes it in one call. Allocates nothing, so that it can speak of a process
 * that has no memory left. errno survives a call.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/stat.h>

#include "worker/log.h"

#define MESSAGE_MAX 2000
#define ESCAPED_MAX 5 /* bytes that one byte can become: \\xNN in JSON */

static const char *const names[] = {"debug", "info", "warn", "error", "fatal"};
static const int priorities[] = {7, 6, 4, 3, 2}; /* syslog(3) */

static bool as_json, for_journal;
static enum log_level least_level = LOG_INFO;

/* Is standard error the journal's? systemd.exec(5), $JOURNAL_STREAM. */
static bool
is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;

	return stream != NULL &&
	       sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
	       fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device &&
	       st.st_ino == inode;
}

void
log_open(bool json, enum log_level least)
{
	for_journal = is_journal();
	as_json = json || !isatty(STDERR_FILENO);
	least_level = least;
}

/*
 * Bytes of the printable UTF-8 character at s (RFC 3629 section 4), or 0 when
 * there is none: control characters (C0, DEL, C1), stray or overlong bytes,
 * surrogates. The NUL behind the text ends a cut sequence.
 */
static size_t
printable(const unsigned char *s)
{
	unsigned long c = s[0];
	size_t len = c < 0x80	? 1
		     : c < 0xc2 ? 0
		     : c < 0xe0 ? 2
		     : c < 0xf0 ? 3
		     : c < 0xf5 ? 4
				: 0;

	if (len <= 1)
		return c >= 0x20 && c != 0x7f ? len : 0;
	c &= 0x7fu >> len;
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < 0xa0 || (len == 3 && c < 0x800) || (len == 4 && c < 0x10000) ||
	    (c >= 0xd800 && c <= 0xdfff) || c > 0x10ffff)
		return 0;
	return len;
}

/* The next "@", as it is or percent-encoded, of so many bytes; or NULL. */
static const char *
find_at(const char *s, size_t *len)
{
	for (; *s != '\0'; s++) {
		*len = *s == '@' ? 1 : strncmp(s, "%40", 3) == 0 ? 3 : 0;
		if (*len > 0)
			return s;
	}
	return NULL;
}

/*
 * Is the "@" at s, which ends at `after`, that of a mail address? Then its
 * local part begins at the result, which is not before `from`; else NULL. What
 * ends one is what cannot stand in one unquoted (RFC 5322 section 3.2.3,
 * atext).
 */
static const char *
local_part(const char *from, const char *s, const char *after)
{
	static const char ends[] = " \t\r\n<>()[],;:\"\\";
	const char *start = s;

	while (start > from && strchr(ends, start[-1]) == NULL)
		start--;
	return start < s && strchr(ends, *after) == NULL ? start : NULL;
}

/* The text with "***" in place of every local part, as far as it fits. */
static void
mask(const char *text, char *to, size_t size)
{
	const char *at = text, *start;
	size_t len = 0, width;

	for (; (at = find_at(at, &width)) != NULL && len < size; at += width) {
		start = local_part(text, at, at + width);
		if (start == NULL)
			continue;
		len += (size_t)snprintf(to + len, size - len, "%.*s***%.*s",
		    (int)(start - text), text, (int)width, at);
		text = at + width;
	}
	if (len < size)
		snprintf(to + len, size - len, "%s", text);
}

/* Appends a text to a line that has room for it. Returns the line's new end. */
static char *
escape(char *to, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;

	while (*s != '\0') {
		size_t len = printable(s);

		if (as_json && (len == 0 || *s == '"' || *s == '\\'))
			*to++ = '\\';
		if (len == 0) {
			to += sprintf(to, "\\x%02x", *s++);
			continue;
		}
		memcpy(to, s, len);
		to += len;
		s += len;
	}
	return to;
}

static char *
put_head(char *to, size_t size, enum log_level level)
{
	struct timespec now;
	struct tm tm;
	char clock[32];
	int len;

	len = for_journal ? sprintf(to, "<%d>", priorities[level]) : 0;
	to += len;
	size -= (size_t)len;
	clock_gettime(CLOCK_REALTIME, &now);
	if (as_json) {
		gmtime_r(&now.tv_sec, &tm);
		strftime(clock, sizeof clock, "%Y-%m-%dT%H:%M:%S", &tm);
		return to +
		       snprintf(to, size,
			   "{\"ts\":\"%s.%03ldZ\",\"level\":\"%s\",\"msg\":\"",
			   clock, now.tv_nsec / 1000000, names[level]);
	}
	localtime_r(&now.tv_sec, &tm);
	strftime(clock, sizeof clock, "%H:%M:%S", &tm);
	return to + snprintf(to, size, "%s.%03ld %-5s ", clock,
			now.tv_nsec / 1000000, names[level]);
}

static void __attribute__((format(printf, 2, 0)))
write_line(enum log_level level, const char *fmt, va_list ap)
{
	char message[MESSAGE_MAX + 1], masked[MESSAGE_MAX + 1];
	char line[MESSAGE_MAX * ESCAPED_MAX + 128], *end;
	int saved = errno;

	if (level < least_level)
		return;
	if (vsnprintf(message, sizeof message, fmt, ap) < 0)
		message[0] = '\0';
	end = put_head(line, 100, level);
	mask(message, masked, sizeof masked);
	end = escape(end, masked);
	end = stpcpy(end, as_json ? "\"}\n" : "\n");
	while (write(STDERR_FILENO, line, (size_t)(end - line)) == -1 &&
	       errno == EINTR)
		;
	errno = saved;
}

void
log_debug(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	write_line(LOG_DEBUG, fmt, ap);
	va_end(ap);
}

void
log_info(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	write_line(LOG_INFO, fmt, ap);
	va_end(ap);
}

void
log_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	write_line(LOG_WARN, fmt, ap);
	va_end(ap);
}

void
log_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	write_line(LOG_ERROR, fmt, ap);
	va_end(ap);
}

void
log_fatal(int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	write_line(LOG_FATAL, fmt, ap);
	va_end(ap);
	exit(code);
}

void
panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	write_line(LOG_FATAL, fmt, ap);
	va_end(ap);
	abort();
}
