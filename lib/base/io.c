/* SPDX-License-Identifier: Apache-2.0 */
/* Whole reads and writes, mapped and atomic files; see io.h. */
#define _GNU_SOURCE		/* F_SETPIPE_SZ */
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nettle/sha2.h>

enum hmr_status
hmr_read_full(int fd, void *buf, size_t n, size_t *got, struct hmr_err *e)
{
	uint8_t *p = buf;

	*got = 0;
	while (*got < n) {
		ssize_t r = read(fd, p + *got, n - *got);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return hmr_fail(e, HMR_E_IO, "read");
		if (!r)
			break;
		*got += (size_t)r;
	}
	return HMR_OK;
}

enum hmr_status
hmr_write_full(int fd, const void *buf, size_t n, struct hmr_err *e)
{
	struct iovec v = { (void *)(uintptr_t)buf, n };

	return hmr_writev_full(fd, &v, 1, e);
}

enum hmr_status
hmr_writev_full(int fd, struct iovec *v, int n, struct hmr_err *e)
{
	while (n > 0) {
		ssize_t w;

		if (!v->iov_len) {
			v++;
			n--;
			continue;
		}
		w = writev(fd, v, n > 64 ? 64 : n);
		if (w < 0 && errno == EINTR)
			continue;
		if (!w)
			errno = ENOSPC;
		if (w <= 0)
			return hmr_fail(e, HMR_E_IO, "write");
		while (n > 0 && (size_t)w >= v->iov_len) {
			w -= (ssize_t)v->iov_len;
			v++;
			n--;
		}
		if (n > 0) {
			v->iov_base = (uint8_t *)v->iov_base + w;
			v->iov_len -= (size_t)w;
		}
	}
	return HMR_OK;
}

void
hmr_pipe_grow(int fd)
{
	int saved = errno;

	fcntl(fd, F_SETPIPE_SZ, 1 << 20);
	errno = saved;
}

enum hmr_status
hmr_file_read(const char *path, size_t max, uint8_t **out, size_t *n,
	      struct hmr_err *e)
{
	enum hmr_status st;
	uint8_t *buf = NULL;
	struct stat sb;
	size_t cap, got;
	int fd;

	*out = NULL;
	*n = 0;
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
		return hmr_fail(e, HMR_E_IO, "%s", path);
	if (fstat(fd, &sb)) {
		st = hmr_fail(e, HMR_E_IO, "%s", path);
		goto fail;
	}
	cap = S_ISREG(sb.st_mode) ? (size_t)sb.st_size : max;
	if (cap > max) {
		st = hmr_fail(e, HMR_E_LIMIT, "%s: %zu bytes, at most %zu are read",
			      path, cap, max);
		goto fail;
	}
	if (!(buf = malloc(cap + 1))) {
		st = hmr_fail(e, HMR_E_NOMEM, "%s: out of memory", path);
		goto fail;
	}
	if ((st = hmr_read_full(fd, buf, cap, &got, e))) {
		hmr_fail_in(e, st, "%s", path);
		goto fail;
	}
	buf[got] = 0;
	close(fd);
	*out = buf;
	*n = got;
	return HMR_OK;
fail:
	free(buf);
	close(fd);
	return st;
}

enum hmr_status
hmr_map_open(struct hmr_map *m, const char *path, struct hmr_err *e)
{
	enum hmr_status st = HMR_OK;
	struct stat sb;
	void *p;
	int fd;

	m->data = NULL;
	m->n = 0;
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
		return hmr_fail(e, HMR_E_IO, "%s", path);
	if (fstat(fd, &sb))
		st = hmr_fail(e, HMR_E_IO, "%s", path);
	else if (!S_ISREG(sb.st_mode))
		st = hmr_fail(e, HMR_E_FORMAT, "%s: not a regular file", path);
	else if (sb.st_size) {
		p = mmap(NULL, (size_t)sb.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (p == MAP_FAILED) {
			st = hmr_fail(e, HMR_E_IO, "%s: mmap", path);
		} else {
			m->data = p;
			m->n = (size_t)sb.st_size;
		}
	}
	close(fd);
	return st;
}

void
hmr_map_close(struct hmr_map *m)
{
	if (m->n)
		munmap((void *)(uintptr_t)m->data, m->n);
	m->data = NULL;
	m->n = 0;
}

enum hmr_status
hmr_out_place(const char *path, char place[HMR_PATH_MAX], bool *direct,
	      struct hmr_err *e)
{
	struct stat sb;
	char *real;
	int n;

	*direct = !stat(path, &sb) && !S_ISREG(sb.st_mode);
	real = *direct ? NULL : realpath(path, NULL);
	n = snprintf(place, HMR_PATH_MAX, "%s", real ? real : path);
	free(real);
	if (n < 0 || n >= HMR_PATH_MAX) {
		errno = ENAMETOOLONG;
		return hmr_fail(e, HMR_E_IO, "%.100s...", path);
	}
	return HMR_OK;
}

enum hmr_status
hmr_atomic_open(struct hmr_atomic *a, const char *path, struct hmr_err *e)
{
	enum hmr_status st;
	bool direct;

	a->fd = -1;
	a->tmp[0] = 0;
	if ((st = hmr_out_place(path, a->path, &direct, e)))
		return st;
	if (!direct)
		snprintf(a->tmp, sizeof(a->tmp), "%s.tmp.%ld", a->path, (long)getpid());
	a->fd = open(direct ? a->path : a->tmp, O_WRONLY | O_CLOEXEC |
		     (direct ? 0 : O_CREAT | O_TRUNC), 0666);
	if (a->fd < 0)
		return hmr_fail(e, HMR_E_IO, "%s", path);
	return HMR_OK;
}

enum hmr_status
hmr_atomic_commit(struct hmr_atomic *a, struct hmr_err *e)
{
	int fd = a->fd;

	a->fd = -1;
	if (!close(fd) && (!a->tmp[0] || !rename(a->tmp, a->path)))
		return HMR_OK;
	hmr_fail(e, HMR_E_IO, "%s", a->path);
	if (a->tmp[0])
		unlink(a->tmp);
	return HMR_E_IO;
}

void
hmr_atomic_abort(struct hmr_atomic *a)
{
	int saved = errno;

	if (a->fd >= 0) {
		close(a->fd);
		if (a->tmp[0])
			unlink(a->tmp);
	}
	a->fd = -1;
	errno = saved;
}

void
hmr_sha256_hex(const void *p, size_t n, char out[65])
{
	static const char hex[] = "0123456789abcdef";
	uint8_t d[SHA256_DIGEST_SIZE];
	struct sha256_ctx c;

	sha256_init(&c);
	if (n)
		sha256_update(&c, n, p);
	sha256_digest(&c, sizeof(d), d);
	for (int i = 0; i < SHA256_DIGEST_SIZE; i++) {
		out[2 * i] = hex[d[i] >> 4];
		out[2 * i + 1] = hex[d[i] & 15];
	}
	out[64] = 0;
}
