// The AMX kernel with its tiles in software: what amx_linear.h does with rows, panels, edges and
// chunks can be tested on machines without AMX. Slow; nothing but tests asks for it.
#include <string.h>

#include "bf16_variants.h"

typedef struct {
  unsigned rows, row_bytes;
  uint8_t bytes[16][64];
} software_tile;

static _Thread_local software_tile software_tiles[8];

static float wide(uint16_t value) {
  uint32_t bits = (uint32_t)value << 16;
  float result;
  memcpy(&result, &bits, sizeof result);
  return result;
}

static void software_dot(int sum, int left, int right) {
  software_tile *c = software_tiles + sum;
  const software_tile *a = software_tiles + left, *b = software_tiles + right;
  for (unsigned m = 0; m < c->rows; m++) {
    float row[16];
    memcpy(row, c->bytes[m], sizeof row);
    for (unsigned k = 0; k < a->row_bytes / 4; k++) {
      uint16_t pair[2], weights[32];
      memcpy(pair, a->bytes[m] + 4 * k, sizeof pair);
      memcpy(weights, b->bytes[k], sizeof weights);
      for (unsigned n = 0; n < c->row_bytes / 4; n++)
        row[n] += wide(pair[0]) * wide(weights[2 * n]) + wide(pair[1]) * wide(weights[2 * n + 1]);
    }
    memcpy(c->bytes[m], row, sizeof row);
  }
}

static void software_load(int t, const void *p, size_t stride) {
  software_tile *tile = software_tiles + t;
  memset(tile->bytes, 0, sizeof tile->bytes);
  for (unsigned row = 0; row < tile->rows; row++)
    memcpy(tile->bytes[row], (const char *)p + row * stride, tile->row_bytes);
}

static void software_store(int t, void *p, size_t stride) {
  const software_tile *tile = software_tiles + t;
  for (unsigned row = 0; row < tile->rows; row++)
    memcpy((char *)p + row * stride, tile->bytes[row], tile->row_bytes);
}

#define AMX_ROWS ck_bf16_portable
#define tile_configure(shape) software_configure(shape)
#define tile_zero(t) memset(software_tiles[t].bytes, 0, sizeof software_tiles[t].bytes)
#define tile_load(t, p, bytes) software_load(t, p, bytes)
#define tile_store(t, p, bytes) software_store(t, p, bytes)
#define tile_dot(c, a, b) software_dot(c, a, b)
#define tile_release() memset(software_tiles, 0, sizeof software_tiles)

static void software_configure(const void *shape);

#include "amx_linear.h"

static void software_configure(const void *shape) {
  const tile_shape *wanted = shape;
  memset(software_tiles, 0, sizeof software_tiles);
  for (int tile = 0; tile < 8; tile++) {
    software_tiles[tile].rows = wanted->rows[tile];
    software_tiles[tile].row_bytes = wanted->row_bytes[tile];
  }
}

static void round_row(uint16_t *y, const float *x, size_t n) { ck_bf16_portable.round(y, x, n); }
static void widen_row(float *y, const uint16_t *x, size_t n) { ck_bf16_portable.widen(y, x, n); }
static void add_row(uint16_t *y, const uint16_t *x, size_t n) { ck_bf16_portable.add(y, x, n); }
static void unpack_panels(const ck_packed *w, size_t first, size_t count, float *y, size_t ld) {
  ck_bf16_portable.unpack(w, first, count, y, ld);
}
static void attend(const ck_attention *job, const uint16_t *keys, const uint16_t *values) {
  ck_bf16_portable.attend(job, keys, values);
}
static double multiply_add(size_t rounds, float *witness) {
  return ck_bf16_portable.multiply_add(rounds, witness);
}

const ck_bf16_kernels ck_bf16_amx_emulated = {
    .name = "amx-emulated", .few = 32, .blocked = 1, .round = round_row, .widen = widen_row,
    .add = add_row,
    .linear = amx_linear, .workspace = ck_packed_workspace, .unpack = unpack_panels,
    .attend = attend,
    .multiply_add = multiply_add,
};
