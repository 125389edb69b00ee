/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Zip archives from outside through libzip (stored, deflated, zip64), from a
 * file or from memory. Sizes are those the archive declares; every read stops
 * there and fails where the data end sooner or do not match their CRC.
 */
#ifndef HMR_ZIP_H
#define HMR_ZIP_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define HMR_ZIP_ENTRIES_MAX 1000000

struct hmr_zip;
HMR_MUST_USE enum hmr_status
hmr_zip_open(struct hmr_zip **out, const char *path, struct hmr_err *e);
HMR_MUST_USE enum hmr_status	/* p is borrowed until hmr_zip_close() */
hmr_zip_parse(struct hmr_zip **out, const uint8_t *p, size_t n, struct hmr_err *e);
void hmr_zip_close(struct hmr_zip *z);

uint64_t hmr_zip_count(const struct hmr_zip *z);
const char *hmr_zip_name(const struct hmr_zip *z, uint64_t i);	/* never NULL */
int64_t hmr_zip_find(const struct hmr_zip *z, const char *name);	/* -1: none */
HMR_MUST_USE enum hmr_status	/* bytes when unpacked */
hmr_zip_size(const struct hmr_zip *z, uint64_t i, uint64_t *bytes, struct hmr_err *e);
/* Bytes [at, at + n) of an entry. Reading to its end checks its CRC. */
HMR_MUST_USE enum hmr_status
hmr_zip_read(struct hmr_zip *z, uint64_t i, uint64_t at, void *out, size_t n,
	     struct hmr_err *e);
/* A whole entry of at most max bytes on the heap; the caller frees *out. */
HMR_MUST_USE enum hmr_status
hmr_zip_load(struct hmr_zip *z, uint64_t i, size_t max, uint8_t **out, size_t *n,
	     struct hmr_err *e);

#endif
