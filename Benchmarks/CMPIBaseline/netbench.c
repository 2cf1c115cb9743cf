#include "baseline.h"

#include <mpi.h>
#include <time.h>

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec * 1e-9;
}

double cmpi_baseline_loop(
    enum cmpi_baseline_operation operation, float *in, float *out, int count, int calls) {
  MPI_Comm comm = MPI_COMM_WORLD;
  int rank;
  MPI_Comm_rank(comm, &rank);
  MPI_Barrier(comm);
  double start = now();
  switch (operation) {
    case CMPI_BASELINE_PING_PONG:
      for (int i = 0; i < calls; i++) {
        if (rank == 0) {
          MPI_Send(in, count, MPI_FLOAT, 1, 0, comm);
          MPI_Recv(out, count, MPI_FLOAT, 1, 0, comm, MPI_STATUS_IGNORE);
        } else if (rank == 1) {
          MPI_Recv(out, count, MPI_FLOAT, 0, 0, comm, MPI_STATUS_IGNORE);
          MPI_Send(in, count, MPI_FLOAT, 0, 0, comm);
        }
      }
      break;
    case CMPI_BASELINE_ALL_REDUCE:
      for (int i = 0; i < calls; i++) MPI_Allreduce(in, out, count, MPI_FLOAT, MPI_SUM, comm);
      break;
    case CMPI_BASELINE_ALL_GATHER:
      for (int i = 0; i < calls; i++)
        MPI_Allgather(in, count, MPI_FLOAT, out, count, MPI_FLOAT, comm);
      break;
    case CMPI_BASELINE_REDUCE_SCATTER:
      for (int i = 0; i < calls; i++)
        MPI_Reduce_scatter_block(in, out, count, MPI_FLOAT, MPI_SUM, comm);
      break;
    case CMPI_BASELINE_BROADCAST:
      for (int i = 0; i < calls; i++) {
        MPI_Bcast(out, count, MPI_FLOAT, 0, comm);
        MPI_Barrier(comm);
      }
      break;
    case CMPI_BASELINE_GATHER:
      for (int i = 0; i < calls; i++) {
        MPI_Gather(in, count, MPI_FLOAT, out, count, MPI_FLOAT, 0, comm);
        MPI_Barrier(comm);
      }
      break;
  }
  return now() - start;
}
