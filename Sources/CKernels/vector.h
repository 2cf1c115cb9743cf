// Vectors of CK_WIDTH floats and the few operations that the kernels are written with.
//
// Included once per variant, after CK_WIDTH is set and the target attribute is pushed. The types
// are clang's portable vectors: lanes map to whatever registers the target has, and a * b + c
// becomes one instruction where the target has it.

typedef float vec __attribute__((ext_vector_type(CK_WIDTH)));
typedef int32_t ivec __attribute__((ext_vector_type(CK_WIDTH)));
typedef float vec4 __attribute__((ext_vector_type(4)));
typedef float unaligned_vec __attribute__((ext_vector_type(CK_WIDTH), aligned(4), may_alias));
typedef float unaligned_vec4 __attribute__((ext_vector_type(4), aligned(4), may_alias));

#define CK_INLINE static inline __attribute__((always_inline))
#define CK_UNROLL _Pragma("clang loop unroll(full)")
// For reading, from the second-level cache on.
#define CK_PREFETCH(p) __builtin_prefetch((p), 0, 2)

CK_INLINE vec load(const float *p) { return *(const unaligned_vec *)p; }
CK_INLINE void store(float *p, vec v) { *(unaligned_vec *)p = v; }
CK_INLINE vec splat(float value) { return (vec)(value); }

// Four rows of four become four columns.
CK_INLINE void transpose_four(vec4 *row) {
  vec4 a = __builtin_shufflevector(row[0], row[1], 0, 4, 1, 5);
  vec4 b = __builtin_shufflevector(row[0], row[1], 2, 6, 3, 7);
  vec4 c = __builtin_shufflevector(row[2], row[3], 0, 4, 1, 5);
  vec4 d = __builtin_shufflevector(row[2], row[3], 2, 6, 3, 7);
  row[0] = __builtin_shufflevector(a, c, 0, 1, 4, 5);
  row[1] = __builtin_shufflevector(a, c, 2, 3, 6, 7);
  row[2] = __builtin_shufflevector(b, d, 0, 1, 4, 5);
  row[3] = __builtin_shufflevector(b, d, 2, 3, 6, 7);
}

// The first n lanes from memory, the others zero; n < CK_WIDTH.
CK_INLINE vec load_part(const float *p, size_t n) {
#if CK_WIDTH == 16
  return (vec)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
#else
  float lanes[CK_WIDTH] = {0};
  memcpy(lanes, p, n * sizeof(float));
  return load(lanes);
#endif
}

CK_INLINE void store_part(float *p, vec v, size_t n) {
#if CK_WIDTH == 16
  _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), (__m512)v);
#else
  float lanes[CK_WIDTH];
  store(lanes, v);
  memcpy(p, lanes, n * sizeof(float));
#endif
}

CK_INLINE vec maximum(vec a, vec b) { return a > b ? a : b; }

// Sums the groups of four lanes.
CK_INLINE vec4 fold(vec v) {
#if CK_WIDTH == 16
  __typeof__(v.lo) half = v.lo + v.hi;
  return half.lo + half.hi;
#elif CK_WIDTH == 8
  return v.lo + v.hi;
#else
  return v;
#endif
}

CK_INLINE float sum(vec v) {
  vec4 quarter = fold(v);
  return (quarter.x + quarter.z) + (quarter.y + quarter.w);
}

CK_INLINE float largest_lane(vec v) {
#if CK_WIDTH == 16
  __typeof__(v.lo) half = v.lo > v.hi ? v.lo : v.hi;
  vec4 four = half.lo > half.hi ? half.lo : half.hi;
#elif CK_WIDTH == 8
  vec4 four = v.lo > v.hi ? v.lo : v.hi;
#else
  vec4 four = v;
#endif
  float left = four.x > four.z ? four.x : four.z, right = four.y > four.w ? four.y : four.w;
  return left > right ? left : right;
}

// The sums of four vectors at once: a transposition whose steps add.
CK_INLINE vec4 sum4(vec a, vec b, vec c, vec d) {
#if CK_WIDTH == 16
#define CK_LOW 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29
#define CK_HIGH 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31
#define CK_FRONT 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29
#define CK_BACK 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31
#elif CK_WIDTH == 8
#define CK_LOW 0, 8, 1, 9, 4, 12, 5, 13
#define CK_HIGH 2, 10, 3, 11, 6, 14, 7, 15
#define CK_FRONT 0, 1, 8, 9, 4, 5, 12, 13
#define CK_BACK 2, 3, 10, 11, 6, 7, 14, 15
#else
#define CK_LOW 0, 4, 1, 5
#define CK_HIGH 2, 6, 3, 7
#define CK_FRONT 0, 1, 4, 5
#define CK_BACK 2, 3, 6, 7
#endif
  vec ab = __builtin_shufflevector(a, b, CK_LOW) + __builtin_shufflevector(a, b, CK_HIGH);
  vec cd = __builtin_shufflevector(c, d, CK_LOW) + __builtin_shufflevector(c, d, CK_HIGH);
  return fold(
      __builtin_shufflevector(ab, cd, CK_FRONT) + __builtin_shufflevector(ab, cd, CK_BACK));
}

// exp(f + n ln 2) over 2^n for f in [-0.35, 0.35], x = f + n ln 2: polynomial of Cephes' expf
// (S. Moshier, netlib.org/cephes).
CK_INLINE vec exponential_rest(vec x, vec n) {
  vec f = x - n * 0.693359375f;
  f = f - n * -2.12194440e-4f;
  vec p = f * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * f + 8.3334519073e-3f;
  p = p * f + 4.1665795894e-2f;
  p = p * f + 1.6666665459e-1f;
  p = p * f + 5.0000001201e-1f;
  return p * (f * f) + (f + 1.0f);
}

// exp(x), relative error below 2e-7 for x in [-87, 88]; 0 below (minus infinity too); above exp(88), or
// infinity with AVX-512, which rounds to n and scales by 2^n in an instruction each.
CK_INLINE vec exponential(vec x) {
  const float low = -87.3f;
#if CK_WIDTH == 16
  __mmask16 counts = _mm512_cmp_ps_mask((__m512)x, (__m512)splat(low), _CMP_NLT_UQ);
  vec n = (vec)_mm512_roundscale_ps(
      (__m512)(x * 1.44269504f), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  return (vec)_mm512_maskz_scalef_ps(counts, (__m512)exponential_rest(x, n), (__m512)n);
#else
  const float high = 88.0f, shift = 12582912.0f;
  vec y = x < low ? splat(low) : x;
  y = y > high ? splat(high) : y;
  // Rounded through 1.5 * 2^23, whose low bits then are n.
  vec shifted = y * 1.44269504f + shift;
  vec p = exponential_rest(y, shifted - shift);
  // A cast between vectors of one size keeps the bits.
  vec power = (vec)(((ivec)shifted + 127) << 23);
  return x < low ? splat(0) : p * power;
#endif
}
