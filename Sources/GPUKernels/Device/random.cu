// Random weights by position, bit for bit those of Statistics/CounterRandom+Floats.swift: Philox4x32
// of (seed, stream, index), then Wichura's AS 241 quantile in double. No product is fused with a sum:
// the Swift code has none.
#include "prelude.cuh"

DEVICE unsigned philox_word(unsigned long long seed, unsigned long long stream,
                            unsigned long long index) {
  unsigned long long block = index >> 2;
  unsigned x = (unsigned)block, y = (unsigned)(block >> 32);
  unsigned z = (unsigned)stream, w = (unsigned)(stream >> 32);
  unsigned k0 = (unsigned)seed, k1 = (unsigned)(seed >> 32);
  for (int round = 0; round < 10; round++) {
    if (round > 0) k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
    unsigned long long a = 0xD2511F53ull * x, b = 0xCD9E8D57ull * z;
    unsigned nx = (unsigned)(b >> 32) ^ y ^ k0, nz = (unsigned)(a >> 32) ^ w ^ k1;
    y = (unsigned)b, w = (unsigned)a, x = nx, z = nz;
  }
  int lane = (int)(index & 3);
  return lane == 0 ? x : lane == 1 ? y : lane == 2 ? z : w;
}

DEVICE double mul(double a, double b) { return __dmul_rn(a, b); }
DEVICE double plus(double a, double b) { return __dadd_rn(a, b); }

// PortableMath.log for 0 < x < 1.
DEVICE double log_portable(double x) {
  long long bits = __double_as_longlong(x);
  double k = (double)((int)((bits >> 52) & 0x7ff) - 1023);
  double m = __longlong_as_double((bits & 0xfffffffffffffll) | 0x3ff0000000000000ll);
  if (m > 1.4142135623730951) m = mul(m, 0.5), k = plus(k, 1.0);
  double s = __ddiv_rn(plus(m, -1.0), plus(m, 1.0)), z = mul(s, s), series = 0.0;
  for (double divisor = 23.0; divisor >= 3.0; divisor = plus(divisor, -2.0))
    series = mul(plus(series, __ddiv_rn(1.0, divisor)), z);
  double high = mul(k, 6.93147180369123816490e-01), low = mul(k, 1.90821492927058770002e-10);
  double twice = mul(2.0, s);
  return plus(high, plus(twice, plus(mul(twice, series), low)));
}

#define STEP(a, b) top = plus(mul(top, r), a), bottom = plus(mul(bottom, r), b)
DEVICE double normal_quantile(double p) {
  double q = plus(p, -0.5), top = 0.0, bottom = 0.0, r;
  if (fabs(q) <= 0.425) {
    r = plus(0.180625, -mul(q, q));
    STEP(2.5090809287301226727e+3, 5.2264952788528545610e+3);
    STEP(3.3430575583588128105e+4, 2.8729085735721942674e+4);
    STEP(6.7265770927008700853e+4, 3.9307895800092710610e+4);
    STEP(4.5921953931549871457e+4, 2.1213794301586595867e+4);
    STEP(1.3731693765509461125e+4, 5.3941960214247511077e+3);
    STEP(1.9715909503065514427e+3, 6.8718700749205790830e+2);
    STEP(1.3314166789178437745e+2, 4.2313330701600911252e+1);
    STEP(3.3871328727963666080e+0, 1.0);
    return mul(q, __ddiv_rn(top, bottom));
  }
  double tail = __dsqrt_rn(-log_portable(q < 0 ? p : plus(1.0, -p)));
  if (tail <= 5.0) {
    r = plus(tail, -1.6);
    STEP(7.74545014278341407640e-4, 1.05075007164441684324e-9);
    STEP(2.27238449892691845833e-2, 5.47593808499534494600e-4);
    STEP(2.41780725177450611770e-1, 1.51986665636164571966e-2);
    STEP(1.27045825245236838258e+0, 1.48103976427480074590e-1);
    STEP(3.64784832476320460504e+0, 6.89767334985100004550e-1);
    STEP(5.76949722146069140550e+0, 1.67638483018380384940e+0);
    STEP(4.63033784615654529590e+0, 2.05319162663775882187e+0);
    STEP(1.42343711074968357734e+0, 1.0);
  } else {
    r = plus(tail, -5.0);
    STEP(2.01033439929228813265e-7, 2.04426310338993978564e-15);
    STEP(2.71155556874348757815e-5, 1.42151175831644588870e-7);
    STEP(1.24266094738807843860e-3, 1.84631831751005468180e-5);
    STEP(2.65321895265761230930e-2, 7.86869131145613259100e-4);
    STEP(2.96560571828504891230e-1, 1.48753612908506148525e-2);
    STEP(1.78482653991729133580e+0, 1.36929880922735805310e-1);
    STEP(5.46378491116411436990e+0, 5.99832206555887937690e-1);
    STEP(6.65790464350110377720e+0, 1.0);
  }
  double size = __ddiv_rn(top, bottom);
  return q < 0 ? -size : size;
}

// Row blockIdx.x, columns of block blockIdx.y: y = mean + deviation * normal(first + row * step + column).
template <class T>
DEVICE void fill_normal(
    T *y, long long ys, int n, unsigned long long seed, unsigned long long stream,
    unsigned long long first, unsigned long long step, float mean, float deviation) {
  int i = blockIdx.y * blockDim.x + threadIdx.x;
  if (i >= n) return;
  unsigned word = philox_word(seed, stream, first + blockIdx.x * step + i);
  double p = mul(plus((double)word, 0.5), 0x1p-32);
  float normal = (float)normal_quantile(p);
  narrow(y + blockIdx.x * ys + i, __fadd_rn(mean, __fmul_rn(deviation, normal)));
}

#define FOR_TYPE(T, suffix)                                                                     \
  extern "C" __global__ void fill_normal_##suffix(                                              \
      T *y, long long ys, int n, unsigned long long seed, unsigned long long stream,            \
      unsigned long long first, unsigned long long step, float mean, float deviation) {         \
    fill_normal(y, ys, n, seed, stream, first, step, mean, deviation);                          \
  }

FOR_TYPE(float, f32)
FOR_TYPE(bf16, bf16)
#undef FOR_TYPE
#undef STEP
