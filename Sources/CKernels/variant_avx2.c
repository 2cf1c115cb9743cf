// The AVX2 and FMA variant: 8 lanes, 16 registers.
#include <math.h>
#include <string.h>

#include "variants.h"

#if defined(__x86_64__)

#define CK_WIDTH 8
#define CK_REGISTERS 16
#define CK_CHAINS 12

#pragma clang attribute push( \
    __attribute__((target("avx2,fma"))), apply_to = function)

#include "kernels.h"

#pragma clang attribute pop

const ck_kernels ck_avx2 = CK_TABLE("avx2");

#endif
