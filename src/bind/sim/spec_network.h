/*
** spec_network.h - where a simulation's replicas are, and what its result says about it.
*/
#ifndef ORC_BIND_SIM_SPEC_NETWORK_H
#define ORC_BIND_SIM_SPEC_NETWORK_H

#include "bind/args.h"
#include "cluster/config.h"
#include "cluster/state.h"

/*
** Read level of detail and network from the spec at `index` into *config; there is room for so many
** replicas:
**   lod       "medium", "high" or "auto" (the default)
**   levels    list of such, one per replica, in place of lod; may be absent
**   network   a topology (net.h); may be absent, and then so is
**   devices   list of names of its devices, replica by replica, stage by stage, rank by rank
** What config then points at lies in a userdata that is pushed: it must stay on the stack until the
** cluster is made. Raises what is wrong.
*/
void orc_bind_spec_network(lua_State *L, int index, int replicas, orc_cluster_config *config);

/* Add to the table on top of the stack: shared_links, the names of links several senders use. */
void orc_bind_put_shared(lua_State *L, const orc_cluster *c);

#endif
