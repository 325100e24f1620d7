/*
** table.h - reads the policies of one simulation from the tables that define them in Lua.
*/
#ifndef ORC_BIND_POLICY_TABLE_H
#define ORC_BIND_POLICY_TABLE_H

#include "bind/policy/policies.h"

/* How many there will be. */
typedef struct orc_policy_room {
  int replicas, pools;
} orc_policy_room;

/*
** Read spec.batching, .router, .admission, .autoscalers, .eviction and .engine of the table at
** `index`. Raises when a policy is not one. Done gives the references back.
*/
void orc_policies_init(orc_lua_policies *p, lua_State *L, int index, orc_policy_room room,
                       orc_watchdog *watch);
void orc_policies_done(orc_lua_policies *p);

/* The knobs in the table at `index` are other ones from now on: policies see them in e. */
void orc_policies_retune(const orc_lua_policies *p, int index);

/*
** Read the policies of the table at `index` in place of those of before. Raises when one is none,
** and then nothing has changed. *old gets those of before: hand it to orc_policies_keep when the
** engine took the new ones, else to orc_policies_revert.
**   anew   policies (1 << kind, added) whose tables start empty; the others keep what they have
*/
void orc_policies_swap(orc_lua_policies *p, int index, unsigned anew, orc_lua_policies *old);
void orc_policies_keep(const orc_lua_policies *p, const orc_lua_policies *old);
void orc_policies_revert(orc_lua_policies *p, const orc_lua_policies *old);

#endif
