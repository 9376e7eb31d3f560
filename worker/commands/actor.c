/* SPDX-License-Identifier: MIT */
/* actor - who does something at a prompt, and why: for the decision log. */
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#include "templates/buf.h"
#include "worker/commands/commands.h"

/* sudo(8) says who was there before; not everybody has a terminal. */
static const char *
login_name(void)
{
	const char *sudo = getenv("SUDO_USER"), *login = getlogin();
	const struct passwd *user = getpwuid(getuid());

	return sudo != NULL && sudo[0] != '\0' ? sudo
	       : login != NULL		       ? login
	       : user != NULL		       ? user->pw_name
					       : NULL;
}

void
set_actor(const struct invocation *in, json_t *body)
{
	const char *actor = option(in, "actor"), *note = option(in, "note");

	set_text(body, "actor", actor != NULL ? actor : login_name());
	set_text(body, "note", note);
}

int
client_act(const struct invocation *in, const char *prefix, const char *id,
    const char *action, json_t **reply)
{
	json_t *body = json_object();
	struct buf suffix = {0};
	char *path;
	int rc;

	buf_addf(&suffix, "/%s", action);
	path = path_segment(prefix, id, suffix.data);
	set_actor(in, body);
	rc = client_call(in, "POST", path, "", NULL, body, reply);
	free(path);
	buf_free(&suffix);
	json_decref(body);
	return rc;
}
