/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every operator on cuda against ref, in float32, half precision and bfloat16, at
 * batches of 1 and 3 of one network. Linked with the fake device it proves the
 * planning and the kernels' sources; with the real one, all. Seen failing: taps in
 * the order of KRSC, strides of a merged axis taken from the first, a norm without its
 * epsilon, outputs that lie over each other.
 */
#include "ops.h"

struct limits { enum hmr_precision p; double least; };
static const struct limits kinds[] = {
	{ HMR_PRECISION_F32, 1e-5 }, { HMR_PRECISION_F16, 3e-3 }, { HMR_PRECISION_BF16, 2e-2 },
};

static void
compare_in(const struct hmr_model *m, const char *what, int first, int last)
{
	struct hmr_net *ref = kit_net(m, "ref", HMR_PRECISION_F32);

	for (int i = first; i <= last; i++) {
		struct hmr_net *n = kit_net(m, "cuda", kinds[i].p);

		for (uint32_t batch = 1; batch <= 3; batch += 2) {
			size_t na, nb;
			float *a = kit_run(ref, batch, &na), *b = kit_run(n, batch, &nb);
			double err = kit_error(a, b, na);

			assert_int_equal(na, nb);
			if (getenv("HMR_TEST_SHOW"))
				print_message("# %-20s %s batch %u: %.2g\n", what,
					      hmr_net_precision(n), batch, err);
			if (!(err < kinds[i].least))
				fail_msg("%s in %s, batch %u: error %g", what,
					 hmr_net_precision(n), batch, err);
			free(a);
			free(b);
		}
		hmr_net_free(n);
	}
	hmr_net_free(ref);
}

static void
compare(struct kit *k, const char *what)
{
	struct hmr_model *m = kit_model(k);

	compare_in(m, what, 0, 2);
	hmr_model_close(m);
}

/* --- windows -------------------------------------------------------------- */

struct conv_case { int64_t h, w, ci, co, k; struct hmr_node n; };
#define SAME_(s) .stride = { s, s }, .same = true
#define PAD_(s, p) .stride = { s, s }, .pad = { p, p, p, p }

static const struct conv_case convs[] = {
	{ 13, 17, 3, 32, 3, { PAD_(2, 1), .act = HMR_ACT_LEAKY, .alpha = .1f } },
	{ 16, 16, 3, 24, 3, { SAME_(2), .act = HMR_ACT_RELU6 } },
	{ 9, 11, 32, 16, 3, { PAD_(1, 1), .act = HMR_ACT_SWISH, .alpha = 1 } },
	{ 8, 8, 24, 96, 1, { PAD_(1, 0), .act = HMR_ACT_RELU6 } },
	{ 8, 8, 24, 96, 1, { PAD_(1, 0), .act = HMR_ACT_RELU } },
	{ 8, 8, 96, 39, 1, { PAD_(1, 0) } },
	{ 9, 8, 24, 40, 1, { PAD_(2, 0), .act = HMR_ACT_RELU } },
	{ 2, 2, 288, 195, 2, { PAD_(1, 0) } },
	{ 7, 9, 33, 17, 3, { PAD_(2, 1), .act = HMR_ACT_RELU } },
	{ 15, 15, 40, 40, 5, { SAME_(2), .group = 40, .act = HMR_ACT_RELU6 } },
	{ 16, 12, 48, 48, 3, { SAME_(1), .group = 48, .act = HMR_ACT_HARD_SWISH,
		.alpha = 1 / 6.f, .beta = .5f } },
	{ 9, 9, 6, 6, 3, { PAD_(1, 1), .group = 6 } },
	{ 6, 6, 8, 16, 3, { PAD_(1, 1), .group = 8 } },
	{ 6, 6, 8, 8, 3, { PAD_(1, 1), .group = 2 } },
	{ 5, 5, 16, 16, 3, { .stride = { 1, 2 }, .pad = { 0, 1, 2, 1 } } },
	{ 11, 9, 8, 12, 3, { .stride = { 1, 1 }, .pad = { 2, 2, 2, 2 }, .dilate = { 2, 2 } } },
	{ 11, 9, 8, 8, 3, { .stride = { 1, 1 }, .pad = { 2, 2, 2, 2 }, .dilate = { 2, 2 },
		.group = 8 } },
};

static void
add_conv(struct kit *k, enum hmr_op op, const struct conv_case *c, bool bias)
{
	struct hmr_node n = c->n;
	int64_t g = n.group ? n.group : 1;
	uint32_t in[3] = { k->last,
		kit_const(k, (struct hmr_dims){ 4, { c->co, c->ci / g, c->k, c->k } }, NULL, .3f),
		kit_const(k, (struct hmr_dims){ 1, { c->co } }, NULL, .3f) };

	n.op = op;
	kit_node(k, n, bias ? 3 : 2, in);
}

static void
test_convs(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(convs) / sizeof(*convs); i++) {
		const struct conv_case *c = &convs[i];
		char what[32];
		struct kit k;

		kit_start(&k, (struct hmr_dims){ 4, { 1, c->h, c->w, c->ci } });
		add_conv(&k, HMR_OP_CONV, c, i % 3 != 1);
		snprintf(what, sizeof(what), "conv %zu", i);
		compare(&k, what);
	}
}

static void
test_transposed(void **state)
{
	static const int64_t more[2] = { 1, 0 };
	static const struct conv_case t[] = {
		{ 5, 6, 8, 12, 4, { .list = more, .n_list = 2, .stride = { 2, 2 }, .pad = { 1, 1, 1, 1 } } },
		{ 5, 6, 8, 8, 3, { .list = more, .n_list = 2, .stride = { 2, 1 }, .pad = { 1, 0, 1, 0 }, .group = 2,
			.act = HMR_ACT_RELU } },
		{ 4, 4, 6, 5, 3, { .list = more, .n_list = 2, .stride = { 3, 3 }, .dilate = { 2, 1 } } },
	};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		char what[32];
		struct kit k;

		kit_start(&k, (struct hmr_dims){ 4, { 1, t[i].h, t[i].w, t[i].ci } });
		add_conv(&k, HMR_OP_CONV_TRANSPOSE, &t[i], i != 1);
		snprintf(what, sizeof(what), "conv_transpose %zu", i);
		compare(&k, what);
	}
}

static void
test_pools(void **state)
{
	static const struct hmr_node t[] = {
		{ .op = HMR_OP_MAX_POOL, .kernel = { 3, 2 }, .stride = { 2, 2 }, .pad = { 1, 1, 1, 0 } },
		{ .op = HMR_OP_MAX_POOL, .kernel = { 5, 5 }, .stride = { 1, 1 }, .same = true },
		{ .op = HMR_OP_AVG_POOL, .kernel = { 3, 3 }, .stride = { 2, 2 }, .pad = { 1, 1, 1, 1 } },
		{ .op = HMR_OP_AVG_POOL, .kernel = { 3, 3 }, .stride = { 2, 2 }, .pad = { 1, 1, 1, 1 },
			.count_pad = true, .act = HMR_ACT_RELU },
	};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct kit k;

		kit_start(&k, (struct hmr_dims){ 4, { 1, 11, 14, 5 } });
		kit_node(&k, t[i], 1, &k.in);
		compare(&k, "pool");
	}
}

static void
test_resize(void **state)
{
	static const int64_t scale[3][4] = { { 2, 1, 2, 1 }, { 1, 2, 1, 2 }, { 3, 2, 5, 2 } };

	(void)state;
	for (int s = 0; s < 3; s++)
		for (int c = 0; c < HMR_COORDS_COUNT; c++)
			for (int t = 0; t < HMR_TAKE_COUNT; t++) {
				struct kit k;

				kit_start(&k, (struct hmr_dims){ 4, { 1, 8, 6, 3 } });
				kit_node(&k, (struct hmr_node){ .op = HMR_OP_RESIZE,
					.coords = (enum hmr_coords)c, .take = (enum hmr_take)t,
					.list = scale[s], .n_list = 4 }, 1, &k.in);
				compare(&k, "resize");
			}
}

/* --- numbers -------------------------------------------------------------- */

static void
test_acts(void **state)
{
	(void)state;
	for (int act = HMR_ACT_RELU; act < HMR_ACT_COUNT; act++) {
		struct hmr_node n = { .op = HMR_OP_ACT, .act = (enum hmr_act)act, .alpha = .3f,
			.beta = .6f };
		struct hmr_model *m;
		struct kit k;
		/* a step's jump may fall between two roundings */
		bool jumps = act == HMR_ACT_FLOOR || act == HMR_ACT_CEIL ||
			act == HMR_ACT_ROUND || act == HMR_ACT_TRUNC;

		kit_start(&k, (struct hmr_dims){ 4, { 1, 5, 7, 6 } });
		if (act == HMR_ACT_LOG || act == HMR_ACT_SQRT)
			kit_node(&k, (struct hmr_node){ .op = HMR_OP_ACT, .act = HMR_ACT_EXP }, 1,
				 &k.in);
		kit_node(&k, n, 1, (const uint32_t[]){ k.last });
		m = kit_model(&k);
		compare_in(m, hmr_act_name((enum hmr_act)act), 0, jumps ? 0 : 2);
		hmr_model_close(m);
	}
}

static void
test_binary(void **state)
{
	static const struct hmr_dims shape[] = { { 4, { 1, 5, 7, 6 } }, { 1, { 6 } }, { 0, { 0 } },
		{ 3, { 5, 1, 6 } }, { 3, { 5, 7, 1 } }, { 5, { 1, 1, 1, 1, 1 } } };
	static const enum hmr_op ops[] = { HMR_OP_ADD, HMR_OP_MUL, HMR_OP_SUB, HMR_OP_DIV,
		HMR_OP_MIN, HMR_OP_MAX, HMR_OP_PRELU, HMR_OP_LESS, HMR_OP_EQUAL };

	(void)state;
	for (size_t o = 0; o < sizeof(ops) / sizeof(*ops); o++)
		for (size_t s = 0; s < 6; s++) {
			bool jumps = ops[o] == HMR_OP_LESS || ops[o] == HMR_OP_EQUAL;
			struct hmr_model *m;
			uint32_t in[2];
			struct kit k;

			kit_start(&k, (struct hmr_dims){ 4, { 1, 5, 7, 6 } });
			in[0] = k.in;
			in[1] = s ? kit_const(&k, shape[s], NULL, 1.5f) : k.in;
			if (!s)
				in[1] = kit_node(&k, (struct hmr_node){ .op = HMR_OP_ACT,
					.act = HMR_ACT_EXP }, 1, &k.in);
			kit_node(&k, (struct hmr_node){ .op = ops[o],
				.act = o ? HMR_ACT_NONE : HMR_ACT_RELU }, 2, in);
			m = kit_model(&k);
			compare_in(m, hmr_op_name(ops[o]), 0, jumps ? 0 : 2);
			hmr_model_close(m);
		}
}

/* A power, and a choice by a condition of another shape. */
static void
test_pow_where(void **state)
{
	struct kit k;
	uint32_t in[3];

	(void)state;
	kit_start(&k, (struct hmr_dims){ 3, { 1, 5, 6 } });
	in[0] = kit_node(&k, (struct hmr_node){ .op = HMR_OP_ACT, .act = HMR_ACT_ABS }, 1, &k.in);
	in[1] = kit_const(&k, (struct hmr_dims){ 0, { 0 } }, (const float[]){ 2.5f }, 0);
	kit_node(&k, (struct hmr_node){ .op = HMR_OP_POW }, 2, in);
	compare(&k, "pow");
	kit_start(&k, (struct hmr_dims){ 3, { 1, 5, 6 } });
	in[0] = kit_node(&k, (struct hmr_node){ .op = HMR_OP_ACT, .act = HMR_ACT_RELU }, 1, &k.in);
	in[1] = k.in;
	in[2] = kit_const(&k, (struct hmr_dims){ 2, { 5, 1 } }, NULL, 1);
	kit_node(&k, (struct hmr_node){ .op = HMR_OP_WHERE }, 3, in);
	compare(&k, "where");
}

static void
test_matmul(void **state)
{
	(void)state;
	for (int form = 0; form < 4; form++) {
		struct hmr_node n = { .op = HMR_OP_MATMUL, .trans = form & 1,
			.act = form == 3 ? HMR_ACT_RELU : form ? HMR_ACT_NONE : HMR_ACT_GELU };
		static const int64_t swap[3] = { 0, 2, 1 };
		uint32_t in[3], n_in = 2;
		struct kit k;

		kit_start(&k, (struct hmr_dims){ 3, { 1, 7, 24 } });
		in[0] = k.in;
		if (form < 2) {
			in[1] = kit_const(&k, (struct hmr_dims){ 2, { form ? 10 : 24,
				form ? 24 : 10 } }, NULL, .3f);
			in[2] = kit_const(&k, (struct hmr_dims){ 1, { 10 } }, NULL, 1);
			n_in = 3;
		} else {
			in[1] = form == 3 ? k.in : kit_node(&k, (struct hmr_node){
				.op = HMR_OP_TRANSPOSE, .list = swap, .n_list = 3 }, 1, &k.in);
		}
		kit_node(&k, n, n_in, in);
		compare(&k, "matmul");
	}
}

/* --- groups and moves ----------------------------------------------------- */

static void
test_groups(void **state)
{
	static const enum hmr_op ops[] = { HMR_OP_REDUCE_MEAN, HMR_OP_REDUCE_SUM,
		HMR_OP_REDUCE_MAX, HMR_OP_REDUCE_MIN, HMR_OP_NORM, HMR_OP_NORM };
	static const int64_t axes[4][3] = { { 1, 2 }, { 3 }, { 1, 2, 3 }, { 1, 3 } };
	static const uint32_t counts[4] = { 2, 1, 3, 2 };

	(void)state;
	for (size_t o = 0; o < 6; o++)
		for (int a = 0; a < 4; a++) {
			uint32_t in[3];
			struct kit k;

			kit_start(&k, (struct hmr_dims){ 4, { 1, 9, 7, 70 } });
			in[0] = k.in;
			in[1] = kit_const(&k, (struct hmr_dims){ 1, { 70 } }, NULL, 1);
			in[2] = kit_const(&k, (struct hmr_dims){ 1, { 70 } }, NULL, 1);
			kit_node(&k, (struct hmr_node){ .op = ops[o], .list = axes[a],
				.n_list = counts[a], .value = 1e-3f }, o == 5 ? 3 : 1, in);
			compare(&k, hmr_op_name(ops[o]));
		}
	for (int axis = 1; axis < 4; axis++) {
		struct kit k;

		kit_start(&k, (struct hmr_dims){ 4, { 1, 9, 7, 70 } });
		kit_node(&k, (struct hmr_node){ .op = HMR_OP_SOFTMAX, .axis = axis }, 1, &k.in);
		compare(&k, "softmax");
	}
}

static void
test_moves(void **state)
{
	static const int64_t perms[4][4] = { { 0, 3, 1, 2 }, { 0, 2, 3, 1 }, { 0, 2, 1, 3 },
		{ 0, 1, 3, 2 } };
	static const int64_t pads[8] = { 0, 0, 1, 2, 3, 0, 0, 5 };
	static const int64_t cut[12] = { 0, 1, 0, 2, 2, 2, 6, -1, 7, 4, 1, 8 };
	static const int64_t tile[4] = { 1, 2, 1, 3 }, sizes[2] = { 12, 4 };
	static const int64_t flat[3] = { 0, -1, 4 };
	struct kit k;
	uint32_t in[2];

	(void)state;
	for (int i = 0; i < 4; i++) {
		kit_start(&k, (struct hmr_dims){ 4, { 1, 6, 7, 16 } });
		kit_node(&k, (struct hmr_node){ .op = HMR_OP_TRANSPOSE, .list = perms[i],
			.n_list = 4 }, 1, &k.in);
		compare(&k, "transpose");
	}
	kit_start(&k, (struct hmr_dims){ 4, { 1, 6, 7, 16 } });
	kit_node(&k, (struct hmr_node){ .op = HMR_OP_PAD, .list = pads, .n_list = 8,
		.value = .5f }, 1, &k.in);
	compare(&k, "pad");
	kit_start(&k, (struct hmr_dims){ 4, { 1, 6, 7, 16 } });
	kit_node(&k, (struct hmr_node){ .op = HMR_OP_SLICE, .list = cut, .n_list = 12 }, 1, &k.in);
	compare(&k, "slice");
	kit_start(&k, (struct hmr_dims){ 4, { 1, 6, 7, 16 } });
	kit_node(&k, (struct hmr_node){ .op = HMR_OP_TILE, .list = tile, .n_list = 4 }, 1, &k.in);
	compare(&k, "tile");
	kit_start(&k, (struct hmr_dims){ 4, { 1, 6, 7, 16 } });
	in[0] = kit_node(&k, (struct hmr_node){ .op = HMR_OP_SPLIT, .axis = 3, .list = sizes,
		.n_list = 2, .n_out = 2 }, 1, &k.in);
	in[1] = in[0];
	in[0]++;
	in[0] = kit_node(&k, (struct hmr_node){ .op = HMR_OP_CONCAT, .axis = 3 }, 2, in);
	kit_node(&k, (struct hmr_node){ .op = HMR_OP_RESHAPE, .list = flat, .n_list = 3 }, 1, in);
	compare(&k, "split, concat, reshape");
}

static void
test_picks(void **state)
{
	static const float index[5] = { 3, 0, -1, 2, 9 };
	static const int64_t three[1] = { 3 };
	struct hmr_model *m;
	struct kit k;
	uint32_t in[2];

	(void)state;
	kit_start(&k, (struct hmr_dims){ 3, { 1, 6, 5 } });
	in[0] = k.in;
	in[1] = kit_const(&k, (struct hmr_dims){ 1, { 5 } }, index, 0);
	kit_node(&k, (struct hmr_node){ .op = HMR_OP_GATHER, .axis = 1 }, 2, in);
	compare(&k, "gather");
	for (int which = 0; which < 3; which++) {
		kit_start(&k, (struct hmr_dims){ 3, { 1, 6, 300 } });
		if (!which)
			kit_node(&k, (struct hmr_node){ .op = HMR_OP_ARG_MAX, .axis = 2 }, 1, &k.in);
		else
			k.last = kit_node(&k, (struct hmr_node){ .op = HMR_OP_TOP_K, .axis = 2,
				.list = three, .n_list = 1, .n_out = 2 }, 1, &k.in) +
				(uint32_t)(which == 2);
		m = kit_model(&k);
		compare_in(m, which ? "top_k" : "arg_max", 0, 0);
		hmr_model_close(m);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_convs), cmocka_unit_test(test_transposed),
		cmocka_unit_test(test_pools), cmocka_unit_test(test_resize),
		cmocka_unit_test(test_acts), cmocka_unit_test(test_binary),
		cmocka_unit_test(test_pow_where), cmocka_unit_test(test_matmul),
		cmocka_unit_test(test_groups), cmocka_unit_test(test_moves),
		cmocka_unit_test(test_picks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
