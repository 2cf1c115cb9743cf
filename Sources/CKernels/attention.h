// Causal attention of one KV head: the query heads that share it are stacked on the slots.
//
// Letters: s slots, g group, d width, t visible KV slots. Stacked row r is slot r / g, head r % g.
// CK_ATTENTION_ROWS stacked rows at a time walk over the keys in blocks of CK_ATTENTION_KEYS, with
// the running maximum and sum of online softmax (Milakov and Gimelshein 2018, arXiv:1805.02867;
// blocked as in Dao et al. 2022, arXiv:2205.14135, algorithm 1). No [s, t] matrix exists.
//
// Keys and values lie in blocks (a region without a table is one block). Few rows read them where
// they lie, slot by slot (attention_few.h); many rows read transposed keys, and values of a tile that
// were brought together, run by run.
//
// Padding is computed: masked scores are products like all others, then set to minus infinity.
// Only KV blocks that lie wholly after the last slot of a tile are left out, padded or not.

// Elements from the start of the memory to KV slot `slot`, and the slots that follow it without a
// gap, `count` at most.
CK_INLINE size_t run_start(const ck_attention *job, size_t slot) {
  if (!job->blocks) return slot * job->width;
  return (size_t)job->blocks[slot / job->block_slots] * job->block_stride +
         slot % job->block_slots * job->width;
}

CK_INLINE size_t run_length(const ck_attention *job, size_t slot, size_t count) {
  if (!job->blocks) return count;
  size_t left = job->block_slots - slot % job->block_slots;
  return left < count ? left : count;
}

// Slots of so many bytes from a slot to the one that is prefetched while it is used.
CK_INLINE size_t slots_ahead(size_t bytes) {
  size_t slots = CK_BYTES_AHEAD / bytes;
  return slots < CK_SLOTS_AHEAD ? slots : CK_SLOTS_AHEAD;
}

// Where the slots first..<first + count lie, and the `ahead` ones behind them; behind the last
// slot, the last again.
CK_INLINE void locate(
    const ck_attention *job, size_t first, size_t count, size_t ahead, size_t *places) {
  const size_t d = job->width, visible = job->context + job->slots;
  size_t all = count + ahead, done = 0;
  while (done < all && first + done < visible) {
    size_t length = run_length(job, first + done, all - done);
    if (length > visible - first - done) length = visible - first - done;
    size_t start = run_start(job, first + done);
    for (size_t i = 0; i < length; i++) places[done + i] = start + i * d;
    done += length;
  }
  for (; done < all; done++) places[done] = places[done - 1];
}

// Sets x[begin..<end] to minus infinity, as far as it lies in 0..<n.
CK_INLINE void exclude(float *x, size_t begin, size_t end, size_t n) {
  if (end > n) end = n;
  for (size_t i = begin; i < end; i++) x[i] = -INFINITY;
}

// One block of online softmax for one stacked row. scores[padded] become weights relative to the
// new maximum; the row's old output is rescaled by what the maximum moved.
CK_INLINE void soften(
    float *scores, size_t padded, float *out, size_t d, float *maximum_so_far, float *total) {
  float high = largest(scores, padded);
  if (high < *maximum_so_far) high = *maximum_so_far;
  // Nothing but masked keys so far: any finite offset makes all weights zero.
  float offset = high == -INFINITY ? 0 : high;
  if (*total > 0) {
    float kept = exponential(splat(*maximum_so_far - offset))[0];
    if (kept != 1) multiply(out, d, kept);
    *total *= kept;
  }
  *total += exponentials(scores, padded, offset);
  *maximum_so_far = high;
}

CK_INLINE float log_sum(float highest, float total) {
  return total > 0 ? highest + logf(total) : -INFINITY;
}

// Scores of a slot that sees the first `seen` keys, against keys first..<first + count, become weights:
// what it must not see gets none. There is room for whole vectors of scores.
CK_INLINE void weigh_row(
    const ck_attention *job, size_t slot, size_t seen, size_t first, size_t count, float *scores,
    float *out, size_t d, float *highest, float *total) {
  size_t padded = (count + CK_WIDTH - 1) / CK_WIDTH * CK_WIDTH;
  exclude(scores, seen > first ? seen - first : 0, padded, padded);
  if (slot >= job->real_begin && slot < job->real_end && job->masked_end > first)
    exclude(
        scores, job->masked_begin > first ? job->masked_begin - first : 0,
        job->masked_end - first, padded);
  soften(scores, padded, out, d, highest, total);
}

// Scores of rows of q against the next `count` keys of transposed panels. A row has `depth` words
// (tiles.h).
static void score_block(
    size_t rows, size_t depth, const float *q, const float *panels, size_t count, float *scores) {
  for (size_t j = 0; j < count; j += CK_PANEL) {
    size_t columns = count - j < CK_PANEL ? count - j : CK_PANEL;
    columns = (columns + CK_WIDTH - 1) / CK_WIDTH * CK_WIDTH;
    multiply_tiles(
        rows, columns, depth, q, depth, panels + j * depth, CK_PANEL, scores + j, CK_ATTENTION_KEYS,
        0);
  }
}

// What row r of the stack gives: its sums over their total, element by element.
CK_INLINE void end_row(
    const ck_attention *job, size_t r, const float *sums, float highest, float total) {
  const size_t d = job->width, g = job->group;
  float *target = job->out + r / g * job->out_stride + r % g * d;
  float factor = total > 0 ? 1.0f / total : 0;
  for (size_t i = 0; i < d; i++) target[i] = sums[i] * factor;
  if (job->lse) job->lse[r] = log_sum(highest, total);
}
