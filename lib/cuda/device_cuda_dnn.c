/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convolutions by cuDNN 9's graph interface: images and weights as NHWC and KRSC,
 * with bias and relu as two more operations where they are asked for. Engines come
 * from the heuristics, best first; the first is taken that keeps to the workspace,
 * sums in float32 without TF32 where float32 is meant, adds in a fixed order and
 * is compiled already. A library of another major version is as good as none.
 */
#include "cuda/device_cuda.h"

#if __has_include(<cudnn_graph.h>)
#include <cudnn_graph.h>
#endif

#include <stdlib.h>

#ifdef CUDNN_GRAPH_H_

/* Giving the handle to graphs and plans: what 9.0 needs, 9.19 merely ignores. */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

#define FUNCTIONS(F) \
	F(Create) F(Destroy) F(GetVersion) F(GetErrorString) F(SetStream) \
	F(BackendCreateDescriptor) F(BackendDestroyDescriptor) F(BackendFinalize) \
	F(BackendSetAttribute) F(BackendGetAttribute) F(BackendExecute)

struct functions {
#define MEMBER(f) __typeof__(&cudnn##f) f;
	FUNCTIONS(MEMBER)
};

struct cuda_dnn {
	union {
		struct functions f;
		void *fn[sizeof(struct functions) / sizeof(void *)];
	} u;
	void *lib;
	cudnnHandle_t h;
};

#define KEPT_MAX 64
#define CONFIGS 12
#define NOTES 16

enum { ID_X = 1, ID_W, ID_BIAS, ID_Y, ID_SUM, ID_BIASED };

struct hmr_conv {
	struct cuda_dnn *dnn;
	struct hmr_conv_desc d;
	size_t workspace;
	cudnnBackendDescriptor_t plan;	/* of kept */
	cudnnBackendDescriptor_t kept[KEPT_MAX];
	int n_kept;
	cudnnStatus_t s;		/* the first failure, while it is made */
};

static enum hmr_status
check(const struct cuda_dnn *b, cudnnStatus_t s, const char *what, struct hmr_err *e)
{
	if (s == CUDNN_STATUS_SUCCESS)
		return HMR_OK;
	return hmr_fail(e, s == CUDNN_STATUS_ALLOC_FAILED ? HMR_E_NOMEM : HMR_E_DEVICE,
			"%s: %s", what, b->u.f.GetErrorString(s));
}

enum hmr_status
cuda_dnn_open(struct hmr_device *d, struct hmr_err *e)
{
	static const char *const names[] = { "libcudnn.so.9", NULL };
	static const char *const symbols[] = {
#define SYMBOL(f) "cudnn" #f,
		FUNCTIONS(SYMBOL) NULL
	};
	struct cuda_dnn *b = calloc(1, sizeof(*b));
	struct hmr_err none;
	enum hmr_status st;

	if (!b)
		return hmr_fail(e, HMR_E_NOMEM, "cuDNN");
	d->dnn = b;
	if (cuda_library_open(&b->lib, names, symbols, b->u.fn, &none)) {
		d->dnn = NULL;
		free(b);
		return HMR_EOF;
	}
	if ((st = check(b, b->u.f.Create(&b->h), "cudnnCreate", e)))
		return st;
	d->info.dnn = b->u.f.GetVersion();
	return HMR_OK;
}

void
cuda_dnn_close(struct cuda_dnn *b)
{
	if (!b)
		return;
	if (b->h)
		(void)b->u.f.Destroy(b->h);
	cuda_library_close(b->lib);
	free(b);
}

/* --- descriptors: after a failure these do nothing --------------------------- */

static cudnnBackendDescriptor_t
make(struct hmr_conv *c, cudnnBackendDescriptorType_t t)
{
	cudnnBackendDescriptor_t d = NULL;

	if (c->s == CUDNN_STATUS_SUCCESS && c->n_kept == KEPT_MAX)
		c->s = CUDNN_STATUS_NOT_SUPPORTED;
	if (c->s == CUDNN_STATUS_SUCCESS)
		c->s = c->dnn->u.f.BackendCreateDescriptor(t, &d);
	if (d)
		c->kept[c->n_kept++] = d;
	return d;
}

static void
put(struct hmr_conv *c, cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t a,
    cudnnBackendAttributeType_t t, int64_t n, const void *v)
{
	if (c->s == CUDNN_STATUS_SUCCESS)
		c->s = c->dnn->u.f.BackendSetAttribute(d, a, t, n, v);
}

static void
put_desc(struct hmr_conv *c, cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t a,
	 cudnnBackendDescriptor_t v)
{
	put(c, d, a, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &v);
}

static cudnnBackendDescriptor_t
finish(struct hmr_conv *c, cudnnBackendDescriptor_t d)
{
	if (c->s == CUDNN_STATUS_SUCCESS)
		c->s = c->dnn->u.f.BackendFinalize(d);
	return d;
}

static cudnnDataType_t
type_of(enum hmr_device_type t)
{
	return t == HMR_DEVICE_F16 ? CUDNN_DATA_HALF :
	       t == HMR_DEVICE_BF16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT;
}

/* dims in cuDNN's order n c h w, in memory n h w c. */
static cudnnBackendDescriptor_t
tensor(struct hmr_conv *c, int64_t id, const int64_t d[4], cudnnDataType_t t, bool virt)
{
	cudnnBackendDescriptor_t x = make(c, CUDNN_BACKEND_TENSOR_DESCRIPTOR);
	int64_t strides[4] = { d[1] * d[2] * d[3], 1, d[1] * d[3], d[1] }, align = 16;

	put(c, x, CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &t);
	put(c, x, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, 4, d);
	put(c, x, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, 4, strides);
	put(c, x, CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, 1, &id);
	put(c, x, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, 1, &align);
	put(c, x, CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, 1, &virt);
	return finish(c, x);
}

static cudnnBackendDescriptor_t
convolution(struct hmr_conv *c)
{
	cudnnBackendDescriptor_t x = make(c, CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
	const struct hmr_conv_desc *d = &c->d;
	int64_t two = 2, before[2] = { d->pad[0], d->pad[1] };
	int64_t after[2] = { d->pad[2], d->pad[3] }, stride[2] = { d->stride[0], d->stride[1] };
	int64_t dilate[2] = { d->dilate[0] ? d->dilate[0] : 1, d->dilate[1] ? d->dilate[1] : 1 };
	cudnnConvolutionMode_t mode = CUDNN_CROSS_CORRELATION;
	cudnnDataType_t sum = CUDNN_DATA_FLOAT;

	put(c, x, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, CUDNN_TYPE_INT64, 1, &two);
	put(c, x, CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &sum);
	put(c, x, CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, 1, &mode);
	put(c, x, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, CUDNN_TYPE_INT64, 2, before);
	put(c, x, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, CUDNN_TYPE_INT64, 2, after);
	put(c, x, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, CUDNN_TYPE_INT64, 2, stride);
	put(c, x, CUDNN_ATTR_CONVOLUTION_DILATIONS, CUDNN_TYPE_INT64, 2, dilate);
	return finish(c, x);
}

static cudnnBackendDescriptor_t
pointwise(struct hmr_conv *c, cudnnPointwiseMode_t mode, cudnnBackendDescriptor_t x,
	  cudnnBackendDescriptor_t b, cudnnBackendDescriptor_t y)
{
	cudnnBackendDescriptor_t how = make(c, CUDNN_BACKEND_POINTWISE_DESCRIPTOR), op;
	cudnnDataType_t prec = CUDNN_DATA_FLOAT;

	put(c, how, CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, 1, &mode);
	put(c, how, CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_TYPE_DATA_TYPE, 1, &prec);
	finish(c, how);
	op = make(c, CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
	put_desc(c, op, CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, how);
	put_desc(c, op, CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x);
	if (b)
		put_desc(c, op, CUDNN_ATTR_OPERATION_POINTWISE_BDESC, b);
	put_desc(c, op, CUDNN_ATTR_OPERATION_POINTWISE_YDESC, y);
	return finish(c, op);
}

static cudnnBackendDescriptor_t
graph(struct hmr_conv *c)
{
	const struct hmr_conv_desc *d = &c->d;
	const int64_t dx[4] = { d->n, d->c, d->h, d->w }, dy[4] = { d->n, d->out, d->oh, d->ow };
	const int64_t dw[4] = { d->out, d->c / d->group, d->kh, d->kw }, db[4] = { 1, d->out, 1, 1 };
	cudnnDataType_t t = type_of(d->type), f = CUDNN_DATA_FLOAT;
	bool more = d->bias || d->relu;
	cudnnBackendDescriptor_t y = tensor(c, ID_Y, dy, t, false), at = y, ops[3], op, g;
	float one = 1, none = 0;
	int64_t n = 0;

	if (more)
		at = tensor(c, ID_SUM, dy, f, true);
	op = ops[n++] = make(c, CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR);
	put_desc(c, op, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, convolution(c));
	put_desc(c, op, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, tensor(c, ID_X, dx, t, false));
	put_desc(c, op, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, tensor(c, ID_W, dw, t, false));
	put_desc(c, op, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, at);
	put(c, op, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, CUDNN_TYPE_FLOAT, 1, &one);
	put(c, op, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA, CUDNN_TYPE_FLOAT, 1, &none);
	finish(c, op);
	if (d->bias) {
		cudnnBackendDescriptor_t to = d->relu ? tensor(c, ID_BIASED, dy, f, true) : y;

		ops[n++] = pointwise(c, CUDNN_POINTWISE_ADD, at,
				     tensor(c, ID_BIAS, db, t, false), to);
		at = to;
	}
	if (d->relu)
		ops[n++] = pointwise(c, CUDNN_POINTWISE_RELU_FWD, at, NULL, y);
	g = make(c, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
	put(c, g, CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, n, ops);
	put(c, g, CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, 1, &c->dnn->h);
	return finish(c, g);
}

/* --- engines ------------------------------------------------------------------ */

static bool
sums_well(const struct hmr_conv *c, cudnnBackendNumericalNote_t note)
{
	switch (note) {
	case CUDNN_NUMERICAL_NOTE_TENSOR_CORE:	/* with float32 that is TF32 */
	case CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS:
		return c->d.type != HMR_DEVICE_F32;
	case CUDNN_NUMERICAL_NOTE_STRICT_NAN_PROP:
		return true;
	default:	/* FFT, Winograd, reduced sums, any order */
		return false;
	}
}

static bool
acceptable(struct hmr_conv *c, cudnnBackendDescriptor_t config)
{
	const struct functions *f = &c->dnn->u.f;
	cudnnBackendDescriptor_t engine = make(c, CUDNN_BACKEND_ENGINE_DESCRIPTOR);
	cudnnBackendNumericalNote_t sums[NOTES];
	cudnnBackendBehaviorNote_t ways[NOTES];
	int64_t n = 0;

	if (!engine || f->BackendGetAttribute(config, CUDNN_ATTR_ENGINECFG_ENGINE,
			CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &n, &engine) ||
	    f->BackendGetAttribute(engine, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE,
			CUDNN_TYPE_NUMERICAL_NOTE, NOTES, &n, sums))
		return false;
	for (int64_t i = 0; i < n; i++)
		if (!sums_well(c, sums[i]))
			return false;
	if (f->BackendGetAttribute(engine, CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE,
			CUDNN_TYPE_BEHAVIOR_NOTE, NOTES, &n, ways))
		return false;
	for (int64_t i = 0; i < n; i++)
		if (ways[i] == CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION)
			return false;
	return true;
}

/* A plan of this configuration that keeps to the workspace. */
static bool
try_config(struct hmr_conv *c, cudnnBackendDescriptor_t config)
{
	const struct functions *f = &c->dnn->u.f;
	cudnnBackendDescriptor_t p = make(c, CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
	int64_t bytes = 0, n = 0;

	if (!p || f->BackendSetAttribute(p, CUDNN_ATTR_EXECUTION_PLAN_HANDLE,
			CUDNN_TYPE_HANDLE, 1, &c->dnn->h) ||
	    f->BackendSetAttribute(p, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG,
			CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &config) ||
	    f->BackendFinalize(p) ||
	    f->BackendGetAttribute(p, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE,
			CUDNN_TYPE_INT64, 1, &n, &bytes) || (uint64_t)bytes > c->d.workspace)
		return false;
	c->plan = p;
	c->workspace = (size_t)bytes;
	return true;
}

static bool
try_mode(struct hmr_conv *c, cudnnBackendDescriptor_t g, cudnnBackendHeurMode_t mode)
{
	cudnnBackendDescriptor_t h = make(c, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
	cudnnBackendDescriptor_t config[CONFIGS];
	int64_t n = 0;

	put_desc(c, h, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, g);
	put(c, h, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode);
	finish(c, h);
	for (int i = 0; i < CONFIGS; i++)
		config[i] = make(c, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
	if (c->s == CUDNN_STATUS_SUCCESS)
		c->s = c->dnn->u.f.BackendGetAttribute(h, CUDNN_ATTR_ENGINEHEUR_RESULTS,
			CUDNN_TYPE_BACKEND_DESCRIPTOR, CONFIGS, &n, config);
	for (int64_t i = 0; i < n && c->s == CUDNN_STATUS_SUCCESS; i++) {
		int before = c->n_kept;

		if (acceptable(c, config[i]) && try_config(c, config[i]))
			return true;
		while (c->n_kept > before)	/* what this one made */
			(void)c->dnn->u.f.BackendDestroyDescriptor(c->kept[--c->n_kept]);
	}
	return false;
}

enum hmr_status
cuda_conv_new(struct hmr_device *d, const struct hmr_conv_desc *desc,
	      struct hmr_conv **out, struct hmr_err *e)
{
	static const cudnnBackendHeurMode_t modes[] = { CUDNN_HEUR_MODE_A,
		CUDNN_HEUR_MODE_FALLBACK };
	cudnnBackendDescriptor_t g;
	struct hmr_conv *c;
	int before;

	*out = NULL;
	if (!d->dnn)
		return HMR_EOF;
	if (!(c = calloc(1, sizeof(*c))))
		return hmr_fail(e, HMR_E_NOMEM, "convolution");
	c->dnn = d->dnn;
	c->d = *desc;
	g = graph(c);
	before = c->n_kept;
	for (int i = 0; i < 2 && c->s == CUDNN_STATUS_SUCCESS; i++) {
		if (try_mode(c, g, modes[i])) {
			*out = c;
			return HMR_OK;
		}
		while (c->n_kept > before)
			(void)c->dnn->u.f.BackendDestroyDescriptor(c->kept[--c->n_kept]);
		if (c->s != CUDNN_STATUS_ALLOC_FAILED)	/* this mode has nothing */
			c->s = CUDNN_STATUS_SUCCESS;
	}
	/* a graph that cuDNN does not take is one it has no engine for */
	cuda_conv_free(c);
	return HMR_EOF;
}

const char *
cuda_conv_impl(const struct hmr_conv *c)
{
	return c->d.relu ? "cudnn+relu" : c->d.bias ? "cudnn+bias" : "cudnn";
}

size_t
cuda_conv_workspace(const struct hmr_conv *c)
{
	return c->workspace;
}

enum hmr_status
cuda_conv_run(struct hmr_queue *q, const struct hmr_conv *c, const struct hmr_conv_io *io,
	      struct hmr_err *e)
{
	const struct functions *f = &c->dnn->u.f;
	const void *at[4] = { io->x, io->w, io->y, io->bias };
	int64_t id[4] = { ID_X, ID_W, ID_Y, ID_BIAS };
	cudnnBackendDescriptor_t v = NULL;
	cudnnStatus_t s = f->SetStream(c->dnn->h, q->stream);

	if (!s)
		s = f->BackendCreateDescriptor(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, &v);
	if (!s)
		s = f->BackendSetAttribute(v, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS,
			CUDNN_TYPE_VOID_PTR, 3 + c->d.bias, at);
	if (!s)
		s = f->BackendSetAttribute(v, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS,
			CUDNN_TYPE_INT64, 3 + c->d.bias, id);
	if (!s)
		s = f->BackendSetAttribute(v, CUDNN_ATTR_VARIANT_PACK_WORKSPACE,
			CUDNN_TYPE_VOID_PTR, 1, &io->workspace);
	if (!s)
		s = f->BackendFinalize(v);
	if (!s)
		s = f->BackendExecute(c->dnn->h, c->plan, v);
	if (v)
		(void)f->BackendDestroyDescriptor(v);
	return check(c->dnn, s, "cudnnBackendExecute", e);
}

void
cuda_conv_free(struct hmr_conv *c)
{
	if (!c)
		return;
	while (c->n_kept > 0)
		(void)c->dnn->u.f.BackendDestroyDescriptor(c->kept[--c->n_kept]);
	free(c);
}

#else	/* built without cuDNN's headers: own kernels do it all */

enum hmr_status
cuda_dnn_open(struct hmr_device *d, struct hmr_err *e)
{
	(void)d;
	(void)e;
	return HMR_EOF;
}

void
cuda_dnn_close(struct cuda_dnn *b)
{
	(void)b;
}

enum hmr_status
cuda_conv_new(struct hmr_device *d, const struct hmr_conv_desc *desc,
	      struct hmr_conv **out, struct hmr_err *e)
{
	(void)d;
	(void)desc;
	(void)e;
	*out = NULL;
	return HMR_EOF;
}

const char *
cuda_conv_impl(const struct hmr_conv *c)
{
	(void)c;
	return "none";
}

size_t
cuda_conv_workspace(const struct hmr_conv *c)
{
	(void)c;
	return 0;
}

enum hmr_status
cuda_conv_run(struct hmr_queue *q, const struct hmr_conv *c, const struct hmr_conv_io *io,
	      struct hmr_err *e)
{
	(void)q;
	(void)c;
	(void)io;
	return hmr_fail(e, HMR_E_DEVICE, "built without cuDNN");
}

void
cuda_conv_free(struct hmr_conv *c)
{
	(void)c;
}

#endif
