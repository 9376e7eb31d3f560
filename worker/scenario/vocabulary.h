/* SPDX-License-Identifier: MIT */
#ifndef WORKER_SCENARIO_VOCABULARY_H
#define WORKER_SCENARIO_VOCABULARY_H

#include <jansson.h>

#include "worker/settings/workspace.h"

/*
 * vocabulary - the names that scenarios of a workspace may use, and which step
 * sends what, for naming the decision that kept a message from being sent.
 */
struct known_step {
	const char *sequence, *id;
	json_t *definition;
};

struct vocabulary {
	const struct workspace *workspace;
	const char *const *templates; /* names: NULL-terminated */
	const char **sequences;
	const char **steps;
	const char **user_metrics, **account_metrics;
	const char **recipients; /* roles and contacts */
	struct known_step *known;
	int n_known;
	json_t *definitions, *metrics[2]; /* that names belong to */
};

/* Of a workspace without errors, which must live as long. */
void vocabulary_load(struct vocabulary *, const struct workspace *);
void vocabulary_free(struct vocabulary *);

/* Can this step send that template? */
bool step_sends(const struct known_step *, const char *template_name);

#endif
