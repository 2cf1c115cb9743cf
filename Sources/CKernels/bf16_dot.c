// bfloat16 by vdpbf16ps: pairs of inputs for 16 outputs at a time, sums in float32.
#include <math.h>
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
static void attend_widened(
    const ck_attention *job, const uint16_t *keys, const uint16_t *values) {
  ck_bf16_avx512.attend(job, keys, values);
}

// Words of x[n] times scale, zero up to a multiple of 16 elements; y may be x.
CK_INLINE void round_words(word *y, const float *x, size_t n, float scale) {
  for (size_t i = 0; i < n; i += 16) {
    vec part = i + 16 <= n ? load(x + i) : load_part(x + i, n - i);
    _mm256_storeu_ps((float *)y + i / 2, (__m256)_mm512_cvtneps_pbh((__m512)(part * scale)));
  }
}

CK_INLINE vec interleave_low(vec a, vec b) {
  return (vec)_mm512_unpacklo_epi16((__m512i)a, (__m512i)b);
}
CK_INLINE vec interleave_high(vec a, vec b) {
  return (vec)_mm512_unpackhi_epi16((__m512i)a, (__m512i)b);
}

#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wunused-function"

#include "activation.h"

#include "tiles.h"

#include "attention.h"

#define CK_KEYS CK_WORDS
#include "attention_few.h"

#include "bf16_dot_attention.h"

#pragma clang diagnostic pop

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

#define CK_DOT_TABLE(attention, rounds) \
  { \
    .name = "avx512-bf16", .few = few_rows_packed, .blocked = 1, .round = round_row, \
    .widen = widen_row, .add = add_row, .linear = panel_linear, .workspace = panel_workspace, \
    .unpack = unpack_panels, .attend = attention, .rounds_queries = rounds, \
    .multiply_add = multiply_add, \
  }
const ck_bf16_kernels ck_bf16_dot = CK_DOT_TABLE(attend_dot, 1);
const ck_bf16_kernels ck_bf16_slow_dot = CK_DOT_TABLE(attend_widened, 0);

#endif
