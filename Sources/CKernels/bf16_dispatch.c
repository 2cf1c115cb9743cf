// Packs weights and picks the bfloat16 variant that this machine runs.
#include <pthread.h>
#include <string.h>

#include "bf16_variants.h"

size_t ck_packed_depth(size_t inputs) { return (inputs + 31) / 32 * 32; }

size_t ck_packed_elements(size_t outputs, size_t inputs) {
  return (outputs + 15) / 16 * 16 * ck_packed_depth(inputs);
}

static size_t element(size_t depth, size_t n, size_t k) {
  return ((n / 16 * (depth / 2) + k / 2) * 16 + n % 16) * 2 + k % 2;
}

// Panel by panel: 16 rows are rounded side by side, then taken pair by pair.
void ck_pack(const float *w, size_t ldw, size_t outputs, size_t inputs, uint16_t *panels) {
  enum { chunk = 256 };
  const ck_bf16_kernels *best = ck_best_bf16();
  size_t depth = ck_packed_depth(inputs);
  uint16_t part[16][chunk];
  memset(part, 0, sizeof part);
  for (size_t n = 0; n < outputs; n += 16) {
    size_t rows = outputs - n < 16 ? outputs - n : 16;
    if (rows < 16) memset(part, 0, sizeof part);
    for (size_t first = 0; first < inputs; first += chunk) {
      size_t count = inputs - first < chunk ? inputs - first : chunk;
      for (size_t r = 0; r < rows; r++) {
        best->round(part[r], w + (n + r) * ldw + first, count);
        if (count % 2) part[r][count] = 0;
      }
      uint16_t *to = panels + element(depth, n, first);
      for (size_t k = 0; k < count; k += 2) {
        for (size_t r = 0; r < 16; r++) memcpy(to + k * 16 + 2 * r, part[r] + k, 4);
      }
    }
  }
}

void ck_packed_row(const ck_packed *w, size_t n, float *y) {
  const uint16_t *from = (const uint16_t *)w->panels + element(ck_packed_depth(w->inputs), n, 0);
  for (size_t k = 0; k < w->inputs; k++) {
    uint32_t bits = (uint32_t)from[k / 2 * 32 + k % 2] << 16;
    memcpy(y + k, &bits, sizeof bits);
  }
}

size_t ck_packed_workspace(size_t m, size_t inputs) {
  return m * ck_packed_depth(inputs) * sizeof(float);
}

size_t ck_bf16_attention_workspace(size_t slots, size_t group, size_t width, size_t context) {
  size_t wide = (width + 15) / 16 * 16, visible = context + slots;
  size_t tile = CK_ATTENTION_ROWS * (2 * wide + CK_ATTENTION_KEYS);
  if (slots * group < CK_TRANSPOSE_FROM) return tile;
  return tile + visible * wide + (visible + CK_PANEL - 1) / CK_PANEL * CK_PANEL * wide;
}

#if defined(__x86_64__)

static int amx_works;
static const char *amx_text = "not asked for";
static pthread_once_t amx_once = PTHREAD_ONCE_INIT;
static void try_amx(void) { amx_works = ck_try_amx(&amx_text); }

static int has_amx(void) {
  pthread_once(&amx_once, try_amx);
  return amx_works && ck_kernels_named("avx512") != 0;
}

static int has_dot(void) {
  __builtin_cpu_init();
  return ck_kernels_named("avx512") != 0 && __builtin_cpu_supports("avx512bf16");
}

const char *ck_amx_state(void) {
  has_amx();
  return amx_text;
}

int ck_dot_is_fast(void) { return has_dot() && ck_is_amd(); }

#else
int ck_dot_is_fast(void) { return 0; }
const char *ck_amx_state(void) { return "the CPU does not list it"; }
#endif

const ck_bf16_kernels *ck_bf16_named(const char *name) {
#if defined(__x86_64__)
  if (strcmp(name, "amx") == 0) return has_amx() ? &ck_bf16_amx : 0;
  if (strcmp(name, "avx512-bf16") == 0)
    return ck_dot_is_fast() ? &ck_bf16_dot : has_dot() ? &ck_bf16_slow_dot : 0;
  if (strcmp(name, "avx512") == 0) return ck_kernels_named("avx512") ? &ck_bf16_avx512 : 0;
  if (strcmp(name, "avx2") == 0) return ck_kernels_named("avx2") ? &ck_bf16_avx2 : 0;
#endif
  if (strcmp(name, "amx-emulated") == 0) return &ck_bf16_amx_emulated;
  return strcmp(name, "portable") == 0 ? &ck_bf16_portable : 0;
}

const ck_bf16_kernels *ck_best_bf16(void) {
  static const char *const names[] = {"amx", "avx512-bf16", "avx512", "avx2"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    const ck_bf16_kernels *found = ck_bf16_named(names[i]);
    if (found) return found;
  }
  return &ck_bf16_portable;
}

static const ck_bf16_kernels *adding;
static pthread_once_t adding_once = PTHREAD_ONCE_INIT;
static void find_adding(void) { adding = ck_best_bf16(); }

void ck_bf16_add(uint16_t *y, const uint16_t *x, size_t n) {
  pthread_once(&adding_once, find_adding);
  adding->add(y, x, n);
}
