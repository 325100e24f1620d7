/*
** spec_listed.h - a workload told request by request: requests = { { time = ns, output =,
** max_output =, priority =, parts = { { name of a text, tokens }, ... } or prompt = tokens unlike any other, stops = a
** token that is not foreseen ends it, turns =, input =, think = ns
** }, ... } in order of time; all but time, output and the prompt may be absent.
*/
#ifndef ORC_BIND_SIM_SPEC_LISTED_H
#define ORC_BIND_SIM_SPEC_LISTED_H

#include "bind/args.h"
#include "bind/sim/state.h"

/* One more source of *s, from the field `requests` of the table at `index`; raises what is wrong. */
void orc_bind_read_listed(lua_State *L, orc_sim *s, int index);

#endif
