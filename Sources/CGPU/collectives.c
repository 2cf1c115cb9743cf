#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "CGPU.h"
#include "libraries.h"

// Numbers of ncclDataType_t and ncclRedOp_t.
enum { NCCL_FLOAT32 = 7, NCCL_BFLOAT16 = 9, NCCL_SUM = 0 };

struct gp_group {
  gp_context *context;
  void *communicator;
  // Of its own: what waits here for another rank keeps nothing of the context's stream waiting.
  void *stream, *before, *sent[GP_TICKETS];
};

static int nccl(int code, const char *what) {
  if (!code) return 0;
  const char *text = gp.ncclGetErrorString ? gp.ncclGetErrorString(code) : NULL;
  return gp_fail(code, "%s: NCCL answered %d (%s)", what, code, text ? text : "unknown error");
}

#define TRY_NCCL(call)                             \
  do {                                             \
    int code = nccl(gp.call, #call);               \
    if (code) return code;                         \
  } while (0)

int gp_group_version(int *version) {
  TRY_NCCL(ncclGetVersion(version));
  return 0;
}

int gp_group_id(unsigned char *id) {
  nccl_id made;
  TRY_NCCL(ncclGetUniqueId(&made));
  memcpy(id, made.bytes, sizeof made.bytes);
  return 0;
}

static int open_group(gp_group *g, const unsigned char *id, int size, int rank) {
  nccl_id wanted;
  memcpy(wanted.bytes, id, sizeof wanted.bytes);
  TRY(cuCtxSetCurrent(g->context->context));
  TRY(cuStreamCreate(&g->stream, 1));
  TRY(cuEventCreate(&g->before, 2));
  for (int i = 0; i < GP_TICKETS; i++) TRY(cuEventCreate(&g->sent[i], 2));
  TRY_NCCL(ncclCommInitRank(&g->communicator, size, wanted, rank));
  return 0;
}

int gp_join(gp_context *c, const unsigned char *id, int size, int rank, gp_group **out) {
  *out = NULL;
  gp_group *g = calloc(1, sizeof *g);
  if (!g) return gp_fail(1, "no memory for a group");
  g->context = c;
  int code = open_group(g, id, size, rank);
  if (code) {
    gp_leave(g);
    return code;
  }
  *out = g;
  return 0;
}

void gp_leave(gp_group *g) {
  if (!g) return;
  gp.cuCtxSetCurrent(g->context->context);
  if (g->communicator) gp.ncclCommDestroy(g->communicator);
  for (int i = 0; i < GP_TICKETS; i++)
    if (g->sent[i]) gp.cuEventDestroy_v2(g->sent[i]);
  if (g->before) gp.cuEventDestroy_v2(g->before);
  if (g->stream) gp.cuStreamDestroy_v2(g->stream);
  free(g);
}

// The group's stream waits for what the context's was asked for so far.
static int follow(gp_group *g) {
  TRY(cuEventRecord(g->before, g->context->stream));
  TRY(cuStreamWaitEvent(g->stream, g->before, 0));
  return 0;
}

static int type_number(gp_type type) { return type == GP_FLOAT32 ? NCCL_FLOAT32 : NCCL_BFLOAT16; }
static void *at(uint64_t address) { return (void *)(uintptr_t)address; }

int gp_all_reduce(gp_group *g, uint64_t data, size_t count, gp_type type) {
  int code = follow(g);
  if (code) return code;
  TRY_NCCL(ncclAllReduce(
      at(data), at(data), count, type_number(type), NCCL_SUM, g->communicator, g->stream));
  return 0;
}

int gp_all_gather(gp_group *g, uint64_t block, uint64_t all, size_t count, gp_type type) {
  int code = follow(g);
  if (code) return code;
  TRY_NCCL(
      ncclAllGather(at(block), at(all), count, type_number(type), g->communicator, g->stream));
  return 0;
}

int gp_reduce_scatter(gp_group *g, uint64_t all, uint64_t block, size_t count, gp_type type) {
  int code = follow(g);
  if (code) return code;
  TRY_NCCL(ncclReduceScatter(
      at(all), at(block), count, type_number(type), NCCL_SUM, g->communicator, g->stream));
  return 0;
}

int gp_send(
    gp_group *g, uint64_t data, size_t count, gp_type type, int peer, int ticket) {
  int code = follow(g);
  if (code) return code;
  TRY_NCCL(ncclSend(at(data), count, type_number(type), peer, g->communicator, g->stream));
  TRY(cuEventRecord(g->sent[ticket % GP_TICKETS], g->stream));
  return 0;
}

int gp_finish_send(gp_group *g, int ticket) {
  TRY(cuEventSynchronize(g->sent[ticket % GP_TICKETS]));
  return 0;
}

int gp_receive(gp_group *g, uint64_t data, size_t count, gp_type type, int peer) {
  int code = follow(g);
  if (code) return code;
  TRY_NCCL(ncclRecv(at(data), count, type_number(type), peer, g->communicator, g->stream));
  return 0;
}

int gp_settle_group(gp_group *g) {
  TRY(cuStreamSynchronize(g->stream));
  return 0;
}
