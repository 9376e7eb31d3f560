/* SPDX-License-Identifier: MIT */
#ifndef SEQUENCES_LINT_H
#define SEQUENCES_LINT_H

#include "sequences/rules/reader.h"
#include "sequences/rules/sequence.h"
#include "templates/templates.h"

/*
 * lint - guard rails, most of them the playbook's (design 6.2): what can be
 * loaded and should not be. Each has a name, and each is a warning:
 *
 *	unsubscribe-link	mail under a topic, with no way out of it
 *	unreachable-step	a step that nobody ever comes to
 *	no-upsell-before-day-4	somebody who has just signed up needs value
 *	human-owned-accounts	who has a human gets no mail from a machine
 *	answerable-review	Yes, Partial and No, or the answer is "okay"
 */

/* The reader's document is the sequence's. */
void lint_sequence(const struct sequence *, struct reader *);
/* Those rules that look at messages alone; the set must be without errors. */
void lint_templates(const struct templates *, struct problems *);

#endif
