/* SPDX-License-Identifier: MIT */
/*
 * watch_files - inotify(7) only says that something may have changed; whether
 * it has, the names, sizes, times and numbers of the files say. They are looked
 * at a moment after the first notice, and again until two looks in a row see
 * the same: so a swap file of an editor means nothing, and a file that is
 * replaced, written in place or reached through a link that was moved means a
 * change. Links on the way to the workspace are watched where they are.
 */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "templates/buf.h"
#include "templates/mem.h"
#include "worker/log.h"
#include "worker/settings/watch_files.h"

#define REST_MS 300

static const char *const folders[] = {"", "/sequences", "/templates",
    "/templates/layouts", "/templates/partials"};
static const char *const files[] = {"nudge.json", "metrics.json", ".env"};

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

struct watch_files {
	char *folder;
	struct event_base *base;
	void (*changed)(void *arg);
	void *arg;
	int fd; /* of inotify; -1: nothing is watched */
	struct event *notice, *look;
	struct buf known, latest; /* what files look like */
};

/* -------------------------------------------------- what files look like */

static void
add_file(struct buf *out, const char *folder, const char *sub, const char *name)
{
	struct buf path = {0};
	struct stat st;

	buf_addf(&path, "%s%s/%s", folder, sub, name);
	if (stat(path.data, &st) == 0 && S_ISREG(st.st_mode))
		buf_addf(out, "%s/%s %lld %lld.%09ld %llu\n", sub, name,
		    (long long)st.st_size, (long long)st.st_mtim.tv_sec,
		    st.st_mtim.tv_nsec, (unsigned long long)st.st_ino);
	buf_free(&path);
}

/* Neither an editor's own files nor its backups. */
static int
is_visible(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return entry->d_name[0] != '.' && entry->d_name[len - 1] != '~';
}

static void
add_folder(struct buf *out, const char *folder, const char *sub)
{
	struct dirent **entries;
	struct buf path = {0};
	int n;

	buf_addf(&path, "%s%s", folder, sub);
	n = scandir(path.data, &entries, is_visible, alphasort);
	for (int i = 0; i < n; i++) {
		add_file(out, folder, sub, entries[i]->d_name);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	buf_free(&path);
}

static void
read_looks(const struct watch_files *w, struct buf *out)
{
	buf_truncate(out, 0);
	for (size_t i = 0; i < COUNT(files); i++)
		add_file(out, w->folder, "", files[i]);
	for (size_t i = 1; i < COUNT(folders); i++)
		add_folder(out, w->folder, folders[i]);
}

static bool
looks_like(const struct buf *a, const struct buf *b)
{
	return strcmp(buf_str(a), buf_str(b)) == 0;
}

/* ---------------------------------------------------------------- notices */

#define WATCHED                                                     \
	(IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | \
	    IN_DELETE | IN_ONLYDIR)

/* A release may be put in force by a link that leads to it. */
static void
watch_links(int fd, const char *folder)
{
	char *path = xstrdup(folder), *end = path;
	struct stat st;

	while (*end != '\0') {
		char *name = end + strspn(end, "/"), kept;

		end = name + strcspn(name, "/");
		kept = *end;
		*end = '\0';
		if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode)) {
			char first = *name;

			*name = '\0';
			inotify_add_watch(
			    fd, name > path ? path : ".", WATCHED);
			*name = first;
		}
		*end = kept;
	}
	free(path);
}

/*
 * A folder that has come since, or come again, is a new one to the kernel; for
 * one that is watched already this changes nothing.
 */
static int
watch_folders(const struct watch_files *w)
{
	struct buf path = {0};
	int rc = 0;

	watch_links(w->fd, w->folder);

	for (size_t i = 0; i < COUNT(folders); i++) {
		buf_truncate(&path, 0);
		buf_addf(&path, "%s%s", w->folder, folders[i]);
		if (inotify_add_watch(w->fd, path.data, WATCHED) < 0 &&
		    errno != ENOENT && errno != ENOTDIR)
			rc = -1;
	}
	buf_free(&path);
	return rc;
}

static void
look_later(struct watch_files *w)
{
	struct timeval tv = {0, REST_MS * 1000};

	read_looks(w, &w->latest);
	event_add(w->look, &tv);
}

static void
on_look(evutil_socket_t fd, short what, void *arg)
{
	struct watch_files *w = arg;
	struct buf now = {0};
	bool is_known, is_at_rest;

	watch_folders(w);
	read_looks(w, &now);
	is_known = looks_like(&now, &w->known);
	is_at_rest = looks_like(&now, &w->latest);
	buf_free(&now);
	if (!is_at_rest)
		look_later(w);
	else if (!is_known)
		w->changed(w->arg); /* which may stop the watching */
}

static void
on_notice(evutil_socket_t fd, short what, void *arg)
{
	struct watch_files *w = arg;
	char notices[4096];

	while (read(w->fd, notices, sizeof notices) > 0)
		continue;
	if (!event_pending(w->look, EV_TIMEOUT, NULL))
		look_later(w);
}

/* ------------------------------------------------------------------------ */

struct watch_files *
watch_files_new(const char *folder, struct event_base *base,
    void (*changed)(void *arg), void *arg)
{
	struct watch_files *w = xcalloc(1, sizeof *w);

	w->folder = xstrdup(folder);
	w->base = base;
	w->changed = changed;
	w->arg = arg;
	w->fd = -1;
	watch_files_seen(w);
	return w;
}

void
watch_files_start(struct watch_files *w)
{
	if (w->fd >= 0) {
		watch_folders(w);
		return;
	}
	w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (w->fd < 0 || watch_folders(w) != 0) {
		log_warn("the files of %s cannot be watched (%s): after a "
			 "change, SIGHUP makes the worker read them",
		    w->folder, strerror(errno));
		if (w->fd >= 0)
			close(w->fd);
		w->fd = -1;
		return;
	}
	w->notice =
	    event_new(w->base, w->fd, EV_READ | EV_PERSIST, on_notice, w);
	w->look = event_new(w->base, -1, 0, on_look, w);
	event_add(w->notice, NULL);
	look_later(w); /* what changed before it was watched */
}

void
watch_files_stop(struct watch_files *w)
{
	if (w->fd < 0)
		return;
	event_free(w->notice);
	event_free(w->look);
	close(w->fd);
	w->fd = -1;
}

void
watch_files_seen(struct watch_files *w)
{
	read_looks(w, &w->known);
}

void
watch_files_free(struct watch_files *w)
{
	if (w == NULL)
		return;
	watch_files_stop(w);
	buf_free(&w->known);
	buf_free(&w->latest);
	free(w->folder);
	free(w);
}
