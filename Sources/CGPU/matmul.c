#include <stdlib.h>

#include "CGPU.h"
#include "libraries.h"

// Numbers of cublasComputeType_t, cublasOperation_t, cublasLtMatmulDescAttributes_t,
// cublasLtEpilogue_t and cublasLtMatmulPreferenceAttributes_t.
enum {
  COMPUTE_32F = 68,
  TRANSPOSE = 1,
  DESC_TRANSA = 3,
  DESC_EPILOGUE = 7,
  DESC_BIAS_POINTER = 8,
  DESC_BIAS_TYPE = 26,
  EPILOGUE_BIAS = 4,
  PREFERENCE_WORKSPACE = 1,
  PREFERENCE_ALIGNMENT = 5  // of a; b, c and d follow
};

struct gp_matmul {
  void *operation, *a, *b, *d;
  int has_bias;
  lt_heuristic choice;
};

void gp_free_matmul(gp_matmul *m) {
  if (!m) return;
  if (m->operation) gp.cublasLtMatmulDescDestroy(m->operation);
  if (m->a) gp.cublasLtMatrixLayoutDestroy(m->a);
  if (m->b) gp.cublasLtMatrixLayoutDestroy(m->b);
  if (m->d) gp.cublasLtMatrixLayoutDestroy(m->d);
  free(m);
}

static int set(void *operation, int attribute, const void *value, size_t bytes) {
  return gp.cublasLtMatmulDescSetAttribute(operation, attribute, value, bytes);
}

// cuBLAS is column-major: what is computed is y^T[n, m] = (w^T)^T x^T, with w^T [k, n] and x^T [k, m]
// as the row-major matrices lie.
static int build(
    gp_context *c, gp_matmul *m, gp_type in, gp_type out, int64_t rows, int64_t n, int64_t k,
    int64_t ldx, int64_t ldw, int64_t ldy, uint32_t alignment) {
  int transpose = TRANSPOSE, epilogue = EPILOGUE_BIAS, bias_type = out, code, found = 0;
  void *preference = NULL;
  uint64_t limit = c->workspace_bytes;
  if ((code = gp.cublasLtMatmulDescCreate(&m->operation, COMPUTE_32F, GP_FLOAT32))) return code;
  if ((code = set(m->operation, DESC_TRANSA, &transpose, sizeof transpose))) return code;
  if (m->has_bias) {
    if ((code = set(m->operation, DESC_EPILOGUE, &epilogue, sizeof epilogue))) return code;
    if ((code = set(m->operation, DESC_BIAS_TYPE, &bias_type, sizeof bias_type))) return code;
  }
  if ((code = gp.cublasLtMatrixLayoutCreate(&m->a, in, k, n, ldw))) return code;
  if ((code = gp.cublasLtMatrixLayoutCreate(&m->b, in, k, rows, ldx))) return code;
  if ((code = gp.cublasLtMatrixLayoutCreate(&m->d, out, n, rows, ldy))) return code;
  if ((code = gp.cublasLtMatmulPreferenceCreate(&preference))) return code;
  code = gp.cublasLtMatmulPreferenceSetAttribute(
      preference, PREFERENCE_WORKSPACE, &limit, sizeof limit);
  for (int i = 0; i < 4 && !code; i++)
    code = gp.cublasLtMatmulPreferenceSetAttribute(
        preference, PREFERENCE_ALIGNMENT + i, &alignment, sizeof alignment);
  if (!code)
    code = gp.cublasLtMatmulAlgoGetHeuristic(
        c->blas, m->operation, m->a, m->b, m->d, m->d, preference, 1, &m->choice, &found);
  gp.cublasLtMatmulPreferenceDestroy(preference);
  return code ? code : found ? 0 : -1;
}

int gp_make_matmul(
    gp_context *c, gp_type in, gp_type out, int64_t m, int64_t n, int64_t k, int64_t ldx,
    int64_t ldw, int64_t ldy, int alignment, int has_bias, gp_matmul **matmul) {
  gp_matmul *made = calloc(1, sizeof *made);
  *matmul = NULL;
  if (!made) return gp_fail(1, "no memory for a product");
  made->has_bias = has_bias;
  int code = build(c, made, in, out, m, n, k, ldx, ldw, ldy, (uint32_t)alignment);
  if (code) {
    gp_free_matmul(made);
    return gp_fail(
        code, "cuBLASLt has no product [%lld, %lld] x [%lld, %lld]^T, strides %lld, %lld, %lld "
        "(code %d)", (long long)m, (long long)k, (long long)n, (long long)k, (long long)ldx,
        (long long)ldw, (long long)ldy, code);
  }
  *matmul = made;
  return 0;
}

int gp_multiply(gp_context *c, gp_matmul *m, uint64_t x, uint64_t w, uint64_t bias, uint64_t y) {
  float one = 1, zero = 0;
  int code = 0;
  if (m->has_bias) code = set(m->operation, DESC_BIAS_POINTER, &bias, sizeof bias);
  if (!code)
    code = gp.cublasLtMatmul(
        c->blas, m->operation, &one, (void *)(uintptr_t)w, m->a, (void *)(uintptr_t)x, m->b, &zero,
        (void *)(uintptr_t)y, m->d, (void *)(uintptr_t)y, m->d, m->choice.algorithm,
        (void *)(uintptr_t)c->workspace, c->workspace_bytes, c->stream);
  return code ? gp_fail(code, "cublasLtMatmul answered %d", code) : 0;
}
