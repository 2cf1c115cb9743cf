// Loads a CBLAS at run time and hands out the few functions that padtax calls.
//
// Dimension letters: C[m, n] = alpha * A[m, k] * op(B) + beta * C, row-major, leading dimensions
// in elements.
#ifndef CBLASLOADER_H
#define CBLASLOADER_H

#include <stddef.h>
#include <stdint.h>

#define CB_NONNULL _Nonnull
#define CB_NULLABLE _Nullable

// Values of the CBLAS standard's enumerations.
enum { cb_row_major = 101, cb_no_transpose = 111, cb_transpose = 112 };

typedef void (*cb_sgemm_function)(
    int order, int transpose_a, int transpose_b, int m, int n, int k, float alpha,
    const float *CB_NONNULL a, int lda, const float *CB_NONNULL b, int ldb, float beta,
    float *CB_NONNULL c, int ldc);
typedef void (*cb_sgemv_function)(
    int order, int transpose, int m, int n, float alpha, const float *CB_NONNULL a, int lda,
    const float *CB_NONNULL x, int incx, float beta, float *CB_NONNULL y, int incy);

enum { cb_text_size = 512 };

// What kind of library answered; it decides how the thread count is set.
typedef enum { cb_kind_other = 0, cb_kind_openblas = 1, cb_kind_mkl = 2, cb_kind_blis = 3 } cb_kind;

typedef struct {
  cb_sgemm_function CB_NULLABLE sgemm;
  cb_sgemv_function CB_NULLABLE sgemv;
  cb_kind kind;
  char path[cb_text_size];     // the file the loader chose
  char core[cb_text_size];     // OpenBLAS: its kernels' family; MKL: its threading layer; else empty
  char version[cb_text_size];  // the library's own words; else empty
  void *CB_NULLABLE handle;
} cb_library;

// Sets what the libraries read when they load: OPENBLAS_CORETYPE=auto (an unknown word: older
// OpenBLAS then picks by CPU feature and not by model number) and 1 for the thread counts
// OPENBLAS_NUM_THREADS, MKL_NUM_THREADS, BLIS_NUM_THREADS. OPENBLAS_CORETYPE is left alone where
// the user has set it. Must be called before cb_load; not thread safe, as setenv is not.
void cb_prepare_environment(void);

// Opens `name` (a path or a soname), or with NULL the first of the default candidates, and
// resolves its functions. It is told to start no threads; several may call it. Returns 0, or -1 with a text in `error` that lists what was tried.
// The library stays loaded for the life of the process.
int cb_load(
    const char *CB_NULLABLE name, cb_library *CB_NONNULL library,
    char *CB_NONNULL error, size_t error_size);

// Values that MKL adds to the CBLAS standard's enumerations.
enum { cb_mkl_packed = 151, cb_mkl_right_matrix = 162 };

// MKL's products with a packed matrix, in float and in bfloat16 with float sums (its Developer
// Reference: cblas_?gemm_pack, cblas_gemm_bf16bf16f32). Arguments as cblas_sgemm's; sizes are bytes.
typedef struct {
  size_t (*CB_NONNULL single_size)(int matrix, int m, int n, int k);
  void (*CB_NONNULL single_pack)(
      int order, int matrix, int transpose, int m, int n, int k, float alpha,
      const float *CB_NONNULL from, int stride, float *CB_NONNULL packed);
  void (*CB_NONNULL single_compute)(
      int order, int transpose_a, int transpose_b, int m, int n, int k, const float *CB_NONNULL a,
      int lda, const float *CB_NONNULL b, int ldb, float beta, float *CB_NONNULL c, int ldc);
  size_t (*CB_NONNULL half_size)(int matrix, int m, int n, int k);
  void (*CB_NONNULL half_pack)(
      int order, int matrix, int transpose, int m, int n, int k, const uint16_t *CB_NONNULL from,
      int stride, uint16_t *CB_NONNULL packed);
  void (*CB_NONNULL half_compute)(
      int order, int transpose_a, int transpose_b, int m, int n, int k, float alpha,
      const uint16_t *CB_NONNULL a, int lda, const uint16_t *CB_NONNULL b, int ldb, float beta,
      float *CB_NONNULL c, int ldc);
  void (*CB_NONNULL half)(
      int order, int transpose_a, int transpose_b, int m, int n, int k, float alpha,
      const uint16_t *CB_NONNULL a, int lda, const uint16_t *CB_NONNULL b, int ldb, float beta,
      float *CB_NONNULL c, int ldc);
} cb_mkl;

// Finds all of them in a loaded MKL. Returns 0, or -1 when the library is another or has not all.
int cb_find_mkl(const cb_library *CB_NONNULL library, cb_mkl *CB_NONNULL products);

// The same strings as C arrays, readable from languages that see a char[N] as a tuple.
const char *CB_NONNULL cb_path(const cb_library *CB_NONNULL library);
const char *CB_NONNULL cb_core(const cb_library *CB_NONNULL library);
const char *CB_NONNULL cb_version(const cb_library *CB_NONNULL library);

#endif
