// What attention_few.h does with float32 queries and weights, on keys and values in float32 or widened
// bfloat16.
//
// The vectors of a pair follow each other in float32; in bfloat16 they are the even and the odd
// elements of one load, which one operation each widens. Queries and sums lie in the same order.

// Slots whose values are added at once.
#define CK_SLOTS_A_STEP 1

typedef struct {
  vec first, second;
} vec_pair;

#if CK_KEYS == CK_FLOATS
CK_INLINE vec_pair load_pair(const stored *p) {
  return (vec_pair){load(p), load(p + CK_WIDTH)};
}
#else
CK_INLINE vec_pair widened(uvec both) {
  return (vec_pair){(vec)(both << 16), (vec)(both & 0xffff0000u)};
}

CK_INLINE vec_pair load_pair(const stored *p) { return widened(*(const unaligned_uvec *)p); }
#endif

// The first n elements of a pair, the others zero; n < CK_PAIR.
CK_INLINE vec_pair load_pair_part(const stored *p, size_t n) {
#if CK_KEYS == CK_FLOATS
  if (n < CK_WIDTH) return (vec_pair){load_part(p, n), splat(0)};
  return (vec_pair){load(p), load_part(p + CK_WIDTH, n - CK_WIDTH)};
#elif CK_WIDTH == 16
  return widened((uvec)_mm512_maskz_loadu_epi16((__mmask32)((1u << n) - 1), p));
#else
  stored elements[CK_PAIR] = {0};
  memcpy(elements, p, n * sizeof(stored));
  return load_pair(elements);
#endif
}

// Where element i of a row lies among pairs.
CK_INLINE size_t place_in_pairs(size_t i) {
  if (CK_KEYS == CK_FLOATS) return i;
  return i / CK_PAIR * CK_PAIR + i % 2 * CK_WIDTH + i % CK_PAIR / 2;
}

CK_INLINE void arrange_query(float *q, const float *query, size_t d, float scale) {
  for (size_t i = 0; i < d; i++) q[place_in_pairs(i)] = query[i] * scale;
}

CK_INLINE void arrange_weights(float *weights, size_t count) {
  (void)weights;
  (void)count;
}

// Adds the products of pair i of R keys and of M rows of q to their sums; of n elements where there
// are less than a pair.
CK_INLINE void score_pair(
    const int M, const int R, size_t i, size_t n, const float *q, size_t ldq,
    const stored *const *keys, vec (*total)[4]) {
  vec_pair pair[4];
  CK_UNROLL for (int r = 0; r < R; r++)
    pair[r] = n ? load_pair_part(keys[r] + i, n) : load_pair(keys[r] + i);
  CK_UNROLL for (int m = 0; m < M; m++) {
    vec input = load(q + (size_t)m * ldq + i);
    CK_UNROLL for (int r = 0; r < R; r++) total[r][m] = pair[r].first * input + total[r][m];
  }
  CK_UNROLL for (int m = 0; m < M; m++) {
    vec input = load(q + (size_t)m * ldq + i + CK_WIDTH);
    CK_UNROLL for (int r = 0; r < R; r++) total[r][m] = pair[r].second * input + total[r][m];
  }
}

CK_INLINE void score_keys(
    const int M, const int R, size_t d, const float *q, size_t ldq, const stored *const *keys,
    vec (*total)[4]) {
  size_t i = 0;
  for (; i + CK_PAIR <= d; i += CK_PAIR) score_pair(M, R, i, 0, q, ldq, keys, total);
  if (i < d) score_pair(M, R, i, d - i, q, ldq, keys, total);
}

// Adds to M rows of sums what the value of slot j weighs.
CK_INLINE void weigh_slots(
    const int M, const int P, const int slots, size_t n, const float *weights,
    const stored *values, const size_t *places, size_t j, vec (*total)[8]) {
  (void)slots;
  const stored *line = values + places[j];
  vec weight[4];
  CK_UNROLL for (int m = 0; m < M; m++)
    weight[m] = splat(weights[(size_t)m * CK_ATTENTION_KEYS + j]);
  CK_UNROLL for (int p = 0; p < P; p++) {
    vec_pair value = n ? load_pair_part(line, n) : load_pair(line + p * CK_PAIR);
    CK_UNROLL for (int m = 0; m < M; m++) {
      total[m][2 * p] = weight[m] * value.first + total[m][2 * p];
      total[m][2 * p + 1] = weight[m] * value.second + total[m][2 * p + 1];
    }
  }
}
