// netshape: a network switch in user space whose links have a rate, a delay, jitter and loss.
//
//   netshape CONTROL NAMESPACE...      (root; the namespaces are those of `ip netns`)
//
// Makes a TAP device `eth0` in each namespace and carries Ethernet frames between them until SIGTERM.
// A line "DELAY_US RATE_MBIT JITTER_US LOSS_PPM" written to the FIFO named CONTROL sets the links at
// any time (a rate of 0 is none); the first line starts the switch. At the end it prints per port
// what went out. For kernels that have no netem.
//
// A frame leaves its port at the port's rate, enters the receiver's at the same rate as soon as that
// one is free (so two senders share it), and then takes the delay. Frames between two ports keep
// their order.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { MAX_PORTS = 64, MAC_BYTES = 6, HEADER = sizeof(struct virtio_net_hdr) };
// With offloads a "frame" is up to 64 KiB of TCP, which the card would cut into segments.
enum { LARGEST_FRAME = HEADER + 65536 + 64 };
// Bytes on the wire beside a frame's own: preamble 8, checksum 4, gap 12.
enum { WIRE_OVERHEAD = 24 };
// Frames that wait longer than memory allows are dropped.
static const size_t queue_limit = 64u << 20;

struct frame {
  struct frame *next;
  uint64_t due;
  size_t bytes;
  unsigned char data[];
};

struct port {
  int tap;
  int knows_address;
  unsigned char address[MAC_BYTES];
  uint64_t sends_until, receives_until, last_due;
  struct frame *first, **last;
  size_t queued;
  uint64_t frames, bytes, lost;
};

static struct port ports[MAX_PORTS];
static int port_count;
static double delay_us, rate_mbit, jitter_us, loss_ppm;
static volatile sig_atomic_t stopping;

static void die(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int error = errno;
  fprintf(stderr, "netshape: ");
  vfprintf(stderr, format, arguments);
  fprintf(stderr, ": %s\n", strerror(error));
  va_end(arguments);
  exit(1);
}

static void stop(int signal) {
  (void)signal;
  stopping = 1;
}

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static uint64_t later(uint64_t a, uint64_t b) { return a > b ? a : b; }

// A new TAP in the namespace; its descriptor works from anywhere.
static int open_tap(const char *namespace) {
  char path[256];
  snprintf(path, sizeof path, "/run/netns/%s", namespace);
  int entry = open(path, O_RDONLY | O_CLOEXEC);
  if (entry < 0 || setns(entry, CLONE_NEWNET)) die("cannot enter namespace %s", namespace);
  close(entry);
  int tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (tap < 0) die("/dev/net/tun");
  struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
  strcpy(request.ifr_name, "eth0");
  if (ioctl(tap, TUNSETIFF, &request)) die("cannot make eth0 in %s", namespace);
  if (ioctl(tap, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6)) die("offloads of a TAP");
  return tap;
}

// Bytes that the frame takes on a wire, where its segments each carry the headers.
static size_t wire_bytes(const unsigned char *data, size_t bytes) {
  struct virtio_net_hdr header;
  memcpy(&header, data, sizeof header);
  size_t frame = bytes - HEADER, segments = 1;
  if (header.gso_type != VIRTIO_NET_HDR_GSO_NONE && header.gso_size && frame > header.hdr_len)
    segments = (frame - header.hdr_len + header.gso_size - 1) / header.gso_size;
  return frame + (segments - 1) * header.hdr_len + segments * WIRE_OVERHEAD;
}

static void forward(
    struct port *from, struct port *to, const unsigned char *data, size_t bytes, uint64_t time) {
  if (loss_ppm > 0 && drand48() * 1e6 < loss_ppm) { to->lost++; return; }
  struct frame *frame = to->queued + bytes > queue_limit ? NULL : malloc(sizeof *frame + bytes);
  if (!frame) { to->lost++; return; }
  uint64_t wire = rate_mbit > 0 ? (uint64_t)(wire_bytes(data, bytes) * 8e3 / rate_mbit) : 0;
  from->sends_until = later(from->sends_until, time) + wire;
  to->receives_until = later(from->sends_until, to->receives_until + wire);
  uint64_t due = to->receives_until + (uint64_t)(delay_us * 1e3);
  if (jitter_us > 0) due += (uint64_t)(drand48() * jitter_us * 1e3);
  to->last_due = later(due, to->last_due);
  *frame = (struct frame){.due = to->last_due, .bytes = bytes};
  memcpy(frame->data, data, bytes);
  *to->last = frame;
  to->last = &frame->next;
  to->queued += bytes;
}

// Takes what a node sends; frames to an unknown address go to everyone else, as in any switch.
static void take(struct port *from) {
  static unsigned char data[LARGEST_FRAME];
  for (int turn = 0; turn < 64; turn++) {
    ssize_t bytes = read(from->tap, data, sizeof data);
    if (bytes < HEADER + 2 * MAC_BYTES) return;
    uint64_t time = now();
    const unsigned char *receiver = data + HEADER, *sender = receiver + MAC_BYTES;
    memcpy(from->address, sender, MAC_BYTES);
    from->knows_address = 1;
    struct port *only = NULL;
    for (int i = 0; i < port_count; i++)
      if (ports[i].knows_address && !memcmp(ports[i].address, receiver, MAC_BYTES))
        only = &ports[i];
    for (int i = 0; i < port_count; i++)
      if (&ports[i] != from && (!only || only == &ports[i]))
        forward(from, &ports[i], data, (size_t)bytes, time);
  }
}

// Hands a node what is due; returns when the next frame is, or the largest number.
static uint64_t deliver(struct port *to, uint64_t time) {
  while (to->first && to->first->due <= time) {
    struct frame *frame = to->first;
    if (write(to->tap, frame->data, frame->bytes) < 0) {
      if (errno == EAGAIN) return time + 20000;
      to->lost++;
    } else {
      to->frames++;
      to->bytes += frame->bytes - HEADER;
    }
    to->first = frame->next;
    if (!to->first) to->last = &to->first;
    to->queued -= frame->bytes;
    free(frame);
  }
  return to->first ? to->first->due : UINT64_MAX;
}

static void read_control(int control) {
  char line[256] = "";
  ssize_t bytes = read(control, line, sizeof line - 1);
  double d, r, j, l;
  if (bytes <= 0) return;
  if (sscanf(line, "%lf %lf %lf %lf", &d, &r, &j, &l) != 4 || d < 0 || r < 0 || j < 0 || l < 0) {
    fprintf(stderr, "netshape: not understood: %s\n", line);
    return;
  }
  delay_us = d, rate_mbit = r, jitter_us = j, loss_ppm = l;
  fprintf(stderr, "netshape: delay %g us, rate %g Mbit/s, jitter %g us, loss %g ppm\n", d, r, j, l);
}

int main(int count, char **arguments) {
  if (count < 4 || count - 2 > MAX_PORTS) {
    fprintf(stderr, "usage: netshape CONTROL NAMESPACE NAMESPACE... (2 to %d)\n", MAX_PORTS);
    return 2;
  }
  signal(SIGTERM, stop);
  signal(SIGINT, stop);
  prctl(PR_SET_TIMERSLACK, 1ul);
  // Ranks that wait for messages spin on every core: as an ordinary process the switch would run
  // when their time slice ends, milliseconds late.
  struct sched_param first = {.sched_priority = 1};
  if (sched_setscheduler(0, SCHED_FIFO, &first)) perror("netshape: without SCHED_FIFO, delays grow");

  struct pollfd polls[MAX_PORTS + 1];
  // Open for writing as well, or the end of one writer would read as the end of all.
  int control = open(arguments[1], O_RDWR | O_CLOEXEC);
  if (control < 0) die("%s", arguments[1]);
  port_count = count - 2;
  for (int i = 0; i < port_count; i++) {
    ports[i].tap = open_tap(arguments[i + 2]);
    ports[i].last = &ports[i].first;
    polls[i] = (struct pollfd){.fd = ports[i].tap, .events = POLLIN};
  }
  polls[port_count] = (struct pollfd){.fd = control, .events = POLLIN};
  read_control(control);

  while (!stopping) {
    uint64_t next = UINT64_MAX;
    for (int i = 0; i < port_count; i++) {
      uint64_t due = deliver(&ports[i], now());
      if (due < next) next = due;
    }
    uint64_t time = now(), left = next > time ? next - time : 0;
    struct timespec wait = {(time_t)(left / 1000000000u), (long)(left % 1000000000u)};
    if (ppoll(polls, (nfds_t)port_count + 1, next == UINT64_MAX ? NULL : &wait, NULL) <= 0) continue;
    for (int i = 0; i < port_count; i++)
      if (polls[i].revents) take(&ports[i]);
    if (polls[port_count].revents) read_control(control);
  }
  for (int i = 0; i < port_count; i++)
    printf("%s: %llu frames, %llu bytes received, %llu lost\n", arguments[i + 2],
           (unsigned long long)ports[i].frames, (unsigned long long)ports[i].bytes,
           (unsigned long long)ports[i].lost);
  return 0;
}
