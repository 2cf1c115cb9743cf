#include "CKernelsTeam.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

enum {
  // Looks for work before a thread sleeps, some 100 us; looks after which it lets others run.
  looks = 1 << 12,
  looks_awake = 64,
};
typedef struct {
  struct ck_team *team;
  size_t index;
} member;

struct ck_team {
  size_t threads;
  pthread_t *ids;
  member *members;
  void (*work)(void *context, size_t part, size_t thread);
  void *context;
  // How many parts there are, and the next one to take, in one word: who comes late, to work that is
  // over, takes nothing, whatever is written meanwhile.
  _Alignas(64) _Atomic uint64_t tickets;
  _Alignas(64) atomic_size_t done;
  _Alignas(64) atomic_size_t asleep;
  atomic_int ending;
  pthread_mutex_t lock;
  pthread_cond_t wake;
};

static void pause_once(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static size_t next_part(uint64_t tickets) { return (uint32_t)tickets; }
static int has_part(uint64_t tickets) { return next_part(tickets) < tickets >> 32; }

// Does parts until none is left to take.
static void take_parts(ck_team *team, size_t thread) {
  while (has_part(atomic_load(&team->tickets))) {
    uint64_t ticket = atomic_fetch_add(&team->tickets, 1);
    if (!has_part(ticket)) return;
    team->work(team->context, next_part(ticket), thread);
    atomic_fetch_add(&team->done, 1);
  }
}

static void *wait_and_work(void *argument) {
  member *self = argument;
  ck_team *team = self->team;
  while (!atomic_load(&team->ending)) {
    size_t look = 0;
    for (; look < looks && !has_part(atomic_load(&team->tickets)); look++) {
      if (atomic_load(&team->ending)) return 0;
      if (look % looks_awake == looks_awake - 1) sched_yield();
      pause_once();
    }
    if (look == looks) {
      pthread_mutex_lock(&team->lock);
      // Whoever brings work looks for sleepers after it; so one of the two sees the other.
      atomic_fetch_add(&team->asleep, 1);
      while (!has_part(atomic_load(&team->tickets)) && !atomic_load(&team->ending))
        pthread_cond_wait(&team->wake, &team->lock);
      atomic_fetch_sub(&team->asleep, 1);
      pthread_mutex_unlock(&team->lock);
    }
    take_parts(team, self->index);
  }
  return 0;
}

static void wake_all(ck_team *team) {
  if (!atomic_load(&team->asleep)) return;
  pthread_mutex_lock(&team->lock);
  pthread_cond_broadcast(&team->wake);
  pthread_mutex_unlock(&team->lock);
}

ck_team *ck_team_make(size_t threads) {
  ck_team *team = aligned_alloc(64, (sizeof *team + 63) / 64 * 64);
  if (!team) return 0;
  *team = (ck_team){.threads = 1};
  pthread_mutex_init(&team->lock, 0);
  pthread_cond_init(&team->wake, 0);
  team->ids = calloc(threads, sizeof *team->ids);
  team->members = calloc(threads, sizeof *team->members);
  for (; team->ids && team->members && team->threads < threads; team->threads++) {
    size_t i = team->threads;
    team->members[i] = (member){team, i};
    if (pthread_create(&team->ids[i], 0, wait_and_work, &team->members[i])) break;
  }
  if (team->threads == threads) return team;
  ck_team_end(team);
  return 0;
}

void ck_team_end(ck_team *team) {
  atomic_store(&team->ending, 1);
  wake_all(team);
  for (size_t i = 1; i < team->threads; i++) pthread_join(team->ids[i], 0);
  pthread_cond_destroy(&team->wake);
  pthread_mutex_destroy(&team->lock);
  free(team->members);
  free(team->ids);
  free(team);
}

void ck_team_run(
    ck_team *team, size_t parts, void (*work)(void *context, size_t part, size_t thread),
    void *context) {
  if (parts == 0) return;
  team->work = work;
  team->context = context;
  atomic_store(&team->done, 0);
  atomic_store(&team->tickets, (uint64_t)parts << 32);
  wake_all(team);
  take_parts(team, 0);
  for (size_t look = 1; atomic_load(&team->done) < parts; look++) {
    if (look % looks_awake == 0) sched_yield();
    pause_once();
  }
}
