/*
** spec_knobs.h - the rows of replica/knobs.h for Lua, and knobs read from a plain table.
*/
#ifndef ORC_BIND_SIM_SPEC_KNOBS_H
#define ORC_BIND_SIM_SPEC_KNOBS_H

#include "bind/args.h"
#include "replica/knobs.h"

/*
** sim.knobs() -> the rows as oracle.scenario.schema takes fields: a list of { name, type =, giver =
** "engine", "scenario" or "plan", min =, max =, default =, dimension =, values =, fixed =, needs =,
** doc = }, where type is "count", "number", "boolean" or "choice", and what a row lacks is nil.
*/
int orc_bind_knobs(lua_State *L);

/* The field `engine` of the table at `index`, with kv_tiers in it. Raises "engine.<knob>: <what is
** expected>" where a value is wrong, or absent and without a default. */
orc_engine_knobs orc_bind_read_knobs(lua_State *L, int index);

/* Into *k the knobs that the table at `index` holds, which may change while a simulation runs:
** their rows, as bits. Others raise, as wrong values do. */
uint64_t orc_bind_read_changes(lua_State *L, int index, orc_engine_knobs *k);

#endif
