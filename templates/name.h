/* SPDX-License-Identifier: MIT */
#ifndef TEMPLATES_NAME_H
#define TEMPLATES_NAME_H

#include <stdbool.h>
#include <stddef.h>

/*
 * A name as people have them: no link, no markup, no control character, at most
 * 64 characters. Not so "evil.example", "www...", "https://..." and "<b>",
 * which mail clients turn into what a stranger can click on.
 */
bool name_is_plain(const char *, size_t len);

/*
 * Is root.….last what somebody called himself, or his company? first_name,
 * lastName, company_name and the like are, wherever they stand; name, company
 * and team are in `user` and `account`.
 */
bool name_is_given(
    const char *root, size_t root_len, const char *last, size_t len);

#endif
