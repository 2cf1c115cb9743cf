// What the stand-in's parts share: one queue for all streams, and the functions that are to fail.
#ifndef CUDA_STAND_IN_STREAM_H
#define CUDA_STAND_IN_STREAM_H

#include <functional>

void enqueue(std::function<void()> work);
// Runs all that was asked for.
void drain();
// Counts a call; 0, or what it is to answer.
int counted(const char *name);

#define ANSWER \
  if (int code = counted(__func__)) return code

#endif
