// What the variants share with dispatch.c, and the sizes that all of them use.
#ifndef CK_VARIANTS_H
#define CK_VARIANTS_H

#include "CKernels.h"

enum {
  // Keys per transposed panel: [d, 64] floats stay in the first-level cache for d up to 128.
  CK_PANEL = 64,
  // Stacked query rows, and keys, of one attention tile: their scores take 96 KiB.
  CK_ATTENTION_ROWS = 96,
  CK_ATTENTION_KEYS = 256,
  // From this many stacked rows on, keys are transposed first.
  CK_TRANSPOSE_FROM = 24,
  // Bytes of keys or values of one row from a use to a prefetch, and slots at most.
  CK_BYTES_AHEAD = 4096,
  CK_SLOTS_AHEAD = 64,
};

extern const ck_kernels ck_portable;
#if defined(__x86_64__)
extern const ck_kernels ck_avx2;
extern const ck_kernels ck_avx512;
#endif

#endif
