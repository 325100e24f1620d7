/*
** call_context.h - who is being asked in a Lua state: what verbs and math.random of a policy work on.
*/
#ifndef ORC_BIND_POLICY_CALL_CONTEXT_H
#define ORC_BIND_POLICY_CALL_CONTEXT_H

#include <lua.h>

#include "base/rng.h"
#include "replica/batch.h"

/* One for a Lua state, its coroutines included. */
typedef struct orc_call_context {
  orc_rng *rng;       /* draws of the policy; NULL: none is being asked */
  orc_batch *batch;   /* it is asked to form this one; NULL: it is asked something else */
  const void *handle; /* the userdata that stands for the batch */
} orc_call_context;

/* Make it, with no policy being asked: once per Lua state, before the first simulation. */
void orc_call_context_init(lua_State *L);

/* The one of a state in which it was made. */
orc_call_context *orc_call_context_find(lua_State *L);

/* Push the userdata that holds it: an upvalue is found faster than the registry. */
void orc_call_context_push(lua_State *L);

/* Push a number drawn from `g`: in [0, 1), or whole from 1 to the argument at `index`, or between
** the two there. Returns 1. */
int orc_call_context_draw(lua_State *L, orc_rng *g, int index);

/* random([m [, n]]): math.random of a policy. A lua_CFunction; raises outside a call of a policy.
 */
int orc_call_context_random(lua_State *L);

/* c:random([n]): the same as a method, with the object at index 1. */
int orc_call_context_method(lua_State *L);

#endif
