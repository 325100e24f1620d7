/*
** policy.h - policies written in Lua behind the function pointers of serve/policy.h.
*/
#ifndef ORC_BIND_POLICY_H
#define ORC_BIND_POLICY_H

#include "base/rng.h"
#include "bind/bind.h"
#include "bind/scaler.h"
#include "bind/sight.h"
#include "bind/watch.h"
#include "serve/cluster.h"
#include "serve/policy.h"

/*
** The policies of one simulation, tables with functions (lua/oracle/policy.lua says which):
**   batching    step(b, e, s), order(r, e, s), ended(r, e, s)
**   router      route(c, r, s), decode(c, r, s)
**   admission   admit(c, r, s)
**   autoscaler  scale(c, s)
**   eviction    grade(r, s)
** What a policy defines is asked once, here; Lua is never called for the rest. `b`, `c` and `r` are
** userdata made once and valid only inside a call; `e` the engine's knobs; `s` a table that is the
** policy's to keep, one per replica for batching, with the policy's `params` in s.params.
*/
typedef struct orc_lua_policies {
  lua_State *L;
  struct orc_asking *asking;
  orc_watch *watch;
  orc_cluster *of; /* set once the cluster exists */
  orc_batching batching;
  orc_router router;
  orc_admission admission;
  orc_eviction eviction;
  int step, order, ended; /* references of the functions; LUA_NOREF where not defined */
  int route, decode, admit, grade;
  int *batch, *state;         /* [replicas] references: the batch userdata and the state of each */
  int params, routing_params; /* references: params of batching and of the router */
  int knobs;                  /* reference: e */
  int request, cluster;       /* references: r and c */
  int routing, admitting, grading; /* references: the s of each */
  int replicas, pools;             /* there is room for */
  orc_lua_scaler *scalers;         /* [pools] */
  orc_sight sight;                 /* what router and admission see, during the call */
  char where[96];                  /* " (file:line)" of step, or "" */
  orc_rng chance[2];               /* draws of admission, of eviction */
} orc_lua_policies;

/* How many there will be. */
typedef struct orc_policy_room {
  int replicas, pools;
} orc_policy_room;

/*
** Read spec.batching, .router, .admission, .autoscalers and .engine of the table at `index`. Raises
** when a policy is not one. Done gives the references back.
*/
void orc_policies_init(orc_lua_policies *p, lua_State *L, int index, orc_policy_room room,
                       orc_watch *watch);
void orc_policies_done(orc_lua_policies *p);

/* Which policies. */
enum { ORC_POLICY_BATCHING = 1, ORC_POLICY_ROUTER = 2, ORC_POLICY_ADMISSION = 4 };

/*
** Read the policies of the table at `index` in place of those of before. Raises when one is none,
** and then nothing has changed. *old gets those of before: hand it to orc_policies_keep when the
** engine took the new ones, else to orc_policies_revert.
**   anew   policies (ORC_POLICY_...) whose tables start empty; the others keep what they have
*/
void orc_policies_swap(orc_lua_policies *p, int index, unsigned anew, orc_lua_policies *old);
void orc_policies_keep(const orc_lua_policies *p, const orc_lua_policies *old);
void orc_policies_revert(orc_lua_policies *p, const orc_lua_policies *old);

/* Push a number drawn from `g`: in [0, 1), or whole from 1 to the argument at `index`, or between
 * the two there. Returns 1. */
int orc_policies_draw(lua_State *L, orc_rng *g, int index);

/* random([m [, n]]): math.random of a policy, from the stream of whoever is being asked. A
 * lua_CFunction; raises outside a call of a policy. */
int orc_policies_random(lua_State *L);

/* No policy is being asked in this state: once, before the first simulation. */
void orc_policies_none(lua_State *L);

/*
** Who is being asked in a Lua state, its coroutines included: for as long as a policy runs, verbs
** and math.random find here what they work on.
*/
typedef struct orc_asking {
  orc_rng *chance;  /* draws of the policy; NULL: none is being asked */
  orc_batch *batch; /* it is asked to form this one; NULL: it is asked something else */
  const void *box;  /* the userdata that stands for the batch */
} orc_asking;

/* The one of a state in which orc_policies_none was called. Inline because every verb begins so. */
static inline orc_asking *orc_policies_asking(lua_State *L)
{
  return *(orc_asking **)lua_getextraspace(L);
}

/* Metatables of what policies see: "oracle.batch" (batch.c), "oracle.request", "oracle.cluster". */
int orc_bind_batch(lua_State *L);
int orc_bind_view(lua_State *L);

/* Point the userdata at `index` (a box made by lua_newuserdatauv of one pointer) at something. */
static inline void orc_box_set(lua_State *L, int index, void *what)
{
  *(void **)lua_touserdata(L, index) = what;
}

#endif
