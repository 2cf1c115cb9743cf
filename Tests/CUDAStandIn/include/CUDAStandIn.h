// A driver, NVRTC, cuBLASLt and NCCL in one library that need no GPU: memory is the host's, streams are
// queues that run when somebody waits for them, kernels are the project's device code compiled for
// the host and run thread by thread, with barriers, warps, tensor core tiles and asynchronous copies
// as the device has them. For tests; slow.
//
// PADTAX_STANDIN_FAIL   "name[:code][@n]": that function, or launch of a kernel, answers the code
//                       (default 999) from its nth call on; only on the rank that
//                       PADTAX_STANDIN_FAIL_RANK names, where it does.
// PADTAX_STANDIN_DEVICES  how many there are (default 1).
// PADTAX_STANDIN_ORDER  "reverse": threads of a block run from the last to the first.
// PADTAX_STANDIN_MEMORY bytes that the device has (default 1 GiB).
#ifndef CUDA_STAND_IN_H
#define CUDA_STAND_IN_H

#ifdef __cplusplus
extern "C" {
#endif

// Calls of a function, or launches of a kernel, so far.
long standin_count(const char *name);
// Graphs, captured and made ready, that were not destroyed.
long standin_live_graphs(void);
// Bytes of device memory that are allocated now.
long standin_live_bytes(void);

#ifdef __cplusplus
}
#endif
#endif
