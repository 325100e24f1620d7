/*
** cluster.h - the verbs of a cluster, `c` of routers, admission policies and autoscalers.
*/
#ifndef ORC_BIND_POLICY_CLUSTER_H
#define ORC_BIND_POLICY_CLUSTER_H

#include <lua.h>

/* Make the metatable "oracle.cluster"; leaves the stack as it was. */
void orc_policy_cluster_open(lua_State *L);

#endif
