/*
** limits.h - what a server takes of its clients, each with what happens beyond it.
*/
#ifndef ORC_SERVE_LIMITS_H
#define ORC_SERVE_LIMITS_H

#include <stddef.h>

typedef struct orc_limits {
  int connections;    /* open at a time; one more gets 503 and is closed */
  int streams;        /* requests for completions under way; one more gets 503 */
  size_t body;        /* bytes of a request's body; 413 */
  size_t unsent;      /* bytes a client has not read yet; then it is dropped */
  int choices;        /* answers of one request (n, times its prompts); 400 */
  int header_seconds; /* from the first byte of a request to its last; 408 */
  int idle_seconds;   /* without a request; the connection is closed */
} orc_limits;

/* What is not for users to set. */
enum {
  ORC_LIMIT_HEAD = 32 << 10,  /* bytes of a request's line and header; 431 */
  ORC_LIMIT_TARGET = 4 << 10, /* of them, of the path; 414 */
  ORC_LIMIT_VALUES = 1 << 20, /* values in a JSON body; 400 */
  ORC_LIMIT_AHEAD = 64 << 10, /* bytes that come before a request is answered; then reading stops */
  ORC_LIMIT_STOPS = 64,       /* stop strings of a request; 400 */
};

/* Where nothing else is said. */
orc_limits orc_limits_usual(void);

#endif
