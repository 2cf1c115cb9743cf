// bfloat16 by widening, AVX2 and FMA.
#include <math.h>
#include <string.h>

#include "bf16_variants.h"

#if defined(__x86_64__)

#include "isa_avx2.h"

#include "bf16_kernels.h"

#pragma clang attribute pop

const ck_bf16_kernels ck_bf16_avx2 = CK_BF16_TABLE("avx2");

#endif
