/*
** own_cost.h - a cost model written in Lua, as the engine asks it (orc_own_cost in cost/step.h).
** For the table
**   { name =, step = f, add = f, decode = f, items = { gemm = f, attention = f, lm_head = f,
**     other = f, collective = f, exchange = f, overhead = f }, about = { model =, ... } }
** each function optional. f(shape, parts, about) gives the seconds of a step, of an item, or what is
** added to the items; decode(n, about) the cost of steps in which n sequences decode: base and slope
** (s, s per token of context), or a list of { base, slope, from = context }. The tables `shape`
** (orc_step_shape) and `parts` (orc_step_time, the roofline's) are filled anew for each call;
** about.stage and about.group tell which stage is asked for and how its ranks are joined.
** docs/costs.md has it for users.
*/
#ifndef ORC_BIND_COST_OWN_COST_H
#define ORC_BIND_COST_OWN_COST_H

#include "bind/policy/policies.h"
#include "cost/step.h"

/*
** Make one of the table at `index` and push the userdata that holds it, which must stay while
** anything asks it. Raises what is wrong with the table.
**   policies   of the simulation that will ask; NULL: it is asked outside of one, in L
*/
const orc_own_cost *orc_bind_own_cost(lua_State *L, int index, orc_lua_policies *policies);

/* Raise what went wrong in a model that was asked outside of a simulation. */
void orc_bind_own_cost_check(lua_State *L, const orc_own_cost *own);

/* asked() -> how often the models of this Lua state were called, and the s of wall time that took. A
** lua_CFunction. */
int orc_bind_own_cost_asked(lua_State *L);

/* Make its metatable; once for a Lua state. */
void orc_bind_own_cost_open(lua_State *L);

#endif
