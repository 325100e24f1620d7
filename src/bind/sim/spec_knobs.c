#include "bind/sim/spec_knobs.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "bind/put.h"
#include "bind/sim/spec_lora.h"
#include "bind/sim/spec_rules.h"
#include "bind/sim/spec_speculation.h"

/* ---- the rows, for Lua ---- */

static const char *type_name(const orc_knob *row)
{
  switch (row->type) {
  case ORC_KNOB_BOOL:
    return "boolean";
  case ORC_KNOB_DOUBLE:
    return "number";
  case ORC_KNOB_ONLOAD:
    return "choice";
  default:
    return "count";
  }
}

/* A value of the row's type, which a double holds exactly. */
static void set_value(lua_State *L, const char *key, const orc_knob *row, double value)
{
  if (row->type == ORC_KNOB_BOOL)
    lua_pushboolean(L, value != 0.0);
  else if (row->values != NULL)
    lua_pushstring(L, row->values[(int)value]);
  else if (row->type == ORC_KNOB_DOUBLE)
    lua_pushnumber(L, value);
  else
    lua_pushinteger(L, (lua_Integer)value);
  lua_setfield(L, -2, key);
}

static void push_row(lua_State *L, const orc_knob *row)
{
  static const char *const givers[] = {
    [ORC_KNOB_ENGINE] = "engine", [ORC_KNOB_SCENARIO] = "scenario", [ORC_KNOB_PLAN] = "plan"
  };
  lua_createtable(L, 1, 10);
  lua_pushstring(L, row->name);
  lua_rawseti(L, -2, 1);
  orc_bind_put_text(L, "type", type_name(row));
  orc_bind_put_text(L, "giver", givers[row->giver]);
  orc_bind_put_text(L, "dimension", row->dimension);
  orc_bind_put_text(L, "fixed", row->fixed);
  orc_bind_put_text(L, "needs", row->needs);
  orc_bind_put_text(L, "doc", row->doc);
  if (row->otherwise >= row->least) set_value(L, "default", row, row->otherwise);
  if (row->values != NULL) {
    lua_newtable(L);
    for (int i = 0; row->values[i] != NULL; i++) {
      lua_pushstring(L, row->values[i]);
      lua_rawseti(L, -2, i + 1);
    }
    lua_setfield(L, -2, "values");
  } else if (row->type != ORC_KNOB_BOOL) {
    set_value(L, "min", row, row->least);
    set_value(L, "max", row, row->most);
  }
}

int orc_bind_knobs(lua_State *L)
{
  int count;
  const orc_knob *rows = orc_knobs(&count);
  lua_createtable(L, count, 0);
  for (int i = 0; i < count; i++) {
    push_row(L, &rows[i]);
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

/* ---- values ---- */

_Noreturn static void refuse(lua_State *L, const orc_knob *row)
{
  char range[96];
  snprintf(range, sizeof range, "%s from %.17g to %.17g",
           row->type == ORC_KNOB_DOUBLE ? "a number" : "a whole number", row->least, row->most);
  const char *expected = row->type == ORC_KNOB_BOOL ? "true or false" : range;
  if (row->values != NULL) {
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    luaL_addstring(&b, "one of ");
    for (int i = 0; row->values[i] != NULL; i++) {
      if (i > 0) luaL_addstring(&b, ", ");
      luaL_addstring(&b, row->values[i]);
    }
    luaL_pushresult(&b);
    expected = lua_tostring(L, -1);
  }
  orc_bind_fail(L, "engine.%s: %s expected", row->name, expected);
}

/* The place of the text on top among the row's; -1: it is none of them. */
static double place_of(lua_State *L, const orc_knob *row)
{
  const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
  for (int i = 0; row->values[i] != NULL; i++)
    if (strcmp(text, row->values[i]) == 0) return i;
  return -1.0;
}

/* Pops the value of a knob into *k. */
static void take(lua_State *L, orc_engine_knobs *k, const orc_knob *row)
{
  double value;
  int whole = 1;
  if (row->type == ORC_KNOB_BOOL) {
    whole = lua_isboolean(L, -1);
    value = lua_toboolean(L, -1);
  } else if (row->values != NULL) {
    value = place_of(L, row);
  } else {
    if (row->type != ORC_KNOB_DOUBLE) lua_tointegerx(L, -1, &whole);
    value = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : row->least - 1.0;
  }
  if (!whole || !(value >= row->least && value <= row->most)) refuse(L, row);
  orc_knob_set(k, row, value);
  lua_pop(L, 1);
}

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

/* The group on top: { keep =, reach = tokens, block_size = tokens }. */
static orc_kv_group read_group(lua_State *L, int i, const orc_engine_knobs *k)
{
  static const char *const keeps[] = {
    [ORC_KV_FULL] = "full",   [ORC_KV_SLIDING] = "sliding", [ORC_KV_CHUNKED] = "chunked",
    [ORC_KV_STATE] = "state", [ORC_KV_ALIGNED] = "aligned", [ORC_KV_KEEPS] = NULL
  };
  const int t = lua_gettop(L);
  luaL_checktype(L, t, LUA_TTABLE);
  lua_getfield(L, t, "keep");
  const orc_kv_keep keep = (orc_kv_keep)luaL_checkoption(L, -1, NULL, keeps);
  lua_pop(L, 1);
  const int64_t size = orc_bind_integer_or(L, t, "kv_groups", "block_size", k->block_size);
  const int64_t reach = orc_bind_integer_or(L, t, "kv_groups", "reach", 0);
  const bool reaches = keep == ORC_KV_SLIDING || keep == ORC_KV_CHUNKED;
  if (size < 1 || size > INT32_MAX || reach < reaches || reach > INT32_MAX)
    orc_bind_fail(L, "kv_groups[%d]: a block and a reach of a token at least expected", i);
  if (k->enable_prefix_caching && size != k->block_size)
    orc_bind_fail(L, "kv_groups[%d].block_size: that of the engine expected, blocks being cached",
                  i);
  return (orc_kv_group){ .keep = keep, .reach = (int32_t)reach, .block_size = (int32_t)size };
}

/* engine.kv_groups of the table at `index`: the groups of layers that keep different parts of a
** sequence. */
static void read_groups(lua_State *L, int index, orc_engine_knobs *k)
{
  if (lua_getfield(L, index, "kv_groups") == LUA_TTABLE) {
    const int list = lua_gettop(L);
    k->group_count = (int)lua_rawlen(L, list);
    if (k->group_count > ORC_KV_GROUPS_MOST)
      orc_bind_fail(L, "kv_groups: at most %d groups expected", ORC_KV_GROUPS_MOST);
    if (k->tier_count > 0 || k->swap || k->num_gpu_blocks >= ORC_NULL_BLOCK)
      orc_bind_fail(L, "kv_groups: fewer than 2^32 blocks, and no memory below them expected");
    for (int i = 0; i < k->group_count; i++) {
      lua_rawgeti(L, list, i + 1);
      k->groups[i] = read_group(L, i + 1, k);
      lua_pop(L, 1);
    }
  }
  lua_pop(L, 1);
}

orc_engine_knobs orc_bind_read_knobs(lua_State *L, int index)
{
  int count;
  const orc_knob *rows = orc_knobs(&count);
  orc_engine_knobs k = orc_knobs_default();
  lua_getfield(L, index, "engine");
  const int t = lua_gettop(L);
  for (int i = 0; i < count; i++) {
    const bool absent = lua_getfield(L, t, rows[i].name) == LUA_TNIL;
    if (absent && rows[i].otherwise >= rows[i].least)
      lua_pop(L, 1);
    else
      take(L, &k, &rows[i]);
  }
  if (k.max_num_batched_tokens < k.max_num_seqs)
    orc_bind_fail(L, "engine.max_num_batched_tokens: at least max_num_seqs expected");
  read_tiers(L, t, &k);
  read_groups(L, t, &k);
  k.rules = orc_bind_read_rules(L, t);
  k.lora = orc_bind_read_lora(L, t);
  k.speculation = orc_bind_read_speculation(L, t);
  lua_pop(L, 1);
  return k;
}

uint64_t orc_bind_read_changes(lua_State *L, int index, orc_engine_knobs *k)
{
  int count;
  const orc_knob *rows = orc_knobs(&count);
  uint64_t which = 0;
  for (int i = 0; i < count; i++) {
    if (lua_getfield(L, index, rows[i].name) == LUA_TNIL) {
      lua_pop(L, 1);
      continue;
    }
    if (rows[i].fixed != NULL) orc_bind_fail(L, "engine.%s: %s", rows[i].name, rows[i].fixed);
    take(L, k, &rows[i]);
    which |= (uint64_t)1 << i;
  }
  return which;
}
