/*
** service.h - a simulated deployment as a server of OpenAI's API that real clients talk to: the
** simulation's clock follows the wall clock, requests arrive at their moment, and each token is written at
** the time the simulation gives it. One thread does all: the simulation needs a fraction of a
** core, and what it decides needs no lock.
*/
#ifndef ORC_SERVE_SERVICE_H
#define ORC_SERVE_SERVICE_H

#include "base/base.h"
#include "base/dist.h"
#include "cluster/state.h"
#include "serve/limits.h"
#include "serve/text.h"

/* A family of metrics, as /metrics names it. */
typedef struct orc_metric_family {
  const char *name, *type, *help; /* "num_requests_running", "gauge" */
  const double *bounds;           /* [bound_count] of a histogram, rising; NULL: none */
  int bound_count;
} orc_metric_family;

/* What makes the simulation go on, and what else is not the server's own. */
typedef struct orc_service_host {
  void *self;
  /* All that happens by `until` (ns). False with *e: a policy failed, and nothing goes on. */
  bool (*advance)(void *self, orc_time until, orc_error *e);
  /* When it wants to be asked next besides, ns; ORC_NEVER */
  orc_time (*due)(void *self);
  /* An order of the operator: its name and the query behind it. Its answer into *out, with its type, and the
  ** status of HTTP. */
  int (*order)(void *self, const char *name, const char *query, orc_text *out, const char **type);
} orc_service_host;

/* Texts are borrowed until the service is freed. */
typedef struct orc_service_options {
  const char *host;       /* address to listen at */
  int port;               /* 0: any that is free */
  double speed;           /* simulated s per s; INFINITY */
  const char *model;      /* as clients call it */
  const char *version;    /* of vLLM, for /version */
  const char *page;       /* HTML of /; "" */
  const char *api_key;    /* NULL: none is asked for */
  bool admin;             /* orders are taken over HTTP */
  int32_t max_model_len;  /* tokens */
  const orc_dist *output; /* tokens of answers whose length is left open; NULL: as long as may be */
  uint64_t seed;
  double usd_per_hour; /* of one replica; NAN: not known */
  const char *record;  /* file that the requests are written to; NULL: nowhere */
  orc_limits limits;
  const orc_metric_family *families;
  int family_count;
  double drain_seconds; /* after SIGTERM, for what is under way */
} orc_service_options;

typedef struct orc_service orc_service;

/* It listens from now. The cluster has a source that is a feed (feed.h), number `source`. NULL with *e.
*/
orc_service *orc_service_new(const orc_service_options *o, const orc_service_host *host,
                             orc_cluster *c, uint32_t source, orc_error *e);
void orc_service_free(orc_service *s); /* NULL is allowed */

/* The port it listens at. */
int orc_service_port(const orc_service *s);

/*
** Serve until it is told to end, or until the descriptor `watch` can be read (-1: none is watched).
** False with *e when the simulation failed.
*/
bool orc_service_run(orc_service *s, int watch, orc_error *e);

/* It takes no requests for completions, or takes them again. */
void orc_service_sleep(orc_service *s, bool asleep);

/* Whether it has been told to end, and has. */
bool orc_service_over(const orc_service *s);

/* Nobody is served any more: what is under way is cancelled, and what is recorded is whole. False with
** *e: not all could be written. */
bool orc_service_close(orc_service *s, orc_error *e);

/* What it has done so far. */
typedef struct orc_service_totals {
  uint64_t requests, refused, aborted, tokens, chunks, accepted, dropped;
  double late_p50, late_p99, late_most; /* s between a token's moment and its sending */
  double slipped; /* s that the simulation fell behind the wall clock in all */
} orc_service_totals;

orc_service_totals orc_service_totals_of(orc_service *s);

#endif
