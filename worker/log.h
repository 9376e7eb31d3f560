/* SPDX-License-Identifier: MIT */
#ifndef WORKER_LOG_H
#define WORKER_LOG_H

#include <stdbool.h>

/*
 * log - what the worker says, a line each on standard error: text for a person
 * at a terminal, JSON objects {"ts", "level", "msg"} for everything else. Lines
 * for systemd's journal have its priority in front ("<4>", sd-daemon(3)).
 *
 * Logs are kept and passed on where people's data must not go. So what other
 * sides say in their own words, and values of templates, are not logged above
 * debug: `nudge queue` and `nudge channels` have them, for who may read them.
 * Should an address get here all the same, only its domain comes out.
 * A line is one write(2), so that threads do not mix theirs. Bytes that are not
 * printable UTF-8 come out as \xNN, whatever the caller passed: no reply of a
 * server and no property of an event can forge a line or move a cursor.
 * Messages over 2,000 bytes are cut.
 */
enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_FATAL };

/*
 * To be called before threads start. JSON is written if asked for or if
 * standard error is not a terminal. Until then, text from LOG_INFO on.
 */
void log_open(bool json, enum log_level least);

/* For whoever works on nudge. */
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Normal and worth knowing: started, reloaded, stopped. */
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Handled here; an operator who sees many should look. */
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* An operator should act. */
void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The environment is broken: ends the process with a code of sysexits.h. */
void log_fatal(int code, const char *fmt, ...)
    __attribute__((format(printf, 2, 3), noreturn));
/* Our own bug: abort(), so that there is a core to look at. */
void panic(const char *fmt, ...)
    __attribute__((format(printf, 1, 2), noreturn));

#endif
