/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "templates/mem.h"
#include "templates/utf8.h"
#include "worker/settings/topics.h"

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorted, so that the same ones are neighbours. */
static void
drop_doubles(const char **names)
{
	const char **kept = names;

	for (; *names != NULL; names++)
		if (names[1] == NULL || strcmp(names[0], names[1]) != 0)
			*kept++ = *names;
	*kept = NULL;
}

const char **
topics_of(const struct workspace *w)
{
	const struct template *t;
	const char **names;
	size_t n = 0, files = 0;

	while (templates_at(w->templates, files) != NULL)
		files++;
	names =
	    xcalloc(files + (size_t)rules_count(w->rules) + 1, sizeof *names);
	for (size_t i = 0; (t = templates_at(w->templates, i)) != NULL; i++)
		if (template_info(t)->topic != NULL)
			names[n++] = template_info(t)->topic;
	for (int i = 0; i < rules_count(w->rules); i++)
		if (rules_info(w->rules, i).topic != NULL)
			names[n++] = rules_info(w->rules, i).topic;
	qsort(names, n, sizeof *names, by_name);
	drop_doubles(names);
	return names;
}

static const char *
told(const struct settings *s, const char *topic, const char *member)
{
	return json_string_value(
	    json_object_get(json_object_get(s->topics, topic), member));
}

void
topic_title(const struct settings *s, const char *topic, struct buf *out)
{
	const char *title = told(s, topic, "title");
	char capital[UTF8_CASE_MAX];
	size_t used, n;

	if (title != NULL || *topic == '\0') {
		buf_adds(out, title != NULL ? title : "");
		return;
	}
	n = utf8_case(topic, topic + strlen(topic), true, capital, &used);
	buf_add(out, capital, n);
	for (topic += used; *topic != '\0'; topic++)
		buf_addc(out, *topic == '-' ? ' ' : *topic);
}

const char *
topic_description(const struct settings *s, const char *topic)
{
	return told(s, topic, "description");
}
