/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Model files: takes in models of other software, lists, shows and checks those
 * that are there, runs one on given tensors, times one. man/hmr-model.1.
 */
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "body/body.h"
#include "hmr2/hmr2_cuda.h"
#include "hmr2/hmr2_noise.h"
#include "hmr2/hmr2_take.h"
#include "import/import.h"
#include "import/safetensors.h"
#include "nn/precision.h"
#include "nn/use.h"
#include "net.h"
#include "prog.h"

static const char usage[] =
	"hmr-model [-hqVv] [-d device] [-j threads] [-o file] [--batch n] "
	"[--checkpoint file] [--decoder-heads n] [--gpu-mem limit] [--heads n] [--in file] "
	"[--input-size HxW] [--joints file] [--mean file] [--name name] [--out file] "
	"[--outputs names] [--plan device] [--precision name] [--smpl file] command [argument ...]";

static const char help[] =
"Takes in, lists, shows, checks, runs and times model files.\n"
"\n"
"  import [tfjs] FILE     take in a TensorFlow.js graph model\n"
"  import [onnx] FILE     take in an ONNX model\n"
"  import [tflite] FILE   take in a TensorFlow Lite model\n"
"  import mannequin       write the built-in body as a file\n"
"  import hmr2            take in HMR2.0 and SMPL: --checkpoint, --smpl, --joints\n"
"  list                   the models in the models' folder\n"
"  show MODEL             graph, tensors and how they are used\n"
"  check MODEL...         verify whole files\n"
"  path [NAME]            where a model is, or the models' folder\n"
"  run MODEL              run a network on given tensors\n"
"  bench MODEL            time a network\n"
"\n"
"  -o, --output FILE      import: write there instead of to the models' folder\n"
"      --name NAME        import: name of the model (that of the file)\n"
"      --checkpoint FILE  import hmr2: the PyTorch checkpoint\n"
"      --smpl FILE        import hmr2: the SMPL body, pickle or npz\n"
"      --joints FILE      import hmr2: SMPL_to_J19.pkl\n"
"      --mean FILE        import hmr2: smpl_mean_params.npz, where asked for\n"
"      --heads N          import hmr2: attention heads, where asked for\n"
"      --decoder-heads N  import hmr2: those of the decoder, where asked for\n"
"      --in FILE          run: safetensors with the inputs\n"
"      --out FILE         run: write the outputs there, as safetensors\n"
"      --outputs NAMES    run, bench: compute only these, separated by commas\n"
"  -d, --device DEVICE    run, bench: auto, cpu, ref or cuda[:N] (auto)\n"
"      --plan cuda        show: how a GPU's memory would be used, without one\n"
"      --gpu-mem LIMIT    show --plan: with at most this much: 512M, 1G (no limit)\n"
"      --precision NAME   run, bench: auto, f32, bf16, f16, int8 or fp8 (auto);\n"
"                         import hmr2: f32, bf16 or int8 (f32)\n"
"  -j, --threads N        import hmr2, run, bench: threads; 0 is one per core (0)\n"
"      --batch N          show, bench: images at once (1)\n"
"      --input-size HxW   show, bench, import onnx: height and width of the image\n"
"  -q, --quiet            errors only\n"
"  -v, --verbose          say more; show, bench: every step\n"
"  -h, --help             this text\n"
"  -V, --version          the version\n";

static struct {
	const char *output, *name;
	struct hmr_model_use use;
	struct hmr2_take hmr2;
	char letters[24];
} opt;

static void
die(enum hmr_status st, const struct hmr_err *e)
{
	hmr_die(hmr_exit_for(st), "%s", hmr_err_text(e, st));
}

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

	if (opt.output) {
		snprintf(out, cap, "%s", opt.output);
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

	snprintf(name, 64, "%.63s", opt.name ? opt.name : slash ? slash + 1 : file);
	if (!opt.name && (dot = strrchr(name, '.')) && dot != name)
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
	struct hmr2_take *t = &opt.hmr2;
	enum hmr_status st;
	int last = -1;

	if (!t->net.checkpoint && !t->smpl)
		hmr_usage_die("import hmr2 needs --checkpoint or --smpl, or both");
	if (t->net.checkpoint && t->smpl && opt.output)
		hmr_usage_die("import hmr2 writes two files: -o needs one import each");
	t->net.name = opt.name ? opt.name : "hmr2";
	if (opt.name)
		import_name((char[64]){ 0 }, opt.name);
	t->net.precision = opt.use.precision;
	t->threads = opt.use.threads;
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

static enum hmr_status
cmd_import(int argc, char **argv, struct hmr_err *e)
{
	struct hmr_import_info info = { .tool = HMR_IMPORTER,
		.height = opt.use.height, .width = opt.use.width };
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
	if (opt.letters[strspn(opt.letters, body ? "on" : formats[format].letters)])
		hmr_usage_die("import of this does not take one of the options given");
	import_name(info.name, file);
	if (body)
		strcpy(info.kind, "body");
	if ((st = import_path(path, sizeof(path), info.name, e)) ||
	    (st = body ? import_mannequin(path, e) : formats[format].take(file, path, &info, e)))
		return st;
	return said(info.name, info.kind, path, e);
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* One line of list and check: name, kind, bytes, SHA-256. Bodies are read whole,
 * as the stages do. */
static enum hmr_status
tell(const char *name, const char *path, struct hmr_err *e)
{
	struct hmr_body *body = NULL;
	struct hmr_model *m;
	enum hmr_status st = hmr_model_open(&m, path, e);
	size_t n;

	if (st)
		return st;
	if (!strcmp(hmr_model_kind(m), "body") && (st = hmr_body_open(&body, path, e))) {
		hmr_model_close(m);
		return st;
	}
	hmr_body_free(body);
	hmr_safetensors_bytes(hmr_model_file(m), &n);
	printf("%s\t%s\t%zu\t%s\n", name, hmr_model_kind(m), n, hmr_model_sha256(m));
	hmr_model_close(m);
	return HMR_OK;
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
static enum hmr_status
cmd_list(int argc, char **argv, struct hmr_err *e)
{
	char dir[4000], path[8192], **names = NULL;
	struct hmr_err first = { .sys = 0 };
	enum hmr_status st, worst = HMR_OK;
	size_t n = 0;
	DIR *d;

	(void)argc;
	(void)argv;
	if ((st = hmr_model_folder(dir, sizeof(dir), e)))
		return st;
	if (!(d = opendir(dir)))
		return errno == ENOENT ? HMR_OK : hmr_fail(e, HMR_E_IO, "%s", dir);
	st = list_names(d, &names, &n, e);
	closedir(d);
	if (!st && n)
		qsort(names, n, sizeof(*names), by_name);
	for (size_t i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		names[i][strlen(names[i]) - 12] = 0;
		if (!st && (st = tell(names[i], path, &first))) {
			if (worst)
				hmr_warn("%s", first.msg);
			else
				*e = first;
			worst = worst ? worst : st;
			st = HMR_OK;
		}
		free(names[i]);
	}
	free(names);
	return st ? st : worst;
}

static enum hmr_status
cmd_check(int argc, char **argv, struct hmr_err *e)
{
	char path[4096];
	enum hmr_status st;

	for (int i = 0; i < argc; i++)
		if ((st = hmr_model_path(argv[i], path, sizeof(path), e)) ||
		    (st = tell(argv[i], path, e)))
			return st;
	return HMR_OK;
}

static enum hmr_status
cmd_path(int argc, char **argv, struct hmr_err *e)
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

static enum hmr_status
bench(const struct hmr_model *m, struct hmr_err *e)
{
	struct hmr_timing t;
	enum hmr_status st;

	if ((st = hmr_model_bench(m, &opt.use, &t, opt.use.steps ? stdout : NULL, e)))
		return st;
	printf("%s\t%s %s\t%u threads\tbatch %u\t%.2f ms best, %.2f median of %u, "
	       "%.2f on the processor\t%.2f ms each\t%.1f GFLOP/s\n", hmr_model_name(m),
	       t.backend, t.precision, t.threads, t.batch, t.best_ms, t.median_ms, t.runs,
	       t.cpu_ms, t.best_ms / t.batch, t.flop / t.best_ms * 1e-6);
	return HMR_OK;
}

/* HMR2's plan on a GPU: of a model, or of HMR2.0's own size. */
static enum hmr_status
show_hmr2(const struct hmr_model *m, struct hmr_err *e)
{
	struct hmr2_weights w;
	struct hmr_hmr2_dims d;
	enum hmr_status st;

	hmr2_noise_full(&d);
	if (m) {
		if ((st = hmr2_weights_of(&w, hmr_model_file(m), e)))
			return st;
		d = w.d;
		hmr2_weights_close(&w);
	}
	return hmr2_cuda_show(&d, opt.use.precision, opt.use.batch, opt.use.gpu_mem,
			      stdout, e);
}

static enum hmr_status
show(const struct hmr_model *m, struct hmr_err *e)
{
	enum hmr_status st = hmr_model_show(m, &opt.use, stdout, e);

	if (!st && opt.use.plan_only && !strcmp(hmr_model_kind(m), HMR_HMR2_KIND))
		st = show_hmr2(m, e);
	return st;
}

static enum hmr_status
cmd_net(int argc, char **argv, struct hmr_err *e)
{
	char path[4096];
	struct hmr_model *m;
	enum hmr_status st;

	(void)argc;
	st = hmr_model_path(argv[1], path, sizeof(path), e);
	if (st == HMR_E_MODEL && opt.use.plan_only && !strcmp(argv[1], "hmr2"))
		return show_hmr2(NULL, e);
	if (st || (st = hmr_model_open(&m, path, e)))
		return st;
	opt.use.steps = hmr_verbose > 0;
	st = !strcmp(argv[0], "show") ? show(m, e) :
	     !strcmp(argv[0], "run") ? hmr_model_run(m, &opt.use, e) : bench(m, e);
	hmr_model_close(m);
	return st;
}

static void
parse_size(const char *s)
{
	unsigned h, w;
	char more;

	if (sscanf(s, "%5ux%5u%c", &h, &w, &more) != 2 || !h || !w || h > 65535 || w > 65535)
		hmr_usage_die("--input-size: HEIGHTxWIDTH wanted, not '%.40s'", s);
	opt.use.height = h;
	opt.use.width = w;
}

static void
parse_precision(const char *s)
{
	struct hmr_err e = { 0 };

	if (hmr_precision_parse("--precision", s, &opt.use.precision, &e))
		hmr_usage_die("%s", e.msg);
}

static void
options(int argc, char **argv)
{
	static const struct option table[] = {
		HMR_COMMON_LONG,
		{ "output", required_argument, NULL, 'o' },
		{ "device", required_argument, NULL, 'd' },
		{ "threads", required_argument, NULL, 'j' },
		{ "name", required_argument, NULL, 'n' },
		{ "in", required_argument, NULL, 'i' },
		{ "out", required_argument, NULL, 'O' },
		{ "outputs", required_argument, NULL, 'k' },
		{ "precision", required_argument, NULL, 'p' },
		{ "plan", required_argument, NULL, 'P' },
		{ "gpu-mem", required_argument, NULL, 'G' },
		{ "batch", required_argument, NULL, 'b' },
		{ "input-size", required_argument, NULL, 's' },
		{ "checkpoint", required_argument, NULL, 'C' },
		{ "smpl", required_argument, NULL, 'S' },
		{ "joints", required_argument, NULL, 'J' },
		{ "mean", required_argument, NULL, 'M' },
		{ "heads", required_argument, NULL, 'H' },
		{ "decoder-heads", required_argument, NULL, 'D' },
		{ NULL, 0, NULL, 0 },
	};
	size_t n = 0;
	int c;

	while ((c = getopt_long(argc, argv, HMR_COMMON_SHORT "o:d:j:", table, NULL)) != -1) {
		if (hmr_common_opt(c, help))
			continue;
		switch (c) {
		case 'o': opt.output = optarg; break;
		case 'd': opt.use.device = optarg; break;
		case 'j': opt.use.threads = hmr_opt_u32("--threads", optarg, 0, 1024); break;
		case 'n': opt.name = optarg; break;
		case 'i': opt.use.in = optarg; break;
		case 'O': opt.use.out = optarg; break;
		case 'k': opt.use.outputs = optarg; break;
		case 'p': parse_precision(optarg); break;
		case 'P':
			if (strcmp(optarg, "cuda") != 0)
				hmr_usage_die("--plan: cuda, not '%.40s'", optarg);
			opt.use.plan_only = true;
			break;
		case 'G': opt.use.gpu_mem = hmr_opt_bytes("--gpu-mem", optarg); break;
		case 'b': opt.use.batch = hmr_opt_u32("--batch", optarg, 1, 1024); break;
		case 's': parse_size(optarg); break;
		case 'C': opt.hmr2.net.checkpoint = optarg; break;
		case 'S': opt.hmr2.smpl = optarg; break;
		case 'J': opt.hmr2.joints = optarg; break;
		case 'M': opt.hmr2.net.mean = optarg; break;
		case 'H':
			opt.hmr2.net.heads = hmr_opt_u32("--heads", optarg, 1, 1024);
			break;
		case 'D':
			opt.hmr2.net.head_heads = hmr_opt_u32("--decoder-heads", optarg, 1,
							      1024);
			break;
		default: hmr_bad_option(argv);
		}
		if (n + 1 < sizeof(opt.letters) && !strchr(opt.letters, c))
			opt.letters[n++] = (char)c;
	}
}

static const struct command {
	const char *name, *takes;	/* letters of its options */
	int least, most;		/* operands after the name */
	enum hmr_status (*run)(int argc, char **argv, struct hmr_err *e);
	bool whole;			/* gets its own name as argv[0] */
} commands[] = {
	{ "import", "onsCSJMHDpj", 1, 2, cmd_import, false },
	{ "list", "", 0, 0, cmd_list, false },
	{ "show", "bskdjpPG", 1, 1, cmd_net, true },
	{ "check", "", 1, 1000, cmd_check, false },
	{ "path", "", 0, 1, cmd_path, false },
	{ "run", "iOkdpj", 1, 1, cmd_net, true },
	{ "bench", "kdpjbs", 1, 1, cmd_net, true },
};

static const struct command *
find_command(const char *name)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	hmr_usage_die("'%.40s' is no command", name);
}

int
main(int argc, char **argv)
{
	struct hmr_err e = { 0 };
	const struct command *c;
	enum hmr_status st;
	int n;

	hmr_prog_init(argc, argv, usage);
	hmr_prog_openmp(argv);
	options(argc, argv);
	if (optind == argc)
		hmr_usage_die("no command");
	c = find_command(argv[optind]);
	n = argc - optind - 1;
	if (n < c->least || n > c->most)
		hmr_usage_die("%s: %s operands", c->name, n < c->least ? "too few" : "too many");
	if (opt.letters[strspn(opt.letters, c->takes)])
		hmr_usage_die("%s does not take one of the options given", c->name);
	if (!strcmp(c->name, "run") && (!opt.use.in || !opt.use.out))
		hmr_usage_die("run needs --in and --out");
	st = c->run(n, argv + optind + !c->whole, &e);
	if (fflush(stdout) || ferror(stdout))
		hmr_die(HMR_EXIT_FAIL, "standard output: %s", strerror(errno));
	if (st)
		die(st, &e);
	return HMR_EXIT_OK;
}
