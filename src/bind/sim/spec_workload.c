#include "bind/sim/spec_workload.h"

#include "bind/sim/spec_lora.h"

#include <lauxlib.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bind/dist.h"
#include "bind/workload/functions.h"
#include "bind/workload/generator.h"
#include "bind/workload/rows.h"
#include "serve/feed.h"
#include "workload/trace_file.h"

enum { SOURCES_MOST = 1024, PROFILES_MOST = 4096, PATTERNS_MOST = 100000, TOKENS_MOST = 1 << 30 };

/* What a source's `arrivals` may name beside the processes of synthetic.h. */
static const char recorded[] = "recorded", scripted[] = "scripted", listed[] = "listed",
                  sent[] = "sent", served[] = "served";
enum { UNBOUNDED_MOST = 10000000 }; /* requests of a script whose end nothing says */

double orc_bind_seconds_or_never(lua_State *L, int index, const char *what, const char *key)
{
  const double t = orc_bind_number_or(L, index, what, key, INFINITY);
  if (!(t >= 0.0)) orc_bind_fail(L, "%s.%s: a time >= 0 expected", what, key);
  return t;
}

/* What makes the arrivals of a source. */
typedef enum maker { DRAWN, RECORDED, SCRIPTED, SENT, SERVED } maker;

/* Which it is; DRAWN: by which process into *process. */
static maker maker_of(lua_State *L, int index, orc_process *process)
{
  if (lua_getfield(L, index, "arrivals") != LUA_TSTRING)
    orc_bind_fail(L, "workload.arrivals: missing");
  const char *name = lua_tostring(L, -1);
  const maker by = strcmp(name, recorded) == 0                                ? RECORDED
                   : strcmp(name, scripted) == 0 || strcmp(name, listed) == 0 ? SCRIPTED
                   : strcmp(name, sent) == 0                                  ? SENT
                   : strcmp(name, served) == 0                                ? SERVED
                                                                              : DRAWN;
  if (by == DRAWN && !orc_process_find(name, process))
    orc_bind_fail(L, "workload.arrivals: \"%s\": no process of that name", name);
  lua_pop(L, 1);
  return by;
}

static bool has(lua_State *L, int index, const char *key)
{
  const bool there = lua_getfield(L, index, key) != LUA_TNIL;
  lua_pop(L, 1);
  return there;
}

/* A whole number in a range, or `otherwise` where there is none. */
static int64_t count_or(lua_State *L, int index, const char *key, int64_t otherwise, int64_t most)
{
  const int64_t n = orc_bind_integer_or(L, index, "workload", key, otherwise);
  if (n < 0 || (n > most && n != otherwise))
    orc_bind_fail(L, "workload.%s: a number from 0 to %I expected", key, (LUAI_UACINT)most);
  return n;
}

static double share_or(lua_State *L, int index, const char *what, const char *key, double otherwise)
{
  const double p = orc_bind_number_or(L, index, what, key, otherwise);
  if (!(p >= 0.0 && p <= 1.0)) orc_bind_fail(L, "%s.%s: a share from 0 to 1 expected", what, key);
  return p;
}

/* ---- when ---- */

/* Stages of { rate =, duration = }, or one of workload.rate without end. */
static void read_stages(lua_State *L, int index, orc_synthetic *o)
{
  const bool given = lua_getfield(L, index, "stages") == LUA_TTABLE;
  o->stage_count = given ? (int)lua_rawlen(L, -1) : 1;
  if (o->stage_count < 1) orc_bind_fail(L, "workload.stages: at least one stage expected");
  o->stages = orc_alloc((size_t)o->stage_count, sizeof *o->stages);
  for (int i = 0; i < o->stage_count; i++) {
    if (given) lua_rawgeti(L, -1, i + 1);
    const int from = given ? lua_gettop(L) : index;
    const char *what = given ? "workload.stages" : "workload";
    o->stages[i].rate = orc_bind_number(L, from, what, "rate");
    o->stages[i].duration = given ? orc_bind_seconds_or_never(L, from, what, "duration") : INFINITY;
    if (!(o->stages[i].rate >= 0.0)) orc_bind_fail(L, "%s.rate: requests/s >= 0 expected", what);
    if (given) lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

static void read_process(lua_State *L, int index, orc_synthetic *o)
{
  o->count = count_or(L, index, "count", INT64_MAX, INT64_MAX);
  o->duration = orc_bind_seconds_or_never(L, index, "workload", "duration");
  if (o->process <= ORC_PROCESS_CONSTANT && o->given.rate == NULL) read_stages(L, index, o);
  if (o->process == ORC_PROCESS_GAMMA) {
    o->cv = orc_bind_number(L, index, "workload", "cv");
    if (o->process == ORC_PROCESS_GAMMA && !(o->cv >= 1e-3 && o->cv <= 1e3))
      orc_bind_fail(L, "workload.cv: 0.001 to 1000 expected");
    if (!(o->cv > 0.0)) orc_bind_fail(L, "workload.cv: > 0 expected");
  }
  if (o->process == ORC_PROCESS_RENEWAL)
    orc_bind_dist(L, index, "workload", "inter_arrival", &o->gap);
  if (o->process == ORC_PROCESS_CLOSED_LOOP) {
    const int64_t n = orc_bind_integer(L, index, "workload", "concurrency");
    if (n < 1 || n > 1 << 23) orc_bind_fail(L, "workload.concurrency: 1 to 8388608 expected");
    o->concurrency = (int32_t)n;
    if (has(L, index, "think")) orc_bind_dist(L, index, "workload", "think", &o->think);
  }
}

/* ---- what ---- */

/* The parts of the pattern on top of the stack. */
static void read_parts(lua_State *L, orc_prefix_pattern *pattern)
{
  if (lua_getfield(L, -1, "parts") != LUA_TTABLE)
    orc_bind_fail(L, "workload.prefix: parts expected");
  const int n = (int)lua_rawlen(L, -1);
  int64_t total = 0;
  pattern->parts = orc_alloc((size_t)n, sizeof *pattern->parts);
  for (int i = 0; i < n; i++) {
    lua_rawgeti(L, -1, i + 1);
    const int t = lua_gettop(L);
    const int64_t tokens = orc_bind_integer(L, t, "workload.prefix", "tokens");
    total += tokens;
    if (tokens < 1 || tokens > TOKENS_MOST || total > TOKENS_MOST)
      orc_bind_fail(L, "workload.prefix: tokens from 1 to %d expected", TOKENS_MOST);
    if (lua_getfield(L, t, "id") != LUA_TSTRING)
      orc_bind_fail(L, "workload.prefix: an id expected");
    pattern->parts[i] =
        (orc_prefix_part){ .text = orc_rows_text(lua_tostring(L, -1)), .tokens = (int32_t)tokens };
    pattern->part_count = i + 1;
    lua_pop(L, 2);
  }
  lua_pop(L, 1);
}

static void read_wording(lua_State *L, int index, orc_prompt_mix *w, bool told)
{
  w->told = told;
  w->pool = count_or(L, index, "prompt_pool", 0, INT64_MAX);
  if (lua_getfield(L, index, "prefix") == LUA_TTABLE) {
    const lua_Unsigned n = lua_rawlen(L, -1);
    if (n > PATTERNS_MOST)
      orc_bind_fail(L, "workload.prefix: at most %d patterns expected", PATTERNS_MOST);
    w->patterns = orc_alloc((size_t)n, sizeof *w->patterns);
    for (int i = 0; i < (int)n; i++) {
      lua_rawgeti(L, -1, i + 1);
      const int t = lua_gettop(L);
      w->patterns[i] = (orc_prefix_pattern){
        .weight = orc_bind_number_or(L, t, "workload.prefix", "weight", 1.0),
        .variants = orc_bind_integer_or(L, t, "workload.prefix", "variants", 1),
      };
      w->pattern_count = i + 1;
      if (!(w->patterns[i].weight >= 0.0) || w->patterns[i].variants < 1)
        orc_bind_fail(L, "workload.prefix: a weight >= 0 and variants >= 1 expected");
      read_parts(L, &w->patterns[i]);
      lua_pop(L, 1);
    }
  }
  lua_pop(L, 1);
}

static void read_session(lua_State *L, int index, orc_session_plan *p)
{
  static const char what[] = "workload.conversation";
  if (lua_getfield(L, index, "conversation") == LUA_TTABLE) {
    const int t = lua_gettop(L);
    p->probability = share_or(L, t, what, "probability", 1.0);
    p->again = share_or(L, t, what, "continue_probability", 0.0);
    p->comes_back = orc_bind_bool_or(L, t, what, "first_follow_up", false);
    const int64_t most = orc_bind_integer(L, t, what, "max_turns");
    if (most < 1 || most > UINT16_MAX) orc_bind_fail(L, "%s.max_turns: 1 to 65535 expected", what);
    p->max_turns = (int32_t)most;
    p->accumulate = orc_bind_bool_or(L, t, what, "accumulate", true);
    p->has_turns = has(L, t, "turns");
    if (p->has_turns) orc_bind_dist(L, t, what, "turns", &p->turns);
    p->has_input = has(L, t, "input") && !orc_bind_is_function(L, t, "input");
    if (p->has_input) orc_bind_dist(L, t, what, "input", &p->input);
    if (has(L, t, "think")) orc_bind_dist(L, t, what, "think", &p->think);
  }
  lua_pop(L, 1);
}

static void read_cancel(lua_State *L, int index, orc_synthetic *o)
{
  if (lua_getfield(L, index, "cancel") == LUA_TTABLE) {
    o->cancel_probability = orc_bind_number(L, lua_gettop(L), "workload.cancel", "probability");
    orc_bind_dist(L, lua_gettop(L), "workload.cancel", "after", &o->cancel_after);
  }
  lua_pop(L, 1);
}

/* ---- sources ---- */

/* What all sources of a workload share. */
typedef struct reading {
  uint64_t seed;
  double timeout; /* s */
  bool told; /* some prompts share prefixes: all get identities, for all take part in eviction */
  uint16_t first_class; /* profile of the first class of the source at hand */
} reading;

/* Read into s->drawing, so that nothing leaks when a field is wrong. */
static void read_synthetic(lua_State *L, orc_sim *s, int index, orc_process process,
                           const reading *of)
{
  orc_synthetic *o = &s->drawing;
  *o = (orc_synthetic){ .process = process, .seed = of->seed, .timeout = of->timeout };
  o->profile = (uint16_t)s->source_count;
  orc_bind_functions(L, index, &s->policies, s->profiles[s->source_count], &o->given);
  read_process(L, index, o);
  const unsigned prompt = 1u << ORC_LENGTH_BOTH | 1u << ORC_LENGTH_PROMPT,
                 output = 1u << ORC_LENGTH_BOTH | 1u << ORC_LENGTH_OUTPUT;
  if (!(o->given.lengths & prompt)) orc_bind_dist(L, index, "workload", "prompt", &o->prompt);
  if (!(o->given.lengths & output)) orc_bind_dist(L, index, "workload", "output", &o->output);
  o->has_priority = has(L, index, "priority");
  if (o->has_priority) orc_bind_dist(L, index, "workload", "priority", &o->priority);
  o->streaming = share_or(L, index, "workload", "streaming", 1.0);
  read_cancel(L, index, o);
  read_wording(L, index, &o->prompt_mix, of->told);
  read_session(L, index, &o->session);
  if (o->count < INT64_MAX) s->expected += o->count;
  s->sources[s->source_count++] = orc_source_synthetic(o);
  *o = (orc_synthetic){ 0 };
}

/* The name of a column; it stays on the stack. */
static const char *column_of(lua_State *L, int columns, const char *key)
{
  if (lua_getfield(L, columns, key) != LUA_TSTRING)
    orc_bind_fail(L, "workload.columns.%s: a name expected", key);
  return lua_tostring(L, -1);
}

/* The columns of a CSV; their names stay on the stack. */
static void read_columns(lua_State *L, int index, orc_trace_options *o)
{
  static const char what[] = "workload.columns";
  if (lua_getfield(L, index, "columns") != LUA_TTABLE) return;
  const int t = lua_gettop(L);
  o->time = column_of(L, t, "time");
  o->prompt = column_of(L, t, "prompt");
  o->output = column_of(L, t, "output");
  o->time_unit = orc_bind_number(L, t, what, "time_unit");
  if (!(o->time_unit > 0.0)) orc_bind_fail(L, "%s.time_unit: > 0 expected", what);
}

static void read_trace(lua_State *L, orc_sim *s, int index, const reading *of)
{
  const int top = lua_gettop(L);
  orc_error e = { 0 };
  orc_trace_options o = {
    .scale = orc_bind_number_or(L, index, "workload", "rate_scale", 1.0),
    .from = orc_bind_number_or(L, index, "workload", "from", 0.0),
    .to = orc_bind_seconds_or_never(L, index, "workload", "to"),
    .count = count_or(L, index, "count", INT64_MAX, INT64_MAX),
    .timeout = of->timeout,
    .profile = (uint16_t)s->source_count,
    .told = of->told,
    .pool = count_or(L, index, "prompt_pool", 0, INT64_MAX),
    .seed = of->seed,
    .rate = orc_bind_number_or(L, index, "workload", "rate", 0.0),
    .characters_per_token = orc_bind_number_or(L, index, "workload", "characters_per_token", 4.0),
  };
  if (!(o.scale > 0.0)) orc_bind_fail(L, "workload.rate_scale: > 0 expected");
  if (!(o.characters_per_token > 0.0))
    orc_bind_fail(L, "workload.characters_per_token: > 0 expected");
  read_columns(L, index, &o);
  if (lua_getfield(L, index, "path") != LUA_TSTRING)
    orc_bind_fail(L, "workload.path: a file expected");
  if (!orc_source_trace(&s->sources[s->source_count], lua_tostring(L, -1), &o, &e))
    orc_bind_raise(L, &e);
  s->source_count++;
  lua_settop(L, top);
}

static void read_script(lua_State *L, orc_sim *s, int index, const reading *of, bool open)
{
  const uint16_t source = (uint16_t)s->source_count;
  const orc_script_options o = {
    .policies = &s->policies,
    .name = s->profiles[source],
    .seed = of->seed,
    .source = source,
    .first_class = of->first_class,
    .open = open,
    .of = { .profile = source,
            .count = count_or(L, index, "count", INT64_MAX, INT64_MAX),
            .most = isfinite(s->duration) ? 0 : UNBOUNDED_MOST,
            .duration = orc_bind_seconds_or_never(L, index, "workload", "duration"),
            .timeout = of->timeout,
            .told = of->told },
  };
  if (o.of.count < INT64_MAX) s->expected += o.of.count;
  s->sources[s->source_count] = orc_script_source(L, index, &o);
  s->source_count++;
  if (!open) return;
  if (s->is_open)
    orc_bind_fail(L, "workload: one part whose requests are sent expected, and there are two");
  s->is_open = true;
  s->open_source = source;
}

/* The name on top of the stack as that of profile i. */
static void name_profile(lua_State *L, orc_sim *s, size_t i, const char *otherwise)
{
  const char *name = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : otherwise;
  s->profiles[i] = orc_alloc(strlen(name) + 1, 1);
  memcpy(s->profiles[i], name, strlen(name));
}

/* The classes of the source at `index` are profiles behind those of the sources; returns how many. */
static int name_classes(lua_State *L, orc_sim *s, int index, size_t first)
{
  const int n = orc_script_classes(L, index);
  if (n == 0) return 0;
  lua_getfield(L, index, "generator");
  lua_getfield(L, -1, "classes");
  for (int i = 0; i < n; i++) {
    lua_rawgeti(L, -1, i + 1);
    name_profile(L, s, first + (size_t)i, "");
    lua_pop(L, 1);
  }
  lua_pop(L, 2);
  return n;
}

/* What clients of a server send. */
static void read_served(orc_sim *s, const reading *of)
{
  const orc_time timeout = isfinite(of->timeout) ? orc_time_of(of->timeout) : ORC_NEVER;
  s->is_served = true;
  s->served = (uint16_t)s->source_count;
  s->sources[s->source_count++] = orc_feed_source(s->served, timeout);
}

static void read_source(lua_State *L, orc_sim *s, int index, reading *all)
{
  orc_process process = ORC_PROCESS_POISSON;
  const maker by = maker_of(L, index, &process);
  reading of = *all;
  lua_getfield(L, index, "name");
  name_profile(L, s, (size_t)s->source_count, "default");
  lua_pop(L, 1);
  of.timeout = orc_bind_number_or(L, index, "workload", "timeout", of.timeout);
  all->first_class = (uint16_t)(of.first_class + name_classes(L, s, index, of.first_class));
  if (by == DRAWN) read_synthetic(L, s, index, process, &of);
  if (by == RECORDED) read_trace(L, s, index, &of);
  if (by == SCRIPTED || by == SENT) read_script(L, s, index, &of, by == SENT);
  if (by == SERVED) read_served(s, &of);
  s->sources[s->source_count - 1].adapters = orc_bind_read_adapters(L, index);
}

/* Whether prompts of the source at `index` may share prefixes. */
static bool shares(lua_State *L, int index)
{
  return has(L, index, "prefix") || has(L, index, "conversation") || has(L, index, "prompt_pool") ||
         orc_bind_bool_or(L, index, "workload", "shares", false);
}

void orc_bind_read_sources(lua_State *L, orc_sim *s, int index, uint64_t seed)
{
  reading of = { .seed = seed, .timeout = orc_bind_seconds_or_never(L, index, "spec", "timeout") };
  if (lua_getfield(L, index, "workload") != LUA_TTABLE)
    orc_bind_fail(L, "workload: a table expected");
  const int workload = lua_gettop(L);
  const lua_Unsigned parts = lua_rawlen(L, workload);
  if (parts > SOURCES_MOST) orc_bind_fail(L, "workload: at most %d parts expected", SOURCES_MOST);
  const size_t n = parts == 0 ? 1 : (size_t)parts;
  size_t classes = 0;
  of.told = parts == 0 && shares(L, workload);
  if (parts == 0) classes = (size_t)orc_script_classes(L, workload);
  for (size_t i = 0; i < parts; i++) {
    lua_rawgeti(L, workload, (lua_Integer)i + 1);
    of.told = of.told || shares(L, lua_gettop(L));
    classes += (size_t)orc_script_classes(L, lua_gettop(L));
    lua_pop(L, 1);
  }
  if (n + classes > PROFILES_MOST)
    orc_bind_fail(L, "workload: at most %d profiles and classes expected", PROFILES_MOST);
  s->sources = orc_alloc(n, sizeof *s->sources);
  s->profiles = orc_alloc(n + classes, sizeof *s->profiles);
  s->profile_count = (int)(n + classes);
  of.first_class = (uint16_t)n;
  if (parts == 0) read_source(L, s, workload, &of);
  for (size_t i = 0; i < parts; i++) {
    lua_rawgeti(L, workload, (lua_Integer)i + 1);
    read_source(L, s, lua_gettop(L), &of);
    lua_pop(L, 1);
  }
  s->count = parts == 0 ? INT64_MAX : count_or(L, workload, "count", INT64_MAX, INT64_MAX);
  if (s->count < INT64_MAX) s->expected = s->count;
  lua_pop(L, 1);
}
