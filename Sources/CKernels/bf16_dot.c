// bfloat16 by vdpbf16ps: pairs of inputs for 16 outputs at a time, sums in float32.
#include <string.h>

#include "bf16_variants.h"

#if defined(__x86_64__)

#include <immintrin.h>

#pragma clang attribute push( \
    __attribute__(( \
        target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma"))), apply_to = function)

#define CK_INLINE static inline __attribute__((always_inline))
#define CK_UNROLL _Pragma("clang loop unroll(full)")

CK_INLINE __m512 dot(__m512 sum, __m512i a, __m512i b) {
  return _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)b);
}

// One tile: M rows of x against P panels `step` words apart; the panels lie `apart` panels apart.
// A stream prefetches the weight `ahead` words ahead to the second-level cache. x is as pack_rows
// leaves it, at one address: eight rows at their own would take the registers of addresses, after which
// compilers move the sums about (0.78 of the speed with 8 rows, built as SwiftPM does).
CK_INLINE void dot_tile(
    const int M, const int P, const int is_stream, size_t pairs, const uint16_t *x,
    const uint32_t *w, size_t step, size_t ahead, size_t apart, size_t columns, int accumulate,
    const float *bias, float *y, size_t ldy) {
  __m512 total[8][16];
  CK_UNROLL for (int p = 0; p < P; p++) {
    CK_UNROLL for (int m = 0; m < M; m++) total[p][m] = _mm512_setzero_ps();
  }
  if (!is_stream) {
    // The sums are needed last and lie far apart: they are asked for first.
    CK_UNROLL for (int m = 0; m < M; m++) {
      CK_UNROLL for (int p = 0; p < P; p++)
        __builtin_prefetch(y + (size_t)m * ldy + (size_t)p * apart * 16, 1, 3);
    }
  }
  for (size_t i = 0; i < pairs; i++) {
    __m512i line[8];
    CK_UNROLL for (int p = 0; p < P; p++) {
      const uint32_t *from = w + (size_t)p * step + i * 16;
      if (is_stream) __builtin_prefetch(from + ahead, 0, 2);
      line[p] = _mm512_loadu_si512(from);
    }
    CK_UNROLL for (int m = 0; m < M; m++) {
      int pair;
      memcpy(&pair, x + 2 * (i * M + m), sizeof pair);
      __m512i input = _mm512_set1_epi32(pair);
      CK_UNROLL for (int p = 0; p < P; p++) total[p][m] = dot(total[p][m], line[p], input);
    }
  }
  CK_UNROLL for (int p = 0; p < P; p++) {
    size_t column = (size_t)p * apart * 16;
    size_t left = column < columns ? columns - column : 0;
    __mmask16 mask = left >= 16 ? 0xffff : (__mmask16)((1u << left) - 1);
    CK_UNROLL for (int m = 0; m < M; m++) {
      float *target = y + (size_t)m * ldy + column;
      __m512 base = accumulate ? _mm512_maskz_loadu_ps(mask, target)
                    : bias     ? _mm512_maskz_loadu_ps(mask, bias + column)
                               : _mm512_setzero_ps();
      _mm512_mask_storeu_ps(target, mask, _mm512_add_ps(total[p][m], base));
    }
  }
}

#define CK_DOT_ARGUMENTS \
  size_t pairs, const uint16_t *x, const uint32_t *w, size_t step, size_t ahead, \
      size_t apart, size_t columns, int accumulate, const float *bias, float *y, size_t ldy
typedef void (*dot_function)(CK_DOT_ARGUMENTS);
#define CK_DOT(NAME, M, P, STREAM) \
  static void NAME##_##M##_##P(CK_DOT_ARGUMENTS) { \
    dot_tile( \
        M, P, STREAM, pairs, x, w, step, ahead, apart, columns, accumulate, bias, y, ldy); \
  }

// Few rows: as many panels as registers allow, each a stream of its own.
enum { dot_few = 16 };
static const size_t stream_panels[] = {0, 8, 8, 6, 6, 5, 4, 3, 3, 3, 2, 2, 2, 2, 2, 1, 1};
CK_DOT(stream, 1, 8, 1) CK_DOT(stream, 2, 8, 1) CK_DOT(stream, 3, 6, 1) CK_DOT(stream, 4, 6, 1)
CK_DOT(stream, 5, 5, 1) CK_DOT(stream, 6, 4, 1) CK_DOT(stream, 7, 3, 1) CK_DOT(stream, 8, 3, 1)
CK_DOT(stream, 9, 3, 1) CK_DOT(stream, 10, 2, 1) CK_DOT(stream, 11, 2, 1)
CK_DOT(stream, 12, 2, 1) CK_DOT(stream, 13, 2, 1) CK_DOT(stream, 14, 2, 1)
#define CK_DOT_ONE(M) CK_DOT(stream, M, 1, 1)
CK_DOT_ONE(1) CK_DOT_ONE(2) CK_DOT_ONE(3) CK_DOT_ONE(4) CK_DOT_ONE(5) CK_DOT_ONE(6) CK_DOT_ONE(7)
CK_DOT_ONE(8) CK_DOT_ONE(9) CK_DOT_ONE(10) CK_DOT_ONE(11) CK_DOT_ONE(12) CK_DOT_ONE(13)
CK_DOT_ONE(14) CK_DOT_ONE(15) CK_DOT_ONE(16)
static const dot_function stream_full[] = {
    0,           stream_1_8,  stream_2_8,  stream_3_6,  stream_4_6,  stream_5_5,
    stream_6_4,  stream_7_3,  stream_8_3,  stream_9_3,  stream_10_2, stream_11_2,
    stream_12_2, stream_13_2, stream_14_2, stream_15_1, stream_16_1};
static const dot_function stream_one[] = {
    0,           stream_1_1,  stream_2_1,  stream_3_1,  stream_4_1,  stream_5_1,
    stream_6_1,  stream_7_1,  stream_8_1,  stream_9_1,  stream_10_1, stream_11_1,
    stream_12_1, stream_13_1, stream_14_1, stream_15_1, stream_16_1};

// Many rows: two panels, which stay in the first-level cache over the rows.
enum { block_rows = 14 };
#define CK_DOT_BLOCK(M) CK_DOT(block, M, 2, 0) CK_DOT(block, M, 1, 0)
CK_DOT_BLOCK(1) CK_DOT_BLOCK(2) CK_DOT_BLOCK(3) CK_DOT_BLOCK(4) CK_DOT_BLOCK(5) CK_DOT_BLOCK(6)
CK_DOT_BLOCK(7) CK_DOT_BLOCK(8) CK_DOT_BLOCK(9) CK_DOT_BLOCK(10) CK_DOT_BLOCK(11)
CK_DOT_BLOCK(12) CK_DOT_BLOCK(13) CK_DOT_BLOCK(14)
#define CK_BLOCK_NAMES(P) \
  {0, block_1_##P, block_2_##P, block_3_##P, block_4_##P, block_5_##P, block_6_##P, \
   block_7_##P, block_8_##P, block_9_##P, block_10_##P, block_11_##P, block_12_##P, \
   block_13_##P, block_14_##P}
static const dot_function block_tiles[2][block_rows + 1] = {CK_BLOCK_NAMES(1), CK_BLOCK_NAMES(2)};

enum {
  // Inputs at a time where few rows would push the streams out of the first-level cache.
  stream_elements = 12288,
  shortest_stream = 512,
  // Inputs at a time where there are many rows: two panels of them take 32 KiB; and rows at a time,
  // which then take 504 KiB of the second-level cache. Zen 4, 512 and 2048 rows, GFLOP/s of 236
  // possible: 174 to 193 with 256 inputs, 184 to 208 with 384, 197 to 209 with 512.
  block_depth = 512,
  block_height = 504,
};

// x[m, inputs] to bfloat16 [m, depth], zero behind the inputs.
static void round_operand(
    uint16_t *y, size_t m, size_t inputs, size_t depth, const float *x, size_t ldx) {
  for (size_t row = 0; row < m; row++) {
    ck_bf16_avx512.round(y + row * depth, x + row * ldx, inputs);
    memset(y + row * depth + inputs, 0, (depth - inputs) * sizeof *y);
  }
}

static void stream_linear(
    size_t m, const ck_packed *w, const uint16_t *x, const float *bias, float *y, size_t ldy) {
  size_t depth = ck_packed_depth(w->inputs), panels = (w->outputs + 15) / 16;
  size_t chunk = stream_elements / m / 32 * 32;
  if (chunk < shortest_stream) chunk = shortest_stream;
  size_t wide = stream_panels[m], apart = panels / wide, stride = depth / 2 * 16;
  // A stream of whole panels goes on without gaps; one of chunks goes on in the next panel.
  size_t ahead = chunk >= depth ? 2048 : stride;
  for (size_t first = 0; first < depth; first += chunk) {
    size_t pairs = (depth - first < chunk ? depth - first : chunk) / 2;
    const uint32_t *base = (const uint32_t *)w->panels + first / 2 * 16;
    for (size_t j = 0; j < apart; j++)
      stream_full[m](
          pairs, x + first * m, base + j * stride, apart * stride, ahead, apart,
          w->outputs - j * 16, first > 0, bias ? bias + j * 16 : 0, y + j * 16, ldy);
    for (size_t j = apart * wide; j < panels; j++)
      stream_one[m](
          pairs, x + first * m, base + j * stride, 0, ahead, 0, w->outputs - j * 16, first > 0,
          bias ? bias + j * 16 : 0, y + j * 16, ldy);
  }
}

// Tiles that m rows are cut into, as equal as can be.
static size_t block_tiles_of(size_t m) { return (m + block_rows - 1) / block_rows; }

// x[count, inputs] to pairs [depth / 2, count]: what a tile reads, one pair of all rows after the
// other. `rows` has room for them as bfloat16 [count, depth].
static void pack_rows(
    uint16_t *y, size_t count, size_t inputs, size_t depth, const float *x, size_t ldx,
    uint16_t *rows) {
  round_operand(rows, count, inputs, depth, x, ldx);
  const size_t pairs = depth / 2;
  size_t row = 0;
  for (; row + 4 <= count; row += 4) {
    const uint16_t *from = rows + row * depth;
    for (size_t i = 0; i < pairs; i += 4) {
      __m128i four[4];
      for (size_t r = 0; r < 4; r++)
        four[r] = _mm_loadu_si128((const __m128i *)(from + r * depth + 2 * i));
      __m128i a = _mm_unpacklo_epi32(four[0], four[1]), b = _mm_unpackhi_epi32(four[0], four[1]);
      __m128i c = _mm_unpacklo_epi32(four[2], four[3]), d = _mm_unpackhi_epi32(four[2], four[3]);
      uint16_t *to = y + 2 * (i * count + row);
      _mm_storeu_si128((__m128i *)to, _mm_unpacklo_epi64(a, c));
      _mm_storeu_si128((__m128i *)(to + 2 * count), _mm_unpackhi_epi64(a, c));
      _mm_storeu_si128((__m128i *)(to + 4 * count), _mm_unpacklo_epi64(b, d));
      _mm_storeu_si128((__m128i *)(to + 6 * count), _mm_unpackhi_epi64(b, d));
    }
  }
  for (; row < count; row++) {
    for (size_t i = 0; i < pairs; i++)
      memcpy(y + 2 * (i * count + row), rows + row * depth + 2 * i, 4);
  }
}

static void block_linear(
    size_t m, const ck_packed *w, const float *x, size_t ldx, const float *bias, float *y,
    size_t ldy, uint16_t *operand) {
  size_t depth = ck_packed_depth(w->inputs), panels = (w->outputs + 15) / 16;
  size_t stride = depth / 2 * 16, all = block_tiles_of(m);
  for (size_t t = 0; t < all; t++) {
    size_t row = m * t / all, count = m * (t + 1) / all - row;
    pack_rows(
        operand + row * depth, count, w->inputs, depth, x + row * ldx, ldx, operand + m * depth);
  }
  enum { tiles_at_a_time = block_height / block_rows };
  for (size_t first = 0; first < depth; first += block_depth) {
    size_t pairs = (depth - first < block_depth ? depth - first : block_depth) / 2;
    const uint32_t *base = (const uint32_t *)w->panels + first / 2 * 16;
    for (size_t top = 0; top < all; top += tiles_at_a_time) {
      size_t end = all - top < tiles_at_a_time ? all : top + tiles_at_a_time;
      for (size_t j = 0; j < panels; j += 2) {
        int two = j + 1 < panels;
        for (size_t t = top; t < end; t++) {
          size_t row = m * t / all, count = m * (t + 1) / all - row;
          block_tiles[two][count](
              pairs, operand + row * depth + first * count, base + j * stride, stride, 0, 1,
              w->outputs - j * 16, first > 0, bias ? bias + j * 16 : 0, y + row * ldy + j * 16,
              ldy);
        }
      }
    }
  }
}

static void dot_linear(
    size_t m, const ck_packed *w, const float *x, size_t ldx, const float *bias, float *y,
    size_t ldy, void *workspace) {
  if (m == 0 || w->outputs == 0) return;
  uint16_t *operand = workspace;
  if (m > dot_few) {
    block_linear(m, w, x, ldx, bias, y, ldy, operand);
    return;
  }
  size_t depth = ck_packed_depth(w->inputs);
  pack_rows(operand, m, w->inputs, depth, x, ldx, operand + m * depth);
  stream_linear(m, w, operand, bias, y, ldy);
}

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
  __m512 total[chains];
  CK_UNROLL for (int i = 0; i < chains; i++) total[i] = _mm512_set1_ps((float)i);
  int bits;
  memcpy(&bits, witness, sizeof bits);
  __m512i factor = _mm512_set1_epi32(bits);
  for (size_t round = 0; round < rounds; round++) {
    CK_UNROLL for (int i = 0; i < chains; i++) total[i] = dot(total[i], factor, factor);
  }
  __m512 all = _mm512_setzero_ps();
  CK_UNROLL for (int i = 0; i < chains; i++) all = _mm512_add_ps(all, total[i]);
  witness[0] = _mm512_reduce_add_ps(all);
  return 2.0 * chains * 32 * (double)rounds;
}

#pragma clang attribute pop

const ck_bf16_kernels ck_bf16_dot = {
    .name = "avx512-bf16", .few = dot_few, .blocked = 1, .round = round_row,
    .widen = widen_row, .add = add_row, .linear = dot_linear, .unpack = unpack_panels,
    .attend = attend,
    .multiply_add = multiply_add,
};

#endif
