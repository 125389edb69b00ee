/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole reads and writes on file descriptors, and whole files.
 * EINTR is retried; short counts are continued; a zero-byte write is ENOSPC.
 */
#ifndef HMR_IO_H
#define HMR_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/status.h"

/* Reads up to n bytes, fewer only at end of file; *got is set always. */
HMR_MUST_USE enum hmr_status
hmr_read_full(int fd, void *buf, size_t n, size_t *got, struct hmr_err *e);

/* Writes all n bytes. */
HMR_MUST_USE enum hmr_status
hmr_write_full(int fd, const void *buf, size_t n, struct hmr_err *e);

/* Writes all parts in order; changes the array. */
HMR_MUST_USE enum hmr_status
hmr_writev_full(int fd, struct iovec *v, int n, struct hmr_err *e);

/* Makes fd's pipe 1 MiB, where it is one; failing is no error. */
void hmr_pipe_grow(int fd);

/* The whole of a file of at most max bytes on the heap, with a NUL after it
 * that *n does not count. The caller frees *out. Larger is HMR_E_LIMIT. */
HMR_MUST_USE enum hmr_status
hmr_file_read(const char *path, size_t max, uint8_t **out, size_t *n,
	      struct hmr_err *e);

/* A file mapped read-only. n = 0 maps nothing and is legal. */
struct hmr_map {
	const uint8_t *data;
	size_t n;
};
HMR_MUST_USE enum hmr_status
hmr_map_open(struct hmr_map *m, const char *path, struct hmr_err *e);
void hmr_map_close(struct hmr_map *m);	/* accepts a zeroed one */

#define HMR_PATH_MAX 4096
/* Where a result named path is put by a rename: links are followed. *direct: it is a
 * device, a pipe or the like, which is written to and never replaced. */
HMR_MUST_USE enum hmr_status
hmr_out_place(const char *path, char place[HMR_PATH_MAX], bool *direct,
	      struct hmr_err *e);

/* A file written whole or not at all: PATH.tmp.PID, then rename; see hmr_out_place(). */
struct hmr_atomic {
	int fd;
	char path[HMR_PATH_MAX];
	char tmp[HMR_PATH_MAX + 32];	/* "": path itself */
};
HMR_MUST_USE enum hmr_status
hmr_atomic_open(struct hmr_atomic *a, const char *path, struct hmr_err *e);
HMR_MUST_USE enum hmr_status	/* fsync-less close and rename */
hmr_atomic_commit(struct hmr_atomic *a, struct hmr_err *e);
void hmr_atomic_abort(struct hmr_atomic *a);	/* removes the temporary file */

/* Lower-case hex SHA-256 of bytes: out holds 65 characters. */
void hmr_sha256_hex(const void *p, size_t n, char out[65]);

#endif
