/* SPDX-License-Identifier: MIT */
#ifndef SEQUENCES_DESCRIBE_H
#define SEQUENCES_DESCRIBE_H

#include <stdint.h>

#include <jansson.h>

#include "sequences/rules/rules.h"
#include "sequences/subject.h"

/*
 * describe - a subject's metrics for a person to read: a new array of
 * {"name", "kind", "value", "from", "definition"}, by name. `from` says in
 * words what the value is made of. `account` as for the engine.
 */
json_t *describe_metrics(const struct rules *, const struct subject *,
    const struct subject *account, int64_t now_ms);

#endif
