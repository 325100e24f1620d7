#include "serve/connection.h"

#include <errno.h>
#include <http_parser.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "serve/clock.h"
#include "serve/outbox.h"

/* FINISHING: the last reply is made, and its client has yet to take the rest of it. LINGERING: it has all; what
** it still sends is not read into anything, so that it reads the reply before the connection goes. */
typedef enum state { READING, ANSWERING, STREAMING, FINISHING, LINGERING, CLOSED } state;

enum { LINGER_SECONDS = 2 };

struct orc_connection {
  orc_connections *all;
  orc_connection *next, *previous; /* of all */
  int fd;
  struct event *readable;
  orc_request_reader request;
  state state;
  orc_text ahead; /* what came before the request at hand was answered */
  orc_outbox out;
  int64_t since; /* wall ns: of the request's first byte, or since it is idle */
  void *answering;
  bool last;    /* it closes after the reply at hand */
  bool quiet;   /* it is not read from now */
  bool feeding; /* what has come is being looked at */
};

struct orc_connections {
  struct event_base *base;
  orc_limits limits;
  orc_http_handler handler;
  orc_connection *first, *gone; /* open; closed, to be freed */
  orc_connection_counts counts;
  bool draining;
  char buffer[64 << 10];
};

static void go_on(orc_connection *c);

const char *orc_http_reason(int status)
{
  switch (status) {
#define REASON(number, name, words)                                                                \
  case number:                                                                                     \
    return #words;
    HTTP_STATUS_MAP(REASON)
#undef REASON
  default:
    return "Unknown";
  }
}

/* ---- the end ---- */

static void unlink_from(orc_connection **first, orc_connection *c)
{
  if (c->previous != NULL)
    c->previous->next = c->next;
  else
    *first = c->next;
  if (c->next != NULL) c->next->previous = c->previous;
  c->next = c->previous = NULL;
}

/* It is freed at the next sweep, for its callers may still look at it. */
void orc_connection_drop(orc_connection *c)
{
  orc_connections *all = c->all;
  if (c->state == CLOSED) return;
  c->state = CLOSED;
  unlink_from(&all->first, c);
  c->next = all->gone;
  all->gone = c;
  all->counts.open--;
  event_free(c->readable);
  orc_outbox_close(&c->out);
  close(c->fd);
  if (c->answering != NULL) {
    void *answering = c->answering;
    c->answering = NULL;
    all->handler.gone(all->handler.self, answering);
  }
}

static void release(orc_connection *c)
{
  orc_request_done(&c->request);
  orc_text_done(&c->ahead);
  orc_outbox_free(&c->out);
  free(c);
}

/* ---- out ---- */

static size_t unsent(const orc_connection *c)
{
  return orc_outbox_unsent(&c->out);
}

static void linger(orc_connection *c)
{
  if (c->state == CLOSED || unsent(c) > 0) return;
  c->state = LINGERING;
  c->since = orc_wall_now();
  shutdown(c->fd, SHUT_WR);
  if (c->quiet) event_add(c->readable, NULL);
  c->quiet = false;
}

/* There is no request after the one that has been answered. */
static void finish(orc_connection *c)
{
  c->last = true;
  c->state = FINISHING;
  c->since = orc_wall_now();
  linger(c);
}

static void on_emptied(void *self)
{
  orc_connection *c = self;
  if (c->state == FINISHING) linger(c);
}

static void on_broken(void *self)
{
  orc_connection_drop(self);
}

static void send_parts(orc_connection *c, struct iovec *parts, int count)
{
  size_t length = 0;
  for (int i = 0; i < count; i++)
    length += parts[i].iov_len;
  if (c->state == CLOSED || length == 0) return;
  if (unsent(c) + length > c->all->limits.unsent && unsent(c) > 0) {
    c->all->counts.dropped++;
    orc_connection_drop(c);
  } else if (!orc_outbox_send(&c->out, parts, count)) {
    orc_connection_drop(c);
  }
}

static struct iovec part_of(const void *bytes, size_t length)
{
  struct iovec part = { .iov_len = length };
  memcpy(&part.iov_base, &bytes,
         sizeof bytes); /* what is sent is only read, which the type does not say */
  return part;
}

/* Status and header, and a body behind them. */
static void send_head(orc_connection *c, int status, const char *type, const char *more,
                      const char *framing, struct iovec body)
{
  orc_text head = { 0 };
  orc_text_format(&head, "HTTP/1.1 %d %s\r\nserver: oracle\r\n", status, orc_http_reason(status));
  if (type[0] != '\0') orc_text_format(&head, "content-type: %s\r\n", type);
  orc_text_put(&head, more);
  orc_text_put(&head, framing);
  if (c->last) orc_text_put(&head, "connection: close\r\n");
  orc_text_put(&head, "\r\n");
  struct iovec parts[] = { part_of(head.at, head.length), body };
  send_parts(c, parts, 2);
  orc_text_done(&head);
}

/* ---- one request after the other ---- */

static void begin_request(orc_connection *c)
{
  orc_request_begin(&c->request);
  c->since = orc_wall_now();
}

static void answered(orc_connection *c)
{
  if (c->state == CLOSED) return;
  c->answering = NULL;
  c->state = READING;
  if (c->last || c->all->draining) {
    finish(c);
    return;
  }
  begin_request(c);
  if (c->quiet) event_add(c->readable, NULL);
  c->quiet = false;
  if (!c->feeding) go_on(c);
}

void orc_connection_answering(orc_connection *c, void *answering)
{
  c->answering = answering;
}

void orc_connection_reply(orc_connection *c, int status, const char *type, const char *more,
                          const void *body, size_t length)
{
  char framing[48];
  if (c->state != ANSWERING) return;
  snprintf(framing, sizeof framing, "content-length: %zu\r\n", length);
  const bool head_only = orc_request_is_head(&c->request);
  send_head(c, status, type, more, framing, part_of(body, head_only ? 0 : length));
  answered(c);
}

void orc_connection_begin(orc_connection *c, int status, const char *type, const char *more)
{
  if (c->state != ANSWERING) return;
  c->state = STREAMING;
  if (c->request.plain) c->last = true;
  send_head(c, status, type, more, c->request.plain ? "" : "transfer-encoding: chunked\r\n",
            part_of(NULL, 0));
}

void orc_connection_chunk(orc_connection *c, const void *bytes, size_t length)
{
  char size[24];
  if (c->state != STREAMING || length == 0) return;
  const int n = c->request.plain ? 0 : snprintf(size, sizeof size, "%zx\r\n", length);
  struct iovec parts[] = { part_of(size, (size_t)n), part_of(bytes, length),
                           part_of("\r\n", c->request.plain ? 0 : 2) };
  send_parts(c, parts, 3);
}

void orc_connection_end(orc_connection *c)
{
  if (c->state != STREAMING) return;
  if (!c->request.plain) {
    struct iovec last = part_of("0\r\n\r\n", 5);
    send_parts(c, &last, 1);
  }
  answered(c);
}

/* ---- in ---- */

/* The request is wrong: nothing of it is read any more, and the connection closes. */
static void refuse(orc_connection *c, int status)
{
  char body[160];
  if (c->state != READING) return;
  c->all->counts.bad++;
  c->last = true;
  c->state = ANSWERING;
  const int n =
      snprintf(body, sizeof body,
               "{\"error\":{\"message\":\"%s\",\"type\":\"%s\",\"param\":null,\"code\":%d}}",
               orc_http_reason(status), orc_http_reason(status), status);
  orc_connection_reply(c, status, "application/json", "", body, (size_t)n);
}

static void handle(orc_connection *c)
{
  const orc_http_handler *h = &c->all->handler;
  const orc_http_request r = orc_request_of(&c->request);
  c->state = ANSWERING;
  h->request(h->self, c, &r);
}

/* Bytes that came behind a request wait until it is answered, up to a bound. */
static void lay_aside(orc_connection *c, const char *bytes, size_t length)
{
  orc_text_bytes(&c->ahead, bytes, length);
  if (c->ahead.length < ORC_LIMIT_AHEAD || c->quiet) return;
  c->quiet = true;
  event_del(c->readable);
}

static void parse(orc_connection *c, const char *bytes, size_t length)
{
  orc_request_reader *r = &c->request;
  if (!r->begun) c->since = orc_wall_now();
  const size_t done = orc_request_take(r, bytes, length);
  c->last = c->last || r->closes;
  if (r->refused != 0) {
    refuse(c, r->refused);
  } else if (r->whole) {
    if (done < length) lay_aside(c, bytes + done, length - done);
    handle(c);
  } else if (r->expects) {
    struct iovec word = part_of("HTTP/1.1 100 Continue\r\n\r\n", 25);
    r->expects = false;
    send_parts(c, &word, 1);
  }
}

/* What was laid aside, one request after the other as they are answered. */
static void go_on(orc_connection *c)
{
  c->feeding = true;
  while (c->state == READING && c->ahead.length > 0) {
    orc_text ahead = c->ahead;
    c->ahead = (orc_text){ 0 };
    parse(c, ahead.at, ahead.length);
    orc_text_done(&ahead);
  }
  c->feeding = false;
}

static void take(orc_connection *c, const char *bytes, size_t length)
{
  if (c->state == FINISHING || c->state == LINGERING) return;
  if (c->state != READING) {
    lay_aside(c, bytes, length);
    return;
  }
  c->feeding = true;
  parse(c, bytes, length);
  go_on(c);
}

static void on_readable(evutil_socket_t fd, short what, void *self)
{
  orc_connection *c = self;
  orc_connections *all = c->all;
  (void)what;
  const ssize_t n = recv(fd, all->buffer, sizeof all->buffer, MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0)
    orc_connection_drop(c);
  else
    take(c, all->buffer, (size_t)n);
}

/* ---- all of them ---- */

orc_connections *orc_connections_new(struct event_base *base, const orc_limits *limits,
                                     const orc_http_handler *handler)
{
  orc_connections *all = orc_alloc(1, sizeof *all);
  all->base = base;
  all->limits = *limits;
  all->handler = *handler;
  http_parser_set_max_header_size(ORC_LIMIT_HEAD);
  return all;
}

static void free_gone(orc_connections *all)
{
  while (all->gone != NULL) {
    orc_connection *c = all->gone;
    all->gone = c->next;
    release(c);
  }
}

void orc_connections_free(orc_connections *all)
{
  if (all == NULL) return;
  while (all->first != NULL)
    orc_connection_drop(all->first);
  free_gone(all);
  free(all);
}

static void turn_away(orc_connections *all, int fd)
{
  static const char full[] = "HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\n"
                             "content-length: 0\r\nconnection: close\r\n\r\n";
  all->counts.refused++;
  (void)!send(fd, full, sizeof full - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
  close(fd);
}

void orc_connections_add(orc_connections *all, int fd)
{
  if (all->draining || all->counts.open >= all->limits.connections) {
    turn_away(all, fd);
    return;
  }
  orc_connection *c = orc_alloc(1, sizeof *c);
  c->all = all;
  c->fd = fd;
  c->request.body_most = all->limits.body;
  c->out = (orc_outbox){
    .base = all->base, .fd = fd, .emptied = on_emptied, .broken = on_broken, .own = c
  };
  c->readable = event_new(all->base, fd, EV_READ | EV_PERSIST, on_readable, c);
  if (c->readable == NULL || event_add(c->readable, NULL) != 0) {
    if (c->readable != NULL) event_free(c->readable);
    free(c);
    turn_away(all, fd);
    return;
  }
  begin_request(c);
  c->next = all->first;
  if (c->next != NULL) c->next->previous = c;
  all->first = c;
  all->counts.open++;
  all->counts.accepted++;
}

void orc_connections_sweep(orc_connections *all, int64_t wall)
{
  free_gone(all);
  if (wall == 0) return;
  for (orc_connection *c = all->first, *next; c != NULL; c = next) {
    next = c->next;
    if (c->state == ANSWERING || c->state == STREAMING) continue;
    const bool halfway = c->state == READING && c->request.begun;
    const int seconds = c->state == LINGERING ? LINGER_SECONDS
                        : halfway             ? all->limits.header_seconds
                                              : all->limits.idle_seconds;
    if (wall - c->since <= seconds * ORC_SECOND) continue;
    if (halfway)
      refuse(c, 408);
    else
      orc_connection_drop(c);
  }
  free_gone(all);
}

void orc_connections_drain(orc_connections *all)
{
  all->draining = true;
  for (orc_connection *c = all->first, *next; c != NULL; c = next) {
    next = c->next;
    if (c->state != READING || c->request.begun) continue;
    if (unsent(c) > 0)
      finish(c);
    else
      orc_connection_drop(c);
  }
}

orc_connection_counts orc_connections_counts(const orc_connections *all)
{
  return all->counts;
}

size_t orc_connections_unsent(const orc_connections *all)
{
  size_t most = 0;
  for (const orc_connection *c = all->first; c != NULL; c = c->next)
    if (unsent(c) > most) most = unsent(c);
  return most;
}
