// Attention on tensor cores, bf16, head dimensions 64 and 128: tiles of scores stay in registers and
// the softmax is kept up to date as keys pass by (Dao, "FlashAttention-2", arXiv:2307.08691;
// Milakov and Gimelshein, "Online normalizer calculation for softmax", arXiv:1805.02867).
//
// Dimension letters: D elements of a head; a warp has MT tiles of 16 query rows; BC keys pass at
// once. Padding is computed: masked keys are multiplied like others and their scores then set to
// minus infinity. What causality hides from a whole tile is skipped, padded or not.
#define PADTAX_NO_PLAIN_ATTENTION
#include "attention.cu"

#ifdef PADTAX_HOST
#define LAUNCH_BOUNDS(threads, blocks)
#else
#define LAUNCH_BOUNDS(threads, blocks) __launch_bounds__(threads, blocks)
#endif

// Rows of D elements in shared memory; the 16-byte pieces of a row are permuted by its number, so
// that the eight rows of a tile lie in different banks.
template <int D>
DEVICE bf16 *place(bf16 *memory, int row, int column) {
  return memory + row * D + (((column >> 3) ^ (row & 7)) << 3);
}

// Per row of a fragment: the largest score so far and the sum of 2^(scale (score - it)).
struct Softmax {
  float top[2], sum[2];
};

// One step of the online softmax on the scores of 16 rows x 8 N keys. Turns scores into weights.
template <int N, int D>
DEVICE void update(float (*s)[4], float (*o)[4], Softmax &state, float scale) {
#pragma unroll
  for (int half = 0; half < 2; half++) {
    float high = state.top[half];
#pragma unroll
    for (int n = 0; n < N; n++) high = fmaxf(high, fmaxf(s[n][2 * half], s[n][2 * half + 1]));
    high = fmaxf(high, __shfl_xor_sync(0xffffffffu, high, 1));
    high = fmaxf(high, __shfl_xor_sync(0xffffffffu, high, 2));
    // A row that has seen nothing yet stays at minus infinity; its weights are then 2^-inf = 0.
    float base = high == -INFINITY ? 0.0f : high * scale;
    float keep = exp2_fast(fmaf(state.top[half], scale, -base)), sum = 0.0f;
#pragma unroll
    for (int n = 0; n < N; n++) {
#pragma unroll
      for (int k = 0; k < 2; k++) {
        float weight = exp2_fast(fmaf(s[n][2 * half + k], scale, -base));
        s[n][2 * half + k] = weight;
        sum += weight;
      }
    }
    state.sum[half] = state.sum[half] * keep + sum;
    state.top[half] = high;
#pragma unroll
    for (int n = 0; n < D / 8; n++) o[n][2 * half] *= keep, o[n][2 * half + 1] *= keep;
  }
}

// The row sums are over a thread's own columns until here.
DEVICE void finish(Softmax &state) {
#pragma unroll
  for (int half = 0; half < 2; half++) {
    state.sum[half] += __shfl_xor_sync(0xffffffffu, state.sum[half], 1);
    state.sum[half] += __shfl_xor_sync(0xffffffffu, state.sum[half], 2);
  }
}

// Tiles are (row, first query slot); grid: (tiles, query heads). 128 threads, four warps of
// 16 MT query rows each. Shared: the queries, BC keys and BC values. Keys lie in blocks or not.
template <int D, int MT, int BC, bool BLOCKS>
DEVICE void prefill(
    bf16 *out, long long os, const bf16 *queries, long long qs, const Keys &where, const Row *rows,
    const int2 *tiles, int group, float scale_log2) {
  SHARED_BYTES(memory);
  const int BR = 64 * MT;
  bf16 *q_tile = (bf16 *)memory, *k_tile = q_tile + BR * D, *v_tile = k_tile + BC * D;
  int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, head = blockIdx.y;
  int2 tile = tiles[blockIdx.x];
  const Row row = rows[tile.x];
  int first = tile.y, left = row.slots - first < BR ? row.slots - first : BR;
  int keys = where.neighbours ? row.slots : row.context + first + left;

  const bf16 *q = queries + (row.first_slot + (long long)first) * qs + (long long)head * D;
  for (int i = threadIdx.x; i < BR * D / 8; i += 128) {
    int r = i / (D / 8), c = i % (D / 8) * 8;
    copy_ahead(place<D>(q_tile, r, c), q + (r < left ? r : 0) * qs + c, r < left);
  }
  // Keys of a row are one matrix, a stride and where it starts, unless they lie in blocks.
  long long stride = where.neighbours ? where.stride : D;
  long long start = BLOCKS ? 0 : key_offset(where, row, tile.x, head / group, 0, D);
  const bf16 *k = (const bf16 *)where.keys + start, *v = (const bf16 *)where.values + start;
#define COPY_TILE(to, from, base)                                                   \
  for (int i = threadIdx.x; i < BC * D / 8; i += 128) {                             \
    int r = i / (D / 8), c = i % (D / 8) * 8;                                       \
    bool there = (base) + r < keys;                                                 \
    int s = there ? (base) + r : 0;                                                 \
    long long at = BLOCKS ? block_offset(where, tile.x, head / group, s, D) : s * stride; \
    copy_ahead(place<D>(to, r, c), from + at + c, there);                           \
  }
  COPY_TILE(k_tile, k, 0)
  close_copies();

  float o[MT][D / 8][4];
  Softmax state[MT];
#pragma unroll
  for (int m = 0; m < MT; m++) {
    state[m].top[0] = state[m].top[1] = -INFINITY;
    state[m].sum[0] = state[m].sum[1] = 0.0f;
#pragma unroll
    for (int n = 0; n < D / 8; n++) o[m][n][0] = o[m][n][1] = o[m][n][2] = o[m][n][3] = 0.0f;
  }
  int warp_row = warp * 16 * MT;

  for (int base = 0; base < keys; base += BC) {
    wait_copies<0>();
    __syncthreads();
    COPY_TILE(v_tile, v, base)
    close_copies();
    float s[MT][BC / 8][4];
#pragma unroll
    for (int m = 0; m < MT; m++)
#pragma unroll
      for (int n = 0; n < BC / 8; n++) s[m][n][0] = s[m][n][1] = s[m][n][2] = s[m][n][3] = 0.0f;
#pragma unroll
    for (int kk = 0; kk < D / 16; kk++) {
      unsigned a[MT][4];
#pragma unroll
      for (int m = 0; m < MT; m++)
        load_tiles(a[m], place<D>(q_tile, warp_row + 16 * m + (lane & 15), 16 * kk + (lane >> 4) * 8));
#pragma unroll
      for (int nn = 0; nn < BC / 16; nn++) {
        unsigned b[4];
        load_tiles(
            b, place<D>(k_tile, 16 * nn + (lane & 7) + ((lane >> 4) << 3), 16 * kk + ((lane >> 3) & 1) * 8));
#pragma unroll
        for (int m = 0; m < MT; m++) {
          multiply_tile(s[m][2 * nn], a[m], b[0], b[1]);
          multiply_tile(s[m][2 * nn + 1], a[m], b[2], b[3]);
        }
      }
    }
    // Uniform over the block: only tiles on the diagonal, at the end or over masked slots look at
    // single scores.
    bool edge = base + BC > keys || (!where.neighbours && base + BC > row.context + first + 1) ||
                (row.masked_end > base && row.masked_begin < base + BC);
    if (edge) {
#pragma unroll
      for (int m = 0; m < MT; m++)
#pragma unroll
        for (int half = 0; half < 2; half++) {
          int slot = first + warp_row + 16 * m + (lane >> 2) + 8 * half;
          int seen = where.neighbours ? row.slots : row.context + slot + 1;
          seen = seen < keys ? seen : keys;
          bool real = slot >= row.real_begin && slot < row.real_end;
          int hidden_from = real ? row.masked_begin : 0, hidden_to = real ? row.masked_end : 0;
#pragma unroll
          for (int n = 0; n < BC / 8; n++)
#pragma unroll
            for (int c = 0; c < 2; c++) {
              int key = base + 8 * n + 2 * (lane & 3) + c;
              if (key >= seen || (key >= hidden_from && key < hidden_to))
                s[m][n][2 * half + c] = -INFINITY;
            }
        }
    }
#pragma unroll
    for (int m = 0; m < MT; m++) update<BC / 8, D>(s[m], o[m], state[m], scale_log2);
    wait_copies<0>();
    __syncthreads();
    if (base + BC < keys) {
      COPY_TILE(k_tile, k, base + BC)
    }
    close_copies();
#pragma unroll
    for (int kk = 0; kk < BC / 16; kk++) {
      unsigned a[MT][4];
#pragma unroll
      for (int m = 0; m < MT; m++) {
        a[m][0] = pack(s[m][2 * kk][0], s[m][2 * kk][1]);
        a[m][1] = pack(s[m][2 * kk][2], s[m][2 * kk][3]);
        a[m][2] = pack(s[m][2 * kk + 1][0], s[m][2 * kk + 1][1]);
        a[m][3] = pack(s[m][2 * kk + 1][2], s[m][2 * kk + 1][3]);
      }
#pragma unroll
      for (int nn = 0; nn < D / 16; nn++) {
        unsigned b[4];
        load_tiles_transposed(
            b, place<D>(v_tile, 16 * kk + (lane & 7) + ((lane >> 3) & 1) * 8, 16 * nn + (lane >> 4) * 8));
#pragma unroll
        for (int m = 0; m < MT; m++) {
          multiply_tile(o[m][2 * nn], a[m], b[0], b[1]);
          multiply_tile(o[m][2 * nn + 1], a[m], b[2], b[3]);
        }
      }
    }
  }
#undef COPY_TILE
  wait_copies<0>();
#pragma unroll
  for (int m = 0; m < MT; m++) {
    finish(state[m]);
#pragma unroll
    for (int half = 0; half < 2; half++) {
      int r = warp_row + 16 * m + (lane >> 2) + 8 * half;
      if (r >= left) continue;
      float over = state[m].sum[half] > 0.0f ? 1.0f / state[m].sum[half] : 0.0f;
      bf16 *y = out + (row.first_slot + (long long)first + r) * os + (long long)head * D +
                2 * (lane & 3);
#pragma unroll
      for (int n = 0; n < D / 8; n++)
        *(unsigned *)(y + 8 * n) = pack(o[m][n][2 * half] * over, o[m][n][2 * half + 1] * over);
    }
  }
}

// One query slot per row, all query heads of a KV head at once: they are the 16 rows of a tile.
// Each warp takes every fourth group of 16 keys of the block's share, with two groups under way, so
// that reading keys and values is all that takes time.
// grid: (items, KV heads * head tiles, splits); 128 threads; shared: 4 warps * 2 stages * 2 * 16 D,
// and behind them the queries [16, D]. Results as in attention.cu.
template <int D>
DEVICE void decode(
    bf16 *out, long long os, const bf16 *queries, long long qs, const Keys &where, const Row *rows,
    const int2 *items, int group, int head_tiles, float scale_log2, int splits, int share,
    float *partial) {
  SHARED_BYTES(memory);
  const int STAGE = 2 * 16 * D;
  int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  int kv_head = blockIdx.y / head_tiles, head_tile = blockIdx.y % head_tiles, split = blockIdx.z;
  int first_head = kv_head * group + 16 * head_tile;
  int heads = group - 16 * head_tile < 16 ? group - 16 * head_tile : 16;
  int query_heads = where.heads * group;
  bf16 *stages = (bf16 *)memory + warp * 2 * STAGE, *q_tile = (bf16 *)memory + 8 * STAGE;
  int2 at = items[blockIdx.x];
  const Row row = rows[at.x];
  int seen = row.context + at.y + 1;
  bool real = at.y >= row.real_begin && at.y < row.real_end;
  int begin = split * share, end = begin + share < seen ? begin + share : seen;

  const bf16 *q = queries + (row.first_slot + (long long)at.y) * qs + (long long)first_head * D;
  for (int i = threadIdx.x; i < 16 * D / 8; i += 128) {
    int r = i / (D / 8), c = i % (D / 8) * 8;
    copy_ahead(place<D>(q_tile, r, c), q + (r < heads ? r : 0) * D + c, r < heads);
  }
  const bf16 *k = (const bf16 *)where.keys, *v = (const bf16 *)where.values;
#define COPY_STAGE(number, base)                                                             \
  for (int i = lane; i < 16 * D / 8; i += 32) {                                              \
    int r = i / (D / 8), c = i % (D / 8) * 8;                                                \
    bool there = (base) + r < end;                                                           \
    long long from = there ? key_offset(where, row, at.x, kv_head, (base) + r, D) + c : 0;   \
    copy_ahead(place<D>(stages + (number) * STAGE, r, c), k + from, there);                  \
    copy_ahead(place<D>(stages + (number) * STAGE + 16 * D, r, c), v + from, there);         \
  }
  int base = begin + 16 * warp;
  COPY_STAGE(0, base)
  close_copies();
  wait_copies<0>();
  __syncthreads();

  float o[D / 8][4];
  Softmax state;
  state.top[0] = state.top[1] = -INFINITY;
  state.sum[0] = state.sum[1] = 0.0f;
#pragma unroll
  for (int n = 0; n < D / 8; n++) o[n][0] = o[n][1] = o[n][2] = o[n][3] = 0.0f;

  for (int stage = 0; base < end; base += 64, stage ^= 1) {
    COPY_STAGE(stage ^ 1, base + 64)
    close_copies();
    wait_copies<1>();
    __syncwarp();
    bf16 *k_tile = stages + stage * STAGE, *v_tile = k_tile + 16 * D;
    float s[2][4] = {{0, 0, 0, 0}, {0, 0, 0, 0}};
#pragma unroll
    for (int kk = 0; kk < D / 16; kk++) {
      unsigned a[4], b[4];
      load_tiles(a, place<D>(q_tile, lane & 15, 16 * kk + (lane >> 4) * 8));
      load_tiles(
          b, place<D>(k_tile, (lane & 7) + ((lane >> 4) << 3), 16 * kk + ((lane >> 3) & 1) * 8));
      multiply_tile(s[0], a, b[0], b[1]);
      multiply_tile(s[1], a, b[2], b[3]);
    }
#pragma unroll
    for (int n = 0; n < 2; n++)
#pragma unroll
      for (int c = 0; c < 4; c++) {
        int key = base + 8 * n + 2 * (lane & 3) + (c & 1);
        bool hidden = key >= end || (real && key >= row.masked_begin && key < row.masked_end);
        if (hidden) s[n][c] = -INFINITY;
      }
    update<2, D>(s, o, state, scale_log2);
    unsigned a[4] = {pack(s[0][0], s[0][1]), pack(s[0][2], s[0][3]), pack(s[1][0], s[1][1]),
                     pack(s[1][2], s[1][3])};
#pragma unroll
    for (int nn = 0; nn < D / 16; nn++) {
      unsigned b[4];
      load_tiles_transposed(
          b, place<D>(v_tile, (lane & 7) + ((lane >> 3) & 1) * 8, 16 * nn + (lane >> 4) * 8));
      multiply_tile(o[2 * nn], a, b[0], b[1]);
      multiply_tile(o[2 * nn + 1], a, b[2], b[3]);
    }
    __syncwarp();
  }
#undef COPY_STAGE
  wait_copies<0>();
  finish(state);
  __syncthreads();

  // The four warps' results meet in shared memory: [warp][16][D + 2], top and sum last.
  float *meeting = (float *)memory;
#pragma unroll
  for (int half = 0; half < 2; half++) {
    float *y = meeting + (warp * 16 + (lane >> 2) + 8 * half) * (D + 2);
#pragma unroll
    for (int n = 0; n < D / 8; n++) {
      y[8 * n + 2 * (lane & 3)] = o[n][2 * half];
      y[8 * n + 2 * (lane & 3) + 1] = o[n][2 * half + 1];
    }
    if ((lane & 3) == 0) y[D] = state.top[half] * scale_log2, y[D + 1] = state.sum[half];
  }
  __syncthreads();
  for (int i = threadIdx.x; i < heads * D; i += 128) {
    int r = i / D, e = i % D;
    float top = -INFINITY, sum = 0.0f, total = 0.0f;
    for (int w = 0; w < 4; w++) top = fmaxf(top, meeting[(w * 16 + r) * (D + 2) + D]);
    for (int w = 0; w < 4 && top > -INFINITY; w++) {
      const float *x = meeting + (w * 16 + r) * (D + 2);
      float factor = exp2_fast(x[D] - top);
      sum += x[D + 1] * factor;
      total += x[e] * factor;
    }
    int head = first_head + r;
    if (splits == 1) {
      narrow(out + (row.first_slot + (long long)at.y) * os + (long long)head * D + e,
             sum > 0.0f ? total / sum : 0.0f);
    } else {
      float *y = partial + (((long long)blockIdx.x * query_heads + head) * splits + split) * (D + 2);
      y[2 + e] = total;
      if (e == 0) y[0] = top, y[1] = sum;
    }
  }
}

#define FOR_DIMENSION(D, MT, BC)                                                                  \
  extern "C" __global__ void LAUNCH_BOUNDS(128, 2) prefill_##D(                                   \
      bf16 *out, long long os, const bf16 *queries, long long qs, Keys where, const Row *rows,    \
      const int2 *tiles, int group, float scale_log2) {                                           \
    prefill<D, MT, BC, false>(out, os, queries, qs, where, rows, tiles, group, scale_log2);       \
  }                                                                                               \
  extern "C" __global__ void LAUNCH_BOUNDS(128, 2) prefill_blocks_##D(                            \
      bf16 *out, long long os, const bf16 *queries, long long qs, Keys where, const Row *rows,    \
      const int2 *tiles, int group, float scale_log2) {                                           \
    prefill<D, MT, BC, true>(out, os, queries, qs, where, rows, tiles, group, scale_log2);        \
  }                                                                                               \
  extern "C" __global__ void LAUNCH_BOUNDS(128, 2) decode_##D(                                    \
      bf16 *out, long long os, const bf16 *queries, long long qs, Keys where, const Row *rows,    \
      const int2 *items, int group, int head_tiles, float scale_log2, int splits, int share,      \
      float *partial) {                                                                           \
    decode<D>(out, os, queries, qs, where, rows, items, group, head_tiles, scale_log2, splits,    \
              share, partial);                                                                    \
  }

FOR_DIMENSION(64, 2, 64)
// With 64 keys at once the accumulators of 128 elements do not leave enough registers.
FOR_DIMENSION(128, 2, 32)
