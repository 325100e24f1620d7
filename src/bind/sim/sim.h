/*
** sim.h - a simulation as the files of bind/ share it: sim.c makes, runs and measures one, live.c
** looks into a paused one.
*/
#ifndef ORC_BIND_SIM_SIM_H
#define ORC_BIND_SIM_SIM_H

#include "bind/policy/table.h"
#include "bind/policy/watchdog.h"
#include "cluster/config.h"
#include "cluster/state.h"
#include "workload/source.h"
#include "workload/synthetic.h"

typedef struct orc_sim {
  orc_cluster *cluster;
  orc_lua_policies policies;
  orc_watchdog watch;
  orc_csv *csv;
  orc_life *life; /* spec.life: the lives of requests are kept */
  orc_log log;    /* spec.log */
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

/*
** Push the raw results at `end` (ns): requests in flight count as pending.
**   whole   it came to its end
**   csv     their records are written here; NULL: nowhere
*/
void orc_bind_push_result(lua_State *L, const orc_sim *s, bool whole, orc_time end, orc_csv *csv);

/* When it ends at the latest, ns; ORC_NEVER: with its last request. */
orc_time orc_bind_sim_end(const orc_sim *s);

/* Add the methods for paused simulations to the method table on top: those that make it go on or
** change it (live.c), those that look (inspect.c). */
void orc_bind_control(lua_State *L);
void orc_bind_inspect(lua_State *L);

#endif
