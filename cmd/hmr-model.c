/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Model files: takes in models of other software, lists, shows and checks those
 * that are there, runs one on given tensors, times one; each command is in a
 * cmd/model_*.c. man/hmr-model.1.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "model.h"
#include "net.h"
#include "nn/precision.h"
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

struct model_options model_opt;

static void
parse_size(const char *s)
{
	unsigned h, w;
	char more;

	if (sscanf(s, "%5ux%5u%c", &h, &w, &more) != 2 || !h || !w || h > 65535 || w > 65535)
		hmr_usage_die("--input-size: HEIGHTxWIDTH wanted, not '%.40s'", s);
	model_opt.use.height = h;
	model_opt.use.width = w;
}

static void
parse_precision(const char *s)
{
	struct hmr_err e = { 0 };

	if (hmr_precision_parse("--precision", s, &model_opt.use.precision, &e))
		hmr_usage_die("%s", e.msg);
}

static void
options(int argc, char **argv)
{
	static const char letters[] = HMR_COMMON_SHORT "o:d:j:";
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

	while ((c = getopt_long(argc, argv, letters, table, NULL)) != -1) {
		if (hmr_common_opt(c, help))
			continue;
		switch (c) {
		case 'o': model_opt.output = optarg; break;
		case 'd': model_opt.use.device = optarg; break;
		case 'j': model_opt.use.threads = hmr_opt_u32("--threads", optarg, 0, 1024); break;
		case 'n': model_opt.name = optarg; break;
		case 'i': model_opt.use.in = optarg; break;
		case 'O': model_opt.use.out = optarg; break;
		case 'k': model_opt.use.outputs = optarg; break;
		case 'p': parse_precision(optarg); break;
		case 'P':
			if (strcmp(optarg, "cuda") != 0)
				hmr_usage_die("--plan: cuda, not '%.40s'", optarg);
			model_opt.use.plan_only = true;
			break;
		case 'G': model_opt.use.gpu_mem = hmr_opt_bytes("--gpu-mem", optarg); break;
		case 'b': model_opt.use.batch = hmr_opt_u32("--batch", optarg, 1, 1024); break;
		case 's': parse_size(optarg); break;
		case 'C': model_opt.hmr2.net.checkpoint = optarg; break;
		case 'S': model_opt.hmr2.smpl = optarg; break;
		case 'J': model_opt.hmr2.joints = optarg; break;
		case 'M': model_opt.hmr2.net.mean = optarg; break;
		case 'H':
			model_opt.hmr2.net.heads = hmr_opt_u32("--heads", optarg, 1, 1024);
			break;
		case 'D':
			model_opt.hmr2.net.head_heads = hmr_opt_u32("--decoder-heads", optarg, 1,
							      1024);
			break;
		default: hmr_bad_option(argv, letters);
		}
		if (n + 1 < sizeof(model_opt.letters) && !strchr(model_opt.letters, c))
			model_opt.letters[n++] = (char)c;
	}
}

static const struct command {
	const char *name, *takes;	/* letters of its options */
	int least, most;		/* operands after the name */
	enum hmr_status (*run)(int argc, char **argv, struct hmr_err *e);
	bool whole;			/* gets its own name as argv[0] */
} commands[] = {
	{ "import", "onsCSJMHDpj", 1, 2, model_import, false },
	{ "list", "", 0, 0, model_list, false },
	{ "show", "bskdjpPG", 1, 1, model_net, true },
	{ "check", "", 1, 1000, model_check, false },
	{ "path", "", 0, 1, model_path, false },
	{ "run", "iOkdpj", 1, 1, model_net, true },
	{ "bench", "kdpjbs", 1, 1, model_net, true },
};

static const struct command *
find_command(const char *name)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	hmr_usage_die("'%.40s' is no command: import, list, show, check, path, run or bench",
		      name);
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
		hmr_usage_die("no command: import, list, show, check, path, run or bench");
	c = find_command(argv[optind]);
	n = argc - optind - 1;
	if (n < c->least || n > c->most)
		hmr_usage_die("%s: %s operands", c->name, n < c->least ? "too few" : "too many");
	if (model_opt.letters[strspn(model_opt.letters, c->takes)])
		hmr_usage_die("%s does not take one of the options given", c->name);
	if (!strcmp(c->name, "run") && (!model_opt.use.in || !model_opt.use.out))
		hmr_usage_die("run needs --in and --out");
	st = c->run(n, argv + optind + !c->whole, &e);
	if (fflush(stdout) || ferror(stdout))
		hmr_die(HMR_EXIT_FAIL, "standard output: %s", strerror(errno));
	if (st)
		hmr_die(hmr_exit_for(st), "%s", hmr_err_text(&e, st));
	return HMR_EXIT_OK;
}
