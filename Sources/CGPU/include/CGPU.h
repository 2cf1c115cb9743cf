// CUDA by dlopen: the driver, NVRTC, cuBLASLt and, where it is there, NVML. No header of theirs is
// needed to build; what is called is declared in libraries.h from its documented binary interface.
//
// Every function returns 0, or another number after which gp_error() has one line that says what
// was asked and what the library answered. Addresses of device memory are 64-bit numbers.
// A context belongs to one thread of control at a time.
#ifndef CGPU_H
#define CGPU_H

#include <stddef.h>
#include <stdint.h>

#define GP_NONNULL _Nonnull
#define GP_NULLABLE _Nullable

typedef struct gp_context gp_context;
typedef struct gp_matmul gp_matmul;

// The last error of this thread.
const char *GP_NONNULL gp_error(void);

// Opens the libraries and starts the driver. Each folder of PADTAX_CUDA_PATH (a ':' list) is looked
// through first (it, lib64, lib), then the loader's own path. They stay open.
int gp_load(void);
// The same for NVRTC alone, which needs no GPU and no driver.
int gp_load_compiler(void);
// File that answered, by "cuda", "nvrtc", "cublasLt", "nvml" or "nccl"; empty where none did.
const char *GP_NONNULL gp_library_path(const char *GP_NONNULL name);

typedef struct {
  char name[128];
  char uuid[48];  // GPU-xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx
  char bus[32];   // PCI address, domain:bus:device.function; empty where it has none
  int capability_major, capability_minor;
  int processors;           // multiprocessors
  int shared_bytes;         // most shared memory that a block can ask for
  int driver_version;       // 1000 * major + 10 * minor of the CUDA version
  int clock_khz;            // largest clock of the multiprocessors
  size_t memory_bytes;
} gp_device;

int gp_device_count(int *GP_NONNULL count);
int gp_describe(int device, gp_device *GP_NONNULL out);

// The device's primary context with a stream of its own and a cuBLASLt handle.
int gp_open(int device, gp_context *GP_NULLABLE *GP_NONNULL out);
void gp_close(gp_context *GP_NULLABLE context);
int gp_synchronize(gp_context *GP_NONNULL context);
int gp_free_memory(gp_context *GP_NONNULL context, size_t *GP_NONNULL free, size_t *GP_NONNULL total);

int gp_allocate(gp_context *GP_NONNULL context, size_t bytes, uint64_t *GP_NONNULL address);
int gp_free(gp_context *GP_NONNULL context, uint64_t address);
// Page-locked host memory.
int gp_allocate_host(
    gp_context *GP_NONNULL context, size_t bytes, void *GP_NULLABLE *GP_NONNULL address);
int gp_free_host(gp_context *GP_NONNULL context, void *GP_NONNULL address);
// In the order of the stream. Host memory of gp_allocate_host must stay as it is until then.
int gp_zero(gp_context *GP_NONNULL context, uint64_t address, size_t bytes);
int gp_upload(
    gp_context *GP_NONNULL context, uint64_t to, const void *GP_NONNULL from, size_t bytes);
int gp_download(
    gp_context *GP_NONNULL context, void *GP_NONNULL to, uint64_t from, size_t bytes);
int gp_copy(gp_context *GP_NONNULL context, uint64_t to, uint64_t from, size_t bytes);

// Tickets of the stream, 0 to GP_TICKETS - 1: waiting for one waits for what was asked for before.
#define GP_TICKETS 16
int gp_issue(gp_context *GP_NONNULL context, int ticket);
int gp_await(gp_context *GP_NONNULL context, int ticket);

// Two marks of the stream, 0 and 1, and the time between them once both have passed.
int gp_mark(gp_context *GP_NONNULL context, int number);
int gp_between_marks(gp_context *GP_NONNULL context, float *GP_NONNULL milliseconds);

// Compiles CUDA C++ with NVRTC for an architecture such as "sm_90a". `include_name` names one
// header whose text is `include_text`. The image and the log are the caller's to free with
// gp_release; the log is there after failures too.
int gp_compile(
    const char *GP_NONNULL text, const char *GP_NONNULL name, const char *GP_NONNULL const *GP_NONNULL
    include_names, const char *GP_NONNULL const *GP_NONNULL include_texts, int includes,
    const char *GP_NONNULL const *GP_NONNULL options, int option_count,
    void *GP_NULLABLE *GP_NONNULL image, size_t *GP_NONNULL size,
    char *GP_NULLABLE *GP_NONNULL log);
int gp_compiler_version(int *GP_NONNULL major, int *GP_NONNULL minor);
void gp_release(void *GP_NULLABLE memory);

// Functions of a compiled image; the image stays loaded as long as the context.
int gp_load_image(
    gp_context *GP_NONNULL context, const void *GP_NONNULL image, void *GP_NULLABLE *GP_NONNULL module);
int gp_find(
    void *GP_NONNULL module, const char *GP_NONNULL name, void *GP_NULLABLE *GP_NONNULL function);
// Lets a function ask for so much shared memory; more than 48 KiB need it.
int gp_allow_shared(void *GP_NONNULL function, int bytes);
int gp_launch(
    gp_context *GP_NONNULL context, void *GP_NONNULL function, unsigned x, unsigned y, unsigned z,
    unsigned threads, unsigned shared_bytes, void *GP_NULLABLE *GP_NONNULL arguments);

typedef enum { GP_FLOAT32 = 0, GP_BFLOAT16 = 14 } gp_type;

// y[m, n] = x[m, k] w[n, k]^T + bias[n], row-major with row strides; accumulates in float32, without
// TF32. x and w have type `in`, y and bias `out`; all
// addresses and strides are multiples of `alignment` bytes.
int gp_make_matmul(
    gp_context *GP_NONNULL context, gp_type in, gp_type out, int64_t m, int64_t n, int64_t k,
    int64_t ldx, int64_t ldw, int64_t ldy, int alignment, int has_bias,
    gp_matmul *GP_NULLABLE *GP_NONNULL matmul);
void gp_free_matmul(gp_matmul *GP_NULLABLE matmul);
int gp_multiply(
    gp_context *GP_NONNULL context, gp_matmul *GP_NONNULL matmul, uint64_t x, uint64_t w,
    uint64_t bias, uint64_t y);

// What the stream is asked for between gp_begin_capture and gp_end_capture is not done but becomes a
// graph, with the arguments as they are then, which gp_launch_graph does in the order of the stream. In
// between nothing may wait, copy from or to pageable memory, allocate or free. gp_end_capture is called
// whatever was answered in between; it gives no graph where something was refused.
int gp_load_graphs(void);
int gp_begin_capture(gp_context *GP_NONNULL context);
int gp_end_capture(gp_context *GP_NONNULL context, void *GP_NULLABLE *GP_NONNULL graph);
int gp_launch_graph(gp_context *GP_NONNULL context, void *GP_NONNULL graph);
void gp_free_graph(void *GP_NONNULL graph);

// Ranks that exchange messages by NCCL, each on a card of its own. gp_load_groups opens the library
// as gp_load does the others; one rank makes the id (128 bytes) and tells it to all, who join at once.
// Operations follow what the context's stream was asked for before, on a stream of the group's that
// gp_settle_group waits for.
typedef struct gp_group gp_group;
#define GP_GROUP_ID 128
int gp_load_groups(void);
// 10000 * major + 100 * minor + patch.
int gp_group_version(int *GP_NONNULL version);
int gp_group_id(unsigned char *GP_NONNULL id);
int gp_join(
    gp_context *GP_NONNULL context, const unsigned char *GP_NONNULL id, int size, int rank,
    gp_group *GP_NULLABLE *GP_NONNULL out);
void gp_leave(gp_group *GP_NULLABLE group);
int gp_all_reduce(gp_group *GP_NONNULL group, uint64_t data, size_t count, gp_type type);
// `count` elements of each rank.
int gp_all_gather(
    gp_group *GP_NONNULL group, uint64_t block, uint64_t all, size_t count, gp_type type);
int gp_reduce_scatter(
    gp_group *GP_NONNULL group, uint64_t all, uint64_t block, size_t count, gp_type type);
// Done once gp_finish_send of the ticket returns; a ticket may be used again before.
int gp_send(
    gp_group *GP_NONNULL group, uint64_t data, size_t count, gp_type type, int peer, int ticket);
int gp_finish_send(gp_group *GP_NONNULL group, int ticket);
int gp_receive(gp_group *GP_NONNULL group, uint64_t data, size_t count, gp_type type, int peer);
int gp_settle_group(gp_group *GP_NONNULL group);

typedef struct {
  int is_there;             // 0: no NVML, and nothing below means anything
  char driver[80];
  unsigned clock_mhz, memory_clock_mhz, power_milliwatts;
  unsigned long long energy_millijoules;  // since the driver was loaded; 0 where unreadable
  unsigned long long throttle_reasons;    // bits of nvmlClocksThrottleReasons
} gp_telemetry;
void gp_read_telemetry(gp_context *GP_NONNULL context, gp_telemetry *GP_NONNULL out);

#endif
