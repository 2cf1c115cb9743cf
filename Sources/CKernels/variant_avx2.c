// The AVX2 and FMA variant.
#include <math.h>
#include <string.h>

#include "variants.h"

#if defined(__x86_64__)

#include "isa_avx2.h"

#include "kernels.h"

#pragma clang attribute pop

const ck_kernels ck_avx2 = CK_TABLE("avx2");

#endif
