// Attention over keys and values in bfloat16. Products and sums are float32, as in attention.h,
// whose letters and tiles are used here.

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

static void attend_bf16(
    const ck_attention *job, const uint16_t *keys, const uint16_t *values) {
  const size_t d = job->width, visible = job->context + job->slots;
  float *free = job->workspace + CK_ATTENTION_ROWS * (2 * d + CK_ATTENTION_KEYS);
  if (job->slots * job->group < CK_TRANSPOSE_FROM) {
    attend_few(job, keys, values);
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
  attend_tiles(&widened, panels, 0, 0);
}
