/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sidecar, then a NUL byte, then sizes of outputs: what is accepted is planned for
 * outputs of these sizes, and decoding them stays inside.
 */
#include <stdlib.h>
#include <string.h>

#include "detect/decode.h"

#define NUMBERS 65536u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct sizes {
	const uint8_t *at, *end;
};

/* An output's sizes follow from its name, so that each is asked for twice alike. */
static bool
dims_of(void *ctx, const char *name, struct hmr_dims *d)
{
	const struct sizes *s = ctx;
	size_t have = (size_t)(s->end - s->at), from = have ? strlen(name) % have : 0;
	size_t total = 1;

	d->n = have ? 1 + s->at[from] % 4 : 0;
	for (uint32_t i = 0; i < d->n; i++) {
		uint32_t k = s->at[(from + 1 + i) % have];

		d->d[i] = k > 200 ? (int64_t)(k - 199) * 64 : k ? k : 1;
		total *= (size_t)d->d[i];
		if (total > NUMBERS)
			return false;
	}
	return d->n != 0;
}

static void
decode(const struct hmr_decoder *d, struct sizes *sizes)
{
	static const struct hmr_mapping same = { .scale = { 1, 1 } };
	struct hmr_scored *out = calloc(d->cells + 1, sizeof(*out));
	float *number[HMR_DECODE_OUTPUTS] = { NULL };
	uint32_t n = 0;

	for (uint32_t i = 0; i < d->n_outputs; i++) {	/* of their sizes to the byte */
		struct hmr_dims x;
		size_t total = 1;

		if (!dims_of(sizes, d->name[i], &x))
			abort();
		for (uint32_t k = 0; k < x.n; k++)
			total *= (size_t)x.d[k];
		if (!(number[i] = malloc(total * sizeof(float))))
			abort();
		for (size_t k = 0; k < total; k++)
			number[i][k] = (float)(k % 7) - 1;
	}
	hmr_decode(d, (const float *const *)number, 0.3f, &same, out, &n);
	if (n > d->cells)
		abort();
	for (uint32_t i = 0; i < d->n_outputs; i++)
		free(number[i]);
	free(out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const uint8_t *zero = memchr(data, 0, n);
	size_t text = zero ? (size_t)(zero - data) : n;
	struct sizes sizes = { .at = zero ? zero + 1 : data + n, .end = data + n };
	static struct hmr_detect_spec s;
	static struct hmr_decoder d;

	if (hmr_sidecar_parse(&s, (const char *)data, text, NULL) || (!s.all.n && !s.boxes.n))
		return 0;
	if (!hmr_decoder_init(&d, &s, s.width ? s.width % 512 + 1 : 64,
			      s.height ? s.height % 512 + 1 : 64, dims_of, &sizes, NULL))
		decode(&d, &sizes);
	return 0;
}
