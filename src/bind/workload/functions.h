/*
** functions.h - what functions of a scenario give in place of distributions and of a rate:
**   prompt(rng, i, t) -> tokens
**   output(rng, i, t, prompt) -> tokens
**   input(rng, i, t) -> tokens, which stands in `conversation`
**   lengths(rng, i, t) -> tokens of the prompt, and of the output
**   rate(t) -> requests/s, at most rate_max
** with rng the request's own stream (chance.h), i its number and t its arrival in s (synthetic.h).
*/
#ifndef ORC_BIND_WORKLOAD_FUNCTIONS_H
#define ORC_BIND_WORKLOAD_FUNCTIONS_H

#include "bind/policy/policies.h"
#include "workload/synthetic.h"

/*
** Read those of the source in the table at `index` into *given, which owns what it needs; untouched where there
** is none. Raises what is wrong with them.
**   p      of the simulation: who is called, and watched; may be filled in later
**   name   of the workload, for messages; outlives the source
*/
void orc_bind_functions(lua_State *L, int index, orc_lua_policies *p, const char *name,
                        orc_given *given);

/* Whether the field `key` is a function. */
bool orc_bind_is_function(lua_State *L, int index, const char *key);

#endif
