/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which way up: the display matrix of the stream or frame, or the EXIF
 * orientation of a photograph, as a transposition and two flips.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <libavutil/display.h>

#include "media/media.h"

void
media_turn_of_exif(struct media_turn *t, int orientation)
{
	static const struct media_turn turns[9] = {
		[2] = { .hflip = true },
		[3] = { .hflip = true, .vflip = true },
		[4] = { .vflip = true },
		[5] = { .transpose = true },
		[6] = { .transpose = true, .hflip = true },
		[7] = { .transpose = true, .hflip = true, .vflip = true },
		[8] = { .transpose = true, .vflip = true },
	};

	*t = turns[orientation >= 1 && orientation <= 8 ? orientation : 0];
}

/* x' = a x + c y, y' = b x + d y: one of the two pairs has to vanish. */
static bool
of_matrix(struct media_turn *t, double *odd, const uint8_t *bytes)
{
	int32_t m[9];
	double a, b, c, d, big, small = 0.01;

	memcpy(m, bytes, sizeof(m));
	a = m[0];
	b = m[1];
	c = m[3];
	d = m[4];
	big = fmax(fmax(fabs(a), fabs(b)), fmax(fabs(c), fabs(d)));
	memset(t, 0, sizeof(*t));
	if (big == 0)
		return false;
	if (fabs(b) <= small * big && fabs(c) <= small * big) {
		t->hflip = a < 0;
		t->vflip = d < 0;
	} else if (fabs(a) <= small * big && fabs(d) <= small * big) {
		t->transpose = true;
		t->hflip = c < 0;
		t->vflip = b < 0;
	} else {
		*odd = -av_display_rotation_get(m);
		return false;
	}
	return true;
}

void
media_orientation(struct media_turn *t, double *odd, const AVStream *s,
		  const AVFrame *f)
{
	const AVFrameSideData *sd;
	const AVDictionaryEntry *exif;
	const uint8_t *m;
	size_t n;

	memset(t, 0, sizeof(*t));
	*odd = NAN;
	if (f && (exif = av_dict_get(f->metadata, "Orientation", NULL, 0))) {
		media_turn_of_exif(t, atoi(exif->value));
		return;
	}
	if (s && (m = av_stream_get_side_data(s, AV_PKT_DATA_DISPLAYMATRIX, &n)) &&
	    n >= 9 * sizeof(int32_t)) {
		of_matrix(t, odd, m);
		return;
	}
	if (f && (sd = av_frame_get_side_data(f, AV_FRAME_DATA_DISPLAYMATRIX)) &&
	    sd->size >= 9 * sizeof(int32_t))
		of_matrix(t, odd, sd->data);
}
