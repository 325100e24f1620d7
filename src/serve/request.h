/*
** request.h - one HTTP/1.1 request, read from bytes as they come, within the bounds of limits.h.
*/
#ifndef ORC_SERVE_REQUEST_H
#define ORC_SERVE_REQUEST_H

#include <http_parser.h>

#include "serve/text.h"

/* A request that has come whole. Texts are terminated and hold until it is answered. */
typedef struct orc_http_request {
  const char *method;                                       /* "GET" */
  const char *path;                                         /* without the query */
  const char *query;                                        /* "" without one */
  const char *content_type, *authorization, *host, *origin; /* of the header; "" where absent */
  bool times; /* the client asks for simulated times with each token (X-Oracle-Times) */
  const char *body;
  size_t body_length;
} orc_http_request;

/* Header fields that count. */
typedef enum orc_http_field {
  ORC_HTTP_CONTENT_TYPE,
  ORC_HTTP_AUTHORIZATION,
  ORC_HTTP_EXPECT,
  ORC_HTTP_TIMES,
  ORC_HTTP_HOST,
  ORC_HTTP_ORIGIN,
  ORC_HTTP_FIELDS
} orc_http_field;

/* All zeroes but `body_most`: begin before the first. */
typedef struct orc_request_reader {
  size_t body_most; /* bytes of a body */
  http_parser parser;
  orc_text target, name, values[ORC_HTTP_FIELDS], body;
  orc_http_field at; /* the field being read; ORC_HTTP_FIELDS: one that does not count */
  bool in_value;
  int refused;  /* the status that a request gets which is wrong; 0: none so far */
  bool begun;   /* a byte of it has come */
  bool whole;   /* all of it has */
  bool closes;  /* the client wants no other on its connection */
  bool plain;   /* HTTP/1.0: without chunks */
  bool expects; /* the client waits for "100 Continue" before it sends the body */
} orc_request_reader;

void orc_request_begin(orc_request_reader *r);
void orc_request_done(orc_request_reader *r);

/* Take bytes up to the request's end: how many were its own. It is then whole, refused, or goes on. */
size_t orc_request_take(orc_request_reader *r, const char *bytes, size_t length);

/* Once it is whole. */
orc_http_request orc_request_of(orc_request_reader *r);

/* It asks for the header alone: no body may come. */
bool orc_request_is_head(const orc_request_reader *r);

#endif
