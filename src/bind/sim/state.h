/*
** state.h - a simulation as the files of bind/sim/ share it, and what each method does first.
*/
#ifndef ORC_BIND_SIM_STATE_H
#define ORC_BIND_SIM_STATE_H

#include "bind/policy/policies.h"
#include "bind/policy/watchdog.h"
#include "cluster/config.h"
#include "cluster/state.h"
#include "obs/chrome_trace.h"
#include "obs/excerpt.h"
#include "obs/step_trace.h"
#include "obs/token_trace.h"
#include "workload/source.h"
#include "workload/synthetic.h"

/* Name of its metatable. */
#define ORC_BIND_SIM_TYPE "oracle.sim"

typedef struct orc_sim {
  bool brief; /* its result has no latencies of single replicas */
  orc_cluster *cluster;
  orc_lua_policies policies;
  orc_watchdog watch;
  orc_csv *csv;
  orc_excerpt *excerpt;     /* spec.excerpt: some requests are kept */
  orc_chrome_trace *trace;  /* spec.trace: a trace is written */
  orc_life *life;           /* spec.life: the lives of requests are kept */
  orc_latencies *latencies; /* spec.latencies: those of single requests are kept */
  double *percentiles;      /* [percentile_count] of them */
  int percentile_count;
  orc_attribution *attribution; /* spec.attribution: what the time of requests went into is told */
  uint64_t *wanted;             /* numbers of those of which it is told one by one */
  orc_log log;                  /* spec.log, spec.schedule, spec.tokens, spec.trace */
  orc_step_trace *schedule;     /* spec.schedule: the schedule is kept */
  orc_token_trace *tokens;      /* spec.tokens: when each token came is kept */
  orc_step_cost cost;
  orc_outage *outages; /* until the cluster has them */
  orc_source *sources; /* until the cluster has them */
  int source_count;
  orc_synthetic drawing; /* the source being read: what it owns is freed when reading fails */
  char **profiles;
  int profile_count;
  double duration; /* s; INFINITY: until all requests ended */
  double warm_up;
  int64_t count;    /* requests of all sources together; INT64_MAX: no bound */
  int64_t expected; /* requests in all, where known; 0 not */
  bool is_open;     /* requests of source `open_source` are sent (s:send) */
  uint16_t open_source;
  bool is_served; /* so are those of source `served`, by clients of a server (serve/feed.h) */
  uint16_t served;
  bool closed, failed;
  bool running; /* nested calls of what a run asks must not run it */
} orc_sim;

/* The simulation at stack index 1, which must not be closed; raises otherwise. */
orc_sim *orc_bind_open_sim(lua_State *L);

/* The same, which must not be running either; the policies are called in `L` from now on. */
orc_sim *orc_bind_idle_sim(lua_State *L);

/* Around whatever makes a simulation go on. Nothing may raise in between. */
void orc_bind_begin(orc_sim *s, lua_State *L);
void orc_bind_end(orc_sim *s);

/* How far it is, 0 .. 1; negative when nothing tells. */
double orc_bind_sim_fraction(const orc_sim *s);

/* When it ends at the latest, ns; ORC_NEVER: with its last request. */
orc_time orc_bind_sim_end(const orc_sim *s);

#endif
