// What device code finds when the host compiles it. A thread of a block is a fiber: it runs until
// a barrier of its warp or block, where the next one goes on.
#ifndef PADTAX_EMULATE_H
#define PADTAX_EMULATE_H

#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>

#define PADTAX_HOST
#define DEVICE static inline
#define __global__
#define __shared__ static
#define SHARED_BYTES(name) unsigned char *name = emulate::shared_memory()

struct Dimensions {
  unsigned x, y, z;
};
struct int2 {
  int x, y;
};
struct float4 {
  float x, y, z, w;
};
struct uint4 {
  unsigned x, y, z, w;
};
extern Dimensions threadIdx, blockIdx, blockDim, gridDim;

namespace emulate {
unsigned char *shared_memory();
void block_barrier();
// Gives every lane of the warp what each lane brought: 32 entries of `bytes`.
const unsigned char *exchange(const void *mine, unsigned bytes);
void copy_ahead(void *to, const void *from, bool there);
void close_copies();
void wait_copies(unsigned pending);
// Runs `body` once per thread of every block of the grid.
void run(Dimensions grid, unsigned threads, unsigned shared_bytes, const std::function<void()> &body);
}  // namespace emulate

static inline void __syncthreads() { emulate::block_barrier(); }
static inline void __syncwarp() { emulate::exchange(&blockIdx, 1); }

template <class T>
static inline T shuffle(T value, unsigned from) {
  const unsigned char *all = emulate::exchange(&value, sizeof value);
  T out;
  memcpy(&out, all + (from & 31) * sizeof value, sizeof out);
  return out;
}
template <class T>
static inline T __shfl_xor_sync(unsigned, T value, int mask) {
  return shuffle(value, (threadIdx.x & 31) ^ mask);
}
template <class T>
static inline T __shfl_sync(unsigned, T value, int lane) {
  return shuffle(value, lane);
}

static inline double __dmul_rn(double a, double b) { return a * b; }
static inline double __dadd_rn(double a, double b) { return a + b; }
static inline double __ddiv_rn(double a, double b) { return a / b; }
static inline double __dsqrt_rn(double a) { return sqrt(a); }
static inline float __fmul_rn(float a, float b) { return a * b; }
static inline float __fadd_rn(float a, float b) { return a + b; }
static inline long long __double_as_longlong(double x) {
  long long bits;
  memcpy(&bits, &x, 8);
  return bits;
}
static inline double __longlong_as_double(long long bits) {
  double x;
  memcpy(&x, &bits, 8);
  return x;
}

static inline float bits_to_float(unsigned bits) {
  float x;
  memcpy(&x, &bits, 4);
  return x;
}
static inline unsigned half_pack(float x) {
  unsigned bits;
  memcpy(&bits, &x, 4);
  if (x != x) return 0x7fff;
  return (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
}
static inline unsigned pack(float low, float high) { return half_pack(low) | half_pack(high) << 16; }
static inline float exp2_fast(float x) { return exp2f(x); }

static inline void copy_ahead(void *to, const void *from, bool there) {
  emulate::copy_ahead(to, from, there);
}
static inline void close_copies() { emulate::close_copies(); }
template <int pending>
static inline void wait_copies() {
  emulate::wait_copies(pending);
}

static inline unsigned short element(const unsigned char *rows, unsigned row, unsigned column) {
  const unsigned char *address;
  memcpy(&address, rows + row * sizeof address, sizeof address);
  unsigned short x;
  memcpy(&x, address + 2 * column, 2);
  return x;
}
static inline void load_tiles(unsigned r[4], const void *row) {
  const unsigned char *rows = emulate::exchange(&row, sizeof row);
  unsigned lane = threadIdx.x & 31;
  for (unsigned j = 0; j < 4; j++)
    r[j] = element(rows, 8 * j + lane / 4, 2 * (lane % 4)) |
           (unsigned)element(rows, 8 * j + lane / 4, 2 * (lane % 4) + 1) << 16;
}
static inline void load_tiles_transposed(unsigned r[4], const void *row) {
  const unsigned char *rows = emulate::exchange(&row, sizeof row);
  unsigned lane = threadIdx.x & 31;
  for (unsigned j = 0; j < 4; j++)
    r[j] = element(rows, 8 * j + 2 * (lane % 4), lane / 4) |
           (unsigned)element(rows, 8 * j + 2 * (lane % 4) + 1, lane / 4) << 16;
}

static inline float half_of(unsigned word, unsigned half) {
  return bits_to_float(half ? word & 0xffff0000u : word << 16);
}
static inline void multiply_tile(float c[4], const unsigned a[4], unsigned b0, unsigned b1) {
  unsigned mine[6] = {a[0], a[1], a[2], a[3], b0, b1}, lane = threadIdx.x & 31;
  const unsigned char *all = emulate::exchange(mine, sizeof mine);
  unsigned words[32][6];
  memcpy(words, all, sizeof words);
  for (unsigned i = 0; i < 4; i++) {
    unsigned row = lane / 4 + 8 * (i / 2), column = 2 * (lane % 4) + i % 2;
    for (unsigned k = 0; k < 16; k++)
      c[i] += half_of(words[row % 8 * 4 + k % 8 / 2][row / 8 + 2 * (k / 8)], k & 1) *
              half_of(words[column * 4 + k % 8 / 2][4 + k / 8], k & 1);
  }
}

#endif
