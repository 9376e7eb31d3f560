/* SPDX-License-Identifier: MIT */
/* actor - who does something at a prompt, and why: for the decision log. */
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

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
