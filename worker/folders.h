/* SPDX-License-Identifier: MIT */
#ifndef WORKER_FOLDERS_H
#define WORKER_FOLDERS_H

#include <sys/types.h>

/*
 * Makes the folders above a file, as far as they are missing. 0, or -1 with
 * errno set.
 */
int folders_make(const char *path, mode_t mode);

#endif
