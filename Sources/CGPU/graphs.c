#include "CGPU.h"
#include "libraries.h"

// CU_STREAM_CAPTURE_MODE_THREAD_LOCAL: what other threads of the process do (MPI's) is let through.
static const int this_thread = 1;

int gp_begin_capture(gp_context *c) {
  TRY(cuStreamBeginCapture_v2(c->stream, this_thread));
  return 0;
}

int gp_end_capture(gp_context *c, void **made) {
  void *graph = NULL;
  *made = NULL;
  TRY(cuStreamEndCapture(c->stream, &graph));
  int code = gp_driver(
      gp.cuGraphInstantiateWithFlags(made, graph, 0), "cuGraphInstantiateWithFlags");
  // What can be launched has a copy of its own.
  gp.cuGraphDestroy(graph);
  return code;
}

int gp_launch_graph(gp_context *c, void *graph) {
  TRY(cuGraphLaunch(graph, c->stream));
  return 0;
}

// The driver keeps what still runs until it is through.
void gp_free_graph(void *graph) { gp.cuGraphExecDestroy(graph); }
