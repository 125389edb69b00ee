/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What HMR2's kernels are given: hmr2_vit.cu, hmr2_int8.cu, hmr2_attend.cu,
 * hmr2_decoder.cu, hmr2_skin.cu. Kernels are named NAME_f32, NAME_f16 and NAME_bf16 after the type
 * T of activations and weights; sums, norms, the residual stream, the decoder's
 * vectors and all biases of our own kernels are float32. Pointers are the device's,
 * 16-byte aligned; widths are multiples of 8. A crop has 192 tokens.
 */
#ifndef HMR_HMR2_CUDA_KERNELS_H
#define HMR_HMR2_CUDA_KERNELS_H

#include <stdint.h>

#include "image/rgb.h"

#define HMR2K_TOKENS 192
#define HMR2K_HEAD_MAX 128	/* widest head */
#define HMR2K_RESULT 229	/* floats: pose [24][9], shape [10], camera [3] */
#define HMR2K_COEF 224		/* 10 of shape, 207 of pose, zeros */

/* hmr2_rgb: EACH of height * width pixels: an image's planes, in device memory, to
 * [height][width][3]. */
struct hmr2_rgb_args {
	uint64_t n;
	const uint8_t *plane[3];
	uint32_t stride[3];	/* bytes */
	uint32_t pixel, depth;	/* of enum hmr_pixel */
	uint32_t width, height;
	struct hmr_rgb_matrix matrix;
	uint8_t *to;
};

/* One person's crop: where its columns and rows lie in the image, in 1/32 px, and
 * the blur before it. Far outside: black. */
#define HMR2K_RADIUS 512
struct hmr2_crop_job {
	int32_t x[256], y[256];
	int32_t radius;		/* of the blur; -1: none */
	float kernel[2 * HMR2K_RADIUS + 1];	/* [2 radius + 1], sum 1 */
};

/* hmr2_crop_sharp: grid (256, people), block 192: crops of all people without blur.
 * hmr2_crop_rows: grid (rows), block 192: rows first .. of one person's, blurred
 * along x; then hmr2_crop_blurred: grid (256), block 192. */
struct hmr2_crop_args {
	const uint8_t *image;	/* [height][width][3] */
	const struct hmr2_crop_job *job;	/* [people], or the one */
	float *rows;		/* [rows][192][2][3] */
	float *crops;		/* [3][256][192], of the first or the one */
	int32_t width, height;
	int32_t first, last;	/* rows of the image */
};

/* hmr2_patches: grid (192, people), block 128. Crops [people][3][256][192] to
 * rows [192][3][16][16] with a border of 2 of zeros; x = pos. */
struct hmr2_patches_args {
	const float *crops;
	void *out;		/* T [people * 192][768] */
	const float *pos;	/* [192][dim] */
	float *x;		/* [people * 192][dim] */
	uint32_t dim;
};

/* What an 8-bit product gives, as numbers: sum * (row * channel) + bias. */
struct hmr2_sums {
	const int32_t *sum;	/* [rows][width] */
	const float *row;	/* [rows] */
	const float *channel, *bias;	/* [width] */
};

/* hmr2_norm (width <= 1280) and hmr2_norm_wide: grid (rows / 4), block 128. Of these
 * alone there is _i8 too, which gives 8 bits and a scale a row, and first adds the sums
 * to x, where there are any. */
struct hmr2_norm_args {
	float *x;		/* [rows][width] */
	const float *w, *b;	/* [width]; _i8: w NULL ends after the addition */
	void *out;		/* T or 8 bits [rows][width] */
	uint32_t width;
	float eps;
	struct hmr2_sums s;	/* _i8: sum NULL: none */
	float *scale;		/* _i8: [rows], may be s.row */
};

/* hmr2_open_i8: grid (rows), block 128: sums as T. */
struct hmr2_open_args {
	struct hmr2_sums s;
	void *out;		/* T [rows][width] */
	uint32_t width;
};

/* hmr2_quantise: grid (rows / 4), block 128: T to 8 bits and a scale a row. */
struct hmr2_quantise_args {
	const void *x;		/* T [rows][width] */
	int8_t *out;
	float *scale;		/* [rows] */
	uint32_t width;
};

/* hmr2_gelu_i8: grid (rows), block 256, shared (32 + width) * 4: gelu of sums. */
struct hmr2_gelu_i8_args {
	struct hmr2_sums s;
	int8_t *out;		/* [rows][width] */
	float *scale;		/* [rows], may be s.row */
	uint32_t width;
};

/* hmr2_gelu: grid (rows), block 128. x = gelu(x + bias), the exact form. */
struct hmr2_gelu_args {
	void *x;		/* T [rows][width] */
	const float *bias;	/* [width] */
	uint32_t width;
};

/* hmr2_attend: grid (12, heads, people), block 128, shared hmr2k_attend_shared().
 * hmr2_attend_mma_64, _80 (16-bit types): grid (12 / warps, heads, people), block
 * 32 * warps, warps 1 to 6 and a divisor of 12; shared 192 * 2 * width * 2. */
struct hmr2_attend_args {
	const void *qkv;	/* T [people * 192][3][heads][width] */
	void *out;		/* T [people * 192][heads][width] */
	uint32_t dim, width;	/* dim = heads * width */
	float scale;
};
#define HMR2K_ATTEND_QUERIES 16
#define HMR2K_ATTEND_KEYS 64
#define HMR2K_ATTEND_STEP 200	/* of scores, so that banks differ */

static inline uint32_t
hmr2k_attend_shared(uint32_t width)
{
	return (HMR2K_ATTEND_KEYS * (width + 1) + HMR2K_ATTEND_QUERIES * width +
		HMR2K_ATTEND_QUERIES * HMR2K_ATTEND_STEP + 2 * 128) * 4;
}

/* hmr2_linear: grid (out / 8 rounded up), block 256, shared 4 * in * 4. For each
 * person y = act(w f(x) + bias) or y += it, f the norm where norm_w is given. */
struct hmr2_linear_args {
	const void *w;		/* T [out][in] */
	const float *bias;	/* [out] or NULL */
	const float *norm_w, *norm_b;	/* [in] or NULL */
	const float *x;		/* [people][in] */
	float *y;		/* [people][out] */
	uint32_t in, out, people;
	uint32_t gelu, add;
	float eps;
};

/* hmr2_cross: one query over 192 tokens; grid (heads, people), block 256, shared
 * (width + 192 + 256 + 16) * 4. */
struct hmr2_cross_args {
	const float *q;		/* [people][heads][width] */
	const void *k, *v;	/* T, of token 0, rows `step` apart */
	float *out;		/* [people][heads][width] */
	uint32_t step, width;
	float scale;
};

/* hmr2_pose: grid (people), block 32. */
struct hmr2_pose_args {
	const float *six;	/* [people][ld] */
	float *result;		/* [people][HMR2K_RESULT] */
	uint32_t ld;
};

/* hmr2_bones: grid (people), block 96, shared 72 * 4. */
struct hmr2_bones_args {
	const float *result;	/* [people][HMR2K_RESULT] */
	const float *joint;	/* [24][3], then for each shape number [24][3] */
	float *bone;		/* [people][24][3][4] */
	float *coef;		/* [people][HMR2K_COEF] */
	int8_t parent[24];
	uint32_t shapes;	/* 10, or 0: the body takes no shape of SMPL's */
	uint32_t poses;		/* 207, or 0: no corrections by pose */
};

/* hmr2_skin: grid (vertices / 64 rounded up, people / 4 rounded up), block 192,
 * shared 4 * (HMR2K_COEF + 192 + 288) * 4. */
struct hmr2_skin_args {
	const float *rest;	/* [vertices * 3] */
	const float *dir;	/* [10 + 207, or fewer][vertices * 3] */
	const float *weight;	/* [vertices][4] */
	const uint8_t *joint;	/* [vertices][4] */
	const float *bone, *coef;
	float *out;		/* [people][vertices][3] */
	uint32_t vertices, dirs, people;
};

#endif
