// AVX-512: 16 lanes, 32 registers. What follows is compiled for it, up to the `pop` of its includer.
#include <immintrin.h>

#define CK_WIDTH 16
#define CK_REGISTERS 32
#define CK_CHAINS 16

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))), apply_to = function)
