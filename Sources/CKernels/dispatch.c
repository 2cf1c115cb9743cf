// Picks the variant that this machine runs.
#include <string.h>
#include <unistd.h>

#include "variants.h"

#if defined(__x86_64__)
static int runs_avx512(void) {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
int ck_has_avx2(void) {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
int ck_is_amd(void) {
  __builtin_cpu_init();
  return __builtin_cpu_is("amd");
}
#else
int ck_has_avx2(void) { return 0; }
int ck_is_amd(void) { return 0; }
#endif

const ck_kernels *ck_best_kernels(void) {
#if defined(__x86_64__)
  if (runs_avx512()) return &ck_avx512;
  if (ck_has_avx2()) return &ck_avx2;
#endif
  return &ck_portable;
}

const ck_kernels *ck_kernels_named(const char *name) {
#if defined(__x86_64__)
  if (strcmp(name, "avx512") == 0) return runs_avx512() ? &ck_avx512 : 0;
  if (strcmp(name, "avx2") == 0) return ck_has_avx2() ? &ck_avx2 : 0;
#endif
  return strcmp(name, "portable") == 0 ? &ck_portable : 0;
}

const char *ck_instruction_set(void) { return ck_best_kernels()->name; }

size_t ck_attend_both_workspace(size_t slots, size_t width) {
  size_t keys = (slots + CK_PANEL - 1) / CK_PANEL * CK_PANEL;
  return CK_ATTENTION_ROWS * (2 * width + CK_ATTENTION_KEYS) + keys * width;
}

size_t ck_attention_workspace(size_t slots, size_t group, size_t width, size_t context) {
  size_t tile = CK_ATTENTION_ROWS * (2 * width + CK_ATTENTION_KEYS);
  if (slots * group < CK_TRANSPOSE_FROM) return tile;
  size_t keys = (context + slots + CK_PANEL - 1) / CK_PANEL * CK_PANEL;
  return tile + CK_ATTENTION_KEYS * width + keys * width;
}

size_t ck_second_level_cache(void) {
#if defined(_SC_LEVEL2_CACHE_SIZE)
  long bytes = sysconf(_SC_LEVEL2_CACHE_SIZE);
  return bytes > 0 ? (size_t)bytes : 0;
#else
  return 0;
#endif
}
