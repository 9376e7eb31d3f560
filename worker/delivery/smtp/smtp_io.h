/* SPDX-License-Identifier: MIT */
#ifndef WORKER_DELIVERY_SMTP_SMTP_IO_H
#define WORKER_DELIVERY_SMTP_SMTP_IO_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "templates/error.h"

/*
 * smtp_io - what libesmtp's sockets lack: no delay, a time limit on connecting,
 * on writing and on a whole reply (libesmtp's is on each of its bytes), an end
 * that other threads can ask for, and no byte after a failure. libesmtp and
 * OpenSSL call connect(), poll() and write() of this file instead of libc's. In
 * a thread that has not called smtp_io_enter() they are libc's.
 */
struct smtp_io {
	int fd;		   /* libesmtp's socket; -1: none now */
	int err;	   /* errno why it was given up; 0: it was not */
	bool wfail;	   /* a part of the message was not written */
	bool asked;	   /* an answer is awaited: all was written */
	bool corked;	   /* the last bytes may still wait for more */
	bool spoke;	   /* something was written: the greeting has come */
	int64_t until_ms;  /* the whole reply must be there; 0: none is due */
	int connect_ms;	   /* longest wait for a connection */
	int write_ms;	   /* longest wait until the other side reads on */
	int cap_ms;	   /* longest wait for anything; 0: libesmtp's own */
	atomic_bool cut;   /* some thread wants an end */
	atomic_int cut_fd; /* a duplicate of fd for whoever takes it; -1 */
};

void smtp_io_init(struct smtp_io *, int timeout_ms);

/* This thread's next connection is watched; NULL: no longer. */
void smtp_io_enter(struct smtp_io *);

/* Nothing may be sent or read any more. By the thread itself. */
void smtp_io_abort(struct smtp_io *, int err);

/* The same by any other thread, at any time; it stays so. */
void smtp_io_cut(struct smtp_io *);

/*
 * A message begins; more of it comes. What cannot be written from then until an
 * answer is awaited sets wfail; the QUIT after a lost answer does not.
 */
void smtp_io_message(struct smtp_io *);
void smtp_io_more(struct smtp_io *);

/* A reply is there, to its last line: the next one has its own time. */
void smtp_io_replied(struct smtp_io *);

/* libesmtp has closed its socket. */
void smtp_io_closed(struct smtp_io *);

/*
 * Whether libesmtp and OpenSSL do come through here, tried once on a session
 * with ourselves over the loopback. Also builds libesmtp's tables, which it
 * does without a lock. Sending without this file loses bytes, so nothing may be
 * sent when it is not so.
 */
bool smtp_io_is_active(struct error *);

#endif
