#include "bind/sim/attribution.h"

#include <lauxlib.h>
#include <stdlib.h>

#include "bind/args.h"
#include "bind/error.h"
#include "bind/put.h"
#include "replica/attribution.h"

/* ---- reading ---- */

static void read_percentiles(lua_State *L, orc_sim *s)
{
  const int n = (int)lua_rawlen(L, -1);
  s->latencies = orc_alloc(1, sizeof *s->latencies);
  s->percentiles = orc_alloc((size_t)n, sizeof *s->percentiles);
  s->percentile_count = n;
  for (int i = 0; i < n; i++) {
    lua_rawgeti(L, -1, i + 1);
    s->percentiles[i] = lua_tonumber(L, -1);
    lua_pop(L, 1);
    if (!(s->percentiles[i] > 0.0 && s->percentiles[i] <= 100.0))
      orc_bind_fail(L, "latencies[%d]: a percentile above 0, at most 100, expected", i + 1);
  }
}

static void read_numbers(lua_State *L, orc_sim *s)
{
  const int n = (int)lua_rawlen(L, -1);
  s->wanted = orc_alloc((size_t)n, sizeof *s->wanted);
  for (int i = 0; i < n; i++) {
    lua_rawgeti(L, -1, i + 1);
    s->wanted[i] = (uint64_t)lua_tointeger(L, -1);
    lua_pop(L, 1);
    if (i > 0 && s->wanted[i] <= s->wanted[i - 1])
      orc_bind_fail(L, "attribution: numbers of requests expected, each above the one before");
  }
  s->attribution = orc_attribution_new(s->wanted, (uint64_t)n);
}

void orc_bind_spec_attribution(lua_State *L, orc_sim *s, int index, orc_cluster_config *config)
{
  if (lua_getfield(L, index, "latencies") == LUA_TTABLE) read_percentiles(L, s);
  lua_pop(L, 1);
  if (lua_getfield(L, index, "attribution") == LUA_TTABLE) read_numbers(L, s);
  lua_pop(L, 1);
  config->latencies = s->latencies;
  config->attribution = s->attribution;
}

void orc_bind_attribution_done(orc_sim *s)
{
  if (s->latencies != NULL) orc_latencies_done(s->latencies);
  free(s->latencies);
  free(s->percentiles);
  orc_attribution_free(s->attribution);
  free(s->wanted);
}

/* ---- results ---- */

static void put_list(lua_State *L, const char *key, const orc_sim *s, orc_latency_list *list)
{
  lua_createtable(L, s->percentile_count, 0);
  for (int i = 0; list->count > 0 && i < s->percentile_count; i++) {
    const orc_latency *at = orc_latencies_at(list, s->percentiles[i]);
    lua_createtable(L, 0, 3);
    orc_bind_put_number(L, "p", s->percentiles[i]);
    orc_bind_put_count(L, "number", at->number);
    orc_bind_put_integer(L, "ns", at->time);
    lua_rawseti(L, -2, i + 1);
  }
  lua_setfield(L, -2, key);
}

/* `at` and `by` of delays, as fields of the table on top. */
static void put_delays(lua_State *L, const orc_delays *d)
{
  lua_createtable(L, 0, ORC_DELAYS);
  for (int i = 0; i < ORC_DELAYS; i++)
    if (d->at[i] != 0) orc_bind_put_integer(L, orc_delay_name((orc_delay)i), d->at[i]);
  lua_setfield(L, -2, "at");
  lua_createtable(L, 0, ORC_BINDINGS);
  for (int i = 0; i < ORC_BINDINGS; i++)
    if (d->by[i] != 0) orc_bind_put_integer(L, orc_binding_name((orc_binding)i), d->by[i]);
  lua_setfield(L, -2, "by");
}

static void put_mean(lua_State *L, const char *key, const orc_delay_sums *s)
{
  const double count = s->count > 0 ? (double)s->count : 1.0;
  lua_createtable(L, 0, 3);
  orc_bind_put_count(L, "count", s->count);
  lua_createtable(L, 0, ORC_DELAYS);
  for (int i = 0; i < ORC_DELAYS; i++)
    if (s->at[i] != 0.0) orc_bind_put_number(L, orc_delay_name((orc_delay)i), s->at[i] / count);
  lua_setfield(L, -2, "at");
  lua_createtable(L, 0, ORC_BINDINGS);
  for (int i = 0; i < ORC_BINDINGS; i++)
    if (s->by[i] != 0.0) orc_bind_put_number(L, orc_binding_name((orc_binding)i), s->by[i] / count);
  lua_setfield(L, -2, "by");
  lua_setfield(L, -2, key);
}

static void put_one(lua_State *L, const char *key, const orc_delays *d, orc_time ns)
{
  if (ns < 0) return;
  lua_createtable(L, 0, 3);
  orc_bind_put_integer(L, "ns", ns);
  put_delays(L, d);
  lua_setfield(L, -2, key);
}

static void push_end(lua_State *L, const orc_attributed_end *e)
{
  const orc_record *r = &e->record;
  lua_createtable(L, 0, 12);
  orc_bind_put_count(L, "number", r->number);
  orc_bind_put_number(L, "arrival", 1e-9 * (double)r->arrival);
  orc_bind_put_text(L, "status", orc_status_name((orc_status)r->status));
  orc_bind_put_integer(L, "prompt", r->prompt);
  orc_bind_put_integer(L, "output", r->output);
  orc_bind_put_integer(L, "cached", r->cached);
  orc_bind_put_integer(L, "preemptions", r->preemptions);
  if (r->replica != ORC_NO_REPLICA) orc_bind_put_integer(L, "replica", r->replica);
  put_one(L, "ttft", &e->ttft, orc_record_ttft(r));
  put_one(L, "e2e", &e->e2e, orc_record_e2e(r));
}

/* "terms", "resources": all there are, in order. */
static void put_names(lua_State *L)
{
  lua_createtable(L, ORC_DELAYS, 0);
  for (int i = 0; i < ORC_DELAYS; i++) {
    lua_pushstring(L, orc_delay_name((orc_delay)i));
    lua_rawseti(L, -2, i + 1);
  }
  lua_setfield(L, -2, "terms");
  lua_createtable(L, ORC_BINDINGS, 0);
  for (int i = 0; i < ORC_BINDINGS; i++) {
    lua_pushstring(L, orc_binding_name((orc_binding)i));
    lua_rawseti(L, -2, i + 1);
  }
  lua_setfield(L, -2, "resources");
}

void orc_bind_put_attribution(lua_State *L, const orc_sim *s)
{
  if (s->latencies != NULL) {
    lua_createtable(L, 0, 2);
    put_list(L, "ttft", s, &s->latencies->ttft);
    put_list(L, "e2e", s, &s->latencies->e2e);
    lua_setfield(L, -2, "latencies");
  }
  const orc_attribution *a = s->attribution;
  if (a == NULL) return;
  lua_createtable(L, 0, 6);
  orc_bind_put_count(L, "wrong", a->wrong);
  put_names(L);
  put_mean(L, "ttft", &a->ttft);
  put_mean(L, "e2e", &a->e2e);
  lua_createtable(L, (int)a->end_count, 0);
  for (uint64_t i = 0; i < a->end_count; i++) {
    push_end(L, &a->ends[i]);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  lua_setfield(L, -2, "requests");
  lua_setfield(L, -2, "attribution");
}
