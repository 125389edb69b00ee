/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the processor can do. Built with -DHMR_HMR2_PLAIN it can do nothing, so
 * that the portable code can be tested on any machine.
 */
#include "hmr2/hmr2_kernels.h"

#if defined(__x86_64__) && !defined(HMR_HMR2_PLAIN)

bool
hmr2_cpu_fast(void)
{
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
	       __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}

bool
hmr2_cpu_bf16(void)
{
	return hmr2_cpu_fast() && __builtin_cpu_supports("avx512bf16");
}

bool
hmr2_cpu_int8(void)
{
	return hmr2_cpu_fast() && __builtin_cpu_supports("avx512vnni");
}

#else

bool
hmr2_cpu_fast(void)
{
	return false;
}

bool
hmr2_cpu_bf16(void)
{
	return false;
}

bool
hmr2_cpu_int8(void)
{
	return false;
}

#endif
