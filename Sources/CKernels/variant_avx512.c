// The AVX-512 variant: 16 lanes, 32 registers.
#include <math.h>
#include <string.h>

#include "variants.h"

#if defined(__x86_64__)

#define CK_WIDTH 16
#define CK_REGISTERS 32
#define CK_CHAINS 16

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))), apply_to = function)

#include "kernels.h"

#pragma clang attribute pop

const ck_kernels ck_avx512 = CK_TABLE("avx512");

#endif
