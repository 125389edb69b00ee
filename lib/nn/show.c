/* SPDX-License-Identifier: Apache-2.0 */
/* A model described for people. */
#include "nn/show.h"

#include <stdlib.h>
#include <string.h>

#include "cuda/image_slots.h"
#include "import/safetensors.h"
#include "nn/backend.h"
#include "nn/half.h"

static void
put_dims(FILE *f, const struct hmr_dims *d)
{
	for (uint32_t i = 0; i < d->n; i++)
		fprintf(f, "%s%lld", i ? "x" : "", (long long)d->d[i]);
	if (!d->n)
		fputs("scalar", f);
}

static void
put_node(FILE *f, const struct hmr_graph *g, const struct hmr_node *n,
	 const struct hmr_dims *dims)
{
	fprintf(f, "  %-9s ", hmr_op_name(n->op));
	put_dims(f, &dims[n->out[0]]);
	if (n->op == HMR_OP_CONV) {
		fputs("  weight ", f);
		put_dims(f, &dims[n->in[1]]);
		fprintf(f, " stride %d", (int)n->stride[0]);
		if (n->group > 1)
			fprintf(f, " groups %d", (int)n->group);
	}
	if (n->act)
		fprintf(f, "  %s", hmr_act_name(n->act));
	fprintf(f, "  %s\n", g->value[n->out[0]].name);
}

static void
put_graph(FILE *f, const struct hmr_graph *g, const struct hmr_dims *dims, bool steps)
{
	for (uint32_t i = 0; i < g->n_inputs; i++) {
		fprintf(f, "input\t%s\t", g->input[i].name);
		put_dims(f, &dims[g->input[i].value]);
		for (uint32_t k = 0; k < g->input[i].dims.n; k++)
			if (g->input[i].free[k] == 1)
				fprintf(f, "\taxis %u free", k);
			else if (g->input[i].free[k])
				fprintf(f, "\taxis %u in multiples of %u", k,
					g->input[i].free[k]);
		fputc('\n', f);
	}
	for (uint32_t i = 0; i < g->n_outputs; i++) {
		fprintf(f, "output\t%s\t", g->output[i].name);
		put_dims(f, &dims[g->output[i].value]);
		fputc('\n', f);
	}
	fprintf(f, "nodes\t%u\n", g->n_nodes);
	for (uint32_t i = 0; steps && i < g->n_nodes; i++)
		put_node(f, g, &g->node[i], dims);
}

static void
put_tensors(FILE *f, const struct hmr_safetensors *s, bool steps)
{
	size_t bytes = 0;

	for (uint32_t i = 0; i < hmr_safetensors_count(s); i++)
		bytes += hmr_safetensors_at(s, i)->bytes;
	fprintf(f, "tensors\t%u\t%.1f MiB\n", hmr_safetensors_count(s), (double)bytes / 0x1p20);
	for (uint32_t i = 0; steps && i < hmr_safetensors_count(s); i++) {
		const struct hmr_st_tensor *t = hmr_safetensors_at(s, i);

		fprintf(f, "  %-4s ", hmr_dtype_name(t->dtype));
		put_dims(f, &t->dims);
		fprintf(f, "  %s\n", t->name);
	}
}

/* What a stage with such a network has beside it on a GPU. */
static void
put_images(FILE *f)
{
	struct hmr_slots_plan p;

	hmr_slots_plan(&p, hmr_slot_bytes(1920, 1080, 1920 * 1080 * 3 / 2), 0);
	fprintf(f, "  images of a stage %zu bytes\tpinned on the host %zu\t"
		"two of 1920x1080, yuv420p\n", p.device, p.staging);
}

static enum hmr_status
put_plan(FILE *f, const struct hmr_model *m, const struct hmr_model_use *u,
	 struct hmr_err *e)
{
	struct hmr_net_plan p;
	const char *node, *impl;
	struct hmr_net *net;
	enum hmr_status st = hmr_use_net(&net, m, u, NULL, e);

	if (st)
		return st;
	hmr_net_plan(net, &p);
	fprintf(f, "plan\t%s %s\tweights %.1f MiB\tactivations %.1f MiB\tworkspace %.1f MiB\n",
		hmr_net_backend(net), hmr_net_precision(net), (double)p.weights / 0x1p20,
		(double)p.activations / 0x1p20, (double)p.workspace / 0x1p20);
	if (p.device)
		fprintf(f, "  GPU memory %zu bytes\tpinned on the host %zu\n", p.device,
			p.staging);
	if (p.device && strcmp(hmr_model_kind(m), "network"))
		put_images(f);
	for (uint32_t i = 0; u->steps && hmr_net_step(net, 0, i, &node, &impl); i++)
		fprintf(f, "  %-24s %s\n", impl, node);
	hmr_net_free(net);
	return HMR_OK;
}

enum hmr_status
hmr_model_show(const struct hmr_model *m, const struct hmr_model_use *u,
	       FILE *f, struct hmr_err *e)
{
	static const char *const keys[] = { "meta", "provenance" };
	const struct hmr_safetensors *s = hmr_model_file(m);
	const struct hmr_graph *g = hmr_model_graph(m);
	const char *sum = hmr_safetensors_sum(s);
	struct hmr_dims *dims;
	enum hmr_status st = HMR_OK;

	fprintf(f, "name\t%s\nkind\t%s\nsha256\t%s\nxxh3\t%s\n", hmr_model_name(m),
		hmr_model_kind(m), hmr_model_sha256(m), sum ? sum : "none");
	for (int i = 0; i < 2; i++)
		if (hmr_safetensors_meta(s, keys[i]))
			fprintf(f, "%s\t%s\n", keys[i], hmr_safetensors_meta(s, keys[i]));
	if (g) {
		if (!(dims = calloc(g->n_values, sizeof(*dims))))
			return hmr_fail(e, HMR_E_NOMEM, "graph");
		if (!(st = hmr_graph_shapes(g, NULL, NULL, dims, e)))
			put_graph(f, g, dims, u->steps);
		free(dims);
	}
	put_tensors(f, s, u->steps);
	return g && !st ? put_plan(f, m, u, e) : st;
}

enum hmr_status
hmr_show_times(struct hmr_net *net, FILE *f, struct hmr_err *e)
{
	const char *node, *impl;
	double ms[3];
	enum hmr_status st;

	for (uint32_t i = 0; hmr_net_step(net, 0, i, &node, &impl); i++) {
		ms[0] = 1e9;
		for (int k = 0; k < 5; k++) {
			if ((st = hmr_net_time_step(net, i, &ms[1], e)))
				return st;
			ms[0] = ms[1] < ms[0] ? ms[1] : ms[0];
		}
		fprintf(f, "  %8.3f ms  %-24s %s\n", ms[0], impl, node);
	}
	return HMR_OK;
}
