// What the bfloat16 variants share.
#ifndef CK_BF16_VARIANTS_H
#define CK_BF16_VARIANTS_H

#include "CKernelsBF16.h"
#include "variants.h"

extern const ck_bf16_kernels ck_bf16_portable;
extern const ck_bf16_kernels ck_bf16_amx_emulated;
#if defined(__x86_64__)
extern const ck_bf16_kernels ck_bf16_avx2;
extern const ck_bf16_kernels ck_bf16_avx512;
extern const ck_bf16_kernels ck_bf16_dot;
// Where widening is faster for attention.
extern const ck_bf16_kernels ck_bf16_slow_dot;
extern const ck_bf16_kernels ck_bf16_amx;
// 1 where a tile product works; sets the text of ck_amx_state.
int ck_try_amx(const char **state);
#endif

#endif
