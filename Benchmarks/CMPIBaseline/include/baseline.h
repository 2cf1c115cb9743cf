// The plain C side of mpi-bench: the same loops, calling MPI directly on MPI_COMM_WORLD.
#ifndef CMPI_BASELINE_H
#define CMPI_BASELINE_H

// Nanoseconds that `rounds` ping-pongs of `count` floats between ranks 0 and 1 take.
double cmpi_baseline_ping_pong(float *buffer, int count, int rounds);

// Nanoseconds that `rounds` in-place all-reduces of `count` floats take.
double cmpi_baseline_allreduce(float *buffer, int count, int rounds);

#endif
