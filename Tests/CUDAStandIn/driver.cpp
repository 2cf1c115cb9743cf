// The driver's functions, NVRTC's and cuBLASLt's, with the signatures of Sources/CGPU/libraries.h.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <deque>
#include <functional>
#include <map>
#include <string>

#include "CUDAStandIn.h"
#include "emulate.h"
#include "kernels.h"
#include "stream.h"

namespace {
std::map<std::string, long> counts;
std::map<uint64_t, size_t> blocks;
std::map<void *, size_t> pinned;
std::deque<std::function<void()>> stream;

size_t live() {
  size_t sum = 0;
  for (auto &block : blocks) sum += block.second;
  return sum + graph_bytes();
}

size_t memory() {
  const char *bytes = getenv("PADTAX_STANDIN_MEMORY");
  return bytes ? strtoull(bytes, nullptr, 10) : size_t(1) << 30;
}

void step() {
  auto work = std::move(stream.front());
  stream.pop_front();
  work();
}

bool is_pinned(const void *address) {
  auto after = pinned.upper_bound(const_cast<void *>(address));
  if (after == pinned.begin()) return false;
  --after;
  return (const char *)address < (const char *)after->first + after->second;
}

int devices() {
  const char *told = getenv("PADTAX_STANDIN_DEVICES");
  return told ? atoi(told) : 1;
}

int handle;  // What all handles point to.
struct Event {
  double milliseconds = 0;
  int open = 0;  // Records that have not been passed.
  bool captured = false;  // The last record belongs to a graph: nobody can wait for it.
};
double now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1e3 + time.tv_nsec * 1e-6;
}
}  // namespace

void drain() {
  while (!stream.empty()) step();
}

void enqueue(std::function<void()> work) {
  if (!keep(work)) stream.push_back(std::move(work));
}

// PADTAX_STANDIN_FAIL is NAME[:CODE][@N]: the function answers CODE from its Nth call on, on the rank
// that PADTAX_STANDIN_FAIL_RANK names or on all.
int counted(const char *name) {
  long count = ++counts[name];
  const char *fail = getenv("PADTAX_STANDIN_FAIL");
  size_t length = strlen(name);
  if (!fail || strncmp(fail, name, length) || (fail[length] && !strchr(":@", fail[length]))) return 0;
  const char *only = getenv("PADTAX_STANDIN_FAIL_RANK"), *rank = getenv("OMPI_COMM_WORLD_RANK");
  if (only && (!rank || strcmp(only, rank))) return 0;
  const char *from = strchr(fail, '@');
  if (from && count < atol(from + 1)) return 0;
  return fail[length] == ':' ? atoi(fail + length + 1) : 999;
}

extern "C" {

long standin_count(const char *name) { return counts[name]; }
long standin_live_bytes(void) { return (long)live(); }

int cuInit(unsigned) { ANSWER; return 0; }
int cuDriverGetVersion(int *version) {
  ANSWER;
  const char *told = getenv("PADTAX_STANDIN_CUDA");
  *version = told ? atoi(told) : 13000;
  return 0;
}
int cuDeviceGetCount(int *count) { ANSWER; *count = devices(); return 0; }
int cuDeviceGet(int *device, int number) {
  ANSWER;
  *device = number;
  return number < devices() ? 0 : 101;
}
int cuDeviceGetName(char *name, int, int) { ANSWER; strcpy(name, "stand-in"); return 0; }
int cuDeviceGetUuid(unsigned char *id, int device) {
  ANSWER;
  memset(id, 0xab, 16);
  id[15] += device;
  return 0;
}
int cuDeviceGetAttribute(int *value, int attribute, int) {
  ANSWER;
  *value = attribute == 75 ? 9 : attribute == 16 ? 4 : attribute == 97 ? 232448 : 0;
  return 0;
}
int cuDeviceTotalMem_v2(size_t *bytes, int) { ANSWER; *bytes = memory(); return 0; }
int cuDeviceGetPCIBusId(char *text, int, int) { ANSWER; *text = 0; return 0; }
int cuGetErrorString(int, const char **text) { *text = "the stand-in was told to fail"; return 0; }
int cuDevicePrimaryCtxRetain(void **context, int) { ANSWER; *context = &handle; return 0; }
int cuDevicePrimaryCtxRelease_v2(int) { ANSWER; return 0; }
int cuCtxSetCurrent(void *) { ANSWER; return 0; }
int cuMemGetInfo_v2(size_t *available, size_t *total) {
  ANSWER;
  *total = memory();
  *available = *total - live();
  return 0;
}
int cuMemAlloc_v2(uint64_t *address, size_t bytes) {
  NOT_IN_CAPTURE;
  if (live() + bytes > memory()) return 2;
  void *block = aligned_alloc(256, (bytes + 255) / 256 * 256);
  memset(block, 0xff, bytes);
  *address = (uint64_t)(uintptr_t)block;
  blocks[*address] = bytes;
  return 0;
}
int cuMemFree_v2(uint64_t address) {
  NOT_IN_CAPTURE;
  drain();
  if (!blocks.erase(address)) return 1;
  free((void *)(uintptr_t)address);
  return 0;
}
int cuMemHostAlloc(void **address, size_t bytes, unsigned) {
  NOT_IN_CAPTURE;
  *address = malloc(bytes);
  pinned[*address] = bytes;
  return 0;
}
int cuMemFreeHost(void *address) {
  NOT_IN_CAPTURE;
  drain();
  pinned.erase(address);
  free(address);
  return 0;
}
int cuMemsetD8Async(uint64_t to, unsigned char value, size_t bytes, void *) {
  ON_STREAM;
  enqueue([=] { memset((void *)(uintptr_t)to, value, bytes); });
  return 0;
}
int cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t bytes, void *) {
  ON_STREAM;
  if (is_pinned(from)) {
    enqueue([=] { memcpy((void *)(uintptr_t)to, from, bytes); });
  } else {
    if (int code = forbidden()) return code;
    // Pageable memory has been read when the call returns.
    std::string copy((const char *)from, bytes);
    enqueue([=] { memcpy((void *)(uintptr_t)to, copy.data(), bytes); });
  }
  return 0;
}
int cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t bytes, void *) {
  ON_STREAM;
  if (!is_pinned(to))
    if (int code = forbidden()) return code;
  enqueue([=] { memcpy(to, (const void *)(uintptr_t)from, bytes); });
  if (!is_pinned(to)) drain();
  return 0;
}
int cuMemcpyDtoDAsync_v2(uint64_t to, uint64_t from, size_t bytes, void *) {
  ON_STREAM;
  enqueue([=] { memmove((void *)(uintptr_t)to, (const void *)(uintptr_t)from, bytes); });
  return 0;
}
int cuStreamCreate(void **out, unsigned) { ANSWER; *out = &handle; return 0; }
int cuStreamDestroy_v2(void *) { NOT_IN_CAPTURE; drain(); return 0; }
int cuStreamSynchronize(void *) { NOT_IN_CAPTURE; drain(); return 0; }
int cuEventCreate(void **event, unsigned) { ANSWER; *event = new Event; return 0; }
int cuEventDestroy_v2(void *event) { NOT_IN_CAPTURE; drain(); delete (Event *)event; return 0; }
int cuEventRecord(void *event, void *) {
  ON_STREAM;
  if ((((Event *)event)->captured = capturing())) return 0;
  ((Event *)event)->open++;
  enqueue([=] {
    ((Event *)event)->milliseconds = now();
    ((Event *)event)->open--;
  });
  return 0;
}
// What was asked for after the event stays undone.
int cuEventSynchronize(void *event) {
  NOT_IN_CAPTURE;
  if (((Event *)event)->captured) return 907;
  while (((Event *)event)->open && !stream.empty()) step();
  return 0;
}
// There is one queue for all streams, in the order of the calls.
int cuStreamWaitEvent(void *, void *, unsigned) { ON_STREAM; return 0; }
int cuEventElapsedTime(float *out, void *from, void *to) {
  NOT_IN_CAPTURE;
  if (((Event *)from)->captured || ((Event *)to)->captured) return 907;
  *out = (float)(((Event *)to)->milliseconds - ((Event *)from)->milliseconds);
  return 0;
}
int cuModuleLoadData(void **module, const void *image) {
  NOT_IN_CAPTURE;
  *module = &handle;
  return memcmp(image, "STAND-IN", 8) ? 200 : 0;
}
int cuModuleGetFunction(void **function, void *, const char *name) {
  ANSWER;
  if (!find_kernel(name)) return 500;
  *function = new std::string(name);
  return 0;
}
int cuFuncSetAttribute(void *, int, int) { ANSWER; return 0; }
int cuLaunchKernel(
    void *function, unsigned x, unsigned y, unsigned z, unsigned threads, unsigned, unsigned,
    unsigned shared_bytes, void *, void **arguments, void **) {
  ON_STREAM;
  const std::string &name = *(std::string *)function;
  if (int code = counted(name.c_str())) return code;
  if (!x || !y || !z || y > 65535 || z > 65535 || threads > 1024) return 1;
  std::function<void()> body = (*find_kernel(name))(arguments);
  enqueue([=] { emulate::run({x, y, z}, threads, shared_bytes, body); });
  return 0;
}

int nvrtcVersion(int *major, int *minor) { ANSWER; *major = 13; *minor = 0; return 0; }
int nvrtcCreateProgram(
    void **program, const char *, const char *, int, const char *const *, const char *const *) {
  ANSWER;
  *program = &handle;
  return 0;
}
int nvrtcDestroyProgram(void **) { ANSWER; return 0; }
int nvrtcCompileProgram(void *, int, const char *const *) { ANSWER; return 0; }
static const char compiler_log[] = "the stand-in compiles nothing";
int nvrtcGetProgramLogSize(void *, size_t *size) { ANSWER; *size = sizeof compiler_log; return 0; }
int nvrtcGetProgramLog(void *, char *log) { ANSWER; strcpy(log, compiler_log); return 0; }
int nvrtcGetCUBINSize(void *, size_t *size) { ANSWER; *size = 9; return 0; }
int nvrtcGetCUBIN(void *, char *image) { ANSWER; strcpy(image, "STAND-IN"); return 0; }
}
