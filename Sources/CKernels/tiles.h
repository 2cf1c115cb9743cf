// Small dense products on data that is in the cache: c[m, n] (+)= a[m, k] b[k, n].
//
// a and b are words as in panel_tiles.h: floats, or pairs of bfloat16 values with n a multiple of
// CK_WIDTH. Each element of a is spread over a vector and meets a row of b; a tile of c stays in registers.
// Attention uses it twice: queries times transposed keys, and probabilities times values.

CK_INLINE void tile(
    const int M, const int V, size_t k, const float *a, size_t lda, const float *b, size_t ldb,
    float *c, size_t ldc, int accumulate) {
  vec total[6][4];
  CK_UNROLL for (int m = 0; m < M; m++) {
    CK_UNROLL for (int v = 0; v < V; v++) {
      total[m][v] = accumulate ? load(c + (size_t)m * ldc + v * CK_WIDTH) : splat(0);
    }
  }
  for (size_t i = 0; i < k; i++) {
    vec row[4];
    CK_UNROLL for (int v = 0; v < V; v++) row[v] = load(b + i * ldb + v * CK_WIDTH);
    CK_UNROLL for (int m = 0; m < M; m++) {
      vec factor = splat(a[(size_t)m * lda + i]);
      CK_UNROLL for (int v = 0; v < V; v++) total[m][v] = multiply_words(total[m][v], row[v], factor);
    }
  }
  CK_UNROLL for (int m = 0; m < M; m++) {
    CK_UNROLL for (int v = 0; v < V; v++) {
      store(c + (size_t)m * ldc + v * CK_WIDTH, total[m][v]);
    }
  }
}

#define CK_TILE_ARGUMENTS \
  size_t k, const float *a, size_t lda, const float *b, size_t ldb, float *c, size_t ldc, \
      int accumulate
#define CK_TILE_OF(M, V) \
  static void tile_##M##_##V(CK_TILE_ARGUMENTS) { \
    tile(M, V, k, a, lda, b, ldb, c, ldc, accumulate); \
  }
#define CK_TILES_OF(V) \
  CK_TILE_OF(1, V) CK_TILE_OF(2, V) CK_TILE_OF(3, V) \
  CK_TILE_OF(4, V) CK_TILE_OF(5, V) CK_TILE_OF(6, V)
#define CK_TILE_NAMES(V) {tile_1_##V, tile_2_##V, tile_3_##V, tile_4_##V, tile_5_##V, tile_6_##V}

typedef void (*tile_function)(CK_TILE_ARGUMENTS);

CK_TILES_OF(1)
CK_TILES_OF(2)
#if CK_REGISTERS >= 32
CK_TILES_OF(4)
// By vectors per row: 1, 2, 4.
static const tile_function tiles[3][6] = {CK_TILE_NAMES(1), CK_TILE_NAMES(2), CK_TILE_NAMES(4)};
#define CK_WIDEST 2
#else
static const tile_function tiles[2][6] = {CK_TILE_NAMES(1), CK_TILE_NAMES(2)};
#define CK_WIDEST 1
#endif

// c[m, n] = a[m, k] b[k, n], or added to c; any m, n, k. b stays in the cache over the rows of a.
static void multiply_tiles(
    size_t m, size_t n, size_t k, const float *a, size_t lda, const float *b, size_t ldb,
    float *c, size_t ldc, int accumulate) {
  size_t blocks = (m + 5) / 6;
  size_t j = 0;
  for (int wide = CK_WIDEST; wide >= 0; wide--) {
    size_t columns = (size_t)CK_WIDTH << wide;
    for (; j + columns <= n; j += columns) {
      for (size_t block = 0; block < blocks; block++) {
        size_t first = m * block / blocks, count = m * (block + 1) / blocks - first;
        tiles[wide][count - 1](
            k, a + first * lda, lda, b + j, ldb, c + first * ldc + j, ldc, accumulate);
      }
    }
  }
  for (; j < n; j++) {
    for (size_t i = 0; i < m; i++) {
      float total = accumulate ? c[i * ldc + j] : 0;
      for (size_t l = 0; l < k; l++) total += a[i * lda + l] * b[l * ldb + j];
      c[i * ldc + j] = total;
    }
  }
}
