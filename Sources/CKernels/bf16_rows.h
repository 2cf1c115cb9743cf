// bfloat16 rows and packed weights with vectors of CK_WIDTH lanes: rounding, widening, and products
// with few rows by widening in registers. Included after vector.h.

typedef uint32_t uvec __attribute__((ext_vector_type(CK_WIDTH)));
typedef uint32_t unaligned_uvec __attribute__((ext_vector_type(CK_WIDTH), aligned(4), may_alias));
typedef uint16_t hvec __attribute__((ext_vector_type(CK_WIDTH)));
typedef uint16_t unaligned_hvec __attribute__((ext_vector_type(CK_WIDTH), aligned(2), may_alias));

// Vectors per panel.
#define CK_PARTS (16 / CK_WIDTH)

CK_INLINE uvec rounded_bits(vec x) {
  uvec bits = (uvec)x;
  uvec nearest = bits + 0x7fff + ((bits >> 16) & 1);
  // A NaN must not become infinity.
  return (bits & 0x7fffffff) > 0x7f800000 ? bits | 0x400000 : nearest;
}

CK_INLINE vec rounded(vec x) { return (vec)(rounded_bits(x) & 0xffff0000u); }

CK_INLINE void store_rounded(uint16_t *p, vec x) {
  *(unaligned_hvec *)p = __builtin_convertvector(rounded_bits(x) >> 16, hvec);
}

CK_INLINE vec load_widened(const uint16_t *p) {
  return (vec)(__builtin_convertvector(*(const unaligned_hvec *)p, uvec) << 16);
}

static void round_row(uint16_t *y, const float *x, size_t n) {
  size_t i = 0;
  for (; i + CK_WIDTH <= n; i += CK_WIDTH) store_rounded(y + i, load(x + i));
  for (; i < n; i++) y[i] = (uint16_t)(rounded_bits(splat(x[i]))[0] >> 16);
}

static void widen_row(float *y, const uint16_t *x, size_t n) {
  size_t i = 0;
  for (; i + CK_WIDTH <= n; i += CK_WIDTH) store(y + i, load_widened(x + i));
  for (; i < n; i++) {
    uint32_t bits = (uint32_t)x[i] << 16;
    memcpy(y + i, &bits, sizeof bits);
  }
}

// A NaN of either side is kept; sums of finite values overflow to infinity as roundings do.
static void add_row(uint16_t *y, const uint16_t *x, size_t n) {
  size_t i = 0;
  for (; i + CK_WIDTH <= n; i += CK_WIDTH) {
    store_rounded(y + i, load_widened(y + i) + load_widened(x + i));
  }
  for (; i < n; i++) {
    uint32_t bits[2] = {(uint32_t)y[i] << 16, (uint32_t)x[i] << 16};
    float values[2];
    memcpy(values, bits, sizeof bits);
    y[i] = (uint16_t)(rounded_bits(splat(values[0] + values[1]))[0] >> 16);
  }
}

static void unpack_panels(
    const ck_packed *w, size_t first, size_t count, float *y, size_t ld) {
  size_t pairs = ck_packed_depth(w->inputs) / 2;
  for (size_t p = 0; p < count; p++) {
    const uint32_t *panel = (const uint32_t *)w->panels + (first + p) * pairs * 16;
    for (size_t k = 0; k < w->inputs; k += 2) {
      for (size_t part = 0; part < CK_PARTS; part++) {
        uvec both = *(const unaligned_uvec *)(panel + k * 8 + part * CK_WIDTH);
        float *target = y + k * ld + p * 16 + part * CK_WIDTH;
        store(target, (vec)(both << 16));
        if (k + 1 < w->inputs) store(target + ld, (vec)(both & 0xffff0000u));
      }
    }
  }
}

// One tile: M rows of x, floats that are bfloat16 values, against P panels `step` words apart.
// Column j of y is output j of the first panel; the panels lie step / pairs panels apart.
CK_INLINE void widening_tile(
    const int M, const int P, size_t pairs, const float *x, size_t ldx, const uint32_t *w,
    size_t step, size_t ahead, size_t apart, size_t columns, int accumulate, const float *bias,
    float *y, size_t ldy) {
  vec total[8][CK_PARTS][8];
  CK_UNROLL for (int p = 0; p < P; p++) {
    CK_UNROLL for (int s = 0; s < CK_PARTS; s++) {
      CK_UNROLL for (int m = 0; m < M; m++) total[p][s][m] = splat(0);
    }
  }
  for (size_t i = 0; i < pairs; i++) {
    CK_UNROLL for (int p = 0; p < P; p++) {
      const uint32_t *line = w + (size_t)p * step + i * 16;
      CK_PREFETCH(line + ahead);
      CK_UNROLL for (int s = 0; s < CK_PARTS; s++) {
        uvec both = *(const unaligned_uvec *)(line + s * CK_WIDTH);
        vec even = (vec)(both << 16), odd = (vec)(both & 0xffff0000u);
        CK_UNROLL for (int m = 0; m < M; m++) {
          const float *input = x + (size_t)m * ldx + 2 * i;
          total[p][s][m] = even * splat(input[0]) + total[p][s][m];
          total[p][s][m] = odd * splat(input[1]) + total[p][s][m];
        }
      }
    }
  }
  CK_UNROLL for (int p = 0; p < P; p++) {
    CK_UNROLL for (int s = 0; s < CK_PARTS; s++) {
      size_t column = (size_t)p * apart * 16 + (size_t)s * CK_WIDTH;
      size_t left = column < columns ? columns - column : 0;
      CK_UNROLL for (int m = 0; m < M; m++) {
        float *target = y + (size_t)m * ldy + column;
        vec base = splat(0);
        if (left >= CK_WIDTH) {
          if (accumulate) base = load(target);
          else if (bias) base = load(bias + column);
          store(target, total[p][s][m] + base);
        } else if (left > 0) {
          if (accumulate) base = load_part(target, left);
          else if (bias) base = load_part(bias + column, left);
          store_part(target, total[p][s][m] + base, left);
        }
      }
    }
  }
}

#define CK_WIDENING_ARGUMENTS \
  size_t pairs, const float *x, size_t ldx, const uint32_t *w, size_t step, size_t ahead, \
      size_t apart, size_t columns, int accumulate, const float *bias, float *y, size_t ldy
typedef void (*widening_function)(CK_WIDENING_ARGUMENTS);
#define CK_WIDENING(M, P) \
  static void widening_##M##_##P(CK_WIDENING_ARGUMENTS) { \
    widening_tile( \
        M, P, pairs, x, ldx, w, step, ahead, apart, columns, accumulate, bias, y, ldy); \
  }

// By rows of x: panels of a tile, the tile, a tile of one panel, and, for several blocks of rows
// that share a panel while it is in the cache, one of CK_SHARED panels.
#if CK_REGISTERS >= 32 && CK_WIDTH == 16
#define CK_FEW 8
#define CK_SHARED 3
static const size_t widening_panels[] = {0, 8, 8, 6, 6, 4, 4, 3, 3};
CK_WIDENING(1, 8) CK_WIDENING(2, 8) CK_WIDENING(3, 6) CK_WIDENING(4, 6) CK_WIDENING(5, 4)
CK_WIDENING(6, 4) CK_WIDENING(7, 3) CK_WIDENING(8, 3) CK_WIDENING(4, 3) CK_WIDENING(5, 3)
CK_WIDENING(6, 3) CK_WIDENING(1, 1) CK_WIDENING(2, 1) CK_WIDENING(3, 1) CK_WIDENING(4, 1)
CK_WIDENING(5, 1) CK_WIDENING(6, 1) CK_WIDENING(7, 1) CK_WIDENING(8, 1)
static const widening_function widening_full[] = {
    0, widening_1_8, widening_2_8, widening_3_6, widening_4_6, widening_5_4, widening_6_4,
    widening_7_3, widening_8_3};
static const widening_function widening_shared[] = {
    0, 0, 0, 0, widening_4_3, widening_5_3, widening_6_3, widening_7_3, widening_8_3};
static const widening_function widening_one[] = {
    0, widening_1_1, widening_2_1, widening_3_1, widening_4_1, widening_5_1, widening_6_1,
    widening_7_1, widening_8_1};
#else
#define CK_FEW 4
#define CK_SHARED 1
static const size_t widening_panels[] = {0, 4, 2, 1, 1};
CK_WIDENING(1, 4) CK_WIDENING(2, 2) CK_WIDENING(1, 1) CK_WIDENING(2, 1) CK_WIDENING(3, 1)
CK_WIDENING(4, 1)
static const widening_function widening_full[] = {
    0, widening_1_4, widening_2_2, widening_3_1, widening_4_1};
static const widening_function widening_one[] = {
    0, widening_1_1, widening_2_1, widening_3_1, widening_4_1};
#define widening_shared widening_one
#endif

// x is kept in the first-level cache: 24 KiB of it at a time, but chunks no shorter than this.
enum { widening_chunk_floats = 6144, widening_shortest = 512 };

static void widening_linear(
    size_t m, const ck_packed *w, const float *x, size_t ldx, const float *bias, float *y,
    size_t ldy, void *workspace) {
  if (m == 0 || w->outputs == 0) return;
  size_t depth = ck_packed_depth(w->inputs), panels = (w->outputs + 15) / 16;
  float *operand = workspace;
  for (size_t row = 0; row < m; row++) {
    float *to = operand + row * depth;
    const float *from = x + row * ldx;
    size_t i = 0;
    for (; i + CK_WIDTH <= w->inputs; i += CK_WIDTH) store(to + i, rounded(load(from + i)));
    for (; i < w->inputs; i++) to[i] = rounded(splat(from[i]))[0];
    for (; i < depth; i++) to[i] = 0;
  }
  size_t blocks = (m + CK_FEW - 1) / CK_FEW, most = (m + blocks - 1) / blocks;
  size_t wide = blocks == 1 ? widening_panels[m] : CK_SHARED;
  size_t chunk = widening_chunk_floats / most / 32 * 32;
  if (chunk < widening_shortest) chunk = widening_shortest;
  size_t apart = panels / wide, stride = depth / 2 * 16;
  // A stream of whole panels goes on without gaps; one of chunks goes on in the next panel.
  size_t ahead = chunk >= depth ? 2048 : stride;
  for (size_t first = 0; first < depth; first += chunk) {
    size_t pairs = (depth - first < chunk ? depth - first : chunk) / 2;
    const uint32_t *base = (const uint32_t *)w->panels + first / 2 * 16;
    for (size_t j = 0; j < apart * wide + panels % wide; j++) {
      if (j >= apart && j < apart * wide) continue;
      int is_full = j < apart;
      for (size_t b = 0; b < blocks; b++) {
        size_t row = m * b / blocks, count = m * (b + 1) / blocks - row;
        widening_function tile =
            !is_full ? widening_one[count]
                     : blocks == 1 ? widening_full[count] : widening_shared[count];
        tile(
            pairs, operand + row * depth + first, depth, base + j * stride, apart * stride, ahead,
            apart, w->outputs - j * 16, first > 0, bias ? bias + j * 16 : 0,
            y + row * ldy + j * 16, ldy);
      }
    }
  }
}
