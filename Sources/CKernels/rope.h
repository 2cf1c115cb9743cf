// Rotary position embedding. d: elements of a head; element i turns with element i + d / 2.

static void rotate(
    float *x, const float *cosines, const float *sines, size_t heads, size_t d) {
  size_t half = d / 2;
  for (size_t h = 0; h < heads; h++) {
    float *first = x + h * d, *second = first + half;
    size_t i = 0;
    for (; i + CK_WIDTH <= half; i += CK_WIDTH) {
      vec a = load(first + i), b = load(second + i);
      vec c = load(cosines + i), s = load(sines + i);
      store(first + i, a * c - b * s);
      store(second + i, b * c + a * s);
    }
    for (; i < half; i++) {
      float a = first[i], b = second[i];
      first[i] = a * cosines[i] - b * sines[i];
      second[i] = b * cosines[i] + a * sines[i];
    }
  }
}
