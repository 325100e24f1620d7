/*
** policies.h - the policies of one simulation, written in Lua: what they define, what they keep.
*/
#ifndef ORC_BIND_POLICY_POLICIES_H
#define ORC_BIND_POLICY_POLICIES_H

#include "base/rng.h"
#include "bind/args.h"
#include "bind/policy/call_context.h"
#include "bind/policy/cluster_scope.h"
#include "bind/policy/handle.h"
#include "bind/policy/watchdog.h"
#include "cluster/state.h"
#include "replica/scheduler.h"

/* The autoscaler of one pool. */
typedef struct orc_lua_scaler {
  struct orc_lua_policies *of;
  const char *name;
  int scale;               /* reference; LUA_NOREF: this pool does not change */
  int params;              /* reference: what the scenario set */
  int state;               /* reference: the policy's own table */
  orc_rng rng;             /* its draws */
  orc_cluster_scope scope; /* the pool it is asked about, during the call */
} orc_lua_scaler;

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

#endif
