/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An ONNX model; weights in other files are zeros. Seeds by
 * tests/oracle/onnx/make.py. What is imported is used (built.h). Half of the
 * mutations keep the message whole and change what it says: bytes alone seldom
 * get past the container.
 */
#include "built.h"

#include <string.h>
#include <cjson/cJSON.h>

#include "import/import.h"
#include "onnx.pb-c.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
size_t LLVMFuzzerMutate(uint8_t *data, size_t n, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t n, size_t max, unsigned seed);

static uint32_t
dice(unsigned *state, size_t sides)	/* 0 where there are none */
{
	*state = *state * 1664525u + 1013904223u;
	return sides ? (*state >> 8) % (uint32_t)sides : 0;
}

static int64_t
number(unsigned *s, int64_t old)
{
	static const int64_t odd[] = { 0, 1, -1, 2, 3, 4, 7, -2, 64, 1000, INT32_MAX,
		INT64_MAX, INT64_MIN };

	return dice(s, 2) ? old + (int64_t)dice(s, 5) - 2 :
			    odd[dice(s, sizeof(odd) / sizeof(*odd))];
}

static void
change_attribute(Onnx__NodeProto *n, unsigned *s)
{
	Onnx__AttributeProto *a;

	if (!n->n_attribute)
		return;
	a = n->attribute[dice(s, n->n_attribute)];
	if (a->n_ints)
		a->ints[dice(s, a->n_ints)] = number(s, 1);
	else if (a->has_i)
		a->i = number(s, a->i);
	else if (a->has_f)
		a->f = (float)number(s, 1) / 3;
	else if (a->t && a->t->n_dims)
		a->t->dims[dice(s, a->t->n_dims)] = number(s, 1);
	else if (a->t && a->t->has_raw_data && a->t->raw_data.len >= 8)
		memcpy(a->t->raw_data.data + 8 * dice(s, a->t->raw_data.len / 8),
		       &(int64_t){ number(s, 1) }, 8);
}

static void
change_constant(Onnx__GraphProto *g, unsigned *s)
{
	Onnx__TensorProto *t;

	if (!g->n_initializer)
		return;
	t = g->initializer[dice(s, g->n_initializer)];
	if (t->n_dims && dice(s, 2))
		t->dims[dice(s, t->n_dims)] = number(s, t->dims[0]);
	else if (t->has_raw_data && t->raw_data.len >= 8)
		memcpy(t->raw_data.data + 8 * dice(s, t->raw_data.len / 8),
		       &(int64_t){ number(s, 1) }, 8);
}

/* Two pointers of the message change places: both go on being freed once. */
static void
swap(char **a, char **b)
{
	char *c = *a;

	*a = *b;
	*b = c;
}

static void
change(Onnx__ModelProto *m, unsigned *s)
{
	Onnx__GraphProto *g = m->graph;
	Onnx__NodeProto *n, *other;

	if (!g || !g->n_node)
		return;
	n = g->node[dice(s, g->n_node)];
	other = g->node[dice(s, g->n_node)];
	switch (dice(s, 8)) {
	case 0: case 1: case 2: change_attribute(n, s); break;
	case 3: case 4: change_constant(g, s); break;
	case 5: swap(&n->op_type, &other->op_type); break;
	case 6:
		if (n->n_input && other->n_input)
			swap(&n->input[dice(s, n->n_input)], &other->input[dice(s, other->n_input)]);
		break;
	default:
		if (m->n_opset_import)
			m->opset_import[0]->version = 11 + dice(s, 7);
	}
}

size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t n, size_t max, unsigned seed)
{
	Onnx__ModelProto *m = seed % 2 ? onnx__model_proto__unpack(NULL, n, data) : NULL;
	size_t size;

	if (!m)
		return LLVMFuzzerMutate(data, n, max);
	for (uint32_t i = 1 + dice(&seed, 4); i > 0; i--)
		change(m, &seed);
	size = onnx__model_proto__get_packed_size(m);
	if (size <= max)
		n = onnx__model_proto__pack(m, data);
	onnx__model_proto__free_unpacked(m, NULL);
	return n;
}

static enum hmr_status
zeros(void *ctx, const char *file, uint64_t at, void *dst, size_t n, struct hmr_err *e)
{
	(void)ctx;
	(void)file;
	(void)at;
	if (n > 1 << 20)
		return hmr_fail(e, HMR_E_TRUNCATED, "too large for the fuzzer");
	if (dst)
		memset(dst, 0, n);
	return HMR_OK;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct hmr_onnx_options o = { .height = 8, .width = 8, .fetch = zeros };
	struct hmr_build b = { .n_values = 0 };
	char kind[32];

	if (!hmr_onnx_build(&b, data, n, &o, NULL)) {
		cJSON_Delete(hmr_import_recognise(&b, kind));
		fuzz_built(&b);
	}
	hmr_build_release(&b);
	return 0;
}
