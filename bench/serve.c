/*
** `oracle serve` under load: so many clients that stream answers one after the other from 64 replicas,
** beside so many connections that only stay open. Each token carries its simulated time; how long after
** that moment its client had it, over loopback and through this program, is what is measured. The
** server's own CPU time is divided by the tokens it wrote.
** usage: serve [STREAMS [CONNECTIONS [SECONDS [SPEED]]]]         1000 9000 10 1
*/
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/hist.h"

enum { ROOM = 1 << 16, EVENTS = 512, PROMPT = 1200, TOKENS = 200 };

static const char scenario[] =
    "local oracle = require 'oracle'\n"
    "return oracle.scenario { model = 'llama-3.1-70b', hardware = 'h100-sxm', replicas = 64,\n"
    "  engine = { tensor_parallel_size = 4 },\n"
    "  workload = oracle.workload.poisson { rate = 1, count = 1, prompt = 100, output = 100 } }\n";

typedef struct client {
  int fd;
  size_t have;
  char *text; /* [ROOM] what has come and is not read yet; NULL: it only stays open */
  int serial;
} client;

typedef struct bench {
  int port, poll, streams, idle;
  double speed;
  double at_time, at_wall; /* simulated s, and s of the monotonic clock, at one moment */
  client *clients;
  uint64_t tokens, answers, lost;
  orc_hist late;
  double until; /* s of the monotonic clock: no request begins later */
} bench;

static double now(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int dial(int port)
{
  const struct sockaddr_in at = { .sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd >= 0 && connect(fd, (const struct sockaddr *)&at, sizeof at) == 0) return fd;
  if (fd >= 0) close(fd);
  return -1;
}

/* ---- the server ---- */

static pid_t start_server(const char *path, int port, const char *speed)
{
  char number[16];
  const pid_t pid = fork();
  if (pid != 0) return pid;
  snprintf(number, sizeof number, "%d", port);
  execl("./oracle", "oracle", "serve", path, "--port", number, "--speed", speed, "-q",
        (char *)NULL);
  _exit(127);
}

/* What /live.json says: its time and the wall clock's. False: nobody is there yet. */
static bool ask_clock(bench *b)
{
  static const char ask[] = "GET /live.json HTTP/1.1\r\nconnection: close\r\n\r\n";
  char *text = calloc(1, 1 << 20), *at;
  size_t have = 0;
  ssize_t n;
  const int fd = dial(b->port);
  bool good = fd >= 0 && write(fd, ask, sizeof ask - 1) > 0;
  while (good && have < (1 << 20) - 1 && (n = read(fd, text + have, (1 << 20) - 1 - have)) > 0)
    have += (size_t)n;
  if (fd >= 0) close(fd);
  good = good && (at = strstr(text, "{\"time\":")) != NULL &&
         sscanf(at, "{\"time\":%lf,\"wall\":%lf", &b->at_time, &b->at_wall) == 2;
  free(text);
  return good;
}

/* ---- clients ---- */

static void ask(bench *b, client *c)
{
  char body[PROMPT + 400], head[256];
  const int n =
      snprintf(body, sizeof body, "{\"prompt\":\"%08d%*s\",\"max_tokens\":%d,\"stream\":true}",
               c->serial, PROMPT - 8, "text", TOKENS);
  const int h = snprintf(head, sizeof head,
                         "POST /v1/completions HTTP/1.1\r\nhost: x\r\nx-oracle-times: 1\r\n"
                         "content-type: application/json\r\ncontent-length: %d\r\n\r\n",
                         n);
  c->serial += b->streams;
  c->have = 0;
  if (write(c->fd, head, (size_t)h) != h || write(c->fd, body, (size_t)n) != n) b->lost++;
}

/* One line of a stream, terminated. True: it was the last. */
static bool take_line(bench *b, const char *line, double wall)
{
  if (strncmp(line, "data: ", 6) != 0) return false;
  if (strcmp(line, "data: [DONE]") == 0) return true;
  const char *at = strstr(line, "\"simulated_s\":");
  if (at == NULL) return false;
  const double due = b->at_wall + (strtod(at + 14, NULL) - b->at_time) / b->speed;
  b->tokens++;
  orc_hist_add(&b->late, wall > due ? (int64_t)((wall - due) * 1e9) : 0, 1);
  return false;
}

static void hear(bench *b, client *c)
{
  char rest[256];
  const ssize_t n = c->text == NULL ? read(c->fd, rest, sizeof rest)
                                    : read(c->fd, c->text + c->have, ROOM - 1 - c->have);
  const double wall = now();
  if (n <= 0 || c->text == NULL) {
    if (n < 0 && errno == EAGAIN) return;
    b->lost++;
    epoll_ctl(b->poll, EPOLL_CTL_DEL, c->fd, NULL);
    return;
  }
  c->have += (size_t)n;
  c->text[c->have] = '\0';
  char *line = c->text, *end;
  bool done = false;
  while ((end = strchr(line, '\n')) != NULL) {
    *end = '\0';
    done = take_line(b, line, wall) || done;
    line = end + 1;
  }
  c->have -= (size_t)(line - c->text);
  memmove(c->text, line, c->have);
  if (!done) return;
  b->answers++;
  if (wall < b->until) ask(b, c);
}

static bool connect_all(bench *b)
{
  const int count = b->streams + b->idle;
  b->clients = calloc((size_t)count, sizeof *b->clients);
  b->poll = epoll_create1(EPOLL_CLOEXEC);
  for (int i = 0; i < count; i++) {
    client *c = &b->clients[i];
    c->fd = dial(b->port);
    if (c->fd < 0) {
      printf("  %d connections are open; one more: %s\n", i, strerror(errno));
      return false;
    }
    c->serial = i;
    if (i < b->streams) c->text = malloc(ROOM);
    struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };
    epoll_ctl(b->poll, EPOLL_CTL_ADD, c->fd, &e);
  }
  return true;
}

static void run(bench *b, double seconds)
{
  struct epoll_event events[EVENTS];
  int begun = 0;
  const double start = now();
  b->until = start + seconds;
  while (now() < b->until) {
    /* They begin over two seconds, not all at one moment. */
    while (begun < b->streams && now() - start > 2.0 * begun / b->streams)
      ask(b, &b->clients[begun++]);
    const int n = epoll_wait(b->poll, events, EVENTS, 1);
    for (int i = 0; i < n; i++)
      hear(b, events[i].data.ptr);
  }
}

static double cpu_of(pid_t pid)
{
  struct rusage used;
  int status = 0;
  kill(pid, SIGTERM);
  kill(pid, SIGTERM);
  if (wait4(pid, &status, 0, &used) != pid) return 0.0;
  return (double)used.ru_utime.tv_sec + 1e-6 * (double)used.ru_utime.tv_usec +
         (double)used.ru_stime.tv_sec + 1e-6 * (double)used.ru_stime.tv_usec;
}

static int arg(int argc, char **argv, int i, int otherwise)
{
  return argc > i ? atoi(argv[i]) : otherwise;
}

int main(int argc, char **argv)
{
  char path[] = "/tmp/oracle-bench-XXXXXX";
  bench b = { .port = 20000 + (int)(getpid() % 20000),
              .streams = arg(argc, argv, 1, 1000),
              .idle = arg(argc, argv, 2, 9000) };
  const int seconds = arg(argc, argv, 3, 10);
  const char *speed = argc > 4 ? argv[4] : "1";
  b.speed = atof(speed);
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  const int fd = mkstemp(path);
  if (fd < 0 || write(fd, scenario, sizeof scenario - 1) != (ssize_t)(sizeof scenario - 1))
    return 1;
  close(fd);
  const pid_t pid = start_server(path, b.port, speed);
  const double begun = now();
  bool good = false;
  while (!good && now() - begun < 10.0) {
    good = ask_clock(&b);
    if (!good) usleep(1000);
  }
  printf("  %-58s %8.0f ms\n", "start of the server to its first answer", (now() - begun) * 1e3);
  good = good && connect_all(&b);
  if (good) run(&b, seconds);
  const double wall = now() - begun, cpu = cpu_of(pid);
  unlink(path);
  if (!good || b.tokens == 0) return 1;
  printf("  %d streams, %d more connections, speed %s: %" PRIu64 " answers, %" PRIu64 " lost\n",
         b.streams, b.idle, speed, b.answers, b.lost);
  printf("  %-58s %8.0f /s\n", "tokens written", (double)b.tokens / seconds);
  printf("  %-58s %8.2f us\n", "CPU time of the server per token", cpu / (double)b.tokens * 1e6);
  printf("  %-58s %8.0f %%\n", "of a core", cpu / wall * 100.0);
  printf("  %-58s %8.3f ms (p50)\n", "from a token's moment to its client",
         orc_hist_quantile(&b.late, 0.5) * 1e-6);
  printf("  %-58s %8.3f ms (p99)\n", "", orc_hist_quantile(&b.late, 0.99) * 1e-6);
  printf("  %-58s %8.3f ms (most)\n", "", (double)b.late.max * 1e-6);
  return b.lost == 0 ? 0 : 1;
}
