// A driver, NVRTC and cuBLASLt in one library that need no GPU: memory is the host's, streams are
// queues that run when somebody waits for them, kernels are the project's device code compiled for
// the host and run thread by thread, with barriers, warps, tensor core tiles and asynchronous copies
// as the device has them. For tests; slow.
//
// PADTAX_STANDIN_FAIL   "name" or "name:code": that function answers the code (default 999).
// PADTAX_STANDIN_ORDER  "reverse": threads of a block run from the last to the first.
// PADTAX_STANDIN_MEMORY bytes that the device has (default 1 GiB).
#ifndef CUDA_STAND_IN_H
#define CUDA_STAND_IN_H

#ifdef __cplusplus
extern "C" {
#endif

// Calls of a function, or launches of a kernel, so far.
long standin_count(const char *name);
// Bytes of device memory that are allocated now.
long standin_live_bytes(void);

#ifdef __cplusplus
}
#endif
#endif
