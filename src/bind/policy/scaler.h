/*
** scaler.h - autoscalers written in Lua: one for each pool that has one.
*/
#ifndef ORC_BIND_POLICY_SCALER_H
#define ORC_BIND_POLICY_SCALER_H

#include "bind/policy/policies.h"

/*
** Read spec.autoscalers of the table at `index`, a list with a policy or false for each pool, into
** `count` scalers; raises when one is none. Those read before keep their tables and draws.
**   before   NULL: there are none
*/
orc_lua_scaler *orc_scalers_read(orc_lua_policies *p, lua_State *L, int index, int count,
                                 const orc_lua_scaler *before);

/* Put the params into the tables anew. */
void orc_scalers_give(lua_State *L, const orc_lua_scaler *s, int count);

/* Tables that start empty for those read just now. */
void orc_scalers_forget(lua_State *L, orc_lua_scaler *s, int count);

/* Give back the functions, and unless `other` has them too the tables. */
void orc_scalers_free(lua_State *L, orc_lua_scaler *s, int count, const orc_lua_scaler *other);

/* What the engine asks; all zeroes where the pool does not change. */
orc_autoscaler orc_scaler_of(orc_lua_scaler *s);

#endif
