/* SPDX-License-Identifier: Apache-2.0 */
/* Between use.c and show.c. */
#ifndef HMR_SHOW_H
#define HMR_SHOW_H

#include "nn/use.h"

struct hmr_net;
/* A network as `u` asks; input NULL: sized by u->batch, height, width. */
HMR_MUST_USE enum hmr_status
hmr_use_net(struct hmr_net **net, const struct hmr_model *m,
	    const struct hmr_model_use *u, const struct hmr_dims *input,
	    struct hmr_err *e);
/* A line a step: milliseconds, implementation, node. */
HMR_MUST_USE enum hmr_status
hmr_show_times(struct hmr_net *net, FILE *f, struct hmr_err *e);

#endif
