// bfloat16 by widening, AVX2 and FMA.
#include <math.h>
#include <string.h>

#include "bf16_variants.h"

#if defined(__x86_64__)

#define CK_WIDTH 8
#define CK_REGISTERS 16
#define CK_CHAINS 12

#pragma clang attribute push( \
    __attribute__((target("avx2,fma"))), apply_to = function)

#include "bf16_kernels.h"

#pragma clang attribute pop

const ck_bf16_kernels ck_bf16_avx2 = CK_BF16_TABLE("avx2");

#endif
