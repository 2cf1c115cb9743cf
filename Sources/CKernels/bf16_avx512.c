// bfloat16 by widening, AVX-512.
#include <math.h>
#include <string.h>

#include "bf16_variants.h"

#if defined(__x86_64__)

#define CK_WIDTH 16
#define CK_REGISTERS 32
#define CK_CHAINS 16

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))), apply_to = function)

#include "bf16_kernels.h"

#pragma clang attribute pop

const ck_bf16_kernels ck_bf16_avx512 = CK_BF16_TABLE("avx512");

#endif
