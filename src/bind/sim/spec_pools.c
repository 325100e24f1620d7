#include "bind/sim/spec_pools.h"

#include <lauxlib.h>
#include <math.h>
#include <string.h>

#include "bind/cost/cost.h"
#include "bind/sim/spec_rules.h"
#include "bind/sim/spec_workload.h"

/* engine.kv_tiers of the table at `index`: { { blocks =, latency = s, block_seconds = s }, ... } */
static void read_tiers(lua_State *L, int index, orc_engine_knobs *k)
{
  if (lua_getfield(L, index, "kv_tiers") == LUA_TTABLE) {
    const int list = lua_gettop(L);
    k->tier_count = (int)lua_rawlen(L, list);
    if (k->tier_count > ORC_KV_TIERS_MOST)
      orc_bind_fail(L, "kv_tiers: at most %d tiers expected", ORC_KV_TIERS_MOST);
    for (int i = 0; i < k->tier_count; i++) {
      lua_rawgeti(L, list, i + 1);
      const int t = lua_gettop(L);
      luaL_checktype(L, t, LUA_TTABLE);
      k->tiers[i] = (orc_tier_kind){
        .blocks = orc_bind_integer(L, t, "kv_tiers", "blocks"),
        .latency = orc_bind_number(L, t, "kv_tiers", "latency"),
        .block_seconds = orc_bind_number(L, t, "kv_tiers", "block_seconds"),
      };
      if (k->tiers[i].blocks < 1 || !(k->tiers[i].latency >= 0.0) ||
          !(k->tiers[i].block_seconds >= 0.0))
        orc_bind_fail(L, "kv_tiers[%d]: a block at least and times >= 0 expected", i + 1);
      lua_pop(L, 1);
    }
  }
  lua_pop(L, 1);
}

/* How prompts are cut into chunks, of the engine's table. */
static void read_chunks(lua_State *L, int t, orc_engine_knobs *k)
{
  const int64_t most = orc_bind_integer_or(L, t, "engine", "long_prefill_token_threshold", 0);
  const int64_t parts = orc_bind_integer_or(L, t, "engine", "num_microbatches_per_request", 1);
  if (most < 0 || most > 1 << 30)
    orc_bind_fail(L, "engine.long_prefill_token_threshold: 0 to 2^30 expected");
  if (parts < 1 || parts > 1 << 20)
    orc_bind_fail(L, "engine.num_microbatches_per_request: 1 to 2^20 expected");
  k->enable_chunked_prefill = orc_bind_bool_or(L, t, "engine", "enable_chunked_prefill", true);
  k->long_prefill_token_threshold = (int32_t)most;
  k->prompt_parts = (int32_t)parts;
}

/* What the prefix cache keeps and finds, of the engine's table. */
static void read_prefix(lua_State *L, int t, orc_engine_knobs *k)
{
  const int64_t least = orc_bind_integer_or(L, t, "engine", "min_prefix_cache_length", 0);
  const int64_t most = orc_bind_integer_or(L, t, "engine", "prefix_cache_blocks", 0);
  if (least < 0 || least > 1 << 30)
    orc_bind_fail(L, "engine.min_prefix_cache_length: 0 to 2^30 expected");
  if (most < 0 || most > (int64_t)1 << 40)
    orc_bind_fail(L, "engine.prefix_cache_blocks: 0 to 2^40 expected");
  k->enable_prefix_caching = orc_bind_bool_or(L, t, "engine", "enable_prefix_caching", true);
  k->sessions_apart = !orc_bind_bool_or(L, t, "engine", "enable_cross_request_caching", true);
  k->min_prefix_cache_length = (int32_t)least;
  k->max_prefix_cache_blocks = most;
  static const char *const loadings[] = { "blocking", "layerwise", "async", NULL };
  lua_getfield(L, t, "kv_loading");
  k->loading = (orc_onload_mode)luaL_checkoption(L, -1, "blocking", loadings);
  lua_pop(L, 1);
  k->computed_only = orc_bind_bool_or(L, t, "engine", "computed_only", false);
  k->recompute_block = orc_bind_bool_or(L, t, "engine", "recompute_last_block", false);
}

orc_engine_knobs orc_bind_read_knobs(lua_State *L, int index)
{
  lua_getfield(L, index, "engine");
  const int t = lua_gettop(L);
  const int64_t blocks = orc_bind_integer(L, t, "engine", "num_gpu_blocks");
  const int64_t seqs = orc_bind_integer(L, t, "engine", "max_num_seqs");
  const int64_t tokens = orc_bind_integer(L, t, "engine", "max_num_batched_tokens");
  const int64_t length = orc_bind_integer(L, t, "engine", "max_model_len");
  const int64_t block = orc_bind_integer(L, t, "engine", "block_size");
  if (blocks < 1 || blocks > (int64_t)1 << 40)
    orc_bind_fail(L, "engine.num_gpu_blocks: >= 1 expected");
  if (seqs < 1 || seqs > 1 << 20) orc_bind_fail(L, "engine.max_num_seqs: 1 to 1048576 expected");
  if (tokens < seqs || tokens > 1 << 30)
    orc_bind_fail(L, "engine.max_num_batched_tokens: at least max_num_seqs expected");
  if (length < 1 || length > 1 << 30) orc_bind_fail(L, "engine.max_model_len: >= 1 expected");
  if (block < 1 || block > 1 << 16) orc_bind_fail(L, "engine.block_size: 1 to 65536 expected");
  orc_engine_knobs k = {
    .max_num_seqs = (int32_t)seqs,
    .max_num_batched_tokens = (int32_t)tokens,
    .max_model_len = (int32_t)length,
    .block_size = (int32_t)block,
    .num_gpu_blocks = blocks,
    .swap = orc_bind_bool_or(L, t, "engine", "swap", false),
    .swap_blocks = orc_bind_integer_or(L, t, "engine", "swap_blocks", 0),
    .swap_block_seconds = orc_bind_number_or(L, t, "engine", "swap_block_seconds", 0.0),
  };
  read_chunks(L, t, &k);
  read_prefix(L, t, &k);
  read_tiers(L, t, &k);
  k.rules = orc_bind_read_rules(L, t);
  lua_pop(L, 1);
  return k;
}

void orc_bind_read_step_cost(lua_State *L, int index, orc_step_cost *cost)
{
  orc_model model;
  orc_hardware hardware;
  orc_layout layout;
  orc_cost_params params;
  orc_error e = { 0 };
  lua_getfield(L, index, "model");
  orc_bind_read_model(L, lua_gettop(L), &model);
  lua_getfield(L, index, "hardware");
  orc_bind_read_hardware(L, lua_gettop(L), &hardware);
  lua_getfield(L, index, "layout");
  orc_bind_read_layout(L, lua_gettop(L), &model, &layout);
  lua_getfield(L, index, "cost");
  orc_bind_read_cost_params(L, lua_gettop(L), &params);
  lua_pop(L, 4);
  if (!orc_step_cost_init(cost, &model, &hardware, &layout, &params, &e)) orc_bind_raise(L, &e);
}

/* Each stage's own hardware: the whole model's cost on it, in a userdata that stays on the stack.
 */
static const orc_step_cost *read_stages(lua_State *L, int index, const orc_step_cost *cost)
{
  if (lua_getfield(L, index, "stages") != LUA_TTABLE) {
    lua_pop(L, 1);
    return NULL;
  }
  const int list = lua_gettop(L), count = cost->layout.pipeline_parallel_size;
  if ((int)lua_rawlen(L, list) != count)
    orc_bind_fail(L, "stages: one per pipeline stage (%d) expected", count);
  orc_step_cost *out = lua_newuserdatauv(L, (size_t)count * sizeof *out, 0);
  for (int i = 0; i < count; i++) {
    orc_hardware hardware;
    orc_error e = { 0 };
    lua_rawgeti(L, list, i + 1);
    orc_bind_read_hardware(L, lua_gettop(L), &hardware);
    if (!orc_step_cost_init(&out[i], &cost->model, &hardware, &cost->layout, &cost->params, &e))
      orc_bind_raise(L, &e);
    lua_pop(L, 1);
  }
  return out;
}

static orc_role read_role(lua_State *L, int index)
{
  static const char *const names[] = { "all", "prefill", "decode", NULL };
  lua_getfield(L, index, "role");
  const orc_role role = (orc_role)luaL_checkoption(L, -1, "all", names);
  lua_pop(L, 1);
  return role;
}

static orc_time time_or_never(double seconds)
{
  return isfinite(seconds) ? orc_time_of(seconds) : ORC_NEVER;
}

/* scaling = { interval = s, cold_start = s, least =, most = groups } of the table at `index`; all
 * zeroes without it. Who is asked comes later. */
static orc_scaling read_scaling(lua_State *L, int index)
{
  orc_scaling is = { 0 };
  if (lua_getfield(L, index, "scaling") == LUA_TTABLE) {
    const int t = lua_gettop(L);
    const double interval = orc_bind_number(L, t, "scaling", "interval");
    if (!(interval > 0.0)) orc_bind_fail(L, "autoscaling.interval: a time > 0 expected");
    is.interval = orc_time_of(interval) > 0 ? orc_time_of(interval) : 1;
    is.cold_start = time_or_never(orc_bind_seconds_or_never(L, t, "scaling", "cold_start"));
    const int64_t least = orc_bind_integer_or(L, t, "scaling", "least", 1);
    const int64_t most = orc_bind_integer(L, t, "scaling", "most");
    if (least < 0 || most < least || most < 1 || most > ORC_REPLICAS_MOST)
      orc_bind_fail(L, "autoscaling.max: min to %d replicas expected", ORC_REPLICAS_MOST);
    is.least = (int)least;
    is.most = (int)most;
  }
  lua_pop(L, 1);
  return is;
}

/* The pool that the table at `index` tells; what it points at stays on the stack. */
static orc_pool_config read_pool(lua_State *L, int index)
{
  const int64_t replicas = orc_bind_integer_or(L, index, "pool", "replicas", 1);
  const int64_t group = orc_bind_integer_or(L, index, "pool", "group", 1);
  if (replicas < 0 || replicas > ORC_REPLICAS_MOST)
    orc_bind_fail(L, "replicas: 1 to %d expected", ORC_REPLICAS_MOST);
  if (group < 1 || replicas % group != 0)
    orc_bind_fail(L, "group: %d does not divide the %d replicas", (int)group, (int)replicas);
  orc_pool_config p = { .replicas = (int)replicas,
                        .room = (int)replicas,
                        .group = (int)group,
                        .lockstep = orc_bind_bool_or(L, index, "pool", "lockstep", false),
                        .scaling = read_scaling(L, index) };
  const int64_t most = p.scaling.most * group;
  if (most > ORC_REPLICAS_MOST)
    orc_bind_fail(L, "autoscaling.max: at most %d replicas expected", ORC_REPLICAS_MOST);
  if (most > p.room) p.room = (int)most;
  if (p.room < 1) orc_bind_fail(L, "replicas: 1 to %d expected", ORC_REPLICAS_MOST);
  orc_step_cost *cost = lua_newuserdatauv(L, sizeof *cost, 0);
  orc_bind_read_step_cost(L, index, cost);
  p.kind = (orc_replica_kind){ .knobs = orc_bind_read_knobs(L, index),
                               .cost = cost,
                               .stages = read_stages(L, index, cost),
                               .role = read_role(L, index) };
  return p;
}

orc_bind_pools orc_bind_read_pools(lua_State *L, int index)
{
  const bool told = lua_getfield(L, index, "pools") == LUA_TTABLE;
  const int list = lua_gettop(L), count = told ? (int)lua_rawlen(L, list) : 1;
  luaL_checkstack(L, 8 + 4 * count, "too many pools");
  orc_bind_pools p = { .count = count };
  p.at = lua_newuserdatauv(L, (size_t)count * sizeof *p.at, 0);
  for (int i = 0; i < count; i++) {
    if (told) lua_rawgeti(L, list, i + 1);
    p.at[i] = read_pool(L, told ? lua_gettop(L) : index);
    p.decode = p.decode || p.at[i].kind.role == ORC_ROLE_DECODE;
    if (p.at[i].room > ORC_REPLICAS_MOST - p.room)
      orc_bind_fail(L, "replicas: at most %d expected in all", ORC_REPLICAS_MOST);
    p.room += p.at[i].room;
  }
  if (p.room < 1) orc_bind_fail(L, "replicas: 1 to %d expected", ORC_REPLICAS_MOST);
  return p;
}

void orc_bind_put_kv_transfers(lua_State *L, const orc_cluster *c)
{
  const orc_kv_transfers *h = &c->kv_transfers;
  lua_createtable(L, 0, 3);
  lua_pushinteger(L, (lua_Integer)h->moved);
  lua_setfield(L, -2, "count");
  lua_pushnumber(L, h->bytes);
  lua_setfield(L, -2, "bytes");
  lua_pushnumber(L, (double)h->time * 1e-9);
  lua_setfield(L, -2, "seconds");
  lua_setfield(L, -2, "handovers");
}
