#include "bind/policy/callbacks.h"

#include <lauxlib.h>

#include "bind/policy/call.h"
#include "bind/policy/source_line.h"
#include "replica/batch.h"

bool orc_callback_step(void *self, orc_batch *b, orc_error *e)
{
  orc_lua_policies *p = self;
  lua_State *L = p->L;
  const int i = b->replica->index;
  orc_policy_push(L, p->step);
  const void *handle = orc_handles_next(L, &p->batches);
  lua_rawgeti(L, LUA_REGISTRYINDEX, p->knobs);
  lua_rawgeti(L, LUA_REGISTRYINDEX, p->state[i]);
  const int status = orc_policy_ask(
      p, 3, 0, (orc_call_context){ .rng = &b->replica->rng, .batch = b, .handle = handle });
  return status == LUA_OK || orc_policy_refuse(L, status, p->step, p->batching.name, e);
}

/* function(r, e, s) of the replica a request is on */
static int call_about(orc_lua_policies *p, int function, const orc_request *r, int results)
{
  lua_State *L = p->L;
  orc_policy_push(L, function);
  void **handle = orc_handles_push(L, &p->requests, r);
  lua_rawgeti(L, LUA_REGISTRYINDEX, p->knobs);
  lua_rawgeti(L, LUA_REGISTRYINDEX, p->state[r->replica]);
  const int status = orc_policy_call(p, 3, results, &p->of->replicas[r->replica].rng);
  *handle = NULL;
  return status;
}

bool orc_callback_order(void *self, const orc_request *r, double *key, orc_error *e)
{
  orc_lua_policies *p = self;
  const int status = call_about(p, p->order, r, 1);
  if (status != LUA_OK) return orc_policy_refuse(p->L, status, p->order, p->batching.name, e);
  int number = 0;
  *key = lua_tonumberx(p->L, -1, &number);
  lua_pop(p->L, 1);
  if (!number || *key != *key)
    return orc_policy_refuse_answer(p->L, p->order, p->batching.name, "order returned no number",
                                    e);
  return true;
}

bool orc_callback_ended(void *self, const orc_request *r, orc_status status, orc_error *e)
{
  orc_lua_policies *p = self;
  (void)status;
  const int done = call_about(p, p->ended, r, 0);
  return done == LUA_OK || orc_policy_refuse(p->L, done, p->ended, p->batching.name, e);
}

/* function(c, r, s) about an arrival */
static int call_at_arrival(orc_lua_policies *p, int function, orc_policy_kind kind,
                           const orc_cluster *c, const orc_request *r)
{
  lua_State *L = p->L;
  orc_policy_push(L, function);
  p->scope = (orc_cluster_scope){ .cluster = c, .request = r };
  void **cluster = orc_handles_push(L, &p->clusters, &p->scope);
  void **request = orc_handles_push(L, &p->requests, r);
  lua_rawgeti(L, LUA_REGISTRYINDEX, p->memory[kind]);
  const int status =
      orc_policy_call(p, 3, 1, kind == ORC_POLICY_ROUTER ? &p->of->routing : &p->rng[0]);
  *cluster = *request = NULL;
  return status;
}

bool orc_callback_route(void *self, const orc_cluster *c, const orc_request *r, int *replica,
                        orc_error *e)
{
  orc_lua_policies *p = self;
  lua_State *L = p->L;
  const int status = call_at_arrival(p, p->route, ORC_POLICY_ROUTER, c, r);
  if (status != LUA_OK) return orc_policy_refuse(L, status, p->route, p->router.name, e);
  int whole = 0;
  const lua_Integer choice = lua_tointegerx(L, -1, &whole);
  lua_pop(L, 1);
  const int most = c->lifecycle.ready_count + c->lifecycle.decode_count;
  if (!whole || choice < 1 || choice > most) {
    char where[ORC_SOURCE_LINE_SIZE];
    orc_policy_place(L, p->route, where, sizeof where);
    return orc_fail(e, "router \"%s\": a place from 1 to %d expected (%s)", p->router.name, most,
                    where);
  }
  *replica = (int)choice - 1;
  return true;
}

bool orc_callback_decode(void *self, const orc_cluster *c, const orc_request *r, int *replica,
                         orc_error *e)
{
  orc_lua_policies *p = self;
  lua_State *L = p->L;
  const int status = call_at_arrival(p, p->decode, ORC_POLICY_ROUTER, c, r);
  if (status != LUA_OK) return orc_policy_refuse(L, status, p->decode, p->router.name, e);
  int whole = 0;
  const lua_Integer choice = lua_tointegerx(L, -1, &whole);
  lua_pop(L, 1);
  const int first = c->lifecycle.ready_count + 1,
            last = c->lifecycle.ready_count + c->lifecycle.decode_count;
  if (!whole || choice < first || choice > last) {
    char where[ORC_SOURCE_LINE_SIZE];
    orc_policy_place(L, p->decode, where, sizeof where);
    return orc_fail(e, "router \"%s\": decode: a place from %d to %d expected (%s)", p->router.name,
                    first, last, where);
  }
  *replica = (int)choice - 1;
  return true;
}

bool orc_callback_admit(void *self, const orc_cluster *c, const orc_request *r, bool *yes,
                        orc_error *e)
{
  orc_lua_policies *p = self;
  const int status = call_at_arrival(p, p->admit, ORC_POLICY_ADMISSION, c, r);
  if (status != LUA_OK) return orc_policy_refuse(p->L, status, p->admit, p->admission.name, e);
  const bool answered = lua_isboolean(p->L, -1);
  *yes = lua_toboolean(p->L, -1);
  lua_pop(p->L, 1);
  if (!answered)
    return orc_policy_refuse_answer(p->L, p->admit, p->admission.name,
                                    "admit returned neither true nor false", e);
  return true;
}

bool orc_callback_grade(void *self, const orc_request *r, int *out, orc_error *e)
{
  orc_lua_policies *p = self;
  lua_State *L = p->L;
  orc_policy_push(L, p->grade);
  void **handle = orc_handles_push(L, &p->requests, r);
  lua_rawgeti(L, LUA_REGISTRYINDEX, p->memory[ORC_POLICY_EVICTION]);
  const int status = orc_policy_call(p, 2, 1, &p->rng[1]);
  *handle = NULL;
  if (status != LUA_OK) return orc_policy_refuse(L, status, p->grade, p->eviction.name, e);
  int whole = 0;
  const lua_Integer n = lua_tointegerx(L, -1, &whole);
  lua_pop(L, 1);
  if (!whole || n < 0 || n >= ORC_PREFIX_GRADES) {
    char where[ORC_SOURCE_LINE_SIZE];
    orc_policy_place(L, p->grade, where, sizeof where);
    return orc_fail(e, "policy \"%s\": grade returned no whole number from 0 to %d (%s)",
                    p->eviction.name, ORC_PREFIX_GRADES - 1, where);
  }
  *out = (int)n;
  return true;
}
