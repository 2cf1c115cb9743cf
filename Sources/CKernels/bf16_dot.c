// bfloat16 by vdpbf16ps: pairs of inputs for 16 outputs at a time, sums in float32.
#include <string.h>

#include "bf16_variants.h"

#if defined(__x86_64__)

#include <immintrin.h>

#pragma clang attribute push( \
    __attribute__(( \
        target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma"))), apply_to = function)

#define CK_WIDTH 16
#define CK_REGISTERS 32
#include "vector.h"

// A word is a pair of inputs. Rounding takes denormals for zero, as the product itself does.
#define CK_WORD_INPUTS 2
CK_INLINE vec4 four_words(const float *x) {
  return (vec4)_mm256_cvtneps_pbh(_mm256_loadu_ps(x));
}
CK_INLINE vec multiply_words(vec sum, vec w, vec x) {
  return (vec)_mm512_dpbf16_ps((__m512)sum, (__m512bh)w, (__m512bh)x);
}

#include "panel_tiles.h"

#include "panels.h"

static void round_row(uint16_t *y, const float *x, size_t n) { ck_bf16_avx512.round(y, x, n); }
static void widen_row(float *y, const uint16_t *x, size_t n) { ck_bf16_avx512.widen(y, x, n); }
static void add_row(uint16_t *y, const uint16_t *x, size_t n) { ck_bf16_avx512.add(y, x, n); }
static void unpack_panels(const ck_packed *w, size_t first, size_t count, float *y, size_t ld) {
  ck_bf16_avx512.unpack(w, first, count, y, ld);
}
static void attend(const ck_attention *job, const uint16_t *keys, const uint16_t *values) {
  ck_bf16_avx512.attend(job, keys, values);
}

static double multiply_add(size_t rounds, float *witness) {
  enum { chains = 16 };
  vec total[chains], factor = splat(*witness);
  CK_UNROLL for (int i = 0; i < chains; i++) total[i] = splat((float)i);
  for (size_t round = 0; round < rounds; round++) {
    CK_UNROLL for (int i = 0; i < chains; i++) total[i] = multiply_words(total[i], factor, factor);
  }
  vec all = splat(0);
  CK_UNROLL for (int i = 0; i < chains; i++) all = all + total[i];
  witness[0] = sum(all);
  return 2.0 * chains * 32 * (double)rounds;
}

#pragma clang attribute pop

const ck_bf16_kernels ck_bf16_dot = {
    .name = "avx512-bf16", .few = few_rows_packed, .blocked = 1, .round = round_row,
    .widen = widen_row, .add = add_row, .linear = panel_linear,
    .workspace = panel_workspace, .unpack = unpack_panels,
    .attend = attend,
    .multiply_add = multiply_add,
};

#endif
