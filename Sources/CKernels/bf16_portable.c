// bfloat16 by widening, portable: 4 lanes, SSE2 on x86-64, NEON on arm64.
#include <math.h>
#include <string.h>

#include "bf16_variants.h"

#define CK_WIDTH 4
#if defined(__aarch64__)
#define CK_REGISTERS 32
#define CK_CHAINS 16
#else
#define CK_REGISTERS 16
#define CK_CHAINS 12
#endif

#include "bf16_kernels.h"

const ck_bf16_kernels ck_bf16_portable = CK_BF16_TABLE("portable");
