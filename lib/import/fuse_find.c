/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The long forms of what is one operator here, as exporters write them: x
 * sigmoid(x), the hard swish in four steps, Mish, GELU by erf, normalisation from
 * means and roots, slices of slices, and YOLOX's focus (four slices, a
 * concatenation, a convolution), which is one convolution of twice the kernel and
 * stride. Nodes are visited in running order, so a form may use an earlier one.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "import/fuse.h"

/* Is v one number, of no more axes than `other`, so that it leaves its shape alone? */
static bool
is_one(const struct hmr_build *b, uint32_t v, uint32_t other)
{
	const struct hmr_bvalue *c = &b->value[v];

	return c->constant && hmr_dims_total(&c->dims) == 1 &&
	       c->dims.n <= b->value[other].dims.n;
}

static bool
is_number(const struct hmr_build *b, uint32_t v, uint32_t other, double x)
{
	size_t n;
	float *f;
	bool same;

	if (!is_one(b, v, other) || !(f = hmr_fuse_floats(b, v, &n)))
		return false;
	same = fabs((double)f[0] - x) <= 1e-6 * fabs(x);
	free(f);
	return same;
}

/* The node that makes v, if it is op with activation act (for HMR_OP_ACT). */
static const struct hmr_node *
made_by(const struct hmr_build *b, uint32_t v, enum hmr_op op, enum hmr_act act)
{
	const struct hmr_node *n = hmr_fuse_maker(b, v);

	return n && n->op == op && n->act == act ? n : NULL;
}

/* v = x op number, either way round where that is the same; *x. */
static bool
with_number(const struct hmr_build *b, uint32_t v, enum hmr_op op, double number,
	    uint32_t *x)
{
	const struct hmr_node *n = made_by(b, v, op, HMR_ACT_NONE);

	if (!n)
		return false;
	for (int k = 0; k < (op == HMR_OP_DIV ? 1 : 2); k++)
		if (is_number(b, n->in[1 - k], n->in[k], number)) {
			*x = n->in[k];
			return true;
		}
	return false;
}

/* v = x / number or x times its inverse. */
static bool
divided(const struct hmr_build *b, uint32_t v, double number, uint32_t *x)
{
	return with_number(b, v, HMR_OP_DIV, number, x) ||
	       with_number(b, v, HMR_OP_MUL, 1 / number, x);
}

/* n becomes an activation of x. */
static bool
become(struct hmr_node *n, uint32_t x, enum hmr_act act, float alpha, float beta)
{
	if (!hmr_fuse_inputs(n, 1, &x))
		return false;
	n->op = HMR_OP_ACT;
	n->act = act;
	n->alpha = alpha;
	n->beta = beta;
	return true;
}

/* relu6(x + 3) */
static bool
is_cut(const struct hmr_build *b, uint32_t v, uint32_t *x)
{
	const struct hmr_node *n = made_by(b, v, HMR_OP_ACT, HMR_ACT_RELU6);

	return n && with_number(b, n->in[0], HMR_OP_ADD, 3, x);
}

/* 1 + erf(x / sqrt 2) */
static bool
is_gauss(const struct hmr_build *b, uint32_t v, uint32_t *x)
{
	const struct hmr_node *n;
	uint32_t e;

	return with_number(b, v, HMR_OP_ADD, 1, &e) &&
	       (n = made_by(b, e, HMR_OP_ACT, HMR_ACT_ERF)) != NULL &&
	       divided(b, n->in[0], sqrt(2), x);
}

/* A product with a number: hard sigmoid, hard swish and GELU end so. */
static bool
find_scaled(struct hmr_build *b, struct hmr_node *n)
{
	uint32_t out = n->out[0], x, y;
	const struct hmr_node *m;

	if (divided(b, out, 6, &x)) {
		if (is_cut(b, x, &y))
			return become(n, y, HMR_ACT_HARD_SIGMOID, 1.0f / 6, .5f);
		m = made_by(b, x, HMR_OP_MUL, HMR_ACT_NONE);
		for (int k = 0; m && k < 2; k++)
			if (is_cut(b, m->in[k], &y) && y == m->in[1 - k])
				return become(n, y, HMR_ACT_HARD_SWISH, 1.0f / 6, .5f);
	}
	if (divided(b, out, 2, &x) && (m = made_by(b, x, HMR_OP_MUL, HMR_ACT_NONE)))
		for (int k = 0; k < 2; k++)
			if (is_gauss(b, m->in[k], &y) && y == m->in[1 - k])
				return become(n, y, HMR_ACT_GELU, 0, 0);
	return false;
}

/* x times a function of x. */
static bool
find_gated(struct hmr_build *b, struct hmr_node *n)
{
	for (int k = 0; k < 2; k++) {
		uint32_t x = n->in[k], g = n->in[1 - k], y;
		const struct hmr_node *m = hmr_fuse_maker(b, g);

		if (is_gauss(b, g, &y) && divided(b, x, 2, &x) && x == y)
			return become(n, x, HMR_ACT_GELU, 0, 0);
		x = n->in[k];
		if (divided(b, g, 2, &g) && is_gauss(b, g, &y) && x == y)
			return become(n, x, HMR_ACT_GELU, 0, 0);
		if (!m || m->op != HMR_OP_ACT)
			continue;
		if (m->act == HMR_ACT_SIGMOID && m->in[0] == x)
			return become(n, x, HMR_ACT_SWISH, 1, 0);
		if (m->act == HMR_ACT_HARD_SIGMOID && m->in[0] == x)
			return become(n, x, HMR_ACT_HARD_SWISH, m->alpha, m->beta);
		if (m->act == HMR_ACT_TANH &&
		    (m = made_by(b, m->in[0], HMR_OP_ACT, HMR_ACT_SOFTPLUS)) && m->in[0] == x)
			return become(n, x, HMR_ACT_MISH, 0, 0);
	}
	return false;
}

/* --- normalisation ------------------------------------------------------------ */

static bool
same_shape(const struct hmr_dims *a, const struct hmr_dims *b)
{
	return a->n == b->n && !memcmp(a->d, b->d, a->n * sizeof(*a->d));
}

/* v is the mean of x over some axes, maybe reshaped to what it is. */
static const struct hmr_node *
mean_of(const struct hmr_build *b, uint32_t v, uint32_t *x)
{
	const struct hmr_node *n = hmr_fuse_maker(b, v);

	if (n && n->op == HMR_OP_RESHAPE &&
	    same_shape(&b->value[v].dims, &b->value[n->in[0]].dims))
		n = hmr_fuse_maker(b, n->in[0]);
	if (!n || n->op != HMR_OP_REDUCE_MEAN || n->act)
		return NULL;
	*x = n->in[0];
	return n;
}

/* v = x - mean(x) */
static const struct hmr_node *
centred(const struct hmr_build *b, uint32_t v, uint32_t *x)
{
	const struct hmr_node *s = made_by(b, v, HMR_OP_SUB, HMR_ACT_NONE), *m;

	return s && (m = mean_of(b, s->in[1], x)) && *x == s->in[0] ? m : NULL;
}

/* v = d d; *d */
static bool
squared(const struct hmr_build *b, uint32_t v, uint32_t *d)
{
	const struct hmr_node *n = made_by(b, v, HMR_OP_MUL, HMR_ACT_NONE);

	if (n && n->in[0] == n->in[1]) {
		*d = n->in[0];
		return true;
	}
	n = made_by(b, v, HMR_OP_POW, HMR_ACT_NONE);
	if (!n || !is_number(b, n->in[1], n->in[0], 2))
		return false;
	*d = n->in[0];
	return true;
}

/* v = sqrt(variance + epsilon); *d: what the variance is of, *of: its mean. */
static bool
deviation(const struct hmr_build *b, uint32_t v, uint32_t *d, float *epsilon,
	  const struct hmr_node **of)
{
	const struct hmr_node *root = made_by(b, v, HMR_OP_ACT, HMR_ACT_SQRT), *sum;
	uint32_t square;
	size_t n;
	float *e;

	if (!root || !(sum = made_by(b, root->in[0], HMR_OP_ADD, HMR_ACT_NONE)) ||
	    !is_one(b, sum->in[1], sum->in[0]) ||
	    !(*of = mean_of(b, sum->in[0], &square)) || !squared(b, square, d) ||
	    !(e = hmr_fuse_floats(b, sum->in[1], &n)))
		return false;
	*epsilon = e[0];
	free(e);
	return *epsilon >= 0;
}

/* (x - mean) / sqrt(variance + epsilon) */
static bool
find_norm(struct hmr_build *b, struct hmr_node *n)
{
	const struct hmr_node *mean, *of, *again;
	uint32_t d, x, y;
	int64_t *list;
	float epsilon;

	if (!(mean = centred(b, n->in[0], &x)) ||
	    !deviation(b, n->in[1], &d, &epsilon, &of) || mean->n_list != of->n_list ||
	    memcmp(mean->list, of->list, mean->n_list * sizeof(*mean->list)))
		return false;
	again = d == n->in[0] ? mean : centred(b, d, &y);
	if (again != mean || !(list = malloc(mean->n_list * sizeof(*list))))
		return false;
	memcpy(list, mean->list, mean->n_list * sizeof(*list));
	if (!hmr_fuse_inputs(n, 1, &x)) {
		free(list);
		return false;
	}
	free((void *)(uintptr_t)n->list);
	n->list = list;
	n->n_list = mean->n_list;
	n->op = HMR_OP_NORM;
	n->value = epsilon;
	return true;
}

/* --- slices, and the focus --------------------------------------------------------- */

static bool
is_whole(const int64_t *r)
{
	return r[0] == 0 && r[1] == 1 && r[2] == 0;
}

/* A slice of a slice along other axes. */
static void
merge_slices(struct hmr_build *b, struct hmr_node *n)
{
	const struct hmr_node *p = hmr_fuse_maker(b, n->in[0]);
	int64_t *list = (int64_t *)(uintptr_t)n->list;

	if (!p || p->op != HMR_OP_SLICE || p->n_list != n->n_list)
		return;
	for (uint32_t i = 0; i < n->n_list; i += 3)
		if (!is_whole(p->list + i) && !is_whole(n->list + i))
			return;
	for (uint32_t i = 0; i < n->n_list; i += 3)
		if (!is_whole(p->list + i))
			memcpy(list + i, p->list + i, 3 * sizeof(*list));
	hmr_fuse_set_in(n, 0, p->in[0]);
}

/* Every second row and column; *y, *x: from which on. */
static const struct hmr_node *
phase(const struct hmr_build *b, uint32_t v, int64_t *y, int64_t *x)
{
	const struct hmr_node *s = made_by(b, v, HMR_OP_SLICE, HMR_ACT_NONE);
	const struct hmr_dims *d;

	if (!s || s->n_list != 12 || !is_whole(s->list) || !is_whole(s->list + 9) ||
	    s->list[4] != 2 || s->list[7] != 2 || s->list[3] > 1 || s->list[6] > 1)
		return NULL;
	d = &b->value[s->in[0]].dims;
	if (d->d[1] % 2 || d->d[2] % 2 || b->value[v].dims.d[1] != d->d[1] / 2 ||
	    b->value[v].dims.d[2] != d->d[2] / 2)
		return NULL;
	*y = s->list[3];
	*x = s->list[6];
	return s;
}

/* The weight [O][4 C][kh][kw] spread to [O][C][2 kh][2 kw]. */
static bool
spread(struct hmr_build *b, struct hmr_node *n, const int64_t y[4], const int64_t x[4],
       uint32_t *value)
{
	struct hmr_dims d = b->value[n->in[1]].dims, w = d;
	size_t count, kw = (size_t)d.d[3], kh = (size_t)d.d[2], c = (size_t)d.d[1] / 4;
	float *from = hmr_fuse_floats(b, n->in[1], &count), *to;

	w.d[1] /= 4;
	w.d[2] *= 2;
	w.d[3] *= 2;
	if (!from || !(to = malloc(count * sizeof(*to)))) {
		free(from);
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		size_t kx = i % kw, ky = i / kw % kh, ch = i / kw / kh % (4 * c);
		size_t o = i / kw / kh / (4 * c), s = ch / c;

		to[((o * c + ch % c) * 2 * kh + 2 * ky + (size_t)y[s]) * 2 * kw +
		   2 * kx + (size_t)x[s]] = from[i];
	}
	free(from);
	return !hmr_build_const(b, b->value[n->in[1]].name, HMR_DTYPE_F32, &w, to, value, NULL);
}

static void
find_focus(struct hmr_build *b, uint32_t at)
{
	struct hmr_node *n = &b->node[at].n;
	const struct hmr_node *cat = made_by(b, n->in[0], HMR_OP_CONCAT, HMR_ACT_NONE);
	const struct hmr_node *s[4];
	const struct hmr_dims *w = &b->value[n->in[1]].dims;
	int64_t y[4], x[4];
	unsigned seen = 0;
	uint32_t weight;

	if (!cat || cat->n_in != 4 || cat->axis != 3 || n->group != 1 || n->same ||
	    n->stride[0] != 1 || n->stride[1] != 1 || n->dilate[0] > 1 || n->dilate[1] > 1 ||
	    w->d[2] > 8 || w->d[3] > 8)
		return;
	for (int i = 0; i < 4; i++) {
		if (!(s[i] = phase(b, cat->in[i], &y[i], &x[i])) || s[i]->in[0] != s[0]->in[0])
			return;
		seen |= 1u << (2 * y[i] + x[i]);
	}
	if (seen != 15 || !spread(b, n, y, x, &weight))
		return;
	hmr_fuse_set_in(n, 0, s[0]->in[0]);
	hmr_fuse_set_in(n, 1, weight);
	n->stride[0] = n->stride[1] = 2;
	for (int i = 0; i < 4; i++)
		n->pad[i] *= 2;
}

void
hmr_fuse_find(struct hmr_build *b)
{
	for (uint32_t i = 0; i < b->n_nodes; i++) {
		struct hmr_node *n = &b->node[i].n;

		switch (n->op) {
		case HMR_OP_MUL:
			if (!n->act && !find_scaled(b, n))
				(void)find_gated(b, n);
			break;
		case HMR_OP_DIV:
			if (!n->act && !find_scaled(b, n))
				(void)find_norm(b, n);
			break;
		case HMR_OP_SLICE: merge_slices(b, n); break;
		case HMR_OP_CONV: find_focus(b, i); break;
		default: break;
		}
	}
}
