#define _GNU_SOURCE
#include <dlfcn.h>
#include <string.h>

#include "CBLASLoader.h"

int cb_find_mkl(const cb_library *library, cb_mkl *products) {
  static const struct {
    const char *name;
    size_t place;
  } names[] = {
      {"cblas_sgemm_pack_get_size", offsetof(cb_mkl, single_size)},
      {"cblas_sgemm_pack", offsetof(cb_mkl, single_pack)},
      {"cblas_sgemm_compute", offsetof(cb_mkl, single_compute)},
      {"cblas_gemm_bf16bf16f32_pack_get_size", offsetof(cb_mkl, half_size)},
      {"cblas_gemm_bf16bf16f32_pack", offsetof(cb_mkl, half_pack)},
      {"cblas_gemm_bf16bf16f32_compute", offsetof(cb_mkl, half_compute)},
      {"cblas_gemm_bf16bf16f32", offsetof(cb_mkl, half)},
  };
  memset(products, 0, sizeof *products);
  if (library->kind != cb_kind_mkl) return -1;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    void *found = dlsym(library->handle, names[i].name);
    if (!found) return -1;
    memcpy((char *)products + names[i].place, &found, sizeof found);
  }
  return 0;
}
