#include "bind/replicas.h"

#include <lauxlib.h>
#include <string.h>

#include "bind/cost.h"

/* engine.kv_tiers of the table at `index`: { { blocks =, latency = s, block_seconds = s }, ... } */
static void read_tiers(lua_State *L, int index, orc_engine_knobs *k)
{
  if (lua_getfield(L, index, "kv_tiers") == LUA_TTABLE) {
    const int list = lua_gettop(L);
    k->tier_count = (int)lua_rawlen(L, list);
    if (k->tier_count > ORC_TIERS_MOST)
      orc_bind_fail(L, "kv_tiers: at most %d tiers expected", ORC_TIERS_MOST);
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

/* One pool at the top of the stack into kinds[from ...]; returns how many replicas it has. */
static int read_pool(lua_State *L, orc_replica_kind *kinds, int from, int most)
{
  const int index = lua_gettop(L);
  const int64_t n = orc_bind_integer(L, index, "pool", "replicas");
  if (n < 1 || n > most - from) orc_bind_fail(L, "pools: they must have spec.replicas in all");
  orc_step_cost *cost = lua_newuserdatauv(L, sizeof *cost, 0);
  orc_bind_read_step_cost(L, index, cost);
  const orc_replica_kind kind = { .knobs = orc_bind_read_knobs(L, index),
                                  .cost = cost,
                                  .stages = read_stages(L, index, cost),
                                  .role = read_role(L, index) };
  for (int i = 0; i < (int)n; i++)
    kinds[from + i] = kind;
  return (int)n;
}

void orc_bind_read_pools(lua_State *L, int index, orc_cluster_config *config)
{
  config->lockstep = (int)orc_bind_integer_or(L, index, "spec", "lockstep", 0);
  if (config->lockstep > 1 && config->replicas % config->lockstep != 0)
    orc_bind_fail(L, "lockstep: %d does not divide the %d replicas", config->lockstep,
                  config->replicas);
  if (lua_getfield(L, index, "pools") != LUA_TTABLE) return;
  const int list = lua_gettop(L);
  const int pools = (int)lua_rawlen(L, list);
  luaL_checkstack(L, 8 + 4 * pools, "too many pools");
  orc_replica_kind *kinds = lua_newuserdatauv(L, (size_t)config->replicas * sizeof *kinds, 0);
  int n = 0;
  bool decode = false;
  for (int i = 0; i < pools; i++) {
    lua_rawgeti(L, list, i + 1);
    n += read_pool(L, kinds, n, config->replicas);
    decode = decode || kinds[n - 1].role == ORC_ROLE_DECODE;
  }
  if (n != config->replicas) orc_bind_fail(L, "pools: they must have spec.replicas in all");
  if (decode && config->topology == NULL)
    orc_bind_fail(L, "pools: a network is needed to hand requests over");
  config->kinds = kinds;
  config->layerwise = orc_bind_bool_or(L, index, "spec", "layerwise", false);
}

void orc_bind_put_handovers(lua_State *L, const orc_cluster *c)
{
  const orc_handovers *h = &c->handovers;
  lua_createtable(L, 0, 3);
  lua_pushinteger(L, (lua_Integer)h->moved);
  lua_setfield(L, -2, "count");
  lua_pushnumber(L, h->bytes);
  lua_setfield(L, -2, "bytes");
  lua_pushnumber(L, (double)h->time * 1e-9);
  lua_setfield(L, -2, "seconds");
  lua_setfield(L, -2, "handovers");
}
