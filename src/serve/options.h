/*
** options.h - what a server is made of: how it listens, what it tells its clients, and who makes the simulation
** go on.
*/
#ifndef ORC_SERVE_OPTIONS_H
#define ORC_SERVE_OPTIONS_H

#include "base/base.h"
#include "base/dist.h"
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

typedef struct orc_service orc_service; /* state.h */

#endif
