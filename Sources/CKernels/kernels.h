// All topics for one variant. A variant_*.c includes this between setting its CK_ values and
// closing the table.
#include "vector.h"

#include "norms.h"

#include "activation.h"

#include "softmax_parts.h"

#include "rope.h"

#include "skinny.h"

#include "float_words.h"

#include "tiles.h"

#include "attention.h"

#include "attention_many.h"

#define CK_KEYS CK_FLOATS
#include "attention_few.h"

#include "encoder.h"

#include "multiply_add.h"

#if CK_WIDTH > 4
#include "panel_tiles.h"

#include "panels.h"

#define CK_PACKED .packed_linear = panel_linear, .packed_workspace = panel_workspace,
#else
#define CK_PACKED
#endif

#define CK_TABLE(variant_name) \
  { \
    .name = variant_name, .lanes = CK_WIDTH, .rms_norm = rms_norm, \
    .add_rms_norm = add_rms_norm, .add = add, .silu_multiply = silu_multiply, .rotate = rotate, \
    .softmax = softmax, .softmax_parts = softmax_parts, .argmax = argmax, \
    .skinny_linear = skinny_linear, .attend = attend, .multiply_add = multiply_add, \
    .read_streams = read_streams, .read_in_order = read_in_order, .layer_norm = layer_norm, \
    .gelu = gelu, .attend_both = attend_both, CK_PACKED \
  }
