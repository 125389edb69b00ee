/* SPDX-License-Identifier: Apache-2.0 */
/* Between device_fake.c and fake_queue.c. */
#ifndef HMR_FAKE_IMPL_H
#define HMR_FAKE_IMPL_H

#include "fake.h"

#define FAKE_ARGS_MAX 1024

struct fake_memory {
	struct fake_memory *next;
	uint8_t *at;
	size_t bytes;
	bool host;
};

struct hmr_device {
	struct hmr_device_info info;
	unsigned libs;
	struct fake_memory *memory;
	struct hmr_replay *recording;
	struct hmr_queue *queues;
	bool ahead;		/* whether the others ran ahead when last waited for */
};

struct hmr_gemm { struct hmr_gemm_desc desc; size_t workspace; };
struct hmr_conv { struct hmr_conv_desc desc; size_t workspace; };

enum hmr_status fake_call(const char *what, struct hmr_err *e);
void fake_wrong(const char *what);
void *fake_object(size_t bytes);
void fake_free(void *p);

enum hmr_status fake_queue_new(struct hmr_device *d, struct hmr_queue **out,
			       struct hmr_err *e);
void fake_queue_free(struct hmr_queue *q);
enum hmr_status fake_sync(struct hmr_queue *q, struct hmr_err *e);
enum hmr_status fake_copy_in(struct hmr_queue *q, void *device, const void *host,
			     size_t bytes, struct hmr_err *e);
enum hmr_status fake_copy_out(struct hmr_queue *q, void *host, const void *device,
			      size_t bytes, struct hmr_err *e);
enum hmr_status fake_copy(struct hmr_queue *q, void *to, const void *from, size_t bytes,
			  struct hmr_err *e);
enum hmr_status fake_fill(struct hmr_queue *q, void *device, int byte, size_t bytes,
			  struct hmr_err *e);
enum hmr_status fake_event_new(struct hmr_device *d, bool timing, struct hmr_event **out,
			       struct hmr_err *e);
void fake_event_free(struct hmr_event *v);
enum hmr_status fake_event_record(struct hmr_queue *q, struct hmr_event *v,
				  struct hmr_err *e);
enum hmr_status fake_event_wait(struct hmr_queue *q, struct hmr_event *v,
				struct hmr_err *e);
enum hmr_status fake_event_sync(struct hmr_event *v, struct hmr_err *e);
enum hmr_status fake_event_ms(struct hmr_event *from, struct hmr_event *to, float *ms,
			      struct hmr_err *e);
enum hmr_status fake_record_begin(struct hmr_queue *q, struct hmr_err *e);
enum hmr_status fake_record_end(struct hmr_queue *q, struct hmr_replay **out,
				struct hmr_err *e);
enum hmr_status fake_replay(struct hmr_queue *q, struct hmr_replay *r, struct hmr_err *e);
void fake_replay_free(struct hmr_replay *r);
enum hmr_status fake_launch(struct hmr_queue *q, const struct hmr_kernel *k,
			    const uint32_t grid[3], uint32_t block, size_t shared,
			    const void *args, size_t args_bytes, struct hmr_err *e);
enum hmr_status fake_gemm_run(struct hmr_queue *q, const struct hmr_gemm *g,
			      const struct hmr_gemm_io *io, struct hmr_err *e);
enum hmr_status fake_conv_run(struct hmr_queue *q, const struct hmr_conv *c,
			      const struct hmr_conv_io *io, struct hmr_err *e);

#endif
