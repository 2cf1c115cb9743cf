#include "libraries.h"

#include <dirent.h>
#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "CGPU.h"

gp_functions gp;
static __thread char message[2048];

// What is open, by the names that gp_library_path knows.
enum { CUDA, NVRTC, BLAS, NVML, NCCL, LIBRARIES };
static const char *const labels[LIBRARIES] = {"cuda", "nvrtc", "cublasLt", "nvml", "nccl"};
static void *handles[LIBRARIES];
static char paths[LIBRARIES][1024];

const char *gp_error(void) { return message; }

int gp_fail(int code, const char *format, ...) {
  va_list list;
  va_start(list, format);
  vsnprintf(message, sizeof message, format, list);
  va_end(list);
  return code ? code : 1;
}

int gp_driver(int code, const char *what) {
  if (!code) return 0;
  const char *text = NULL;
  if (gp.cuGetErrorString) gp.cuGetErrorString(code, &text);
  return gp_fail(code, "%s: the driver answered %d (%s)", what, code, text ? text : "unknown error");
}

const char *gp_library_path(const char *name) {
  for (int i = 0; i < LIBRARIES; i++)
    if (!strcmp(name, labels[i])) return paths[i];
  return "";
}

// NVRTC opens its builtins by bare name, which the loader does not find beside a library that was
// opened by path; once they are open the name answers.
static void open_builtins(const char *folder) {
  DIR *dir = opendir(folder);
  if (!dir) return;
  for (struct dirent *entry; (entry = readdir(dir));) {
    if (strncmp(entry->d_name, "libnvrtc-builtins.so", 20)) continue;
    char path[1400];
    snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
    dlopen(path, RTLD_NOW | RTLD_GLOBAL);
  }
  closedir(dir);
}

static void *open_at(int library, const char *folder, const char *name) {
  char path[1024];
  if (snprintf(path, sizeof path, "%s%s%s", folder, *folder ? "/" : "", name) >= (int)sizeof path)
    return NULL;
  if (library == NVRTC && *folder) open_builtins(folder);
  void *handle = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
  if (handle) memcpy(paths[library], path, sizeof path);
  return handle;
}

// Tries each name in each place, newest first; NULL where nothing opens.
static void *open_library(int library, const char *const *names) {
  static const char *const below[] = {"", "/lib64", "/lib"};
  if (handles[library]) return handles[library];
  const char *list = getenv("PADTAX_CUDA_PATH");
  for (const char *at = list; at && *at;) {
    int length = (int)strcspn(at, ":");
    for (int b = 0; b < 3 && length; b++) {
      char folder[900];
      if (snprintf(folder, sizeof folder, "%.*s%s", length, at, below[b]) >= (int)sizeof folder)
        continue;
      for (int i = 0; names[i]; i++)
        if ((handles[library] = open_at(library, folder, names[i]))) return handles[library];
    }
    at += length + (at[length] == ':');
  }
  for (int i = 0; names[i]; i++)
    if ((handles[library] = open_at(library, "", names[i]))) return handles[library];
  return NULL;
}

static int missing(const char *what, const char *name, const char *need) {
  const char *reason = dlerror();
  return gp_fail(
      1, "%s cannot be opened: %s (%s); %s, or name its folder in PADTAX_CUDA_PATH", what, name,
      reason ? reason : "no reason given", need);
}

// Names in the order in which they are tried: newest first, but what is newer than the driver's CUDA
// last, since the driver may refuse it and what it makes.
static void by_driver(const char *const *newest_first, const char **names) {
  int version = 0, count = 0;
  if (gp.cuDriverGetVersion) gp.cuDriverGetVersion(&version);
  for (int newer = 0; newer < 2; newer++)
    for (int i = 0; newest_first[i]; i++) {
      const char *end = strstr(newest_first[i], ".so.");
      int major = end ? atoi(end + 4) : 0;
      if ((version && major > version / 1000) == newer) names[count++] = newest_first[i];
    }
  names[count] = NULL;
}

#define GP_RESOLVE(name, parameters)                                                        \
  if (!(*(void **)&gp.name = dlsym(handles[library], #name)))                               \
    return gp_fail(1, "%s has no function " #name ": it is too old or not what its name says", \
                   paths[library]);

int gp_load_compiler(void) {
  static const char *const all[] = {"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so", NULL};
  const int library = NVRTC;
  const char *names[4];
  by_driver(all, names);
  if (!open_library(library, names))
    return missing("NVRTC", names[0], "install CUDA 12 or 13");
  NVRTC_FUNCTIONS(GP_RESOLVE)
  return 0;
}

static int load_driver(void) {
  static const char *const names[] = {"libcuda.so.1", NULL};
  const int library = CUDA;
  if (!open_library(library, names))
    return missing("the CUDA driver", names[0], "install the GPU's driver");
  CUDA_FUNCTIONS(GP_RESOLVE)
  return gp_driver(gp.cuInit(0), "cuInit");
}

static int load_blas(void) {
  static const char *const all[] = {
      "libcublasLt.so.13", "libcublasLt.so.12", "libcublasLt.so", NULL};
  const int library = BLAS;
  const char *names[4];
  by_driver(all, names);
  if (!open_library(library, names))
    return missing("cuBLASLt", names[0], "install CUDA 12 or 13");
  BLAS_FUNCTIONS(GP_RESOLVE)
  return 0;
}

static int load_nvml(void) {
  static const char *const names[] = {"libnvidia-ml.so.1", NULL};
  const int library = NVML;
  if (!open_library(library, names)) return 1;
  NVML_FUNCTIONS(GP_RESOLVE)
  return gp.nvmlInit_v2();
}

int gp_load_graphs(void) {
  const int library = CUDA;
  int code = gp_load();
  if (code) return code;
  GRAPH_FUNCTIONS(GP_RESOLVE)
  return 0;
}

int gp_load_groups(void) {
  static const char *const names[] = {"libnccl.so.2", "libnccl.so", NULL};
  const int library = NCCL;
  if (!open_library(library, names)) return missing("NCCL", names[0], "install NCCL");
  NCCL_FUNCTIONS(GP_RESOLVE)
  // The one that answers with text.
  *(void **)&gp.ncclGetErrorString = dlsym(handles[library], "ncclGetErrorString");
  return 0;
}

int gp_load(void) {
  static int done;
  if (done) return 0;
  int code = load_driver();
  if (!code) code = gp_load_compiler();
  if (!code) code = load_blas();
  if (code) return code;
  gp.has_nvml = load_nvml() == 0;
  done = 1;
  return 0;
}
