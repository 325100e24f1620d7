/*
** state.h - a server as the files of this folder share it: the simulation it serves, its clients, what
** it counts. service.h makes, runs and frees one.
*/
#ifndef ORC_SERVE_STATE_H
#define ORC_SERVE_STATE_H

#include "base/dist.h"
#include "base/hist.h"
#include "serve/clock.h"
#include "serve/connection.h"
#include "serve/feed.h"
#include "serve/limits.h"
#include "serve/listener.h"
#include "serve/metrics.h"
#include "serve/options.h"
#include "serve/recent.h"
#include "serve/record.h"

typedef struct orc_completion orc_completion; /* completion.h */

/* What was done so far. */
typedef struct orc_service_counts {
  uint64_t requests;       /* for completions, that were taken */
  uint64_t refused;        /* that were turned down, with whatever status */
  uint64_t aborted;        /* whose client went */
  uint64_t tokens, chunks; /* written */
} orc_service_counts;

struct orc_service {
  orc_service_options o;
  orc_service_host host;
  struct event_base *base;
  struct event *patience, *timer, *sweep, *terminate, *interrupt;
  orc_listener *listener; /* NULL: it does not listen any more */
  orc_connections *connections;
  orc_cluster *cluster;
  orc_feed *feed;
  orc_wall_clock clock;
  orc_time latest;                      /* max speed: the simulated time it has come to */
  orc_completion *first, *fresh, *left; /* under way; of them, those whose head is not sent; whose
                                           client is gone */
  int64_t full_since; /* max speed: wall ns since which a client has much to read; 0: none has */
  int under_way;
  int32_t block;   /* tokens that the content of prompts is known by */
  uint64_t serial; /* of requests */
  orc_service_counts counts;
  orc_hist late;  /* ns between the moment of a token and the call that sends it */
  double slipped; /* s of wall time that the simulation could not keep up with */
  orc_metrics_board *metrics;
  orc_recent ttft, tpot, itl, e2e; /* of clients and of the background */
  orc_trace_record *record;
  orc_text scratch, spelled; /* of one reply or event at a time; the text in it */
  orc_error failure;
  bool asleep, draining, stopped, said_slow;
};

/* The simulated time now, at or after all that was simulated. */
orc_time orc_service_now(const orc_service *s);

/* Reply {"error": ...}. */
void orc_service_refuse(orc_service *s, orc_connection *c, int status, const char *type,
                        const char *message);

#endif
