/* SPDX-License-Identifier: Apache-2.0 */
/* hmr-model show, run and bench: a network by itself, without a stage. */
#include <stdio.h>
#include <string.h>

#include "hmr2/hmr2_cuda.h"
#include "hmr2/hmr2_noise.h"
#include "model.h"
#include "nn/graph.h"
#include "prog.h"

static enum hmr_status
bench(const struct hmr_model *m, struct hmr_err *e)
{
	struct hmr_timing t;
	enum hmr_status st;

	if ((st = hmr_model_bench(m, &model_opt.use, &t,
				  model_opt.use.steps ? stdout : NULL, e)))
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
	bool int8 = false;
	enum hmr_status st;

	hmr2_noise_full(&d);
	if (m) {
		if ((st = hmr2_weights_of(&w, hmr_model_file(m), e)))
			return st;
		d = w.d;
		int8 = hmr2_weights_int8(&w);
		hmr2_weights_close(&w);
	}
	return hmr2_cuda_show(&d, int8, model_opt.use.precision, model_opt.use.batch,
			      model_opt.use.gpu_mem, stdout, e);
}

static enum hmr_status
show(const struct hmr_model *m, struct hmr_err *e)
{
	enum hmr_status st = hmr_model_show(m, &model_opt.use, stdout, e);

	if (!st && model_opt.use.plan_only && !strcmp(hmr_model_kind(m), HMR_HMR2_KIND))
		st = show_hmr2(m, e);
	return st;
}

enum hmr_status
model_net(int argc, char **argv, struct hmr_err *e)
{
	char path[4096];
	struct hmr_model *m;
	enum hmr_status st;

	(void)argc;
	st = hmr_model_path(argv[1], path, sizeof(path), e);
	if (st == HMR_E_MODEL && model_opt.use.plan_only && !strcmp(argv[1], "hmr2"))
		return show_hmr2(NULL, e);
	if (st || (st = hmr_model_open(&m, path, e)))
		return st;
	model_opt.use.steps = hmr_verbose > 0;
	st = !strcmp(argv[0], "show") ? show(m, e) :
	     !strcmp(argv[0], "run") ? hmr_model_run(m, &model_opt.use, e) : bench(m, e);
	hmr_model_close(m);
	return st;
}
