// AVX2 with FMA: 8 lanes, 16 registers. What follows is compiled for it, up to the `pop` of its includer.
#define CK_WIDTH 8
#define CK_REGISTERS 16
#define CK_CHAINS 12

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
