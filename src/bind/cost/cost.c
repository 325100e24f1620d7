/*
** cost.c - what a deployment needs and what its steps cost: oracle.core.cost. Arguments are single
** tables of { model =, hardware =, layout =, cost = }, each as bind/cost/cost.h says.
**   memory{model, layout [, hardware], max_num_batched_tokens, max_num_seqs [, logit_bytes, experts_held]}   also of each stage, with its kinds
**                       { weight_bytes, kv_bytes_per_token, activation_bytes, overhead_bytes },
**                       per GPU; the overhead is part of the activations' figure
**   parameters(model)   { total, active, layer, embedding, lm_head, tower, parts = { qkv = ... } }
**   ops{model, layout}                             see bind/cost/cost.h
**   step, prepare, price, reprice, calibration     price.c
**   asked()             bind/cost/own_cost.h
**   measured_time(regimes, bytes)                  bind/cost/regimes.h
**   check{model [, hardware] [, layout] [, cost]}   true, or raises what is wrong
*/
#include "bind/cost/cost.h"
#include "bind/core.h"
#include "bind/cost/own_cost.h"
#include "bind/cost/regimes.h"
#include "bind/put.h"

#include <lauxlib.h>
#include <limits.h>
#include <string.h>

/* ---- fields of structs ---- */

typedef struct field {
  const char *name;
  size_t offset;
  bool needed;
} field;

#define AT(type, name)                                                                             \
  {                                                                                                \
#name, offsetof(type, name), false                                                             \
  }
#define NEEDED(type, name)                                                                         \
  {                                                                                                \
#name, offsetof(type, name), true                                                              \
  }

static void read_counts(lua_State *L, int index, const char *what, const field *f, void *into)
{
  for (; f->name != NULL; f++) {
    int *at = (int *)((char *)into + f->offset);
    const int64_t v = f->needed ? orc_bind_integer(L, index, what, f->name)
                                : orc_bind_integer_or(L, index, what, f->name, *at);
    if (v < 0 || v > INT_MAX)
      orc_bind_fail(L, "%s.%s: %I, expected a count from 0 to %d", what, f->name, (LUAI_UACINT)v,
                    INT_MAX);
    *at = (int)v;
  }
}

static void read_flags(lua_State *L, int index, const char *what, const field *f, void *into)
{
  for (; f->name != NULL; f++) {
    bool *at = (bool *)((char *)into + f->offset);
    *at = orc_bind_bool_or(L, index, what, f->name, *at);
  }
}

static void read_numbers(lua_State *L, int index, const char *what, const field *f, void *into)
{
  for (; f->name != NULL; f++) {
    double *at = (double *)((char *)into + f->offset);
    *at = f->needed ? orc_bind_number(L, index, what, f->name)
                    : orc_bind_number_or(L, index, what, f->name, *at);
  }
}

/* ---- parts of a deployment ---- */

static const field model_counts[] = {
  NEEDED(orc_model, num_hidden_layers),
  NEEDED(orc_model, hidden_size),
  NEEDED(orc_model, num_attention_heads),
  NEEDED(orc_model, num_key_value_heads),
  NEEDED(orc_model, head_dim),
  AT(orc_model, intermediate_size),
  NEEDED(orc_model, vocab_size),
  NEEDED(orc_model, max_position_embeddings),
  AT(orc_model, norms_per_layer),
  AT(orc_model, num_experts),
  AT(orc_model, num_experts_per_tok),
  AT(orc_model, moe_intermediate_size),
  AT(orc_model, shared_expert_size),
  AT(orc_model, num_dense_layers),
  AT(orc_model, kv_lora_rank),
  AT(orc_model, q_lora_rank),
  AT(orc_model, qk_rope_head_dim),
  AT(orc_model, qk_nope_head_dim),
  AT(orc_model, v_head_dim),
  AT(orc_model, sliding_window),
  AT(orc_model, num_windowed_layers),
  AT(orc_model, routed_expert_hidden_size),
  AT(orc_model, zero_experts),
  AT(orc_model, full_attention_heads),
  AT(orc_model, attention_inputs),
  AT(orc_model, num_kv_shared_layers),
  AT(orc_model, num_shared_blocks),
  AT(orc_model, num_index_layers),
  AT(orc_model, compress_ratio),
  AT(orc_model, full_compress_ratio),
  AT(orc_model, compress_window),
  AT(orc_model, o_groups),
  AT(orc_model, o_lora_rank),
  AT(orc_model, side_width),
  AT(orc_model, full_key_value_heads),
  AT(orc_model, full_head_dim),
  AT(orc_model, index_topk),
  AT(orc_model, index_n_heads),
  AT(orc_model, index_head_dim),
  AT(orc_model, num_state_layers),
  AT(orc_model, state_inputs),
  AT(orc_model, state_outputs),
  AT(orc_model, state_vectors),
  AT(orc_model, num_mixerless_layers),
  AT(orc_model, num_mlpless_layers),
  { NULL, 0, false },
};

static const field model_flags[] = {
  AT(orc_model, tie_word_embeddings),
  AT(orc_model, gated_mlp),
  AT(orc_model, learned_positions),
  AT(orc_model, attention_bias),
  AT(orc_model, linear_bias),
  AT(orc_model, qk_norm),
  AT(orc_model, norm_bias),
  AT(orc_model, chunked_window),
  AT(orc_model, full_shares_kv),
  AT(orc_model, attention_gate),
  AT(orc_model, state_beside_attention),
  { NULL, 0, false },
};

static const field model_numbers[] = {
  AT(orc_model, state_bytes),          AT(orc_model, state_values),
  AT(orc_model, tower_parameters),     AT(orc_model, layer_vectors),
  AT(orc_model, index_bytes),          AT(orc_model, mean_attention_heads),
  AT(orc_model, mean_key_value_heads), { NULL, 0, false },
};

static void need_table(lua_State *L, int index, const char *what)
{
  if (!lua_istable(L, index))
    orc_bind_fail(L, "%s: a table expected, got %s", what, luaL_typename(L, index));
}

void orc_bind_read_model(lua_State *L, int index, orc_model *m)
{
  index = lua_absindex(L, index);
  need_table(L, index, "model");
  *m = (orc_model){ .gated_mlp = true, .norms_per_layer = 2 };
  read_counts(L, index, "model", model_counts, m);
  read_flags(L, index, "model", model_flags, m);
  read_numbers(L, index, "model", model_numbers, m);
}

static orc_link read_link(lua_State *L, int index, const char *name, const char *what)
{
  static const field numbers[] = {
    NEEDED(orc_link, bandwidth),
    AT(orc_link, latency),
    { NULL, 0, false },
  };
  orc_link link = { .bandwidth = 0.0 };
  if (lua_getfield(L, index, name) != LUA_TNIL) {
    need_table(L, -1, what);
    read_numbers(L, lua_gettop(L), what, numbers, &link);
  }
  lua_pop(L, 1);
  return link;
}

void orc_bind_read_hardware(lua_State *L, int index, orc_hardware *h)
{
  static const field numbers[] = {
    NEEDED(orc_hardware, memory), NEEDED(orc_hardware, bandwidth), AT(orc_hardware, idle_watts),
    AT(orc_hardware, tdp_watts),  AT(orc_hardware, usd_per_hour),  { NULL, 0, false },
  };
  static const field power[] = {
    NEEDED(orc_power, active),
    NEEDED(orc_power, memory),
    NEEDED(orc_power, compute),
    { NULL, 0, false },
  };
  index = lua_absindex(L, index);
  need_table(L, index, "hardware");
  *h = (orc_hardware){ .memory = 0.0 };
  read_numbers(L, index, "hardware", numbers, h);
  /* A chip of unknown rating draws what it idles at. */
  if (h->tdp_watts == 0.0) h->tdp_watts = h->idle_watts;
  if (lua_getfield(L, index, "power") != LUA_TNIL) {
    need_table(L, -1, "hardware.power");
    read_numbers(L, lua_gettop(L), "hardware.power", power, &h->power);
  }
  lua_pop(L, 1);
  lua_getfield(L, index, "flops");
  need_table(L, -1, "hardware.flops");
  for (int i = 0; i < ORC_DTYPES; i++) {
    const orc_dtype d = (orc_dtype)i;
    if (!orc_dtype_has_peak(d)) continue;
    h->flops[d] = orc_bind_number_or(L, lua_gettop(L), "hardware.flops", orc_dtype_name(d), 0.0);
  }
  lua_pop(L, 1);
  h->nvlink = read_link(L, index, "nvlink", "hardware.nvlink");
  h->pcie = read_link(L, index, "pcie", "hardware.pcie");
}

/* Push the names of all formats, for a message. */
static const char *push_formats(lua_State *L)
{
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  for (int i = 0; i < ORC_DTYPES; i++) {
    if (i > 0) luaL_addstring(&b, i < ORC_DTYPES - 1 ? ", " : " or ");
    luaL_addstring(&b, orc_dtype_name((orc_dtype)i));
  }
  luaL_pushresult(&b);
  return lua_tostring(L, -1);
}

/* Parts of a model's matrices as Lua names them, in the order of orc_part. */
static const char *const part_names[ORC_PARTS] = { "qkv",    "output", "up",    "down",
                                                   "router", "expert", "shared" };

static orc_dtype read_format(lua_State *L, int index, const char *key, orc_dtype otherwise)
{
  orc_dtype d = otherwise;
  const int type = lua_getfield(L, index, key);
  if (type != LUA_TNIL && type != LUA_TSTRING)
    orc_bind_fail(L, "layout.%s: a format's name expected, got a %s", key, lua_typename(L, type));
  const char *name = type == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
  if (name != NULL && !orc_dtype_find(name, &d)) {
    const char *valid = push_formats(L);
    orc_bind_fail(L, "layout.%s: \"%s\" is no format; %s expected", key, name, valid);
  }
  lua_pop(L, 1);
  return d;
}

/*
** layout.layers: "balanced", or the layers of each stage; nil: as even as may be. "balanced" counts
** the LM head as layout.head_layers layers; nil: by weights.
*/
static void read_stages(lua_State *L, int index, orc_layout *l, const orc_model *m)
{
  const int type = lua_getfield(L, index, "layers");
  if (type == LUA_TSTRING && strcmp(lua_tostring(L, -1), "balanced") == 0) {
    if (l->pipeline_parallel_size > ORC_STAGES || l->pipeline_parallel_size > m->num_hidden_layers)
      orc_bind_fail(L, "layout.layers: at most %d stages, and as many as layers, can be balanced",
                    (int)ORC_STAGES);
    lua_getfield(L, index, "head_layers");
    const double head = lua_isnil(L, -1) ? orc_layout_head_layers(l, m) : lua_tonumber(L, -1);
    if (!(head >= 0.0)) orc_bind_fail(L, "layout.head_layers: a number >= 0 expected");
    orc_layout_balance(l, m, head);
    lua_pop(L, 1);
  } else if (type == LUA_TTABLE) {
    const lua_Unsigned n = lua_rawlen(L, -1);
    if (n > ORC_STAGES) orc_bind_fail(L, "layout.layers: at most %d stages", (int)ORC_STAGES);
    for (lua_Unsigned i = 0; i < n; i++) {
      lua_rawgeti(L, -1, (lua_Integer)i + 1);
      const lua_Integer layers = lua_tointeger(L, -1);
      if (layers < 1 || layers > UINT16_MAX)
        orc_bind_fail(L, "layout.layers[%d]: a count of at least 1 expected", (int)i + 1);
      l->layers[i] = (uint16_t)layers;
      lua_pop(L, 1);
    }
  } else if (type != LUA_TNIL) {
    orc_bind_fail(L, "layout.layers: \"balanced\" or a list of counts expected");
  }
  lua_pop(L, 1);
}

/* layout.weight_bits = { expert = 4.25, ..., lm_head = 4.5, embedding = 4.5 }: bits of a weight where parts differ. */
static double part_bits(lua_State *L, int index, const char *name)
{
  const double bits = orc_bind_number_or(L, index, "layout.weight_bits", name, 0.0);
  if (!(bits >= 0.0 && bits <= 64.0))
    orc_bind_fail(L, "layout.weight_bits.%s: bits from 0 to 64 expected", name);
  return bits;
}

static void read_weight_bits(lua_State *L, int index, orc_layout *l)
{
  if (lua_getfield(L, index, "weight_bits") != LUA_TNIL) {
    need_table(L, -1, "layout.weight_bits");
    for (int i = 0; i < ORC_PARTS; i++)
      l->weight_bits[i] = part_bits(L, lua_gettop(L), part_names[i]);
    l->head_bits = part_bits(L, lua_gettop(L), "lm_head");
    l->table_bits = part_bits(L, lua_gettop(L), "embedding");
  }
  lua_pop(L, 1);
}

void orc_bind_read_layout(lua_State *L, int index, const orc_model *m, orc_layout *l)
{
  static const field counts[] = {
    AT(orc_layout, tensor_parallel_size),
    AT(orc_layout, pipeline_parallel_size),
    AT(orc_layout, data_parallel_size),
    AT(orc_layout, decode_context_parallel_size),
    AT(orc_layout, kv_interleave),
    AT(orc_layout, max_lora_rank),
    { NULL, 0, false },
  };
  index = lua_absindex(L, index);
  need_table(L, index, "layout");
  *l = (orc_layout){ .tensor_parallel_size = 1, .pipeline_parallel_size = 1 };
  read_counts(L, index, "layout", counts, l);
  l->activations = read_format(L, index, "activations", ORC_BF16);
  l->weights = read_format(L, index, "weights", l->activations);
  const bool narrow = l->weights == ORC_FP8 || l->weights == ORC_FP8_BLOCK ||
                      l->weights == ORC_INT8 || l->weights == ORC_FP4;
  l->compute = read_format(L, index, "compute", narrow ? l->weights : l->activations);
  l->kv = read_format(L, index, "kv", l->activations);
  l->expert_parallel = orc_bind_bool_or(L, index, "layout", "expert_parallel", false);
  l->sequence_parallel = orc_bind_bool_or(L, index, "layout", "sequence_parallel", false);
  lua_getfield(L, index, "all_reduce");
  orc_error e;
  if (!lua_isnil(L, -1) && !orc_algorithm_find(luaL_checkstring(L, -1), &l->all_reduce, &e))
    orc_bind_fail(L, "layout.all_reduce: %s", e.msg);
  lua_pop(L, 1);
  orc_bind_read_measured(L, index, &l->measured);
  read_weight_bits(L, index, l);
  read_stages(L, index, l, m);
}

static orc_cost_kind read_kind(lua_State *L, int index)
{
  orc_cost_kind kind = ORC_COST_ROOFLINE;
  if (lua_getfield(L, index, "kind") != LUA_TNIL) {
    const char *name = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : luaL_typename(L, -1);
    if (strcmp(name, "constant") == 0)
      kind = ORC_COST_CONSTANT;
    else if (strcmp(name, "calibrated") == 0)
      kind = ORC_COST_CALIBRATED;
    else if (strcmp(name, "roofline") != 0)
      orc_bind_fail(
          L, "cost.kind: \"%s\" is no cost model; roofline, constant or calibrated expected", name);
  }
  lua_pop(L, 1);
  return kind;
}

void orc_bind_read_cost_params(lua_State *L, int index, orc_cost_params *p)
{
  static const field numbers[] = {
    AT(orc_cost_params, prefill_mfu),
    AT(orc_cost_params, prefill_mbu),
    AT(orc_cost_params, decode_mfu),
    AT(orc_cost_params, decode_mbu),
    AT(orc_cost_params, smooth_p),
    AT(orc_cost_params, step_overhead),
    AT(orc_cost_params, layer_overhead),
    AT(orc_cost_params, sequence_overhead),
    AT(orc_cost_params, request_overhead),
    AT(orc_cost_params, lora_layer_overhead),
    AT(orc_cost_params, stream_interval),
    AT(orc_cost_params, prefill_comm_overhead),
    AT(orc_cost_params, decode_comm_overhead),
    AT(orc_cost_params, moe_imbalance),
    AT(orc_cost_params, constant_step),
    AT(orc_cost_params, constant_prefill_token),
    { NULL, 0, false },
  };
  index = lua_absindex(L, index);
  orc_cost_params_default(p);
  if (lua_isnil(L, index)) return;
  need_table(L, index, "cost");
  p->kind = read_kind(L, index);
  read_numbers(L, index, "cost", numbers, p);
  if (p->kind != ORC_COST_CALIBRATED) return;
  lua_getfield(L, index, "calibration");
  orc_bind_read_calibration(L, -1, &p->calibration);
  lua_pop(L, 1);
}

/* ---- a deployment, the argument ---- */

typedef struct deployment {
  orc_model model;
  orc_hardware hardware;
  orc_layout layout;
  orc_cost_params cost;
  bool has_hardware, has_layout;
} deployment;

/* Read and check the parts of the table at 1; hardware and layout may be absent. */
static void read_deployment(lua_State *L, deployment *d)
{
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  *d = (deployment){ .has_hardware = false };
  orc_error e = { .code = 0 };
  lua_getfield(L, 1, "model");
  orc_bind_read_model(L, -1, &d->model);
  if (!orc_model_check(&d->model, &e)) orc_bind_raise(L, &e);
  d->has_hardware = lua_getfield(L, 1, "hardware") != LUA_TNIL;
  if (d->has_hardware) {
    orc_bind_read_hardware(L, -1, &d->hardware);
    if (!orc_hardware_check(&d->hardware, &e)) orc_bind_raise(L, &e);
  }
  d->has_layout = lua_getfield(L, 1, "layout") != LUA_TNIL;
  if (d->has_layout) {
    orc_bind_read_layout(L, -1, &d->model, &d->layout);
    if (!orc_layout_check(&d->layout, &d->model, &e)) orc_bind_raise(L, &e);
  }
  lua_getfield(L, 1, "cost");
  orc_bind_read_cost_params(L, -1, &d->cost);
  if (!orc_cost_params_check(&d->cost, &e)) orc_bind_raise(L, &e);
  lua_settop(L, 1);
}

void orc_bind_read_argument(lua_State *L, orc_step_cost *c)
{
  deployment d;
  orc_error e = { .code = 0 };
  read_deployment(L, &d);
  if (!d.has_hardware) orc_bind_fail(L, "hardware: missing, a table expected");
  if (!d.has_layout) orc_bind_fail(L, "layout: missing, a table expected");
  if (!orc_step_cost_init(c, &d.model, &d.hardware, &d.layout, &d.cost, &e)) orc_bind_raise(L, &e);
}

static int at_least_one(lua_State *L, const char *key)
{
  const int64_t v = orc_bind_integer(L, 1, "memory", key);
  if (v < 1 || v > INT_MAX)
    orc_bind_fail(L, "memory.%s: %I, expected a count of at least 1", key, (LUAI_UACINT)v);
  return (int)v;
}

/* NAME = { layers =, bytes = } of the table on top; absent without layers. */
static void put_kind(lua_State *L, const char *name, int layers, double bytes)
{
  if (layers == 0) return;
  lua_createtable(L, 0, 2);
  orc_bind_put_number(L, "layers", layers);
  orc_bind_put_number(L, "bytes", bytes);
  lua_setfield(L, -2, name);
}

/* kinds of the stage's layers that keep something of a sequence. */
static void put_kinds(lua_State *L, const deployment *d, orc_stage stage)
{
  int count[ORC_BLOCKS];
  const orc_model *m = &d->model;
  orc_model_blocks(m, stage.first_layer, stage.first_layer + stage.layers, count);
  lua_createtable(L, 0, 3);
  put_kind(L, "windowed", count[ORC_BLOCK_WINDOWED],
           orc_layout_layer_kv_bytes(&d->layout, m, ORC_BLOCK_WINDOWED));
  put_kind(L, "full", count[ORC_BLOCK_FULL],
           orc_layout_layer_kv_bytes(&d->layout, m, ORC_BLOCK_FULL));
  put_kind(L, "state", count[ORC_BLOCK_STATE], orc_layout_state_bytes(&d->layout, m));
  lua_setfield(L, -2, "kinds");
}

/*
** stages = { { layers =, weight_bytes =, kv_bytes_per_token =, kinds = { windowed | full = { layers,
** bytes per token and layer }, state = { layers, bytes per sequence and layer } } }, ... } of the
** table on top.
*/
static void put_stages(lua_State *L, const deployment *d)
{
  lua_createtable(L, d->layout.pipeline_parallel_size, 0);
  for (int i = 0; i < d->layout.pipeline_parallel_size; i++) {
    const orc_stage stage = orc_layout_stage(&d->layout, &d->model, i);
    lua_createtable(L, 0, 4);
    orc_bind_put_number(L, "layers", stage.layers);
    orc_bind_put_number(L, "weight_bytes",
                        orc_layout_stage_weight_bytes(&d->layout, &d->model, stage));
    orc_bind_put_number(L, "kv_bytes_per_token",
                        orc_layout_range_kv_bytes(&d->layout, &d->model, stage.first_layer,
                                                  stage.first_layer + stage.layers));
    orc_bind_put_number(L, "adapter_bytes", orc_adapter_of(&d->layout, &d->model, stage).weights);
    put_kinds(L, d, stage);
    lua_rawseti(L, -2, i + 1);
  }
  lua_setfield(L, -2, "stages");
}

static int memory(lua_State *L)
{
  deployment d;
  read_deployment(L, &d);
  if (!d.has_layout) orc_bind_fail(L, "layout: missing, a table expected");
  const int tokens = at_least_one(L, "max_num_batched_tokens");
  const int seqs = at_least_one(L, "max_num_seqs");
  const double logit = orc_bind_number_or(L, 1, "memory", "logit_bytes", 36.0);
  lua_getfield(L, 1, "experts_held");
  const bool held = lua_toboolean(L, -1);
  lua_pop(L, 1);
  lua_createtable(L, 0, 4);
  orc_bind_put_number(L, "weight_bytes", orc_layout_weight_bytes(&d.layout, &d.model));
  orc_bind_put_number(L, "kv_bytes_per_token", orc_layout_kv_bytes(&d.layout, &d.model));
  orc_bind_put_number(L, "activation_bytes",
                      orc_layout_activation_bytes(&d.layout, &d.model, tokens, seqs, logit, held));
  orc_bind_put_number(L, "overhead_bytes", orc_layout_overhead_bytes(&d.layout));
  const int window = d.model.compress_window;
  orc_bind_put_number(L, "window_bytes", window > 0 ? window * orc_model_entry_bytes(&d.model) : 0);
  put_stages(L, &d);
  return 1;
}

static int parameters(lua_State *L)
{
  orc_model m;
  orc_error e = { .code = 0 };
  luaL_checktype(L, 1, LUA_TTABLE);
  orc_bind_read_model(L, 1, &m);
  if (!orc_model_check(&m, &e)) orc_bind_raise(L, &e);
  lua_createtable(L, 0, 7);
  orc_bind_put_number(L, "total", orc_model_parameters(&m));
  orc_bind_put_number(L, "tower", m.tower_parameters);
  orc_bind_put_number(L, "active", orc_model_active_parameters(&m));
  orc_bind_put_number(L, "layer", orc_model_layer_parameters(&m));
  orc_bind_put_number(L, "embedding", orc_model_embedding_parameters(&m));
  orc_bind_put_number(L, "lm_head", orc_model_lm_head_parameters(&m));
  lua_createtable(L, 0, ORC_PARTS);
  for (int i = 0; i < ORC_PARTS; i++)
    orc_bind_put_number(L, part_names[i], orc_model_part_parameters(&m, (orc_part)i));
  lua_setfield(L, -2, "parts");
  return 1;
}

static int check(lua_State *L)
{
  deployment d;
  read_deployment(L, &d);
  orc_step_cost c;
  orc_error e = { .code = 0 };
  if (d.has_hardware && d.has_layout &&
      !orc_step_cost_init(&c, &d.model, &d.hardware, &d.layout, &d.cost, &e))
    orc_bind_raise(L, &e);
  lua_pushboolean(L, true);
  return 1;
}

int orc_bind_cost_part_formats(lua_State *L)
{
  deployment d;
  read_deployment(L, &d);
  if (!d.has_layout) orc_bind_fail(L, "layout: missing, a table expected");
  lua_createtable(L, 0, ORC_PARTS);
  for (int i = 0; i < ORC_PARTS; i++)
    orc_bind_put_text(L, part_names[i],
                      orc_dtype_name(orc_layout_part_format(&d.layout, (orc_part)i)));
  return 1;
}

int orc_bind_cost(lua_State *L)
{
  static const luaL_Reg functions[] = {
    { "ops", orc_bind_cost_ops },
    { "memory", memory },
    { "parameters", parameters },
    { "step", orc_bind_cost_step },
    { "send", orc_bind_cost_send },
    { "prepare", orc_bind_cost_prepare },
    { "price", orc_bind_cost_price },
    { "reprice", orc_bind_cost_reprice },
    { "calibration", orc_bind_cost_calibration },
    { "calibration_fields", orc_bind_cost_calibration_fields },
    { "part_formats", orc_bind_cost_part_formats },
    { "check", check },
    { "dtypes", orc_bind_cost_dtypes },
    { "flops", orc_bind_cost_flops },
    { "asked", orc_bind_own_cost_asked },
    { "measured_time", orc_bind_measured_time },
    { NULL, NULL },
  };
  luaL_newlib(L, functions);
  return 1;
}
