// The plain C side of mpi-bench and netbench-check: the same loops, calling MPI directly on
// MPI_COMM_WORLD.
#ifndef CMPI_BASELINE_H
#define CMPI_BASELINE_H

// Nanoseconds that `rounds` ping-pongs of `count` floats between ranks 0 and 1 take.
double cmpi_baseline_ping_pong(float *buffer, int count, int rounds);

// Nanoseconds that `rounds` in-place all-reduces of `count` floats take.
double cmpi_baseline_allreduce(float *buffer, int count, int rounds);

enum cmpi_baseline_operation {
  CMPI_BASELINE_PING_PONG,
  CMPI_BASELINE_ALL_REDUCE,
  CMPI_BASELINE_ALL_GATHER,
  CMPI_BASELINE_REDUCE_SCATTER,
  CMPI_BASELINE_BROADCAST,
  CMPI_BASELINE_GATHER
};

// Seconds that `calls` calls take behind a barrier, out of place where there is a choice; `count` is
// the call's count argument. A broadcast or gather from or to rank 0 has a barrier after each call.
double cmpi_baseline_loop(
    enum cmpi_baseline_operation operation, float *in, float *out, int count, int calls);

#endif
