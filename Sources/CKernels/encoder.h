// What encoders need beside: LayerNorm, GELU, and attention in both directions. n: elements of a
// row.

// y = (x + addend - mean) / sqrt(variance + epsilon) * w + b. The variance is of differences from
// the mean, in a second pass: rows with a large mean lose nothing.
static void layer_norm(
    float *y, const float *x, const float *addend, const float *w, const float *b, size_t n,
    float epsilon) {
  vec a = splat(0);
  float total = 0;
  size_t i = 0;
  for (; i + CK_WIDTH <= n; i += CK_WIDTH) {
    vec p = load(x + i);
    if (addend) p += load(addend + i);
    store(y + i, p);
    a += p;
  }
  for (; i < n; i++) {
    y[i] = addend ? x[i] + addend[i] : x[i];
    total += y[i];
  }
  float mean = (sum(a) + total) / (float)n;
  a = splat(0);
  total = 0;
  for (i = 0; i + CK_WIDTH <= n; i += CK_WIDTH) {
    vec p = load(y + i) - mean;
    a = p * p + a;
  }
  for (; i < n; i++) total += (y[i] - mean) * (y[i] - mean);
  float scale = 1.0f / sqrtf((sum(a) + total) / (float)n + epsilon);
  for (i = 0; i + CK_WIDTH <= n; i += CK_WIDTH)
    store(y + i, (load(y + i) - mean) * scale * load(w + i) + load(b + i));
  for (; i < n; i++) y[i] = (y[i] - mean) * scale * w[i] + b[i];
}

// x (1 + erf(x / sqrt 2)) / 2 through the complementary error function of |x| / sqrt 2:
// Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26, absolute error of erf at most
// 1.5e-7. The larger side is x minus the smaller one, so that neither tail cancels.
CK_INLINE vec gelu_of(vec x) {
  vec size = x < 0 ? -x : x;
  vec z = size * 0.70710678f;
  vec t = 1.0f / (z * 0.3275911f + 1.0f);
  vec p = t * 1.061405429f + -1.453152027f;
  p = p * t + 1.421413741f;
  p = p * t + -0.284496736f;
  p = p * t + 0.254829592f;
  vec tail = 0.5f * size * (p * t * exponential(-z * z));
  return x < 0 ? -tail : x - tail;
}

static void gelu(float *x, size_t n) {
  size_t i = 0;
  for (; i + CK_WIDTH <= n; i += CK_WIDTH) store(x + i, gelu_of(load(x + i)));
  if (i < n) store_part(x + i, gelu_of(load_part(x + i, n - i)), n - i);
}

// One head over all slots in both directions: a group of one, without context or blocks; keys and
// values lie key_stride elements apart.
static void attend_both(const ck_attention *job, size_t key_stride) {
  const size_t d = job->width;
  float *panels = job->workspace + CK_ATTENTION_ROWS * (2 * d + CK_ATTENTION_KEYS);
  for (size_t j = 0; j < job->slots; j += CK_PANEL) {
    size_t count = job->slots - j < CK_PANEL ? job->slots - j : CK_PANEL;
    float *panel = panels + j * d;
    const float *keys = job->keys + j * key_stride;
    for (size_t i = 0; i < d; i++) {
      for (size_t k = 0; k < count; k++) panel[i * CK_PANEL + k] = keys[k * key_stride + i];
      for (size_t k = count; k < CK_PANEL; k++) panel[i * CK_PANEL + k] = 0;
    }
  }
  attend_tiles(job, panels, 0, key_stride);
}
