// Products of few rows with values that come from memory: c[m, n] += a[m, k] b[k, n].
//
// As the tiles of tiles.h; beside, while a row of b is used, the one that lies `ahead` elements on is
// prefetched to the second-level cache, so that blocks that follow each other in a table, but not in
// memory, arrive in time.

CK_INLINE void streamed_tile(
    const int M, const int V, size_t k, const float *a, size_t lda,
    const float *b, size_t ldb, size_t ahead, float *c, size_t ldc) {
  vec total[4][4];
  CK_UNROLL for (int m = 0; m < M; m++) {
    CK_UNROLL for (int v = 0; v < V; v++) total[m][v] = load(c + (size_t)m * ldc + v * CK_WIDTH);
  }
  for (size_t i = 0; i < k; i++) {
    const float *line = b + i * ldb;
    vec row[4];
    CK_UNROLL for (int v = 0; v < V; v++) {
      row[v] = load(line + v * CK_WIDTH);
      // A line of the cache holds 16 elements.
      if (v * CK_WIDTH % 16 == 0) CK_PREFETCH(line + ahead + v * CK_WIDTH);
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

#define CK_STREAMED_ARGUMENTS \
  size_t k, const float *a, size_t lda, const float *b, size_t ldb, size_t ahead, float *c, \
      size_t ldc
#define CK_STREAMED_OF(M, V) \
  static void streamed_##M##_##V(CK_STREAMED_ARGUMENTS) { \
    streamed_tile(M, V, k, a, lda, b, ldb, ahead, c, ldc); \
  }
#define CK_STREAMED_TILES(V) \
  CK_STREAMED_OF(1, V) CK_STREAMED_OF(2, V) CK_STREAMED_OF(3, V) CK_STREAMED_OF(4, V)
#define CK_STREAMED_NAMES(V) {streamed_1_##V, streamed_2_##V, streamed_3_##V, streamed_4_##V}

typedef void (*streamed_function)(CK_STREAMED_ARGUMENTS);

CK_STREAMED_TILES(1)
CK_STREAMED_TILES(2)
#if CK_REGISTERS >= 32
CK_STREAMED_TILES(4)
static const streamed_function streamed[3][4] = {
    CK_STREAMED_NAMES(1), CK_STREAMED_NAMES(2), CK_STREAMED_NAMES(4)};
#else
static const streamed_function streamed[2][4] = {CK_STREAMED_NAMES(1), CK_STREAMED_NAMES(2)};
#endif

// c[m, n] += a[m, k] b[k, n], rows of b and c n elements apart.
static void add_streamed(
    size_t m, size_t n, size_t k, const float *a, size_t lda, const float *b, size_t ahead,
    float *c) {
  // The first rows bring what comes; the others find this run in the first-level cache.
  const size_t first = m < 4 ? m : 4;
  size_t j = 0;
  for (int wide = CK_WIDEST; wide >= 0; wide--) {
    size_t columns = (size_t)CK_WIDTH << wide;
    for (; j + columns <= n; j += columns) {
      streamed[wide][first - 1](k, a, lda, b + j, n, ahead, c + j, n);
      if (first < m) {
        multiply_tiles(
            m - first, columns, k, a + first * lda, lda, b + j, n, c + first * n + j, n, 1);
      }
    }
  }
  if (j < n) multiply_tiles(m, n - j, k, a, lda, b + j, n, c + j, n, 1);
}
