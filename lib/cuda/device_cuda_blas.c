/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Products by cuBLASLt. Its matrices are column-major: our D[m][n] = A[m][k] B is its
 * D' (n x m) = B' A', so B goes first, and a bias along n is its bias along rows.
 * The algorithm is the first of its heuristics that keeps to the workspace.
 */
#include "cuda/device_cuda.h"

#include <cublasLt.h>
#include <stdlib.h>
#include <string.h>

#define FUNCTIONS(F) \
	F(Create) F(Destroy) F(GetVersion) F(GetStatusString) F(Matmul) \
	F(MatmulDescCreate) F(MatmulDescDestroy) F(MatmulDescSetAttribute) \
	F(MatrixLayoutCreate) F(MatrixLayoutDestroy) F(MatrixLayoutSetAttribute) \
	F(MatmulPreferenceCreate) F(MatmulPreferenceDestroy) \
	F(MatmulPreferenceSetAttribute) F(MatmulAlgoGetHeuristic)

struct functions {
#define MEMBER(f) __typeof__(&cublasLt##f) f;
	FUNCTIONS(MEMBER)
};

struct cuda_blas {
	union {
		struct functions f;
		void *fn[sizeof(struct functions) / sizeof(void *)];
	} u;
	void *lib;
	cublasLtHandle_t h;
};

struct hmr_gemm {
	const struct cuda_blas *blas;
	struct hmr_gemm_desc d;
	cublasLtMatmulDesc_t op;
	cublasLtMatrixLayout_t a, b, cd;
	cublasLtMatmulAlgo_t algo;
	size_t workspace;
};

static enum hmr_status
check(const struct cuda_blas *b, cublasStatus_t r, const char *what, struct hmr_err *e)
{
	if (r == CUBLAS_STATUS_SUCCESS)
		return HMR_OK;
	return hmr_fail(e, r == CUBLAS_STATUS_ALLOC_FAILED ? HMR_E_NOMEM : HMR_E_DEVICE,
			"%s: %s", what, b->u.f.GetStatusString(r));
}

enum hmr_status
cuda_blas_open(struct hmr_device *d, struct hmr_err *e)
{
	static const char *const names[] = { "libcublasLt.so.13", "libcublasLt.so.12", NULL };
	static const char *const symbols[] = {
#define SYMBOL(f) "cublasLt" #f,
		FUNCTIONS(SYMBOL) NULL
	};
	struct cuda_blas *b = calloc(1, sizeof(*b));
	enum hmr_status st;

	if (!b)
		return hmr_fail(e, HMR_E_NOMEM, "cuBLASLt");
	d->blas = b;
	if ((st = cuda_library_open(&b->lib, names, symbols, b->u.fn, e)) ||
	    (st = check(b, b->u.f.Create(&b->h), "cublasLtCreate", e)))
		return st;
	d->info.blas = b->u.f.GetVersion();
	return HMR_OK;
}

void
cuda_blas_close(struct cuda_blas *b)
{
	if (!b)
		return;
	if (b->h)
		(void)b->u.f.Destroy(b->h);
	cuda_library_close(b->lib);
	free(b);
}

static cudaDataType_t
type_of(enum hmr_device_type t)
{
	switch (t) {
	case HMR_DEVICE_F16: return CUDA_R_16F;
	case HMR_DEVICE_BF16: return CUDA_R_16BF;
	case HMR_DEVICE_I8: return CUDA_R_8I;
	case HMR_DEVICE_I32: return CUDA_R_32I;
	default: return CUDA_R_32F;
	}
}

static cublasLtEpilogue_t
epilogue(const struct hmr_gemm_desc *d)
{
	switch (d->act) {
	case HMR_GEMM_RELU: return d->bias ? CUBLASLT_EPILOGUE_RELU_BIAS : CUBLASLT_EPILOGUE_RELU;
	case HMR_GEMM_GELU: return d->bias ? CUBLASLT_EPILOGUE_GELU_BIAS : CUBLASLT_EPILOGUE_GELU;
	default: return d->bias ? CUBLASLT_EPILOGUE_BIAS : CUBLASLT_EPILOGUE_DEFAULT;
	}
}

static enum hmr_status
layout(struct hmr_gemm *g, cublasLtMatrixLayout_t *l, enum hmr_device_type t, uint64_t rows,
       uint64_t cols, uint32_t ld, int64_t step, struct hmr_err *e)
{
	const struct functions *f = &g->blas->u.f;
	int32_t batch = g->d.batch ? (int32_t)g->d.batch : 1;
	enum hmr_status st;

	if ((st = check(g->blas, f->MatrixLayoutCreate(l, type_of(t), rows, cols,
						       ld ? ld : (int64_t)rows),
			"cublasLtMatrixLayoutCreate", e)) || batch == 1)
		return st;
	if ((st = check(g->blas, f->MatrixLayoutSetAttribute(*l,
			CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &batch, sizeof(batch)),
			"cublasLtMatrixLayoutSetAttribute", e)))
		return st;
	return check(g->blas, f->MatrixLayoutSetAttribute(*l,
			CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &step, sizeof(step)),
		     "cublasLtMatrixLayoutSetAttribute", e);
}

static enum hmr_status
set(struct hmr_gemm *g, cublasLtMatmulDescAttributes_t what, const void *v, size_t n,
    struct hmr_err *e)
{
	return check(g->blas, g->blas->u.f.MatmulDescSetAttribute(g->op, what, v, n),
		     "cublasLtMatmulDescSetAttribute", e);
}

static enum hmr_status
describe(struct hmr_gemm *g, struct hmr_err *e)
{
	const struct hmr_gemm_desc *d = &g->d;
	bool whole = d->out == HMR_DEVICE_I32;
	cublasOperation_t turn = d->b_rows_k ? CUBLAS_OP_N : CUBLAS_OP_T;
	cublasLtEpilogue_t ep = epilogue(d);
	/* no address yet: the heuristics see an aligned one */
	const void *bias = (const void *)(uintptr_t)256;
	enum hmr_status st;

	if ((st = check(g->blas, g->blas->u.f.MatmulDescCreate(&g->op,
			whole ? CUBLAS_COMPUTE_32I : CUBLAS_COMPUTE_32F,
			whole ? CUDA_R_32I : CUDA_R_32F), "cublasLtMatmulDescCreate", e)) ||
	    (st = set(g, CUBLASLT_MATMUL_DESC_TRANSA, &turn, sizeof(turn), e)) ||
	    (st = set(g, CUBLASLT_MATMUL_DESC_EPILOGUE, &ep, sizeof(ep), e)) ||
	    (d->bias && (st = set(g, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias,
				  sizeof(bias), e))))
		return st;
	if ((st = layout(g, &g->b, d->in, d->b_rows_k ? d->n : d->k,
			 d->b_rows_k ? d->k : d->n, d->ldb, d->step_b, e)) ||
	    (st = layout(g, &g->a, d->in, d->k, d->m, d->lda, d->step_a, e)))
		return st;
	return layout(g, &g->cd, d->out, d->n, d->m, d->ldd, d->step_d, e);
}

/* HMR_EOF: none. */
static enum hmr_status
choose(struct hmr_gemm *g, struct hmr_err *e)
{
	static const cublasLtMatmulPreferenceAttributes_t aligned[] = {
		CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES,
		CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
		CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES,
		CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES };
	const struct functions *f = &g->blas->u.f;
	cublasLtMatmulHeuristicResult_t r[4];
	cublasLtMatmulPreference_t pref = NULL;
	uint64_t most = g->d.workspace;
	uint32_t sixteen = 16;
	cublasStatus_t s;
	int n = 0;

	s = f->MatmulPreferenceCreate(&pref);
	if (s == CUBLAS_STATUS_SUCCESS)
		s = f->MatmulPreferenceSetAttribute(pref,
			CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &most, sizeof(most));
	for (int i = 0; i < 4 && s == CUBLAS_STATUS_SUCCESS; i++)
		s = f->MatmulPreferenceSetAttribute(pref, aligned[i], &sixteen,
						    sizeof(sixteen));
	if (s == CUBLAS_STATUS_SUCCESS)
		s = f->MatmulAlgoGetHeuristic(g->blas->h, g->op, g->b, g->a, g->cd, g->cd,
					      pref, 4, r, &n);
	if (pref)
		(void)f->MatmulPreferenceDestroy(pref);
	if (s == CUBLAS_STATUS_NOT_SUPPORTED)
		return HMR_EOF;
	if (s != CUBLAS_STATUS_SUCCESS)
		return check(g->blas, s, "cublasLtMatmulAlgoGetHeuristic", e);
	for (int i = 0; i < n; i++)
		if (r[i].state == CUBLAS_STATUS_SUCCESS && r[i].workspaceSize <= most) {
			g->algo = r[i].algo;
			g->workspace = r[i].workspaceSize;
			return HMR_OK;
		}
	return HMR_EOF;
}

enum hmr_status
cuda_gemm_new(struct hmr_device *d, const struct hmr_gemm_desc *desc,
	      struct hmr_gemm **out, struct hmr_err *e)
{
	struct hmr_gemm *g;
	enum hmr_status st;

	*out = NULL;
	if (!d->blas)
		return hmr_fail(e, HMR_E_DEVICE, "cuBLASLt is not loaded");
	if (!(g = calloc(1, sizeof(*g))))
		return hmr_fail(e, HMR_E_NOMEM, "product");
	g->blas = d->blas;
	g->d = *desc;
	if ((st = describe(g, e)) || (st = choose(g, e))) {
		cuda_gemm_free(g);
		return st;
	}
	*out = g;
	return HMR_OK;
}

const char *
cuda_gemm_impl(const struct hmr_gemm *g)
{
	(void)g;
	return "cublaslt";
}

size_t
cuda_gemm_workspace(const struct hmr_gemm *g)
{
	return g->workspace;
}

enum hmr_status
cuda_gemm_run(struct hmr_queue *q, const struct hmr_gemm *g, const struct hmr_gemm_io *io,
	      struct hmr_err *e)
{
	float alpha = g->d.alpha != 0 ? g->d.alpha : 1, beta = g->d.add ? 1 : 0;
	int32_t one = 1, none = 0;
	bool whole = g->d.out == HMR_DEVICE_I32;
	cublasStatus_t s = CUBLAS_STATUS_SUCCESS;

	if (g->d.bias)
		s = g->blas->u.f.MatmulDescSetAttribute(g->op,
			CUBLASLT_MATMUL_DESC_BIAS_POINTER, &io->bias, sizeof(io->bias));
	if (s == CUBLAS_STATUS_SUCCESS)
		s = g->blas->u.f.Matmul(g->blas->h, g->op,
			whole ? (const void *)&one : (const void *)&alpha, io->b, g->b, io->a,
			g->a, whole ? (const void *)&none : (const void *)&beta,
			g->d.add ? io->c : io->d, g->cd, io->d, g->cd, &g->algo,
			io->workspace, g->workspace, q->stream);
	return check(g->blas, s, "cublasLtMatmul", e);
}

void
cuda_gemm_free(struct hmr_gemm *g)
{
	const struct functions *f;

	if (!g)
		return;
	f = &g->blas->u.f;
	if (g->a)
		(void)f->MatrixLayoutDestroy(g->a);
	if (g->b)
		(void)f->MatrixLayoutDestroy(g->b);
	if (g->cd)
		(void)f->MatrixLayoutDestroy(g->cd);
	if (g->op)
		(void)f->MatmulDescDestroy(g->op);
	free(g);
}
