// The functions that are called, with their documented signatures; every one returns an int code.
// CUdeviceptr is a 64-bit number; handles are opaque pointers, devices ints.
#ifndef CGPU_LIBRARIES_H
#define CGPU_LIBRARIES_H

#include <stddef.h>
#include <stdint.h>

#include "CGPU.h"

#define CUDA_FUNCTIONS(X)                                                                         \
  X(cuInit, (unsigned))                                                                           \
  X(cuDriverGetVersion, (int *))                                                                  \
  X(cuDeviceGetCount, (int *))                                                                    \
  X(cuDeviceGet, (int *, int))                                                                    \
  X(cuDeviceGetName, (char *, int, int))                                                          \
  X(cuDeviceGetUuid, (unsigned char *, int))                                                      \
  X(cuDeviceGetAttribute, (int *, int, int))                                                      \
  X(cuDeviceTotalMem_v2, (size_t *, int))                                                         \
  X(cuDeviceGetPCIBusId, (char *, int, int))                                                      \
  X(cuGetErrorString, (int, const char **))                                                       \
  X(cuDevicePrimaryCtxRetain, (void **, int))                                                     \
  X(cuDevicePrimaryCtxRelease_v2, (int))                                                          \
  X(cuCtxSetCurrent, (void *))                                                                    \
  X(cuMemGetInfo_v2, (size_t *, size_t *))                                                        \
  X(cuMemAlloc_v2, (uint64_t *, size_t))                                                          \
  X(cuMemFree_v2, (uint64_t))                                                                     \
  X(cuMemHostAlloc, (void **, size_t, unsigned))                                                  \
  X(cuMemFreeHost, (void *))                                                                      \
  X(cuMemsetD8Async, (uint64_t, unsigned char, size_t, void *))                                   \
  X(cuMemcpyHtoDAsync_v2, (uint64_t, const void *, size_t, void *))                               \
  X(cuMemcpyDtoHAsync_v2, (void *, uint64_t, size_t, void *))                                     \
  X(cuMemcpyDtoDAsync_v2, (uint64_t, uint64_t, size_t, void *))                                   \
  X(cuStreamCreate, (void **, unsigned))                                                          \
  X(cuStreamDestroy_v2, (void *))                                                                 \
  X(cuStreamSynchronize, (void *))                                                                \
  X(cuStreamWaitEvent, (void *, void *, unsigned))                                                \
  X(cuEventCreate, (void **, unsigned))                                                           \
  X(cuEventDestroy_v2, (void *))                                                                  \
  X(cuEventRecord, (void *, void *))                                                              \
  X(cuEventSynchronize, (void *))                                                                 \
  X(cuEventElapsedTime, (float *, void *, void *))                                                \
  X(cuModuleLoadData, (void **, const void *))                                                    \
  X(cuModuleGetFunction, (void **, void *, const char *))                                         \
  X(cuFuncSetAttribute, (void *, int, int))                                                       \
  X(cuLaunchKernel, (void *, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned,          \
                     unsigned, void *, void **, void **))

// Of graphs, which are looked for where somebody wants them.
#define GRAPH_FUNCTIONS(X)                                                                        \
  X(cuStreamBeginCapture_v2, (void *, int))                                                       \
  X(cuStreamEndCapture, (void *, void **))                                                        \
  X(cuGraphInstantiateWithFlags, (void **, void *, unsigned long long))                           \
  X(cuGraphLaunch, (void *, void *))                                                              \
  X(cuGraphDestroy, (void *))                                                                     \
  X(cuGraphExecDestroy, (void *))

#define NVRTC_FUNCTIONS(X)                                                                        \
  X(nvrtcVersion, (int *, int *))                                                                 \
  X(nvrtcCreateProgram, (void **, const char *, const char *, int, const char *const *,           \
                         const char *const *))                                                    \
  X(nvrtcDestroyProgram, (void **))                                                               \
  X(nvrtcCompileProgram, (void *, int, const char *const *))                                      \
  X(nvrtcGetProgramLogSize, (void *, size_t *))                                                   \
  X(nvrtcGetProgramLog, (void *, char *))                                                         \
  X(nvrtcGetCUBINSize, (void *, size_t *))                                                        \
  X(nvrtcGetCUBIN, (void *, char *))

// cublasLtMatmulHeuristicResult_t: the algorithm's 64 bytes first.
typedef struct {
  uint64_t algorithm[8];
  size_t workspace;
  int state;
  float waves;
  int reserved[4];
} lt_heuristic;

#define BLAS_FUNCTIONS(X)                                                                         \
  X(cublasLtCreate, (void **))                                                                    \
  X(cublasLtDestroy, (void *))                                                                    \
  X(cublasLtMatmulDescCreate, (void **, int, int))                                                \
  X(cublasLtMatmulDescDestroy, (void *))                                                          \
  X(cublasLtMatmulDescSetAttribute, (void *, int, const void *, size_t))                          \
  X(cublasLtMatrixLayoutCreate, (void **, int, uint64_t, uint64_t, int64_t))                      \
  X(cublasLtMatrixLayoutDestroy, (void *))                                                        \
  X(cublasLtMatmulPreferenceCreate, (void **))                                                    \
  X(cublasLtMatmulPreferenceDestroy, (void *))                                                    \
  X(cublasLtMatmulPreferenceSetAttribute, (void *, int, const void *, size_t))                    \
  X(cublasLtMatmulAlgoGetHeuristic, (void *, void *, void *, void *, void *, void *, void *, int, \
                                     lt_heuristic *, int *))                                      \
  X(cublasLtMatmul, (void *, void *, const void *, const void *, void *, const void *, void *,    \
                     const void *, const void *, void *, void *, void *, const void *, void *,    \
                     size_t, void *))

#define NVML_FUNCTIONS(X)                                                                         \
  X(nvmlInit_v2, (void))                                                                          \
  X(nvmlSystemGetDriverVersion, (char *, unsigned))                                               \
  X(nvmlDeviceGetHandleByPciBusId_v2, (const char *, void **))                                    \
  X(nvmlDeviceGetClockInfo, (void *, int, unsigned *))                                            \
  X(nvmlDeviceGetPowerUsage, (void *, unsigned *))                                                \
  X(nvmlDeviceGetTotalEnergyConsumption, (void *, unsigned long long *))                          \
  X(nvmlDeviceGetCurrentClocksThrottleReasons, (void *, unsigned long long *))

// ncclUniqueId, which is passed by value.
typedef struct {
  char bytes[128];
} nccl_id;

#define NCCL_FUNCTIONS(X)                                                                         \
  X(ncclGetVersion, (int *))                                                                      \
  X(ncclGetUniqueId, (nccl_id *))                                                                 \
  X(ncclCommInitRank, (void **, int, nccl_id, int))                                               \
  X(ncclCommDestroy, (void *))                                                                    \
  X(ncclAllReduce, (const void *, void *, size_t, int, int, void *, void *))                      \
  X(ncclAllGather, (const void *, void *, size_t, int, void *, void *))                           \
  X(ncclReduceScatter, (const void *, void *, size_t, int, int, void *, void *))                  \
  X(ncclSend, (const void *, size_t, int, int, void *, void *))                                   \
  X(ncclRecv, (void *, size_t, int, int, void *, void *))

#define GP_DECLARE(name, parameters) int(*name) parameters;
typedef struct {
  CUDA_FUNCTIONS(GP_DECLARE) GRAPH_FUNCTIONS(GP_DECLARE) NVRTC_FUNCTIONS(GP_DECLARE)
  BLAS_FUNCTIONS(GP_DECLARE)
  NVML_FUNCTIONS(GP_DECLARE) NCCL_FUNCTIONS(GP_DECLARE)
  const char *(*ncclGetErrorString)(int);
  int has_nvml;
} gp_functions;

extern gp_functions gp;

struct gp_context {
  int device;
  void *context, *stream, *blas, *nvml;
  void *marks[2];
  void *tickets[GP_TICKETS];
  uint64_t workspace;
  size_t workspace_bytes;
};

// Keeps a line for gp_error(); returns `code`, or 1 for 0.
int gp_fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));
// 0, or the driver's answer to `what` in words.
int gp_driver(int code, const char *what);

// Calls a function of the driver; returns its answer from the caller where that is not 0.
#define TRY(call)                                  \
  do {                                             \
    int code = gp_driver(gp.call, #call);          \
    if (code) return code;                         \
  } while (0)

#endif
