// Packs float weights.
#include <string.h>

#include "CKernels.h"

#define CK_WIDTH 4
#include "vector.h"

size_t ck_float_words(size_t inputs) { return (inputs + 15) / 16 * 16; }

size_t ck_float_elements(size_t outputs, size_t inputs) {
  return (outputs + 15) / 16 * 16 * ck_float_words(inputs);
}

// Four rows and four inputs at a time; what is left one by one.
void ck_float_pack(
    const float *w, size_t ldw, size_t outputs, size_t inputs, float *panels) {
  const size_t words = ck_float_words(inputs);
  for (size_t n = 0; n < outputs; n += 4) {
    size_t rows = outputs - n < 4 ? outputs - n : 4, k = 0;
    float *to = panels + n / 16 * 16 * words + n % 16;
    const float *from = w + n * ldw;
    for (; rows == 4 && k + 4 <= inputs; k += 4) {
      vec4 four[4];
      CK_UNROLL for (int r = 0; r < 4; r++) four[r] = load(from + (size_t)r * ldw + k);
      transpose_four(four);
      CK_UNROLL for (int i = 0; i < 4; i++) store(to + (k + (size_t)i) * 16, four[i]);
    }
    for (; k < inputs; k++) {
      for (size_t r = 0; r < rows; r++) to[k * 16 + r] = from[r * ldw + k];
    }
  }
}

void ck_float_row(const ck_packed *w, size_t n, float *y) {
  const float *from =
      (const float *)w->panels + n / 16 * 16 * ck_float_words(w->inputs) + n % 16;
  for (size_t k = 0; k < w->inputs; k++) y[k] = from[k * 16];
}
