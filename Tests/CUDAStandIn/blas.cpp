// cuBLASLt's products as plain loops, column-major with op(A) = A^T, which is all that CGPU asks for.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "emulate.h"
#include "stream.h"

namespace {
struct Operation {
  int transpose = 0, epilogue = 1, bias_type = 0;
  uint64_t bias = 0;
};
struct Layout {
  int type;
  uint64_t rows, columns;
  int64_t stride;
};
struct Preference {
  uint32_t alignment[4] = {256, 256, 256, 256};
};
int handle;

float get(const void *p, int type, int64_t i) {
  return type ? bits_to_float((unsigned)((const unsigned short *)p)[i] << 16) : ((const float *)p)[i];
}
void put(void *p, int type, int64_t i, float x) {
  if (type) ((unsigned short *)p)[i] = (unsigned short)half_pack(x);
  else ((float *)p)[i] = x;
}
}  // namespace

extern "C" {
int cublasLtCreate(void **out) {
  const char *fail = getenv("PADTAX_STANDIN_FAIL");
  *out = &handle;
  return fail && !strcmp(fail, "cublasLtCreate") ? 1 : 0;
}
int cublasLtDestroy(void *) { return 0; }
int cublasLtMatmulDescCreate(void **out, int compute, int) {
  *out = new Operation;
  return compute == 68 ? 0 : 15;
}
int cublasLtMatmulDescDestroy(void *operation) { delete (Operation *)operation; return 0; }
int cublasLtMatmulDescSetAttribute(void *operation, int attribute, const void *value, size_t) {
  Operation &o = *(Operation *)operation;
  switch (attribute) {
    case 3: memcpy(&o.transpose, value, 4); return 0;
    case 7: memcpy(&o.epilogue, value, 4); return 0;
    case 8: memcpy(&o.bias, value, 8); return 0;
    case 26: memcpy(&o.bias_type, value, 4); return 0;
  }
  return 7;
}
int cublasLtMatrixLayoutCreate(void **out, int type, uint64_t rows, uint64_t columns, int64_t stride) {
  *out = new Layout{type, rows, columns, stride};
  return stride < (int64_t)rows ? 7 : 0;
}
int cublasLtMatrixLayoutDestroy(void *layout) { delete (Layout *)layout; return 0; }
int cublasLtMatmulPreferenceCreate(void **out) { *out = new Preference; return 0; }
int cublasLtMatmulPreferenceDestroy(void *preference) { delete (Preference *)preference; return 0; }
int cublasLtMatmulPreferenceSetAttribute(void *preference, int attribute, const void *value, size_t) {
  if (attribute >= 5 && attribute <= 8)
    memcpy(&((Preference *)preference)->alignment[attribute - 5], value, 4);
  return 0;
}
int cublasLtMatmulAlgoGetHeuristic(
    void *, void *, void *, void *, void *, void *, void *preference, int, uint64_t *result, int *found) {
  // The alignment that was promised travels with the choice.
  result[0] = ((Preference *)preference)->alignment[0];
  *found = 1;
  return 0;
}
int cublasLtMatmul(
    void *, void *operation, const void *alpha, const void *a, void *la, const void *b, void *lb,
    const void *, const void *, void *, void *d, void *ld, const void *choice, void *, size_t, void *) {
  const Operation &o = *(Operation *)operation;
  const Layout &A = *(Layout *)la, &B = *(Layout *)lb, &D = *(Layout *)ld;
  uint64_t alignment = *(const uint64_t *)choice;
  if (((uintptr_t)a | (uintptr_t)b | (uintptr_t)d) % alignment) return 7;
  if (o.transpose != 1 || A.rows != B.rows || D.rows != A.columns || D.columns != B.columns) return 7;
  if (*(const float *)alpha != 1 || (o.epilogue == 4 && o.bias_type != D.type)) return 7;
  if (int code = on_stream()) return code;
  // Descriptors and layouts are read now, the matrices in the order of the stream.
  enqueue([=, o = o, A = A, B = B, D = D] {
    for (uint64_t column = 0; column < D.columns; column++)
      for (uint64_t row = 0; row < D.rows; row++) {
        double sum = o.epilogue == 4 ? get((void *)(uintptr_t)o.bias, o.bias_type, row) : 0;
        for (uint64_t k = 0; k < A.rows; k++)
          sum += (double)get(a, A.type, row * A.stride + k) * get(b, B.type, column * B.stride + k);
        put(d, D.type, column * D.stride + row, (float)sum);
      }
  });
  return 0;
}
}
