/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "templates/json.h"
#include "templates/mem.h"

#define FILE_MAX ((off_t)8 * 1024 * 1024)

static int
read_all(int fd, char *text, size_t size)
{
	size_t got = 0;

	while (got < size) {
		ssize_t n = read(fd, text + got, size - got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	text[got] = '\0';
	return got == size ? 0 : -1;
}

char *
file_read(const char *path, size_t *len, struct error *e)
{
	struct stat st;
	char *text = NULL;
	int fd;

	errno = 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0) {
		error_at(
		    e, path, 0, 0, NULL, "cannot be read: %s", strerror(errno));
	} else if (!S_ISREG(st.st_mode)) {
		error_at(e, path, 0, 0, NULL, "is not a file");
	} else if (st.st_size > FILE_MAX) {
		error_at(e, path, 0, 0, NULL, "is larger than 8 MB");
	} else {
		*len = (size_t)st.st_size;
		text = xmalloc(*len + 1);
		if (read_all(fd, text, *len) != 0) {
			error_at(e, path, 0, 0, NULL, "cannot be read: %s",
			    errno != 0 ? strerror(errno) : "it shrank");
			free(text);
			text = NULL;
		}
	}
	if (fd >= 0)
		close(fd);
	return text;
}

static int
parse_owned(struct json_doc *doc, const char *shown, char *text, size_t len,
    struct error *e)
{
	json_error_t at;

	*doc = (struct json_doc){.text = text, .len = len};
	doc->root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &at);
	if (doc->root == NULL) {
		error_at(e, shown, at.line, at.column, NULL, "%s", at.text);
	} else if (!json_is_object(doc->root)) {
		error_at(
		    e, shown, 1, 1, NULL, "a JSON object is expected: { ... }");
	} else {
		doc->file = xstrdup(shown);
		return 0;
	}
	json_doc_free(doc);
	return -1;
}

int
json_doc_parse(struct json_doc *doc, const char *shown, const char *text,
    size_t len, struct error *e)
{
	return parse_owned(doc, shown, xstrndup(text, len), len, e);
}

int
json_doc_load(
    struct json_doc *doc, const char *path, const char *shown, struct error *e)
{
	size_t len;
	char *text = file_read(path, &len, e);

	if (text == NULL) {
		snprintf(e->file, sizeof e->file, "%s", shown);
		return -1;
	}
	return parse_owned(doc, shown, text, len, e);
}

void
json_doc_free(struct json_doc *doc)
{
	json_decref(doc->root);
	free(doc->text);
	free(doc->file);
	*doc = (struct json_doc){0};
}

/*
 * Finding a value again in text that is known to be valid JSON: each function
 * takes where it stands and returns where it ends.
 */
static const char *
skip_space(const char *p)
{
	return p + strspn(p, " \t\r\n,:");
}

static const char *
skip_string(const char *p)
{
	for (p++; *p != '"' && *p != '\0'; p++)
		if (*p == '\\' && p[1] != '\0')
			p++;
	return *p == '"' ? p + 1 : p;
}

static const char *
skip_value(const char *p)
{
	int depth = 0;

	do {
		p = skip_space(p);
		if (*p == '\0')
			return p;
		if (*p == '"') {
			p = skip_string(p);
		} else if (*p == '{' || *p == '[') {
			depth++;
			p++;
		} else if (*p == '}' || *p == ']') {
			depth--;
			p++;
		} else {
			p += strcspn(p, " \t\r\n,:]}");
		}
	} while (depth > 0);
	return p;
}

/* Does the quoted name at p equal the pointer's segment (RFC 6901 escapes)? */
static bool
name_is(const char *p, const char *segment, size_t len)
{
	const char *end = skip_string(p);
	json_t *name = json_loadb(p, (size_t)(end - p), JSON_DECODE_ANY, NULL);
	const char *s = json_string_value(name);
	bool same = s != NULL;

	for (size_t i = 0; same && i < len; i++, s++) {
		char c = segment[i];

		if (c == '~' && i + 1 < len)
			c = segment[++i] == '1' ? '/' : '~';
		same = *s == c;
	}
	same = same && *s == '\0';
	json_decref(name);
	return same;
}

static const char *
find_child(const char *p, const char *segment, size_t len)
{
	long index = strtol(segment, NULL, 10);

	for (p = skip_space(p + 1); *p != '}' && *p != ']' && *p != '\0';
	     p = skip_space(p)) {
		const char *value = p;
		bool found;

		if (*p == '"' && p[-1] != '\0' &&
		    *skip_space(skip_string(p)) != '\0' &&
		    skip_string(p)[strspn(skip_string(p), " \t\r\n")] == ':') {
			found = name_is(p, segment, len);
			value = skip_space(skip_string(p));
		} else {
			found = index-- == 0;
		}
		if (found)
			return value;
		p = skip_value(value);
	}
	return NULL;
}

void
json_doc_where(
    const struct json_doc *doc, const char *pointer, int *line, int *column)
{
	const char *p = skip_space(doc->text);
	const char *start = doc->text;

	while (*pointer == '/') {
		size_t len = strcspn(pointer + 1, "/");
		const char *child = *p == '{' || *p == '['
					? find_child(p, pointer + 1, len)
					: NULL;

		if (child == NULL)
			break;
		p = child;
		pointer += 1 + len;
	}
	*line = 1;
	for (const char *q = doc->text; q < p; q++)
		if (*q == '\n') {
			++*line;
			start = q + 1;
		}
	*column = (int)(p - start) + 1;
}

void
json_doc_error(const struct json_doc *doc, const char *pointer, struct error *e,
    const char *fmt, ...)
{
	char text[sizeof e->text];
	int line, column;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	json_doc_where(doc, pointer, &line, &column);
	error_at(e, doc->file, line, column, pointer, "%s", text);
}
