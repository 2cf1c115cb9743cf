// Rotary position embedding. d: elements of a head; element i turns with element i + d / 2.

static void rotate(
    float *x, const float *cosines, const float *sines, size_t heads, size_t d) {
  size_t half = d / 2, i = 0;
  // The angles of a few elements serve all heads.
  for (; i + CK_WIDTH <= half; i += CK_WIDTH) {
    vec c = load(cosines + i), s = load(sines + i);
    for (size_t h = 0; h < heads; h++) {
      float *first = x + h * d + i, *second = first + half;
      vec a = load(first), b = load(second);
      store(first, a * c - b * s);
      store(second, b * c + a * s);
    }
  }
  for (; i < half; i++) {
    for (size_t h = 0; h < heads; h++) {
      float *first = x + h * d + i, *second = first + half;
      float a = *first, b = *second;
      *first = a * cosines[i] - b * sines[i];
      *second = b * cosines[i] + a * sines[i];
    }
  }
}
