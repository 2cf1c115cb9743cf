// Products with few rows: y[m, n] = x[m, k] w[n, k]^T, m up to about 24.
//
// The weight is read once, as R long streams n / R rows apart. Each vector of it meets all rows of
// x; sums run along k in vectors and are folded at the end. Two things decide the speed:
// - weights are prefetched to the second-level cache, so that waiting for memory does not occupy
//   the buffers that first-level misses need (Zen 4, 8 rows of x, k 896, fraction of read
//   bandwidth: 0.44 with prefetch to the first level, 0.6 to 0.7 to the second, 0.37 without);
// - k is cut into chunks where x would push the streams out of the first-level cache (the same
//   with k 4864: 0.44 in one piece, 0.6 in chunks; chunks a third as long 0.46).

enum {
  // Elements of a stream from a weight to the one that is prefetched, at least.
  prefetch_distance = 1024,
  // Elements of x that need no chunks, 32 KiB; of x per chunk otherwise; the shortest chunk.
  whole_elements = 8192,
  chunk_elements = 6144,
  shortest_chunk = 384,
};

// Rows of w per tile for m rows of x: as many accumulators as registers allow.
#if CK_REGISTERS >= 32
#define CK_SKINNY_ROWS 8
static const int panel_rows[CK_SKINNY_ROWS + 1] = {0, 8, 8, 8, 6, 4, 4, 3, 3};
#else
#define CK_SKINNY_ROWS 4
static const int panel_rows[CK_SKINNY_ROWS + 1] = {0, 8, 4, 3, 3};
#endif

// Sums of one tile: M rows of x against R rows of w, while what lies at `later` is prefetched; M
// and R are constants after inlining.
CK_INLINE void skinny_sums(
    const int M, const int R, size_t k, const float *x, size_t ldx, const float *const *w,
    const float *const *later, vec (*total)[8]) {
  CK_UNROLL for (int r = 0; r < R; r++) {
    CK_UNROLL for (int m = 0; m < M; m++) total[r][m] = splat(0);
  }
  size_t i = 0;
  for (; i + CK_WIDTH <= k; i += CK_WIDTH) {
    vec row[8];
    CK_UNROLL for (int r = 0; r < R; r++) {
      CK_PREFETCH(later[r] + i);
      row[r] = load(w[r] + i);
    }
    CK_UNROLL for (int m = 0; m < M; m++) {
      vec input = load(x + (size_t)m * ldx + i);
      CK_UNROLL for (int r = 0; r < R; r++) total[r][m] = row[r] * input + total[r][m];
    }
  }
  if (i < k) {
    CK_UNROLL for (int m = 0; m < M; m++) {
      vec input = load_part(x + (size_t)m * ldx + i, k - i);
      CK_UNROLL for (int r = 0; r < R; r++)
        total[r][m] = load_part(w[r] + i, k - i) * input + total[r][m];
    }
  }
}

// Folds the sums of a tile into y, whose columns are `step` apart; they are added to `bias`, or to
// y when `accumulate`.
CK_INLINE void skinny_fold(
    const int M, const int R, vec (*total)[8], size_t step, int accumulate, const float *bias,
    float *y, size_t ldy) {
  CK_UNROLL for (int m = 0; m < M; m++) {
    CK_UNROLL for (int r = 0; r < R; r += 4) {
      const vec zero = splat(0);
      vec4 sums = sum4(
          total[r][m], r + 1 < R ? total[r + 1][m] : zero, r + 2 < R ? total[r + 2][m] : zero,
          r + 3 < R ? total[r + 3][m] : zero);
      CK_UNROLL for (int j = 0; j < 4; j++) {
        if (r + j < R) {
          size_t column = (size_t)(r + j) * step;
          float *target = y + (size_t)m * ldy + column;
          *target = sums[j] + (accumulate ? *target : bias ? bias[column] : 0);
        }
      }
    }
  }
}

// One tile of rows of w that are `step` rows apart.
CK_INLINE void skinny_tile(
    const int M, const int R, size_t k, const float *x, size_t ldx, const float *w, size_t ldw,
    size_t step, size_t ahead, int accumulate, const float *bias, float *y, size_t ldy) {
  const float *rows[8], *later[8];
  CK_UNROLL for (int r = 0; r < R; r++) {
    rows[r] = w + (size_t)r * step * ldw;
    later[r] = rows[r] + ahead;
  }
  vec total[8][8];
  skinny_sums(M, R, k, x, ldx, rows, later, total);
  skinny_fold(M, R, total, step, accumulate, bias, y, ldy);
}

#define CK_ARGUMENTS \
  size_t k, const float *x, size_t ldx, const float *w, size_t ldw, size_t step, size_t ahead, \
      int accumulate, const float *bias, float *y, size_t ldy
// A full tile and a one-row tile for a given number of rows of x.
#define CK_TILE(M, R) \
  static void skinny_##M(CK_ARGUMENTS) { \
    skinny_tile(M, R, k, x, ldx, w, ldw, step, ahead, accumulate, bias, y, ldy); \
  } \
  static void skinny_##M##_one(CK_ARGUMENTS) { \
    skinny_tile(M, 1, k, x, ldx, w, ldw, step, ahead, accumulate, bias, y, ldy); \
  }

typedef void (*skinny_function)(CK_ARGUMENTS);

CK_TILE(1, 8)
#if CK_REGISTERS >= 32
CK_TILE(2, 8)
CK_TILE(3, 8)
CK_TILE(4, 6)
CK_TILE(5, 4)
CK_TILE(6, 4)
CK_TILE(7, 3)
CK_TILE(8, 3)
static const skinny_function skinny_full[] = {
    0, skinny_1, skinny_2, skinny_3, skinny_4, skinny_5, skinny_6, skinny_7, skinny_8};
static const skinny_function skinny_one[] = {
    0,           skinny_1_one, skinny_2_one, skinny_3_one, skinny_4_one, skinny_5_one,
    skinny_6_one, skinny_7_one, skinny_8_one};
#else
CK_TILE(2, 4)
CK_TILE(3, 3)
CK_TILE(4, 3)
static const skinny_function skinny_full[] = {0, skinny_1, skinny_2, skinny_3, skinny_4};
static const skinny_function skinny_one[] = {
    0, skinny_1_one, skinny_2_one, skinny_3_one, skinny_4_one};
#endif

// One chunk of k: y = x w^T + bias, or y += x w^T. Weights `ahead` elements on are prefetched.
static void skinny_chunk(
    size_t m, size_t n, size_t k, const float *x, size_t ldx, const float *w, size_t ldw,
    size_t ahead, int accumulate, const float *bias, float *y, size_t ldy) {
  size_t blocks = (m + CK_SKINNY_ROWS - 1) / CK_SKINNY_ROWS;
  // Several blocks of x share a panel of w while it is in the cache; 12 is a multiple of every
  // tile height that occurs then.
  size_t panel = blocks == 1 ? (size_t)panel_rows[m] : 12;
  size_t step = n / panel;
  for (size_t j = 0; j < step; j++) {
    for (size_t b = 0; b < blocks; b++) {
      size_t first = m * b / blocks, count = m * (b + 1) / blocks - first;
      size_t full = (size_t)panel_rows[count];
      for (size_t r = 0; r < panel; r += full) {
        size_t row = j + r * step;
        skinny_full[count](
            k, x + first * ldx, ldx, w + row * ldw, ldw, step, ahead, accumulate,
            bias ? bias + row : 0, y + first * ldy + row, ldy);
      }
    }
  }
  for (size_t row = step * panel; row < n; row++) {
    for (size_t b = 0; b < blocks; b++) {
      size_t first = m * b / blocks, count = m * (b + 1) / blocks - first;
      skinny_one[count](
          k, x + first * ldx, ldx, w + row * ldw, ldw, 1, ahead, accumulate,
          bias ? bias + row : 0, y + first * ldy + row, ldy);
    }
  }
}

static void skinny_linear(
    size_t m, size_t n, size_t k, const float *x, size_t ldx, const float *w, size_t ldw,
    const float *bias, float *y, size_t ldy) {
  if (m == 0 || n == 0 || k == 0) return;
  size_t longest = m * k <= whole_elements ? k : chunk_elements / m;
  if (longest < shortest_chunk) longest = shortest_chunk;
  size_t chunks = (k + longest - 1) / longest;
  size_t chunk = ((k + chunks - 1) / chunks + CK_WIDTH - 1) / CK_WIDTH * CK_WIDTH;
  for (size_t i = 0; i < k; i += chunk) {
    size_t length = k - i < chunk ? k - i : chunk;
    size_t ahead = (prefetch_distance + length - 1) / length * ldw;
    skinny_chunk(m, n, length, x + i, ldx, w + i, ldw, ahead, i > 0, bias, y, ldy);
  }
}
