/* SPDX-License-Identifier: MIT */
/*
 * recipient - who of an account's members is meant by {"members": COND}. Asked
 * when the message is handed out, one member at a time: so the engine never
 * needs them all. When in doubt nobody is written to.
 */
#include <string.h>

#include "sequences/look.h"

static const struct recipient *
find_recipient(const struct step *step, const char *name)
{
	const struct recipients *to = &step->action.to;

	for (int i = 0; i < to->n; i++)
		if (to->list[i].members != NULL &&
		    strcmp(to->list[i].name, name) == 0)
			return &to->list[i];
	return NULL;
}

int
engine_is_meant(const struct rules *rules, const char *sequence, int version,
    const char *step_id, const char *recipient, const struct subject *member,
    const struct subject *account, int64_t now_ms)
{
	struct engine_scope scope = {.rules = rules,
	    .subject = member,
	    .account = account,
	    .now_ms = now_ms,
	    .zone = engine_zone(rules, member, account)};
	const struct sequence *q;
	const struct step *step =
	    place_find_step(rules, sequence, version, step_id, &q);
	const struct recipient *to =
	    step != NULL ? find_recipient(step, recipient) : NULL;
	struct error ignored;
	int is_meant;

	if (to == NULL)
		return -1;
	is_meant = condition_test(to->members, &scope, &ignored);
	engine_scope_free(&scope);
	return is_meant > 0;
}
