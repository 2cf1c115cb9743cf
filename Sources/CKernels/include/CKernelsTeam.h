// A team of threads that do the parts of one piece of work after the other.
//
// Made for kernels: a part takes microseconds to milliseconds, and the next piece of work follows at
// once. Between pieces threads wait awake for a moment, then sleep.
#ifndef CKERNELS_TEAM_H
#define CKERNELS_TEAM_H

#include <stddef.h>

typedef struct ck_team ck_team;

// `threads` threads, the caller's one of them; NULL where the system has no memory or no threads.
ck_team *_Nullable ck_team_make(size_t threads);
void ck_team_end(ck_team *_Nonnull team);

// work(context, part, thread) for each part below `parts` (at most 2^31), each once, on any thread; thread
// 0 is the caller's. Returns when all are done. One caller at a time; work must not call it.
void ck_team_run(
    ck_team *_Nonnull team, size_t parts,
    void (*_Nonnull work)(void *_Nullable context, size_t part, size_t thread),
    void *_Nullable context);

#endif
