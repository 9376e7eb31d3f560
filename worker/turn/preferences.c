/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "worker/settings/topics.h"
#include "worker/turn/preferences.h"

#define BY_OWNER   "unsubscribed" /* the reason of the owner's own */
#define PEOPLE_MAX 50		  /* with one address */

enum standing { ON, OFF, BLOCKED, UNKNOWN };

static const char *const names[] = {"on", "off", "blocked"};

/* UNKNOWN: the store failed. */
static enum standing
standing_of(struct turn *t, const char *address, const char *topic)
{
	const char *why;
	int rc = queue_suppression(t->queue, address, topic, &why);

	if (rc < 0)
		return UNKNOWN;
	if (rc == 0)
		return ON;
	return strcmp(why, BY_OWNER) == 0 ? OFF : BLOCKED;
}

static int
note(struct turn *t, const char *address, const char *what, const char *topic)
{
	struct queue_subject found[PEOPLE_MAX];
	int64_t ids[PEOPLE_MAX];
	struct buf reason = {0};
	int n, owners = 0;

	n = queue_subjects_search(t->queue, address, 0, found, PEOPLE_MAX);
	for (int i = 0; i < n; i++)
		if (strcasecmp(found[i].email, address) == 0)
			ids[owners++] = found[i].id;
	if (n < 0 || turn_load_ids(t, ids, owners) != 0)
		return -1;
	buf_addf(&reason, "%s, by a link in a mail",
	    *topic != '\0' ? topic : "all topics");
	for (int i = 0; i < owners; i++)
		turn_note(t, people_by_id(&t->people, ids[i]), NULL, 0, NULL,
		    what, reason.data);
	buf_free(&reason);
	return 0;
}

int
preferences_leave(struct turn *t, const char *address, const char *topic)
{
	switch (standing_of(t, address, topic)) {
	case ON:
		return queue_suppress(
			   t->queue, address, topic, BY_OWNER, t->now_ms) == 0
			   ? note(t, address, "unsubscribed", topic)
			   : -1;
	case UNKNOWN:
		return -1;
	default:
		return 0;
	}
}

static int
come_back(struct turn *t, const char *address, const char *topic)
{
	switch (standing_of(t, address, topic)) {
	case OFF:
		return queue_unsuppress(t->queue, address, topic) == 0
			   ? note(t, address, "subscribed", topic)
			   : -1;
	case UNKNOWN:
		return -1;
	default:
		return 0;
	}
}

static bool
is_in(const json_t *list, const char *topic)
{
	json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
	{
		if (strcmp(json_string_value(item), topic) == 0)
			return true;
	}
	return false;
}

/* Who left everything and wants none of the topics still leaves everything. */
static int
choose(struct turn *t, const char *address, const char *const *topics,
    const json_t *ticked)
{
	bool any = false;

	for (const char *const *topic = topics; *topic != NULL; topic++)
		any |= is_in(ticked, *topic);
	if (any && come_back(t, address, "") != 0)
		return -1;
	for (; *topics != NULL; topics++)
		if ((is_in(ticked, *topics) ? come_back : preferences_leave)(
			t, address, *topics) != 0)
			return -1;
	return 0;
}

/* Where everything is left or blocked, a topic alone can be blocked, too. */
static int
look(struct turn *t, const char *address, const char *const *topics,
    json_t *standing)
{
	enum standing all = standing_of(t, address, "");

	if (all == UNKNOWN)
		return -1;
	json_object_set_new(standing, "", json_string(names[all]));
	for (; *topics != NULL; topics++) {
		enum standing one = standing_of(t, address, *topics);

		if (one == UNKNOWN)
			return -1;
		json_object_set_new(standing, *topics,
		    json_string(names[one > all ? one : all]));
	}
	return 0;
}

int
preferences_apply(struct turn *t, const char *address, const json_t *wanted,
    json_t **standing)
{
	const char **topics = topics_of(t->workspace);
	json_t *ticked = json_object_get(wanted, "topics");
	int rc = 0;

	if (json_is_true(json_object_get(wanted, "all")))
		rc = preferences_leave(t, address, "");
	else if (ticked != NULL)
		rc = choose(t, address, topics, ticked);
	*standing = json_object();
	if (rc == 0)
		rc = look(t, address, topics, *standing);
	free(topics);
	return rc;
}
