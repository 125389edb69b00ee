/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hmr-model import: other software's model files, the built-in body and HMR2.0 to
 * the toolkit's own files, by default in the models' folder, which is made.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "body/body.h"
#include "import/import.h"
#include "model.h"
#include "prog.h"

/* Creates the folder and those above it. */
static enum hmr_status
make_folder(const char *path, struct hmr_err *e)
{
	char part[4096];
	size_t n = strlen(path);

	if (n >= sizeof(part))
		return hmr_fail(e, HMR_E_LIMIT, "name of the models' folder too long");
	for (size_t i = 1; i <= n; i++)
		if (path[i] == '/' || !path[i]) {
			memcpy(part, path, i);
			part[i] = 0;
			if (mkdir(part, 0777) && errno != EEXIST)
				return hmr_fail(e, HMR_E_IO, "%s", part);
		}
	return HMR_OK;
}

static enum hmr_status
import_path(char *out, size_t cap, const char *name, struct hmr_err *e)
{
	char dir[4000];
	enum hmr_status st;

	if (model_opt.output) {
		snprintf(out, cap, "%s", model_opt.output);
		return HMR_OK;
	}
	if ((st = hmr_model_folder(dir, sizeof(dir), e)) || (st = make_folder(dir, e)))
		return st;
	if (snprintf(out, cap, "%s/%s.safetensors", dir, name) >= (int)cap)
		return hmr_fail(e, HMR_E_LIMIT, "file name too long");
	return HMR_OK;
}

/* The name a model gets: --name, or the file's without folder and ending. */
static void
import_name(char name[64], const char *file)
{
	const char *slash = strrchr(file, '/');
	char *dot;

	snprintf(name, 64, "%.63s", model_opt.name ? model_opt.name :
		 slash ? slash + 1 : file);
	if (!model_opt.name && (dot = strrchr(name, '.')) && dot != name)
		*dot = 0;
	for (const char *p = name; *p; p++)
		if (*p == '/' || (unsigned char)*p < 32)
			hmr_usage_die("'%s' cannot be the name of a model", name);
	if (!name[0] || name[0] == '.')
		hmr_usage_die("'%s' cannot be the name of a model", name);
}

/* The built-in body, as a file that others can read or change. */
static enum hmr_status
import_mannequin(const char *path, struct hmr_err *e)
{
	struct hmr_body *b;
	enum hmr_status st = hmr_body_mannequin(&b, e);

	if (st)
		return st;
	st = hmr_body_write(b, path, e);
	hmr_body_free(b);
	return st;
}

/* One line on a terminal, redrawn. */
static void
hmr2_progress(void *ctx, uint64_t done, uint64_t total)
{
	int *last = ctx, now = (int)(done * 100 / total);

	if (now == *last)
		return;
	*last = now;
	fprintf(stderr, "\rhmr-model: %3d %% of %.2f GB%s", now, (double)total * 1e-9,
		done == total ? "\n" : "");
}

static enum hmr_status
said(const char *name, const char *kind, const char *path, struct hmr_err *e)
{
	struct stat sb;

	if (stat(path, &sb))
		return hmr_fail(e, HMR_E_IO, "%s", path);
	if (hmr_verbose >= 0)
		printf("%s\t%s\t%lld\t%s\n", name, kind, (long long)sb.st_size, path);
	return HMR_OK;
}

/* Network and body, each where it is given. */
static enum hmr_status
import_hmr2(struct hmr_err *e)
{
	char net[4096], body[4096];
	struct hmr2_take *t = &model_opt.hmr2;
	enum hmr_status st;
	int last = -1;

	if (!t->net.checkpoint && !t->smpl)
		hmr_usage_die("import hmr2 needs --checkpoint or --smpl, or both");
	if (t->net.checkpoint && t->smpl && model_opt.output)
		hmr_usage_die("import hmr2 writes two files: -o needs one import each");
	t->net.name = model_opt.name ? model_opt.name : "hmr2";
	if (model_opt.name)
		import_name((char[64]){ 0 }, model_opt.name);
	t->net.precision = model_opt.use.precision;
	t->threads = model_opt.use.threads;
	t->net_path = net;
	t->body_path = body;
	if (hmr_verbose >= 0 && isatty(2)) {
		t->net.progress = hmr2_progress;
		t->net.ctx = &last;
	}
	if ((st = import_path(net, sizeof(net), t->net.name, e)) ||
	    (st = import_path(body, sizeof(body), "smpl", e)) ||
	    (st = hmr2_take_in(t, e)))
		return st;
	if (t->smpl && (st = said("smpl", "body", body, e)))
		return st;
	return t->net.checkpoint ? said(t->net.name, HMR_HMR2_KIND, net, e) : HMR_OK;
}

static const struct {
	const char *name, *ending;
	enum hmr_status (*take)(const char *path, const char *out,
				struct hmr_import_info *info, struct hmr_err *e);
	const char *letters;	/* of its options */
} formats[] = {
	{ "tfjs", ".json", hmr_import_tfjs, "on" },
	{ "onnx", ".onnx", hmr_import_onnx, "ons" },
	{ "tflite", ".tflite", hmr_import_tflite, "on" },
};

/* By name, or by the file's ending; -1: neither. */
static int
find_format(int argc, char **argv)
{
	const char *dot = strrchr(argv[argc - 1], '.');

	for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++)
		if (argc == 2 ? !strcmp(argv[0], formats[i].name) :
				dot && !strcmp(dot, formats[i].ending))
			return (int)i;
	return -1;
}

enum hmr_status
model_import(int argc, char **argv, struct hmr_err *e)
{
	struct hmr_import_info info = { .tool = HMR_IMPORTER,
		.height = model_opt.use.height, .width = model_opt.use.width };
	const char *file = argv[argc - 1];
	bool body = argc == 1 && !strcmp(file, "mannequin");
	int format = find_format(argc, argv);
	char path[4096];
	enum hmr_status st;

	if (argc == 1 && !strcmp(file, "hmr2"))
		return import_hmr2(e);
	if (!body && format < 0)
		hmr_usage_die("import: '%.100s' is of no known format (tfjs FILE.json, "
			      "onnx FILE.onnx, tflite FILE.tflite, mannequin, hmr2)", argv[0]);
	if (model_opt.letters[strspn(model_opt.letters,
				     body ? "on" : formats[format].letters)])
		hmr_usage_die("import of this does not take one of the options given");
	import_name(info.name, file);
	if (body)
		strcpy(info.kind, "body");
	if ((st = import_path(path, sizeof(path), info.name, e)) ||
	    (st = body ? import_mannequin(path, e) :
		  formats[format].take(file, path, &info, e)))
		return st;
	return said(info.name, info.kind, path, e);
}
