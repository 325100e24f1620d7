#include "bind/policy/call_context.h"

#include <lauxlib.h>
#include <lualib.h>
#include <sys/random.h>

#include "bind/error.h"

/* Their addresses name what is in the registry: the state's orc_call_context, and its `chance` where Lua set it. */
static const char context_key, chance_key;

/* Lua's own function, the upvalue, with the arguments given. */
static int as_lua_does(lua_State *L)
{
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
  return lua_gettop(L);
}

/* math.random([m [, n]]) of scenarios and of what is written in them. */
static int random_of_lua(lua_State *L)
{
  const orc_call_context *a = orc_call_context_find(L);
  if (a->certain)
    orc_bind_misuse(L, "math.random: what is asked here is the same whenever it is asked");
  if (a->rng != NULL) return orc_call_context_draw(L, a->rng, 1);
  return a->chance != NULL ? orc_call_context_draw(L, a->chance, 1) : as_lua_does(L);
}

/* math.randomseed([x [, y]]) */
static int seed_of_lua(lua_State *L)
{
  const orc_call_context *a = orc_call_context_find(L);
  lua_Integer any[2];
  if (lua_gettop(L) == 0 && getrandom(any, sizeof any, 0) == (ssize_t)sizeof any) {
    /* Lua would take the second and the address of its state, which may be the same as before */
    lua_pushinteger(L, any[0]);
    lua_pushinteger(L, any[1]);
  }
  const int results = as_lua_does(L); /* two whole numbers, the seed */
  if (a->chance != NULL)
    *a->chance =
        orc_rng_stream((uint64_t)lua_tointeger(L, 1), ORC_FOR_FILES, (uint64_t)lua_tointeger(L, 2));
  return results;
}

static void replace(lua_State *L, const char *name, lua_CFunction by)
{
  lua_getfield(L, -1, name);
  lua_pushcclosure(L, by, 1);
  lua_setfield(L, -2, name);
}

void orc_call_context_init(lua_State *L)
{
  orc_call_context *a = lua_newuserdatauv(L, sizeof *a, 0);
  *a = (orc_call_context){ 0 };
  lua_rawsetp(L, LUA_REGISTRYINDEX, &context_key);
  lua_getglobal(L, LUA_MATHLIBNAME);
  replace(L, "random", random_of_lua);
  replace(L, "randomseed", seed_of_lua);
  lua_pop(L, 1);
}

int orc_call_context_chance(lua_State *L)
{
  orc_call_context *a = orc_call_context_find(L);
  lua_settop(L, 1);
  if (lua_isboolean(L, 1)) {
    orc_rng *g = lua_newuserdatauv(L, sizeof *g, 0);
    *g = orc_rng_stream(0, ORC_FOR_FILES, 0);
    lua_replace(L, 1);
  }
  lua_rawgetp(L, LUA_REGISTRYINDEX, &chance_key); /* [new, old] */
  lua_pushvalue(L, 1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &chance_key);
  a->chance = lua_touserdata(L, 1);
  return 1;
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
  if (!both && high == 0) { /* as in Lua: any whole number */
    lua_pushinteger(L, (lua_Integer)orc_rng_next(g));
    return 1;
  }
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
