#include "baseline.h"

#include <mpi.h>
#include <time.h>

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1e9 + time.tv_nsec;
}

double cmpi_baseline_ping_pong(float *buffer, int count, int rounds) {
  int rank;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Barrier(MPI_COMM_WORLD);
  double start = now();
  for (int i = 0; i < rounds; i++) {
    if (rank == 0) {
      MPI_Send(buffer, count, MPI_FLOAT, 1, 0, MPI_COMM_WORLD);
      MPI_Recv(buffer, count, MPI_FLOAT, 1, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    } else if (rank == 1) {
      MPI_Recv(buffer, count, MPI_FLOAT, 0, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
      MPI_Send(buffer, count, MPI_FLOAT, 0, 0, MPI_COMM_WORLD);
    }
  }
  return now() - start;
}

double cmpi_baseline_allreduce(float *buffer, int count, int rounds) {
  MPI_Barrier(MPI_COMM_WORLD);
  double start = now();
  for (int i = 0; i < rounds; i++) {
    MPI_Allreduce(MPI_IN_PLACE, buffer, count, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
  }
  return now() - start;
}
