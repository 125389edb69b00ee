/* SPDX-License-Identifier: Apache-2.0 */
/* The plan of HMR2 on a GPU as text, which needs no GPU. */
#include "hmr2/hmr2_cuda.h"

enum hmr_status
hmr2_cuda_show(const struct hmr_hmr2_dims *d, bool int8, enum hmr_precision precision,
	       uint32_t people, uint64_t limit, FILE *f, struct hmr_err *e)
{
	bool eight = precision == HMR_PRECISION_INT8 ||
		(precision == HMR_PRECISION_AUTO && int8);
	enum hmr_device_type t = precision == HMR_PRECISION_F32 ? HMR_DEVICE_F32 :
		eight || precision == HMR_PRECISION_F16 ? HMR_DEVICE_F16 : HMR_DEVICE_BF16;
	struct hmr2_cuda_needs n = { .type = t, .int8 = eight, .limit = limit,
		.people = people ? people : HMR2_CUDA_PEOPLE };
	struct hmr2_cuda_plan p;
	enum hmr_status st;

	if (precision == HMR_PRECISION_FP8)
		return hmr_fail(e, HMR_E_USAGE, "hmr2 runs on a GPU in f32, bf16, f16 or "
				"int8");
	if ((st = hmr2_cuda_plan_make(&p, d, &n, e)))
		return st;
	fprintf(f, "plan\tcuda %s\t%u people at once\t%u of %u layers stay\n",
		hmr2_cuda_plan_precision(&p), p.people, p.resident, p.depth);
	fprintf(f, "  layers that stay   %12zu bytes\n", p.stay);
	fprintf(f, "  layers on the way  %12zu\n", p.slots);
	fprintf(f, "  other weights      %12zu\n", p.fixed);
	fprintf(f, "  activations        %12zu\n", p.activations);
	fprintf(f, "  workspace          %12zu\n", p.workspace);
	fprintf(f, "  GPU memory         %12zu\n", p.device);
	fprintf(f, "  pinned on the host %12zu\n", p.host_io + p.host_layers);
	return HMR_OK;
}
