#include "bind/policy/call_context.h"

#include <lauxlib.h>

#include "bind/error.h"

static const char context_key; /* its address names the state's orc_call_context in the registry */

void orc_call_context_init(lua_State *L)
{
  orc_call_context *a = lua_newuserdatauv(L, sizeof *a, 0);
  *a = (orc_call_context){ 0 };
  lua_rawsetp(L, LUA_REGISTRYINDEX, &context_key);
}

void orc_call_context_push(lua_State *L)
{
  lua_rawgetp(L, LUA_REGISTRYINDEX, &context_key);
}

orc_call_context *orc_call_context_find(lua_State *L)
{
  orc_call_context_push(L);
  orc_call_context *a = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return a;
}

int orc_call_context_draw(lua_State *L, orc_rng *g, int index)
{
  if (lua_isnoneornil(L, index)) {
    lua_pushnumber(L, orc_rng_uniform(g));
    return 1;
  }
  const bool both = !lua_isnoneornil(L, index + 1);
  const lua_Integer low = both ? luaL_checkinteger(L, index) : 1;
  const lua_Integer high = luaL_checkinteger(L, both ? index + 1 : index);
  luaL_argcheck(L, low <= high, both ? index + 1 : index, "an empty interval");
  const uint64_t span = (uint64_t)high - (uint64_t)low + 1;
  const uint64_t drawn = span == 0 ? orc_rng_next(g) : orc_rng_below(g, span);
  lua_pushinteger(L, low + (lua_Integer)drawn);
  return 1;
}

static int draw_at(lua_State *L, int index)
{
  orc_rng *g = orc_call_context_find(L)->rng;
  if (g == NULL) orc_bind_misuse(L, "math.random: chance is only to be had inside a policy's call");
  return orc_call_context_draw(L, g, index);
}

int orc_call_context_random(lua_State *L)
{
  return draw_at(L, 1);
}

int orc_call_context_method(lua_State *L)
{
  return draw_at(L, 2);
}
