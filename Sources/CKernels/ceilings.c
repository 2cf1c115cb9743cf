// Times the ceilings that results are compared with.
#define _GNU_SOURCE
#include <time.h>

#include "CKernels.h"

double ck_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

double ck_measure_fma_gflops(const ck_kernels *kernels, double seconds) {
  const size_t rounds = 100000;
  double best = 0, end = ck_seconds() + seconds;
  do {
    float witness[2] = {0.999f, 0.001f};
    double start = ck_seconds();
    double operations = kernels->multiply_add(rounds, witness);
    double rate = operations / (ck_seconds() - start) * 1e-9;
    if (rate > best) best = rate;
  } while (ck_seconds() < end);
  return best;
}
