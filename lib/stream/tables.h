/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sections of a FRAME as C structs: decoding from bytes (checked) and
 * encoding to bytes (formats/stream.md, "Sections"). Every table begins with
 * 16 bytes: rows, row size, count, kind. A longer row than we know is legal:
 * its tail is skipped.
 */
#ifndef HMR_TABLES_H
#define HMR_TABLES_H

#include "image/gist.h"
#include "stream/stream.h"

#define HMR_TABLE_HEADER 16
#define HMR_PEOPLE_CAP 4096	/* rows a table may have */
#define HMR_POSE_JOINTS 24
#define HMR_SHAPE 10
#define HMR_JOINTS 44
#define HMR_LANDMARKS 33

struct hmr_person {		/* a row of PEOP; its index is `person` elsewhere */
	float box[4];		/* x0 y0 x1 y1, pixels */
	float score;
	uint32_t given_id;	/* identity from outside, 0: none */
	uint32_t flags;		/* 0 */
};

#define HMR_BODY_CONF 1u	/* joint_conf is known */
#define HMR_BODY_FIT 2u		/* fit_error is known */
struct hmr_body_row {		/* a row of BODY */
	uint32_t person;
	uint32_t flags;		/* HMR_BODY_* */
	float pose[HMR_POSE_JOINTS][9];	/* parent-relative rotations, row-major */
	float shape[HMR_SHAPE];
	float camera[3];	/* tx ty tz of the whole image, metres */
	float camera_crop[3];	/* s tx ty (hmr2.md 6) */
	float focal;		/* px, the one camera refers to */
	float fit_error;	/* px, mean over seen landmarks */
	float crop[3];		/* centre x y and side of the square crop, px */
	float joints3d[HMR_JOINTS][3];	/* metres, camera axes, camera not added */
	float joints2d[HMR_JOINTS][2];	/* pixels */
	float joint_conf[HMR_JOINTS];	/* 0..1 */
};

#define HMR_TRACK_FILLED 1u	/* interpolated over a gap, not seen */
#define HMR_TRACK_CONFIRMED 2u
struct hmr_track_row {		/* a row of TRAK */
	uint32_t person;
	uint32_t id;		/* from 1; never reused in a stream */
	uint32_t missed;	/* frames since last detected, 0: seen now */
	uint32_t flags;		/* HMR_TRACK_* */
};

struct hmr_landmark_row {	/* a row of LAND: a pose network's raw points */
	uint32_t person;
	float flag;		/* probability that a person is there */
	float image[HMR_LANDMARKS][3];	/* x y px of the image, visibility 0..1 */
	float world[HMR_LANDMARKS][3];	/* metres, camera axes, origin mid-hip */
};

struct hmr_camera_row {		/* CAMR: one row */
	float focal[2];		/* px */
	float centre[2];	/* px */
};

/* Kinds of APPR. Above the lowest eight bits of an embedding's stand the first 24 of
 * its model's SHA-256: those of other models are not compared with it. */
#define HMR_APPEARANCE_HISTOGRAM 1u
#define HMR_APPEARANCE_EMBEDDING 2u
#define HMR_APPEARANCE_KIND(kind) ((kind) & 255u)
#define HMR_APPEARANCE_MAX 2048	/* values */

/* Decoding. *rows = how many were written to out (at most max: more in the
 * section is HMR_E_LIMIT). HMR_EOF: the frame has no such section, *rows = 0.
 * person indices are checked against `people` where given (UINT32_MAX: not). */
HMR_MUST_USE enum hmr_status
hmr_people_get(const struct hmr_frame *f, struct hmr_person *out, uint32_t max,
	       uint32_t *rows, struct hmr_err *e);
HMR_MUST_USE enum hmr_status
hmr_bodies_get(const struct hmr_frame *f, struct hmr_body_row *out,
	       uint32_t max, uint32_t people, uint32_t *rows, struct hmr_err *e);
HMR_MUST_USE enum hmr_status
hmr_tracks_get(const struct hmr_frame *f, struct hmr_track_row *out,
	       uint32_t max, uint32_t people, uint32_t *rows, struct hmr_err *e);
HMR_MUST_USE enum hmr_status
hmr_landmarks_get(const struct hmr_frame *f, struct hmr_landmark_row *out,
		  uint32_t max, uint32_t people, uint32_t *rows,
		  struct hmr_err *e);
HMR_MUST_USE enum hmr_status
hmr_camera_get(const struct hmr_frame *f, struct hmr_camera_row *out,
	       struct hmr_err *e);
/* Vectors: person[i], and values[i * cap .. ] of *count floats each; kind is
 * HMR_APPEARANCE_* for APPR; for VERT count is 3 x vertices. */
HMR_MUST_USE enum hmr_status
hmr_vectors_get(const struct hmr_frame *f, uint32_t tag, uint32_t *person,
		float *values, uint32_t cap, uint32_t max, uint32_t people,
		uint32_t *rows, uint32_t *count, uint32_t *kind,
		struct hmr_err *e);
/* The kind of such a section, by its header alone; 0: there is none. */
uint32_t hmr_vectors_kind(const struct hmr_frame *f, uint32_t tag);
/* The image in 16x12 colours (image/gist.h). */
HMR_MUST_USE enum hmr_status
hmr_gist_get(const struct hmr_frame *f, uint8_t out[HMR_GIST_VALUES],
	     struct hmr_err *e);
/* The image, borrowed like the section's bytes. */
HMR_MUST_USE enum hmr_status
hmr_image_get(const struct hmr_frame *f, struct hmr_image *out,
	      struct hmr_err *e);

/* Encoding into buf, which holds at least *_bytes(); returns bytes written. */
size_t hmr_people_bytes(uint32_t rows);
size_t hmr_people_put(uint8_t *buf, const struct hmr_person *p, uint32_t rows);
size_t hmr_bodies_bytes(uint32_t rows);
size_t hmr_bodies_put(uint8_t *buf, const struct hmr_body_row *b, uint32_t rows);
size_t hmr_tracks_bytes(uint32_t rows);
size_t hmr_tracks_put(uint8_t *buf, const struct hmr_track_row *t, uint32_t rows);
size_t hmr_landmarks_bytes(uint32_t rows);
size_t hmr_landmarks_put(uint8_t *buf, const struct hmr_landmark_row *l,
			 uint32_t rows);
size_t hmr_camera_bytes(void);
size_t hmr_camera_put(uint8_t *buf, const struct hmr_camera_row *c);
size_t hmr_vectors_bytes(uint32_t rows, uint32_t count);
size_t hmr_vectors_put(uint8_t *buf, uint32_t kind, const uint32_t *person,
		       const float *values, uint32_t rows, uint32_t count);
size_t hmr_gist_section_bytes(void);
size_t hmr_gist_put(uint8_t *buf, const uint8_t gist[HMR_GIST_VALUES]);
size_t hmr_image_section_bytes(const struct hmr_image *im);
size_t hmr_image_put(uint8_t *buf, const struct hmr_image *im);
/* The same section without a copy: head (64 bytes) and the planes with their own
 * strides as parts of a scattered section. Returns its bytes. */
#define HMR_IMAGE_HEADER 64
size_t hmr_image_parts(uint8_t head[HMR_IMAGE_HEADER], struct iovec parts[4],
		       const struct hmr_image *im);

/* The focal length in pixels that applies to a frame: CAMR's, else HEAD's, else
 * 5000/256 max(W,H) (DESIGN 6). */
HMR_MUST_USE enum hmr_status
hmr_frame_focal(const struct hmr_frame *f, const struct hmr_head *h, float *px,
		struct hmr_err *e);

#endif
