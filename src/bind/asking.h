/*
** asking.h - who is being asked in a Lua state: what verbs and math.random of a policy work on.
*/
#ifndef ORC_BIND_ASKING_H
#define ORC_BIND_ASKING_H

#include <lua.h>

#include "base/rng.h"
#include "serve/batch.h"

/* One for a Lua state, its coroutines included. */
typedef struct orc_asking {
  orc_rng *chance;  /* draws of the policy; NULL: none is being asked */
  orc_batch *batch; /* it is asked to form this one; NULL: it is asked something else */
  const void *box;  /* the userdata that stands for the batch */
} orc_asking;

/* Make it, with no policy being asked: once per Lua state, before the first simulation. */
void orc_asking_init(lua_State *L);

/* The one of a state in which it was made. */
orc_asking *orc_asking_find(lua_State *L);

/* Push the userdata that holds it: an upvalue is found faster than the registry. */
void orc_asking_push(lua_State *L);

/* Push a number drawn from `g`: in [0, 1), or whole from 1 to the argument at `index`, or between
** the two there. Returns 1. */
int orc_asking_draw(lua_State *L, orc_rng *g, int index);

/* random([m [, n]]): math.random of a policy. A lua_CFunction; raises outside a call of a policy.
 */
int orc_asking_random(lua_State *L);

/* c:random([n]): the same as a method, with the object at index 1. */
int orc_asking_method(lua_State *L);

#endif
