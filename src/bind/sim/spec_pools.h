/*
** spec_pools.h - what a simulation's replicas are made of, from plain Lua tables.
*/
#ifndef ORC_BIND_SIM_SPEC_POOLS_H
#define ORC_BIND_SIM_SPEC_POOLS_H

#include "bind/args.h"
#include "bind/policy/policies.h"
#include "cluster/config.h"
#include "cluster/state.h"

/* Of the table at `index`, the fields model, hardware, layout and cost (bind/cost/cost.h), checked
** and prepared. */
void orc_bind_read_step_cost(lua_State *L, int index, orc_step_cost *cost);

enum { ORC_REPLICAS_MOST = 65535 }; /* there may be room for */

/*
** The pools of the spec at `index`: its field `pools`, a list, or the spec itself as the only one.
** Each has the fields above, `engine` (spec_knobs.h) and
**   replicas   ready at the start
**   role       "all", "prefill" or "decode"; prefill replicas hand over to decode replicas over
**              config->topology, layer by layer where spec.layerwise says so
**   group      so many in a row start, stop and fail together; 1
**   lockstep   those of a group share their experts
**   stages     { hardware, ... } of the pipeline stages; all as `hardware`
**   own_cost   a cost model of the user's (bind/cost/own_cost.h); none
**   scaling    { interval =, cold_start = s, least =, most = groups }; it does not change
** What they point at stays on the stack, until the cluster is made.
*/
typedef struct orc_bind_pools {
  orc_pool_config *at;
  int count, room; /* pools; replicas there must be room for in all */
  bool decode;     /* some only decode */
} orc_bind_pools;

/* policies: of the simulation; keep: of a table that holds what must live as long as that. */
orc_bind_pools orc_bind_read_pools(lua_State *L, int index, orc_lua_policies *policies, int keep);

/* Add to the table on top: kv_transfers = { count, bytes, seconds from first tokens to arrivals, in
 * all }. */
void orc_bind_put_kv_transfers(lua_State *L, const orc_cluster *c);

#endif
