/* SPDX-License-Identifier: Apache-2.0 */
/* hmr-model list, check and path: where model files are, and whether they are whole. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "body/body.h"
#include "import/safetensors.h"
#include "model.h"
#include "nn/graph.h"
#include "prog.h"

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* One line of list and check: name, kind, bytes, SHA-256. Checksums are compared;
 * *summed: there was one. Bodies are read whole, as the stages do. */
static enum hmr_status
tell(const char *name, const char *path, bool *summed, struct hmr_err *e)
{
	struct hmr_body *body = NULL;
	struct hmr_model *m;
	enum hmr_status st = hmr_model_open(&m, path, e);
	size_t n;

	if (st)
		return st;
	st = hmr_safetensors_verify(hmr_model_file(m), e);
	*summed = st != HMR_EOF;
	if (st == HMR_EOF)
		st = HMR_OK;
	else if (st)
		hmr_fail_in(e, st, "%s", path);
	if (!st && !strcmp(hmr_model_kind(m), "body"))
		st = hmr_body_open(&body, path, e);
	hmr_body_free(body);
	if (!st) {
		hmr_safetensors_bytes(hmr_model_file(m), &n);
		printf("%s\t%s\t%zu\t%s\n", name, hmr_model_kind(m), n,
		       hmr_model_sha256(m));
	}
	hmr_model_close(m);
	return st;
}

static enum hmr_status
list_names(DIR *d, char ***names, size_t *n, struct hmr_err *e)
{
	size_t cap = 0;
	struct dirent *f;

	while ((f = readdir(d))) {
		size_t len = strlen(f->d_name);

		if (len < 13 || strcmp(f->d_name + len - 12, ".safetensors"))
			continue;
		if (*n == cap) {
			char **more = realloc(*names, (cap += 64) * sizeof(*more));

			if (!more)
				return hmr_fail(e, HMR_E_NOMEM, "list");
			*names = more;
		}
		if (!((*names)[*n] = strdup(f->d_name)))
			return hmr_fail(e, HMR_E_NOMEM, "list");
		(*n)++;
	}
	return HMR_OK;
}

/* A broken file does not hide the others: it is warned about, and the exit says so. */
enum hmr_status
model_list(int argc, char **argv, struct hmr_err *e)
{
	char dir[4000], path[8192], **names = NULL;
	struct hmr_err first = { .sys = 0 };
	enum hmr_status st, worst = HMR_OK;
	bool summed;
	size_t n = 0;
	DIR *d;

	(void)argc;
	(void)argv;
	if ((st = hmr_model_folder(dir, sizeof(dir), e)))
		return st;
	if ((d = opendir(dir))) {
		st = list_names(d, &names, &n, e);
		closedir(d);
	} else if (errno != ENOENT) {
		return hmr_fail(e, HMR_E_IO, "%s", dir);
	}
	if (!st && !n)
		hmr_warn("no models in %s: `make models` in the source tree fetches the free "
			 "ones", dir);
	if (!st && n)
		qsort(names, n, sizeof(*names), by_name);
	for (size_t i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		names[i][strlen(names[i]) - 12] = 0;
		if (!st && (st = tell(names[i], path, &summed, &first))) {
			if (worst)
				hmr_warn("%s", first.msg);
			else
				*e = first;
			worst = HMR_E_MODEL;
			st = HMR_OK;
		}
		free(names[i]);
	}
	free(names);
	return st ? st : worst;
}

enum hmr_status
model_check(int argc, char **argv, struct hmr_err *e)
{
	char path[4096];
	enum hmr_status st;
	bool summed;

	for (int i = 0; i < argc; i++) {
		if ((st = hmr_model_path(argv[i], path, sizeof(path), e)) ||
		    (st = tell(argv[i], path, &summed, e)))
			return st;
		if (!summed)
			hmr_warn("%s: no checksum to compare; a new import writes one",
				 path);
	}
	return HMR_OK;
}

enum hmr_status
model_path(int argc, char **argv, struct hmr_err *e)
{
	char path[4096];
	enum hmr_status st;

	if (argc)
		st = hmr_model_path(argv[0], path, sizeof(path), e);
	else
		st = hmr_model_folder(path, sizeof(path), e);
	if (!st)
		puts(path);
	return st;
}
