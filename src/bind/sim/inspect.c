/*
** inspect.c - what Lua sees of a paused simulation: the whole, a replica, a request and its life,
** results so far. Nothing here changes it. Times are whole nanoseconds.
*/
#include "bind/sim/inspect.h"

#include <lauxlib.h>
#include <math.h>

#include "bind/put.h"
#include "bind/sim/result.h"
#include "bind/sim/state.h"
#include "cluster/control.h"
#include "cluster/phases.h"

static bool over(const orc_sim *s)
{
  return orc_control_over(s->cluster) || s->cluster->engine.now >= orc_bind_sim_end(s);
}

/* Times that did not happen are absent. */
static void put_time(lua_State *L, const char *key, orc_time value)
{
  if (value < 0) return;
  lua_pushinteger(L, (lua_Integer)value);
  lua_setfield(L, -2, key);
}

/* s:status() -> what the whole cluster is doing */
static int status(lua_State *L)
{
  const orc_sim *s = orc_bind_open_sim(L);
  const orc_cluster *c = s->cluster;
  lua_createtable(L, 0, 8);
  orc_bind_put_integer(L, "now", orc_control_now(c));
  orc_bind_put_integer(L, "steps", (int64_t)orc_control_steps(c));
  orc_bind_put_integer(L, "events", (int64_t)c->engine.executed);
  orc_bind_put_integer(L, "arrived", (int64_t)c->requests.next_number);
  orc_bind_put_number(L, "stream_interval", c->stream_interval);
  orc_bind_put_integer(L, "live", (int64_t)c->requests.live);
  orc_bind_put_integer(L, "oldest", (int64_t)c->requests.oldest + 1);
  orc_bind_put_integer(L, "replicas", c->replica_count);
  orc_bind_put_integer(L, "unrouted", c->lifecycle.unrouted_count);
  lua_pushboolean(L, over(s));
  lua_setfield(L, -2, "over");
  lua_pushboolean(L, s->failed);
  lua_setfield(L, -2, "failed");
  return 1;
}

/* s:now() -> ns */
static int now(lua_State *L)
{
  lua_pushinteger(L, orc_control_now(orc_bind_open_sim(L)->cluster));
  return 1;
}

/* s:queue() -> requests that wait, in all replicas or for one */
static int queue(lua_State *L)
{
  const orc_cluster *c = orc_bind_open_sim(L)->cluster;
  lua_Integer n = c->lifecycle.unrouted_count;
  for (int i = 0; i < c->replica_count; i++)
    n += c->replicas[i].queue.count;
  lua_pushinteger(L, n);
  return 1;
}

/* s:running() -> requests that run, in all replicas */
static int running(lua_State *L)
{
  const orc_cluster *c = orc_bind_open_sim(L)->cluster;
  lua_Integer n = 0;
  for (int i = 0; i < c->replica_count; i++)
    n += c->replicas[i].running;
  lua_pushinteger(L, n);
  return 1;
}

/* s:memory() -> KV blocks that requests hold, of how many; in all replicas */
static int memory(lua_State *L)
{
  const orc_cluster *c = orc_bind_open_sim(L)->cluster;
  lua_Integer used = 0, total = 0;
  for (int i = 0; i < c->replica_count; i++) {
    used += orc_kv_used(&c->replicas[i].kv);
    total += c->replicas[i].kv.total;
  }
  lua_pushinteger(L, used);
  lua_pushinteger(L, total);
  return 2;
}

/* s:fraction() -> how far it is, 0 .. 1, or nil */
static int fraction(lua_State *L)
{
  const double f = orc_bind_sim_fraction(orc_bind_open_sim(L));
  if (f < 0.0) return 0;
  lua_pushnumber(L, f);
  return 1;
}

/* The replica whose number, from 0, is at `index`. */
static const orc_replica *replica_at(lua_State *L, const orc_cluster *c, int index)
{
  const lua_Integer i = luaL_checkinteger(L, index);
  luaL_argcheck(L, i >= 0 && i < c->replica_count, index, "no such replica");
  return &c->replicas[i];
}

static void push_kv(lua_State *L, const orc_kv *kv)
{
  lua_createtable(L, 0, 6);
  orc_bind_put_integer(L, "total", kv->total);
  orc_bind_put_integer(L, "used", orc_kv_used(kv));
  orc_bind_put_integer(L, "free", kv->free);
  orc_bind_put_integer(L, "cached", kv->idle);
  orc_bind_put_integer(L, "block_size", kv->block_size);
  orc_bind_put_integer(L, "evictions", (int64_t)kv->evictions);
}

static void push_step(lua_State *L, const orc_flight *step)
{
  lua_createtable(L, 0, 4);
  orc_bind_put_integer(L, "tokens", step->tokens);
  orc_bind_put_integer(L, "decodes", step->decodes);
  orc_bind_put_integer(L, "prompts", step->prompts);
  put_time(L, "end", step->end);
}

/* Push the steps that run now: one, one per microbatch of a pipeline, or those in flight. */
static void push_steps(lua_State *L, const orc_replica *r)
{
  lua_newtable(L);
  lua_Integer n = 0;
  if (r->flights > 0) {
    for (int i = 0; i < r->flights; i++) {
      push_step(L, &r->flight[i]);
      lua_rawseti(L, -2, ++n);
    }
    return;
  }
  for (int i = 0; i < r->microbatch_count; i++) {
    const orc_microbatch *microbatch = &r->microbatches[i];
    if (!microbatch->busy) continue;
    const orc_flight step = orc_flight_of(microbatch);
    push_step(L, &step);
    lua_rawseti(L, -2, ++n);
  }
}

/* s:replica(i) -> what it is doing, as a table; `steps` are the running ones */
static int replica(lua_State *L)
{
  const orc_sim *s = orc_bind_open_sim(L);
  const orc_replica *r = replica_at(L, s->cluster, 2);
  int64_t decoding = 0, context = 0;
  for (int i = 0; i < r->microbatch_count; i++) {
    decoding += r->microbatches[i].decode.n;
    context += r->microbatches[i].decode.context;
  }
  static const char *const phases[] = { "ready", "off", "starting", "draining", "failed" };
  lua_createtable(L, 0, 14);
  orc_bind_put_text(L, "phase", phases[s->cluster->lifecycle.units[r->index].phase]);
  orc_bind_put_integer(L, "pool", r->pool);
  orc_bind_put_bool(L, "first", orc_phases_first(s->cluster, r->index) == r->index);
  orc_bind_put_integer(L, "queue", r->queue.count);
  orc_bind_put_integer(L, "running", r->running);
  orc_bind_put_integer(L, "decoding", decoding);
  orc_bind_put_integer(L, "context", context);
  orc_bind_put_integer(L, "ended", (int64_t)orc_control_steps_of(r));
  orc_bind_put_integer(L, "policy_calls", (int64_t)r->usage.policy_calls);
  orc_bind_put_integer(L, "preemptions", (int64_t)r->usage.counted_preemptions);
  orc_bind_put_integer(L, "recomputed_tokens", (int64_t)r->usage.recomputed_tokens);
  push_kv(L, &r->kv);
  lua_setfield(L, -2, "kv");
  push_steps(L, r);
  lua_setfield(L, -2, "steps");
  return 1;
}

/* s:state(i) -> the table a replica's batching policy keeps; s:state(): the router's */
static int state(lua_State *L)
{
  const orc_sim *s = orc_bind_open_sim(L);
  if (lua_isnoneornil(L, 2)) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, s->policies.memory[ORC_POLICY_ROUTER]);
    return 1;
  }
  const orc_replica *r = replica_at(L, s->cluster, 2);
  lua_rawgeti(L, LUA_REGISTRYINDEX, s->policies.state[r->index]);
  return 1;
}

/* The number of the request whose id is at index 2. */
static uint64_t number(lua_State *L)
{
  const lua_Integer id = luaL_checkinteger(L, 2);
  luaL_argcheck(L, id >= 1, 2, "the number of a request, from 1, expected");
  return (uint64_t)id - 1;
}

/* s:request(id) -> a request in flight as a table, or nil */
static int request(lua_State *L)
{
  static const char *const states[] = { "free", "waiting", "prefill", "decode",
                                        "done", "moving",  "ending",  "loading" };
  const orc_sim *s = orc_bind_open_sim(L);
  const orc_cluster *c = s->cluster;
  const orc_slot slot = orc_requests_find(&c->requests, number(L));
  if (slot == ORC_NO_SLOT) return 0;
  const orc_request *q = &c->requests.at[slot];
  int32_t steps = 0;
  if (q->state == ORC_DECODE)
    steps =
        orc_decode_set_generated(&c->replicas[q->replica].microbatches[q->microbatch].decode, q) -
        q->generated;
  lua_createtable(L, 0, 16);
  orc_bind_put_text(L, "status", states[q->state]);
  if (q->replica != ORC_NO_REPLICA) orc_bind_put_integer(L, "replica", q->replica);
  orc_bind_put_integer(L, "prompt", q->in.prompt);
  orc_bind_put_integer(L, "max_output", q->in.max_output);
  orc_bind_put_integer(L, "output", q->generated + steps);
  orc_bind_put_integer(L, "computed", q->computed + steps);
  orc_bind_put_integer(L, "cached", q->cached);
  orc_bind_put_integer(L, "preemptions", q->preemptions);
  orc_bind_put_integer(L, "priority", q->in.priority);
  orc_bind_put_integer(L, "client", q->in.client);
  orc_bind_put_integer(L, "session", (int64_t)q->in.session);
  orc_bind_put_text(L, "profile", s->profiles[q->in.profile]);
  put_time(L, "arrival", q->in.time);
  put_time(L, "scheduled", q->scheduled);
  put_time(L, "first_token", q->first_token);
  return 1;
}

/* s:life(id) -> the changes of a request in order, as a list of tables; whether old ones of the run
** have been forgotten. Needs spec.life. */
static int life(lua_State *L)
{
  const orc_sim *s = orc_bind_open_sim(L);
  const uint64_t n = number(L);
  if (s->life == NULL) orc_bind_fail(L, "the lives of requests were not kept (spec.life)");
  lua_newtable(L);
  const orc_life_entry *entry;
  uint64_t at = 0;
  for (lua_Integer i = 1; (entry = orc_life_next(s->life, n, &at)) != NULL; i++) {
    lua_createtable(L, 0, 6);
    orc_bind_put_text(L, "what", orc_change_name((orc_change)entry->what));
    put_time(L, "time", entry->time);
    if (entry->replica != ORC_NO_REPLICA) orc_bind_put_integer(L, "replica", entry->replica);
    orc_bind_put_integer(L, "amount", entry->amount);
    orc_bind_put_integer(L, "of", entry->of);
    if (entry->what == ORC_CHANGE_ENDED)
      orc_bind_put_text(L, "status", orc_status_name((orc_status)entry->detail));
    lua_rawseti(L, -2, i);
  }
  lua_pushboolean(L, orc_life_overflowed(s->life));
  return 2;
}

/* ---- results so far ---- */

/* s:so_far() -> raw results up to now; the simulation can go on */
static int so_far(lua_State *L)
{
  const orc_sim *s = orc_bind_open_sim(L);
  const bool whole = over(s) && !s->failed;
  orc_time end = orc_control_now(s->cluster);
  if (whole && isfinite(s->duration)) end = orc_bind_sim_end(s);
  lua_settop(L, 1);
  orc_bind_push_result(L, s, whole, end, NULL);
  return 1;
}

void orc_bind_inspect(lua_State *L)
{
  static const luaL_Reg methods[] = {
    { "status", status },   { "now", now },       { "queue", queue },
    { "running", running }, { "memory", memory }, { "fraction", fraction },
    { "replica", replica }, { "state", state },   { "request", request },
    { "life", life },       { "so_far", so_far }, { NULL, NULL },
  };
  luaL_setfuncs(L, methods, 0);
}
