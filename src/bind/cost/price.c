/*
** price.c - what steps of a deployment cost, as Lua asks it: oracle.core.cost. Functions take or give
**   a deployment   { model =, hardware =, layout = [, cost =] }, each as bind/cost/cost.h says
**   a shape        the fields of orc_step_shape (windowed ones as the full ones unless given), and
**                  chunks = { { tokens =, past =, samples = }, ... } to be added
**   a time         { gemm, attention, lm_head, other, collective, exchange, overhead, total } in s,
**                  { flops, bytes } of one GPU
**
**   step{deployment, shape = [, own_cost =]}   its time
**   prepare{deployment [, shapes = list]}      what the next two price, prepared once
**   price(prepared, shape)                     the time of a step of it
**   calibration{...}                           parameters of cost/calibrated.h, checked, for reprice
**   reprice(prepared, calibration [, list])    s of each of its shapes under these, in the list
*/
#include <lauxlib.h>

#include "bind/cost/cost.h"
#include "bind/cost/own_cost.h"
#include "bind/put.h"

#define PREPARED "oracle.prepared_cost"
#define CALIBRATION "oracle.calibration"

static void need_table(lua_State *L, int index, const char *what)
{
  if (!lua_istable(L, index))
    orc_bind_fail(L, "%s: a table expected, got %s", what, luaL_typename(L, index));
}

/* ---- the shape of a step ---- */

#define MANY ((int64_t)1 << 53) /* whole numbers beyond are not exact in the sums */

static int64_t amount(lua_State *L, int index, const char *key, int64_t otherwise)
{
  const int64_t v = orc_bind_integer_or(L, index, "shape", key, otherwise);
  if (v < 0 || v > MANY)
    orc_bind_fail(L, "shape.%s: %I, expected a count of at least 0", key, (LUAI_UACINT)v);
  return v;
}

static double pairs(lua_State *L, int index, const char *key, double otherwise)
{
  const double v = orc_bind_number_or(L, index, "shape", key, otherwise);
  if (!(v >= 0.0 && v <= 1e300))
    orc_bind_fail(L, "shape.%s: %f, expected a number of at least 0", key, v);
  return v;
}

static void add_chunks(lua_State *L, int index, const orc_model *m, orc_step_shape *s)
{
  if (lua_getfield(L, index, "chunks") != LUA_TNIL) {
    need_table(L, -1, "shape.chunks");
    const int list = lua_gettop(L);
    const lua_Integer count = luaL_len(L, list);
    for (lua_Integer i = 1; i <= count; i++) {
      lua_geti(L, list, i);
      need_table(L, -1, "shape.chunks");
      const int64_t tokens = amount(L, list + 1, "tokens", 0),
                    past = amount(L, list + 1, "past", 0);
      if (tokens < 1) orc_bind_fail(L, "shape.chunks: tokens of at least 1 expected");
      orc_step_shape_add_chunk(s, m, tokens, past,
                               orc_bind_bool_or(L, list + 1, "shape.chunks", "samples", false));
      lua_pop(L, 1);
    }
  }
  lua_pop(L, 1);
}

/* verified: sequences that decode and verify, a list of { past =, drafts = }. */
static void add_verified(lua_State *L, int index, const orc_model *m, orc_step_shape *s)
{
  if (lua_getfield(L, index, "verified") != LUA_TNIL) {
    const int list = lua_gettop(L);
    need_table(L, list, "shape.verified");
    for (lua_Integer i = 1, n = luaL_len(L, list); i <= n; i++) {
      lua_geti(L, list, i);
      need_table(L, -1, "shape.verified");
      const int64_t past = amount(L, list + 1, "past", 0),
                    drafts = amount(L, list + 1, "drafts", 0);
      orc_step_shape_add_verified(s, m, past, drafts);
      lua_pop(L, 1);
    }
  }
  lua_pop(L, 1);
}

static orc_step_shape read_shape(lua_State *L, int index, const orc_model *m)
{
  need_table(L, index, "shape");
  orc_step_shape s = { .sampled = 0 };
  s.decode_seqs = amount(L, index, "decode_seqs", 0);
  s.decode_context = amount(L, index, "decode_context", s.decode_seqs);
  s.decode_window = amount(L, index, "decode_window", s.decode_context);
  s.prefill_tokens = amount(L, index, "prefill_tokens", 0);
  s.prefill_seqs = amount(L, index, "prefill_seqs", s.prefill_tokens > 0 ? 1 : 0);
  s.prefill_pairs = pairs(L, index, "prefill_pairs", 0.0);
  s.prefill_window_pairs = pairs(L, index, "prefill_window_pairs", s.prefill_pairs);
  s.prefill_past = amount(L, index, "prefill_past", 0);
  s.prefill_window_past = amount(L, index, "prefill_window_past", s.prefill_past);
  s.all_tokens = amount(L, index, "all_tokens", 0);
  s.sampled = amount(L, index, "sampled", s.decode_seqs);
  s.adapted_tokens = amount(L, index, "adapted_tokens", 0);
  s.adapters = amount(L, index, "adapters", 0);
  add_chunks(L, index, m, &s);
  add_verified(L, index, m, &s);
  return s;
}

static int push_time(lua_State *L, const orc_step_time *t)
{
  lua_createtable(L, 0, 10);
  orc_bind_put_number(L, "gemm", t->gemm);
  orc_bind_put_number(L, "attention", t->attention);
  orc_bind_put_number(L, "lm_head", t->lm_head);
  orc_bind_put_number(L, "other", t->other);
  orc_bind_put_number(L, "collective", t->collective);
  orc_bind_put_number(L, "exchange", t->exchange);
  orc_bind_put_number(L, "overhead", t->overhead);
  orc_bind_put_number(L, "total", t->total);
  orc_bind_put_number(L, "flops", t->flops);
  orc_bind_put_number(L, "bytes", t->bytes);
  return 1;
}

int orc_bind_cost_step(lua_State *L)
{
  orc_step_cost c;
  orc_bind_read_argument(L, &c);
  lua_getfield(L, 1, "shape");
  const orc_step_shape s = read_shape(L, lua_gettop(L), &c.model);
  if (lua_getfield(L, 1, "own_cost") == LUA_TTABLE) c.own = orc_bind_own_cost(L, -1, NULL);
  const orc_step_time t = orc_step_evaluate(&c, &s);
  if (c.own != NULL) orc_bind_own_cost_check(L, c.own);
  return push_time(L, &t);
}

int orc_bind_cost_send(lua_State *L)
{
  orc_step_cost c;
  orc_bind_read_argument(L, &c);
  const double tokens = orc_bind_number(L, 1, "send", "tokens");
  const orc_layout *l = &c.layout;
  const double bytes = tokens * c.model.hidden_size * orc_dtype_bytes(l->activations);
  const orc_link *link = orc_hardware_peer_link(&c.hardware);
  const orc_group next = { .ranks = 2, .latency = link->latency, .bandwidth = link->bandwidth };
  const int ways = l->pipeline_parallel_size - 1;
  lua_pushnumber(L, ways > 0 ? ways * orc_group_message(&next, bytes) : 0.0);
  return 1;
}

/* ---- many prices of one deployment ---- */

typedef struct prepared {
  orc_step_cost cost;
  int count;
  orc_step_shape shapes[];
} prepared;

int orc_bind_cost_prepare(lua_State *L)
{
  orc_step_cost c;
  orc_bind_read_argument(L, &c);
  lua_Integer count = 0;
  if (lua_getfield(L, 1, "shapes") != LUA_TNIL) {
    need_table(L, 2, "shapes");
    count = luaL_len(L, 2);
  }
  prepared *p = lua_newuserdatauv(L, sizeof *p + (size_t)count * sizeof p->shapes[0], 0);
  p->cost = c;
  p->count = (int)count;
  for (lua_Integer i = 1; i <= count; i++) {
    lua_geti(L, 2, i);
    p->shapes[i - 1] = read_shape(L, lua_gettop(L), &c.model);
    lua_pop(L, 1);
  }
  luaL_setmetatable(L, PREPARED);
  return 1;
}

int orc_bind_cost_price(lua_State *L)
{
  const prepared *p = luaL_checkudata(L, 1, PREPARED);
  const orc_step_shape s = read_shape(L, 2, &p->cost.model);
  const orc_step_time t = orc_step_evaluate(&p->cost, &s);
  return push_time(L, &t);
}

int orc_bind_cost_calibration(lua_State *L)
{
  orc_calibration c = { .slice_width = 0.0 };
  orc_error e = { .code = 0 };
  orc_bind_read_calibration(L, 1, &c);
  if (!orc_calibration_check(&c, &e)) orc_bind_raise(L, &e);
  orc_calibration *out = lua_newuserdatauv(L, sizeof *out, 0);
  *out = c;
  luaL_setmetatable(L, CALIBRATION);
  return 1;
}

int orc_bind_cost_reprice(lua_State *L)
{
  const prepared *p = luaL_checkudata(L, 1, PREPARED);
  const orc_calibration *k = luaL_checkudata(L, 2, CALIBRATION);
  orc_error e = { .code = 0 };
  if (!orc_calibration_covers(k, &p->cost.layout, &p->cost.model, &e)) orc_bind_raise(L, &e);
  orc_step_cost c = p->cost;
  c.params.kind = ORC_COST_CALIBRATED;
  c.params.calibration = *k;
  orc_step_cost_rederive(&c);
  if (!lua_istable(L, 3)) {
    lua_settop(L, 2);
    lua_createtable(L, p->count, 0);
  }
  for (int i = 0; i < p->count; i++) {
    const orc_step_time t = orc_step_evaluate(&c, &p->shapes[i]);
    lua_pushnumber(L, t.total);
    lua_rawseti(L, 3, i + 1);
  }
  lua_settop(L, 3);
  return 1;
}

void orc_bind_cost_price_open(lua_State *L)
{
  luaL_newmetatable(L, PREPARED);
  luaL_newmetatable(L, CALIBRATION);
  lua_pop(L, 2);
}
