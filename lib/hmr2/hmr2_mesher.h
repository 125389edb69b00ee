/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From people's boxes to bodies by HMR2: crops, network, body, cameras. The same
 * results as hmr_mesher gives (detect/mesher.h), which calls this for models of
 * kind "hmr2". Planned for the largest image; running allocates nothing.
 */
#ifndef HMR_HMR2_MESHER_H
#define HMR_HMR2_MESHER_H

#include "detect/mesher.h"
#include "hmr2/hmr2_net.h"

struct hmr2_mesher;
/* antialias: blur before crops that shrink much,
 * as the reference's demo does; its tracker does not. */
HMR_MUST_USE enum hmr_status
hmr2_mesher_new(struct hmr2_mesher **out, const struct hmr_model *m,
		const struct hmr_body *body, const struct hmr_mesher_options *o,
		bool antialias, struct hmr_err *e);
void hmr2_mesher_free(struct hmr2_mesher *m);
void hmr2_mesher_plan(const struct hmr2_mesher *m, struct hmr_net_plan *net,
		      size_t *buffers);
const char *hmr2_mesher_backend(const struct hmr2_mesher *m);
const char *hmr2_mesher_precision(const struct hmr2_mesher *m);
/* As hmr_mesher_ahead() and hmr_mesher_begin(); im NULL: nobody in it is looked at. */
bool hmr2_mesher_ahead(const struct hmr2_mesher *m);
HMR_MUST_USE enum hmr_status
hmr2_mesher_begin(struct hmr2_mesher *m, const struct hmr_image *im, struct hmr_err *e);
/* out->landmarks is NULL: this network sees no points. */
HMR_MUST_USE enum hmr_status
hmr2_mesher_run(struct hmr2_mesher *m, const struct hmr_image *im,
		const struct hmr_person *people, uint32_t n, float focal,
		struct hmr_meshes *out, struct hmr_err *e);

#endif
