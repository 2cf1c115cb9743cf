// What the stand-in's parts share: one queue for all streams, and the functions that are to fail.
#ifndef CUDA_STAND_IN_STREAM_H
#define CUDA_STAND_IN_STREAM_H

#include <stddef.h>

#include <functional>

void enqueue(std::function<void()> work);
// While the stream is captured: takes the work, and says so; what a call on the stream answers; what a
// call answers that may not be made, which spoils the capture. Not captured: false, 0 and 0.
bool capturing();
bool keep(const std::function<void()> &work);
int on_stream();
int forbidden(int code = 900);
// Device memory that graphs take.
size_t graph_bytes();
// Runs all that was asked for.
void drain();
// Counts a call; 0, or what it is to answer.
int counted(const char *name);

#define ANSWER \
  if (int code = counted(__func__)) return code
// Of calls that become part of a graph, and of calls that may not be made while one is captured.
#define ON_STREAM \
  ANSWER;         \
  if (int code = on_stream()) return code
#define NOT_IN_CAPTURE \
  ANSWER;              \
  if (int code = forbidden()) return code

#endif
