/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operators that ONNX networks brought, in every form that has a loop of its
 * own: cpu against ref. What ref itself computes is tested against PyTorch by
 * tests/onnx.t. Seen failing: with the walk of a broadcast merging axes of
 * different steps, with pairs taken from the wrong half, with the variance
 * without its epsilon.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "nn_kit.h"

#define LIMIT 1e-10	/* observed: 2e-15 to 4e-14, transcendental functions 1e-12 */

static void
finish(struct kit *k, const char *what, int i)
{
	struct hmr_model *m = kit_model(k);
	char name[64];

	snprintf(name, sizeof(name), "%s %d", what, i);
	compare(m, name, LIMIT);
	hmr_model_close(m);
}

/* Operands: the input [1,13,17,C], and a constant or a part of the input. */
static void
test_broadcast(void **state)
{
	static const enum hmr_op ops[] = { HMR_OP_ADD, HMR_OP_SUB, HMR_OP_MUL, HMR_OP_DIV,
		HMR_OP_MIN, HMR_OP_MAX, HMR_OP_PRELU, HMR_OP_LESS, HMR_OP_EQUAL };
	static const int64_t shape[][4] = { { 1, 1, 1, 1 }, { 1, 1, 1, 24 }, { 1, 1, 17, 1 },
		{ 1, 13, 1, 24 }, { 1, 13, 17, 1 }, { 1, 1, 17, 24 } };

	(void)state;
	for (size_t o = 0; o < sizeof(ops) / sizeof(*ops); o++)
		for (size_t s = 0; s < sizeof(shape) / sizeof(*shape); s++)
			for (int first = 0; first < 2; first++) {
				uint32_t in[2];
				struct kit k;

				start(&k, 4, 1, 13, 17, 24);
				k.seed = 5;
				in[first] = k.in;
				in[1 - first] = constant(&k, 4, shape[s][0], shape[s][1],
							 shape[s][2], shape[s][3], NULL);
				node(&k, (struct hmr_node){ .op = ops[o],
					.act = first ? HMR_ACT_NONE : HMR_ACT_TANH }, 2, in);
				finish(&k, hmr_op_name(ops[o]), (int)s * 2 + first);
			}
}

/* A squeezed image times itself, as in squeeze and excite; channels as few as colours. */
static void
test_gate(void **state)
{
	static const int64_t yx[2] = { 1, 2 };

	(void)state;
	for (int64_t c = 3; c <= 96; c *= 5) {
		uint32_t in[2];
		struct kit k;

		start(&k, 4, 1, 24, 40, c);
		in[0] = k.in;
		in[1] = node(&k, (struct hmr_node){ .op = HMR_OP_REDUCE_MEAN, .list = yx,
			.n_list = 2, .act = HMR_ACT_SIGMOID }, 1, &k.in);
		in[0] = node(&k, (struct hmr_node){ .op = HMR_OP_MUL }, 2, in);
		in[1] = constant(&k, 1, c, 0, 0, 0, NULL);
		node(&k, (struct hmr_node){ .op = HMR_OP_ADD }, 2, in);
		finish(&k, "gate", (int)c);
	}
}

static void
test_acts(void **state)
{
	(void)state;
	for (int a = HMR_ACT_RELU; a < HMR_ACT_COUNT; a++) {
		struct hmr_node n = { .op = HMR_OP_ACT, .act = (enum hmr_act)a, .alpha = .3f,
			.beta = .6f };
		uint32_t v;
		struct kit k;

		start(&k, 4, 1, 9, 11, 24);
		v = k.in;
		if (a == HMR_ACT_LOG || a == HMR_ACT_SQRT)	/* of what is positive */
			v = node(&k, (struct hmr_node){ .op = HMR_OP_ACT, .act = HMR_ACT_EXP }, 1, &v);
		node(&k, n, 1, &v);
		finish(&k, hmr_act_name((enum hmr_act)a), 0);
	}
}

/* Every activation that a convolution may have, by oneDNN or, without it there, by loops. */
static void
test_fused_acts(void **state)
{
	(void)state;
	for (int a = HMR_ACT_NONE; a < HMR_ACT_COUNT; a++) {
		struct hmr_node n = { .op = HMR_OP_CONV, .stride = { 1, 1 }, .pad = { 2, 2, 2, 2 },
			.dilate = { 2, 2 }, .act = (enum hmr_act)a, .alpha = 1.0f / 6, .beta = .5f };
		uint32_t in[3];
		struct kit k;

		/* steps are compared by what they do, not where */
		if (a == HMR_ACT_LOG || a == HMR_ACT_SQRT ||
		    (a >= HMR_ACT_FLOOR && a <= HMR_ACT_TRUNC))
			continue;
		start(&k, 4, 1, 9, 11, 16);
		in[0] = k.in;
		in[1] = constant(&k, 4, 24, 16, 3, 3, NULL);
		in[2] = constant(&k, 1, 24, 0, 0, 0, NULL);
		node(&k, n, 3, in);
		finish(&k, hmr_act_name((enum hmr_act)a), 1);
	}
}

static void
test_reduce(void **state)
{
	static const int64_t axes[][3] = { { 1, 2, 0 }, { 3, 0, 0 }, { 1, 0, 0 }, { 2, 3, 0 },
		{ 1, 3, 0 }, { 1, 2, 3 } };
	static const uint32_t count[] = { 2, 1, 1, 2, 2, 3 };

	(void)state;
	for (int op = HMR_OP_REDUCE_MEAN; op <= HMR_OP_NORM; op++)
		for (size_t i = 0; i < sizeof(count) / sizeof(*count); i++)
			for (int affine = 0; affine <= (op == HMR_OP_NORM); affine++) {
				uint32_t in[3];
				struct kit k;

				start(&k, 4, 1, 23, 17, 70);
				in[0] = k.in;
				in[1] = constant(&k, 1, 70, 0, 0, 0, NULL);
				in[2] = constant(&k, 1, 70, 0, 0, 0, NULL);
				node(&k, (struct hmr_node){ .op = (enum hmr_op)op, .list = axes[i],
					.n_list = count[i], .value = op == HMR_OP_NORM ? .01f : 0,
					.act = affine ? HMR_ACT_RELU : HMR_ACT_NONE },
					affine ? 3 : 1, in);
				finish(&k, hmr_op_name((enum hmr_op)op), (int)i);
			}
}

static void
test_axis(void **state)
{
	static const int64_t best[1] = { 5 };

	(void)state;
	for (int32_t axis = 1; axis < 4; axis++) {
		struct kit k;

		start(&k, 4, 1, 9, 30, 67);
		node(&k, (struct hmr_node){ .op = HMR_OP_SOFTMAX, .axis = axis }, 1, &k.in);
		finish(&k, "softmax", axis);
		start(&k, 4, 1, 9, 30, 67);
		node(&k, (struct hmr_node){ .op = HMR_OP_TOP_K, .axis = axis, .list = best,
			.n_list = 1, .n_out = 2 }, 1, &k.in);
		finish(&k, "top_k", axis);
	}
}

static void
test_slices(void **state)
{
	static const int64_t ranges[][12] = {
		{ 0, 1, 0, 0, 2, 0, 1, 2, 0, 0, 1, 0 },	/* every second row, column */
		{ 0, 1, 0, 0, 1, 0, 0, 1, 0, 1, 2, 0 },	/* every second channel */
		{ 0, 1, 0, 0, 1, 0, 0, 1, 0, 5, 1, 7 },
		{ 0, 1, 0, 3, 1, 4, 2, 1, 9, 0, 1, 0 },
		{ 0, 1, 0, 0, 1, 0, 0, 1, 0, 23, -1, 0 },
		{ 0, 1, 0, 13, -1, 0, 0, 3, 0, 2, 5, 3 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++) {
		struct kit k;

		start(&k, 4, 1, 14, 18, 24);
		node(&k, (struct hmr_node){ .op = HMR_OP_SLICE, .list = ranges[i], .n_list = 12 }, 1, &k.in);
		finish(&k, "slice", (int)i);
	}
}

/* Channel shuffles and the other orders; 5 axes, since there is a split one. */
static void
test_orders(void **state)
{
	static const int64_t cut[5] = { 0, 0, 0, 2, 29 };
	static const int64_t order[][5] = { { 0, 1, 2, 4, 3 }, { 0, 3, 1, 2, 4 }, { 0, 4, 3, 2, 1 },
		{ 0, 2, 1, 3, 4 }, { 0, 1, 3, 2, 4 } };

	(void)state;
	for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++) {
		uint32_t v;
		struct kit k;

		start(&k, 4, 1, 13, 18, 58);
		v = node(&k, (struct hmr_node){ .op = HMR_OP_RESHAPE, .list = cut, .n_list = 5 }, 1, &k.in);
		node(&k, (struct hmr_node){ .op = HMR_OP_TRANSPOSE, .list = order[i], .n_list = 5 }, 1, &v);
		finish(&k, "order", (int)i);
	}
}

static void
test_windows(void **state)
{
	static const int64_t extra[2] = { 1, 0 };
	static const struct hmr_node pool[] = {
		{ .op = HMR_OP_AVG_POOL, .kernel = { 3, 3 }, .stride = { 2, 2 }, .pad = { 1, 1, 1, 1 } },
		{ .op = HMR_OP_AVG_POOL, .kernel = { 3, 2 }, .stride = { 1, 2 }, .pad = { 1, 0, 2, 1 },
			.count_pad = true, .act = HMR_ACT_RELU },
		{ .op = HMR_OP_MAX_POOL, .kernel = { 13, 13 }, .stride = { 1, 1 }, .pad = { 6, 6, 6, 6 } },
		{ .op = HMR_OP_AVG_POOL, .kernel = { 9, 9 }, .stride = { 1, 1 }, .pad = { 4, 4, 4, 4 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pool) / sizeof(*pool); i++)
		for (int64_t c = 8; c <= 40; c += 16) {
			struct kit k;

			start(&k, 4, 1, 15, 14, c);
			node(&k, pool[i], 1, &k.in);
			finish(&k, "pool", (int)i);
		}
	for (int32_t group = 1; group <= 8; group *= 8)
		for (int32_t stride = 1; stride <= 2; stride++) {
			uint32_t in[3];
			struct kit k;

			start(&k, 4, 1, 7, 6, 16);
			in[0] = k.in;
			in[1] = constant(&k, 4, 24, 16 / group, 4, 3, NULL);
			in[2] = constant(&k, 1, 24, 0, 0, 0, NULL);
			node(&k, (struct hmr_node){ .op = HMR_OP_CONV_TRANSPOSE, .group = group,
				.stride = { stride, stride }, .pad = { 1, 1, 1, 0 }, .n_list = 2,
				.list = stride > 1 ? extra : (const int64_t[2]){ 0, 0 },
				.act = HMR_ACT_RELU }, 3, in);
			finish(&k, "transposed", group + stride);
		}
}

static void
test_resize(void **state)
{
	static const int64_t scale[][4] = { { 2, 1, 2, 1 }, { 1, 2, 3, 2 }, { 5, 4, 1, 1 } };

	(void)state;
	for (size_t s = 0; s < 3; s++)
		for (int c = 0; c < HMR_COORDS_COUNT; c++)
			for (int t = 0; t < HMR_TAKE_COUNT; t++) {
				struct kit k;

				start(&k, 4, 1, 8, 10, 19);
				node(&k, (struct hmr_node){ .op = HMR_OP_RESIZE, .list = scale[s],
					.n_list = 4, .coords = (enum hmr_coords)c,
					.take = (enum hmr_take)t }, 1, &k.in);
				finish(&k, "resize", (int)s * 100 + c * 10 + t);
			}
}

/* Weights, weights the other way round, and a product of two computed matrices. */
static void
test_products(void **state)
{
	static const int64_t flat[3] = { 0, -1, 24 }, turned[3] = { 0, 2, 1 };

	(void)state;
	for (int form = 0; form < 4; form++) {
		uint32_t in[3], v;
		struct kit k;

		start(&k, 4, 1, 5, 7, 24);
		v = in[0] = node(&k, (struct hmr_node){ .op = HMR_OP_RESHAPE, .list = flat,
			.n_list = 3 }, 1, &k.in);
		in[1] = form == 0 ? constant(&k, 2, 24, 40, 0, 0, NULL) :
			form == 1 ? constant(&k, 2, 40, 24, 0, 0, NULL) :
			form == 2 ? v : node(&k, (struct hmr_node){ .op = HMR_OP_TRANSPOSE,
				.list = turned, .n_list = 3 }, 1, &v);
		in[2] = constant(&k, 1, 40, 0, 0, 0, NULL);
		node(&k, (struct hmr_node){ .op = HMR_OP_MATMUL, .trans = form == 1 || form == 2,
			.act = HMR_ACT_GELU }, form < 2 ? 3 : 2, in);
		finish(&k, "product", form);
	}
}

static void
test_picks(void **state)
{
	static const float at[4] = { 6, 0, -1, 3 };
	static const int64_t twice[4] = { 1, 2, 1, 3 };
	uint32_t in[3];
	struct kit k;

	(void)state;
	start(&k, 4, 1, 5, 7, 9);
	in[0] = k.in;
	in[1] = constant(&k, 1, 4, 0, 0, 0, at);
	node(&k, (struct hmr_node){ .op = HMR_OP_GATHER, .axis = 2 }, 2, in);
	finish(&k, "gather", 0);
	start(&k, 4, 1, 5, 7, 9);
	node(&k, (struct hmr_node){ .op = HMR_OP_TILE, .list = twice, .n_list = 4 }, 1, &k.in);
	finish(&k, "tile", 0);
	start(&k, 4, 1, 5, 7, 9);
	in[0] = k.in;
	in[1] = constant(&k, 1, 9, 0, 0, 0, NULL);
	in[0] = node(&k, (struct hmr_node){ .op = HMR_OP_LESS }, 2, in);
	in[2] = k.in;
	node(&k, (struct hmr_node){ .op = HMR_OP_WHERE }, 3, in);
	finish(&k, "where", 0);
	start(&k, 4, 1, 5, 7, 9);
	node(&k, (struct hmr_node){ .op = HMR_OP_ARG_MAX, .axis = 3 }, 1, &k.in);
	finish(&k, "arg_max", 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_broadcast),
		cmocka_unit_test(test_gate),
		cmocka_unit_test(test_acts),
		cmocka_unit_test(test_fused_acts),
		cmocka_unit_test(test_reduce),
		cmocka_unit_test(test_axis),
		cmocka_unit_test(test_slices),
		cmocka_unit_test(test_orders),
		cmocka_unit_test(test_windows),
		cmocka_unit_test(test_resize),
		cmocka_unit_test(test_products),
		cmocka_unit_test(test_picks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
