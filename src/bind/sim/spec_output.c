#include "bind/sim/spec_output.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "cluster/sampler.h"

/* ---- the log ---- */

static void log_step(void *self, const orc_step_note *n)
{
  FILE *out = self;
  fprintf(out,
          "DEBUG t=%.9f s, replica %u, step %" PRIu64 ": %" PRId64 " decode, %" PRId64
          " prefill tokens of %" PRId64 " prompts",
          (double)n->start / 1e9, n->replica, n->number, n->decodes, n->prefill_tokens,
          n->prefill_seqs);
  if (n->end != ORC_NEVER)
    fprintf(out, ", %.6f ms, MFU %.1f %%, MBU %.1f %%", (double)(n->end - n->start) / 1e6,
            100.0 * n->mfu, 100.0 * n->mbu);
  putc('\n', out);
}

static void log_change(void *self, const orc_life_entry *e)
{
  FILE *out = self;
  fprintf(out, "DEBUG t=%.9f s, req_%" PRIu64 ": %s", (double)e->time / 1e9, e->number + 1,
          orc_change_name((orc_change)e->what));
  switch ((orc_change)e->what) {
  case ORC_CHANGE_ARRIVED:
    fprintf(out, ", %d prompt tokens, at most %d out", e->amount, e->of);
    break;
  case ORC_CHANGE_ADMITTED:
    fprintf(out, " on replica %u, %d of %d tokens in memory", e->replica, e->amount, e->of);
    break;
  case ORC_CHANGE_COMPUTED:
    fprintf(out, " %d tokens, %d in memory", e->amount, e->of);
    break;
  case ORC_CHANGE_PREEMPTED:
    fprintf(out, ", %d of %d tokens kept", e->amount, e->of);
    break;
  case ORC_CHANGE_ENDED:
    fprintf(out, " %s, %d output tokens", orc_status_name((orc_status)e->detail), e->amount);
    break;
  case ORC_CHANGE_TOKEN:
  case ORC_CHANGE_LOST:
  case ORC_CHANGES:
    break;
  }
  putc('\n', out);
}

/* ---- reading ---- */

void orc_bind_spec_output(lua_State *L, orc_sim *s, int index, orc_cluster_config *config)
{
  const double interval = orc_bind_number_or(L, index, "spec", "series_interval", 0.0);
  if (interval > 0.0) {
    const orc_time ns = orc_time_of(interval);
    config->sample_interval = ns > 0 ? ns : 1;
    config->samples = (uint64_t)orc_bind_integer_or(L, index, "spec", "samples", 0);
    if (config->samples % 2 != 0 || config->samples > INT32_MAX)
      orc_bind_fail(L, "spec.samples: an even number expected");
  }
  if (orc_bind_bool_or(L, index, "spec", "log", false)) {
    s->log = (orc_log){ .self = stderr, .step = log_step, .change = log_change };
    config->log = &s->log;
  }
  if (orc_bind_bool_or(L, index, "spec", "schedule", false)) {
    s->schedule = orc_alloc(1, sizeof *s->schedule);
    s->log = orc_step_trace_log(s->schedule);
    config->log = &s->log;
  }
  if (orc_bind_bool_or(L, index, "spec", "tokens", false)) {
    s->tokens = orc_alloc(1, sizeof *s->tokens);
    s->log = orc_token_trace_log(s->tokens);
    config->log = &s->log;
  }
  if (s->trace != NULL) {
    s->log = orc_chrome_trace_log(s->trace);
    config->log = &s->log;
  }
}

/* ---- the series ---- */

static void push_figure(lua_State *L, const orc_sample *at, const char *key)
{
  switch (key[0]) {
  case 'g':
    lua_pushnumber(L, (double)at->busy);
    break;
  case 'k':
    lua_pushnumber(L, (double)at->kv);
    break;
  case 'w':
    lua_pushinteger(L, at->waiting);
    break;
  default:
    lua_pushinteger(L, at->running);
  }
}

/* The list of one figure of one replica, set as `key` of the table on top. */
static void put_column(lua_State *L, const orc_series *s, const orc_sample *last, int replica,
                       const char *key)
{
  lua_createtable(L, (int)s->count + 1, 0);
  for (uint64_t i = 0; i < s->count; i++) {
    push_figure(L, &s->at[i * (uint64_t)s->replicas + (uint64_t)replica], key);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  if (last != NULL) {
    push_figure(L, &last[replica], key);
    lua_rawseti(L, -2, (lua_Integer)s->count + 1);
  }
  lua_setfield(L, -2, key);
}

/* A figure of the whole deployment at each sample, set as `key` of the table on top. */
static void put_moments(lua_State *L, const orc_series *s, const orc_series_moment *last,
                        const char *key)
{
  const uint64_t count = s->count + (last != NULL);
  lua_createtable(L, (int)count, 0);
  for (uint64_t i = 0; i < count; i++) {
    const orc_series_moment *m = i < s->count ? &s->of[i] : last;
    if (key[0] == 't')
      lua_pushnumber(L, (double)m->time / 1e9);
    else
      lua_pushinteger(L, key[0] == 'a'   ? (lua_Integer)m->arrived
                         : key[0] == 'e' ? (lua_Integer)m->ended
                                         : (lua_Integer)m->ready);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  lua_setfield(L, -2, key);
}

void orc_bind_put_series(lua_State *L, const orc_cluster *c, const orc_sample *last, orc_time end)
{
  static const char *const keys[] = { "gpu_busy", "kv_usage", "waiting", "running" };
  static const char *const of_all[] = { "time", "arrived", "ended", "ready" };
  const orc_series *series = c->series;
  if (series == NULL) return;
  const orc_series_moment moment = orc_sampler_moment(c, end);
  lua_createtable(L, 0, 6);
  lua_pushnumber(L, (double)series->interval / 1e9);
  lua_setfield(L, -2, "interval");
  for (size_t k = 0; k < sizeof of_all / sizeof *of_all; k++)
    put_moments(L, series, last != NULL ? &moment : NULL, of_all[k]);
  lua_createtable(L, series->replicas, 0);
  for (int r = 0; r < series->replicas; r++) {
    lua_createtable(L, 0, 4);
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
      put_column(L, series, last, r, keys[k]);
    lua_rawseti(L, -2, r + 1);
  }
  lua_setfield(L, -2, "replicas");
  lua_setfield(L, -2, "series");
}
