// y[m, n] = x w^T on AMX tiles: 32 rows of x by two panels of w at a time.
//
// Included twice: with the instructions, and with tiles in software (bf16_amx_emulated.c), which
// tests run on any machine. The file that includes it gives the tile operations:
// tile_configure(config), tile_zero(t), tile_load(t, p, bytes), tile_store(t, p, bytes),
// tile_dot(c, a, b) and tile_release(), t being a literal.
//
// Tiles 0 and 1 are sums of the upper 16 rows for two panels, 2 and 3 of the lower rows; 4 and 5
// hold rows of x, 6 and 7 a block of 32 inputs of each panel: 16 pairs of 64 bytes, as packed.

typedef struct {
  uint8_t palette, start;
  uint8_t reserved[14];
  uint16_t row_bytes[16];
  uint8_t rows[16];
} tile_shape;

enum {
  // Blocks of 32 inputs that are summed before sums go back to memory, and rows that pass over a
  // pair of panels while it is in the cache: 64 KiB of the panels, 512 KiB of x.
  amx_blocks = 32,
  amx_height = 256,
};

// Rows of the upper and the lower half of a block of up to 32.
static void shape_tiles(size_t upper, size_t lower) {
  tile_shape shape;
  memset(&shape, 0, sizeof shape);
  shape.palette = 1;
  for (int tile = 0; tile < 8; tile++) {
    shape.row_bytes[tile] = 64;
    shape.rows[tile] = 16;
  }
  shape.rows[0] = shape.rows[1] = shape.rows[4] = (uint8_t)upper;
  // A shape without rows is not allowed; the tiles are not used then.
  shape.rows[2] = shape.rows[3] = shape.rows[5] = (uint8_t)(lower > 0 ? lower : 1);
  tile_configure(&shape);
}

// `rows` (up to 32) rows of x against panels j and j + 1 over `blocks` blocks of inputs. `y` has
// 32 columns; sums are added to what is there when `accumulate`.
static inline __attribute__((always_inline)) void amx_block(
    size_t rows, size_t blocks, const uint16_t *x, size_t ldx, const uint16_t *left,
    const uint16_t *right, int accumulate, float *y, size_t ldy) {
  const int has_lower = rows > 16;
  float *lower = y + 16 * ldy;
  if (accumulate) {
    tile_load(0, y, ldy * 4);
    tile_load(1, y + 16, ldy * 4);
    if (has_lower) {
      tile_load(2, lower, ldy * 4);
      tile_load(3, lower + 16, ldy * 4);
    }
  } else {
    tile_zero(0);
    tile_zero(1);
    tile_zero(2);
    tile_zero(3);
  }
  for (size_t block = 0; block < blocks; block++) {
    tile_load(6, left + block * 512, 64);
    tile_load(4, x + block * 32, ldx * 2);
    tile_load(7, right + block * 512, 64);
    tile_dot(0, 4, 6);
    tile_dot(1, 4, 7);
    if (has_lower) {
      tile_load(5, x + 16 * ldx + block * 32, ldx * 2);
      tile_dot(2, 5, 6);
      tile_dot(3, 5, 7);
    } else {
      // Few rows wait for memory: the weight is asked for early.
      __builtin_prefetch(left + block * 512 + 2048, 0, 2);
      __builtin_prefetch(right + block * 512 + 2048, 0, 2);
    }
  }
  tile_store(0, y, ldy * 4);
  tile_store(1, y + 16, ldy * 4);
  if (has_lower) {
    tile_store(2, lower, ldy * 4);
    tile_store(3, lower + 16, ldy * 4);
  }
}

// Rows top..<top + height, of which the tiles have the shape, against all panels over some blocks
// of inputs.
static void amx_panels(
    size_t rows, size_t top, size_t height, size_t first, size_t blocks, const ck_packed *w,
    const uint16_t *x, size_t depth, float *y, size_t ldy) {
  size_t panels = (w->outputs + 15) / 16, stride = depth * 16;
  for (size_t j = 0; j < panels; j += 2) {
    const uint16_t *left = (const uint16_t *)w->panels + j * stride + first * 512;
    const uint16_t *right = j + 1 < panels ? left + stride : left;
    size_t columns = w->outputs - j * 16;
    for (size_t row = top; row < top + height; row += rows) {
      const uint16_t *from = x + row * depth + first * 32;
      float *to = y + row * ldy + j * 16;
      if (columns >= 32) {
        amx_block(rows, blocks, from, depth, left, right, first > 0, to, ldy);
        continue;
      }
      // The last columns pass through a block of their own: a tile is always stored whole.
      float edge[32 * 32];
      for (size_t r = 0; r < rows; r++)
        if (first > 0) memcpy(edge + r * 32, to + r * ldy, columns * sizeof(float));
      amx_block(rows, blocks, from, depth, left, right, first > 0, edge, 32);
      for (size_t r = 0; r < rows; r++)
        memcpy(to + r * ldy, edge + r * 32, columns * sizeof(float));
    }
  }
}

static void amx_product(
    size_t m, const ck_packed *w, const uint16_t *x, const float *bias, float *y, size_t ldy) {
  size_t depth = ck_packed_depth(w->inputs), whole = m / 32 * 32, rest = m - whole;
  for (size_t first = 0; first < depth / 32; first += amx_blocks) {
    size_t blocks = depth / 32 - first < amx_blocks ? depth / 32 - first : amx_blocks;
    if (whole > 0) shape_tiles(16, 16);
    for (size_t top = 0; top < whole; top += amx_height) {
      size_t height = whole - top < amx_height ? whole - top : amx_height;
      amx_panels(32, top, height, first, blocks, w, x, depth, y, ldy);
    }
    if (rest > 0) {
      shape_tiles(rest < 16 ? rest : 16, rest > 16 ? rest - 16 : 0);
      amx_panels(rest, whole, rest, first, blocks, w, x, depth, y, ldy);
    }
  }
  tile_release();
  if (!bias) return;
  for (size_t row = 0; row < m; row++)
    for (size_t j = 0; j < w->outputs; j++) y[row * ldy + j] += bias[j];
}

static void amx_linear(
    size_t m, const ck_packed *w, const float *x, size_t ldx, const float *bias, float *y,
    size_t ldy, void *workspace) {
  if (m == 0 || w->outputs == 0) return;
  size_t depth = ck_packed_depth(w->inputs);
  uint16_t *operand = workspace;
  for (size_t row = 0; row < m; row++) {
    AMX_ROWS.round(operand + row * depth, x + row * ldx, w->inputs);
    memset(operand + row * depth + w->inputs, 0, (depth - w->inputs) * sizeof *operand);
  }
  amx_product(m, w, operand, bias, y, ldy);
}
