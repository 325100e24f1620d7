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
  bool certain;       /* it is asked what has one answer: math.random is refused */
  orc_rng *chance;    /* otherwise what Lua's own math.random draws from; NULL: as Lua does */
} orc_call_context;

/* Make it, with no policy being asked, and Lua's math.random and math.randomseed go by it: once per Lua state, before the
** first simulation. */
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

/* chance([true or stream]) -> the stream or nil: what math.random draws from where no policy is asked is from now on a new
** stream, the same each time, or one that was before; nil: as Lua does. A lua_CFunction. */
int orc_call_context_chance(lua_State *L);

/* c:random([n]): the same as a method, with the object at index 1. */
int orc_call_context_method(lua_State *L);

#endif
