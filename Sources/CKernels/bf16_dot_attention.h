// Attention over keys and values in bfloat16 by vdpbf16ps: queries and weights are rounded to bfloat16,
// too; sums and the softmax are float32.
//
// Rounding a query costs what rounding the keys has cost already: its relative error, 2^-9 an element, is
// that of each key's, but common to all keys. Weights err by as much, each on its own.
//
// Included after attention.h, whose letters are used, and attention_few.h. In words of two elements
// a slot of d has `depth`; behind the last element are zeros.

CK_INLINE size_t wide_of(const ck_attention *job) { return (job->width + 15) / 16 * 16; }
CK_INLINE size_t depth_of(const ck_attention *job) { return wide_of(job) / 2; }

// The first n of eight elements as words, the others zero.
CK_INLINE vec4 four_of(const uint16_t *x, size_t n) {
  vec4 words = (vec4)(0);
  memcpy(&words, x, (n < 8 ? n : 8) * sizeof *x);
  return words;
}

// Keys first..<first + count to [depth, CK_PANEL] words, in whole vectors of columns.
static void transpose_words(
    const ck_attention *job, word *panel, const uint16_t *keys, size_t first, size_t count) {
  const size_t d = job->width, depth = depth_of(job);
  const size_t columns = (count + CK_WIDTH - 1) / CK_WIDTH * CK_WIDTH;
  for (size_t j = 0; j < columns; j += 4) {
    const uint16_t *key[4];
    size_t elements[4];
    for (size_t r = 0; r < 4; r++) {
      key[r] = keys + (j + r < count ? run_start(job, first + j + r) : 0);
      elements[r] = j + r < count ? d : 0;
    }
    for (size_t i = 0; i < depth; i += 4) {
      vec4 four[4];
      CK_UNROLL for (int r = 0; r < 4; r++)
        four[r] = 2 * i + 8 <= elements[r] ? *(const unaligned_vec4 *)(key[r] + 2 * i)
                  : 2 * i < elements[r]    ? four_of(key[r] + 2 * i, elements[r] - 2 * i)
                                           : (vec4)(0);
      transpose_four(four);
      CK_UNROLL for (int r = 0; r < 4; r++)
        *(unaligned_vec4 *)(panel + (i + (size_t)r) * CK_PANEL + j) = four[r];
    }
  }
}

// Sixteen elements of a value as words, zero behind the first n.
CK_INLINE __m512i elements_of(const uint16_t *x, size_t n) {
  uint16_t part[16] = {0};
  if (n < 16) memcpy(part, x, n * sizeof *x);
  return _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(n < 16 ? part : x)));
}

// The values of all visible slots to [slots / 2, wide] words, each of an element of two slots.
static void pair_values(const ck_attention *job, word *words, const uint16_t *values) {
  const size_t d = job->width, wide = wide_of(job), visible = job->context + job->slots;
  for (size_t j = 0; j < visible; j += 2, words += wide) {
    const uint16_t *even = values + run_start(job, j);
    const uint16_t *odd = j + 1 < visible ? values + run_start(job, j + 1) : 0;
    for (size_t i = 0; i < d; i += 16) {
      __m512i low = elements_of(even + i, d - i);
      __m512i high = odd ? elements_of(odd + i, d - i) : _mm512_setzero_si512();
      _mm512_storeu_si512(words + i, _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
    }
  }
}

// Stacked rows row..<row + rows of the job.
static void attend_words(
    const ck_attention *job, size_t row, size_t rows, const word *panels, const word *values) {
  const size_t d = job->width, g = job->group, wide = wide_of(job), depth = depth_of(job);
  float *q = job->workspace, *out = q + CK_ATTENTION_ROWS * depth;
  float *scores = out + CK_ATTENTION_ROWS * wide;
  float highest[CK_ATTENTION_ROWS], total[CK_ATTENTION_ROWS];
  for (size_t r = 0; r < rows; r++) {
    size_t slot = (row + r) / g, head = (row + r) % g;
    round_words(q + r * depth, job->queries + slot * job->query_stride + head * d, d, job->scale);
    highest[r] = -INFINITY;
    total[r] = 0;
  }
  memset(out, 0, rows * wide * sizeof(float));

  const size_t visible = job->context + (row + rows - 1) / g + 1;
  for (size_t first = 0; first < visible; first += CK_ATTENTION_KEYS) {
    size_t count = visible - first < CK_ATTENTION_KEYS ? visible - first : CK_ATTENTION_KEYS;
    score_block(rows, depth, q, panels + first * depth, count, scores);
    for (size_t r = 0; r < rows; r++) {
      size_t slot = (row + r) / g;
      float *own = scores + r * CK_ATTENTION_KEYS;
      weigh_row(
          job, slot, job->context + slot + 1, first, count, own, out + r * wide, wide, &highest[r],
          &total[r]);
      round_words(own, own, count, 1);
    }
    multiply_tiles(
        rows, wide, (count + 1) / 2, scores, CK_ATTENTION_KEYS, values + first / 2 * wide, wide, out,
        wide, 1);
  }
  for (size_t r = 0; r < rows; r++) end_row(job, row + r, out + r * wide, highest[r], total[r]);
}

static void attend_dot(
    const ck_attention *job, const uint16_t *keys, const uint16_t *values) {
  const size_t wide = wide_of(job), depth = depth_of(job), visible = job->context + job->slots;
  const size_t stacked = job->slots * job->group;
  if (stacked < CK_TRANSPOSE_FROM) {
    attend_few(job, keys, values);
    return;
  }
  word *pairs = job->workspace + CK_ATTENTION_ROWS * (depth + wide + CK_ATTENTION_KEYS);
  word *panels = pairs + (visible + 1) / 2 * wide;
  pair_values(job, pairs, values);
  for (size_t j = 0; j < visible; j += CK_PANEL) {
    size_t count = visible - j < CK_PANEL ? visible - j : CK_PANEL;
    transpose_words(job, panels + j * depth, keys, j, count);
  }
  for (size_t row = 0; row < stacked; row += CK_ATTENTION_ROWS) {
    size_t rows = stacked - row < CK_ATTENTION_ROWS ? stacked - row : CK_ATTENTION_ROWS;
    attend_words(job, row, rows, panels, pairs);
  }
}
