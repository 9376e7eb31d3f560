/* SPDX-License-Identifier: MIT */
/*
 * capture - writes what would be sent into a folder, a file a message: KEY.eml
 * for mail, KEY.json for the rest. A file is there whole or not at all, and a
 * second attempt replaces the first: that is why verdicts need not wait for one
 * another to be settled.
 *
 * Captured messages are for looking at. They are not synced to the disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "templates/mem.h"
#include "worker/delivery/compose.h"
#include "worker/delivery/verdicts.h"
#include "worker/folders.h"
#include "worker/settings/settings.h"

#define ROOM 256 /* messages a turn */

struct transport {
	struct verdicts verdicts;
	const char *folder;
};

static struct transport *
capture_start(const struct channel *channel, const struct transport_host *host,
    struct error *e)
{
	struct transport *t = xcalloc(1, sizeof *t);

	t->folder = channel->folder;
	verdicts_open(&t->verdicts, host, channel->name, ROOM, INT_MAX);
	return t;
}

static int
capture_room(struct transport *t)
{
	return verdicts_room(&t->verdicts);
}

static int
write_whole(int fd, const struct buf *bytes)
{
	size_t done = 0;

	while (done < bytes->len) {
		ssize_t n = write(fd, bytes->data + done, bytes->len - done);

		if (n == -1 && errno != EINTR)
			return -1;
		done += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* Returns 0, or -1 with errno set and nothing left behind. */
static int
save(const char *folder, const char *name, const struct buf *bytes)
{
	struct buf path = {0}, hidden = {0};
	int fd, rc = -1, why;

	buf_addf(&path, "%s/%s", folder, name);
	buf_addf(&hidden, "%s/.%s", folder, name);
	folders_make(path.data, 0700); /* or the next line says why not */
	fd = open(hidden.data, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd != -1) {
		rc = write_whole(fd, bytes);
		if (close(fd) == -1 || rc == -1 ||
		    rename(hidden.data, path.data) == -1) {
			rc = -1;
			why = errno;
			unlink(hidden.data);
			errno = why;
		}
	}
	buf_free(&path);
	buf_free(&hidden);
	return rc;
}

static void
capture(struct transport *t, struct delivery *d, const char *ending,
    const struct buf *bytes)
{
	struct verdict *v = &d->verdict;
	char name[sizeof d->key + 8];

	snprintf(name, sizeof name, "%s.%s", d->key, ending);
	if (save(t->folder, name, bytes) == 0) {
		v->what = VERDICT_SENT;
		snprintf(v->text, sizeof v->text, "captured as %s", name);
		verdicts_well(&t->verdicts);
		return;
	}
	v->what = VERDICT_RETRY;
	v->slows_channel = true;
	snprintf(v->text, sizeof v->text, "cannot write to %s: %s", t->folder,
	    strerror(errno));
	verdicts_trouble(&t->verdicts, v->text);
}

static void
capture_offer(struct transport *t, struct delivery *d)
{
	bool mail = template_info(d->template)->kind == TEMPLATE_EMAIL;
	struct buf bytes = {0};

	verdicts_take(&t->verdicts);
	d->verdict = (struct verdict){0};
	if ((mail ? compose_mail(d, &bytes) : compose_document(d, &bytes)) == 0)
		capture(t, d, mail ? "eml" : "json", &bytes);
	buf_free(&bytes);
	verdicts_give(&t->verdicts, d);
}

static void
capture_settled(struct transport *t, int count)
{
	verdicts_settled(&t->verdicts, count);
}

static void
capture_stop(struct transport *t, int grace_ms)
{
	t->verdicts.stopped = true;
}

static bool
capture_is_idle(struct transport *t)
{
	return verdicts_is_idle(&t->verdicts);
}

static void
capture_free(struct transport *t)
{
	verdicts_close(&t->verdicts);
	free(t);
}

const struct transport_type transport_capture = {
    .name = "capture",
    .start = capture_start,
    .room = capture_room,
    .offer = capture_offer,
    .settled = capture_settled,
    .stop = capture_stop,
    .is_idle = capture_is_idle,
    .free = capture_free,
};
