/* SPDX-License-Identifier: MIT */
#ifndef TEMPLATES_LIQUID_LIQUID_H
#define TEMPLATES_LIQUID_LIQUID_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "templates/buf.h"
#include "templates/error.h"
#include "templates/time/zone.h"

/*
 * liquid - Shopify's template language, strict, compiled once and rendered many
 * times. Compiled templates and conditions are immutable: any number of threads
 * may render one at the same time, each with its own scope and output.
 *
 * Data is never parsed as a template. Whatever comes from data is escaped for
 * the place it is written to, unless it is marked safe (filter `raw`, a
 * capture, a rendered partial). In HTML, Markdown and headers a name that
 * somebody gave (name.h) counts as undefined when it looks like a link.
 */
struct liquid;		 /* a compiled template */
struct liquid_condition; /* a compiled condition: what stands behind `if` */
struct liquid_value;	 /* a compiled value: what stands in {{ }} */

/* Where the output goes, and so how a value is escaped. */
enum liquid_context {
	LIQUID_TEXT,	 /* plain text: no escapes; controls dropped */
	LIQUID_VERBATIM, /* as Shopify's: nothing touched (conformance tests) */
	LIQUID_HTML,
	LIQUID_MARKDOWN, /* punctuation escaped, < as &lt; */
	LIQUID_HEADER,	 /* one line: controls become a space */
	LIQUID_SLACK,	 /* Slack's mrkdwn: & < > as entities */
	LIQUID_JSON,	 /* inside a JSON string literal */
	LIQUID_URL,	 /* percent-encoded */
};

/* Where a template's text comes from. */
struct liquid_source {
	const char *file; /* for errors: "templates/partials/footer.liquid" */
	const char *text;
	size_t len;
};

struct liquid_options {
	const char *name; /* for errors: "templates/welcome.md" */
	/* Where the source begins within that file; 0 means 1. */
	int first_line, first_column;
	enum liquid_context context;

	/*
	 * Source of the partial of that name, for `render` and `include`, or
	 * NULL. Called while compiling. It must live until liquid_compile()
	 * returns. May be NULL: there are no partials.
	 */
	const struct liquid_source *(*partial)(void *arg, const char *name);
	void *arg;

	/*
	 * All names of partials, for an `include` whose name is a value (such
	 * as {% include kind %}): it may choose among these. NULL-terminated;
	 * NULL makes such an `include` an error.
	 */
	const char *const *partial_names;

	/*
	 * For hmac_sha256: name to secret; may be NULL. A template names the
	 * key and has no other way to it; what is compiled has the secret.
	 */
	const json_t *keys;

	bool forbids_raw; /* the filter `raw` is an error */
};

struct liquid *liquid_compile(const char *source, size_t len,
    const struct liquid_options *, struct error *);
void liquid_free(struct liquid *);

/* What a template sees. Borrowed for the time of the call. */
struct liquid_scope {
	/*
	 * The value of a name at the root ("user"), or NULL when it is not
	 * defined. The value stays the callee's and must live as long as the
	 * call. Asked for at most once a name and render.
	 */
	json_t *(*lookup)(void *arg, const char *name);
	void *arg;
	int64_t now_ms;		 /* "now" */
	const struct zone *zone; /* for dates; NULL: UTC */
	const char *locale; /* for dates, numbers; NULL: that in user.locale */
	/*
	 * Else printing what is not defined, or is null in the data, without
	 * `default` is an error.
	 */
	bool undefined_is_nil;

	/*
	 * Names at the root whose text is fit for the context as it is, such
	 * as a layout's `content`. NULL-terminated; may be NULL.
	 */
	const char *const *safe_names;
};

/*
 * Appends to `out`. Returns 0, or -1 with the error naming template, line and
 * variable or limit (`out` is then cut back to what it was). A template that
 * ran {% abort_message %} returns LIQUID_ABORTED with the reason as the text.
 */
#define LIQUID_ABORTED (-2)
int liquid_render(const struct liquid *, const struct liquid_scope *,
    struct buf *out, struct error *);

/*
 * Conditions: "user.plan == 'free' and metric.tasks < 1". What is undefined is
 * nil. Test returns 1, 0, or -1 with the error set.
 */
struct liquid_condition *liquid_condition_compile(
    const char *text, struct error *);
int liquid_condition_test(const struct liquid_condition *,
    const struct liquid_scope *, struct error *);
void liquid_condition_free(struct liquid_condition *);

/*
 * Value expressions: "metric.done | times: 100 | divided_by: metric.total".
 * Eval returns a new reference (JSON null for nil), or NULL with the error set.
 */
struct liquid_value *liquid_value_compile(const char *text, struct error *);
json_t *liquid_value_eval(
    const struct liquid_value *, const struct liquid_scope *, struct error *);
void liquid_value_free(struct liquid_value *);

/*
 * A path that a template or condition reads from its scope, dotted as far as it
 * is literal ("user.first_name", "metric.tasks"), and where it does. Of several
 * places it is the first that is not guarded: that has no `default` and stands
 * in no test. For lint and for loading no more than is needed.
 */
struct liquid_path {
	const char *text;
	const char *file; /* as in liquid_options or liquid_source */
	int line, column;
	bool is_guarded; /* in every place */
};
/* Called once for each path. */
typedef void liquid_path_fn(void *arg, const struct liquid_path *);
void liquid_paths(const struct liquid *, liquid_path_fn *, void *arg);
/* Those of them whose value the filter `raw` lets out as it is. */
void liquid_raw_paths(const struct liquid *, liquid_path_fn *, void *arg);
void liquid_condition_paths(
    const struct liquid_condition *, liquid_path_fn *, void *arg);
void liquid_value_paths(
    const struct liquid_value *, liquid_path_fn *, void *arg);

#endif
