/* ops.c - the operations a step is made of, as Lua sees them: oracle.core.cost.ops. */
#include <lauxlib.h>

#include "bind/cost/cost.h"
#include "cost/op.h"

static const char *const part_names[ORC_PARTS] = {
  [ORC_PART_QKV] = "qkv",
  [ORC_PART_OUTPUT] = "output",
  [ORC_PART_UP] = "mlp up",
  [ORC_PART_DOWN] = "mlp down",
  [ORC_PART_ROUTER] = "router",
  [ORC_PART_EXPERT] = "experts",
  [ORC_PART_SHARED] = "shared experts",
};

/* Append { name, flops, weights, bytes, per } to the list on top of the stack. */
static void append(lua_State *L, const char *name, const orc_op *op, const char *per)
{
  lua_createtable(L, 0, 5);
  lua_pushstring(L, name);
  lua_setfield(L, -2, "name");
  lua_pushnumber(L, op->flops);
  lua_setfield(L, -2, "flops");
  lua_pushnumber(L, op->weights);
  lua_setfield(L, -2, "weights");
  lua_pushnumber(L, op->bytes);
  lua_setfield(L, -2, "bytes");
  lua_pushstring(L, per);
  lua_setfield(L, -2, "per");
  lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
}

static void append_attention(lua_State *L, const orc_attention *a, bool windowed)
{
  if (a->kv_bytes <= 0.0) return;
  append(L, windowed ? "attention in window, decode" : "attention, decode",
         &(orc_op){ .flops = a->context_flops, .bytes = a->kv_bytes }, "token of context");
  append(L, windowed ? "attention in window, prefill" : "attention, prefill",
         &(orc_op){ .flops = a->pair_flops }, "query-key pair");
}

int orc_bind_cost_ops(lua_State *L)
{
  orc_model m;
  orc_layout l;
  orc_error e = { 0 };
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_getfield(L, 1, "model");
  orc_bind_read_model(L, lua_gettop(L), &m);
  if (!orc_model_check(&m, &e)) orc_bind_raise(L, &e);
  lua_getfield(L, 1, "layout");
  orc_bind_read_layout(L, lua_gettop(L), &m, &l);
  if (!orc_layout_check(&l, &m, &e)) orc_bind_raise(L, &e);
  const orc_stage all = { .layers = m.num_hidden_layers, .embedding = true, .lm_head = true };
  const orc_ops o = orc_ops_of(&l, &m, all);
  lua_newtable(L);
  for (int i = 0; i < o.count; i++)
    append(L, part_names[o.gemm[i].part], &o.gemm[i], "token");
  append_attention(L, &o.full, false);
  append_attention(L, &o.windowed, true);
  append(L, "norms and the like", &(orc_op){ .weights = o.other_weights, .bytes = o.other_bytes },
         "token");
  append(L, "lm head", &o.lm_head, "sampled token");
  return 1;
}
