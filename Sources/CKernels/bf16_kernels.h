// All bfloat16 topics for one variant, as kernels.h for float32.
//
// The float32 topics are here for their inline parts; what else they define goes unused.
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wunused-function"

#include "vector.h"

#include "activation.h"

#include "skinny.h"

#include "float_words.h"

#include "tiles.h"

#include "attention.h"

#include "attention_many.h"

#include "multiply_add.h"

#include "bf16_rows.h"

#define CK_KEYS CK_WIDENED
#include "attention_few.h"

#include "bf16_attention.h"

#pragma clang diagnostic pop

#define CK_BF16_TABLE(variant_name) \
  { \
    .name = variant_name, .few = 2 * CK_FEW, .blocked = 0, .round = round_row, \
    .widen = widen_row, .add = add_row, .linear = widening_linear, \
    .workspace = ck_packed_workspace, .unpack = unpack_panels, .attend = attend_bf16, \
    .multiply_add = multiply_add, \
  }
