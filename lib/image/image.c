/* SPDX-License-Identifier: Apache-2.0 */
/* The geometry of the image formats; see image.h. */
#include "image/image.h"

uint32_t
hmr_pixel_planes(enum hmr_pixel pixel)
{
	switch (pixel) {
	case HMR_PIXEL_YUV420P:
	case HMR_PIXEL_YUV422P:
	case HMR_PIXEL_YUV444P:
		return 3;
	case HMR_PIXEL_NV12:
		return 2;
	case HMR_PIXEL_GRAY:
	case HMR_PIXEL_RGB24:
		return 1;
	}
	return 0;
}

const char *
hmr_pixel_name(enum hmr_pixel pixel)
{
	switch (pixel) {
	case HMR_PIXEL_YUV420P: return "yuv420p";
	case HMR_PIXEL_YUV422P: return "yuv422p";
	case HMR_PIXEL_YUV444P: return "yuv444p";
	case HMR_PIXEL_NV12: return "nv12";
	case HMR_PIXEL_GRAY: return "gray";
	case HMR_PIXEL_RGB24: return "rgb24";
	}
	return "unknown";
}

static uint32_t
half(uint32_t v)
{
	return v / 2 + v % 2;
}

size_t
hmr_plane_row(const struct hmr_image *im, uint32_t p)
{
	size_t bytes = im->depth > 8 ? 2 : 1;

	if (im->pixel == HMR_PIXEL_RGB24)
		return (size_t)im->width * 3;
	if (!p || im->pixel == HMR_PIXEL_YUV444P)
		return im->width * bytes;
	if (im->pixel == HMR_PIXEL_NV12)
		return half(im->width) * 2 * bytes;
	return half(im->width) * bytes;
}

uint32_t
hmr_plane_rows(const struct hmr_image *im, uint32_t p)
{
	if (p && (im->pixel == HMR_PIXEL_YUV420P || im->pixel == HMR_PIXEL_NV12))
		return half(im->height);
	return im->height;
}

enum hmr_status
hmr_image_check(const struct hmr_image *im, struct hmr_err *e)
{
	if (!hmr_pixel_planes(im->pixel))
		return hmr_fail(e, HMR_E_VERSION, "image: pixel format %u is unknown",
				(unsigned)im->pixel);
	if (im->planes != hmr_pixel_planes(im->pixel))
		return hmr_fail(e, HMR_E_FORMAT, "image: %u planes, %s has %u",
				im->planes, hmr_pixel_name(im->pixel),
				hmr_pixel_planes(im->pixel));
	if (im->depth != 8 && (im->depth < 10 || im->depth > 16 ||
			       im->pixel == HMR_PIXEL_RGB24))
		return hmr_fail(e, HMR_E_FORMAT, "image: depth %u of %s", im->depth,
				hmr_pixel_name(im->pixel));
	if (!im->width || !im->height || im->width > HMR_IMAGE_MAX_SIDE ||
	    im->height > HMR_IMAGE_MAX_SIDE)
		return hmr_fail(e, HMR_E_FORMAT, "image: size %ux%u", im->width,
				im->height);
	if (im->matrix < HMR_MATRIX_BT601 || im->matrix > HMR_MATRIX_BT2020 ||
	    im->range < HMR_RANGE_LIMITED || im->range > HMR_RANGE_FULL)
		return hmr_fail(e, HMR_E_FORMAT, "image: matrix %u, range %u",
				(unsigned)im->matrix, (unsigned)im->range);
	for (uint32_t p = 0; p < im->planes; p++)
		if (im->stride[p] < hmr_plane_row(im, p))
			return hmr_fail(e, HMR_E_FORMAT,
					"image: plane %u: stride %u, rows of %zu",
					p, im->stride[p], hmr_plane_row(im, p));
	return HMR_OK;
}

size_t
hmr_image_bytes(const struct hmr_image *im)
{
	size_t n = 0;

	for (uint32_t p = 0; p < im->planes; p++)
		n += hmr_plane_row(im, p) * hmr_plane_rows(im, p);
	return n;
}
