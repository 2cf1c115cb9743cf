#define _GNU_SOURCE
#include "CBLASLoader.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// POSIX gives function addresses as void *; a union converts without a pedantic warning.
typedef union {
  void *object;
  cb_sgemm_function sgemm;
  cb_sgemv_function sgemv;
  char *(*text)(void);
  void (*set_threads)(int);
  void (*set_long_threads)(long);
  void (*text_into)(char *, int);
  int (*set_layer)(int);
} symbol;

static const char *const default_candidates[] = {
    "libopenblas.so.0", "libopenblas.so", "libopenblas.dylib"};

// PyPI's scipy-openblas32 puts a prefix before every name.
static symbol find(void *handle, const char *name) {
  symbol result;
  result.object = dlsym(handle, name);
  if (result.object) return result;
  char prefixed[64];
  snprintf(prefixed, sizeof prefixed, "scipy_%s", name);
  result.object = dlsym(handle, prefixed);
  return result;
}

__attribute__((format(printf, 3, 4))) static void append(
    char *text, size_t size, const char *format, ...) {
  size_t used = strlen(text);
  if (used + 1 >= size) return;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text + used, size - used, format, arguments);
  va_end(arguments);
}

// Writes only what changes: a second backend leaves the environment alone.
static void set_variable(const char *name, const char *value) {
  const char *old = getenv(name);
  if (!old || strcmp(old, value) != 0) setenv(name, value, 1);
}

void cb_prepare_environment(void) {
  if (!getenv("OPENBLAS_CORETYPE")) setenv("OPENBLAS_CORETYPE", "auto", 1);
  set_variable("OPENBLAS_NUM_THREADS", "1");
  set_variable("MKL_NUM_THREADS", "1");
  set_variable("BLIS_NUM_THREADS", "1");
}

// MKL starts its threads by a layer that its first call fixes. One thread needs none, and so no OpenMP
// library; the user's MKL_THREADING_LAYER wins.
static void set_mkl_layer(cb_library *library) {
  static const char *const names[] = {"Intel", "sequential", "PGI", "GNU", "TBB"};
  symbol f = find(library->handle, "MKL_Set_Threading_Layer");
  if (!f.object || getenv("MKL_THREADING_LAYER")) return;
  int layer = f.set_layer(1);
  if (layer >= 0 && layer < (int)(sizeof names / sizeof names[0]))
    snprintf(library->core, cb_text_size, "%s threading layer", names[layer]);
}

// Names the library, and has it start no threads through its own call: the environment has no effect
// on a library that the process had already loaded.
static void identify(cb_library *library) {
  void *handle = library->handle;
  symbol f = find(handle, "openblas_get_config");
  if (f.object) {
    library->kind = cb_kind_openblas;
    snprintf(library->version, cb_text_size, "%s", f.text());
    f = find(handle, "openblas_get_corename");
    if (f.object) snprintf(library->core, cb_text_size, "%s", f.text());
    f = find(handle, "openblas_set_num_threads");
    if (f.object) f.set_threads(1);
    return;
  }
  f = find(handle, "MKL_Set_Num_Threads");
  if (f.object) {
    library->kind = cb_kind_mkl;
    set_mkl_layer(library);
    f.set_threads(1);
    f = find(handle, "MKL_Get_Version_String");
    if (!f.object) f = find(handle, "mkl_get_version_string");
    if (f.object) f.text_into(library->version, cb_text_size - 1);
    size_t end = strlen(library->version);
    while (end > 0 && library->version[end - 1] == ' ') library->version[--end] = 0;
    return;
  }
  f = find(handle, "bli_thread_set_num_threads");
  if (f.object) {
    library->kind = cb_kind_blis;
    f.set_long_threads(1);
    f = find(handle, "bli_info_get_version_str");
    if (f.object) snprintf(library->version, cb_text_size, "BLIS %s", f.text());
  }
}

// Opens one candidate. Returns 0, or -1 after appending the reason to `error`.
static int try_one(
    const char *name, cb_library *library, char *error, size_t error_size) {
  void *handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    append(error, error_size, "; %s: %s", name, dlerror());
    return -1;
  }
  symbol sgemm = find(handle, "cblas_sgemm"), sgemv = find(handle, "cblas_sgemv");
  if (!sgemm.object || !sgemv.object) {
    append(
        error, error_size, "; %s: has no %s", name, sgemm.object ? "cblas_sgemv" : "cblas_sgemm");
    dlclose(handle);
    return -1;
  }
  library->handle = handle;
  library->sgemm = sgemm.sgemm;
  library->sgemv = sgemv.sgemv;
  Dl_info where;
  int known = dladdr(sgemm.object, &where) != 0 && where.dli_fname;
  snprintf(library->path, cb_text_size, "%s", known ? where.dli_fname : name);
  identify(library);
  return 0;
}

int cb_load(
    const char *name, cb_library *library, char *error, size_t error_size) {
  memset(library, 0, sizeof *library);
  if (error_size == 0) return -1;
  error[0] = 0;
  if (name) {
    if (try_one(name, library, error, error_size) == 0) return 0;
  } else {
    size_t candidates = sizeof default_candidates / sizeof default_candidates[0];
    for (size_t i = 0; i < candidates; i++)
      if (try_one(default_candidates[i], library, error, error_size) == 0) {
        error[0] = 0;
        return 0;
      }
  }
  if (error[0] == ';') memmove(error, error + 2, strlen(error) - 1);
  return -1;
}

const char *cb_path(const cb_library *library) { return library->path; }
const char *cb_core(const cb_library *library) { return library->core; }
const char *cb_version(const cb_library *library) { return library->version; }
