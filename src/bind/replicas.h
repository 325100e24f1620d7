/*
** replicas.h - what a simulation's replicas are made of, from plain Lua tables.
*/
#ifndef ORC_BIND_REPLICAS_H
#define ORC_BIND_REPLICAS_H

#include "bind/bind.h"
#include "serve/cluster.h"

/* The field `engine` of the table at `index`: knobs under vLLM's names. Raises what is wrong. */
orc_engine_knobs orc_bind_read_knobs(lua_State *L, int index);

/* Its fields model, hardware, layout and cost (bind/cost.h), checked and prepared. */
void orc_bind_read_step_cost(lua_State *L, int index, orc_step_cost *cost);

/*
** spec.lockstep, so many replicas in a row that step together, and the spec's pools, a list of {
*replicas =, role = "all"|"prefill"|"decode", stages = { hardware,
*... }
** or nil, and the fields above }; without it all replicas are as the spec itself says. Prefill
*replicas
** hand over to decode replicas over config->topology; spec.layerwise: layer by layer. What config
*then
** points at lies on the stack until the cluster is made.
*/
void orc_bind_read_pools(lua_State *L, int index, orc_cluster_config *config);

/* Add to the table on top: handovers = { count, bytes, seconds from first tokens to arrivals, in
 * all }. */
void orc_bind_put_handovers(lua_State *L, const orc_cluster *c);

#endif
