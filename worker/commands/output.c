/* SPDX-License-Identifier: MIT */
/*
 * output - what commands print. Ids, traits and replies are strangers' text: a
 * control character or a bidirectional override in them comes out as \uXXXX,
 * moves nobody's cursor and begins no line. (In JSON that is the same string.)
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "templates/buf.h"
#include "templates/mem.h"
#include "worker/commands/commands.h"

/* Stands for '\n' in a format; no UTF-8 has this byte, so no value does. */
#define OUR_LINE_END 0xffu

/* The character at s when a terminal would act on it, else 0. */
static unsigned
acting(const unsigned char *s, size_t *len)
{
	*len = 1;
	if (s[0] < ' ' || s[0] == 0x7f)
		return s[0];
	if (s[0] == 0xc2 && s[1] >= 0x80 && s[1] <= 0x9f) {
		*len = 2;
		return s[1];
	}
	*len = 3;
	if (s[0] == 0xe2 && s[1] == 0x80 && s[2] >= 0xaa && s[2] <= 0xae)
		return 0x2000u + (s[2] - 0x80u); /* U+202A-202E */
	if (s[0] == 0xe2 && s[1] == 0x81 && s[2] >= 0xa6 && s[2] <= 0xa9)
		return 0x2040u + (s[2] - 0x80u); /* U+2066-2069 */
	return 0;
}

/* Bytes of `kept` may do what they do. */
static void
write_safely(const char *text, const char *kept, FILE *to)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t len;

	for (; *s != '\0'; s++) {
		unsigned c = acting(s, &len);

		if (*s == OUR_LINE_END) {
			fputc('\n', to);
		} else if (c == 0 || strchr(kept, *s) != NULL) {
			fputc(*s, to);
		} else {
			fprintf(to, "\\u%04x", c);
			s += len - 1;
		}
	}
}

bool
shows_colours(void)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(STDOUT_FILENO) &&
	       (no_color == NULL || no_color[0] == '\0') &&
	       (term == NULL || strcmp(term, "dumb") != 0);
}

/*
 * A line ends where the format says so, and not where a value does: a row could
 * be forged.
 */
static void __attribute__((format(printf, 2, 0)))
say_to(FILE *to, const char *fmt, va_list ap)
{
	char *ours = xstrdup(fmt), *text;

	for (char *s = ours; (s = strchr(s, '\n')) != NULL;)
		*s = (char)OUR_LINE_END;
#pragma GCC diagnostic push /* callers' formats are checked as `fmt` */
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	if (vasprintf(&text, ours, ap) < 0)
		abort();
#pragma GCC diagnostic pop
	write_safely(text, "", to);
	free(text);
	free(ours);
}

void
say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say_to(stdout, fmt, ap);
	va_end(ap);
}

void
say_lines(const char *text)
{
	write_safely(text, "\n\t", stdout);
}

void
hint(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say_to(stderr, fmt, ap);
	va_end(ap);
}

int
fail(int code, const char *fmt, ...)
{
	va_list ap;

	fputs("nudge: ", stderr);
	va_start(ap, fmt);
	say_to(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return code;
}

void
print_json(const json_t *value)
{
	char *text = json_dumps(value, JSON_INDENT(2) | JSON_ENCODE_ANY);

	say_lines(text);
	putchar('\n');
	free(text);
}

char *
metric_text(const json_t *value)
{
	const json_t *percent = json_object_get(value, "percent");
	char *text = json_dumps(percent != NULL ? percent : value,
	    JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(6));
	struct buf b = {0};

	buf_addf(&b, "%s%s", text, percent != NULL ? "%" : "");
	free(text);
	return buf_steal(&b);
}

void
set_text(json_t *object, const char *name, const char *text)
{
	if (text != NULL)
		json_object_set_new(object, name, json_string(text));
}

const char *
member_text(const json_t *object, const char *name)
{
	const char *s = json_string_value(json_object_get(object, name));

	return s != NULL ? s : "";
}
