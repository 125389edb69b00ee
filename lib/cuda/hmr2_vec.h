/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Elements of a type known when the kernel is compiled, several at once, and a
 * warp's tensor cores. `type` is always a constant: one body serves all types.
 * On the host each of these does the same by plain code, so that the fake device
 * runs the same kernels.
 */
#ifndef HMR_HMR2_VEC_H
#define HMR_HMR2_VEC_H

#include "cuda/kernel.h"

#define V_F32 0
#define V_F16 1
#define V_BF16 2
#define V_I8 3		/* of layer norms alone */

struct v_quad {
	uint32_t x, y, z, w;
};

#ifdef __CUDACC__

#define V_UNROLL _Pragma("unroll")

HMR_FN struct v_quad
v_ld16(const void *p)
{
	uint4 u = *(const uint4 *)p;
	struct v_quad q = { u.x, u.y, u.z, u.w };

	return q;
}

HMR_FN void
v_st16(void *p, struct v_quad q)
{
	*(uint4 *)p = make_uint4(q.x, q.y, q.z, q.w);
}

HMR_FN void
v_st8(void *p, uint32_t a, uint32_t b)
{
	*(uint2 *)p = make_uint2(a, b);
}

HMR_FN void
v_st4(void *p, uint32_t a)
{
	*(uint32_t *)p = a;
}

HMR_FN uint32_t
v_ld4(const void *p)
{
	return *(const uint32_t *)p;
}

HMR_FN uint32_t
v_bits(float f)
{
	return __float_as_uint(f);
}

HMR_FN float
v_float(uint32_t u)
{
	return __uint_as_float(u);
}

/* To nearest, to even. */
HMR_FN int
v_round(float f)
{
	return __float2int_rn(f);
}

/* Two floats as one word, the first in its lower half. */
HMR_FN uint32_t
v_pack(float a, float b, int type)
{
	if (type == V_F16) {
		__half2 h = __floats2half2_rn(a, b);

		return *(uint32_t *)&h;
	}
	return (uint32_t)hmr_st_bf16(a) | (uint32_t)hmr_st_bf16(b) << 16;
}

#else

#define V_UNROLL

HMR_FN struct v_quad
v_ld16(const void *p)
{
	struct v_quad q;

	memcpy(&q, p, sizeof(q));
	return q;
}

HMR_FN void
v_st16(void *p, struct v_quad q)
{
	memcpy(p, &q, sizeof(q));
}

HMR_FN void
v_st8(void *p, uint32_t a, uint32_t b)
{
	memcpy(p, &a, 4);
	memcpy((char *)p + 4, &b, 4);
}

HMR_FN void
v_st4(void *p, uint32_t a)
{
	memcpy(p, &a, 4);
}

HMR_FN uint32_t
v_ld4(const void *p)
{
	uint32_t a;

	memcpy(&a, p, 4);
	return a;
}

HMR_FN uint32_t
v_bits(float f)
{
	return hmr_bits_f32(f);
}

HMR_FN float
v_float(uint32_t u)
{
	return hmr_f32_bits(u);
}

HMR_FN int
v_round(float f)
{
	return (int)lrintf(f);
}

HMR_FN uint32_t
v_pack(float a, float b, int type)
{
	return type == V_F16 ?
		(uint32_t)hmr_st_f16(a) | (uint32_t)hmr_st_f16(b) << 16 :
		(uint32_t)hmr_st_bf16(a) | (uint32_t)hmr_st_bf16(b) << 16;
}

#endif

HMR_FN size_t
v_bytes(int type)
{
	return type == V_F32 ? 4 : 2;
}

HMR_FN float
v_ld(const void *p, size_t i, int type)
{
	if (type == V_F32)
		return ((const float *)p)[i];
	return type == V_F16 ? hmr_ld_f16(((const uint16_t *)p)[i]) :
		hmr_ld_bf16(((const uint16_t *)p)[i]);
}

HMR_FN void
v_st(void *p, size_t i, float f, int type)
{
	if (type == V_F32)
		((float *)p)[i] = f;
	else
		((uint16_t *)p)[i] = type == V_F16 ? hmr_st_f16(f) : hmr_st_bf16(f);
}

HMR_FN void
v_open4(struct v_quad q, float out[4])
{
	out[0] = v_float(q.x);
	out[1] = v_float(q.y);
	out[2] = v_float(q.z);
	out[3] = v_float(q.w);
}

HMR_FN void
v_ld4f(const float *p, float out[4])
{
	v_open4(v_ld16(p), out);
}

HMR_FN void
v_unpack(uint32_t u, int type, float out[2])
{
	if (type == V_F16) {
		out[0] = hmr_ld_f16((uint16_t)u);
		out[1] = hmr_ld_f16((uint16_t)(u >> 16));
	} else {
		out[0] = v_float(u << 16);
		out[1] = v_float(u & 0xffff0000u);
	}
}

/* Elements i .. i+7, i a multiple of 8: fetched now, used later. */
struct v_eight {
	struct v_quad a, b;	/* b of float32 alone */
};

HMR_FN struct v_eight
v_fetch8(const void *p, size_t i, int type)
{
	struct v_eight e;

	e.a = v_ld16((const char *)p + i * v_bytes(type));
	e.b = type == V_F32 ? v_ld16((const float *)p + i + 4) : e.a;
	return e;
}

HMR_FN void
v_open8(struct v_eight e, int type, float out[8])
{
	if (type == V_F32) {
		v_open4(e.a, out);
		v_open4(e.b, out + 4);
	} else {
		v_unpack(e.a.x, type, out);
		v_unpack(e.a.y, type, out + 2);
		v_unpack(e.a.z, type, out + 4);
		v_unpack(e.a.w, type, out + 6);
	}
}

HMR_FN void
v_ld8(const void *p, size_t i, int type, float out[8])
{
	v_open8(v_fetch8(p, i, type), type, out);
}

HMR_FN void
v_st4f(void *p, size_t i, const float v[4], int type)
{
	if (type == V_F32) {
		struct v_quad q = { v_bits(v[0]), v_bits(v[1]), v_bits(v[2]), v_bits(v[3]) };

		v_st16((float *)p + i, q);
	} else {
		v_st8((uint16_t *)p + i, v_pack(v[0], v[1], type), v_pack(v[2], v[3], type));
	}
}

HMR_FN void
v_st8f(void *p, size_t i, const float v[8], int type)
{
	if (type == V_F32) {
		v_st4f(p, i, v, type);
		v_st4f(p, i + 4, v + 4, type);
	} else {
		struct v_quad q = { v_pack(v[0], v[1], type), v_pack(v[2], v[3], type),
				    v_pack(v[4], v[5], type), v_pack(v[6], v[7], type) };

		v_st16((uint16_t *)p + i, q);
	}
}

HMR_FN float
v_gelu(float x)
{
	return 0.5f * x * (1 + erff(x * 0.70710678118654752440f));
}

/* Sum over a warp; every lane gets it. */
HMR_FN float
v_warp_sum(float v, HMR_BLOCK_PARAM)
{
	for (int m = 16; m; m >>= 1)
		v += HMR_SHFL_XOR(v, m);
	return v;
}

/* hmr2_NAME_f32, _f16 and _bf16 of a body NAME(args, type, block). */
#define V_KERNEL(name, type, suffix, args) \
HMR_KERNEL_BLOCK(hmr2_##name##_##suffix, struct args) \
{ \
	name(a, type, HMR_BLOCK_PASS); \
}
#define V_KERNELS(name, args) \
	V_KERNEL(name, V_F32, f32, args) \
	V_KERNEL(name, V_F16, f16, args) \
	V_KERNEL(name, V_BF16, bf16, args)
#define V_ENTRIES(name, args) \
	HMR_KERNEL_ENTRY_BLOCK(hmr2_##name##_f32, struct args), \
	HMR_KERNEL_ENTRY_BLOCK(hmr2_##name##_f16, struct args), \
	HMR_KERNEL_ENTRY_BLOCK(hmr2_##name##_bf16, struct args)

#endif
