/* http.c - any bytes from a client, in two parts: each request that is whole is answered once, whole or in pieces, and
** the connection ends with the client. */
#define _GNU_SOURCE
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "serve/connection.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TURNS = 64, BYTES = 4096 };

static void on_request(void *self, orc_connection *c, const orc_http_request *r)
{
  ORC_ASSERT(r->method[0] != '\0' && strlen(r->body) <= r->body_length);
  ORC_ASSERT(r->body_length <= BYTES);
  orc_connection_answering(c, self);
  if (strcmp(r->path, "/stream") == 0) {
    orc_connection_begin(c, 200, "text/plain", "");
    orc_connection_chunk(c, "piece", 5);
    orc_connection_answering(c, NULL);
    orc_connection_end(c);
  } else if (strcmp(r->path, "/later") != 0) {
    orc_connection_answering(c, NULL);
    orc_connection_reply(c, 200, "text/plain", "", r->body, r->body_length);
  }
}

static void on_gone(void *self, void *answering)
{
  ORC_ASSERT(self == answering);
}

static void turn(struct event_base *base, orc_connections *all)
{
  for (int i = 0; i < TURNS; i++) {
    event_base_loop(base, EVLOOP_NONBLOCK);
    orc_connections_sweep(all, 0);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static int here; /* who answers */
  int pair[2];
  if (size == 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) != 0) return 0;
  struct event_base *base = event_base_new();
  const orc_limits limits = {
    .connections = 4, .body = BYTES, .unsent = BYTES, .header_seconds = 10, .idle_seconds = 10
  };
  const orc_http_handler handler = { .self = &here, .request = on_request, .gone = on_gone };
  orc_connections *all = orc_connections_new(base, &limits, &handler);
  orc_connections_add(all, pair[0]);
  const size_t first = data[0] < size ? data[0] : size;
  (void)!write(pair[1], data, first);
  turn(base, all);
  (void)!write(pair[1], data + first, size - first);
  turn(base, all);
  orc_connections_sweep(all, INT64_MAX / 2); /* what takes too long ends */
  turn(base, all);
  close(pair[1]);
  turn(base, all);
  orc_connections_free(all);
  event_base_free(base);
  return 0;
}
