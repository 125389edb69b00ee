/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Second looks of the pose network at people whom it did not see for sure, and at
 * people who are not upright: it was made for upright ones, so those who lie, hang
 * or stand on their hands are looked at in crops turned to suit them.
 */
#ifndef HMR_AGAIN_H
#define HMR_AGAIN_H

#include "detect/poser.h"

struct hmr_again;
HMR_MUST_USE enum hmr_status
hmr_again_new(struct hmr_again **out, uint32_t max_people, struct hmr_err *e);
void hmr_again_free(struct hmr_again *a);
size_t hmr_again_bytes(const struct hmr_again *a);

/* crop and rows: n people's, at most max_people, as hmr_poser_run() left them;
 * rows[i].person is the index in people. Who is seen better at a second look gets
 * that crop and that row. */
HMR_MUST_USE enum hmr_status
hmr_again_run(struct hmr_again *a, struct hmr_poser *poser,
	      const struct hmr_image *im, const struct hmr_person *people,
	      struct hmr_crop *crop, struct hmr_landmark_row *rows, uint32_t n,
	      struct hmr_err *e);

#endif
