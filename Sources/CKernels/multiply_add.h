// Ceilings of the machine: multiply-adds on registers, reads of memory in eight streams and in order.

static double multiply_add(size_t rounds, float *witness) {
  vec total[CK_CHAINS];
  CK_UNROLL for (int i = 0; i < CK_CHAINS; i++) total[i] = splat((float)i);
  // Read from memory, so that nothing is known about them when this is compiled.
  vec factor = splat(witness[0]), term = splat(witness[1]);
  for (size_t round = 0; round < rounds; round++) {
    CK_UNROLL for (int i = 0; i < CK_CHAINS; i++) total[i] = total[i] * factor + term;
  }
  vec all = splat(0);
  CK_UNROLL for (int i = 0; i < CK_CHAINS; i++) all += total[i];
  witness[0] = sum(all);
  return 2.0 * CK_CHAINS * CK_WIDTH * (double)rounds;
}

static float read_streams(const float *x, size_t n) {
  enum { streams = 8 };
  size_t length = n / streams / CK_WIDTH * CK_WIDTH;
  vec total[streams];
  CK_UNROLL for (int s = 0; s < streams; s++) total[s] = splat(0);
  for (size_t i = 0; i < length; i += CK_WIDTH) {
    CK_UNROLL for (int s = 0; s < streams; s++) {
      const float *p = x + (size_t)s * length + i;
      CK_PREFETCH(p + prefetch_distance);
      total[s] += load(p);
    }
  }
  vec all = splat(0);
  CK_UNROLL for (int s = 0; s < streams; s++) all += total[s];
  float result = sum(all);
  for (size_t i = length * streams; i < n; i++) result += x[i];
  return result;
}

// In order and without prefetch: faster than streams in the caches.
static float read_in_order(const float *x, size_t n) {
  vec total[4];
  CK_UNROLL for (int s = 0; s < 4; s++) total[s] = splat(0);
  size_t i = 0;
  for (; i + 4 * CK_WIDTH <= n; i += 4 * CK_WIDTH) {
    CK_UNROLL for (int s = 0; s < 4; s++) total[s] += load(x + i + s * CK_WIDTH);
  }
  float result = sum((total[0] + total[1]) + (total[2] + total[3]));
  for (; i < n; i++) result += x[i];
  return result;
}
