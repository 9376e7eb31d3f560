/* SPDX-License-Identifier: MIT */
/* smtp_render - the last look at a message before a relay sees it. */
#include "worker/delivery/smtp/smtp_render.h"

#include <stdio.h>
#include <string.h>

#include "templates/mail/mime.h"
#include "worker/delivery/compose.h"

static int
not_sent(struct verdict *v, enum verdict_what what, const char *status,
    const char *text)
{
	v->what = what;
	snprintf(v->enhanced_status, sizeof v->enhanced_status, "%s", status);
	snprintf(v->text, sizeof v->text, "%s", text);
	return -1;
}

int
smtp_render(struct delivery *d, struct buf *mime)
{
	struct verdict *v = &d->verdict;

	memset(v, 0, sizeof *v);
	if (!address_is_valid(d->address))
		return not_sent(
		    v, VERDICT_REFUSED, "5.1.3", "not a mail address");
	if (d->envelope_from == NULL || !address_is_valid(d->envelope_from))
		return not_sent(v, VERDICT_HELD, "",
		    "the sender's address is not a mail address");
	memset(mime, 0, sizeof *mime);
	if (compose_mail(d, mime) == 0)
		return 0;
	buf_free(mime);
	return -1;
}
