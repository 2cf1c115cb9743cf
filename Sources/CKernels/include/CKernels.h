// padtax's own CPU kernels, float32, in three variants: AVX-512, AVX2 with FMA, and portable.
//
// One source per topic (norms.h, skinny.h, ...) is written with vectors of CK_WIDTH lanes and
// compiled once per variant (variant_*.c). The caller asks for a table of functions once and
// calls through it. No kernel allocates, locks or keeps state; any thread may call.
#ifndef CKERNELS_H
#define CKERNELS_H

#include <stddef.h>
#include <stdint.h>

#define CK_NONNULL _Nonnull
#define CK_NULLABLE _Nullable

// Attention of one KV head and one sequence.
//
// Dimension letters: s query slots, g query heads of the KV head, d elements of a head, t KV slots
// that the last query sees (context + s).
//
// Keys and values lie in blocks of block_slots slots each, [block_slots, d]: block b of the memory
// starts at b * block_stride, and blocks[j] is the one that holds the slots from j * block_slots on.
// Without a table they are one block.
typedef struct {
  const float *CK_NONNULL queries;  // slot i, head h at queries + i * query_stride + h * d
  size_t query_stride;
  const float *CK_NONNULL keys;     // [t, d] in blocks
  const float *CK_NONNULL values;   // [t, d] in blocks
  const int32_t *CK_NULLABLE blocks;
  size_t block_slots, block_stride;
  float *CK_NONNULL out;            // slot i, head h at out + i * out_stride + h * d
  size_t out_stride;
  float *CK_NULLABLE lse;           // [s, g] log of the sum of exp(score), wanted where keys come in shares
  size_t slots, group, width;       // s, g, d
  size_t context;                   // query slot i sees the KV slots 0...(context + i)
  size_t real_begin, real_end;      // query slots that honour the mask
  size_t masked_begin, masked_end;  // KV slots of weight 0 for those queries
  float scale;
  int is_cached;                    // keys and values are in the second-level cache: no prefetch
  float *CK_NONNULL workspace;      // ck_attention_workspace() elements
} ck_attention;

// A packed weight [outputs, inputs]: panels of 16 outputs, in each for every word of inputs the words of
// the 16. A word is a float or two bfloat16 values: element (n, k) of w words of d elements is at
// ((n / 16 * w + k / d) * 16 + n % 16) * d + k % d, w being a multiple of 16. What is beyond outputs
// or inputs is zero.
typedef struct {
  const void *CK_NONNULL panels;
  size_t outputs, inputs;
} ck_packed;

typedef struct {
  const char *CK_NONNULL name;
  // Lanes of a vector.
  size_t lanes;

  // y[n] = x[n] / sqrt(mean(x^2) + epsilon) * w[n]; y may be x.
  void (*CK_NONNULL rms_norm)(
      float *CK_NONNULL y, const float *CK_NONNULL x, const float *CK_NONNULL w, size_t n,
      float epsilon);
  // r[n] += x[n], then y = rms_norm(r); y may be x.
  void (*CK_NONNULL add_rms_norm)(
      float *CK_NONNULL y, float *CK_NONNULL r, const float *CK_NONNULL x,
      const float *CK_NONNULL w, size_t n, float epsilon);
  // y[n] += x[n]
  void (*CK_NONNULL add)(float *CK_NONNULL y, const float *CK_NONNULL x, size_t n);
  // y[n] = g[n] / (1 + exp(-g[n])) * u[n]
  void (*CK_NONNULL silu_multiply)(
      float *CK_NONNULL y, const float *CK_NONNULL g, const float *CK_NONNULL u, size_t n);
  // x[heads, d] in place; cosines and sines [d / 2]; element i turns with i + d / 2.
  void (*CK_NONNULL rotate)(
      float *CK_NONNULL x, const float *CK_NONNULL cosines, const float *CK_NONNULL sines,
      size_t heads, size_t d);
  // x[n] = softmax(x)
  void (*CK_NONNULL softmax)(float *CK_NONNULL x, size_t n);
  // Sum of exp(x - largest) over n elements, and the largest, minus infinity for none.
  double (*CK_NONNULL softmax_parts)(
      const float *CK_NONNULL x, size_t n, float *CK_NONNULL largest);
  // Index of the first of the largest elements; n > 0.
  size_t (*CK_NONNULL argmax)(const float *CK_NONNULL x, size_t n);
  // y[m, n] = x[m, k] w[n, k]^T + bias[n]; made for small m. Rows ldx, ldw, ldy elements apart.
  void (*CK_NONNULL skinny_linear)(
      size_t m, size_t n, size_t k, const float *CK_NONNULL x, size_t ldx,
      const float *CK_NONNULL w, size_t ldw, const float *CK_NULLABLE bias, float *CK_NONNULL y,
      size_t ldy);
  // y[m, outputs] = x[m, inputs] w^T + bias with floats that ck_float_pack packed, for any m; rows ldx,
  // ldy elements apart. A row's result does not depend on the rows beside it, and outputs may be
  // computed panel by panel. NULL where the library is the better choice.
  void (*CK_NULLABLE packed_linear)(
      size_t m, const ck_packed *CK_NONNULL w, const float *CK_NONNULL x, size_t ldx,
      const float *CK_NULLABLE bias, float *CK_NONNULL y, size_t ldy, void *CK_NONNULL workspace);
  // Bytes of its workspace, aligned to 64.
  size_t (*CK_NULLABLE packed_workspace)(size_t m, size_t inputs);
  void (*CK_NONNULL attend)(const ck_attention *CK_NONNULL job);
  // Runs `rounds` rounds of independent multiply-adds on registers; returns the operations done
  // (a multiply-add counts two), and writes a value that depends on all of them.
  double (*CK_NONNULL multiply_add)(size_t rounds, float *CK_NONNULL witness);
  // Sum of n elements, read as eight streams.
  float (*CK_NONNULL read_streams)(const float *CK_NONNULL x, size_t n);
  // The same, read in order.
  float (*CK_NONNULL read_in_order)(const float *CK_NONNULL x, size_t n);

  // Encoders.
  // y[n] = norm(x + addend) * w + b, the norm over mean and variance; y may be x or addend.
  void (*CK_NONNULL layer_norm)(
      float *CK_NONNULL y, const float *CK_NONNULL x, const float *CK_NULLABLE addend,
      const float *CK_NONNULL w, const float *CK_NONNULL b, size_t n, float epsilon);
  // x[n] = x (1 + erf(x / sqrt 2)) / 2
  void (*CK_NONNULL gelu)(float *CK_NONNULL x, size_t n);
  // Attention of one head in both directions: every query sees the s keys and values of the row,
  // which lie key_stride elements apart. group is 1 and context 0.
  void (*CK_NONNULL attend_both)(const ck_attention *CK_NONNULL job, size_t key_stride);
} ck_kernels;

// The widest variant that this machine runs.
const ck_kernels *CK_NONNULL ck_best_kernels(void);
// The variant called "avx512", "avx2" or "portable", or NULL where this machine cannot run it.
const ck_kernels *CK_NULLABLE ck_kernels_named(const char *CK_NONNULL name);
// Name of the widest variant.
const char *CK_NONNULL ck_instruction_set(void);
// 1 where the CPU runs AVX2 and FMA; a BLAS that reports SSE kernels there is misconfigured.
int ck_has_avx2(void);
// 1 where the CPU is AMD's: kernels' choice goes by what was measured there.
int ck_is_amd(void);

// Float weights for ck_kernels.packed. Words of a row of inputs, floats of a packed weight.
size_t ck_float_words(size_t inputs);
size_t ck_float_elements(size_t outputs, size_t inputs);
// Packs w[outputs, inputs], rows ldw apart, into the zero-filled panels.
void ck_float_pack(
    const float *CK_NONNULL w, size_t ldw, size_t outputs, size_t inputs, float *CK_NONNULL panels);
// Row n of a packed weight as floats [inputs].
void ck_float_row(const ck_packed *CK_NONNULL w, size_t n, float *CK_NONNULL y);

// Elements of workspace that ck_kernels.attend needs: linear in t, never s times t.
size_t ck_attention_workspace(size_t slots, size_t group, size_t width, size_t context);
// The same for attend_both.
size_t ck_attend_both_workspace(size_t slots, size_t width);

// Ceilings, for provenance and benchmarks.
// Multiply-add peak of one thread in GFLOP/s, best of several runs in `seconds`.
double ck_measure_fma_gflops(const ck_kernels *CK_NONNULL kernels, double seconds);
// Bytes of the second-level cache of a core; 0 where the system does not tell.
size_t ck_second_level_cache(void);
// Seconds of the monotonic clock.
double ck_seconds(void);

#include "CKernelsBF16.h"
#include "CKernelsTeam.h"

#endif
