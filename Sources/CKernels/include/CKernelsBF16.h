// bfloat16 weights, operands and keys; sums are float32.
//
// A weight is packed once: outputs in panels of 16, inputs in pairs, so that one vector register
// holds a pair of inputs for 16 outputs. AMX tiles, vdpbf16ps and widening to float32 all read this
// layout as it is.
#ifndef CKERNELS_BF16_H
#define CKERNELS_BF16_H

#include "CKernels.h"

// Elements of a packed weight, and of one row of its inputs.
size_t ck_packed_elements(size_t outputs, size_t inputs);
size_t ck_packed_depth(size_t inputs);
// Rounds w[outputs, inputs], rows ldw apart, to nearest even into the zero-filled panels.
void ck_pack(
    const float *CK_NONNULL w, size_t ldw, size_t outputs, size_t inputs,
    uint16_t *CK_NONNULL panels);
// Row n of a packed weight as floats [inputs].
void ck_packed_row(const ck_packed *CK_NONNULL w, size_t n, float *CK_NONNULL y);
// Bytes of workspace, aligned to 64, that are enough for any `linear` with m rows.
size_t ck_packed_workspace(size_t m, size_t inputs);
// Floats of workspace that `attend` needs: linear in the keys.
size_t ck_bf16_attention_workspace(size_t slots, size_t group, size_t width, size_t context);

typedef struct {
  const char *CK_NONNULL name;
  // `linear` reads the weight once for up to so many rows; beyond it reads it in blocks.
  size_t few;
  // Whether `linear` has a blocked form for more rows. Without one, it takes any m but reads the
  // weight again for each `few` of them: widen blocks of the weight and use a library instead.
  int blocked;
  // y[n] = x[n], rounded to nearest even, and the reverse.
  void (*CK_NONNULL round)(uint16_t *CK_NONNULL y, const float *CK_NONNULL x, size_t n);
  void (*CK_NONNULL widen)(float *CK_NONNULL y, const uint16_t *CK_NONNULL x, size_t n);
  // y[n] += x[n], each sum in float32, rounded to nearest even.
  void (*CK_NONNULL add)(uint16_t *CK_NONNULL y, const uint16_t *CK_NONNULL x, size_t n);
  // y[m, outputs] = bf16(x[m, inputs]) w^T + bias; rows ldx, ldy elements apart.
  void (*CK_NONNULL linear)(
      size_t m, const ck_packed *CK_NONNULL w, const float *CK_NONNULL x, size_t ldx,
      const float *CK_NULLABLE bias, float *CK_NONNULL y, size_t ldy, void *CK_NONNULL workspace);
  // Bytes of its workspace, aligned to 64.
  size_t (*CK_NONNULL workspace)(size_t m, size_t inputs);
  // The outputs of `count` panels from `first` on as floats [inputs, count * 16], rows ld apart.
  void (*CK_NONNULL unpack)(
      const ck_packed *CK_NONNULL w, size_t first, size_t count, float *CK_NONNULL y, size_t ld);
  // ck_kernels.attend with keys and values [t, d] in bfloat16; those of the job are not read.
  void (*CK_NONNULL attend)(
      const ck_attention *CK_NONNULL job, const uint16_t *CK_NONNULL keys,
      const uint16_t *CK_NONNULL values);
  // Whether `attend` rounds queries and weights to bfloat16, too, for the instruction of
  // `multiply_add`; else it widens keys and values, for multiply-adds in float32.
  int rounds_queries;
  // As ck_kernels.multiply_add, on the instruction that `linear` spends its time in.
  double (*CK_NONNULL multiply_add)(size_t rounds, float *CK_NONNULL witness);
} ck_bf16_kernels;

// The best that this machine runs: "amx", "avx512-bf16", "avx512", "avx2" or "portable".
const ck_bf16_kernels *CK_NONNULL ck_best_bf16(void);
// One by name, or NULL where this machine cannot run it. "amx-emulated" is the AMX kernel with its
// tiles in software, for tests: it runs everywhere, slowly.
const ck_bf16_kernels *CK_NULLABLE ck_bf16_named(const char *CK_NONNULL name);
// The best variant's `add`, found once: what MPI sums messages with (CMPI/shim.h).
void ck_bf16_add(uint16_t *CK_NONNULL y, const uint16_t *CK_NONNULL x, size_t n);
// 1 where vdpbf16ps takes the time of a float32 multiply-add, of which it does twice the work: AMD.
// Intel's takes four times as long.
int ck_dot_is_fast(void);
// What was found about AMX, in words: whether the CPU lists it, the system grants it, and a tile
// product that was tried gave the right result. The trial is guarded: on some virtual machines
// CPUID lists AMX and its instructions fault.
const char *CK_NONNULL ck_amx_state(void);

#endif
