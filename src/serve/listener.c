#define _GNU_SOURCE /* accept4 */
#include "serve/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
  BACKLOG = 4096,
  ACCEPTS = 256,     /* connections taken in a row before others are looked at */
  SPARE_FILES = 64,  /* descriptors that are not for connections */
  PAUSE_US = 100000, /* until it is tried again, where none is left */
};

struct orc_listener {
  int fd;
  struct event *readable, *retry;
  orc_connections *to;
};

void orc_listener_fit(orc_limits *limits)
{
  struct rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  const rlim_t wanted = (rlim_t)limits->connections + SPARE_FILES;
  if (files.rlim_cur < wanted) {
    files.rlim_cur = files.rlim_max < wanted ? files.rlim_max : wanted;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  if (files.rlim_cur < wanted && files.rlim_cur > (rlim_t)2 * SPARE_FILES)
    limits->connections = (int)(files.rlim_cur - SPARE_FILES);
}

/* No descriptor was left: it tries again. */
static void on_retry(evutil_socket_t fd, short what, void *self)
{
  const orc_listener *l = self;
  (void)fd;
  (void)what;
  event_add(l->readable, NULL);
}

static void on_accept(evutil_socket_t fd, short what, void *self)
{
  const orc_listener *l = self;
  (void)what;
  for (int i = 0; i < ACCEPTS; i++) {
    const int client = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (client >= 0) {
      const int on = 1;
      setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      orc_connections_add(l->to, client);
      continue;
    }
    if (errno == ECONNABORTED || errno == EINTR) continue;
    if (errno != EAGAIN) {
      const struct timeval pause = { .tv_usec = PAUSE_US };
      event_del(l->readable);
      event_add(l->retry, &pause);
    }
    return;
  }
}

static int listen_at(const struct addrinfo *a)
{
  const int on = 1;
  const int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, a->ai_protocol);
  if (fd < 0) return -1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0) return fd;
  const int why = errno;
  close(fd);
  errno = why;
  return -1;
}

static int open_socket(const char *host, int port, orc_error *e)
{
  char number[16];
  struct addrinfo *list = NULL;
  const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE };
  int fd = -1;
  snprintf(number, sizeof number, "%d", port);
  const int why = getaddrinfo(host, number, &hints, &list);
  if (why != 0) {
    orc_fail(e, "--host %s: no address to listen at: %s", host, gai_strerror(why));
    return -1;
  }
  for (const struct addrinfo *a = list; a != NULL && fd < 0; a = a->ai_next)
    fd = listen_at(a);
  freeaddrinfo(list);
  if (fd < 0)
    orc_fail(e, "cannot listen at %s port %d: %s%s", host, port, strerror(errno),
             errno == EADDRINUSE ? "; --port takes another" : "");
  return fd;
}

orc_listener *orc_listener_open(struct event_base *base, const char *host, int port,
                                orc_connections *to, orc_error *e)
{
  const int fd = open_socket(host, port, e);
  if (fd < 0) return NULL;
  orc_listener *l = orc_alloc(1, sizeof *l);
  l->fd = fd;
  l->to = to;
  l->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_accept, l);
  l->retry = evtimer_new(base, on_retry, l);
  if (l->readable != NULL && l->retry != NULL && event_add(l->readable, NULL) == 0) return l;
  orc_fail(e, "cannot listen at %s port %d: the event loop does not take it", host, port);
  orc_listener_close(l);
  return NULL;
}

void orc_listener_close(orc_listener *l)
{
  if (l == NULL) return;
  if (l->readable != NULL) event_free(l->readable);
  if (l->retry != NULL) event_free(l->retry);
  close(l->fd);
  free(l);
}

int orc_listener_port(const orc_listener *l)
{
  union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
  } at = { .v6 = { 0 } };
  socklen_t length = sizeof at;
  if (getsockname(l->fd, &at.any, &length) != 0) return 0;
  return ntohs(at.any.sa_family == AF_INET6 ? at.v6.sin6_port : at.v4.sin_port);
}
