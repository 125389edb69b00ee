/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a detector's input is prepared and its outputs are read: what a sidecar
 * states (hmr-model(5)), or what a known kind of network implies. Values without
 * pointers, so that one is copied by assignment.
 */
#ifndef HMR_SPEC_H
#define HMR_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nn/nn.h"

#define HMR_LEVELS_MAX 8
#define HMR_SPEC_NAME 128
#define HMR_COLUMNS_MAX 16
#define HMR_SIGNATURE_OUTPUTS 64

enum hmr_detect_kind {
	HMR_DETECT_NANODET, HMR_DETECT_YOLOX, HMR_DETECT_PICODET, HMR_DETECT_RTMDET,
	HMR_DETECT_FASTESTDET, HMR_DETECT_BOXES, HMR_DETECT_KINDS
};
enum hmr_fit {
	HMR_FIT_LETTERBOX,	/* the aspect kept, the rest filled */
	HMR_FIT_STRETCH
};
enum hmr_layout { HMR_LAYOUT_ANY, HMR_LAYOUT_NCHW, HMR_LAYOUT_NHWC };	/* ANY: by its sizes */
enum hmr_activation { HMR_ACTIVATION_NONE, HMR_ACTIVATION_SIGMOID, HMR_ACTIVATION_SOFTMAX };
/* What the numbers of a box are. Those after YOLOX and FASTEST need no cells. */
enum hmr_box_form {
	HMR_BOX_BINS,		/* to left, top, right, bottom: softmax over distances */
	HMR_BOX_SIDES,		/* the four distances */
	HMR_BOX_YOLOX,		/* centre from the cell, log of the size; strides */
	HMR_BOX_FASTEST,	/* FastestDet's tanh and sigmoid */
	HMR_BOX_XYXY, HMR_BOX_YXYX, HMR_BOX_XYWH, HMR_BOX_CXCYWH,
	HMR_BOX_FORMS
};
enum hmr_box_unit {		/* of the network's input, padding included */
	HMR_UNIT_PIXELS, HMR_UNIT_STRIDES, HMR_UNIT_NORMALISED
};
/* Columns of an output that holds everything. */
enum hmr_column {
	HMR_COLUMN_BOX,		/* 4 numbers, or 4 x bins */
	HMR_COLUMN_CLASSES,	/* a score for each class */
	HMR_COLUMN_SCORE,	/* one score */
	HMR_COLUMN_OBJECTNESS,
	HMR_COLUMN_CLASS,	/* the class's number: only the person's counts */
	HMR_COLUMN_BATCH,	/* the image's number: only 0 counts */
	HMR_COLUMN_SKIP, HMR_COLUMN_COUNT
};

struct hmr_output_names {	/* one for all levels, or one each, finest first */
	uint32_t n;
	char name[HMR_LEVELS_MAX][HMR_SPEC_NAME];
};

struct hmr_detect_spec {
	enum hmr_detect_kind kind;
	/* input: value = (c - mean) / std for c in 0..255 */
	uint32_t width, height;		/* 0: the network's own */
	enum hmr_fit fit;
	bool centred;			/* padding on both sides, not right and below */
	float fill[3], mean[3], std[3];	/* R G B */
	bool bgr;
	enum hmr_layout layout;
	/* outputs: `all` alone, or boxes and scores, perhaps with the others */
	struct hmr_output_names all, boxes, scores, objectness, labels;
	uint32_t n_columns;		/* of `all` */
	enum hmr_column column[HMR_COLUMNS_MAX];
	/* decoding */
	uint32_t n_strides, stride[HMR_LEVELS_MAX];	/* none: the outputs are a list */
	uint32_t classes;		/* 0: as many as the outputs have */
	uint32_t person;		/* its class */
	enum hmr_activation activation;	/* of class scores and objectness */
	bool best;			/* only cells whose best class is the person */
	float power[2];			/* score = objectness^[0] class^[1] */
	enum hmr_box_form form;
	enum hmr_box_unit unit;
	uint32_t bins;			/* of BINS, 0: as many as the outputs have */
	float centre;			/* of a cell, in strides: 0 or 0.5 */
	bool channels_first;		/* [C,cells], not [cells,C]; see below */
	bool channels_known;		/* … where the sizes leave it open */
	bool nms;			/* suppression is still to be done */
	/* sizes of a network of free size: longer side; those below gate x the image's
	 * height come from the larger one alone */
	uint32_t n_sides, side[4];
	float gate;
};

/* What a kind's networks share; outputs are not named. */
void hmr_spec_init(struct hmr_detect_spec *s, enum hmr_detect_kind kind);

/* Names in sidecars; -1: unknown. */
int hmr_detect_kind_from_name(const char *s);
const char *hmr_detect_kind_name(enum hmr_detect_kind k);
int hmr_box_form_from_name(const char *s);
int hmr_column_from_name(const char *s);

/* A whole sidecar's text. HMR_E_FORMAT names the key and what was expected;
 * HMR_E_VERSION: it is no sidecar. */
HMR_MUST_USE enum hmr_status
hmr_sidecar_parse(struct hmr_detect_spec *s, const char *text, size_t n,
		  struct hmr_err *e);

/* What a network looks like from outside. */
struct hmr_signature_io {
	const char *name;
	struct hmr_dims dims;
};
struct hmr_signature {
	struct hmr_signature_io input, output[HMR_SIGNATURE_OUTPUTS];
	uint32_t n_inputs, n_outputs;
	uint32_t free[2];	/* height, width: 0 fixed, k: any multiple of k */
	bool exponent;		/* it computes one: YOLOX's boxes are decoded inside */
};
/* Fills in everything by the network's inputs and outputs. HMR_E_MODEL names the
 * outputs and what to write into a sidecar. */
HMR_MUST_USE enum hmr_status
hmr_spec_guess(struct hmr_detect_spec *s, const struct hmr_signature *g,
	       struct hmr_err *e);
/* The names of the outputs, where a sidecar has left them out. */
HMR_MUST_USE enum hmr_status
hmr_spec_outputs(struct hmr_detect_spec *s, const struct hmr_signature *g,
		 struct hmr_err *e);

#endif
