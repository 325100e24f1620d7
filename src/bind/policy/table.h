/*
** table.h - the policies of one simulation, written in Lua: what they define, what they keep.
*/
#ifndef ORC_BIND_POLICY_TABLE_H
#define ORC_BIND_POLICY_TABLE_H

#include "base/rng.h"
#include "bind/bind.h"
#include "bind/policy/call_context.h"
#include "bind/policy/cluster_scope.h"
#include "bind/policy/handle.h"
#include "bind/policy/scaler.h"
#include "bind/policy/watchdog.h"
#include "cluster/state.h"
#include "replica/scheduler.h"

/* Which policy; 1 << kind where several are meant. */
typedef enum orc_policy_kind {
  ORC_POLICY_BATCHING,
  ORC_POLICY_ROUTER,
  ORC_POLICY_ADMISSION,
  ORC_POLICY_AUTOSCALER,
  ORC_POLICY_EVICTION,
  ORC_POLICY_KINDS
} orc_policy_kind;

/*
** Tables with functions (lua/oracle/policy.lua says which):
**   batching    step(b, e, s), order(r, e, s), ended(r, e, s)
**   router      route(c, r, s), decode(c, r, s)
**   admission   admit(c, r, s)
**   autoscaler  scale(c, s)
**   eviction    grade(r, s)
** What a policy defines is asked once, here; Lua is never called for the rest. `b`, `c` and `r` are
** userdata valid only inside a call; `e` the engine's knobs, which a policy can only read; `s` a
** table that is the policy's to keep, one per replica for batching, with a copy of the policy's
** `params` in s.params.
*/
typedef struct orc_lua_policies {
  lua_State *L;
  orc_call_context *context;
  orc_watchdog *watch;
  orc_cluster *of; /* set once the cluster exists */
  orc_batching batching;
  orc_router router;
  orc_admission admission;
  orc_eviction eviction;
  int step, order, ended; /* references of the functions; LUA_NOREF where not defined */
  int route, decode, admit, grade;
  int params[ORC_POLICY_KINDS]; /* references: what the scenario set; not of autoscalers */
  int memory[ORC_POLICY_KINDS]; /* references: the s of each; not of batching and autoscalers */
  int *state;                   /* [replicas] references: the s of batching */
  int knobs, knob_values;       /* references: e, and the table it shows */
  orc_handles batches, requests, clusters;
  int replicas, pools;     /* there is room for */
  orc_lua_scaler *scalers; /* [pools] */
  orc_cluster_scope scope; /* what router and admission see, during the call */
  char where[96];          /* " (file:line)" of step, or "" */
  orc_rng rng[2];          /* draws of admission, of eviction */
} orc_lua_policies;

/* How many there will be. */
typedef struct orc_policy_room {
  int replicas, pools;
} orc_policy_room;

/*
** Read spec.batching, .router, .admission, .autoscalers, .eviction and .engine of the table at
** `index`. Raises when a policy is not one. Done gives the references back.
*/
void orc_policies_init(orc_lua_policies *p, lua_State *L, int index, orc_policy_room room,
                       orc_watchdog *watch);
void orc_policies_done(orc_lua_policies *p);

/* The knobs in the table at `index` are other ones from now on: policies see them in e. */
void orc_policies_retune(const orc_lua_policies *p, int index);

/*
** Read the policies of the table at `index` in place of those of before. Raises when one is none,
** and then nothing has changed. *old gets those of before: hand it to orc_policies_keep when the
** engine took the new ones, else to orc_policies_revert.
**   anew   policies (1 << kind, added) whose tables start empty; the others keep what they have
*/
void orc_policies_swap(orc_lua_policies *p, int index, unsigned anew, orc_lua_policies *old);
void orc_policies_keep(const orc_lua_policies *p, const orc_lua_policies *old);
void orc_policies_revert(orc_lua_policies *p, const orc_lua_policies *old);

#endif
