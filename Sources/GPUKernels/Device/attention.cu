// Attention without tensor cores, for float32 and for head dimensions that flash.cu has no kernel
// for; and what puts split contexts together again.
//
// Dimension letters: d elements of a head, t keys that a query sees, g query heads per KV head. Keys
// and values have elements K, everything else T.
#ifndef PADTAX_ATTENTION
#define PADTAX_ATTENTION
#include "prelude.cuh"

// One warp per (query slot, query head, part of the keys). items: (row, slot of the row).
// grid: (items / warps, query heads, splits); shared: warps * d floats.
// With one split the result is final; else maximum, sum and accumulator go to `partial`
// [items, heads, splits, d + 2].
template <class T, class K>
DEVICE void attend(
    T *out, long long os, const T *queries, long long qs, Keys where, const Row *rows,
    const int2 *items, int count, int group, int d, float scale, int splits, int share,
    float *partial) {
  SHARED_BYTES(memory);
  int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  int item = blockIdx.x * (blockDim.x >> 5) + warp, head = blockIdx.y, split = blockIdx.z;
  if (item >= count) return;
  int2 at = items[item];
  Row row = rows[at.x];
  float *query = (float *)memory + warp * d;
  const T *source = queries + (row.first_slot + (long long)at.y) * qs + (long long)head * d;
  for (int e = lane; e < d; e += 32) query[e] = wide(source[e]) * scale;
  __syncwarp();
  int seen = where.neighbours ? row.slots : row.context + at.y + 1;
  bool real = at.y >= row.real_begin && at.y < row.real_end;
  int begin = splits == 1 ? 0 : split * share;
  int end = splits == 1 || begin + share > seen ? seen : begin + share;
  float top = -INFINITY, sum = 0.0f, o[8] = {0, 0, 0, 0, 0, 0, 0, 0};
  for (int first = begin; first < end; first += 32) {
    int s = first + lane;
    float score = -INFINITY;
    if (s < end) {
      const K *key = (const K *)where.keys + key_offset(where, row, at.x, head / group, s, d);
      float dot = 0.0f;
      for (int e = 0; e < d; e++) dot += query[e] * wide(key[e]);
      score = real && s >= row.masked_begin && s < row.masked_end ? -INFINITY : dot;
    }
    float higher = fmaxf(top, warp_max(score));
    if (higher == -INFINITY) continue;
    float keep = expf(top - higher), p = expf(score - higher);
    sum = sum * keep + warp_sum(p);
    top = higher;
    for (int i = 0; i < 8; i++) o[i] *= keep;
    int there = end - first < 32 ? end - first : 32;
    for (int j = 0; j < there; j++) {
      float weight = __shfl_sync(0xffffffffu, p, j);
      const K *value =
          (const K *)where.values + key_offset(where, row, at.x, head / group, first + j, d);
      for (int i = 0; i < 8; i++)
        if (lane + 32 * i < d) o[i] += weight * wide(value[lane + 32 * i]);
    }
  }
  if (splits == 1) {
    T *y = out + (row.first_slot + (long long)at.y) * os + (long long)head * d;
    for (int i = 0; i < 8; i++)
      if (lane + 32 * i < d) narrow(y + lane + 32 * i, sum > 0.0f ? o[i] / sum : 0.0f);
  } else {
    float *y = partial + (((long long)item * gridDim.y + head) * splits + split) * (d + 2);
    if (lane == 0) y[0] = top, y[1] = sum;
    for (int i = 0; i < 8; i++)
      if (lane + 32 * i < d) y[2 + lane + 32 * i] = o[i];
  }
}

// Puts the parts of each (item, head) together; grid: (items, heads). Tops are in units of
// ln 2 / base_two: the tensor kernels work with powers of two.
template <class T>
DEVICE void combine(
    T *out, long long os, const Row *rows, const int2 *items, int d, int splits, int base_two,
    const float *partial) {
  int2 at = items[blockIdx.x];
  int head = blockIdx.y;
  const float *x = partial + ((long long)blockIdx.x * gridDim.y + head) * splits * (d + 2);
  float unit = base_two ? 0.69314718f : 1.0f, top = -INFINITY, sum = 0.0f;
  for (int i = 0; i < splits; i++) top = fmaxf(top, x[(long long)i * (d + 2)]);
  for (int i = 0; i < splits && top > -INFINITY; i++)
    sum += x[(long long)i * (d + 2) + 1] * expf((x[(long long)i * (d + 2)] - top) * unit);
  T *y = out + (rows[at.x].first_slot + (long long)at.y) * os + (long long)head * d;
  for (int e = threadIdx.x; e < d; e += blockDim.x) {
    float total = 0.0f;
    for (int i = 0; i < splits && sum > 0.0f; i++)
      total += x[(long long)i * (d + 2) + 2 + e] * expf((x[(long long)i * (d + 2)] - top) * unit);
    narrow(y + e, sum > 0.0f ? total / sum : 0.0f);
  }
}

#define FOR_KEYS(T, of, K, kept)                                                                \
  extern "C" __global__ void attend_##kept##_by_##of(                                           \
      T *out, long long os, const T *queries, long long qs, Keys where, const Row *rows,        \
      const int2 *items, int count, int group, int d, float scale, int splits, int share,       \
      float *partial) {                                                                         \
    attend<T, K>(out, os, queries, qs, where, rows, items, count, group, d, scale, splits,      \
                 share, partial);                                                               \
  }
#define FOR_TYPE(T, suffix)                                                                     \
  FOR_KEYS(T, suffix, float, f32)                                                               \
  FOR_KEYS(T, suffix, bf16, bf16)                                                               \
  extern "C" __global__ void combine_##suffix(                                                  \
      T *out, long long os, const Row *rows, const int2 *items, int d, int splits,              \
      int base_two, const float *partial) {                                                     \
    combine(out, os, rows, items, d, splits, base_two, partial);                                \
  }

#ifndef PADTAX_NO_PLAIN_ATTENTION
FOR_TYPE(float, f32)
FOR_TYPE(bf16, bf16)
#endif
#undef FOR_TYPE
#undef FOR_KEYS
#endif
