// Attention of few stacked rows: keys and values are read once for all rows, where they lie.
//
// Included after attention.h, whose letters are used, with CK_KEYS set to one of
// - CK_FLOATS: keys and values in float32;
// - CK_WIDENED: in bfloat16, widened in registers (few_widened.h has both);
// - CK_WORDS: in bfloat16, as vdpbf16ps takes them (few_words.h).
//
// What comes is asked for from the second-level cache on, line by line in the order of memory, and not
// at all where the cache holds it anyway (then it costs 0.2 of the rate):
// - for one row, CK_BYTES_AHEAD ahead, one line of two: the hardware brings the neighbour along;
// - for more, a whole block of keys ahead, each pass asking for its share of the slots: passes over
//   what has been read leave memory idle otherwise.
// Zen 4, time without any over time with it, beyond the caches: 1.4 for one row of 128 in float32.

#define CK_FLOATS 0
#define CK_WIDENED 1
#define CK_WORDS 2

#if CK_KEYS == CK_FLOATS
typedef float stored;
#else
typedef uint16_t stored;
#endif

// Elements of a slot are read as pairs of vectors, and sums lie in rows of whole pairs.
#define CK_PAIR (2 * CK_WIDTH)

// Which slots a pass asks for, before it comes to them.
typedef struct {
  // From a slot to the one that is asked for, and bytes of that.
  size_t ahead, bytes;
  // The slot at which the pass asks next, and slots from there to the one after.
  size_t next, step;
} asking;

CK_INLINE void ask(
    asking *plan, const int one_of_two, size_t slot, const stored *from, const size_t *places) {
  if (slot != plan->next) return;
  const char *row = (const char *)(from + places[slot + plan->ahead]);
  for (size_t i = 0; i < plan->bytes; i += one_of_two ? 128 : 64) CK_PREFETCH(row + i);
  plan->next += plan->step;
}

// The share of pass `turn` of `turns`; a plan without bytes asks for nothing.
CK_INLINE asking share(asking plan, size_t turn, size_t turns) {
  plan.next = plan.bytes > 0 && turn < turns ? turn : SIZE_MAX;
  plan.step = turns;
  return plan;
}

#if CK_KEYS == CK_WORDS
#include "few_words.h"
#else
#include "few_widened.h"
#endif

// Scores of M rows of q against the `count` keys at `places`; up to three behind them are written,
// too. M is a constant after inlining.
CK_INLINE void score_tile(
    const int M, size_t d, size_t count, const float *q, size_t ldq, const stored *keys,
    const size_t *places, asking plan, float *scores) {
  for (size_t j = 0; j < count; j += 4) {
    const stored *four[4];
    vec total[4][4];
    CK_UNROLL for (int r = 0; r < 4; r++) {
      size_t key = j + (size_t)r < count ? j + (size_t)r : count - 1;
      four[r] = keys + places[key];
      ask(&plan, M == 1, key, keys, places);
      CK_UNROLL for (int m = 0; m < M; m++) total[r][m] = splat(0);
    }
    if (M == 1) {
      // Memory decides: it is faster read in order than four keys side by side.
      CK_UNROLL for (int r = 0; r < 4; r++) score_keys(M, 1, d, q, ldq, four + r, total + r);
    } else {
      score_keys(M, 4, d, q, ldq, four, total);
    }
    CK_UNROLL for (int m = 0; m < M; m++)
      *(unaligned_vec4 *)(scores + (size_t)m * CK_ATTENTION_KEYS + j) =
          sum4(total[0][m], total[1][m], total[2][m], total[3][m]);
  }
}

// out[M, P pairs] += weights[M, count] times the values at `places`. The last n elements of a row are
// less than a pair: then P is 1 and n is not 0.
CK_INLINE void weigh_tile(
    const int M, const int P, size_t n, size_t count, const float *weights, const stored *values,
    const size_t *places, asking plan, float *out, size_t ldo) {
  vec total[4][8];
  CK_UNROLL for (int m = 0; m < M; m++) {
    CK_UNROLL for (int p = 0; p < 2 * P; p++)
      total[m][p] = load(out + (size_t)m * ldo + p * CK_WIDTH);
  }
  for (size_t j = 0; j < count; j += CK_SLOTS_A_STEP) {
    CK_UNROLL for (size_t s = 0; s < CK_SLOTS_A_STEP; s++)
      if (j + s < count) ask(&plan, M == 1, j + s, values, places);
    if (j + CK_SLOTS_A_STEP <= count)
      weigh_slots(M, P, CK_SLOTS_A_STEP, n, weights, values, places, j, total);
    else
      weigh_slots(M, P, 1, n, weights, values, places, j, total);
  }
  CK_UNROLL for (int m = 0; m < M; m++) {
    CK_UNROLL for (int p = 0; p < 2 * P; p++)
      store(out + (size_t)m * ldo + p * CK_WIDTH, total[m][p]);
  }
}

// Pairs of a tile of sums, by rows: what registers allow.
#define CK_FEW_PAIRS(M) ((M) <= 2 || ((M) == 3 && CK_REGISTERS >= 32) ? 4 : 2)

#define CK_FEW_SCORE_ARGUMENTS \
  size_t d, size_t count, const float *q, size_t ldq, const stored *keys, const size_t *places, \
      asking plan, float *scores
#define CK_FEW_SUM_ARGUMENTS \
  size_t n, size_t count, const float *weights, const stored *values, const size_t *places, \
      asking plan, float *out, size_t ldo
#define CK_FEW_SCORES(M, D) score_tile(M, D, count, q, ldq, keys, places, plan, scores)
// The usual widths of a head leave a single row in registers.
#define CK_FEW_TILES(M) \
  static void few_scores_##M(CK_FEW_SCORE_ARGUMENTS) { \
    if (M == 1 && d == 128) CK_FEW_SCORES(M, 128); \
    else if (M == 1 && d == 64) CK_FEW_SCORES(M, 64); \
    else CK_FEW_SCORES(M, d); \
  } \
  static void few_sums_##M(CK_FEW_SUM_ARGUMENTS) { \
    weigh_tile(M, CK_FEW_PAIRS(M), 0, count, weights, values, places, plan, out, ldo); \
  } \
  static void few_two_##M(CK_FEW_SUM_ARGUMENTS) { \
    weigh_tile(M, 2, 0, count, weights, values, places, plan, out, ldo); \
  } \
  static void few_pair_##M(CK_FEW_SUM_ARGUMENTS) { \
    weigh_tile(M, 1, n, count, weights, values, places, plan, out, ldo); \
  }

typedef struct {
  size_t pairs;
  void (*scores)(CK_FEW_SCORE_ARGUMENTS);
  void (*sums)(CK_FEW_SUM_ARGUMENTS);
  void (*two)(CK_FEW_SUM_ARGUMENTS);
  void (*pair)(CK_FEW_SUM_ARGUMENTS);
} few_tiles;
#define CK_FEW_ENTRY(M) \
  {CK_FEW_PAIRS(M), few_scores_##M, few_sums_##M, few_two_##M, few_pair_##M}

CK_FEW_TILES(1) CK_FEW_TILES(2) CK_FEW_TILES(3)
#if CK_REGISTERS >= 32
CK_FEW_TILES(4)
enum { few_rows = 4 };
static const few_tiles few[] = {
    {0, 0, 0, 0, 0}, CK_FEW_ENTRY(1), CK_FEW_ENTRY(2), CK_FEW_ENTRY(3), CK_FEW_ENTRY(4)};
#else
enum { few_rows = 3 };
static const few_tiles few[] = {
    {0, 0, 0, 0, 0}, CK_FEW_ENTRY(1), CK_FEW_ENTRY(2), CK_FEW_ENTRY(3)};
#endif

// Scores of the stacked rows of q against the `count` keys at `places`.
static void score_few(
    size_t rows, size_t d, const float *q, size_t ldq, const stored *keys, const size_t *places,
    size_t count, asking plan, float *scores) {
  const size_t passes = (rows + few_rows - 1) / few_rows;
  for (size_t pass = 0; pass < passes; pass++) {
    size_t row = rows * pass / passes, height = rows * (pass + 1) / passes - row;
    few[height].scores(
        d, count, q + row * ldq, ldq, keys, places, share(plan, pass, passes),
        scores + row * CK_ATTENTION_KEYS);
  }
}

// out[rows, d] += weights[rows, count] times the values at `places`.
static void weigh_few(
    size_t rows, size_t d, const float *weights, const stored *values, const size_t *places,
    size_t count, asking plan, float *out, size_t ldo) {
  // Wide heads are read whole by fewer rows, rather than in parts by more.
  const size_t most = few_rows == 4 && d >= 4 * CK_PAIR ? 3 : few_rows;
  const size_t passes = (rows + most - 1) / most;
  for (size_t pass = 0; pass < passes; pass++) {
    size_t row = rows * pass / passes, height = rows * (pass + 1) / passes - row;
    const few_tiles *tiles = &few[height];
    const size_t wide = tiles->pairs * CK_PAIR, parts = (d + wide - 1) / wide;
    const size_t turns = passes * parts, end = pass * parts + parts;
    const float *own = weights + row * CK_ATTENTION_KEYS;
    float *to = out + row * ldo;
    // What is left behind the wide tiles is one part, in which the first tile asks.
    size_t i = 0, turn = pass * parts;
    for (; i + wide <= d; i += wide)
      tiles->sums(0, count, own, values + i, places, share(plan, turn++, turns), to + i, ldo);
    while (i < d) {
      size_t n = d - i < CK_PAIR ? d - i : 0, two = d - i >= 2 * CK_PAIR;
      asking own_plan = share(plan, turn < end ? turn++ : turns, turns);
      if (two) tiles->two(0, count, own, values + i, places, own_plan, to + i, ldo);
      else tiles->pair(n, count, own, values + i, places, own_plan, to + i, ldo);
      i += two ? 2 * CK_PAIR : CK_PAIR;
    }
  }
}

// The whole of a job with fewer than CK_TRANSPOSE_FROM stacked rows.
static void attend_few(const ck_attention *job, const stored *keys, const stored *values) {
  const size_t d = job->width, g = job->group, rows = job->slots * g;
  const size_t wide = (d + CK_PAIR - 1) / CK_PAIR * CK_PAIR;
  const size_t ahead = rows == 1 ? slots_ahead(d * sizeof(stored)) : CK_ATTENTION_KEYS;
  const asking plan = {.ahead = ahead, .bytes = job->is_cached ? 0 : d * sizeof(stored)};
  float *q = job->workspace, *out = q + rows * wide, *scores = out + rows * wide;
  float highest[CK_TRANSPOSE_FROM], total[CK_TRANSPOSE_FROM];
  size_t places[2 * CK_ATTENTION_KEYS];
  memset(q, 0, 2 * rows * wide * sizeof(float));
  for (size_t r = 0; r < rows; r++) {
    const float *query = job->queries + r / g * job->query_stride + r % g * d;
    arrange_query(q + r * wide, query, d, job->scale);
    highest[r] = -INFINITY;
    total[r] = 0;
  }
  size_t visible = job->context + job->slots;
  for (size_t first = 0; first < visible; first += CK_ATTENTION_KEYS) {
    size_t count = visible - first < CK_ATTENTION_KEYS ? visible - first : CK_ATTENTION_KEYS;
    locate(job, first, count, ahead, places);
    score_few(rows, d, q, wide, keys, places, count, plan, scores);
    for (size_t r = 0; r < rows; r++) {
      float *own = scores + r * CK_ATTENTION_KEYS;
      weigh_row(
          job, r / g, job->context + r / g + 1, first, count, own, out + r * wide, wide,
          &highest[r], &total[r]);
      arrange_weights(own, count);
    }
    weigh_few(rows, d, scores, values, places, count, plan, out, wide);
  }
  for (size_t r = 0; r < rows; r++) {
    float *target = job->out + r / g * job->out_stride + r % g * d;
    float factor = total[r] > 0 ? 1.0f / total[r] : 0;
    for (size_t i = 0; i < d; i++) target[i] = out[r * wide + place_in_pairs(i)] * factor;
    if (job->lse) job->lse[r] = log_sum(highest[r], total[r]);
  }
}

#if CK_KEYS == CK_FLOATS
static void attend(const ck_attention *job) {
  if (job->slots * job->group >= CK_TRANSPOSE_FROM) return attend_many(job);
  attend_few(job, job->keys, job->values);
}
#endif
