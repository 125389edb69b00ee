/* SPDX-License-Identifier: Apache-2.0 */
/* The options of programs that run a network; net.h. */
#include "net.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "nn/precision.h"
#include "nn/target.h"
#include "prog.h"

uint64_t
hmr_opt_bytes(const char *what, const char *s)
{
	static const char units[] = "KMG";
	size_t n = strlen(s);
	const char *unit = n ? strchr(units, s[n - 1]) : NULL;
	unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
	struct hmr_err e = { 0 };
	char digits[24];
	uint64_t v;

	if (unit)
		n--;
	snprintf(digits, sizeof(digits), "%.*s", (int)(n < sizeof(digits) ? n : 0), s);
	if (hmr_parse_u64(what, digits, unit ? 1 : 1024, (uint64_t)1 << (50 - shift),
			  &v, &e))
		hmr_usage_die("%s: '%.60s' is not a size such as 512M or 1G", what, s);
	return v << shift;
}

bool
hmr_net_opt(struct hmr_net_choice *o, int c, const char *arg)
{
	struct hmr_err e = { 0 };

	switch (c) {
	case 'm': o->model = arg; break;
	case 'd': o->device = arg; break;
	case 'j': o->threads = hmr_opt_u32("--threads", arg, 0, 1024); break;
	case 0x180:
		if (hmr_precision_parse("--precision", arg, &o->precision, &e))
			hmr_usage_die("%s", e.msg);
		break;
	case 0x181: o->gpu_mem = hmr_opt_bytes("--gpu-mem", arg); break;
	default: return false;
	}
	return true;
}

enum hmr_status
hmr_net_settle(struct hmr_net_choice *o, struct hmr_err *e)
{
	bool automatic = !o->device || !strcmp(o->device, "auto");
	struct hmr_target t;
	enum hmr_status st = hmr_target_choose(&t, o->device, e);

	if (st)
		return st;
	if (automatic)
		hmr_info(1, "device auto: %s%s%s", t.name, t.why[0] ? ", " : "", t.why);
	memcpy(o->text, t.name, sizeof(o->text));
	o->device = o->text;
	return HMR_OK;
}

void
hmr_net_tell(const char *name, const struct hmr_net_plan *p, size_t buffers)
{
	hmr_info(1, "%s; memory: weights %.1f MiB, activations %.1f, workspace %.1f, "
		 "buffers %.1f", name, (double)p->weights / 0x1p20,
		 (double)p->activations / 0x1p20, (double)p->workspace / 0x1p20,
		 (double)buffers / 0x1p20);
	hmr_net_tell_gpu(p);
}

void
hmr_net_tell_gpu(const struct hmr_net_plan *p)
{
	char images[40] = "";

	if (p->images)
		snprintf(images, sizeof(images), ", two images %zu", p->images);
	if (p->device)
		hmr_info(1, "GPU memory: %zu bytes (weights %zu, activations %zu, "
			 "workspace %zu%s); pinned host memory: %zu", p->device, p->weights,
			 p->activations, p->workspace, images, p->staging);
}
