/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds of detectors as their authors' code prepares and decodes them; each
 * row's source is named. Everything can be changed by a sidecar. */
#include "detect/spec.h"

#include <string.h>

/* ImageNet's mean and deviation, R G B in 0..255, as mmdetection rounds them. */
#define IMAGENET_MEAN { 123.675f, 116.28f, 103.53f }
#define IMAGENET_STD { 58.395f, 57.12f, 57.375f }

static const struct kind {
	const char *name;
	struct hmr_detect_spec spec;
} kinds[HMR_DETECT_KINDS] = {
	/* RangiLyu/nanodet: config/legacy_v0.x_configs, nanodet_head.py. NanoDet-Plus
	 * has four strides, one output for all, and cells without the half. */
	[HMR_DETECT_NANODET] = { "nanodet", {
		.fit = HMR_FIT_LETTERBOX, .bgr = true, .mean = IMAGENET_MEAN,
		.std = IMAGENET_STD, .fill = IMAGENET_MEAN,
		.n_columns = 2, .column = { HMR_COLUMN_CLASSES, HMR_COLUMN_BOX },
		.n_strides = 3, .stride = { 8, 16, 32 }, .form = HMR_BOX_BINS,
		.unit = HMR_UNIT_STRIDES, .centre = 0.5f, .nms = true,
		.n_sides = 2, .side = { 224, 448 }, .gate = 0.4f } },
	/* Megvii-BaseDetection/YOLOX: yolox/data/data_augment.py (preproc),
	 * models/yolo_head.py */
	[HMR_DETECT_YOLOX] = { "yolox", {
		.fit = HMR_FIT_LETTERBOX, .bgr = true, .std = { 1, 1, 1 },
		.fill = { 114, 114, 114 }, .n_columns = 3,
		.column = { HMR_COLUMN_BOX, HMR_COLUMN_OBJECTNESS, HMR_COLUMN_CLASSES },
		.n_strides = 3, .stride = { 8, 16, 32 }, .best = true,
		.form = HMR_BOX_YOLOX, .unit = HMR_UNIT_STRIDES, .nms = true } },
	/* PaddlePaddle/PaddleDetection: configs/picodet, pico_head.py */
	[HMR_DETECT_PICODET] = { "picodet", {
		.fit = HMR_FIT_STRETCH, .mean = IMAGENET_MEAN, .std = IMAGENET_STD,
		.n_columns = 2, .column = { HMR_COLUMN_CLASSES, HMR_COLUMN_BOX },
		.n_strides = 4, .stride = { 8, 16, 32, 64 }, .form = HMR_BOX_BINS,
		.unit = HMR_UNIT_STRIDES, .centre = 0.5f, .nms = true } },
	/* open-mmlab/mmdetection: configs/rtmdet, rtmdet_head.py (RTMDetSepBNHead:
	 * distances leave the head in pixels, points lie at cells' corners) */
	[HMR_DETECT_RTMDET] = { "rtmdet", {
		.fit = HMR_FIT_LETTERBOX, .bgr = true, .mean = IMAGENET_MEAN,
		.std = IMAGENET_STD, .fill = { 114, 114, 114 },
		.n_columns = 2, .column = { HMR_COLUMN_CLASSES, HMR_COLUMN_BOX },
		.n_strides = 3, .stride = { 8, 16, 32 }, .form = HMR_BOX_SIDES,
		.unit = HMR_UNIT_PIXELS, .activation = HMR_ACTIVATION_SIGMOID,
		.nms = true } },
	/* dog-qiuqiu/FastestDet: test.py, utils/tool.py (handle_preds) */
	[HMR_DETECT_FASTESTDET] = { "fastestdet", {
		.fit = HMR_FIT_STRETCH, .bgr = true, .std = { 255, 255, 255 },
		.n_columns = 3,
		.column = { HMR_COLUMN_OBJECTNESS, HMR_COLUMN_BOX, HMR_COLUMN_CLASSES },
		.n_strides = 1, .stride = { 16 }, .best = true, .power = { 0.6f, 0.4f },
		.form = HMR_BOX_FASTEST, .unit = HMR_UNIT_STRIDES, .nms = true } },
	/* boxes and scores as they are */
	[HMR_DETECT_BOXES] = { "boxes", {
		.fit = HMR_FIT_LETTERBOX, .std = { 255, 255, 255 }, .n_columns = 3,
		.column = { HMR_COLUMN_BOX, HMR_COLUMN_SCORE, HMR_COLUMN_CLASS },
		.form = HMR_BOX_XYXY, .unit = HMR_UNIT_PIXELS, .nms = true } },
};

static const char *const forms[HMR_BOX_FORMS] = { "bins", "sides", "yolox", "fastestdet",
	"xyxy", "yxyx", "xywh", "cxcywh" };
static const char *const columns[HMR_COLUMN_COUNT] = { "box", "classes", "score",
	"objectness", "class", "batch", "skip" };

static int
find(const char *const *list, int n, const char *s)
{
	for (int i = 0; i < n; i++)
		if (!strcmp(list[i], s))
			return i;
	return -1;
}

void
hmr_spec_init(struct hmr_detect_spec *s, enum hmr_detect_kind kind)
{
	*s = kinds[kind].spec;
	s->kind = kind;
	for (int i = 0; i < 2; i++)
		if (s->power[i] == 0)
			s->power[i] = 1;
}

int
hmr_detect_kind_from_name(const char *s)
{
	for (int i = 0; i < HMR_DETECT_KINDS; i++)
		if (!strcmp(kinds[i].name, s))
			return i;
	return -1;
}

const char *
hmr_detect_kind_name(enum hmr_detect_kind k)
{
	return kinds[k].name;
}

int
hmr_box_form_from_name(const char *s)
{
	return find(forms, HMR_BOX_FORMS, s);
}

int
hmr_column_from_name(const char *s)
{
	return find(columns, HMR_COLUMN_COUNT, s);
}
