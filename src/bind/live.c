/*
** live.c - a paused simulation as Lua sees it: going on by a moment, looking at queues, memory and
** single requests, results so far, other knobs and policies. lua/oracle/live gives it its face.
** Times are whole nanoseconds here, so that a replay stops exactly where the first run did.
*/
#include "serve/live.h"

#include <lauxlib.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bind/hist.h"
#include "bind/sim.h"

static void put_integer(lua_State *L, const char *key, int64_t value)
{
  lua_pushinteger(L, (lua_Integer)value);
  lua_setfield(L, -2, key);
}

/* Times that did not happen are absent. */
static void put_time(lua_State *L, const char *key, orc_time value)
{
  if (value < 0) return;
  lua_pushinteger(L, (lua_Integer)value);
  lua_setfield(L, -2, key);
}

static void put_text(lua_State *L, const char *key, const char *value)
{
  lua_pushstring(L, value);
  lua_setfield(L, -2, key);
}

/* ---- going on ---- */

static orc_time end_of(const orc_sim *s)
{
  return isfinite(s->duration) ? orc_time_of(s->duration) : ORC_NEVER;
}

static bool over(const orc_sim *s)
{
  return orc_live_over(s->cluster) || s->cluster->engine.now >= end_of(s);
}

/* The time at `index` or never, no later than the end of the simulation. */
static orc_time limit(lua_State *L, int index, const orc_sim *s)
{
  const orc_time until = (orc_time)luaL_optinteger(L, index, ORC_NEVER);
  return until < end_of(s) ? until : end_of(s);
}

/* What to do when the watch wants attention: true when the user does. Else progress is shown, by
 *the
 ** function at stack index 4; its errors would be ours, so there are none. */
static bool attend(lua_State *L, orc_sim *s)
{
  s->watch.pause = 0;
  s->cluster->interrupted = false;
  if (orc_watch_interrupted()) {
    orc_watch_forgive();
    return true;
  }
  if (!lua_isfunction(L, 4)) return false;
  const double f = orc_bind_sim_fraction(s);
  lua_pushvalue(L, 4);
  if (f >= 0.0)
    lua_pushnumber(L, f);
  else
    lua_pushnil(L);
  lua_pushinteger(L, orc_live_now(s->cluster));
  if (lua_pcall(L, 2, 0, 0) != LUA_OK) lua_pop(L, 1);
  return false;
}

typedef enum outcome { REACHED, MET, INTERRUPTED, FAILED, RAISED } outcome;

static outcome go_on(lua_State *L, orc_sim *s, orc_time until, orc_error *e)
{
  for (;;) {
    if (!orc_cluster_run(s->cluster, until, e)) return FAILED;
    if (!s->cluster->interrupted) return REACHED;
    if (attend(L, s)) return orc_live_settle(s->cluster, e) ? INTERRUPTED : FAILED;
  }
}

/* Ask the function at stack index 3, with the hook of before: Ctrl-C must end it too. RAISED: its
** error is on the stack. */
static outcome ask(lua_State *L, orc_sim *s)
{
  lua_sethook(L, s->watch.hook, s->watch.mask, s->watch.count);
  lua_pushvalue(L, 3);
  const int status = lua_pcall(L, 0, 1, 0);
  lua_sethook(L, NULL, 0, 0);
  if (status != LUA_OK) return RAISED;
  const bool met = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return met ? MET : REACHED;
}

/* One moment after the other, until the predicate says so. */
static outcome go_on_asking(lua_State *L, orc_sim *s, orc_time until, orc_error *e)
{
  for (;;) {
    const outcome answer = ask(L, s);
    if (answer != REACHED) return answer;
    const orc_instant moment = orc_live_instant(s->cluster, until, e);
    if (moment == ORC_INSTANT_FAILED) return FAILED;
    if (moment != ORC_INSTANT_MOVED) return REACHED;
    if (s->watch.pause && attend(L, s)) return INTERRUPTED;
  }
}

/*
** s:advance([until [, predicate [, progress]]]) -> "reached" (the time, or the end), "met" (the
** predicate, a function asked after every moment with events) or "interrupted" (Ctrl-C; it can go
** on). Raises what went wrong in a policy, after which it cannot.
*/
static int advance(lua_State *L)
{
  static const char *const names[] = { "reached", "met", "interrupted" };
  orc_sim *s = orc_bind_idle_sim(L);
  const orc_time until = limit(L, 2, s);
  lua_settop(L, 4);
  orc_error e = { 0 };
  orc_bind_begin(s, L);
  const outcome how = lua_isfunction(L, 3) ? go_on_asking(L, s, until, &e) : go_on(L, s, until, &e);
  orc_bind_end(s);
  if (how == RAISED) lua_error(L);
  if (how == FAILED) {
    s->failed = true;
    orc_bind_raise(L, &e);
  }
  lua_pushstring(L, names[how]);
  return 1;
}

/* s:step() -> true when a step has ended; false: the end came first, or Ctrl-C */
static int step(lua_State *L)
{
  orc_sim *s = orc_bind_idle_sim(L);
  const uint64_t before = orc_live_steps(s->cluster);
  orc_error e = { 0 };
  orc_instant moment = ORC_INSTANT_MOVED;
  lua_settop(L, 4);
  lua_pushnil(L);
  lua_replace(L, 4); /* no progress to show */
  orc_bind_begin(s, L);
  while (moment == ORC_INSTANT_MOVED && orc_live_steps(s->cluster) == before) {
    moment = orc_live_instant(s->cluster, end_of(s), &e);
    if (s->watch.pause && attend(L, s)) break;
  }
  orc_bind_end(s);
  if (moment == ORC_INSTANT_FAILED) {
    s->failed = true;
    orc_bind_raise(L, &e);
  }
  lua_pushboolean(L, orc_live_steps(s->cluster) > before);
  return 1;
}

/* ---- looking ---- */

/* s:status() -> what the whole cluster is doing */
static int status(lua_State *L)
{
  const orc_sim *s = orc_bind_open_sim(L);
  const orc_cluster *c = s->cluster;
  lua_createtable(L, 0, 8);
  put_integer(L, "now", orc_live_now(c));
  put_integer(L, "steps", (int64_t)orc_live_steps(c));
  put_integer(L, "events", (int64_t)c->engine.executed);
  put_integer(L, "arrived", (int64_t)c->requests.next_number);
  put_integer(L, "live", (int64_t)c->requests.live);
  put_integer(L, "oldest", (int64_t)c->requests.oldest + 1);
  put_integer(L, "replicas", c->replica_count);
  put_integer(L, "homeless", c->fleet.homeless_count);
  lua_pushboolean(L, over(s));
  lua_setfield(L, -2, "over");
  lua_pushboolean(L, s->failed);
  lua_setfield(L, -2, "failed");
  return 1;
}

/* s:now() -> ns */
static int now(lua_State *L)
{
  lua_pushinteger(L, orc_live_now(orc_bind_open_sim(L)->cluster));
  return 1;
}

/* s:queue() -> requests that wait, in all replicas or for one */
static int queue(lua_State *L)
{
  const orc_cluster *c = orc_bind_open_sim(L)->cluster;
  lua_Integer n = c->fleet.homeless_count;
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

/* The replica whose number, from 1, is at `index`. */
static const orc_replica *replica_at(lua_State *L, const orc_cluster *c, int index)
{
  const lua_Integer i = luaL_checkinteger(L, index);
  luaL_argcheck(L, i >= 1 && i <= c->replica_count, index, "no such replica");
  return &c->replicas[i - 1];
}

static void push_kv(lua_State *L, const orc_kv *kv)
{
  lua_createtable(L, 0, 6);
  put_integer(L, "total", kv->total);
  put_integer(L, "used", orc_kv_used(kv));
  put_integer(L, "free", kv->free);
  put_integer(L, "cached", kv->idle);
  put_integer(L, "block_size", kv->block_size);
  put_integer(L, "evictions", (int64_t)kv->evictions);
}

/* Push the steps that run now: one, or one per lane of a pipeline. */
static void push_steps(lua_State *L, const orc_replica *r)
{
  lua_newtable(L);
  lua_Integer n = 0;
  for (int i = 0; i < r->lane_count; i++) {
    const orc_lane *lane = &r->lanes[i];
    if (!lane->busy) continue;
    lua_createtable(L, 0, 4);
    put_integer(L, "tokens", lane->batch.tokens);
    put_integer(L, "decodes", lane->batch.decodes ? lane->decode.n : 0);
    put_integer(L, "prompts", lane->batch.chunk_count);
    put_time(L, "end", lane->end);
    lua_rawseti(L, -2, ++n);
  }
}

/* s:replica(i) -> what it is doing, as a table; `steps` are the running ones */
static int replica(lua_State *L)
{
  const orc_sim *s = orc_bind_open_sim(L);
  const orc_replica *r = replica_at(L, s->cluster, 2);
  int64_t decoding = 0, context = 0;
  for (int i = 0; i < r->lane_count; i++) {
    decoding += r->lanes[i].decode.n;
    context += r->lanes[i].decode.context;
  }
  static const char *const phases[] = { "ready", "off", "starting", "draining", "failed" };
  lua_createtable(L, 0, 12);
  put_text(L, "phase", phases[s->cluster->fleet.units[r->index].phase]);
  put_integer(L, "queue", r->queue.count);
  put_integer(L, "running", r->running);
  put_integer(L, "decoding", decoding);
  put_integer(L, "context", context);
  put_integer(L, "ended", (int64_t)orc_live_steps_of(r));
  put_integer(L, "policy_calls", (int64_t)r->usage.policy_calls);
  put_integer(L, "preemptions", (int64_t)r->usage.preemptions);
  put_integer(L, "recomputed_tokens", (int64_t)r->usage.recomputed_tokens);
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
    lua_rawgeti(L, LUA_REGISTRYINDEX, s->policies.routing);
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
  static const char *const states[] = { "free", "waiting", "prefill", "decode", "done" };
  const orc_sim *s = orc_bind_open_sim(L);
  const orc_cluster *c = s->cluster;
  const orc_slot slot = orc_requests_find(&c->requests, number(L));
  if (slot == ORC_NO_SLOT) return 0;
  const orc_request *q = &c->requests.at[slot];
  int32_t steps = 0;
  if (q->state == ORC_DECODE)
    steps = orc_decode_generated(&c->replicas[q->replica].lanes[q->lane].decode, q) - q->generated;
  lua_createtable(L, 0, 16);
  put_text(L, "status", states[q->state]);
  if (q->replica != ORC_NO_REPLICA) put_integer(L, "replica", q->replica + 1);
  put_integer(L, "prompt", q->in.prompt);
  put_integer(L, "max_output", q->in.max_output);
  put_integer(L, "output", q->generated + steps);
  put_integer(L, "computed", q->computed + steps);
  put_integer(L, "cached", q->cached);
  put_integer(L, "preemptions", q->preemptions);
  put_integer(L, "priority", q->in.priority);
  put_integer(L, "client", q->in.client);
  put_integer(L, "session", (int64_t)q->in.session);
  put_text(L, "profile", s->profiles[q->in.profile]);
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
    put_text(L, "what", orc_change_name((orc_change)entry->what));
    put_time(L, "time", entry->time);
    if (entry->replica != ORC_NO_REPLICA) put_integer(L, "replica", entry->replica + 1);
    put_integer(L, "amount", entry->amount);
    put_integer(L, "of", entry->of);
    if (entry->what == ORC_CHANGE_ENDED)
      put_text(L, "status", orc_status_name((orc_status)entry->detail));
    lua_rawseti(L, -2, i);
  }
  lua_pushboolean(L, orc_life_overflowed(s->life));
  return 2;
}

/* ---- results so far ---- */

/* What closing the books of a replica writes to. */
typedef struct books {
  orc_metrics *metrics;
  orc_pipe_stage *stages;
  orc_usage usage;
  orc_time counted;
} books;

/* Copies of the books take the place of the real ones, so that closing them does no harm. */
static books *lay_aside(orc_cluster *c)
{
  books *kept = orc_alloc((size_t)c->replica_count, sizeof *kept);
  for (int i = 0; i < c->replica_count; i++) {
    orc_replica *r = &c->replicas[i];
    const size_t stages = (size_t)r->pipeline.count;
    kept[i] = (books){ r->metrics, r->pipeline.stages, r->usage, r->counted };
    r->metrics = orc_alloc((size_t)c->profile_count, sizeof *r->metrics);
    for (int p = 0; p < c->profile_count; p++)
      orc_metrics_merge(&r->metrics[p], &kept[i].metrics[p]);
    r->pipeline.stages = orc_alloc(stages, sizeof *r->pipeline.stages);
    memcpy(r->pipeline.stages, kept[i].stages, stages * sizeof *r->pipeline.stages);
  }
  return kept;
}

static void put_back(orc_cluster *c, books *kept)
{
  for (int i = 0; i < c->replica_count; i++) {
    orc_replica *r = &c->replicas[i];
    for (int p = 0; p < c->profile_count; p++)
      orc_metrics_done(&r->metrics[p]);
    free(r->metrics);
    free(r->pipeline.stages);
    r->metrics = kept[i].metrics;
    r->pipeline.stages = kept[i].stages;
    r->usage = kept[i].usage;
    r->counted = kept[i].counted;
  }
  free(kept);
}

static int push_so_far(lua_State *L)
{
  orc_sim *s = lua_touserdata(L, 1);
  const bool whole = over(s) && !s->failed;
  orc_time end = orc_live_now(s->cluster);
  if (whole && isfinite(s->duration)) end = end_of(s);
  orc_bind_push_result(L, s, whole, end);
  return 1;
}

/* s:so_far() -> raw results up to now; the simulation can go on */
static int so_far(lua_State *L)
{
  orc_sim *s = orc_bind_open_sim(L);
  lua_settop(L, 1);
  lua_pushcfunction(L, push_so_far);
  lua_pushlightuserdata(L, s);
  books *kept = lay_aside(s->cluster);
  const int failed = lua_pcall(L, 1, 1, 0); /* out of memory in Lua must not leave the copies */
  put_back(s->cluster, kept);
  if (failed != LUA_OK) lua_error(L);
  return 1;
}

/* ---- changing ---- */

/* 0 where it is absent */
static int32_t knob(lua_State *L, int index, const char *key, int64_t most)
{
  const int64_t value = orc_bind_integer_or(L, index, "engine", key, 0);
  if (value < 0 || value > most) orc_bind_fail(L, "engine.%s: out of range", key);
  return (int32_t)value;
}

/* s:retune(engine): the knobs in this table take effect, in all replicas; of those that can */
static int retune(lua_State *L)
{
  orc_sim *s = orc_bind_idle_sim(L);
  luaL_checktype(L, 2, LUA_TTABLE);
  orc_live_knobs k = { .max_num_seqs = knob(L, 2, "max_num_seqs", 1 << 20),
                       .max_num_batched_tokens = knob(L, 2, "max_num_batched_tokens", 1 << 30),
                       .max_model_len = knob(L, 2, "max_model_len", 1 << 30) };
  k.chunked = lua_getfield(L, 2, "enable_chunked_prefill") == LUA_TBOOLEAN;
  k.enable_chunked_prefill = lua_toboolean(L, -1);
  orc_error e = { 0 };
  if (!orc_live_retune(s->cluster, &k, &e)) orc_bind_raise(L, &e);
  return 0;
}

/*
** s:swap(spec [, key]): the policies of `spec` take over. key, "batching", "router" or "admission":
** this one is another policy, whose tables start empty and, for batching, who gives requests in
** flight their places in the queue; without it all are new versions that go on from what they kept.
*/
static int swap(lua_State *L)
{
  static const char *const keys[] = { "none", "batching", "router", "admission", NULL };
  static const unsigned bits[] = { 0, ORC_POLICY_BATCHING, ORC_POLICY_ROUTER,
                                   ORC_POLICY_ADMISSION };
  orc_sim *s = orc_bind_idle_sim(L);
  orc_cluster *c = s->cluster;
  luaL_checktype(L, 2, LUA_TTABLE);
  const unsigned anew = bits[luaL_checkoption(L, 3, "none", keys)];
  orc_lua_policies old;
  orc_policies_swap(&s->policies, 2, anew, &old);
  orc_error e = { 0 };
  bool good = (old.autoscaler.scale == NULL) == (s->policies.autoscaler.scale == NULL);
  if (!good) orc_fail(&e, "autoscaler: it cannot come or go while it runs");
  orc_bind_begin(s, L);
  good = good && orc_live_rebatch(c, &s->policies.batching, (anew & ORC_POLICY_BATCHING) != 0, &e);
  orc_bind_end(s);
  if (!good) {
    orc_policies_revert(&s->policies, &old);
    orc_bind_raise(L, &e);
  }
  orc_policies_keep(&s->policies, &old);
  c->router = s->policies.router;
  c->admission = s->policies.admission;
  c->fleet.is.autoscaler = s->policies.autoscaler;
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, 1, 1); /* names live as long as the spec */
  return 0;
}

/* s:until([seconds]): when it ends; nil: when all requests have ended */
static int until(lua_State *L)
{
  orc_sim *s = orc_bind_idle_sim(L);
  const double duration = luaL_optnumber(L, 2, INFINITY);
  luaL_argcheck(L, duration >= (double)s->cluster->engine.now * 1e-9, 2, "a time to come expected");
  s->duration = duration;
  return 0;
}

void orc_bind_live(lua_State *L)
{
  static const luaL_Reg methods[] = {
    { "advance", advance }, { "step", step },         { "status", status },
    { "now", now },         { "queue", queue },       { "running", running },
    { "memory", memory },   { "fraction", fraction }, { "replica", replica },
    { "state", state },     { "request", request },   { "life", life },
    { "so_far", so_far },   { "retune", retune },     { "swap", swap },
    { "until", until },     { NULL, NULL },
  };
  luaL_setfuncs(L, methods, 0);
}
