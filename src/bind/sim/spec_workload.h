/*
** spec_workload.h - the workload of a simulation, read from spec.workload: one source or a list of
** them. A source says what it is made of, not what kind of workload it comes from:
**   arrivals   "recorded": those of the trace at `path`; "served": those of clients (serve/feed.h); else the process that makes them
**              (orc_process_find), with what it needs: rate or stages, cv, inter_arrival, or
**              concurrency and think; count, duration
**   prompt, output, prefix, prompt_pool   what is asked; functions as in workload/functions.h
**   conversation                          which requests others follow, and when
**   priority, streaming, timeout, cancel  what its clients are like
** lua/oracle/workload/ has a file for each kind of workload, which puts these together.
*/
#ifndef ORC_BIND_SIM_SPEC_WORKLOAD_H
#define ORC_BIND_SIM_SPEC_WORKLOAD_H

#include "bind/args.h"
#include "bind/sim/state.h"

/*
** Fill s->sources, s->profiles and s->expected from the table at `index`; raises what is wrong with
** it. What was read before that is in *s, which frees it.
*/
void orc_bind_read_sources(lua_State *L, orc_sim *s, int index, uint64_t seed);

/* The field `key`, a time in s >= 0; INFINITY when absent. */
double orc_bind_seconds_or_never(lua_State *L, int index, const char *what, const char *key);

#endif
