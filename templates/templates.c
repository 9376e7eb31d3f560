/* SPDX-License-Identifier: MIT */
/*
 * templates - the folder of messages: finds the files, has them compiled, and
 * hands them out by name and locale. After templates_load() nothing in a set
 * changes until it is freed.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "templates/json.h"
#include "templates/template.h"

#define LOCALE_MAX 32

/* Around a mail without a layout. */
static const char bare[] =
    "{% if preheader != '' %}<div style=\"display:none;max-height:0;"
    "overflow:hidden\">{{ preheader }}</div>\n{% endif %}{{ content }}";

struct partial {
	const char *name;
	char *text;
	struct liquid_source source;
};

struct templates {
	struct arena memory;   /* names and other strings */
	const char *locale;    /* of templates without one; or NULL */
	struct template *list; /* by name, then locale */
	size_t n;
	struct layout *layouts;
	int n_layouts;
	const char **names;
};

/* A folder on its way to a set. */
struct folder {
	struct templates *set;
	struct problems *problems;
	const struct templates_options *options;
	const char *dir;   /* where it is */
	const char *shown; /* its last part, for errors */
	struct partial *partials;
	int n_partials;
};

/* ---------------------------------------------------------------- folders */

static int
is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* "welcome" of "welcome.html" if it ends so, else NULL. */
static const char *
stem(const char *file, const char *ending, struct arena *memory)
{
	size_t len = strlen(file), cut = strlen(ending);

	if (len <= cut || strcmp(file + len - cut, ending) != 0)
		return NULL;
	return arena_strndup(memory, file, len - cut);
}

/*
 * Calls `each` for the files in dir/sub that have the ending, in order of name.
 * A folder that is not there has none; a README is for people.
 */
static void
for_files(struct folder *f, const char *sub, const char *ending,
    void (*each)(
	struct folder *, const char *name, const char *path, const char *shown))
{
	struct buf path = {0}, shown = {0};
	struct dirent **entries;
	int n;

	buf_addf(&path, "%s%s", f->dir, sub);
	n = scandir(path.data, &entries, is_visible, alphasort);
	for (int i = 0; i < n; i++) {
		const char *file = entries[i]->d_name;
		const char *name = stem(file, ending, &f->set->memory);

		buf_truncate(&path, 0);
		buf_truncate(&shown, 0);
		buf_addf(&path, "%s%s/%s", f->dir, sub, file);
		buf_addf(&shown, "%s%s/%s", f->shown, sub, file);
		if (name != NULL && strcmp(name, "README") != 0)
			each(f, name, path.data,
			    arena_strndup(
				&f->set->memory, shown.data, shown.len));
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	buf_free(&path);
	buf_free(&shown);
}

static char *
read_shown(struct folder *f, const char *path, const char *shown, size_t *len)
{
	struct error e, placed;
	char *text = file_read(path, len, &e);

	if (text == NULL) {
		error_at(&placed, shown, 0, 0, NULL, "%s", e.text);
		problems_add(f->problems, &placed);
	}
	return text;
}

static void
load_partial(
    struct folder *f, const char *name, const char *path, const char *shown)
{
	struct partial p = {.name = name, .source.file = shown};

	p.text = read_shown(f, path, shown, &p.source.len);
	if (p.text == NULL)
		return;
	p.source.text = p.text;
	f->partials =
	    xrealloc(f->partials, (size_t)(f->n_partials + 1) * sizeof p);
	f->partials[f->n_partials++] = p;
}

static const struct liquid_source *
find_partial(void *arg, const char *name)
{
	const struct folder *f = arg;

	for (int i = 0; i < f->n_partials; i++)
		if (strcmp(f->partials[i].name, name) == 0)
			return &f->partials[i].source;
	return NULL;
}

static struct loading
make_loading(struct folder *f)
{
	return (struct loading){.memory = &f->set->memory,
	    .problems = f->problems,
	    .layouts = f->set->layouts,
	    .n_layouts = f->set->n_layouts,
	    .options = {.partial = find_partial,
		.arg = f,
		.keys = f->options->keys,
		.forbids_raw = f->options->forbids_raw}};
}

/* ---------------------------------------------------------------- layouts */

static void
note_content(void *arg, const struct liquid_path *path)
{
	if (strcmp(path->text, "content") == 0)
		*(bool *)arg = true;
}

static void
add_layout(struct folder *f, const char *name, const char *shown,
    const char *text, size_t len)
{
	struct liquid_options options = make_loading(f).options;
	struct layout layout = {.name = name};
	bool has_content = false;
	struct error e;

	options.name = shown;
	options.context = LIQUID_HTML;
	layout.liquid = liquid_compile(text, len, &options, &e);
	if (layout.liquid != NULL) {
		liquid_paths(layout.liquid, note_content, &has_content);
		error_at(
		    &e, shown, 0, 0, NULL, "a layout must write {{ content }}");
	}
	if (!has_content)
		problems_add(f->problems, &e);
	f->set->layouts = xrealloc(
	    f->set->layouts, (size_t)(f->set->n_layouts + 1) * sizeof layout);
	f->set->layouts[f->set->n_layouts++] = layout;
}

static void
load_layout(
    struct folder *f, const char *name, const char *path, const char *shown)
{
	size_t len;
	char *text = read_shown(f, path, shown, &len);

	if (text != NULL)
		add_layout(f, name, shown, text, len);
	free(text);
}

/* -------------------------------------------------------------- templates */

/* "de", "de-AT", "zh-Hant-TW": letters and digits between hyphens. */
static bool
is_locale(const char *s)
{
	size_t len = strcspn(s, "-_");

	if (len < 2 || len > 3 || strlen(s) >= LOCALE_MAX)
		return false;
	for (; *s != '\0'; s++)
		if (!(*s >= 'a' && *s <= 'z') && !(*s >= 'A' && *s <= 'Z') &&
		    !(*s >= '0' && *s <= '9') && *s != '-' && *s != '_')
			return false;
	return true;
}

/* With hyphens, as "de_AT" and "de-AT" are the same. */
static void
copy_locale(char *out, const char *locale)
{
	snprintf(out, LOCALE_MAX, "%s", locale);
	for (; *out != '\0'; out++)
		if (*out == '_')
			*out = '-';
}

static struct template *
add_template(struct folder *f, const char *name, const char *shown)
{
	static const char *const no_tags[] = {NULL};
	struct templates *set = f->set;
	size_t len = strcspn(name, ".");
	const char *locale = name[len] == '.' ? name + len + 1 : "";
	char normal[LOCALE_MAX];
	struct template *t;
	struct error e;

	if (*locale != '\0' && !is_locale(locale)) {
		error_at(&e, shown, 0, 0, NULL,
		    "\"%.60s\" is not a locale (NAME.de.md, NAME.de-AT.md)",
		    locale);
		problems_add(f->problems, &e);
	}
	copy_locale(normal, locale);
	set->list = xrealloc(set->list, (set->n + 1) * sizeof *set->list);
	t = &set->list[set->n++];
	*t = (struct template){0};
	t->info = (struct template_info){
	    .name = arena_strndup(&set->memory, name, len),
	    .file = shown,
	    .locale = arena_strndup(&set->memory, normal, strlen(normal)),
	    .tags = no_tags,
	};
	t->language = normal[0] != '\0' ? t->info.locale : set->locale;
	return t;
}

static void
load_email(
    struct folder *f, const char *name, const char *path, const char *shown)
{
	struct loading loading = make_loading(f);
	struct template *t = add_template(f, name, shown);
	size_t len;
	char *text = read_shown(f, path, shown, &len);

	t->is_markdown = strcmp(strrchr(path, '.'), ".md") == 0;
	if (text != NULL)
		email_compile(t, text, len, &loading);
	free(text);
}

static void
load_document(
    struct folder *f, const char *name, const char *path, const char *shown)
{
	struct loading loading = make_loading(f);

	document_compile(add_template(f, name, shown), path, &loading);
}

static int
compare(const struct template *a, const char *name, const char *locale)
{
	int r = strcmp(a->info.name, name);

	return r != 0 ? r : strcasecmp(a->info.locale, locale);
}

static int
compare_templates(const void *a, const void *b)
{
	const struct template *other = b;

	return compare(a, other->info.name, other->info.locale);
}

/* Each name once; a variant needs the one it varies. */
static void
index_templates(struct folder *f)
{
	struct templates *set = f->set;
	struct error e = {0};
	size_t names = 0;

	if (set->n > 0)
		qsort(set->list, set->n, sizeof *set->list, compare_templates);
	set->names = xcalloc(set->n + 1, sizeof *set->names);
	for (size_t i = 0; i < set->n; i++) {
		const struct template_info *info = &set->list[i].info;
		const struct template_info *before =
		    i > 0 ? &set->list[i - 1].info : NULL;
		bool is_new =
		    before == NULL || strcmp(before->name, info->name) != 0;

		if (is_new)
			set->names[names++] = info->name;
		if (is_new && *info->locale != '\0')
			error_at(&e, info->file, 0, 0, NULL,
			    "there is no \"%.60s\" without a locale beside it",
			    info->name);
		else if (!is_new &&
			 strcasecmp(before->locale, info->locale) == 0)
			error_at(&e, info->file, 0, 0, NULL,
			    "has the same name as %.100s", before->file);
		else
			continue;
		problems_add(f->problems, &e);
	}
}

static const char *
last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

struct roots {
	struct arena *memory;
	const char **names;
	int count, cap;
};

static void
add_root(void *arg, const struct liquid_path *path)
{
	struct roots *r = arg;
	size_t len = strcspn(path->text, ".[");

	for (int i = 0; i < r->count; i++)
		if (strncmp(r->names[i], path->text, len) == 0 &&
		    r->names[i][len] == '\0')
			return;
	r->names = list_room(r->names, r->count, &r->cap, sizeof *r->names);
	r->names[r->count++] = arena_strndup(r->memory, path->text, len);
}

static void
find_roots(struct templates *set, struct template *t)
{
	struct roots r = {.memory = &set->memory};
	const char **kept;

	template_paths(t, add_root, &r);
	kept = arena_alloc(&set->memory, (size_t)(r.count + 1) * sizeof *kept);
	for (int i = 0; i < r.count; i++)
		kept[i] = r.names[i];
	kept[r.count] = NULL;
	t->info.roots = kept;
	free(r.names);
}

struct templates *
templates_load(const char *dir, struct problems *problems)
{
	static const struct templates_options none;

	return templates_load_with(dir, &none, problems);
}

struct templates *
templates_load_with(const char *dir, const struct templates_options *options,
    struct problems *problems)
{
	struct folder f = {.set = xcalloc(1, sizeof *f.set),
	    .problems = problems,
	    .options = options,
	    .dir = dir,
	    .shown = last_part(dir)};
	int errors = problems->errors;

	if (options->locale != NULL)
		f.set->locale = arena_strndup(
		    &f.set->memory, options->locale, strlen(options->locale));
	for_files(&f, "/partials", ".liquid", load_partial);
	add_layout(&f, "none", "none", bare, sizeof bare - 1);
	for_files(&f, "/layouts", ".html", load_layout);
	for_files(&f, "", ".md", load_email);
	for_files(&f, "", ".html", load_email);
	for_files(&f, "", ".json", load_document);
	index_templates(&f);
	for (size_t i = 0; i < f.set->n && problems->errors == errors; i++)
		find_roots(f.set, &f.set->list[i]);
	for (int i = 0; i < f.n_partials; i++)
		free(f.partials[i].text);
	free(f.partials);
	return f.set;
}

static void
template_clear(struct template *t)
{
	for (int i = 0; i < HEAD_LIQUID; i++)
		liquid_free(t->head[i]);
	liquid_free(t->body);
	document_free(t->document);
}

void
templates_free(struct templates *set)
{
	if (set == NULL)
		return;
	for (size_t i = 0; i < set->n; i++)
		template_clear(&set->list[i]);
	for (int i = 0; i < set->n_layouts; i++)
		liquid_free(set->layouts[i].liquid);
	free(set->list);
	free(set->layouts);
	free(set->names);
	arena_free(&set->memory);
	free(set);
}

/* ---------------------------------------------------------------- looking */

static const struct template *
find_exactly(const struct templates *set, const char *name, const char *locale)
{
	size_t low = 0, high = set->n;

	while (low < high) {
		size_t middle = (low + high) / 2;
		int r = compare(&set->list[middle], name, locale);

		if (r == 0)
			return &set->list[middle];
		if (r < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

const struct template *
templates_find(
    const struct templates *set, const char *name, const char *locale)
{
	char wanted[LOCALE_MAX];
	const struct template *t;
	char *hyphen;

	copy_locale(wanted, locale != NULL ? locale : "");
	while (
	    (t = find_exactly(set, name, wanted)) == NULL && *wanted != '\0') {
		hyphen = strrchr(wanted, '-');
		*(hyphen != NULL ? hyphen : wanted) = '\0';
	}
	return t;
}

const char *const *
templates_names(const struct templates *set)
{
	return set->names;
}

const struct template *
templates_at(const struct templates *set, size_t index)
{
	return index < set->n ? &set->list[index] : NULL;
}

const struct template_info *
template_info(const struct template *t)
{
	return &t->info;
}

struct liquid_scope
template_scope(const struct template *t, const struct liquid_scope *scope)
{
	struct liquid_scope own = *scope;
	const char *locale = scope->locale;
	size_t len;

	if (t->language == NULL)
		return own;
	len = strcspn(t->language, "-_");
	if (locale == NULL && scope->lookup != NULL)
		locale = json_string_value(json_object_get(
		    scope->lookup(scope->arg, "user"), "locale"));
	if (locale == NULL || strncasecmp(locale, t->language, len) != 0 ||
	    (locale[len] != '\0' && locale[len] != '-' && locale[len] != '_'))
		locale = t->language;
	own.locale = locale;
	return own;
}

struct path_filter {
	liquid_path_fn *each;
	void *arg;
};

/* What the layout gets from the mail is not of the scope. */
static void
pass_layout_path(void *arg, const struct liquid_path *path)
{
	const struct path_filter *f = arg;

	if (strcmp(path->text, "content") != 0 &&
	    strcmp(path->text, "subject") != 0 &&
	    strcmp(path->text, "preheader") != 0)
		f->each(f->arg, path);
}

void
template_paths(const struct template *t, liquid_path_fn *each, void *arg)
{
	struct path_filter filter = {each, arg};

	for (int i = 0; i < HEAD_LIQUID; i++)
		if (t->head[i] != NULL)
			liquid_paths(t->head[i], each, arg);
	if (t->body != NULL)
		liquid_paths(t->body, each, arg);
	if (t->layout != NULL && t->layout->liquid != NULL)
		liquid_paths(t->layout->liquid, pass_layout_path, &filter);
	if (t->document != NULL)
		document_paths(t->document, each, arg);
}
