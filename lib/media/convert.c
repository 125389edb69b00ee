/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A decoded frame as an image of the closed list (image/image.h): as decoded
 * where it is on the list, else by swscale to the nearest; scaled where asked;
 * turned. Planes that are on the list and tight are handed on without a copy.
 */
#include <stdlib.h>
#include <string.h>

#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>

#include "media/media.h"

static const struct {
	enum AVPixelFormat av;
	enum hmr_pixel pixel;
	uint32_t depth;
} list[] = {
	{ AV_PIX_FMT_YUV420P, HMR_PIXEL_YUV420P, 8 },
	{ AV_PIX_FMT_YUV422P, HMR_PIXEL_YUV422P, 8 },
	{ AV_PIX_FMT_YUV444P, HMR_PIXEL_YUV444P, 8 },
	{ AV_PIX_FMT_NV12, HMR_PIXEL_NV12, 8 },
	{ AV_PIX_FMT_GRAY8, HMR_PIXEL_GRAY, 8 },
	{ AV_PIX_FMT_RGB24, HMR_PIXEL_RGB24, 8 },
	{ AV_PIX_FMT_YUV420P10LE, HMR_PIXEL_YUV420P, 10 },
	{ AV_PIX_FMT_YUV422P10LE, HMR_PIXEL_YUV422P, 10 },
	{ AV_PIX_FMT_YUV444P10LE, HMR_PIXEL_YUV444P, 10 },
	{ AV_PIX_FMT_GRAY10LE, HMR_PIXEL_GRAY, 10 },
	{ AV_PIX_FMT_YUV420P12LE, HMR_PIXEL_YUV420P, 12 },
	{ AV_PIX_FMT_YUV422P12LE, HMR_PIXEL_YUV422P, 12 },
	{ AV_PIX_FMT_YUV444P12LE, HMR_PIXEL_YUV444P, 12 },
	{ AV_PIX_FMT_GRAY12LE, HMR_PIXEL_GRAY, 12 },
	{ AV_PIX_FMT_YUV420P14LE, HMR_PIXEL_YUV420P, 14 },
	{ AV_PIX_FMT_YUV422P14LE, HMR_PIXEL_YUV422P, 14 },
	{ AV_PIX_FMT_YUV444P14LE, HMR_PIXEL_YUV444P, 14 },
	{ AV_PIX_FMT_GRAY14LE, HMR_PIXEL_GRAY, 14 },
	{ AV_PIX_FMT_YUV420P16LE, HMR_PIXEL_YUV420P, 16 },
	{ AV_PIX_FMT_YUV422P16LE, HMR_PIXEL_YUV422P, 16 },
	{ AV_PIX_FMT_YUV444P16LE, HMR_PIXEL_YUV444P, 16 },
	{ AV_PIX_FMT_GRAY16LE, HMR_PIXEL_GRAY, 16 },
	{ AV_PIX_FMT_P016LE, HMR_PIXEL_NV12, 16 },
};
#define LIST (sizeof(list) / sizeof(*list))

/* Formats whose first planes are those of one on the list. */
static enum AVPixelFormat
plain(enum AVPixelFormat f)
{
	switch (f) {
	case AV_PIX_FMT_YUVJ420P:
	case AV_PIX_FMT_YUVA420P:
		return AV_PIX_FMT_YUV420P;
	case AV_PIX_FMT_YUVJ422P:
	case AV_PIX_FMT_YUVA422P:
		return AV_PIX_FMT_YUV422P;
	case AV_PIX_FMT_YUVJ444P:
	case AV_PIX_FMT_YUVA444P:
		return AV_PIX_FMT_YUV444P;
	case AV_PIX_FMT_YUVJ411P:
		return AV_PIX_FMT_YUV411P;
	case AV_PIX_FMT_YUVJ440P:
		return AV_PIX_FMT_YUV440P;
	case AV_PIX_FMT_YUVA420P10LE:
		return AV_PIX_FMT_YUV420P10LE;
	case AV_PIX_FMT_YUVA422P10LE:
		return AV_PIX_FMT_YUV422P10LE;
	case AV_PIX_FMT_YUVA444P10LE:
		return AV_PIX_FMT_YUV444P10LE;
	case AV_PIX_FMT_YUVA422P12LE:
		return AV_PIX_FMT_YUV422P12LE;
	case AV_PIX_FMT_YUVA444P12LE:
		return AV_PIX_FMT_YUV444P12LE;
	case AV_PIX_FMT_YUVA420P16LE:
		return AV_PIX_FMT_YUV420P16LE;
	case AV_PIX_FMT_YUVA422P16LE:
		return AV_PIX_FMT_YUV422P16LE;
	case AV_PIX_FMT_YUVA444P16LE:
		return AV_PIX_FMT_YUV444P16LE;
	default:
		return f;
	}
}

enum AVPixelFormat
media_av_format(enum hmr_pixel pixel, uint32_t depth)
{
	for (size_t i = 0; i < LIST; i++)
		if (list[i].pixel == pixel && list[i].depth == depth)
			return list[i].av;
	return AV_PIX_FMT_NONE;
}

/* The nearest on the list: chroma is never thrown away but for 4:1:0 and
 * 4:1:1, depth only above 16 bit and of RGB. */
static bool
nearest(enum AVPixelFormat f, enum hmr_pixel *pixel, uint32_t *depth)
{
	const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(f);
	int bits, colours;

	for (size_t i = 0; i < LIST; i++)
		if (list[i].av == f) {
			*pixel = list[i].pixel;
			*depth = list[i].depth;
			return true;
		}
	if (!d || (d->flags & AV_PIX_FMT_FLAG_HWACCEL))
		return false;
	bits = d->comp[0].depth;
	colours = d->nb_components - ((d->flags & AV_PIX_FMT_FLAG_ALPHA) != 0);
	*depth = bits <= 8 ? 8 : bits <= 10 ? 10 : bits <= 12 ? 12 :
		 bits <= 14 ? 14 : 16;
	if (f == AV_PIX_FMT_PAL8 || f == AV_PIX_FMT_XYZ12LE ||
	    f == AV_PIX_FMT_XYZ12BE ||
	    (d->flags & (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_BAYER))) {
		*pixel = HMR_PIXEL_RGB24;
		*depth = 8;
	} else if (colours < 3) {
		*pixel = HMR_PIXEL_GRAY;
	} else if (d->log2_chroma_h) {
		*pixel = d->log2_chroma_w ? HMR_PIXEL_YUV420P : HMR_PIXEL_YUV444P;
	} else {
		*pixel = d->log2_chroma_w ? HMR_PIXEL_YUV422P : HMR_PIXEL_YUV444P;
	}
	return true;
}

static void
set_colour(struct hmr_image *im, const AVFrame *f)
{
	switch (f->colorspace) {
	case AVCOL_SPC_BT709:
	case AVCOL_SPC_SMPTE240M:
		im->matrix = HMR_MATRIX_BT709;
		break;
	case AVCOL_SPC_BT2020_NCL:
	case AVCOL_SPC_BT2020_CL:
		im->matrix = HMR_MATRIX_BT2020;
		break;
	case AVCOL_SPC_BT470BG:
	case AVCOL_SPC_SMPTE170M:
	case AVCOL_SPC_FCC:
		im->matrix = HMR_MATRIX_BT601;
		break;
	default:
		im->matrix = f->height < 720 ? HMR_MATRIX_BT601 : HMR_MATRIX_BT709;
	}
	im->range = f->color_range == AVCOL_RANGE_JPEG ? HMR_RANGE_FULL :
							 HMR_RANGE_LIMITED;
	if (im->pixel == HMR_PIXEL_RGB24)
		im->range = HMR_RANGE_FULL;
	/* FFmpeg's convention: gray without a word is full. */
	if (im->pixel == HMR_PIXEL_GRAY && f->color_range != AVCOL_RANGE_MPEG)
		im->range = HMR_RANGE_FULL;
	switch (f->format) {
	case AV_PIX_FMT_YUVJ420P:
	case AV_PIX_FMT_YUVJ422P:
	case AV_PIX_FMT_YUVJ444P:
	case AV_PIX_FMT_YUVJ440P:
	case AV_PIX_FMT_YUVJ411P:
		im->range = HMR_RANGE_FULL;
	}
}

static void
scale_size(struct hmr_image *im, uint32_t max_side)
{
	uint64_t w = im->width, h = im->height, big = w > h ? w : h;

	if (!max_side || big <= max_side)
		return;
	im->width = (uint32_t)((w * max_side + big / 2) / big);
	im->height = (uint32_t)((h * max_side + big / 2) / big);
	im->width += !im->width;
	im->height += !im->height;
}

enum hmr_status
media_form(struct hmr_image *im, const AVFrame *f, uint32_t max_side,
	   const struct media_turn *t, struct hmr_err *e)
{
	memset(im, 0, sizeof(*im));
	if (f->width < 1 || f->height < 1 || f->width > HMR_IMAGE_MAX_SIDE ||
	    f->height > HMR_IMAGE_MAX_SIDE)
		return hmr_fail(e, HMR_E_LIMIT, "size %dx%d: at most %d a side",
				f->width, f->height, HMR_IMAGE_MAX_SIDE);
	if (!nearest(plain(f->format), &im->pixel, &im->depth))
		return hmr_fail(e, HMR_E_VERSION, "pixel format %s cannot be read",
				av_get_pix_fmt_name(f->format) ?
				av_get_pix_fmt_name(f->format) : "?");
	im->width = (uint32_t)f->width;
	im->height = (uint32_t)f->height;
	im->planes = hmr_pixel_planes(im->pixel);
	set_colour(im, f);
	scale_size(im, max_side);
	/* 4:2:2 on its side is 4:4:0, and flipping an odd side moves chroma by
	 * half a sample: both become 4:4:4. */
	if (im->pixel != HMR_PIXEL_GRAY && im->pixel != HMR_PIXEL_RGB24 &&
	    im->pixel != HMR_PIXEL_YUV444P && (t->transpose || t->hflip || t->vflip)) {
		bool odd_w = im->width & 1;
		bool odd_h = (im->height & 1) && im->pixel != HMR_PIXEL_YUV422P;

		if ((im->pixel == HMR_PIXEL_YUV422P && t->transpose) ||
		    odd_w || odd_h) {
			im->pixel = HMR_PIXEL_YUV444P;
			im->planes = 3;
		}
	}
	return HMR_OK;
}

static enum hmr_status
need(uint8_t **p, size_t *cap, size_t n, struct hmr_err *e)
{
	if (*cap >= n)
		return HMR_OK;
	av_freep(p);
	*cap = 0;
	if (!(*p = av_malloc(n + 64)))	/* swscale may write past the end */
		return hmr_fail(e, HMR_E_NOMEM, "image of %zu bytes: out of memory", n);
	*cap = n;
	return HMR_OK;
}

static enum hmr_status
prepare_sws(struct media_convert *c, const AVFrame *f, enum AVPixelFormat from,
	    const struct hmr_image *im, enum AVPixelFormat to, struct hmr_err *e)
{
	int full = im->range == HMR_RANGE_FULL;
	int matrix = im->matrix == HMR_MATRIX_BT709 ? SWS_CS_ITU709 :
		     im->matrix == HMR_MATRIX_BT2020 ? SWS_CS_BT2020 : SWS_CS_ITU601;
	int key[8] = { f->width, f->height, from, (int)im->width,
		       (int)im->height, to, full, matrix };
	int flags = SWS_ACCURATE_RND | SWS_BITEXACT | SWS_FULL_CHR_H_INP |
		    SWS_FULL_CHR_H_INT;

	if (c->sws && !memcmp(key, c->sws_key, sizeof(key)))
		return HMR_OK;
	sws_freeContext(c->sws);
	flags |= (int)im->width < f->width || (int)im->height < f->height ?
		 SWS_AREA : SWS_BICUBIC;
	c->sws = sws_getContext(f->width, f->height, from, (int)im->width,
				(int)im->height, to, flags, NULL, NULL, NULL);
	if (!c->sws)
		return hmr_fail(e, HMR_E_VERSION, "pixel format %s cannot be converted",
				av_get_pix_fmt_name(from));
	memcpy(c->sws_key, key, sizeof(key));
	sws_setColorspaceDetails(c->sws, sws_getCoefficients(matrix), full,
				 sws_getCoefficients(matrix), full, 0, 1 << 16,
				 1 << 16);
	return HMR_OK;
}

/* Through swscale into c->scaled; strides are rounded up for its SIMD. */
static enum hmr_status
scale(struct media_convert *c, const AVFrame *f, struct hmr_image *im,
      ptrdiff_t stride[3], struct hmr_err *e)
{
	enum AVPixelFormat from = plain(f->format), to = media_av_format(im->pixel, im->depth);
	uint8_t *dst[4] = { NULL };
	int step[4] = { 0 }, rows;
	size_t n = 0, at[3] = { 0 };
	enum hmr_status st;

	if (to == AV_PIX_FMT_NONE)
		return hmr_fail(e, HMR_E_VERSION, "no image of %s in %u bit",
				hmr_pixel_name(im->pixel), im->depth);
	for (uint32_t p = 0; p < im->planes; p++) {
		step[p] = (int)((hmr_plane_row(im, p) + 63) & ~(size_t)63);
		at[p] = n;
		n += (size_t)step[p] * hmr_plane_rows(im, p);
	}
	if ((st = need(&c->scaled, &c->scaled_cap, n, e)) ||
	    (st = prepare_sws(c, f, from, im, to, e)))
		return st;
	for (uint32_t p = 0; p < im->planes; p++) {
		dst[p] = c->scaled + at[p];
		im->plane[p] = dst[p];
		stride[p] = step[p];
	}
	rows = sws_scale(c->sws, (const uint8_t *const *)f->data, f->linesize, 0,
			 f->height, dst, step);
	if (rows != (int)im->height)
		return hmr_fail(e, HMR_E_FORMAT, "conversion gave %d rows of %u",
				rows, im->height);
	return HMR_OK;
}

/* Rows side by side where they are not. */
static enum hmr_status
pack(struct media_convert *c, struct hmr_image *im, const ptrdiff_t stride[3],
     struct hmr_err *e)
{
	enum hmr_status st;
	bool tight = true;
	uint8_t *at;

	for (uint32_t p = 0; p < im->planes; p++) {
		tight = tight && stride[p] == (ptrdiff_t)hmr_plane_row(im, p);
		im->stride[p] = (uint32_t)hmr_plane_row(im, p);
	}
	if (tight)
		return HMR_OK;
	if ((st = need(&c->packed, &c->packed_cap, hmr_image_bytes(im), e)))
		return st;
	at = c->packed;
	for (uint32_t p = 0; p < im->planes; p++) {
		size_t row = hmr_plane_row(im, p);
		uint32_t rows = hmr_plane_rows(im, p);

		for (uint32_t y = 0; y < rows; y++)
			memcpy(at + y * row, im->plane[p] + (ptrdiff_t)y * stride[p],
			       row);
		im->plane[p] = at;
		at += row * rows;
	}
	return HMR_OK;
}

/* What f becomes: its own form, or the first frame's where that is kept. */
static enum hmr_status
choose_form(struct media_convert *c, const AVFrame *f,
	    const struct media_turn *t, struct hmr_image *im, struct hmr_err *e)
{
	enum hmr_status st = media_form(im, f, c->max_side, t, e);

	if (st || !c->lock)
		return st;
	if (!c->locked) {
		c->first = *im;
		c->first_w = f->width;
		c->first_h = f->height;
		c->locked = true;
		return HMR_OK;
	}
	if (f->width != c->first_w || f->height != c->first_h) {
		if (c->resized)
			++*c->resized;
	}
	im->pixel = c->first.pixel;
	im->depth = c->first.depth;
	im->planes = c->first.planes;
	im->width = c->first.width;
	im->height = c->first.height;
	return HMR_OK;
}

enum hmr_status
media_convert_frame(struct media_convert *c, const AVFrame *f,
		    const struct media_turn *t, struct hmr_image *out,
		    struct hmr_err *e)
{
	ptrdiff_t stride[3] = { 0 };
	struct hmr_image im;
	enum hmr_status st;

	if ((st = choose_form(c, f, t, &im, e)))
		return st;
	if (media_av_format(im.pixel, im.depth) == plain(f->format) &&
	    im.width == (uint32_t)f->width && im.height == (uint32_t)f->height) {
		for (uint32_t p = 0; p < im.planes; p++) {
			im.plane[p] = f->data[p];
			stride[p] = f->linesize[p];
		}
	} else if ((st = scale(c, f, &im, stride, e))) {
		return st;
	}
	if (t->transpose || t->hflip || t->vflip) {
		if ((st = need(&c->packed, &c->packed_cap, hmr_image_bytes(&im), e)))
			return st;
		media_turn_image(out, &im, stride, t, c->packed);
		return HMR_OK;
	}
	st = pack(c, &im, stride, e);
	*out = im;
	return st;
}

/* Into c->packed, unless the planes are the converter's already. */
enum hmr_status
media_convert_keep(struct media_convert *c, struct hmr_image *im, struct hmr_err *e)
{
	uint8_t *at;
	enum hmr_status st;

	if (im->plane[0] == c->packed || im->plane[0] == c->scaled)
		return HMR_OK;
	if ((st = need(&c->packed, &c->packed_cap, hmr_image_bytes(im), e)))
		return st;
	at = c->packed;
	for (uint32_t p = 0; p < im->planes; p++) {
		size_t n = hmr_plane_row(im, p) * hmr_plane_rows(im, p);

		memcpy(at, im->plane[p], n);
		im->plane[p] = at;
		at += n;
	}
	return HMR_OK;
}

void
media_convert_release(struct media_convert *c)
{
	sws_freeContext(c->sws);
	av_freep(&c->scaled);
	av_freep(&c->packed);
	c->sws = NULL;
	c->scaled_cap = c->packed_cap = 0;
	c->locked = false;
}
