/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands of hmr-model and the options that they share. Each gets its operands,
 * prints to standard output and returns what went wrong; a wrong command line exits.
 */
#ifndef HMR_CMD_MODEL_H
#define HMR_CMD_MODEL_H

#include "hmr2/hmr2_take.h"
#include "nn/use.h"

extern struct model_options {
	const char *output, *name;	/* NULL: not given */
	struct hmr_model_use use;
	struct hmr2_take hmr2;
	char letters[24];		/* of the options that were given */
} model_opt;

HMR_MUST_USE enum hmr_status
model_import(int argc, char **argv, struct hmr_err *e);
HMR_MUST_USE enum hmr_status
model_list(int argc, char **argv, struct hmr_err *e);
HMR_MUST_USE enum hmr_status
model_check(int argc, char **argv, struct hmr_err *e);
HMR_MUST_USE enum hmr_status
model_path(int argc, char **argv, struct hmr_err *e);
/* show, run, bench: argv[0] says which. */
HMR_MUST_USE enum hmr_status
model_net(int argc, char **argv, struct hmr_err *e);

#endif
