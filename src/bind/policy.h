/*
** policy.h - policies written in Lua behind the function pointers of serve/policy.h.
*/
#ifndef ORC_BIND_POLICY_H
#define ORC_BIND_POLICY_H

#include "bind/bind.h"
#include "bind/watch.h"
#include "serve/cluster.h"
#include "serve/policy.h"

/*
** A batching policy table { name =, step = f(b, e, s), order = f(r, e), every_step =, clairvoyant =
*}
** and a router table { name =, route = f(c, r, s) } of one simulation. What a policy defines is
*asked
** once, here; Lua is never called for the rest. `b`, `c` are userdata made once and valid only
*inside
** a call; `e` the engine's knobs; `s` a table per replica (router: one) that is the policy's to
*keep.
*/
typedef struct orc_lua_policies {
  lua_State *L;
  orc_watch *watch;
  orc_batching batching;
  orc_router router;
  int step, order, route; /* references of the functions; LUA_NOREF where not defined */
  int *batch, *state;     /* [replicas] references: the batch userdata and the state of each */
  int knobs;              /* reference: e */
  int request;            /* reference: the userdata of the request being looked at */
  int cluster, memory;    /* references: c, and the router's s */
  int replicas;
} orc_lua_policies;

/*
** Read spec.batching, spec.router and spec.engine of the table at `index`. Raises when a policy is
*not
** one. Done gives the references back.
*/
void orc_policies_init(orc_lua_policies *p, lua_State *L, int index, int replicas,
                       orc_watch *watch);
void orc_policies_done(orc_lua_policies *p);

/*
** Read spec.batching and spec.router of the table at `index` in place of those of before; what each
** replica's policy keeps stays. Raises when one is no policy, and then nothing has changed. *old
*gets
** the functions of before: hand it to orc_policies_keep when the engine took the new ones, else to
** orc_policies_revert.
*/
void orc_policies_swap(orc_lua_policies *p, int index, orc_lua_policies *old);
void orc_policies_keep(orc_lua_policies *old);
void orc_policies_revert(orc_lua_policies *p, const orc_lua_policies *old);

/* Metatables of what policies see: "oracle.batch" (batch.c), "oracle.request", "oracle.cluster". */
int orc_bind_batch(lua_State *L);
int orc_bind_view(lua_State *L);

/* Point the userdata at `index` (a box made by lua_newuserdatauv of one pointer) at something. */
static inline void orc_box_set(lua_State *L, int index, void *what)
{
  *(void **)lua_touserdata(L, index) = what;
}

#endif
