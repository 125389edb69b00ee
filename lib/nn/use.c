/* SPDX-License-Identifier: Apache-2.0 */
/* Running a network on the tensors of a file, and timing one; use.h. */
#include "nn/use.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "import/safetensors.h"
#include "nn/backend.h"
#include "nn/half.h"
#include "nn/show.h"

#define RUNS_MAX 10000
#define SECONDS 2.0

/* "a,b" to { "a", "b", NULL }; *text is the copy they point into. */
static enum hmr_status
split_names(const char *s, char **text, const char *names[HMR_GRAPH_IO_MAX + 1],
	    struct hmr_err *e)
{
	uint32_t n = 0;

	if (!(*text = malloc(strlen(s) + 1)))
		return hmr_fail(e, HMR_E_NOMEM, "outputs");
	strcpy(*text, s);
	for (char *p = *text; p && *p;) {
		char *comma = strchr(p, ',');

		if (n == HMR_GRAPH_IO_MAX)
			return hmr_fail(e, HMR_E_USAGE, "too many outputs");
		names[n++] = p;
		if (comma)
			*comma++ = 0;
		p = comma;
	}
	names[n] = NULL;
	return HMR_OK;
}

static enum hmr_status
set_size(const struct hmr_graph *g, const struct hmr_model_use *u,
	 struct hmr_dims *d, struct hmr_err *e)
{
	const struct hmr_dims *in = &g->input[0].dims;
	uint32_t y = in->n == 4 && in->d[1] <= 4 && in->d[3] > 4 ? 2 : 1;

	d->n = in->n;
	if (u->batch && d->n)
		d->d[0] = u->batch;
	if (!u->height)
		return HMR_OK;
	if (in->n != 4)
		return hmr_fail(e, HMR_E_MODEL, "the first input is no image");
	d->d[y] = u->height;
	d->d[y + 1] = u->width;
	return HMR_OK;
}

enum hmr_status
hmr_use_net(struct hmr_net **net, const struct hmr_model *m,
	    const struct hmr_model_use *u, const struct hmr_dims *input,
	    struct hmr_err *e)
{
	const char *names[HMR_GRAPH_IO_MAX + 1];
	struct hmr_net_options o = { .device = u->device, .precision = u->precision,
		.threads = u->threads, .plan_only = u->plan_only, .gpu_mem = u->gpu_mem };
	char *text = NULL;
	enum hmr_status st = HMR_OK;

	*net = NULL;
	if (input)
		o.input = *input;
	else if (hmr_model_graph(m))
		st = set_size(hmr_model_graph(m), u, &o.input, e);
	if (!st && u->outputs) {
		st = split_names(u->outputs, &text, names, e);
		o.outputs = names;
	}
	if (!st)
		st = hmr_net_new(net, m, &o, e);
	free(text);
	return st;
}

static enum hmr_status
fill_inputs(struct hmr_net *net, const struct hmr_graph *g,
	    const struct hmr_safetensors *file, struct hmr_err *e)
{
	for (uint32_t i = 0; i < g->n_inputs; i++) {
		const struct hmr_st_tensor *t =
			hmr_safetensors_find(file, g->input[i].name);
		struct hmr_dims d;
		float *to = hmr_net_input(net, g->input[i].name, &d);

		if (!t)
			return hmr_fail(e, HMR_E_FORMAT, "no tensor %.80s for the input",
					g->input[i].name);
		if (t->dims.n != d.n || memcmp(t->dims.d, d.d, d.n * sizeof(*d.d)))
			return hmr_fail(e, HMR_E_FORMAT,
					"tensor %.80s: its shape does not fit the network",
					t->name);
		hmr_to_f32(to, t->data, t->dtype, hmr_dims_total(&d));
	}
	return HMR_OK;
}

static enum hmr_status
write_outputs(struct hmr_net *net, const struct hmr_graph *g, const char *path,
	      struct hmr_err *e)
{
	struct hmr_st_tensor t[HMR_GRAPH_IO_MAX];
	struct hmr_st_pair meta[2] = { { "backend", hmr_net_backend(net) },
		{ "precision", hmr_net_precision(net) } };
	uint32_t n = 0;

	for (uint32_t i = 0; i < g->n_outputs; i++) {
		struct hmr_dims d;
		const float *p = hmr_net_output(net, g->output[i].name, &d);

		if (p)
			t[n++] = (struct hmr_st_tensor){ g->output[i].name,
				HMR_DTYPE_F32, d, hmr_dims_total(&d) * sizeof(*p), p };
	}
	return hmr_safetensors_write(path, meta, 2, t, n, e);
}

enum hmr_status
hmr_model_run(const struct hmr_model *m, const struct hmr_model_use *u,
	      struct hmr_err *e)
{
	const struct hmr_graph *g = hmr_model_graph(m);
	struct hmr_safetensors *file = NULL;
	const struct hmr_st_tensor *first;
	struct hmr_net *net = NULL;
	enum hmr_status st;

	if (!g)
		return hmr_fail(e, HMR_E_MODEL, "model %.60s holds no network",
				hmr_model_name(m));
	if ((st = hmr_safetensors_open(&file, u->in, e)))
		return st;
	if (!(first = hmr_safetensors_find(file, g->input[0].name)))
		st = hmr_fail(e, HMR_E_FORMAT, "%s: no tensor %.80s for the input",
			      u->in, g->input[0].name);
	if (!st)
		st = hmr_use_net(&net, m, u, &first->dims, e);
	if (!st && (st = fill_inputs(net, g, file, e)))
		hmr_fail_in(e, st, "%s", u->in);
	if (!st && !(st = hmr_net_run(net, 0, e)))
		st = write_outputs(net, g, u->out, e);
	hmr_net_free(net);
	hmr_safetensors_close(file);
	return st;
}

static double
now_ms(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static int
by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Something like an image: no zeros, no subnormals. */
static void
fill_pattern(struct hmr_net *net, const struct hmr_graph *g)
{
	for (uint32_t i = 0; i < g->n_inputs; i++) {
		struct hmr_dims d;
		float *p = hmr_net_input(net, g->input[i].name, &d);
		size_t n = hmr_dims_total(&d);

		for (size_t k = 0; k < n; k++)
			p[k] = (float)(37 * k % 256) / 255;
	}
}

static enum hmr_status
time_runs(struct hmr_net *net, struct hmr_timing *t, struct hmr_err *e)
{
	double *ms = malloc(RUNS_MAX * sizeof(*ms)), start;
	enum hmr_status st = HMR_OK;

	if (!ms)
		return hmr_fail(e, HMR_E_NOMEM, "times");
	for (int i = 0; !st && i < 3; i++)
		st = hmr_net_run(net, 0, e);
	t->cpu_ms = 1e18;
	for (start = now_ms(CLOCK_MONOTONIC); !st && t->runs < RUNS_MAX &&
	     (t->runs < 3 || now_ms(CLOCK_MONOTONIC) - start < SECONDS * 1e3);
	     t->runs++) {
		double a = now_ms(CLOCK_MONOTONIC), cpu = now_ms(CLOCK_PROCESS_CPUTIME_ID);

		st = hmr_net_run(net, 0, e);
		ms[t->runs] = now_ms(CLOCK_MONOTONIC) - a;
		cpu = now_ms(CLOCK_PROCESS_CPUTIME_ID) - cpu;
		t->cpu_ms = cpu < t->cpu_ms ? cpu : t->cpu_ms;
	}
	if (!st) {
		qsort(ms, t->runs, sizeof(*ms), by_value);
		t->best_ms = ms[0];
		t->median_ms = ms[t->runs / 2];
	}
	free(ms);
	return st;
}

enum hmr_status
hmr_model_bench(const struct hmr_model *m, const struct hmr_model_use *u,
		struct hmr_timing *t, FILE *steps, struct hmr_err *e)
{
	struct hmr_net *net;
	enum hmr_status st;

	memset(t, 0, sizeof(*t));
	if ((st = hmr_use_net(&net, m, u, NULL, e)))
		return st;
	fill_pattern(net, hmr_model_graph(m));
	t->flop = hmr_net_flop(net);
	t->batch = u->batch ? u->batch : 1;
	t->threads = hmr_net_threads(net);
	snprintf(t->text, sizeof(t->text), "%s", hmr_net_backend(net));
	t->backend = t->text;
	t->precision = hmr_net_precision(net);
	st = time_runs(net, t, e);
	if (!st && steps)
		st = hmr_show_times(net, steps, e);
	hmr_net_free(net);
	return st;
}
