// Stream capture and graphs as the driver's documentation has them. What is asked for between begin and
// end is not run; it becomes a graph with the arguments of that moment. A call that may not be made
// meanwhile answers 900 and spoils the capture: everything on the stream then answers 901 until the
// capture is ended, which gives no graph.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <memory>
#include <set>
#include <vector>

#include "CUDAStandIn.h"
#include "stream.h"

namespace {
enum { ILLEGAL_STATE = 401, INVALID_HANDLE = 400, UNSUPPORTED = 900, INVALIDATED = 901 };
typedef std::vector<std::function<void()>> Work;

enum { NONE, ACTIVE, SPOILT } state = NONE;
Work captured;
std::set<void *> graphs, executables;
}  // namespace

bool capturing() { return state != NONE; }

bool keep(const std::function<void()> &work) {
  if (state == NONE) return false;
  captured.push_back(work);
  return true;
}

int on_stream() { return state == SPOILT ? INVALIDATED : 0; }

int forbidden(int code) {
  if (state == NONE) return 0;
  state = SPOILT;
  return code;
}

size_t graph_bytes() { return executables.size() << 16; }

extern "C" {
long standin_live_graphs(void) { return (long)(graphs.size() + executables.size()); }

int cuStreamBeginCapture_v2(void *, int mode) {
  ANSWER;
  if (mode < 0 || mode > 2) return 1;
  if (state != NONE) return ILLEGAL_STATE;
  state = ACTIVE;
  return 0;
}
int cuStreamEndCapture(void *, void **graph) {
  *graph = nullptr;
  auto before = state;
  Work work;
  work.swap(captured);
  state = NONE;
  ANSWER;
  if (before == NONE) return ILLEGAL_STATE;
  if (before == SPOILT) return INVALIDATED;
  graphs.insert(*graph = new Work(std::move(work)));
  return 0;
}
int cuGraphInstantiateWithFlags(void **made, void *graph, unsigned long long flags) {
  *made = nullptr;
  ANSWER;
  if (flags || !graphs.count(graph)) return 1;
  executables.insert(*made = new std::shared_ptr<Work>(new Work(*(Work *)graph)));
  return 0;
}
int cuGraphLaunch(void *executable, void *) {
  ANSWER;
  if (int code = forbidden(UNSUPPORTED)) return code;  // as a child of a graph: not here
  if (!executables.count(executable)) return INVALID_HANDLE;
  std::shared_ptr<Work> work = *(std::shared_ptr<Work> *)executable;
  enqueue([=] {
    for (auto &node : *work) node();
  });
  return 0;
}
int cuGraphDestroy(void *graph) {
  ANSWER;
  if (!graphs.erase(graph)) return INVALID_HANDLE;
  delete (Work *)graph;
  return 0;
}
int cuGraphExecDestroy(void *executable) {
  ANSWER;
  if (!executables.erase(executable)) return INVALID_HANDLE;
  // What is in the queue keeps its work.
  delete (std::shared_ptr<Work> *)executable;
  return 0;
}
}
