// Attention over keys and values in bfloat16. Products and sums are float32, as in attention.h,
// whose letters and tiles are used here.

// Keys [count, d] to [d, CK_PANEL] columns, widened, the columns beyond `count` zero.
static void transpose_bf16(float *panel, const uint16_t *keys, size_t count, size_t d) {
  for (size_t j = 0; j < CK_PANEL; j++) {
    if (j >= count) {
      for (size_t i = 0; i < d; i++) panel[i * CK_PANEL + j] = 0;
      continue;
    }
    for (size_t i = 0; i < d; i++) {
      uint32_t bits = (uint32_t)keys[j * d + i] << 16;
      memcpy(panel + i * CK_PANEL + j, &bits, sizeof bits);
    }
  }
}

// Few stacked rows: blocks of keys are widened into the first-level cache and used at once.
static void attend_few_bf16(
    const ck_attention *job, const uint16_t *keys, const uint16_t *values, float *widened) {
  const size_t d = job->width, g = job->group, rows = job->slots * g;
  float *q = job->workspace, *out = q + CK_ATTENTION_ROWS * d;
  float *scores = out + CK_ATTENTION_ROWS * d;
  float highest[CK_TRANSPOSE_FROM], total[CK_TRANSPOSE_FROM];
  for (size_t r = 0; r < rows; r++) {
    const float *query = job->queries + r / g * job->query_stride + r % g * d;
    for (size_t i = 0; i < d; i++) q[r * d + i] = query[i] * job->scale;
    highest[r] = -INFINITY;
    total[r] = 0;
  }
  memset(out, 0, rows * d * sizeof(float));
  size_t visible = job->context + job->slots;
  for (size_t first = 0; first < visible; first += CK_BF16_KEYS) {
    size_t count = visible - first < CK_BF16_KEYS ? visible - first : CK_BF16_KEYS;
    size_t padded = (count + CK_WIDTH - 1) / CK_WIDTH * CK_WIDTH;
    widen_row(widened, keys + first * d, count * d);
    skinny_linear(rows, count, d, q, d, widened, d, 0, scores, CK_ATTENTION_KEYS);
    widen_row(widened, values + first * d, count * d);
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
    multiply_tiles(rows, d, count, scores, CK_ATTENTION_KEYS, widened, d, out, d, 1);
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
    attend_few_bf16(job, keys, values, free);
    return;
  }
  ck_attention widened = *job;
  widened.values = free;
  widen_row(free, values, visible * d);
  float *panels = free + visible * d;
  for (size_t j = 0; j < visible; j += CK_PANEL) {
    size_t count = visible - j < CK_PANEL ? visible - j : CK_PANEL;
    transpose_bf16(panels + j * d, keys + j * d, count, d);
  }
  for (size_t row = 0; row < stacked; row += CK_ATTENTION_ROWS) {
    size_t rows = stacked - row < CK_ATTENTION_ROWS ? stacked - row : CK_ATTENTION_ROWS;
    attend_tile(&widened, row, rows, panels);
  }
}
