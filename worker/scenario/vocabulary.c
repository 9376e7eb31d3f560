/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "sequences/engine.h"
#include "templates/buf.h"
#include "templates/json.h"
#include "templates/mem.h"
#include "worker/scenario/vocabulary.h"
#include "worker/turn/turn.h"

static const char **
keys_of(json_t *object)
{
	const char **names =
	    xcalloc(json_object_size(object) + 1, sizeof *names);
	const char *name;
	json_t *value;
	int n = 0;

	json_object_foreach(object, name, value) names[n++] = name;
	return names;
}

/* The metrics of a subject that nothing is known of: their names. */
static json_t *
metrics_of(const struct workspace *w, enum subject_kind kind)
{
	struct subject nobody;
	struct engine_scope scope = {
	    .rules = w->rules, .subject = &nobody, .now_ms = 1};
	struct error e;
	json_t *metrics;

	if (subject_load(&nobody, kind, "nobody", NULL, NULL, &e) != 0)
		return json_object();
	metrics = json_incref(engine_scope_lookup(&scope, "metric"));
	engine_scope_free(&scope);
	subject_free(&nobody);
	return metrics != NULL ? metrics : json_object();
}

static const char **
recipients_of(const struct workspace *w)
{
	static const char *const roles[] = {
	    "user", "account.owner", RECIPIENT_MEMBER};
	size_t n = sizeof roles / sizeof roles[0], contacts = 0;
	const char **names;

	while (w->contacts[contacts] != NULL)
		contacts++;
	names = xcalloc(n + contacts + 1, sizeof *names);
	memcpy(names, roles, sizeof roles);
	memcpy(names + n, w->contacts, contacts * sizeof *names);
	return names;
}

/* The definition as it stands in its file, which was checked by loading it. */
static json_t *
sequence_load(const struct workspace *w, const char *name)
{
	struct buf path = {0};
	struct json_doc doc;
	struct error e;
	json_t *root = NULL;

	buf_addf(&path, "%s/sequences/%s.json", w->settings->folder, name);
	if (json_doc_load(&doc, path.data, name, &e) == 0) {
		root = json_incref(doc.root);
		json_doc_free(&doc);
	}
	buf_free(&path);
	return root != NULL ? root : json_object();
}

static void
load_steps(struct vocabulary *v, const char *sequence, int *cap)
{
	json_t *root = sequence_load(v->workspace, sequence), *step;
	size_t i;

	json_array_append_new(v->definitions, root);
	json_array_foreach(json_object_get(root, "steps"), i, step)
	{
		const char *id = json_string_value(json_object_get(step, "id"));

		if (id == NULL)
			continue;
		v->known =
		    list_room(v->known, v->n_known, cap, sizeof *v->known);
		v->known[v->n_known++] =
		    (struct known_step){sequence, id, step};
	}
}

void
vocabulary_load(struct vocabulary *v, const struct workspace *w)
{
	int n = rules_count(w->rules), cap = 0;

	*v = (struct vocabulary){
	    .workspace = w,
	    .templates = templates_names(w->templates),
	    .sequences = xcalloc((size_t)n + 1, sizeof *v->sequences),
	    .recipients = recipients_of(w),
	    .definitions = json_array(),
	    .metrics = {metrics_of(w, SUBJECT_USER),
		metrics_of(w, SUBJECT_ACCOUNT)},
	};
	v->user_metrics = keys_of(v->metrics[0]);
	v->account_metrics = keys_of(v->metrics[1]);
	for (int i = 0; i < n; i++) {
		v->sequences[i] = rules_info(w->rules, i).name;
		load_steps(v, v->sequences[i], &cap);
	}
	v->steps = xcalloc((size_t)v->n_known + 1, sizeof *v->steps);
	for (int i = 0; i < v->n_known; i++)
		v->steps[i] = v->known[i].id;
}

void
vocabulary_free(struct vocabulary *v)
{
	free(v->sequences);
	free(v->steps);
	free(v->user_metrics);
	free(v->account_metrics);
	free(v->recipients);
	free(v->known);
	json_decref(v->definitions);
	json_decref(v->metrics[0]);
	json_decref(v->metrics[1]);
	*v = (struct vocabulary){0};
}

static bool
names_template(json_t *send, const char *name)
{
	json_t *one;
	size_t i;

	if (json_is_string(send))
		return strcmp(json_string_value(send), name) == 0;
	json_array_foreach(
	    send, i, one) if (names_template(one, name)) return true;
	return false;
}

/* `send` stands in the step itself, or in its choose, split or else. */
static bool
sends(json_t *value, const char *name)
{
	const char *key;
	json_t *inner;
	size_t i;

	if (names_template(json_object_get(value, "send"), name))
		return true;
	json_object_foreach(
	    value, key, inner) if (sends(inner, name)) return true;
	json_array_foreach(value, i, inner) if (sends(inner, name)) return true;
	return false;
}

bool
step_sends(const struct known_step *step, const char *template_name)
{
	return sends(step->definition, template_name);
}
