/* SPDX-License-Identifier: MIT */
/*
 * follow - the traits of an account that its users wait for: a step of theirs
 * may be `at` one of them, and their time zone may be the account's. Nothing
 * happens to the users themselves when one of these changes.
 */
#include <stdlib.h>
#include <string.h>

#include "sequences/rules/rules_private.h"
#include "templates/mem.h"

#define ACCOUNT "account."

static void
follow(struct rules *rules, const char *trait)
{
	const char **list = rules->followed;

	if (name_is_among(trait, list))
		return;
	list = xrealloc(list, (size_t)(rules->n_followed + 2) * sizeof *list);
	list[rules->n_followed++] = xstrdup(trait);
	list[rules->n_followed] = NULL;
	rules->followed = list;
}

static void
follow_path(void *arg, const struct liquid_path *path)
{
	const char *rest = path->text + strlen(ACCOUNT);
	char *trait;

	if (strncmp(path->text, ACCOUNT, strlen(ACCOUNT)) != 0)
		return;
	trait = xstrndup(rest, strcspn(rest, "."));
	follow(arg, trait);
	free(trait);
}

static void
follow_steps(struct rules *rules, const struct sequence *q)
{
	for (int i = 0; !q->for_account && i < q->n_steps; i++)
		if (q->steps[i].when == STEP_AT)
			liquid_value_paths(q->steps[i].at, follow_path, rules);
}

void
rules_follow(struct rules *rules)
{
	follow(rules, "timezone");
	for (int i = 0; i < rules->n_sequences; i++)
		follow_steps(rules, &rules->sequences[i]);
	for (int i = 0; i < rules->n_pinned; i++)
		follow_steps(rules, &rules->pinned[i]);
}

void
rules_follow_free(struct rules *rules)
{
	for (int i = 0; i < rules->n_followed; i++)
		free((char *)rules->followed[i]);
	free(rules->followed);
}

bool
rules_members_wait(
    const struct rules *rules, const json_t *traits, const json_t *changes)
{
	for (int i = 0; i < rules->n_followed; i++) {
		const char *name = rules->followed[i];
		json_t *new = json_object_get(changes, name);

		if (new != NULL &&
		    !json_equal(new, json_object_get(traits, name)))
			return true;
	}
	return false;
}
