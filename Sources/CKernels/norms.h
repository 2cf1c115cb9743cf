// RMS norms and element-wise sums. n: elements of a row.

CK_INLINE float sum_of_squares(const float *x, size_t n) {
  vec a = splat(0), b = a, c = a, d = a;
  size_t i = 0;
  for (; i + 4 * CK_WIDTH <= n; i += 4 * CK_WIDTH) {
    vec p = load(x + i), q = load(x + i + CK_WIDTH);
    vec r = load(x + i + 2 * CK_WIDTH), s = load(x + i + 3 * CK_WIDTH);
    a = p * p + a;
    b = q * q + b;
    c = r * r + c;
    d = s * s + d;
  }
  for (; i + CK_WIDTH <= n; i += CK_WIDTH) {
    vec p = load(x + i);
    a = p * p + a;
  }
  if (i < n) {
    vec p = load_part(x + i, n - i);
    b = p * p + b;
  }
  return sum((a + b) + (c + d));
}

CK_INLINE void scale_row(float *y, const float *x, const float *w, size_t n, float scale) {
  size_t i = 0;
  for (; i + CK_WIDTH <= n; i += CK_WIDTH) store(y + i, load(x + i) * scale * load(w + i));
  for (; i < n; i++) y[i] = x[i] * scale * w[i];
}

static void rms_norm(float *y, const float *x, const float *w, size_t n, float epsilon) {
  scale_row(y, x, w, n, 1.0f / sqrtf(sum_of_squares(x, n) / (float)n + epsilon));
}

static void add(float *y, const float *x, size_t n) {
  size_t i = 0;
  for (; i + CK_WIDTH <= n; i += CK_WIDTH) store(y + i, load(y + i) + load(x + i));
  for (; i < n; i++) y[i] += x[i];
}

static void add_rms_norm(
    float *y, float *r, const float *x, const float *w, size_t n, float epsilon) {
  vec a = splat(0), b = a;
  size_t i = 0;
  for (; i + 2 * CK_WIDTH <= n; i += 2 * CK_WIDTH) {
    vec p = load(r + i) + load(x + i);
    vec q = load(r + i + CK_WIDTH) + load(x + i + CK_WIDTH);
    store(r + i, p);
    store(r + i + CK_WIDTH, q);
    a = p * p + a;
    b = q * q + b;
  }
  float squares = sum(a + b);
  for (; i < n; i++) {
    r[i] += x[i];
    squares += r[i] * r[i];
  }
  scale_row(y, r, w, n, 1.0f / sqrtf(squares / (float)n + epsilon));
}
