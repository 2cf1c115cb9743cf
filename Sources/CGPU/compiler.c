#include <stdlib.h>
#include <string.h>

#include "CGPU.h"
#include "libraries.h"

void gp_release(void *memory) { free(memory); }

int gp_compiler_version(int *major, int *minor) {
  int code = gp.nvrtcVersion(major, minor);
  return code ? gp_fail(code, "nvrtcVersion answered %d", code) : 0;
}

static char *read_log(void *program) {
  size_t size = 0;
  char *log = NULL;
  if (!gp.nvrtcGetProgramLogSize(program, &size) && size && (log = calloc(1, size + 1)))
    gp.nvrtcGetProgramLog(program, log);
  return log;
}

int gp_compile(
    const char *text, const char *name, const char *const *include_names,
    const char *const *include_texts, int includes, const char *const *options, int option_count,
    void **image, size_t *size, char **log) {
  void *program = NULL;
  *image = NULL;
  *log = NULL;
  int code = gp.nvrtcCreateProgram(&program, text, name, includes, include_texts, include_names);
  if (code) return gp_fail(code, "nvrtcCreateProgram answered %d for %s", code, name);
  code = gp.nvrtcCompileProgram(program, option_count, options);
  *log = read_log(program);
  if (code) {
    gp_fail(code, "NVRTC cannot compile %s (code %d): %.1500s", name, code, *log ? *log : "no log");
  } else if ((code = gp.nvrtcGetCUBINSize(program, size)) || !*size) {
    code = gp_fail(code, "NVRTC gives no image of %s; name a real architecture such as sm_90a", name);
  } else if (!(*image = malloc(*size)) || (code = gp.nvrtcGetCUBIN(program, *image))) {
    code = gp_fail(code, "NVRTC's image of %s, %zu bytes, cannot be read", name, *size);
  }
  gp.nvrtcDestroyProgram(&program);
  return code;
}
