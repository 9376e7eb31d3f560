/* SPDX-License-Identifier: MIT */
/*
 * init - writes the workspace that the program carries: nothing that is there
 * already is touched.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include <openssl/rand.h>

#include "templates/buf.h"
#include "templates/mem.h"
#include "worker/commands/commands.h"
#include "worker/folders.h"
#include "worker/settings/settings.h"

static const char nudge_json[] =
    "{\n"
    "  \"$schema\": \"schema/settings.json\",\n"
    "  \"listen\": \"127.0.0.1:8460\",\n"
    "  \"public_url\": \"http://127.0.0.1:8460\",\n"
    "  \"timezone\": \"UTC\",\n"
    "  \"keys\": {\n"
    "    \"write\": [\"$NUDGE_WRITE_KEY\"],\n"
    "    \"operator\": [\"$NUDGE_OPERATOR_TOKEN\"]\n"
    "  },\n"
    "  \"sender\": {\n"
    "    \"name\": \"Acme\",\n"
    "    \"address\": \"hello@acme.example\",\n"
    "    \"postal\": \"1 Main Street, Springfield\"\n"
    "  },\n"
    "  \"variables\": {\n"
    "    \"product_name\": \"Acme\",\n"
    "    \"app_url\": \"https://app.acme.example\"\n"
    "  },\n"
    "  \"channels\": {\n"
    "    \"email\": { \"type\": \"capture\" },\n"
    "    \"slack\": { \"type\": \"capture\" },\n"
    "    \"in-app\": { \"type\": \"capture\" }\n"
    "  },\n"
    "  \"contacts\": {\n"
    "    \"cs-room\": { \"channel\": \"slack\" },\n"
    "    \"cs-lead\": { \"email\": \"cs-lead@acme.example\" },\n"
    "    \"vp-cs\": { \"email\": \"vp-cs@acme.example\" },\n"
    "    \"sales-lead\": { \"email\": \"sales-lead@acme.example\" },\n"
    "    \"engineering\": { \"email\": \"engineering@acme.example\" }\n"
    "  },\n"
    "  \"topics\": {\n"
    "    \"onboarding\": { \"title\": \"Getting started\",\n"
    "      \"description\": \"A few mails in your first month\" },\n"
    "    \"tips\": { \"description\": \"More that you can do here\" },\n"
    "    \"milestones\": { \"description\": \"When you reach one\" },\n"
    "    \"review\": { \"title\": \"Reviews\",\n"
    "      \"description\": \"What you got done, and how it was\" }\n"
    "  }\n"
    "}\n";

static const char gitignore[] = "/data/\n/.env\n";

/* 0 written, 1 there already, -1 with errno. */
static int
write_new(const char *folder, const char *name, const char *data, size_t size,
    mode_t mode)
{
	struct buf path = {0};
	int fd, rc = -1;

	buf_addf(&path, "%s/%s", folder, name);
	if (folders_make(path.data, 0777) == 0) {
		fd = open(
		    path.data, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
		if (fd < 0)
			rc = errno == EEXIST ? 1 : -1;
		else if (write(fd, data, size) == (ssize_t)size)
			rc = 0;
		if (fd >= 0 && close(fd) != 0)
			rc = -1;
	}
	buf_free(&path);
	return rc;
}

static void
add_key(struct buf *out, const char *name)
{
	unsigned char bytes[20];

	if (RAND_bytes(bytes, sizeof bytes) != 1)
		abort();
	buf_addf(out, "%s=", name);
	for (size_t i = 0; i < sizeof bytes; i++)
		buf_addf(out, "%02x", bytes[i]);
	buf_adds(out, "\n");
}

static int
write_keys(const char *folder)
{
	struct buf env = {0};
	int rc;

	add_key(&env, "NUDGE_WRITE_KEY");
	add_key(&env, "NUDGE_OPERATOR_TOKEN");
	rc = write_new(folder, ".env", env.data, env.len, 0600);
	buf_free(&env);
	return rc;
}

static int
write_settings_schema(const char *folder)
{
	json_t *schema = settings_schema();
	char *text = json_dumps(schema, JSON_INDENT(2));
	int rc =
	    write_new(folder, "schema/settings.json", text, strlen(text), 0666);

	free(text);
	json_decref(schema);
	return rc;
}

/*
 * Where a shipped file goes: what is below sequences/library to the top,
 * templates below templates/.
 */
static char *
place_of(const char *name)
{
	static const char sequences[] = "sequences/library/";
	static const char templates[] = "templates/library/";
	struct buf b = {0};

	if (strncmp(name, sequences, sizeof sequences - 1) == 0)
		buf_adds(&b, name + sizeof sequences - 1);
	else
		buf_addf(&b, "templates/%s", name + sizeof templates - 1);
	return buf_steal(&b);
}

static int
write_shipped(const char *folder)
{
	int rc = 0;

	for (const struct shipped_file *f = shipped_files;
	     f->name != NULL && rc >= 0; f++) {
		char *name = place_of(f->name);

		rc = write_new(folder, name, f->data, f->size, 0666);
		free(name);
	}
	return rc;
}

static int
run(const struct invocation *in)
{
	const char *folder =
	    in->n_arguments > 0 ? in->arguments[0] : in->folder;
	int rc = write_new(
	    folder, "nudge.json", nudge_json, sizeof nudge_json - 1, 0666);

	if (rc == 1)
		return fail(EX_CANTCREAT,
		    "%s is a workspace already (it has a nudge.json)", folder);
	if (rc < 0 || write_keys(folder) < 0 ||
	    write_new(folder, ".gitignore", gitignore, sizeof gitignore - 1,
		0666) < 0 ||
	    write_settings_schema(folder) < 0 || write_shipped(folder) < 0)
		return fail(EX_CANTCREAT, "%s cannot be written: %s", folder,
		    strerror(errno));
	if (in->json) {
		json_t *made =
		    json_pack("{s:o*}", "workspace", json_string(folder));

		print_json(made);
		json_decref(made);
	} else {
		printf("%s is a workspace now. It captures mail in "
		       "data/outbox; nobody is mailed.\n\n"
		       "  nudge check -C %s     find mistakes\n"
		       "  nudge run -C %s       start the worker\n\n"
		       "Keys for your clients are in %s/.env.\n",
		    folder, folder, folder, folder);
	}
	return EX_OK;
}

static const struct option_spec none[] = {{NULL, NULL, NULL}};

const struct command command_init = {
    .name = "init",
    .summary = "Make a workspace with sequences, templates and keys",
    .usage = "nudge init DIR",
    .examples = "  nudge init acme\n"
		"\nFiles that are there already are left as they are.\n",
    .options = none,
    .max_arguments = 1,
    .run = run,
};
