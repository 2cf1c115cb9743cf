// What all device code shares. Compiled by NVRTC at start, by nvcc where there is one, and by a host
// compiler for the tests' stand-in driver, which brings its own `PADTAX_HOST` versions of what
// follows the first #ifndef.
//
// Elements are float, or bf16 kept as its 16 bits. Matrices are row-major with a row stride in
// elements. Everything is computed in float32.
#ifndef PADTAX_PRELUDE
#define PADTAX_PRELUDE

#ifndef INFINITY
#define INFINITY __int_as_float(0x7f800000)  // NVRTC has no headers
#endif

struct bf16 {
  unsigned short bits;
};

#ifndef PADTAX_HOST
#define DEVICE static __device__ __forceinline__
#define SHARED_BYTES(name) extern __shared__ __align__(128) unsigned char name[]

DEVICE float bits_to_float(unsigned bits) { return __uint_as_float(bits); }

// Two floats as bf16, rounded to nearest even, `low` in the lower half.
DEVICE unsigned pack(float low, float high) {
  unsigned both;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(both) : "f"(high), "f"(low));
  return both;
}

DEVICE float exp2_fast(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

// c[16, 8] += a[16, 16] b[16, 8]; fragments as the PTX ISA lays them out for m16n8k16.
DEVICE void multiply_tile(float c[4], const unsigned a[4], unsigned b0, unsigned b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
      "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

DEVICE unsigned shared_address(const void *p) { return (unsigned)__cvta_generic_to_shared(p); }

// Four 8 x 8 tiles of shared memory; lane i names row i % 8 of tile i / 8.
DEVICE void load_tiles(unsigned r[4], const void *row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(row))
               : "memory");
}

DEVICE void load_tiles_transposed(unsigned r[4], const void *row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(row))
               : "memory");
}

// Starts copying 16 bytes to shared memory, or writing zeros where `there` is false.
DEVICE void copy_ahead(void *to, const void *from, bool there) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;"
               :
               : "r"(shared_address(to)), "l"(from), "r"(there ? 16 : 0)
               : "memory");
}
DEVICE void close_copies() { asm volatile("cp.async.commit_group;" ::: "memory"); }
// Waits until all but the last `pending` closed groups are there.
template <int pending>
DEVICE void wait_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(pending) : "memory");
}
#endif

DEVICE float wide(float x) { return x; }
DEVICE float wide(bf16 x) { return bits_to_float((unsigned)x.bits << 16); }
DEVICE void narrow(float *y, float x) { *y = x; }
DEVICE void narrow(bf16 *y, float x) { y->bits = (unsigned short)pack(x, 0.0f); }
// What x is once stored.
DEVICE float rounded(const float *, float x) { return x; }
DEVICE float rounded(const bf16 *, float x) { return bits_to_float(pack(x, 0.0f) << 16); }

// 16 bytes at a time.
template <class T>
struct Chunk {
  static const int count = 16 / sizeof(T);
};
DEVICE void load_chunk(float *v, const float *x) {
  float4 q = *(const float4 *)x;
  v[0] = q.x, v[1] = q.y, v[2] = q.z, v[3] = q.w;
}
DEVICE void load_chunk(float *v, const bf16 *x) {
  uint4 q = *(const uint4 *)x;
  unsigned w[4] = {q.x, q.y, q.z, q.w};
  for (int i = 0; i < 4; i++) {
    v[2 * i] = bits_to_float(w[i] << 16);
    v[2 * i + 1] = bits_to_float(w[i] & 0xffff0000u);
  }
}
DEVICE void save_chunk(float *y, const float *v) {
  float4 q;
  q.x = v[0], q.y = v[1], q.z = v[2], q.w = v[3];
  *(float4 *)y = q;
}
DEVICE void save_chunk(bf16 *y, const float *v) {
  uint4 q;
  q.x = pack(v[0], v[1]), q.y = pack(v[2], v[3]), q.z = pack(v[4], v[5]), q.w = pack(v[6], v[7]);
  *(uint4 *)y = q;
}
DEVICE bool is_aligned(const void *p) { return ((unsigned long long)p & 15) == 0; }

DEVICE float warp_sum(float x) {
  for (int o = 16; o; o >>= 1) x += __shfl_xor_sync(0xffffffffu, x, o);
  return x;
}
DEVICE float warp_max(float x) {
  for (int o = 16; o; o >>= 1) x = fmaxf(x, __shfl_xor_sync(0xffffffffu, x, o));
  return x;
}

// Over a block of whole warps; every thread gets the sum.
DEVICE float block_sum(float x) {
  __shared__ float parts[32];
  int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, warps = blockDim.x >> 5;
  x = warp_sum(x);
  __syncthreads();
  if (lane == 0) parts[warp] = x;
  __syncthreads();
  x = 0.0f;
  for (int i = 0; i < warps; i++) x += parts[i];
  return x;
}

// One row of a batch as attention sees it: Kernels/AttentionRow.swift has the meaning.
struct Row {
  int first_slot, slots, real_begin, real_end, context, base, capacity, masked_begin, masked_end;
};

// Where keys and values lie. Key s of KV head h of a row:
//   cached:     ((base * heads + h * capacity) + s) * d
//   in blocks:  the same with base = block * block_slots, capacity = block_slots, s % block_slots,
//               where block = blocks[row * row_blocks + s / block_slots]
//   neighbours: (first_slot + s) * stride + h * d; the row's own slots, seen in both directions
struct Keys {
  const void *keys, *values;
  const int *blocks;
  long long stride;
  int heads, block_slots, row_blocks, neighbours;
};

DEVICE long long block_offset(const Keys &k, int index, int head, int s, int d) {
  long long block = k.blocks[index * (long long)k.row_blocks + s / k.block_slots];
  return (block * k.block_slots * k.heads + (long long)head * k.block_slots + s % k.block_slots) * d;
}

DEVICE long long key_offset(const Keys &k, const Row &row, int index, int head, int s, int d) {
  if (k.neighbours) return (row.first_slot + s) * k.stride + (long long)head * d;
  if (!k.blocks)
    return ((long long)row.base * k.heads + (long long)head * row.capacity + s) * d;
  return block_offset(k, index, head, s, d);
}

#endif
