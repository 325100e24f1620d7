/*
** connection.h - clients' connections: HTTP/1.1 requests come in one at a time, replies go out whole or
** piece by piece. A piece is written when it is there, by one system call; what the client does not
** take at once waits, up to a bound. That a client is gone is noticed while it is answered, too.
*/
#ifndef ORC_SERVE_CONNECTION_H
#define ORC_SERVE_CONNECTION_H

#include <event2/event.h>

#include "serve/limits.h"
#include "serve/request.h"

typedef struct orc_connection orc_connection;
typedef struct orc_connections orc_connections;

typedef struct orc_http_handler {
  void *self;
  /* Answer it, now or later: reply, or begin, chunk ... and end. */
  void (*request)(void *self, orc_connection *c, const orc_http_request *r);
  /* The client is gone before `answered` was there. It is never used again. */
  void (*gone)(void *self, void *answering);
} orc_http_handler;

typedef struct orc_connection_counts {
  uint64_t accepted, refused, dropped; /* since the beginning; dropped: too slow to read */
  uint64_t bad;                        /* requests that were no HTTP, too large or too slow */
  int open;
} orc_connection_counts;

orc_connections *orc_connections_new(struct event_base *base, const orc_limits *limits,
                                     const orc_http_handler *handler);
void orc_connections_free(orc_connections *all); /* closes what is open; NULL is allowed */

/* A client has connected: `fd` is non-blocking, and from now on theirs to close. */
void orc_connections_add(orc_connections *all, int fd);

/* Close those that are done with or have taken too long; once a second, and after each turn. */
void orc_connections_sweep(orc_connections *all, int64_t wall);

/* Accept nothing more on those that are idle. */
void orc_connections_drain(orc_connections *all);

orc_connection_counts orc_connections_counts(const orc_connections *all);

/* Bytes not taken yet, by whoever has taken the least. */
size_t orc_connections_unsent(const orc_connections *all);

/* Who answers the request at hand: told when the client goes. NULL: nobody. */
void orc_connection_answering(orc_connection *c, void *answering);

/* A whole reply; `more`: header lines, each with its CRLF; "". The request is answered. */
void orc_connection_reply(orc_connection *c, int status, const char *type, const char *more,
                          const void *body, size_t length);

/* A reply in pieces. A chunk without bytes is none. */
void orc_connection_begin(orc_connection *c, int status, const char *type, const char *more);
void orc_connection_chunk(orc_connection *c, const void *bytes, size_t length);
void orc_connection_end(orc_connection *c);

/* It is closed, whatever it was about. */
void orc_connection_drop(orc_connection *c);

/* "OK", "Bad Request" ...: what a status is called. */
const char *orc_http_reason(int status);

#endif
