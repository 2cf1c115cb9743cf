// bfloat16 on AMX tiles, and whether this machine has them.
#define _GNU_SOURCE
#include <string.h>

#include "bf16_variants.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>

#pragma clang attribute push( \
    __attribute__((target("amx-tile,amx-bf16,avx512f"))), apply_to = function)

#define AMX_ROWS ck_bf16_avx512
#define tile_configure(shape) _tile_loadconfig(shape)
#define tile_zero(t) _tile_zero(t)
#define tile_load(t, p, bytes) _tile_loadd(t, p, bytes)
#define tile_store(t, p, bytes) _tile_stored(t, p, bytes)
#define tile_dot(c, a, b) _tile_dpbf16ps(c, a, b)
#define tile_release() _tile_release()

#include "amx_linear.h"

static double multiply_add(size_t rounds, float *witness) {
  float sums[256];
  memset(sums, 0, sizeof sums);
  shape_tiles(16, 16);
  tile_zero(0);
  tile_zero(1);
  tile_zero(2);
  tile_zero(3);
  tile_load(4, sums, 64);
  tile_load(5, sums, 64);
  tile_load(6, sums, 64);
  tile_load(7, sums, 64);
  for (size_t round = 0; round < rounds; round++) {
    tile_dot(0, 4, 6);
    tile_dot(1, 4, 7);
    tile_dot(2, 5, 6);
    tile_dot(3, 5, 7);
  }
  tile_store(0, sums, 64);
  tile_release();
  witness[0] = sums[0];
  return 4.0 * 2 * 16 * 16 * 32 * (double)rounds;
}

// 2 x 3 over 32 inputs: 192 in each of 16 x 16 sums.
static int tile_product_is_right(void) {
  uint16_t two[512], three[512];
  float sums[256];
  for (int i = 0; i < 512; i++) {
    two[i] = 0x4000;
    three[i] = 0x4040;
  }
  memset(sums, 0, sizeof sums);
  shape_tiles(16, 16);
  tile_zero(0);
  tile_load(4, two, 64);
  tile_load(6, three, 64);
  tile_dot(0, 4, 6);
  tile_store(0, sums, 64);
  tile_release();
  for (int i = 0; i < 256; i++)
    if (sums[i] != 192.0f) return 0;
  return 1;
}

#pragma clang attribute pop

static void round_row(uint16_t *y, const float *x, size_t n) { ck_bf16_avx512.round(y, x, n); }
static void widen_row(float *y, const uint16_t *x, size_t n) { ck_bf16_avx512.widen(y, x, n); }
static void add_row(uint16_t *y, const uint16_t *x, size_t n) { ck_bf16_avx512.add(y, x, n); }
static void unpack_panels(const ck_packed *w, size_t first, size_t count, float *y, size_t ld) {
  ck_bf16_avx512.unpack(w, first, count, y, ld);
}
static void attend(const ck_attention *job, const uint16_t *keys, const uint16_t *values) {
  ck_bf16_avx512.attend(job, keys, values);
}

const ck_bf16_kernels ck_bf16_amx = {
    .name = "amx", .few = 32, .blocked = 1, .round = round_row, .widen = widen_row,
    .add = add_row,
    .linear = amx_linear, .workspace = ck_packed_workspace, .unpack = unpack_panels,
    .attend = attend,
    .multiply_add = multiply_add,
};

#if defined(__linux__)

#include <setjmp.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

// Linux grants tiles to a process that asks (arch_prctl, Documentation/arch/x86/xstate.rst).
enum { request_component = 0x1023, tile_data = 18 };

static sigjmp_buf trial;

static void give_up(int number) {
  (void)number;
  siglongjmp(trial, 1);
}

// Runs a tile product with SIGILL and SIGSEGV caught. Before any other thread uses signals: the
// caller runs it once.
static int trial_works(void) {
  struct sigaction guarded, illegal, segment;
  memset(&guarded, 0, sizeof guarded);
  guarded.sa_handler = give_up;
  sigemptyset(&guarded.sa_mask);
  if (sigaction(SIGILL, &guarded, &illegal) != 0) return 0;
  if (sigaction(SIGSEGV, &guarded, &segment) != 0) {
    sigaction(SIGILL, &illegal, 0);
    return 0;
  }
  volatile int works = 0;
  if (sigsetjmp(trial, 1) == 0) works = tile_product_is_right();
  sigaction(SIGSEGV, &segment, 0);
  sigaction(SIGILL, &illegal, 0);
  return works;
}

// The register states that the system saves (XGETBV of register 0), by bytes: no target needed.
static uint64_t saved_states(void) {
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (uint64_t)high << 32 | low;
}

int ck_try_amx(const char **state) {
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & (1u << 27))) {
    *state = "the CPU lists no extended states";
    return 0;
  }
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(d & (1u << 22)) || !(d & (1u << 24))) {
    *state = "the CPU does not list it";
    return 0;
  }
  if ((saved_states() & (3u << 17)) != (3u << 17)) {
    *state = "the CPU lists it, the system does not save its registers";
    return 0;
  }
  if (syscall(SYS_arch_prctl, request_component, tile_data) != 0) {
    *state = "the CPU lists it, the system does not grant it";
    return 0;
  }
  if (!trial_works()) {
    *state = "the CPU lists it and the system grants it, a tile product fails";
    return 0;
  }
  *state = "works";
  return 1;
}

#else

int ck_try_amx(const char **state) {
  *state = "not asked for on this system";
  return 0;
}

#endif
#endif
