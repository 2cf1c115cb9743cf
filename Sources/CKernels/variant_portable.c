// The portable variant.
#include <math.h>
#include <string.h>

#include "variants.h"

#include "isa_portable.h"

#include "kernels.h"

const ck_kernels ck_portable = CK_TABLE("portable");
