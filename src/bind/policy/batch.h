/*
** batch.h - the verbs of a batch, `b` of a batching policy.
*/
#ifndef ORC_BIND_POLICY_BATCH_H
#define ORC_BIND_POLICY_BATCH_H

#include <lua.h>

/* Make the metatable "oracle.batch"; leaves the stack as it was. The state has its call context. */
void orc_policy_batch_open(lua_State *L);

#endif
