// bfloat16 by widening, portable.
#include <math.h>
#include <string.h>

#include "bf16_variants.h"

#include "isa_portable.h"

#include "bf16_kernels.h"

const ck_bf16_kernels ck_bf16_portable = CK_BF16_TABLE("portable");
