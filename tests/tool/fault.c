/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A shim to be preloaded (LD_PRELOAD) that makes I/O and memory fail; used by
 * tests/fault.t, which builds it. HMR_FAULT says what it does:
 *
 *	short		reads and writes move at most three bytes
 *	read:N		the N-th read fails with EIO
 *	write:N		the N-th write fails with ENOSPC; stderr is left alone
 *	malloc:N	the N-th allocation fails
 *
 * Counted are calls of the program itself, which holds all of our code, and for
 * reads and writes those of FFmpeg's libraries too; from main on, since what
 * the CUDA runtime does before is not ours. When the call comes the file
 * $HMR_FAULT_MARK is made, so that a test can tell a fault survived from one that
 * was never reached.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);

enum { KIND_NONE, KIND_SHORT, KIND_READ, KIND_WRITE, KIND_MALLOC };
enum { OWNER_PROGRAM = 1, OWNER_FFMPEG = 2 };
#define RANGES 64
#define SHORT 3

static int kind;
static long wanted;
static atomic_long count;
static struct { uintptr_t lo, hi; int owner; } range[RANGES];
static int ranges;

static int
note_object(struct dl_phdr_info *o, size_t size, void *first)
{
	int *is_first = first;
	int owner = *is_first ? OWNER_PROGRAM :
		strstr(o->dlpi_name, "/libav") ? OWNER_FFMPEG : 0;

	(void)size;
	*is_first = 0;
	for (int i = 0; owner && i < o->dlpi_phnum && ranges < RANGES; i++) {
		const ElfW(Phdr) *p = &o->dlpi_phdr[i];
		if (p->p_type != PT_LOAD || !(p->p_flags & PF_X))
			continue;
		range[ranges].lo = o->dlpi_addr + p->p_vaddr;
		range[ranges].hi = range[ranges].lo + p->p_memsz;
		range[ranges++].owner = owner;
	}
	return 0;
}

static void
start(void)
{
	const char *s = getenv("HMR_FAULT");
	const char *colon = s ? strchr(s, ':') : NULL;
	int first = 1;

	if (!s)
		return;
	dl_iterate_phdr(note_object, &first);
	if (colon)
		wanted = atol(colon + 1);
	kind = !strcmp(s, "short") ? KIND_SHORT :
		!strncmp(s, "read:", 5) ? KIND_READ :
		!strncmp(s, "write:", 6) ? KIND_WRITE :
		!strncmp(s, "malloc:", 7) ? KIND_MALLOC : KIND_NONE;
}

static int (*program_main)(int, char **, char **);

static int
counted_main(int argc, char **argv, char **env)
{
	start();
	return program_main(argc, argv, env);
}

/* What the C library's start-up code calls in every program. */
int __libc_start_main(int (*m)(int, char **, char **), int argc, char **argv,
		      void (*init)(void), void (*fini)(void), void (*rtld_fini)(void),
		      void *stack_end);
int
__libc_start_main(int (*m)(int, char **, char **), int argc, char **argv,
		  void (*init)(void), void (*fini)(void), void (*rtld_fini)(void),
		  void *stack_end)
{
	__typeof__(__libc_start_main) *next;

	*(void **)&next = dlsym(RTLD_NEXT, "__libc_start_main");
	program_main = m;
	return next(counted_main, argc, argv, init, fini, rtld_fini, stack_end);
}

static int
called_by(int owners, const void *caller)
{
	uintptr_t at = (uintptr_t)caller;

	for (int i = 0; i < ranges; i++)
		if (at >= range[i].lo && at < range[i].hi)
			return (range[i].owner & owners) != 0;
	return 0;
}

/* Is this the call that is to fail? */
static int
fails(int k, int owners, const void *caller)
{
	const char *mark;
	int fd;

	if (kind != k || !called_by(owners, caller) ||
	    atomic_fetch_add(&count, 1) + 1 != wanted)
		return 0;
	if ((mark = getenv("HMR_FAULT_MARK"))) {
		fd = (int)syscall(SYS_openat, AT_FDCWD, mark,
				  O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
		if (fd >= 0)
			syscall(SYS_close, fd);
	}
	return 1;
}

#define CALLER __builtin_return_address(0)
#define IO_OWNERS (OWNER_PROGRAM | OWNER_FFMPEG)

static size_t
cut(size_t n, const void *caller)
{
	return kind == KIND_SHORT && n > SHORT && called_by(IO_OWNERS, caller) ?
		SHORT : n;
}

ssize_t
read(int fd, void *p, size_t n)
{
	if (fails(KIND_READ, IO_OWNERS, CALLER)) {
		errno = EIO;
		return -1;
	}
	return syscall(SYS_read, fd, p, cut(n, CALLER));
}

ssize_t
write(int fd, const void *p, size_t n)
{
	if (fd != 2 && fails(KIND_WRITE, IO_OWNERS, CALLER)) {
		errno = ENOSPC;
		return -1;
	}
	return syscall(SYS_write, fd, p, fd == 2 ? n : cut(n, CALLER));
}

ssize_t
pread(int fd, void *p, size_t n, off_t at)
{
	if (fails(KIND_READ, IO_OWNERS, CALLER)) {
		errno = EIO;
		return -1;
	}
	return syscall(SYS_pread64, fd, p, cut(n, CALLER), at);
}

ssize_t
pwrite(int fd, const void *p, size_t n, off_t at)
{
	if (fails(KIND_WRITE, IO_OWNERS, CALLER)) {
		errno = ENOSPC;
		return -1;
	}
	return syscall(SYS_pwrite64, fd, p, cut(n, CALLER), at);
}

/* The first part that holds anything, cut. */
static struct iovec
first_part(const struct iovec *v, int n)
{
	struct iovec one = { NULL, 0 };

	for (int i = 0; i < n && !one.iov_len; i++)
		one = v[i];
	if (one.iov_len > SHORT)
		one.iov_len = SHORT;
	return one;
}

ssize_t
readv(int fd, const struct iovec *v, int n)
{
	struct iovec one;

	if (fails(KIND_READ, IO_OWNERS, CALLER)) {
		errno = EIO;
		return -1;
	}
	if (kind != KIND_SHORT || !called_by(IO_OWNERS, CALLER))
		return syscall(SYS_readv, fd, v, n);
	one = first_part(v, n);
	return syscall(SYS_read, fd, one.iov_base, one.iov_len);
}

ssize_t
writev(int fd, const struct iovec *v, int n)
{
	struct iovec one;

	if (fails(KIND_WRITE, IO_OWNERS, CALLER)) {
		errno = ENOSPC;
		return -1;
	}
	if (kind != KIND_SHORT || !called_by(IO_OWNERS, CALLER))
		return syscall(SYS_writev, fd, v, n);
	one = first_part(v, n);
	return syscall(SYS_write, fd, one.iov_base, one.iov_len);
}

#define NO_MEMORY(result) do { \
	if (fails(KIND_MALLOC, OWNER_PROGRAM, CALLER)) { \
		errno = ENOMEM; \
		return result; \
	} } while (0)

void *
malloc(size_t n)
{
	NO_MEMORY(NULL);
	return __libc_malloc(n);
}

void *
calloc(size_t n, size_t size)
{
	NO_MEMORY(NULL);
	return __libc_calloc(n, size);
}

void *
realloc(void *p, size_t n)
{
	NO_MEMORY(NULL);
	return __libc_realloc(p, n);
}

void *
aligned_alloc(size_t align, size_t n)
{
	NO_MEMORY(NULL);
	return __libc_memalign(align, n);
}

int
posix_memalign(void **out, size_t align, size_t n)
{
	if (fails(KIND_MALLOC, OWNER_PROGRAM, CALLER))
		return ENOMEM;
	*out = __libc_memalign(align, n);
	return *out ? 0 : ENOMEM;
}
