// What a block of columns adds to a softmax: its largest element and the sum of exponentials below
// it. n: elements of a row.

// Elements that are read for their largest and again for their exponentials: 16 KiB, in the
// first-level cache.
#define CK_SOFTMAX_TILE 4096

// Sum of exp(x - offset).
CK_INLINE float exponential_sum(const float *x, size_t n, float offset) {
  vec a = splat(0), b = a, c = a, d = a;
  size_t i = 0;
  for (; i + 4 * CK_WIDTH <= n; i += 4 * CK_WIDTH) {
    a += exponential(load(x + i) - offset);
    b += exponential(load(x + i + CK_WIDTH) - offset);
    c += exponential(load(x + i + 2 * CK_WIDTH) - offset);
    d += exponential(load(x + i + 3 * CK_WIDTH) - offset);
  }
  for (; i + CK_WIDTH <= n; i += CK_WIDTH) a += exponential(load(x + i) - offset);
  float total = sum((a + b) + (c + d));
  if (i < n) {
    float lanes[CK_WIDTH];
    store(lanes, exponential(load_part(x + i, n - i) - offset));
    for (size_t j = 0; j < n - i; j++) total += lanes[j];
  }
  return total;
}

// One pass over memory: a tile with a larger element scales down what was summed before it. Tiles
// are added in double, so that the error does not grow with the vocabulary.
static double softmax_parts(const float *x, size_t n, float *maximum_out) {
  float offset = -INFINITY;
  double total = 0;
  for (size_t i = 0; i < n; i += CK_SOFTMAX_TILE) {
    size_t count = n - i < CK_SOFTMAX_TILE ? n - i : CK_SOFTMAX_TILE;
    float top = largest(x + i, count);
    if (top > offset) {
      total *= exp((double)offset - (double)top);
      offset = top;
    }
    total += exponential_sum(x + i, count, offset);
  }
  *maximum_out = offset;
  return total;
}
