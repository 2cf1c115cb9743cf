// SiLU * up, softmax, largest element. n: elements of a row.

CK_INLINE vec silu(vec g) { return g / (exponential(-g) + 1.0f); }

static void silu_multiply(float *y, const float *g, const float *u, size_t n) {
  size_t i = 0;
  for (; i + CK_WIDTH <= n; i += CK_WIDTH) store(y + i, silu(load(g + i)) * load(u + i));
  if (i < n) store_part(y + i, silu(load_part(g + i, n - i)) * load_part(u + i, n - i), n - i);
}

CK_INLINE float largest(const float *x, size_t n) {
  float result = x[0];
  size_t i = 0;
  if (n >= CK_WIDTH) {
    vec a = load(x), b = a, c = a, d = a;
    for (; i + 4 * CK_WIDTH <= n; i += 4 * CK_WIDTH) {
      a = maximum(a, load(x + i));
      b = maximum(b, load(x + i + CK_WIDTH));
      c = maximum(c, load(x + i + 2 * CK_WIDTH));
      d = maximum(d, load(x + i + 3 * CK_WIDTH));
    }
    for (; i + CK_WIDTH <= n; i += CK_WIDTH) a = maximum(a, load(x + i));
    result = largest_lane(maximum(maximum(a, b), maximum(c, d)));
  }
  for (; i < n; i++) result = x[i] > result ? x[i] : result;
  return result;
}

// x = exp(x - offset); returns the sum of the results.
CK_INLINE float exponentials(float *x, size_t n, float offset) {
  vec a = splat(0), b = a;
  size_t i = 0;
  for (; i + 2 * CK_WIDTH <= n; i += 2 * CK_WIDTH) {
    vec p = exponential(load(x + i) - offset);
    vec q = exponential(load(x + i + CK_WIDTH) - offset);
    store(x + i, p);
    store(x + i + CK_WIDTH, q);
    a += p;
    b += q;
  }
  for (; i + CK_WIDTH <= n; i += CK_WIDTH) {
    vec p = exponential(load(x + i) - offset);
    store(x + i, p);
    a += p;
  }
  float total = sum(a + b);
  if (i < n) {
    store_part(x + i, exponential(load_part(x + i, n - i) - offset), n - i);
    for (; i < n; i++) total += x[i];
  }
  return total;
}

CK_INLINE void multiply(float *x, size_t n, float factor) {
  size_t i = 0;
  for (; i + CK_WIDTH <= n; i += CK_WIDTH) store(x + i, load(x + i) * factor);
  for (; i < n; i++) x[i] *= factor;
}

static void softmax(float *x, size_t n) {
  if (n == 0) return;
  multiply(x, n, 1.0f / exponentials(x, n, largest(x, n)));
}

static size_t argmax(const float *x, size_t n) {
  float value = largest(x, n);
  size_t i = 0;
  // A block is looked at closely only when it holds the largest value.
  for (; i + 64 <= n; i += 64) {
    int found = 0;
    for (size_t j = 0; j < 64; j++) found |= x[i + j] == value;
    if (found) break;
  }
  for (; i < n; i++)
    if (x[i] == value) return i;
  return 0;
}
