// Attention of many stacked rows over float32 values and transposed keys.
//
// Included after attention.h, whose letters are used.

// Keys first..<first + count to [d, CK_PANEL] columns, the columns beyond `count` zero.
static void transpose_keys(const ck_attention *job, float *panel, size_t first, size_t count) {
  const size_t d = job->width;
  for (size_t done = 0; done < count;) {
    size_t length = run_length(job, first + done, count - done);
    const float *keys = job->keys + run_start(job, first + done);
    for (size_t i = 0; i < d; i++) {
      for (size_t j = 0; j < length; j++) panel[i * CK_PANEL + done + j] = keys[j * d + i];
    }
    done += length;
  }
  for (size_t i = 0; i < d; i++) {
    for (size_t j = count; j < CK_PANEL; j++) panel[i * CK_PANEL + j] = 0;
  }
}

// out[rows, d] += weights[rows, count] times the values first..<first + count, which are brought
// together in `gathered` if they do not lie so.
CK_INLINE void add_values(
    const ck_attention *job, const float *weights, size_t rows, size_t first, size_t count,
    float *gathered, float *out) {
  const size_t d = job->width;
  const float *values = job->values + run_start(job, first);
  if (run_length(job, first, count) < count) {
    values = gathered;
    for (size_t done = 0, length; done < count; done += length) {
      length = run_length(job, first + done, count - done);
      memcpy(
          gathered + done * d, job->values + run_start(job, first + done),
          length * d * sizeof(float));
    }
  }
  multiply_tiles(rows, d, count, weights, CK_ATTENTION_KEYS, values, d, out, d, 1);
}

// Stacked rows row..<row + rows of the job against transposed keys. `gathered` has room for the
// values of a tile. With `stride` every slot sees all slots, whose values lie so far apart.
static void attend_tile(
    const ck_attention *job, size_t row, size_t rows, const float *panels, float *gathered,
    size_t stride) {
  const size_t d = job->width, g = job->group;
  float *q = job->workspace, *out = q + CK_ATTENTION_ROWS * d;
  float *scores = out + CK_ATTENTION_ROWS * d;
  float highest[CK_ATTENTION_ROWS], total[CK_ATTENTION_ROWS];
  for (size_t r = 0; r < rows; r++) {
    size_t slot = (row + r) / g, head = (row + r) % g;
    const float *query = job->queries + slot * job->query_stride + head * d;
    for (size_t i = 0; i < d; i++) q[r * d + i] = query[i] * job->scale;
    highest[r] = -INFINITY;
    total[r] = 0;
  }
  memset(out, 0, rows * d * sizeof(float));

  size_t visible = stride ? job->slots : job->context + (row + rows - 1) / g + 1;
  for (size_t first = 0; first < visible; first += CK_ATTENTION_KEYS) {
    size_t count = visible - first < CK_ATTENTION_KEYS ? visible - first : CK_ATTENTION_KEYS;
    score_block(rows, d, q, panels + first * d, count, scores);
    for (size_t r = 0; r < rows; r++) {
      size_t slot = (row + r) / g;
      weigh_row(
          job, slot, stride ? job->slots : job->context + slot + 1, first, count,
          scores + r * CK_ATTENTION_KEYS, out + r * d, d, &highest[r], &total[r]);
    }
    if (stride)
      multiply_tiles(
          rows, d, count, scores, CK_ATTENTION_KEYS, job->values + first * stride, stride, out, d, 1);
    else
      add_values(job, scores, rows, first, count, gathered, out);
  }

  for (size_t r = 0; r < rows; r++) end_row(job, row + r, out + r * d, highest[r], total[r]);
}

// All stacked rows of the job, tile by tile.
static void attend_tiles(
    const ck_attention *job, const float *panels, float *gathered, size_t stride) {
  const size_t stacked = job->slots * job->group;
  for (size_t row = 0; row < stacked; row += CK_ATTENTION_ROWS) {
    size_t rows = stacked - row < CK_ATTENTION_ROWS ? stacked - row : CK_ATTENTION_ROWS;
    attend_tile(job, row, rows, panels, gathered, stride);
  }
}

// A job of CK_TRANSPOSE_FROM stacked rows or more.
static void attend_many(const ck_attention *job) {
  const size_t d = job->width, visible = job->context + job->slots;
  float *gathered = job->workspace + CK_ATTENTION_ROWS * (2 * d + CK_ATTENTION_KEYS);
  float *panels = gathered + CK_ATTENTION_KEYS * d;
  for (size_t j = 0; j < visible; j += CK_PANEL) {
    size_t count = visible - j < CK_PANEL ? visible - j : CK_PANEL;
    transpose_keys(job, panels + j * d, j, count);
  }
  attend_tiles(job, panels, gathered, 0);
}
