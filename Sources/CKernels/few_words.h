// What attention_few.h does with bfloat16 keys and values that nothing widens: queries and weights are
// rounded to bfloat16, too.
//
// A key meets a query in words, pairs of elements. The values of two slots are interleaved, so that
// a word holds an element of both; that leaves sums in groups of four.

// Slots whose values are added at once.
#define CK_SLOTS_A_STEP 2

CK_INLINE vec load_words(const stored *p) { return *(const unaligned_vec *)p; }

// The first n elements of a pair, the others zero; n < CK_PAIR.
CK_INLINE vec load_words_part(const stored *p, size_t n) {
  return (vec)_mm512_maskz_loadu_epi16((__mmask32)((1u << n) - 1), p);
}

// Where the sum of element i of a row lies among pairs.
CK_INLINE size_t place_in_pairs(size_t i) {
  return i / CK_PAIR * CK_PAIR + i / 4 % 2 * CK_WIDTH + i % CK_PAIR / 8 * 4 + i % 4;
}

CK_INLINE void arrange_query(float *q, const float *query, size_t d, float scale) {
  round_words(q, query, d, scale);
}

CK_INLINE void arrange_weights(float *weights, size_t count) {
  round_words(weights, weights, count, 1);
}

// Adds the products of R keys and of M rows of q to their sums.
CK_INLINE void score_keys(
    const int M, const int R, size_t d, const float *q, size_t ldq, const stored *const *keys,
    vec (*total)[4]) {
  for (size_t i = 0; i < d; i += CK_PAIR) {
    vec key[4];
    CK_UNROLL for (int r = 0; r < R; r++)
      key[r] = i + CK_PAIR <= d ? load_words(keys[r] + i) : load_words_part(keys[r] + i, d - i);
    CK_UNROLL for (int m = 0; m < M; m++) {
      vec input = load(q + (size_t)m * ldq + i / 2);
      CK_UNROLL for (int r = 0; r < R; r++)
        total[r][m] = multiply_words(total[r][m], key[r], input);
    }
  }
}

// Adds to M rows of sums what the values of slot j, or of two slots from j on, weigh.
CK_INLINE void weigh_slots(
    const int M, const int P, const int slots, size_t n, const float *weights,
    const stored *values, const size_t *places, size_t j, vec (*total)[8]) {
  const stored *line[2] = {values + places[j], values + places[j + (size_t)slots - 1]};
  vec weight[4];
  CK_UNROLL for (int m = 0; m < M; m++)
    weight[m] = splat(weights[(size_t)m * CK_ATTENTION_KEYS + j / 2]);
  CK_UNROLL for (int p = 0; p < P; p++) {
    vec value[2] = {splat(0), splat(0)};
    CK_UNROLL for (int s = 0; s < slots; s++)
      value[s] = n ? load_words_part(line[s], n) : load_words(line[s] + p * CK_PAIR);
    vec low = interleave_low(value[0], value[1]), high = interleave_high(value[0], value[1]);
    CK_UNROLL for (int m = 0; m < M; m++) {
      total[m][2 * p] = multiply_words(total[m][2 * p], low, weight[m]);
      total[m][2 * p + 1] = multiply_words(total[m][2 * p + 1], high, weight[m]);
    }
  }
}
