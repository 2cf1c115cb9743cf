// NCCL between processes of one host: every two members have a socket, the first member combines.
// Operations run when somebody waits for the stream; lengths must match on both sides.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "emulate.h"
#include "stream.h"

namespace {
struct Id {
  char bytes[128];
};
struct Group {
  int rank = 0;
  std::vector<int> sockets;  // by member; -1 of itself
  int size() const { return (int)sockets.size(); }
};

[[noreturn]] void give_up(const char *what) {
  fprintf(stderr, "stand-in: NCCL: %s\n", what);
  _exit(1);
}

void move(int socket, char *data, size_t bytes, bool out) {
  while (bytes) {
    ssize_t n = out ? send(socket, data, bytes, MSG_NOSIGNAL) : recv(socket, data, bytes, 0);
    if (n <= 0) give_up("another member is gone");
    data += n, bytes -= n;
  }
}
void put(int socket, const void *data, uint64_t bytes) {
  move(socket, (char *)&bytes, sizeof bytes, true);
  move(socket, (char *)data, bytes, true);
}
void get(int socket, void *data, uint64_t bytes) {
  uint64_t sent = 0;
  move(socket, (char *)&sent, sizeof sent, false);
  if (sent != bytes) give_up("a message of another length was sent");
  move(socket, (char *)data, bytes, false);
}

sockaddr_un place(const Id &id, int rank) {
  sockaddr_un at = {};
  at.sun_family = AF_UNIX;
  // An abstract name: no file is left behind.
  snprintf(at.sun_path + 1, sizeof at.sun_path - 1, "%.80s-%d", id.bytes, rank);
  return at;
}

int connect_to(const Id &id, int peer, int rank) {
  sockaddr_un at = place(id, peer);
  for (int tries = 0; tries < 6000; tries++) {
    int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
    if (!connect(socket, (sockaddr *)&at, sizeof at)) {
      move(socket, (char *)&rank, sizeof rank, true);
      return socket;
    }
    close(socket);
    usleep(10000);
  }
  give_up("a member never came");
}

size_t width(int type) { return type == 7 ? 4 : 2; }

void add(void *to, const void *from, size_t count, int type) {
  if (type == 7) {
    for (size_t i = 0; i < count; i++) ((float *)to)[i] += ((const float *)from)[i];
    return;
  }
  auto wide = [](unsigned short bits) { return bits_to_float((unsigned)bits << 16); };
  unsigned short *sum = (unsigned short *)to;
  for (size_t i = 0; i < count; i++)
    sum[i] = (unsigned short)half_pack(wide(sum[i]) + wide(((const unsigned short *)from)[i]));
}

// The sum of all members' elements, on the first.
std::vector<char> combine(Group *g, const void *own, size_t count, int type) {
  size_t bytes = count * width(type);
  std::vector<char> sum((const char *)own, (const char *)own + bytes), other(bytes);
  if (g->rank) {
    put(g->sockets[0], own, bytes);
    return sum;
  }
  for (int peer = 1; peer < g->size(); peer++) {
    get(g->sockets[peer], other.data(), bytes);
    add(sum.data(), other.data(), count, type);
  }
  return sum;
}
}  // namespace

extern "C" {
int ncclGetVersion(int *version) { ANSWER; *version = 22807; return 0; }
const char *ncclGetErrorString(int) { return "the stand-in was told to fail"; }

int ncclGetUniqueId(Id *id) {
  ANSWER;
  static int made;
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  memset(id, 0, sizeof *id);
  snprintf(id->bytes, sizeof id->bytes, "padtax-stand-in-%d-%d-%ld", (int)getpid(), made++,
           (long)now.tv_nsec);
  return 0;
}

int ncclCommInitRank(void **out, int size, Id id, int rank) {
  ANSWER;
  Group *g = new Group;
  g->rank = rank;
  g->sockets.assign(size, -1);
  sockaddr_un own = place(id, rank);
  int door = socket(AF_UNIX, SOCK_STREAM, 0);
  if (bind(door, (sockaddr *)&own, sizeof own) || listen(door, size)) give_up("no socket");
  for (int peer = 0; peer < rank; peer++) g->sockets[peer] = connect_to(id, peer, rank);
  for (int left = size - 1 - rank; left > 0; left--) {
    int socket = accept(door, nullptr, nullptr), peer = 0;
    move(socket, (char *)&peer, sizeof peer, false);
    g->sockets[peer] = socket;
  }
  close(door);
  *out = g;
  return 0;
}

int ncclCommDestroy(void *group) {
  ANSWER;
  for (int socket : ((Group *)group)->sockets)
    if (socket >= 0) close(socket);
  delete (Group *)group;
  return 0;
}

int ncclAllReduce(
    const void *from, void *to, size_t count, int type, int operation, void *group, void *) {
  ANSWER;
  if (operation || (type != 7 && type != 9)) return 4;
  Group *g = (Group *)group;
  enqueue([=] {
    std::vector<char> sum = combine(g, from, count, type);
    if (g->rank) return get(g->sockets[0], to, sum.size());
    memcpy(to, sum.data(), sum.size());
    for (int peer = 1; peer < g->size(); peer++) put(g->sockets[peer], to, sum.size());
  });
  return 0;
}

int ncclReduceScatter(
    const void *from, void *to, size_t count, int type, int operation, void *group, void *) {
  ANSWER;
  if (operation || (type != 7 && type != 9)) return 4;
  Group *g = (Group *)group;
  enqueue([=] {
    size_t block = count * width(type);
    std::vector<char> sum = combine(g, from, count * g->size(), type);
    if (g->rank) return get(g->sockets[0], to, block);
    memcpy(to, sum.data(), block);
    for (int peer = 1; peer < g->size(); peer++)
      put(g->sockets[peer], sum.data() + peer * block, block);
  });
  return 0;
}

int ncclAllGather(const void *from, void *to, size_t count, int type, void *group, void *) {
  ANSWER;
  if (type != 7 && type != 9) return 4;
  Group *g = (Group *)group;
  enqueue([=] {
    size_t block = count * width(type);
    char *all = (char *)to;
    memmove(all + g->rank * block, from, block);
    if (g->rank) {
      put(g->sockets[0], all + g->rank * block, block);
      return get(g->sockets[0], all, block * g->size());
    }
    for (int peer = 1; peer < g->size(); peer++) get(g->sockets[peer], all + peer * block, block);
    for (int peer = 1; peer < g->size(); peer++) put(g->sockets[peer], all, block * g->size());
  });
  return 0;
}

int ncclSend(const void *from, size_t count, int type, int peer, void *group, void *) {
  ANSWER;
  Group *g = (Group *)group;
  enqueue([=] { put(g->sockets[peer], from, count * width(type)); });
  // A device sends whether or not its host waits for it.
  drain();
  return 0;
}

int ncclRecv(void *to, size_t count, int type, int peer, void *group, void *) {
  ANSWER;
  Group *g = (Group *)group;
  enqueue([=] { get(g->sockets[peer], to, count * width(type)); });
  return 0;
}
}
