// bfloat16 by widening, AVX-512.
#include <math.h>
#include <string.h>

#include "bf16_variants.h"

#if defined(__x86_64__)

#include "isa_avx512.h"

#include "bf16_kernels.h"

#pragma clang attribute pop

const ck_bf16_kernels ck_bf16_avx512 = CK_BF16_TABLE("avx512");

#endif
