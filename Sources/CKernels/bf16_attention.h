// Attention over keys and values in bfloat16. Products and sums are float32, as in attention.h,
// whose letters and tiles are used here.
//
// Keys and values of few rows are found slot by slot, in a region or in blocks, and prefetched
// CK_HALF_AHEAD slots ahead: beyond the caches a head of 128 then takes 0.79 of the time on Zen 4,
// in the second-level cache the same.
enum { CK_HALF_AHEAD = 32 };

// Keys first..<first + count to [d, CK_PANEL] columns, widened, the columns beyond `count` zero.
static void transpose_bf16(
    const ck_attention *job, float *panel, const uint16_t *keys, size_t first, size_t count) {
  const size_t d = job->width;
  for (size_t j = 0; j < CK_PANEL; j++) {
    if (j >= count) {
      for (size_t i = 0; i < d; i++) panel[i * CK_PANEL + j] = 0;
      continue;
    }
    const uint16_t *key = keys + run_start(job, first + j);
    for (size_t i = 0; i < d; i++) {
      uint32_t bits = (uint32_t)key[i] << 16;
      memcpy(panel + i * CK_PANEL + j, &bits, sizeof bits);
    }
  }
}

// Scores of M rows q[M, d] against four keys, widened in registers; M is a constant after inlining.
CK_INLINE void score_four(
    const int M, size_t d, const float *q, const uint16_t *const *keys,
    const uint16_t *const *later, float *scores) {
  vec total[4][4];
  CK_UNROLL for (int r = 0; r < 4; r++) {
    CK_UNROLL for (int m = 0; m < M; m++) total[r][m] = splat(0);
  }
  size_t i = 0;
  for (; i + CK_WIDTH <= d; i += CK_WIDTH) {
    vec key[4];
    CK_UNROLL for (int r = 0; r < 4; r++) {
      CK_PREFETCH(later[r] + i);
      key[r] = load_widened(keys[r] + i);
    }
    CK_UNROLL for (int m = 0; m < M; m++) {
      vec query = load(q + (size_t)m * d + i);
      CK_UNROLL for (int r = 0; r < 4; r++) total[r][m] = key[r] * query + total[r][m];
    }
  }
  CK_UNROLL for (int m = 0; m < M; m++) {
    vec4 sums = sum4(total[0][m], total[1][m], total[2][m], total[3][m]);
    for (size_t k = i; k < d; k++) {
      CK_UNROLL for (int r = 0; r < 4; r++) {
        uint32_t bits = (uint32_t)keys[r][k] << 16;
        float key;
        memcpy(&key, &bits, sizeof key);
        sums[r] += key * q[(size_t)m * d + k];
      }
    }
    *(unaligned_vec4 *)(scores + (size_t)m * CK_ATTENTION_KEYS) = sums;
  }
}

// Scores of the stacked rows against the `count` keys at `places`; up to three behind them are
// written, too.
static void score_few(
    size_t rows, size_t d, const float *q, const uint16_t *keys, const size_t *places,
    size_t count, float *scores) {
  for (size_t j = 0; j < count; j += 4) {
    const uint16_t *four[4], *later[4];
    for (size_t r = 0; r < 4; r++) {
      size_t key = j + r < count ? j + r : count - 1;
      four[r] = keys + places[key];
      later[r] = keys + places[key + CK_HALF_AHEAD];
    }
    size_t row = 0;
    for (; row + 4 <= rows; row += 4)
      score_four(4, d, q + row * d, four, later, scores + row * CK_ATTENTION_KEYS + j);
    const float *rest = q + row * d;
    float *to = scores + row * CK_ATTENTION_KEYS + j;
    if (rows - row == 3) score_four(3, d, rest, four, later, to);
    if (rows - row == 2) score_four(2, d, rest, four, later, to);
    if (rows - row == 1) score_four(1, d, rest, four, later, to);
  }
}

// out[M, P vectors] += weights[M, count] values[count, d] at `places`, widened in registers.
CK_INLINE void weigh_tile(
    const int M, const int P, size_t count, size_t d, const float *weights,
    const uint16_t *values, const size_t *places, float *out) {
  vec total[4][4];
  CK_UNROLL for (int m = 0; m < M; m++) {
    CK_UNROLL for (int p = 0; p < P; p++)
      total[m][p] = load(out + (size_t)m * d + p * CK_WIDTH);
  }
  for (size_t j = 0; j < count; j++) {
    const uint16_t *line = values + places[j], *later = values + places[j + CK_HALF_AHEAD];
    vec value[4];
    CK_UNROLL for (int p = 0; p < P; p++) {
      CK_PREFETCH(later + p * CK_WIDTH);
      value[p] = load_widened(line + p * CK_WIDTH);
    }
    CK_UNROLL for (int m = 0; m < M; m++) {
      vec weight = splat(weights[(size_t)m * CK_ATTENTION_KEYS + j]);
      CK_UNROLL for (int p = 0; p < P; p++) total[m][p] = weight * value[p] + total[m][p];
    }
  }
  CK_UNROLL for (int m = 0; m < M; m++) {
    CK_UNROLL for (int p = 0; p < P; p++)
      store(out + (size_t)m * d + p * CK_WIDTH, total[m][p]);
  }
}

#define CK_WEIGH_ARGUMENTS \
  size_t count, size_t d, const float *weights, const uint16_t *values, const size_t *places, \
      float *out
#define CK_WEIGH(M, P) \
  static void weigh_##M##_##P(CK_WEIGH_ARGUMENTS) { \
    weigh_tile(M, P, count, d, weights, values, places, out); \
  }
CK_WEIGH(1, 1) CK_WEIGH(2, 1) CK_WEIGH(3, 1) CK_WEIGH(4, 1)
CK_WEIGH(1, 4) CK_WEIGH(2, 4) CK_WEIGH(3, 4) CK_WEIGH(4, 4)
typedef void (*weigh_function)(CK_WEIGH_ARGUMENTS);
static const weigh_function weigh_one[] = {0, weigh_1_1, weigh_2_1, weigh_3_1, weigh_4_1};
static const weigh_function weigh_four[] = {0, weigh_1_4, weigh_2_4, weigh_3_4, weigh_4_4};

static void weigh_few(
    size_t rows, size_t d, const float *weights, const uint16_t *values, const size_t *places,
    size_t count, float *out) {
  for (size_t row = 0; row < rows; row += 4) {
    size_t few = rows - row < 4 ? rows - row : 4;
    const float *own = weights + row * CK_ATTENTION_KEYS;
    float *to = out + row * d;
    size_t i = 0;
    for (; i + 4 * CK_WIDTH <= d; i += 4 * CK_WIDTH)
      weigh_four[few](count, d, own, values + i, places, to + i);
    for (; i + CK_WIDTH <= d; i += CK_WIDTH)
      weigh_one[few](count, d, own, values + i, places, to + i);
    for (; i < d; i++) {
      for (size_t j = 0; j < count; j++) {
        uint32_t bits = (uint32_t)values[places[j] + i] << 16;
        float value;
        memcpy(&value, &bits, sizeof value);
        for (size_t r = 0; r < few; r++) to[r * d + i] += own[r * CK_ATTENTION_KEYS + j] * value;
      }
    }
  }
}

// Few stacked rows: keys and values are widened on their way through the registers.
static void attend_few_bf16(
    const ck_attention *job, const uint16_t *keys, const uint16_t *values) {
  const size_t d = job->width, g = job->group, rows = job->slots * g;
  float *q = job->workspace, *out = q + CK_ATTENTION_ROWS * d;
  float *scores = out + CK_ATTENTION_ROWS * d;
  float highest[CK_TRANSPOSE_FROM], total[CK_TRANSPOSE_FROM];
  size_t places[CK_ATTENTION_KEYS + CK_HALF_AHEAD];
  for (size_t r = 0; r < rows; r++) {
    const float *query = job->queries + r / g * job->query_stride + r % g * d;
    for (size_t i = 0; i < d; i++) q[r * d + i] = query[i] * job->scale;
    highest[r] = -INFINITY;
    total[r] = 0;
  }
  memset(out, 0, rows * d * sizeof(float));
  size_t visible = job->context + job->slots;
  for (size_t first = 0; first < visible; first += CK_ATTENTION_KEYS) {
    size_t count = visible - first < CK_ATTENTION_KEYS ? visible - first : CK_ATTENTION_KEYS;
    size_t padded = (count + CK_WIDTH - 1) / CK_WIDTH * CK_WIDTH;
    locate(job, first, count, CK_HALF_AHEAD, places);
    score_few(rows, d, q, keys, places, count, scores);
    for (size_t r = 0; r < rows; r++) {
      float *line = scores + r * CK_ATTENTION_KEYS;
      size_t slot = r / g, seen = job->context + slot + 1;
      exclude(line, seen > first ? seen - first : 0, padded, padded);
      if (slot >= job->real_begin && slot < job->real_end && job->masked_end > first)
        exclude(
            line, job->masked_begin > first ? job->masked_begin - first : 0,
            job->masked_end - first, padded);
      soften(line, padded, out + r * d, d, &highest[r], &total[r]);
    }
    weigh_few(rows, d, scores, values, places, count, out);
  }
  for (size_t r = 0; r < rows; r++) {
    float *target = job->out + r / g * job->out_stride + r % g * d;
    float factor = total[r] > 0 ? 1.0f / total[r] : 0;
    for (size_t i = 0; i < d; i++) target[i] = out[r * d + i] * factor;
  }
}

static void attend_bf16(
    const ck_attention *job, const uint16_t *keys, const uint16_t *values) {
  const size_t d = job->width, stacked = job->slots * job->group;
  const size_t visible = job->context + job->slots;
  float *free = job->workspace + CK_ATTENTION_ROWS * (2 * d + CK_ATTENTION_KEYS);
  if (stacked < CK_TRANSPOSE_FROM) {
    attend_few_bf16(job, keys, values);
    return;
  }
  ck_attention widened = *job;
  widened.values = free;
  widened.blocks = 0;
  for (size_t done = 0, length; done < visible; done += length) {
    length = run_length(job, done, visible - done);
    widen_row(free + done * d, values + run_start(job, done), length * d);
  }
  float *panels = free + visible * d;
  for (size_t j = 0; j < visible; j += CK_PANEL) {
    size_t count = visible - j < CK_PANEL ? visible - j : CK_PANEL;
    transpose_bf16(job, panels + j * d, keys, j, count);
  }
  for (size_t row = 0; row < stacked; row += CK_ATTENTION_ROWS) {
    size_t rows = stacked - row < CK_ATTENTION_ROWS ? stacked - row : CK_ATTENTION_ROWS;
    attend_tile(&widened, row, rows, panels, 0);
  }
}
