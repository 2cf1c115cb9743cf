#include "emulate.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>

#include <deque>
#include <memory>
#include <vector>

Dimensions threadIdx, blockIdx, blockDim, gridDim;

namespace emulate {
namespace {

struct Copy {
  void *to;
  const void *from;
  bool there;
};

struct Fiber {
  std::unique_ptr<char[]> stack;
  ucontext_t begin;
  jmp_buf place;
  bool started = false, ended = false;
  std::vector<Copy> open;
  std::deque<std::vector<Copy>> closed;
};

// Fibers that wait until all of them are there.
struct Barrier {
  unsigned members = 0, here = 0, turn = 0;
};

struct Warp {
  Barrier barrier;
  unsigned char slots[2][32 * 32];
};

const size_t stack_bytes = 256 << 10;
std::vector<Fiber> fibers;
std::vector<Warp> warps;
Barrier block;
std::vector<unsigned char> shared;
const std::function<void()> *kernel;
jmp_buf scheduler;
ucontext_t scheduler_context;
unsigned current;
unsigned long progress;

void enter() {
  (*kernel)();
  Fiber &fiber = fibers[current];
  fiber.ended = true;
  progress++;
  // Those that still wait do so for one less.
  Barrier *left[] = {&block, &warps[current / 32].barrier};
  for (Barrier *barrier : left) {
    barrier->members--;
    if (barrier->members && barrier->here == barrier->members) barrier->here = 0, barrier->turn++;
  }
  _longjmp(scheduler, 1);
}

void yield() {
  if (!_setjmp(fibers[current].place)) _longjmp(scheduler, 1);
}

void wait(Barrier &barrier) {
  unsigned turn = barrier.turn;
  progress++;
  if (++barrier.here == barrier.members) {
    barrier.here = 0;
    barrier.turn++;
  } else {
    while (barrier.turn == turn) yield();
  }
}

void resume(unsigned number) {
  current = number;
  threadIdx = {number, 0, 0};
  if (_setjmp(scheduler)) return;
  Fiber &fiber = fibers[number];
  if (fiber.started) _longjmp(fiber.place, 1);
  fiber.started = true;
  getcontext(&fiber.begin);
  fiber.begin.uc_stack.ss_sp = fiber.stack.get();
  fiber.begin.uc_stack.ss_size = stack_bytes;
  fiber.begin.uc_link = nullptr;
  makecontext(&fiber.begin, enter, 0);
  swapcontext(&scheduler_context, &fiber.begin);
}

void run_block(unsigned threads, bool reverse) {
  for (Fiber &fiber : fibers) fiber.started = fiber.ended = false, fiber.closed.clear();
  warps.assign((threads + 31) / 32, Warp());
  for (unsigned i = 0; i < warps.size(); i++)
    warps[i].barrier.members = threads - 32 * i < 32 ? threads - 32 * i : 32;
  block = Barrier();
  block.members = threads;
  // What nobody has written is not a number.
  std::fill(shared.begin(), shared.end(), 0xff);
  for (unsigned left = threads; left;) {
    unsigned long before = progress;
    left = 0;
    for (unsigned i = 0; i < threads; i++) {
      unsigned number = reverse ? threads - 1 - i : i;
      if (!fibers[number].ended) resume(number);
      left += !fibers[number].ended;
    }
    if (left && progress == before) {
      fprintf(stderr, "stand-in: %u threads of a block wait at different barriers\n", left);
      abort();
    }
  }
}

}  // namespace

unsigned char *shared_memory() { return shared.data(); }

void block_barrier() { wait(block); }

const unsigned char *exchange(const void *mine, unsigned bytes) {
  Warp &warp = warps[current / 32];
  // Nobody writes a place again before all have read it: two turns apart means one barrier between.
  unsigned char *slots = warp.slots[warp.barrier.turn & 1];
  memcpy(slots + current % 32 * bytes, mine, bytes);
  wait(warp.barrier);
  return slots;
}

void copy_ahead(void *to, const void *from, bool there) {
  if ((reinterpret_cast<uintptr_t>(to) | reinterpret_cast<uintptr_t>(from)) & 15) {
    fprintf(stderr, "stand-in: a 16-byte copy is not aligned\n");
    abort();
  }
  fibers[current].open.push_back({to, from, there});
}

void close_copies() {
  Fiber &fiber = fibers[current];
  fiber.closed.push_back(std::move(fiber.open));
  fiber.open.clear();
}

void wait_copies(unsigned pending) {
  Fiber &fiber = fibers[current];
  for (; fiber.closed.size() > pending; fiber.closed.pop_front())
    for (const Copy &copy : fiber.closed.front())
      if (copy.there) memcpy(copy.to, copy.from, 16);
      else memset(copy.to, 0, 16);
}

void run(Dimensions grid, unsigned threads, unsigned bytes, const std::function<void()> &body) {
  const char *order = getenv("PADTAX_STANDIN_ORDER");
  bool reverse = order && !strcmp(order, "reverse");
  while (fibers.size() < threads) {
    fibers.emplace_back();
    fibers.back().stack.reset(new char[stack_bytes]);
  }
  shared.assign(bytes + 128, 0);
  // Device code may count on 16 bytes; the vector's memory has them.
  gridDim = grid;
  blockDim = {threads, 1, 1};
  kernel = &body;
  for (unsigned z = 0; z < grid.z; z++)
    for (unsigned y = 0; y < grid.y; y++)
      for (unsigned x = 0; x < grid.x; x++) {
        blockIdx = {x, y, z};
        run_block(threads, reverse);
      }
}

}  // namespace emulate
