/* SPDX-License-Identifier: MIT */
/*
 * seen - a sample, not a census: subjects from eight places of the store, the
 * oldest and the newest among them, and the latest events of every tenth. What
 * cannot be read tells nothing; loading the workspace complains of it.
 */
#include <dirent.h>
#include <string.h>

#include "queue/queue.h"
#include "templates/json.h"
#include "templates/json_text.h"
#include "worker/commands/seen.h"

#define PLACES	    8
#define PLACE_SIZE  400 /* subjects of a kind */
#define EVENTS	    20	/* of a subject */
#define EVENT_EVERY 10	/* subjects */

/* The first example stays, unless it shows nothing. */
static void
see(json_t *seen, json_t *object)
{
	const char *name;
	json_t *value;

	json_object_foreach(object, name, value)
	{
		json_t *known = json_object_get(seen, name);

		if (known == NULL || json_is_null(known) ||
		    (json_is_string(known) && json_string_length(known) == 0))
			json_object_set(seen, name, value);
	}
}

static void
see_text(json_t *seen, const char *text)
{
	json_t *object = json_text_read(text, strlen(text));

	see(seen, object);
	json_decref(object);
}

/* ------------------------------------------------------------- scenarios */

static void
see_scenario(struct seen *s, json_t *scenario)
{
	json_t *one;
	size_t i;

	see(s->user, json_object_get(scenario, "user"));
	json_array_foreach(json_object_get(scenario, "users"), i, one)
	    see(s->user, one);
	json_array_foreach(json_object_get(scenario, "accounts"), i, one)
	    see(s->account, one);
	json_array_foreach(json_object_get(scenario, "events"), i, one)
	{
		bool is_account = json_object_get(one, "user") == NULL &&
				  json_object_get(one, "account") != NULL;

		see(s->event, json_object_get(one, "properties"));
		see(is_account ? s->account : s->user,
		    json_object_get(one, "traits"));
	}
}

static int
is_json(const struct dirent *d)
{
	const char *dot = strrchr(d->d_name, '.');

	return d->d_name[0] != '.' && dot != NULL && strcmp(dot, ".json") == 0;
}

static void
see_file(struct seen *s, const char *path)
{
	struct json_doc doc;
	struct error e;
	json_t *one;
	size_t i;

	if (json_doc_load(&doc, path, path, &e) != 0)
		return;
	see_scenario(s, doc.root);
	json_array_foreach(json_object_get(doc.root, "scenarios"), i, one)
	    see_scenario(s, one);
	json_doc_free(&doc);
}

static void
see_scenarios(struct seen *s, const char *folder)
{
	struct buf dir = {0}, path = {0};
	struct dirent **names;
	int n;

	buf_addf(&dir, "%s/scenarios", folder);
	n = scandir(dir.data, &names, is_json, alphasort);
	for (int i = 0; i < n; i++) {
		buf_truncate(&path, 0);
		buf_addf(&path, "%s/%s", dir.data, names[i]->d_name);
		see_file(s, path.data);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	buf_free(&dir);
	buf_free(&path);
}

/* ----------------------------------------------------------------- store */

static void
see_events(struct seen *s, struct queue *q, int64_t subject)
{
	struct queue_event events[EVENTS];
	int n = queue_events_of(q, subject, 0, events, EVENTS);

	for (int i = 0; i < n; i++)
		if (events[i].name != NULL && events[i].name[0] != '\0')
			see_text(s->event, events[i].body);
}

/* Subjects of a kind that come after an id. */
static void
see_subjects(struct seen *s, struct queue *q, enum queue_subject_kind kind,
    int64_t after)
{
	static struct queue_subject rows[PLACE_SIZE];
	static int64_t ids[PLACE_SIZE];
	bool is_user = kind == QUEUE_USER;
	int n = queue_subjects_after(q, kind, after, ids, PLACE_SIZE);

	if (n <= 0 || queue_subjects_load(q, ids, n, rows) != 0)
		return;
	for (int i = 0; i < n; i++) {
		if (rows[i].id == 0)
			continue;
		see_text(is_user ? s->user : s->account, rows[i].traits);
		if (is_user && i % EVENT_EVERY == 0)
			see_events(s, q, rows[i].id);
	}
	s->people += is_user ? n : 0;
}

static void
see_store(struct seen *s, const char *store)
{
	struct queue_error error;
	struct queue *q = queue_open(store, QUEUE_READER, &error);
	int64_t last, after, before = -PLACE_SIZE;

	if (q == NULL)
		return;
	last = queue_begin(q) == 0 ? queue_subjects_last(q) : 0;
	for (int i = 0; i < PLACES && last > 0; i++) {
		struct queue_mark mark = queue_mark(q);

		after = i < PLACES - 1 ? last / PLACES * i : last - PLACE_SIZE;
		if (after < before + PLACE_SIZE)
			after = before + PLACE_SIZE; /* a small store */
		see_subjects(s, q, QUEUE_USER, after);
		see_subjects(s, q, QUEUE_ACCOUNT, after);
		queue_release(q, mark);
		before = after;
	}
	queue_rollback(q);
	queue_close(q);
}

void
seen_load(struct seen *s, const struct settings *settings)
{
	*s = (struct seen){json_object(), json_object(), json_object(), 0};
	see_store(s, settings->store);
	see_scenarios(s, settings->folder);
}

void
seen_free(struct seen *s)
{
	json_decref(s->user);
	json_decref(s->account);
	json_decref(s->event);
	*s = (struct seen){0};
}
