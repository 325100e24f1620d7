/*
** spec_output.h - what a simulation shows while it runs: time series for its result, a log on
** stderr.
*/
#ifndef ORC_BIND_SIM_SPEC_OUTPUT_H
#define ORC_BIND_SIM_SPEC_OUTPUT_H

#include <lua.h>

#include "bind/sim/state.h"

/*
** Read from the spec at `index` what is to be observed: series_interval (s, > 0),
** samples (kept at most; see orc_series), log (true:
** every step and every change of a request on stderr) and schedule (true: the schedule is kept, for
** sim:schedule(); in place of the log). Fills the config; raises what is wrong.
*/
void orc_bind_spec_output(lua_State *L, orc_sim *s, int index, orc_cluster_config *config);

/*
** Set "series" of the table on top: { interval =, time = { s, ... }, arrived =, ended = requests so far, ready =
** replicas that take requests, replicas = { { gpu_busy =, kv_usage =, waiting =, running = lists }, ... } }; nothing
** without a series.
**   last   [replicas] one more sample, at `end` (ns); NULL: there is none
*/
void orc_bind_put_series(lua_State *L, const orc_cluster *c, const orc_sample *last, orc_time end);

#endif
