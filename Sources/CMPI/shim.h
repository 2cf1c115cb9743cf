// Static inline access to MPI for Swift.
//
// Predefined handles (MPI_COMM_WORLD, MPI_FLOAT, MPI_IN_PLACE, ...) are macros with casts that Swift
// does not import, and a handle is a pointer in Open MPI but an int in MPICH. So each handle travels
// in a struct of ours, and nothing outside this header depends on what is inside it. Nothing here
// decides anything: one function, one MPI call, its return code handed on.
#ifndef CMPI_SHIM_H
#define CMPI_SHIM_H

#include <mpi.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
  MPI_Comm handle;
} cmpi_comm;

typedef struct {
  MPI_Request handle;
} cmpi_request;

// What a finished receive or a probe tells: `count` is in elements, -1 where it is not whole.
typedef struct {
  int source;
  int tag;
  int count;
} cmpi_envelope;

// Raw values of Swift's ElementKind; Swift's ReduceOperation is 0 sum, 1 max, 2 min.
enum {
  CMPI_FLOAT = 0,
  CMPI_DOUBLE = 1,
  CMPI_INT32 = 2,
  CMPI_INT64 = 3,
  CMPI_UINT8 = 4,
  CMPI_UINT64 = 5,
  CMPI_BFLOAT16 = 6
};

static inline MPI_Datatype cmpi_type(uint8_t kind) {
  switch (kind) {
    case CMPI_FLOAT: return MPI_FLOAT;
    case CMPI_DOUBLE: return MPI_DOUBLE;
    case CMPI_INT32: return MPI_INT32_T;
    case CMPI_INT64: return MPI_INT64_T;
    case CMPI_UINT8: return MPI_UINT8_T;
    case CMPI_UINT64: return MPI_UINT64_T;
    case CMPI_BFLOAT16: return MPI_UINT16_T;
    default: return MPI_DATATYPE_NULL;
  }
}

// bfloat16 is no type of MPI's: it travels as 16 bits, and these combine it, in float.
static inline float cmpi_widen(uint16_t bits) {
  union {
    uint32_t bits;
    float value;
  } word = {(uint32_t)bits << 16};
  return word.value;
}
// CKernels' vectorised sum: to += from, `count` words, each sum rounded to nearest even.
extern void ck_bf16_add(uint16_t *to, const uint16_t *from, size_t count);
static inline void cmpi_bfloat16_sum(
    void *input, void *inout, int *length, MPI_Datatype *type) {
  (void)type;
  ck_bf16_add((uint16_t *)inout, (const uint16_t *)input, (size_t)*length);
}
#define CMPI_BFLOAT16_OP(NAME, WINS)                                              \
  static inline void cmpi_bfloat16_##NAME(                                        \
      void *input, void *inout, int *length, MPI_Datatype *type) {                \
    (void)type;                                                                   \
    const uint16_t *from = (const uint16_t *)input;                               \
    uint16_t *to = (uint16_t *)inout;                                             \
    for (int i = 0; i < *length; i++) {                                           \
      if (!(cmpi_widen(to[i]) WINS cmpi_widen(from[i]))) to[i] = from[i];         \
    }                                                                             \
  }
CMPI_BFLOAT16_OP(max, >)
CMPI_BFLOAT16_OP(min, <)

// Made on first use, by the one thread that calls MPI; MPI_Finalize takes them away.
static inline MPI_Op cmpi_bfloat16_op(uint8_t op) {
  static MPI_Op made[3];
  static int is_made[3];
  static MPI_User_function *const functions[3] = {
      cmpi_bfloat16_sum, cmpi_bfloat16_max, cmpi_bfloat16_min};
  if (op > 2) return MPI_OP_NULL;
  if (!is_made[op]) {
    if (MPI_Op_create(functions[op], 1, &made[op]) != MPI_SUCCESS) return MPI_OP_NULL;
    is_made[op] = 1;
  }
  return made[op];
}

static inline MPI_Op cmpi_op(uint8_t op, uint8_t kind) {
  if (kind == CMPI_BFLOAT16) return cmpi_bfloat16_op(op);
  switch (op) {
    case 0: return MPI_SUM;
    case 1: return MPI_MAX;
    case 2: return MPI_MIN;
    default: return MPI_OP_NULL;
  }
}

// -- Environment ----------------------------------------------------------------------------------

static inline int cmpi_thread_single(void) { return MPI_THREAD_SINGLE; }
static inline int cmpi_thread_funneled(void) { return MPI_THREAD_FUNNELED; }
static inline int cmpi_thread_serialized(void) { return MPI_THREAD_SERIALIZED; }
static inline int cmpi_thread_multiple(void) { return MPI_THREAD_MULTIPLE; }
static inline int cmpi_undefined(void) { return MPI_UNDEFINED; }
static inline int cmpi_any_source(void) { return MPI_ANY_SOURCE; }
static inline int cmpi_any_tag(void) { return MPI_ANY_TAG; }
static inline int cmpi_err_rank(void) { return MPI_ERR_RANK; }
static inline int cmpi_err_count(void) { return MPI_ERR_COUNT; }
static inline int cmpi_err_other(void) { return MPI_ERR_OTHER; }
static inline int cmpi_success(void) { return MPI_SUCCESS; }

static inline int cmpi_init(int required, int *provided) {
  return MPI_Init_thread(NULL, NULL, required, provided);
}
static inline int cmpi_finalize(void) { return MPI_Finalize(); }
static inline int cmpi_initialized(int *flag) { return MPI_Initialized(flag); }
static inline int cmpi_finalized(int *flag) { return MPI_Finalized(flag); }
static inline int cmpi_abort(int code) { return MPI_Abort(MPI_COMM_WORLD, code); }
static inline int cmpi_standard_version(int *major, int *minor) {
  return MPI_Get_version(major, minor);
}
// `text` has room for cmpi_text_capacity() bytes.
static inline int cmpi_text_capacity(void) {
  int n = MPI_MAX_LIBRARY_VERSION_STRING;
  if (n < MPI_MAX_PROCESSOR_NAME) n = MPI_MAX_PROCESSOR_NAME;
  if (n < MPI_MAX_ERROR_STRING) n = MPI_MAX_ERROR_STRING;
  return n + 1;
}
static inline int cmpi_library_version(char *text, int *length) {
  return MPI_Get_library_version(text, length);
}
static inline int cmpi_processor_name(char *text, int *length) {
  return MPI_Get_processor_name(text, length);
}
static inline int cmpi_error_string(int code, char *text, int *length) {
  return MPI_Error_string(code, text, length);
}
static inline int cmpi_error_class(int code, int *error_class) {
  return MPI_Error_class(code, error_class);
}

// -- Communicators --------------------------------------------------------------------------------

static inline cmpi_comm cmpi_comm_world(void) { return (cmpi_comm){MPI_COMM_WORLD}; }
static inline cmpi_comm cmpi_comm_self(void) { return (cmpi_comm){MPI_COMM_SELF}; }
static inline cmpi_comm cmpi_comm_null(void) { return (cmpi_comm){MPI_COMM_NULL}; }
static inline int cmpi_comm_is_null(cmpi_comm comm) { return comm.handle == MPI_COMM_NULL; }
static inline int cmpi_comm_errors_return(cmpi_comm comm) {
  return MPI_Comm_set_errhandler(comm.handle, MPI_ERRORS_RETURN);
}
static inline int cmpi_comm_rank(cmpi_comm comm, int *rank) {
  return MPI_Comm_rank(comm.handle, rank);
}
static inline int cmpi_comm_size(cmpi_comm comm, int *size) {
  return MPI_Comm_size(comm.handle, size);
}
static inline int cmpi_comm_dup(cmpi_comm comm, cmpi_comm *out) {
  return MPI_Comm_dup(comm.handle, &out->handle);
}
static inline int cmpi_comm_split(cmpi_comm comm, int color, int key, cmpi_comm *out) {
  return MPI_Comm_split(comm.handle, color, key, &out->handle);
}
static inline int cmpi_comm_split_shared(cmpi_comm comm, int key, cmpi_comm *out) {
  return MPI_Comm_split_type(comm.handle, MPI_COMM_TYPE_SHARED, key, MPI_INFO_NULL, &out->handle);
}
static inline int cmpi_comm_free(cmpi_comm *comm) { return MPI_Comm_free(&comm->handle); }

// -- Point to point -------------------------------------------------------------------------------

static inline int cmpi_read_status(MPI_Status *status, uint8_t kind, cmpi_envelope *out) {
  int count = 0;
  int code = MPI_Get_count(status, cmpi_type(kind), &count);
  out->source = status->MPI_SOURCE;
  out->tag = status->MPI_TAG;
  out->count = count == MPI_UNDEFINED ? -1 : count;
  return code;
}
static inline int cmpi_send(
    const void *data, int count, uint8_t kind, int to, int tag, cmpi_comm comm) {
  return MPI_Send(data, count, cmpi_type(kind), to, tag, comm.handle);
}
static inline int cmpi_recv(
    void *data, int count, uint8_t kind, int from, int tag, cmpi_comm comm, cmpi_envelope *out) {
  MPI_Status status;
  int code = MPI_Recv(data, count, cmpi_type(kind), from, tag, comm.handle, &status);
  return code == MPI_SUCCESS ? cmpi_read_status(&status, kind, out) : code;
}
static inline int cmpi_sendrecv(
    const void *send, int send_count, int to, int send_tag, void *receive, int receive_count,
    int from, int receive_tag, uint8_t kind, cmpi_comm comm, cmpi_envelope *out) {
  MPI_Status status;
  int code = MPI_Sendrecv(
      send, send_count, cmpi_type(kind), to, send_tag, receive, receive_count, cmpi_type(kind),
      from, receive_tag, comm.handle, &status);
  return code == MPI_SUCCESS ? cmpi_read_status(&status, kind, out) : code;
}
static inline int cmpi_probe(
    int from, int tag, uint8_t kind, cmpi_comm comm, cmpi_envelope *out) {
  MPI_Status status;
  int code = MPI_Probe(from, tag, comm.handle, &status);
  return code == MPI_SUCCESS ? cmpi_read_status(&status, kind, out) : code;
}
static inline int cmpi_iprobe(
    int from, int tag, uint8_t kind, cmpi_comm comm, int *flag, cmpi_envelope *out) {
  MPI_Status status;
  int code = MPI_Iprobe(from, tag, comm.handle, flag, &status);
  return code == MPI_SUCCESS && *flag ? cmpi_read_status(&status, kind, out) : code;
}

// -- Non-blocking ---------------------------------------------------------------------------------

static inline cmpi_request cmpi_request_null(void) { return (cmpi_request){MPI_REQUEST_NULL}; }
static inline int cmpi_isend(
    const void *data, int count, uint8_t kind, int to, int tag, cmpi_comm comm,
    cmpi_request *request) {
  return MPI_Isend(data, count, cmpi_type(kind), to, tag, comm.handle, &request->handle);
}
static inline int cmpi_irecv(
    void *data, int count, uint8_t kind, int from, int tag, cmpi_comm comm,
    cmpi_request *request) {
  return MPI_Irecv(data, count, cmpi_type(kind), from, tag, comm.handle, &request->handle);
}
static inline int cmpi_ibarrier(cmpi_comm comm, cmpi_request *request) {
  return MPI_Ibarrier(comm.handle, &request->handle);
}
static inline int cmpi_ibcast(
    void *data, int count, uint8_t kind, int root, cmpi_comm comm, cmpi_request *request) {
  return MPI_Ibcast(data, count, cmpi_type(kind), root, comm.handle, &request->handle);
}
static inline int cmpi_iallreduce_in_place(
    void *data, int count, uint8_t kind, uint8_t op, cmpi_comm comm, cmpi_request *request) {
  return MPI_Iallreduce(
      MPI_IN_PLACE, data, count, cmpi_type(kind), cmpi_op(op, kind), comm.handle, &request->handle);
}
static inline int cmpi_wait(cmpi_request *request, uint8_t kind, cmpi_envelope *out) {
  MPI_Status status;
  int code = MPI_Wait(&request->handle, &status);
  return code == MPI_SUCCESS ? cmpi_read_status(&status, kind, out) : code;
}
static inline int cmpi_test(cmpi_request *request, int *flag, uint8_t kind, cmpi_envelope *out) {
  MPI_Status status;
  int code = MPI_Test(&request->handle, flag, &status);
  return code == MPI_SUCCESS && *flag ? cmpi_read_status(&status, kind, out) : code;
}
// A cmpi_request is laid out as its one member, so an array of them is an array of MPI_Request.
static inline int cmpi_waitall(int count, cmpi_request *requests) {
  return MPI_Waitall(count, (MPI_Request *)requests, MPI_STATUSES_IGNORE);
}
static inline int cmpi_testall(int count, cmpi_request *requests, int *flag) {
  return MPI_Testall(count, (MPI_Request *)requests, flag, MPI_STATUSES_IGNORE);
}
static inline int cmpi_waitany(int count, cmpi_request *requests, int *index) {
  return MPI_Waitany(count, (MPI_Request *)requests, index, MPI_STATUS_IGNORE);
}

// -- Collectives: a null `send` means in place ----------------------------------------------------

static inline const void *cmpi_or_in_place(const void *send) {
  return send ? send : MPI_IN_PLACE;
}
static inline int cmpi_barrier(cmpi_comm comm) { return MPI_Barrier(comm.handle); }
static inline int cmpi_bcast(void *data, int count, uint8_t kind, int root, cmpi_comm comm) {
  return MPI_Bcast(data, count, cmpi_type(kind), root, comm.handle);
}
static inline int cmpi_allreduce(
    const void *send, void *receive, int count, uint8_t kind, uint8_t op, cmpi_comm comm) {
  return MPI_Allreduce(
      cmpi_or_in_place(send), receive, count, cmpi_type(kind), cmpi_op(op, kind), comm.handle);
}
static inline int cmpi_reduce_scatter_block(
    const void *send, void *receive, int block, uint8_t kind, uint8_t op, cmpi_comm comm) {
  return MPI_Reduce_scatter_block(
      cmpi_or_in_place(send), receive, block, cmpi_type(kind), cmpi_op(op, kind), comm.handle);
}
static inline int cmpi_allgather(
    const void *send, void *receive, int block, uint8_t kind, cmpi_comm comm) {
  return MPI_Allgather(
      cmpi_or_in_place(send), block, cmpi_type(kind), receive, block, cmpi_type(kind),
      comm.handle);
}
static inline int cmpi_allgatherv(
    const void *send, int count, void *receive, const int *counts, const int *offsets,
    uint8_t kind, cmpi_comm comm) {
  return MPI_Allgatherv(
      cmpi_or_in_place(send), count, cmpi_type(kind), receive, counts, offsets, cmpi_type(kind),
      comm.handle);
}
static inline int cmpi_gather(
    const void *send, void *receive, int block, uint8_t kind, int root, cmpi_comm comm) {
  return MPI_Gather(
      cmpi_or_in_place(send), block, cmpi_type(kind), receive, block, cmpi_type(kind), root,
      comm.handle);
}
static inline int cmpi_gatherv(
    const void *send, int count, void *receive, const int *counts, const int *offsets,
    uint8_t kind, int root, cmpi_comm comm) {
  return MPI_Gatherv(
      cmpi_or_in_place(send), count, cmpi_type(kind), receive, counts, offsets, cmpi_type(kind),
      root, comm.handle);
}

#endif
