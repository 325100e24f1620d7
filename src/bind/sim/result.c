/* result.c - what a simulation measured, as tables (see lua/oracle/result/summary.lua). */
#include "bind/sim/result.h"

#include <lauxlib.h>

#include "bind/hist.h"
#include "bind/put.h"
#include "bind/sim/attribution.h"
#include "bind/sim/excerpt.h"
#include "bind/sim/shapes.h"
#include "bind/sim/spec_network.h"
#include "bind/sim/spec_output.h"
#include "bind/sim/spec_pools.h"
#include "cluster/phases.h"
#include "cluster/snapshot.h"
#include "cluster/window.h"
#include "replica/usage.h"

/* Lua takes the histogram over: it is large, and its maker needs it no more. */
static void put_hist(lua_State *L, const char *key, orc_hist *from)
{
  *orc_bind_new_hist(L) = *from;
  *from = (orc_hist){ 0 };
  lua_setfield(L, -2, key);
}

/* What the prefix cache did, under "prefix" of the table on top. */
static void put_prefix(lua_State *L, orc_metrics *m)
{
  uint64_t probed = 0;
  lua_createtable(L, 0, 8);
  lua_createtable(L, 0, ORC_PREFIX_EVENTS);
  for (int i = ORC_PREFIX_NONE + 1; i < ORC_PREFIX_EVENTS; i++) {
    orc_bind_put_count(L, orc_prefix_event_name((orc_prefix_event)i), m->prefix_events[i]);
    probed += m->prefix_events[i];
  }
  lua_setfield(L, -2, "events");
  orc_bind_put_count(L, "probed", probed);
  orc_bind_put_count(L, "follow_ups", m->follow_ups);
  orc_bind_put_count(L, "cached_blocks", m->cached_blocks);
  orc_bind_put_count(L, "prompt_blocks", m->prompt_blocks);
  put_hist(L, "ttft_hit", &m->ttft_hit);
  put_hist(L, "ttft_miss", &m->ttft_miss);
  lua_setfield(L, -2, "prefix");
}

/* Push what the metrics and the gaps between tokens say as one table; takes their histograms over.
 */
static void push_metrics(lua_State *L, orc_metrics *m, orc_hist *gaps)
{
  lua_createtable(L, 0, 6);
  lua_createtable(L, 0, 7);
  orc_bind_put_count(L, "total", m->total);
  orc_bind_put_count(L, "successful", m->by_status[ORC_SUCCESS]);
  orc_bind_put_count(L, "failed", m->by_status[ORC_FAILED]);
  orc_bind_put_count(L, "rejected", m->by_status[ORC_REJECTED]);
  orc_bind_put_count(L, "timed_out", m->by_status[ORC_TIMEOUT]);
  orc_bind_put_count(L, "cancelled", m->by_status[ORC_CANCELLED]);
  orc_bind_put_count(L, "pending", m->by_status[ORC_PENDING]);
  orc_bind_put_count(L, "streamed", m->streamed);
  lua_setfield(L, -2, "requests");
  lua_createtable(L, 0, 4);
  orc_bind_put_count(L, "prompt", m->prompt_tokens);
  orc_bind_put_count(L, "output", m->output_tokens);
  orc_bind_put_count(L, "cached", m->cached_tokens);
  orc_bind_put_count(L, "prefilled", m->prefilled_tokens);
  lua_setfield(L, -2, "tokens");
  lua_createtable(L, 0, 4);
  orc_bind_put_count(L, "successful", m->window.successful);
  orc_bind_put_count(L, "goodput", m->window.good);
  orc_bind_put_count(L, "prompt", m->window.prompt_tokens);
  orc_bind_put_count(L, "output", m->window.output_tokens);
  lua_setfield(L, -2, "window");
  put_prefix(L, m);
  lua_createtable(L, 0, 5);
  put_hist(L, "ttft", &m->ttft);
  put_hist(L, "tpot", &m->tpot);
  if (gaps != NULL) put_hist(L, "itl", gaps);
  put_hist(L, "e2e", &m->e2e);
  put_hist(L, "queue", &m->queue);
  lua_setfield(L, -2, "latency");
}

/* The only part of a whole says what the whole says: the table at `whole` again, not a copy of it.
 */
static void push_only(lua_State *L, int whole)
{
  static const char *const keys[] = { "requests", "tokens", "window", "latency", "prefix" };
  lua_createtable(L, 0, 16);
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
    lua_getfield(L, whole, keys[i]);
    lua_setfield(L, -2, keys[i]);
  }
}

/* What each tier below the prefix cache did, under "tiers" of the table on top. */
static void put_tiers(lua_State *L, const orc_kv_tiers *t)
{
  lua_createtable(L, t->count, 0);
  for (int i = 0; i < t->count; i++) {
    lua_createtable(L, 0, 2);
    orc_bind_put_count(L, "hits", t->at[i].hits);
    orc_bind_put_count(L, "evictions", t->at[i].evictions);
    lua_rawseti(L, -2, i + 1);
  }
  lua_setfield(L, -2, "tiers");
}

/* The metrics of a replica over all profiles, or of those that snapshot.h names instead. */
static void gather(const orc_snapshot *s, int replica, orc_metrics *all, orc_hist *gaps)
{
  for (int p = 0; p < s->of->profile_count; p++)
    orc_snapshot_metrics(s, replica, p, all);
  orc_snapshot_gaps(s, replica, gaps);
}

/* What the stages of a replica were busy with since the mark, under "stages", and what a GPU of each drew at work, under "joules"
** and "peak_watts" of the table on top. */
static void put_stages(lua_State *L, const orc_replica *r, const orc_window_mark *mark,
                       orc_time end)
{
  lua_createtable(L, r->pipeline.count, 0);
  for (int i = 0; i < r->pipeline.count; i++) {
    const orc_time before = mark == NULL ? 0 : mark->stages[i];
    lua_pushnumber(L, (double)(orc_usage_stage_until(r, i, end) - before) * 1e-9);
    lua_rawseti(L, -2, i + 1);
  }
  lua_setfield(L, -2, "stages");
  lua_createtable(L, r->pipeline.count, 0);
  for (int i = 0; i < r->pipeline.count; i++) {
    lua_pushnumber(L, orc_usage_energy_of(r, i).joules - (mark == NULL ? 0.0 : mark->joules[i]));
    lua_rawseti(L, -2, i + 1);
  }
  lua_setfield(L, -2, "joules");
  lua_createtable(L, r->pipeline.count, 0);
  for (int i = 0; i < r->pipeline.count; i++) {
    lua_pushnumber(L, orc_usage_energy_of(r, i).peak_watts);
    lua_rawseti(L, -2, i + 1);
  }
  lua_setfield(L, -2, "peak_watts");
}

/* Where the time of its steps went since the mark, in s of a GPU of each stage, all stages together, under "split" of the
** table on top. */
static void put_split(lua_State *L, const orc_replica *r, const orc_window_mark *mark)
{
  static const struct {
    const char *name;
    size_t offset;
  } items[] = {
    { "gemm", offsetof(orc_time_split, gemm) },
    { "attention", offsetof(orc_time_split, attention) },
    { "experts", offsetof(orc_time_split, experts) },
    { "lm_head", offsetof(orc_time_split, lm_head) },
    { "collective", offsetof(orc_time_split, collective) },
    { "exchange", offsetof(orc_time_split, exchange) },
    { "overhead", offsetof(orc_time_split, overhead) },
    { "transfer", offsetof(orc_time_split, transfer) },
    { "compute", offsetof(orc_time_split, compute) },
    { "memory", offsetof(orc_time_split, memory) },
  };
  double sum[sizeof items / sizeof *items] = { 0 };
  for (int i = 0; i < r->pipeline.count; i++) {
    const orc_time_split now = orc_usage_split_of(r, i);
    const orc_time_split from = mark == NULL ? (orc_time_split){ 0 } : mark->splits[i];
    for (size_t k = 0; k < sizeof items / sizeof *items; k++)
      sum[k] += *(const double *)((const char *)&now + items[k].offset) -
                *(const double *)((const char *)&from + items[k].offset);
  }
  lua_createtable(L, 0, sizeof items / sizeof *items);
  for (size_t k = 0; k < sizeof items / sizeof *items; k++)
    orc_bind_put_number(L, items[k].name, sum[k]);
  lua_setfield(L, -2, "split");
}

/* The metrics of a replica, as `gather` takes it, as one table. */
static void push_gathered(lua_State *L, const orc_snapshot *s, int replica)
{
  orc_metrics all = { 0 };
  orc_hist gaps = { 0 };
  gather(s, replica, &all, &gaps);
  push_metrics(L, &all, &gaps);
  orc_metrics_done(&all);
  orc_hist_done(&gaps);
}

/* Requests that no replica had: their metrics, or nil where there are none. */
static bool push_without_replica(lua_State *L, const orc_snapshot *s)
{
  uint64_t requests = 0;
  for (int p = 0; p < s->of->profile_count; p++) {
    orc_metrics m = { 0 };
    orc_snapshot_metrics(s, ORC_OF_NONE, p, &m);
    requests += m.total;
    orc_metrics_done(&m);
  }
  if (requests > 0)
    push_gathered(L, s, ORC_OF_NONE);
  else
    lua_pushnil(L);
  return requests > 0;
}

/* What a replica's books say of the window. */
static void put_usage(lua_State *L, const orc_snapshot *s, int index)
{
  const orc_replica *r = &s->of->replicas[index];
  const orc_window_mark *mark = orc_window_mark_of(s->of, index);
  const orc_window_mark from = mark == NULL ? (orc_window_mark){ 0 } : *mark;
  const orc_usage_cut used = orc_usage_until(r, s->end);
  const double total = (double)r->kv.total;
  const double elapsed = (double)(s->end - (mark == NULL ? 0 : s->of->warm_up)) * 1e-9;
  const double block_time = (double)(used.block_time - from.block_time) * 1e-9;
  orc_bind_put_number(L, "busy_s", (double)(used.busy - from.busy) * 1e-9);
  orc_bind_put_number(L, "rented_s",
                      orc_phases_rented(&s->of->lifecycle, index, s->end) - from.rented);
  orc_bind_put_number(L, "down_s", orc_phases_down(&s->of->lifecycle, index, s->end) - from.down);
  put_stages(L, r, mark, s->end);
  put_split(L, r, mark);
  orc_bind_put_number(L, "kv_peak", (double)r->usage.peak_blocks / total);
  orc_bind_put_number(L, "kv_mean", elapsed > 0.0 ? block_time / elapsed / total : 0.0);
  orc_bind_put_number(L, "kv_used", (double)orc_kv_used(&r->kv) / total); /* at the end */
  orc_bind_put_count(L, "evictions", r->kv.evictions - from.evictions);
}

/* The counters of speculative decoding, under their names in vLLM; nothing where there is none. */
static void put_drafting(lua_State *L, const orc_replica *r)
{
  const orc_drafting *d = &r->usage.drafting;
  const int positions = r->knobs.speculation.tokens;
  if (positions == 0) return;
  uint64_t accepted = 0;
  lua_createtable(L, 0, 4);
  orc_bind_put_count(L, "num_drafts", d->drafts);
  orc_bind_put_count(L, "num_draft_tokens", d->draft_tokens);
  lua_createtable(L, positions, 0);
  for (int i = 0; i < positions; i++) {
    accepted += d->accepted[i];
    lua_pushinteger(L, (lua_Integer)d->accepted[i]);
    lua_rawseti(L, -2, i + 1);
  }
  lua_setfield(L, -2, "num_accepted_tokens_per_pos");
  orc_bind_put_count(L, "num_accepted_tokens", accepted);
  lua_setfield(L, -2, "spec_decode");
}

/* How often LoRA adapters came to the GPU; nothing where none are served. */
static void put_lora(lua_State *L, const orc_replica *r)
{
  if (r->knobs.lora.adapters == 0) return;
  lua_createtable(L, 0, 3);
  orc_bind_put_count(L, "loads", r->loras.loads);
  orc_bind_put_count(L, "fetches", r->loras.fetches);
  orc_bind_put_number(L, "seconds", r->loras.seconds);
  lua_setfield(L, -2, "lora");
}

/* One replica: its own metrics over all profiles and what it was busy with.
**   whole   the table of the whole run where all of it is this replica's, else 0
**   brief   without the metrics */
static void push_replica(lua_State *L, const orc_snapshot *s, int index, int whole, bool brief)
{
  const orc_replica *r = &s->of->replicas[index];
  if (whole != 0)
    push_only(L, whole);
  else if (brief)
    lua_createtable(L, 0, 24);
  else
    push_gathered(L, s, index);
  orc_bind_put_count(L, "gpus", (uint64_t)orc_replica_devices(r));
  put_usage(L, s, index);
  orc_bind_put_count(L, "steps", r->usage.steps);
  lua_pushstring(L, r->high ? "high" : "medium");
  lua_setfield(L, -2, "lod");
  lua_pushboolean(L, r->shared && r->contended == NULL);
  lua_setfield(L, -2, "uncontended"); /* its links are others' too, and that was left out */
  orc_bind_put_count(L, "policy_calls", r->usage.policy_calls);
  orc_bind_put_count(L, "preemptions", r->usage.counted_preemptions);
  orc_bind_put_count(L, "prefix_cache_queries", r->usage.prefix.queries);
  orc_bind_put_count(L, "prefix_cache_hits", r->usage.prefix.hits);
  orc_bind_put_count(L, "preempted_queries", r->usage.prefix.preempted_queries);
  orc_bind_put_count(L, "preempted_hits", r->usage.prefix.preempted_hits);
  orc_bind_put_count(L, "recomputed_tokens", r->usage.recomputed_tokens);
  orc_bind_put_count(L, "swapped_blocks", r->usage.swapped_blocks);
  put_tiers(L, &r->tiers);
  put_drafting(L, r);
  put_lora(L, r);
}

/* What happened to units of replicas, under "scaling_events" and "failure_events" of the table on top:
** lists of { t = s, replica =, what = }. */
static void put_unit_events(lua_State *L, const orc_unit_log *log)
{
  lua_newtable(L);
  lua_newtable(L);
  lua_Integer count[2] = { 0, 0 };
  for (uint32_t i = 0; i < log->count; i++) {
    const orc_unit_event *e = &log->at[i];
    const bool failure = orc_unit_change_is_failure((orc_unit_change)e->what);
    lua_createtable(L, 0, 3);
    orc_bind_put_number(L, "t", (double)e->time / 1e9);
    orc_bind_put_integer(L, "replica", e->replica);
    orc_bind_put_text(L, "what", orc_unit_change_name((orc_unit_change)e->what));
    lua_rawseti(L, failure ? -2 : -3, ++count[failure]);
  }
  lua_setfield(L, -3, "failure_events");
  lua_setfield(L, -2, "scaling_events");
  orc_bind_put_count(L, "unit_events_left_out", log->left_out);
}

/* What the sources want said: a list of texts. */
static void push_notes(lua_State *L, const orc_cluster *c)
{
  lua_createtable(L, c->source_count, 0);
  int n = 0;
  for (int i = 0; i < c->source_count; i++) {
    if (c->sources[i].note == NULL || c->sources[i].note[0] == '\0') continue;
    lua_pushstring(L, c->sources[i].note);
    lua_rawseti(L, -2, ++n);
  }
}

static void push_profiles(lua_State *L, const orc_snapshot *s, char *const *names, int whole)
{
  const int count = s->of->profile_count;
  lua_createtable(L, count, 0);
  for (int p = 0; p < count; p++) {
    if (count == 1) {
      push_only(L, whole);
    } else {
      orc_metrics m = { 0 };
      orc_snapshot_metrics(s, ORC_OF_ALL, p, &m);
      push_metrics(L, &m, NULL);
      orc_metrics_done(&m);
    }
    lua_pushstring(L, names[p]);
    lua_setfield(L, -2, "name");
    lua_rawseti(L, -2, p + 1);
  }
}

static int collect(lua_State *L)
{
  orc_snapshot_done(lua_touserdata(L, 1));
  return 0;
}

/* A snapshot in a userdata, which stays on the stack: nothing is lost when Lua runs out of memory.
** */
static orc_snapshot *push_snapshot(lua_State *L, const orc_cluster *c, orc_time end)
{
  orc_snapshot *s = lua_newuserdatauv(L, sizeof *s, 0);
  *s = (orc_snapshot){ 0 };
  if (luaL_newmetatable(L, "oracle.snapshot")) {
    lua_pushcfunction(L, collect);
    lua_setfield(L, -2, "__gc");
  }
  lua_setmetatable(L, -2);
  *s = orc_snapshot_take(c, end);
  return s;
}

void orc_bind_push_result(lua_State *L, const orc_sim *sim, bool whole, orc_time end, orc_csv *csv)
{
  const orc_cluster *c = sim->cluster;
  orc_snapshot *s = push_snapshot(L, c, end);
  const int below = lua_gettop(L);
  orc_metrics all = { 0 };
  orc_hist gaps = { 0 };
  gather(s, ORC_OF_ALL, &all, &gaps);
  push_metrics(L, &all, &gaps);
  const int it = lua_gettop(L);
  orc_metrics_done(&all);
  orc_hist_done(&gaps);
  lua_pushboolean(L, whole);
  lua_setfield(L, -2, "complete");
  push_notes(L, c);
  lua_setfield(L, -2, "warnings");
  orc_bind_put_number(L, "now", (double)end / 1e9);
  const orc_demand demand = orc_window_demand(c, end);
  orc_bind_put_number(L, "offered", demand.offered);
  lua_pushboolean(L, demand.saturated);
  lua_setfield(L, -2, "saturated");
  orc_bind_put_count(L, "steps", orc_snapshot_steps(s));
  orc_bind_put_count(L, "events", c->engine.executed);
  orc_bind_put_shared(L, c);
  orc_bind_put_kv_transfers(L, c);
  const bool others = push_without_replica(L, s);
  lua_setfield(L, it, "without_replica");
  lua_createtable(L, c->replica_count, 0);
  for (int i = 0; i < c->replica_count; i++) {
    push_replica(L, s, i, c->replica_count == 1 && !others ? it : 0, sim->brief);
    lua_rawseti(L, -2, i + 1);
  }
  lua_setfield(L, -2, "replicas");
  lua_pushboolean(L, sim->brief);
  lua_setfield(L, -2, "brief");
  orc_bind_put_count(L, "failures", c->lifecycle.failures);
  put_unit_events(L, &c->lifecycle.log);
  orc_bind_push_shapes(L, c);
  lua_setfield(L, -2, "shapes");
  push_profiles(L, s, sim->profiles, it);
  lua_setfield(L, -2, "profiles");
  orc_bind_put_series(L, c, s->last, end);
  orc_snapshot_records(s, csv, sim->excerpt);
  if (!c->interrupted) orc_bind_put_attribution(L, sim);
  orc_bind_put_excerpt(L, sim);
  orc_snapshot_done(s);
  lua_remove(L, below);
}
