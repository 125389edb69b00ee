/* SPDX-License-Identifier: Apache-2.0 */
/* Imports of network and body, one after the other. */
#include "hmr2/hmr2_take.h"

#include "body/smpl_body.h"
#include "hmr2/hmr2_calibrate.h"

static enum hmr_status
take_body(const struct hmr2_take *t, struct hmr_err *e)
{
	struct hmr_body *made;
	struct hmr_smpl s;
	enum hmr_status st;

	if (!t->joints)
		return hmr_fail(e, HMR_E_USAGE, "--smpl needs --joints: SMPL_to_J19.pkl, "
				"which comes with the checkpoint");
	if ((st = hmr_smpl_read(&s, t->smpl, t->joints, e)))
		return st;
	if ((st = hmr_body_write_smpl(&s, "smpl", t->body_path, e)))
		hmr_fail_in(e, st, "%s", t->smpl);
	else if (!(st = hmr_body_open(&made, t->body_path, e)))	/* read back */
		hmr_body_free(made);
	hmr_smpl_release(&s);
	return st;
}

static enum hmr_status
take_net(const struct hmr2_take *t, struct hmr_err *e)
{
	struct hmr_hmr2_import net = t->net;
	struct hmr2_calibrator *c = NULL;
	enum hmr_status st;

	if (net.precision == HMR_PRECISION_INT8) {
		st = hmr2_calibrator_new(&c, t->threads, e);
		if (st && st != HMR_E_DEVICE)
			return st;
		net.observer = c ? &hmr2_calibrator_observer : NULL;
		net.observer_ctx = c;
	}
	st = hmr_hmr2_import(&net, t->net_path, NULL, e);
	hmr2_calibrator_free(c);
	return st;
}

enum hmr_status
hmr2_take_in(const struct hmr2_take *t, struct hmr_err *e)
{
	enum hmr_status st = HMR_OK;

	if (t->smpl)
		st = take_body(t, e);
	if (!st && t->net.checkpoint)
		st = take_net(t, e);
	return st;
}
