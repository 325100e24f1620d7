#include "bind/sim/spec_knobs.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "bind/put.h"
#include "bind/sim/spec_rules.h"

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
  k.rules = orc_bind_read_rules(L, t);
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
