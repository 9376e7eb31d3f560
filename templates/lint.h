/* SPDX-License-Identifier: MIT */
#ifndef TEMPLATES_LINT_H
#define TEMPLATES_LINT_H

#include "templates/templates.h"

/*
 * lint - what can be loaded and sent, and is seldom meant. All are warnings,
 * with their place in the source, each once, however many templates share it:
 *
 *	unknown-name	reads what there is not
 *	image-alt	an image that says nothing where it is not shown
 *	https-links	a link or an image without https
 */
struct lint {
	const char *folder; /* the workspace: files are named from there */
	/*
	 * Says of a path that a template reads ("user.frist_name") what is
	 * wrong with it, or nothing.
	 */
	void (*check)(void *arg, const struct liquid_path *, struct buf *why);
	void *arg;
	struct problems *problems;
};

/* Of a set that was loaded without errors. */
void lint_sources(const struct lint *, const struct templates *);

/* Warns at the value of a header of a mail; "" is its first line. */
void lint_header(const struct lint *, const char *file, const char *header,
    const char *rule, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* An address that is used in the clear, and not of this machine. */
bool lint_is_insecure(const char *url);

#endif
