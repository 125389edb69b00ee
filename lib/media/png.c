/* SPDX-License-Identifier: Apache-2.0 */
/* Images as PNG files by FFmpeg's encoder; see sink.h. */
#include <stdlib.h>
#include <string.h>

#include "image/rgb.h"
#include "media/media.h"
#include "media/sink.h"

struct hmr_png {
	AVCodecContext *enc;
	AVFrame *frame;
	AVPacket *pkt;
	struct hmr_rgb *rgb;
	uint32_t rgb_width;
};

enum hmr_status
hmr_png_new(struct hmr_png **out, struct hmr_err *e)
{
	struct hmr_png *p = calloc(1, sizeof(*p));

	*out = NULL;
	hmr_media_quiet();
	if (!p || !(p->pkt = av_packet_alloc())) {
		hmr_png_free(p);
		return hmr_fail(e, HMR_E_NOMEM, "PNG: out of memory");
	}
	*out = p;
	return HMR_OK;
}

void
hmr_png_free(struct hmr_png *p)
{
	if (!p)
		return;
	avcodec_free_context(&p->enc);
	av_frame_free(&p->frame);
	av_packet_free(&p->pkt);
	hmr_rgb_free(p->rgb);
	free(p);
}

static enum hmr_status
open_encoder(struct hmr_png *p, const struct hmr_image *im, int format,
	     struct hmr_err *e)
{
	const AVCodec *codec = avcodec_find_encoder(AV_CODEC_ID_PNG);
	enum hmr_status st;
	int r;

	if (p->enc && p->enc->width == (int)im->width &&
	    p->enc->height == (int)im->height && (int)p->enc->pix_fmt == format)
		return HMR_OK;
	if (!codec)
		return hmr_fail(e, HMR_E_VERSION, "FFmpeg has no PNG encoder");
	avcodec_free_context(&p->enc);
	av_frame_free(&p->frame);
	if (p->rgb_width < im->width) {
		hmr_rgb_free(p->rgb);
		p->rgb = NULL;
		p->rgb_width = 0;
		if ((st = hmr_rgb_new(&p->rgb, im->width, e)))
			return st;
		p->rgb_width = im->width;
	}
	if (!(p->enc = avcodec_alloc_context3(codec)) ||
	    !(p->frame = av_frame_alloc()))
		return hmr_fail(e, HMR_E_NOMEM, "PNG: out of memory");
	p->enc->width = p->frame->width = (int)im->width;
	p->enc->height = p->frame->height = (int)im->height;
	p->enc->pix_fmt = format;
	p->enc->thread_count = 1;
	p->frame->format = format;
	p->enc->time_base = (AVRational){ 1, 25 };
	if ((r = avcodec_open2(p->enc, codec, NULL)) < 0 ||
	    (r = av_frame_get_buffer(p->frame, 0)) < 0) {
		avcodec_free_context(&p->enc);
		return media_fail(e, NULL, r, "PNG");
	}
	return HMR_OK;
}

/* Gray of any depth, from limited range to PNG's full. */
static void
put_gray(AVFrame *f, const struct hmr_image *im)
{
	uint32_t max = (1u << im->depth) - 1;
	uint32_t lo = im->range == HMR_RANGE_FULL ? 0 : 16u << (im->depth - 8);
	uint32_t span = im->range == HMR_RANGE_FULL ? max : 219u << (im->depth - 8);
	uint32_t top = im->depth > 8 ? 65535 : 255;

	for (uint32_t y = 0; y < im->height; y++) {
		const uint8_t *s = im->plane[0] + (size_t)y * im->stride[0];
		uint8_t *d = f->data[0] + (ptrdiff_t)y * f->linesize[0];

		for (uint32_t x = 0; x < im->width; x++) {
			uint32_t v = im->depth > 8 ? s[2 * x] | (uint32_t)s[2 * x + 1] << 8 :
						     s[x];
			uint64_t w;

			v = v < lo ? 0 : v - lo > span ? span : v - lo;
			w = ((uint64_t)v * top + span / 2) / span;
			if (im->depth > 8) {
				d[2 * x] = (uint8_t)(w >> 8);
				d[2 * x + 1] = (uint8_t)w;
			} else {
				d[x] = (uint8_t)w;
			}
		}
	}
}

enum hmr_status
hmr_png_encode(struct hmr_png *p, const struct hmr_image *im,
	       const uint8_t **data, size_t *n, struct hmr_err *e)
{
	bool gray = im->pixel == HMR_PIXEL_GRAY;
	int format = !gray ? AV_PIX_FMT_RGB24 : im->depth > 8 ? AV_PIX_FMT_GRAY16BE :
								AV_PIX_FMT_GRAY8;
	enum hmr_status st;
	int r;

	if ((st = open_encoder(p, im, format, e)))
		return st;
	if (av_frame_make_writable(p->frame) < 0)
		return hmr_fail(e, HMR_E_NOMEM, "PNG: out of memory");
	if (gray)
		put_gray(p->frame, im);
	else if ((st = hmr_rgb_convert(p->rgb, im, p->frame->data[0],
				       (size_t)p->frame->linesize[0], e)))
		return st;
	av_packet_unref(p->pkt);
	if ((r = avcodec_send_frame(p->enc, p->frame)) < 0 ||
	    (r = avcodec_receive_packet(p->enc, p->pkt)) < 0)
		return media_fail(e, NULL, r, "PNG");
	*data = p->pkt->data;
	*n = (size_t)p->pkt->size;
	return HMR_OK;
}
