// Products of few rows with rows of memory that lie anywhere: slot i at places[i] elements.
//
// A tile of slots is walked as if it were in one piece, whatever the size of the blocks it lies in;
// beside, the slots `ahead` are prefetched to the second-level cache, since blocks that follow each
// other in a table do not in memory.

// Rows of the tile as pointers, from slot `slot` on.
CK_INLINE void locate_rows(
    const int R, const float *w, const size_t *places, size_t ahead, const float **rows,
    const float **later) {
  CK_UNROLL for (int r = 0; r < R; r++) {
    rows[r] = w + places[r];
    later[r] = w + places[r + ahead];
  }
}

#define CK_LOCATED_ARGUMENTS \
  size_t k, const float *x, const float *w, const size_t *places, size_t ahead, float *y, \
      size_t ldy
// y[M, R] = x[M, k] w[R, k]^T, a full tile and one of a row.
#define CK_LOCATED(M, R) \
  CK_LOCATED_OF(M, R, located_##M) \
  CK_LOCATED_OF(M, 1, located_##M##_one)
#define CK_LOCATED_OF(M, R, name) \
  static void name(CK_LOCATED_ARGUMENTS) { \
    const float *rows[8], *later[8]; \
    vec total[8][8]; \
    locate_rows(R, w, places, ahead, rows, later); \
    skinny_sums(M, R, k, x, k, rows, later, total); \
    skinny_fold(M, R, total, 1, 0, 0, y, ldy); \
  }

typedef void (*located_function)(CK_LOCATED_ARGUMENTS);

CK_LOCATED(1, 8)
#if CK_REGISTERS >= 32
CK_LOCATED(2, 8)
CK_LOCATED(3, 8)
CK_LOCATED(4, 6)
CK_LOCATED(5, 4)
CK_LOCATED(6, 4)
CK_LOCATED(7, 3)
CK_LOCATED(8, 3)
static const located_function located_full[] = {
    0, located_1, located_2, located_3, located_4, located_5, located_6, located_7, located_8};
static const located_function located_one[] = {
    0,           located_1_one, located_2_one, located_3_one, located_4_one, located_5_one,
    located_6_one, located_7_one, located_8_one};
#else
CK_LOCATED(2, 4)
CK_LOCATED(3, 3)
CK_LOCATED(4, 3)
static const located_function located_full[] = {0, located_1, located_2, located_3, located_4};
static const located_function located_one[] = {
    0, located_1_one, located_2_one, located_3_one, located_4_one};
#endif

// y[m, n] = x[m, k] w[n, k]^T; places has `ahead` more than n.
static void located_scores(
    size_t m, size_t n, size_t k, const float *x, const float *w, const size_t *places,
    size_t ahead, float *y, size_t ldy) {
  size_t blocks = (m + CK_SKINNY_ROWS - 1) / CK_SKINNY_ROWS;
  size_t panel = blocks == 1 ? (size_t)panel_rows[m] : 12;
  for (size_t row = 0; row < n; row += panel) {
    size_t rows = n - row < panel ? n - row : panel;
    for (size_t b = 0; b < blocks; b++) {
      size_t first = m * b / blocks, count = m * (b + 1) / blocks - first;
      size_t full = (size_t)panel_rows[count], r = 0;
      for (; r + full <= rows; r += full)
        located_full[count](
            k, x + first * k, w, places + row + r, ahead, y + first * ldy + row + r, ldy);
      for (; r < rows; r++)
        located_one[count](
            k, x + first * k, w, places + row + r, ahead, y + first * ldy + row + r, ldy);
    }
  }
}

// c[M, V vectors] += a[M, k] b[k, V vectors]
CK_INLINE void located_tile(
    const int M, const int V, size_t k, const float *a, size_t lda, const float *b,
    const size_t *places, size_t ahead, float *c, size_t ldc) {
  vec total[4][4];
  CK_UNROLL for (int m = 0; m < M; m++) {
    CK_UNROLL for (int v = 0; v < V; v++) total[m][v] = load(c + (size_t)m * ldc + v * CK_WIDTH);
  }
  for (size_t i = 0; i < k; i++) {
    const float *line = b + places[i], *later = b + places[i + ahead];
    vec row[4];
    CK_UNROLL for (int v = 0; v < V; v++) {
      row[v] = load(line + v * CK_WIDTH);
      // A line of the cache holds 16 elements.
      if (v * CK_WIDTH % 16 == 0) CK_PREFETCH(later + v * CK_WIDTH);
    }
    CK_UNROLL for (int m = 0; m < M; m++) {
      vec factor = splat(a[(size_t)m * lda + i]);
      CK_UNROLL for (int v = 0; v < V; v++) total[m][v] = factor * row[v] + total[m][v];
    }
  }
  CK_UNROLL for (int m = 0; m < M; m++) {
    CK_UNROLL for (int v = 0; v < V; v++) {
      store(c + (size_t)m * ldc + v * CK_WIDTH, total[m][v]);
    }
  }
}

#define CK_SUMS_ARGUMENTS \
  size_t k, const float *a, size_t lda, const float *b, const size_t *places, size_t ahead, \
      float *c, size_t ldc
#define CK_SUMS_OF(M, V) \
  static void located_sums_##M##_##V(CK_SUMS_ARGUMENTS) { \
    located_tile(M, V, k, a, lda, b, places, ahead, c, ldc); \
  }
#define CK_SUMS_TILES(V) CK_SUMS_OF(1, V) CK_SUMS_OF(2, V) CK_SUMS_OF(3, V) CK_SUMS_OF(4, V)
#define CK_SUMS_NAMES(V) \
  {located_sums_1_##V, located_sums_2_##V, located_sums_3_##V, located_sums_4_##V}

typedef void (*sums_function)(CK_SUMS_ARGUMENTS);

CK_SUMS_TILES(1)
CK_SUMS_TILES(2)
#if CK_REGISTERS >= 32
CK_SUMS_TILES(4)
static const sums_function located_tiles[3][4] = {
    CK_SUMS_NAMES(1), CK_SUMS_NAMES(2), CK_SUMS_NAMES(4)};
#else
static const sums_function located_tiles[2][4] = {CK_SUMS_NAMES(1), CK_SUMS_NAMES(2)};
#endif

// c[m, n] += a[m, k] b[k, n], rows of c n elements apart; places has `ahead` more than k.
static void located_sums(
    size_t m, size_t n, size_t k, const float *a, size_t lda, const float *b,
    const size_t *places, size_t ahead, float *c) {
  const size_t blocks = (m + 3) / 4;
  size_t j = 0;
  for (int wide = CK_WIDEST; wide >= 0; wide--) {
    size_t columns = (size_t)CK_WIDTH << wide;
    for (; j + columns <= n; j += columns) {
      for (size_t block = 0; block < blocks; block++) {
        size_t first = m * block / blocks, count = m * (block + 1) / blocks - first;
        located_tiles[wide][count - 1](
            k, a + first * lda, lda, b + j, places, ahead, c + first * n + j, n);
      }
    }
  }
  for (; j < n; j++) {
    for (size_t row = 0; row < m; row++) {
      float total = c[row * n + j];
      for (size_t i = 0; i < k; i++) total += a[row * lda + i] * b[places[i] + j];
      c[row * n + j] = total;
    }
  }
}
