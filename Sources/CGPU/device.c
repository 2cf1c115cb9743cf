#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "CGPU.h"
#include "libraries.h"

// Numbers of CUdevice_attribute and CUfunction_attribute.
enum {
  CLOCK_RATE = 13,
  PROCESSORS = 16,
  CAPABILITY_MAJOR = 75,
  CAPABILITY_MINOR = 76,
  SHARED_OPT_IN = 97,
  FUNCTION_SHARED_BYTES = 8
};
static const size_t workspace_bytes = 64 << 20;

int gp_device_count(int *count) {
  TRY(cuDeviceGetCount(count));
  return 0;
}

int gp_describe(int number, gp_device *out) {
  int device = 0;
  unsigned char id[16] = {0};
  memset(out, 0, sizeof *out);
  TRY(cuDeviceGet(&device, number));
  TRY(cuDeviceGetName(out->name, sizeof out->name - 1, device));
  TRY(cuDeviceGetUuid(id, device));
  int at = snprintf(out->uuid, sizeof out->uuid, "GPU-");
  for (int i = 0; i < 16; i++)
    at += snprintf(out->uuid + at, sizeof out->uuid - at, "%s%02x",
                   i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", id[i]);
  // A card of a virtual machine may have none.
  if (gp.cuDeviceGetPCIBusId(out->bus, sizeof out->bus - 1, device)) out->bus[0] = 0;
  TRY(cuDeviceGetAttribute(&out->capability_major, CAPABILITY_MAJOR, device));
  TRY(cuDeviceGetAttribute(&out->capability_minor, CAPABILITY_MINOR, device));
  TRY(cuDeviceGetAttribute(&out->processors, PROCESSORS, device));
  TRY(cuDeviceGetAttribute(&out->shared_bytes, SHARED_OPT_IN, device));
  // Not every driver tells; 0 then.
  gp.cuDeviceGetAttribute(&out->clock_khz, CLOCK_RATE, device);
  TRY(cuDeviceTotalMem_v2(&out->memory_bytes, device));
  TRY(cuDriverGetVersion(&out->driver_version));
  return 0;
}

static int enter(gp_context *c) { return gp_driver(gp.cuCtxSetCurrent(c->context), "cuCtxSetCurrent"); }

static int open_parts(gp_context *c) {
  TRY(cuCtxSetCurrent(c->context));
  // CU_STREAM_NON_BLOCKING: nothing waits for the legacy stream.
  TRY(cuStreamCreate(&c->stream, 1));
  for (int i = 0; i < 2; i++) TRY(cuEventCreate(&c->marks[i], 0));
  // Without times.
  for (int i = 0; i < GP_TICKETS; i++) TRY(cuEventCreate(&c->tickets[i], 2));
  int code = gp.cublasLtCreate(&c->blas);
  if (code) return gp_fail(code, "cublasLtCreate answered %d", code);
  TRY(cuMemAlloc_v2(&c->workspace, workspace_bytes));
  c->workspace_bytes = workspace_bytes;
  char bus[32] = "";
  if (gp.has_nvml && !gp.cuDeviceGetPCIBusId(bus, sizeof bus, c->device))
    gp.nvmlDeviceGetHandleByPciBusId_v2(bus, &c->nvml);
  return 0;
}

int gp_open(int number, gp_context **out) {
  int device = 0;
  *out = NULL;
  TRY(cuDeviceGet(&device, number));
  gp_context *c = calloc(1, sizeof *c);
  if (!c) return gp_fail(1, "no memory for a context");
  c->device = device;
  int code = gp_driver(gp.cuDevicePrimaryCtxRetain(&c->context, device), "cuDevicePrimaryCtxRetain");
  if (!code) code = open_parts(c);
  if (code) {
    gp_close(c);
    return code;
  }
  *out = c;
  return 0;
}

void gp_close(gp_context *c) {
  if (!c) return;
  // Nothing is left to do about errors here.
  if (c->context) {
    gp.cuCtxSetCurrent(c->context);
    if (c->workspace) gp.cuMemFree_v2(c->workspace);
    if (c->blas) gp.cublasLtDestroy(c->blas);
    for (int i = 0; i < 2; i++)
      if (c->marks[i]) gp.cuEventDestroy_v2(c->marks[i]);
    for (int i = 0; i < GP_TICKETS; i++)
      if (c->tickets[i]) gp.cuEventDestroy_v2(c->tickets[i]);
    if (c->stream) gp.cuStreamDestroy_v2(c->stream);
    gp.cuDevicePrimaryCtxRelease_v2(c->device);
  }
  free(c);
}

int gp_synchronize(gp_context *c) {
  TRY(cuStreamSynchronize(c->stream));
  return 0;
}

int gp_free_memory(gp_context *c, size_t *available, size_t *total) {
  int code = enter(c);
  if (code) return code;
  TRY(cuMemGetInfo_v2(available, total));
  return 0;
}

int gp_allocate(gp_context *c, size_t bytes, uint64_t *address) {
  int code = enter(c);
  if (code) return code;
  code = gp.cuMemAlloc_v2(address, bytes);
  if (!code) return 0;
  size_t available = 0, total = 0;
  gp.cuMemGetInfo_v2(&available, &total);
  return gp_fail(
      code, "%zu bytes of device memory cannot be had: %zu of %zu are free (driver code %d)", bytes,
      available, total, code);
}

int gp_free(gp_context *c, uint64_t address) {
  int code = enter(c);
  if (code) return code;
  TRY(cuMemFree_v2(address));
  return 0;
}

int gp_allocate_host(gp_context *c, size_t bytes, void **address) {
  int code = enter(c);
  if (code) return code;
  TRY(cuMemHostAlloc(address, bytes, 0));
  return 0;
}

int gp_free_host(gp_context *c, void *address) {
  int code = enter(c);
  if (code) return code;
  TRY(cuMemFreeHost(address));
  return 0;
}

int gp_zero(gp_context *c, uint64_t address, size_t bytes) {
  TRY(cuMemsetD8Async(address, 0, bytes, c->stream));
  return 0;
}

int gp_upload(gp_context *c, uint64_t to, const void *from, size_t bytes) {
  TRY(cuMemcpyHtoDAsync_v2(to, from, bytes, c->stream));
  return 0;
}

int gp_download(gp_context *c, void *to, uint64_t from, size_t bytes) {
  TRY(cuMemcpyDtoHAsync_v2(to, from, bytes, c->stream));
  return 0;
}

int gp_copy(gp_context *c, uint64_t to, uint64_t from, size_t bytes) {
  TRY(cuMemcpyDtoDAsync_v2(to, from, bytes, c->stream));
  return 0;
}

int gp_issue(gp_context *c, int ticket) {
  TRY(cuEventRecord(c->tickets[ticket % GP_TICKETS], c->stream));
  return 0;
}

int gp_await(gp_context *c, int ticket) {
  TRY(cuEventSynchronize(c->tickets[ticket % GP_TICKETS]));
  return 0;
}

int gp_mark(gp_context *c, int number) {
  TRY(cuEventRecord(c->marks[number & 1], c->stream));
  return 0;
}

int gp_between_marks(gp_context *c, float *milliseconds) {
  TRY(cuEventSynchronize(c->marks[1]));
  TRY(cuEventElapsedTime(milliseconds, c->marks[0], c->marks[1]));
  return 0;
}

int gp_load_image(gp_context *c, const void *image, void **module) {
  int code = enter(c);
  if (code) return code;
  TRY(cuModuleLoadData(module, image));
  return 0;
}

int gp_find(void *module, const char *name, void **function) {
  return gp_driver(gp.cuModuleGetFunction(function, module, name), name);
}

int gp_allow_shared(void *function, int bytes) {
  TRY(cuFuncSetAttribute(function, FUNCTION_SHARED_BYTES, bytes));
  return 0;
}

int gp_launch(
    gp_context *c, void *function, unsigned x, unsigned y, unsigned z, unsigned threads,
    unsigned shared_bytes, void **arguments) {
  TRY(cuLaunchKernel(
      function, x, y, z, threads, 1, 1, shared_bytes, c->stream, arguments, NULL));
  return 0;
}

void gp_read_telemetry(gp_context *c, gp_telemetry *out) {
  memset(out, 0, sizeof *out);
  if (!c->nvml) return;
  out->is_there = 1;
  gp.nvmlSystemGetDriverVersion(out->driver, sizeof out->driver);
  // Clock 1 is the multiprocessors', 2 the memory's. What a card does not tell stays 0.
  gp.nvmlDeviceGetClockInfo(c->nvml, 1, &out->clock_mhz);
  gp.nvmlDeviceGetClockInfo(c->nvml, 2, &out->memory_clock_mhz);
  gp.nvmlDeviceGetPowerUsage(c->nvml, &out->power_milliwatts);
  gp.nvmlDeviceGetTotalEnergyConsumption(c->nvml, &out->energy_millijoules);
  gp.nvmlDeviceGetCurrentClocksThrottleReasons(c->nvml, &out->throttle_reasons);
}
