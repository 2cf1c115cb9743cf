// Operations on rows: norms, positions, activations, look-ups, samples.
//
// One block per row (blockIdx.x) unless a comment says otherwise. T is the element of activations
// and weights; logits may be wider.
#include "prelude.cuh"

// y = norm(x) * w, or r += x, y = norm(r) * w where there is a residual. Means of squares in float32.
template <class T, int V>
DEVICE void rms_row(
    T *y, const T *x, T *r, const T *w, int n, float epsilon, float (*)[V]) {
  float v[V], u[V], sum = 0.0f;
  for (int i = threadIdx.x * V; i < n; i += blockDim.x * V) {
    if (V == 1) v[0] = wide(x[i]); else load_chunk(v, x + i);
    if (r) {
      if (V == 1) u[0] = wide(r[i]); else load_chunk(u, r + i);
      for (int k = 0; k < V; k++) v[k] = rounded(r, u[k] + v[k]);
      if (V == 1) narrow(r + i, v[0]); else save_chunk(r + i, v);
    }
    for (int k = 0; k < V; k++) sum += v[k] * v[k];
  }
  float scale = 1.0f / sqrtf(block_sum(sum) / n + epsilon);
  const T *from = r ? r : x;
  for (int i = threadIdx.x * V; i < n; i += blockDim.x * V) {
    if (V == 1) v[0] = wide(from[i]), u[0] = wide(w[i]);
    else load_chunk(v, from + i), load_chunk(u, w + i);
    for (int k = 0; k < V; k++) v[k] = v[k] * scale * u[k];
    if (V == 1) narrow(y + i, v[0]); else save_chunk(y + i, v);
  }
}

// The element-wise and the 16-byte path share one body; load_chunk needs its exact width.
template <class T>
DEVICE void rms_norm(
    T *y, long long ys, const T *x, long long xs, T *r, long long rs, const T *w, int n,
    float epsilon) {
  y += blockIdx.x * ys, x += blockIdx.x * xs;
  if (r) r += blockIdx.x * rs;
  bool chunks = n % Chunk<T>::count == 0 && is_aligned(y) && is_aligned(x) && is_aligned(w) &&
                (!r || is_aligned(r));
  if (chunks) rms_row(y, x, r, w, n, epsilon, (float (*)[Chunk<T>::count])0);
  else rms_row(y, x, r, w, n, epsilon, (float (*)[1])0);
}

// y = (z - mean) / sqrt(variance + epsilon) * w + b, z = x + a where there is an addend.
template <class T>
DEVICE void layer_norm(
    T *y, long long ys, const T *x, long long xs, const T *a, long long as, const T *w, const T *b,
    int n, float epsilon) {
  y += blockIdx.x * ys, x += blockIdx.x * xs;
  if (a) a += blockIdx.x * as;
  float sum = 0.0f, squares = 0.0f;
  for (int i = threadIdx.x; i < n; i += blockDim.x) sum += wide(x[i]) + (a ? wide(a[i]) : 0.0f);
  float mean = block_sum(sum) / n;
  for (int i = threadIdx.x; i < n; i += blockDim.x) {
    float d = wide(x[i]) + (a ? wide(a[i]) : 0.0f) - mean;
    squares += d * d;
  }
  float scale = 1.0f / sqrtf(block_sum(squares) / n + epsilon);
  for (int i = threadIdx.x; i < n; i += blockDim.x) {
    float d = wide(x[i]) + (a ? wide(a[i]) : 0.0f) - mean;
    narrow(y + i, d * scale * wide(w[i]) + wide(b[i]));
  }
}

// RMS norm of each head in place; one warp per head.
template <class T>
DEVICE void head_norm(T *x, long long xs, const T *w, int heads, int d, float epsilon) {
  int lane = threadIdx.x & 31;
  for (int h = threadIdx.x >> 5; h < heads; h += blockDim.x >> 5) {
    T *p = x + blockIdx.x * xs + (long long)h * d;
    float sum = 0.0f;
    for (int i = lane; i < d; i += 32) sum += wide(p[i]) * wide(p[i]);
    float scale = 1.0f / sqrtf(warp_sum(sum) / d + epsilon);
    for (int i = lane; i < d; i += 32) narrow(p + i, wide(p[i]) * scale * wide(w[i]));
  }
}

// Element i of a head turns with element i + d / 2; tables [positions, d / 2].
template <class T>
DEVICE void rotate(
    T *x, long long xs, const int *positions, const float *cosines, const float *sines, int heads,
    int d) {
  int half = d / 2;
  long long at = (long long)positions[blockIdx.x] * half;
  for (int k = threadIdx.x; k < heads * half; k += blockDim.x) {
    int h = k / half, i = k % half;
    T *p = x + blockIdx.x * xs + (long long)h * d + i;
    float a = wide(p[0]), b = wide(p[half]), c = cosines[at + i], s = sines[at + i];
    narrow(p, a * c - b * s);
    narrow(p + half, b * c + a * s);
  }
}

// y[n] = g / (1 + exp(-g)) * u, of a row that holds g[n], then u[n].
template <class T>
DEVICE void silu_multiply(T *y, long long ys, const T *x, long long xs, int n) {
  const int V = Chunk<T>::count;
  y += blockIdx.x * ys, x += blockIdx.x * xs;
  if (n % V == 0 && is_aligned(y) && is_aligned(x)) {
    float g[V], u[V];
    for (int i = threadIdx.x * V; i < n; i += blockDim.x * V) {
      load_chunk(g, x + i);
      load_chunk(u, x + n + i);
      for (int k = 0; k < V; k++) g[k] = g[k] / (1.0f + expf(-g[k])) * u[k];
      save_chunk(y + i, g);
    }
  } else {
    for (int i = threadIdx.x; i < n; i += blockDim.x) {
      float g = wide(x[i]);
      narrow(y + i, g / (1.0f + expf(-g)) * wide(x[n + i]));
    }
  }
}

template <class T>
DEVICE void add(T *y, long long ys, const T *x, long long xs, int n) {
  y += blockIdx.x * ys, x += blockIdx.x * xs;
  for (int i = threadIdx.x; i < n; i += blockDim.x) narrow(y + i, wide(y[i]) + wide(x[i]));
}

// kind 0: x (1 + erf(x / sqrt 2)) / 2; kind 1: tanh x.
template <class T>
DEVICE void activate(T *x, long long xs, int n, int kind) {
  x += blockIdx.x * xs;
  for (int i = threadIdx.x; i < n; i += blockDim.x) {
    float v = wide(x[i]);
    narrow(x + i, kind == 0 ? v * 0.5f * erfcf(-v * 0.70710678f) : tanhf(v));
  }
}

// y[row] = x[rows[row] - first], zeros where that is outside 0..<limit.
template <class T>
DEVICE void gather(
    T *y, long long ys, const T *x, long long xs, const int *rows, int first, int limit, int n) {
  long long at = (long long)rows[blockIdx.x] - first;
  bool there = at >= 0 && at < limit;
  y += blockIdx.x * ys;
  x += there ? at * xs : 0;
  for (int i = threadIdx.x; i < n; i += blockDim.x) {
    if (there) y[i] = x[i]; else narrow(y + i, 0.0f);
  }
}

// Keys and values of slot blockIdx.x to their row's region: item = (row, slot of the row).
template <class T, class K>
DEVICE void store(
    const Keys &cache, const T *keys, long long ks, const T *values, long long vs,
    const Row *rows, const int2 *items, int d) {
  int2 item = items[blockIdx.x];
  Row row = rows[item.x];
  long long from = row.first_slot + item.y;
  for (int i = threadIdx.x; i < cache.heads * d; i += blockDim.x) {
    long long to =
        key_offset(cache, row, item.x, i / d, row.context + item.y, d) + i % d;
    narrow((K *)cache.keys + to, wide(keys[from * ks + i]));
    narrow((K *)cache.values + to, wide(values[from * vs + i]));
  }
}

// First of the largest elements of a row.
template <class T>
DEVICE void argmax(const T *x, long long xs, int n, int *index, float *value) {
  __shared__ float best_values[32];
  __shared__ int best_columns[32];
  x += blockIdx.x * xs;
  float best = wide(x[0]);
  int column = 0;
  for (int i = threadIdx.x; i < n; i += blockDim.x) {
    float v = wide(x[i]);
    if (v > best) best = v, column = i;
  }
  for (int o = 16; o; o >>= 1) {
    float v = __shfl_xor_sync(0xffffffffu, best, o);
    int c = __shfl_xor_sync(0xffffffffu, column, o);
    if (v > best || (v == best && c < column)) best = v, column = c;
  }
  if ((threadIdx.x & 31) == 0) {
    best_values[threadIdx.x >> 5] = best;
    best_columns[threadIdx.x >> 5] = column;
  }
  __syncthreads();
  if (threadIdx.x == 0) {
    for (int w = 1; w < (int)blockDim.x / 32; w++) {
      float v = best_values[w];
      int c = best_columns[w];
      if (v > best || (v == best && c < column)) best = v, column = c;
    }
    index[blockIdx.x] = column;
    value[blockIdx.x] = best;
  }
}

// Largest element, sum of exp(x - largest) in double, and the target's element (0 outside).
template <class T>
DEVICE void softmax_parts(
    const T *x, long long xs, int n, const int *targets, float *largest, double *sums,
    double *wanted) {
  __shared__ float tops[32];
  __shared__ double totals[32];
  int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, warps = blockDim.x >> 5;
  x += blockIdx.x * xs;
  float top = -INFINITY;
  for (int i = threadIdx.x; i < n; i += blockDim.x) top = fmaxf(top, wide(x[i]));
  top = warp_max(top);
  if (lane == 0) tops[warp] = top;
  __syncthreads();
  for (int w = 0; w < warps; w++) top = fmaxf(top, tops[w]);
  double total = 0.0;
  for (int i = threadIdx.x; i < n; i += blockDim.x) total += (double)expf(wide(x[i]) - top);
  for (int o = 16; o; o >>= 1) total += __shfl_xor_sync(0xffffffffu, total, o);
  if (lane == 0) totals[warp] = total;
  __syncthreads();
  if (threadIdx.x == 0) {
    total = 0.0;
    for (int w = 0; w < warps; w++) total += totals[w];
    int target = targets[blockIdx.x];
    largest[blockIdx.x] = top;
    sums[blockIdx.x] = total;
    wanted[blockIdx.x] = target >= 0 && target < n ? (double)wide(x[target]) : 0.0;
  }
}

template <class To, class From>
DEVICE void convert(To *y, long long ys, const From *x, long long xs, int n) {
  y += blockIdx.x * ys, x += blockIdx.x * xs;
  for (int i = threadIdx.x; i < n; i += blockDim.x) narrow(y + i, wide(x[i]));
}

#define FOR_CACHE(T, of, K, kept)                                                                 \
  extern "C" __global__ void store_##kept##_of_##of(                                              \
      Keys cache, const T *keys, long long ks, const T *values, long long vs, const Row *rows,    \
      const int2 *items, int d) {                                                                 \
    store<T, K>(cache, keys, ks, values, vs, rows, items, d);                                     \
  }
#define FOR_TYPE(T, suffix)                                                                       \
  extern "C" __global__ void rms_norm_##suffix(                                                   \
      T *y, long long ys, const T *x, long long xs, T *r, long long rs, const T *w, int n,        \
      float epsilon) {                                                                            \
    rms_norm(y, ys, x, xs, r, rs, w, n, epsilon);                                                 \
  }                                                                                               \
  extern "C" __global__ void layer_norm_##suffix(                                                 \
      T *y, long long ys, const T *x, long long xs, const T *a, long long as, const T *w,         \
      const T *b, int n, float epsilon) {                                                         \
    layer_norm(y, ys, x, xs, a, as, w, b, n, epsilon);                                            \
  }                                                                                               \
  extern "C" __global__ void head_norm_##suffix(                                                  \
      T *x, long long xs, const T *w, int heads, int d, float epsilon) {                          \
    head_norm(x, xs, w, heads, d, epsilon);                                                       \
  }                                                                                               \
  extern "C" __global__ void rotate_##suffix(                                                     \
      T *x, long long xs, const int *positions, const float *cosines, const float *sines,         \
      int heads, int d) {                                                                         \
    rotate(x, xs, positions, cosines, sines, heads, d);                                           \
  }                                                                                               \
  extern "C" __global__ void silu_multiply_##suffix(                                              \
      T *y, long long ys, const T *x, long long xs, int n) {                                      \
    silu_multiply(y, ys, x, xs, n);                                                               \
  }                                                                                               \
  extern "C" __global__ void add_##suffix(T *y, long long ys, const T *x, long long xs, int n) {  \
    add(y, ys, x, xs, n);                                                                         \
  }                                                                                               \
  extern "C" __global__ void activate_##suffix(T *x, long long xs, int n, int kind) {             \
    activate(x, xs, n, kind);                                                                     \
  }                                                                                               \
  extern "C" __global__ void gather_##suffix(                                                     \
      T *y, long long ys, const T *x, long long xs, const int *rows, int first, int limit,        \
      int n) {                                                                                    \
    gather(y, ys, x, xs, rows, first, limit, n);                                                  \
  }                                                                                               \
  FOR_CACHE(T, suffix, float, f32)                                                                \
  FOR_CACHE(T, suffix, bf16, bf16)                                                                \
  extern "C" __global__ void argmax_##suffix(                                                     \
      const T *x, long long xs, int n, int *index, float *value) {                                \
    argmax(x, xs, n, index, value);                                                               \
  }                                                                                               \
  extern "C" __global__ void softmax_parts_##suffix(                                              \
      const T *x, long long xs, int n, const int *targets, float *largest, double *sums,          \
      double *wanted) {                                                                           \
    softmax_parts(x, xs, n, targets, largest, sums, wanted);                                      \
  }                                                                                               \
  extern "C" __global__ void widen_##suffix(                                                      \
      float *y, long long ys, const T *x, long long xs, int n) {                                  \
    convert(y, ys, x, xs, n);                                                                     \
  }                                                                                               \
  extern "C" __global__ void narrow_##suffix(                                                     \
      T *y, long long ys, const float *x, long long xs, int n) {                                  \
    convert(y, ys, x, xs, n);                                                                     \
  }

FOR_TYPE(float, f32)
FOR_TYPE(bf16, bf16)
#undef FOR_TYPE
#undef FOR_CACHE
