// The AVX-512 variant.
#include <math.h>
#include <string.h>

#include "variants.h"

#if defined(__x86_64__)

#include "isa_avx512.h"

#include "kernels.h"

#pragma clang attribute pop

const ck_kernels ck_avx512 = CK_TABLE("avx512");

#endif
