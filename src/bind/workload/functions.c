#include "bind/workload/functions.h"

#include <inttypes.h>
#include <lauxlib.h>
#include <stdlib.h>

#include "bind/policy/call.h"
#include "bind/policy/source_line.h"
#include "bind/workload/chance.h"
#include "bind/workload/generator.h"

enum { TOKENS_MOST = INT32_MAX / 2 };

static const char *const keys[ORC_LENGTHS] = { [ORC_LENGTH_PROMPT] = "prompt",
                                               [ORC_LENGTH_OUTPUT] = "output",
                                               [ORC_LENGTH_INPUT] = "input",
                                               [ORC_LENGTH_BOTH] = "lengths" };

typedef struct functions {
  orc_lua_policies *policies;
  const char *name;
  lua_State *main;         /* there as long as all of Lua is */
  int length[ORC_LENGTHS]; /* references; LUA_NOREF where there is none */
  int rate, chance;        /* references */
  double rate_max;
} functions;

static lua_State *state(const functions *f)
{
  return f->policies->L != NULL ? f->policies->L : f->main;
}

/* ---- what is wrong ---- */

/* The call of `function` left its error on the stack: into *e, with its line. */
static void take_error(lua_State *L, int status, int function, orc_error *e)
{
  char at[ORC_SOURCE_LINE_SIZE];
  const char *why = lua_tostring(L, -1);
  orc_policy_place(L, function, at, sizeof at);
  if (orc_policy_took_memory(L, status))
    orc_fail(e, "%s: it took more than %d MiB of memory", at, ORC_WATCHDOG_MEMORY_MIB);
  else if (why == NULL)
    orc_fail(e, "%s: an error without a message", at);
  else
    orc_fail(e, "%s", why);
}

/* The value at `index` is none that `function` may return. */
static void refuse(lua_State *L, int index, int function, const char *expected, orc_error *e)
{
  char at[ORC_SOURCE_LINE_SIZE];
  orc_policy_place(L, function, at, sizeof at);
  if (lua_type(L, index) == LUA_TNUMBER)
    orc_fail(e, "%s: %s expected, got %.14g", at, expected, lua_tonumber(L, index));
  else
    orc_fail(e, "%s: %s expected, got %s%s", at, expected, lua_isnil(L, index) ? "" : "a ",
             luaL_typename(L, index));
}

/* ---- lengths ---- */

/* The value at `index`, to the nearest whole number; false with *e. */
static bool tokens(lua_State *L, int index, int function, const char *what, int32_t *out,
                   orc_error *e)
{
  const double v = lua_tonumber(L, index) + 0.5;
  if (lua_type(L, index) == LUA_TNUMBER && v >= 1.0 && v < (double)TOKENS_MOST + 1.0) { /* no NaN */
    *out = (int32_t)v;
    return true;
  }
  char expected[80];
  snprintf(expected, sizeof expected, "%s: a number of tokens from 1 to %d", what, TOKENS_MOST);
  refuse(L, index, function, expected, e);
  return false;
}

static bool read_lengths(lua_State *L, orc_length which, int function, int32_t *prompt,
                         int32_t *output, orc_error *e)
{
  if (which == ORC_LENGTH_BOTH)
    return tokens(L, -2, function, "lengths: prompt", prompt, e) &&
           tokens(L, -1, function, "lengths: output", output, e);
  return tokens(L, -1, function, keys[which], which == ORC_LENGTH_OUTPUT ? output : prompt, e);
}

static bool length(void *self, orc_length which, const orc_length_of *of, int32_t *prompt,
                   int32_t *output, orc_error *e)
{
  const functions *f = self;
  const int function = f->length[which], results = which == ORC_LENGTH_BOTH ? 2 : 1;
  lua_State *L = state(f);
  const int top = lua_gettop(L);
  int args = 3;
  orc_policy_push(L, function);
  lua_rawgeti(L, LUA_REGISTRYINDEX, f->chance);
  lua_pushinteger(L, of->number);
  lua_pushnumber(L, of->time);
  if (which == ORC_LENGTH_OUTPUT) {
    lua_pushinteger(L, *prompt);
    args++;
  }
  const int status = orc_policy_call(f->policies, args, results, of->rng);
  bool good = status == LUA_OK;
  if (!good) take_error(L, status, function, e);
  good = good && read_lengths(L, which, function, prompt, output, e);
  if (!good) orc_script_explain(f->policies, f->name, of->number, e);
  lua_settop(L, top);
  return good;
}

/* ---- the rate ---- */

static bool rate(void *self, double time, double *out, orc_error *e)
{
  const functions *f = self;
  lua_State *L = state(f);
  const int top = lua_gettop(L);
  orc_rng none = { 0 }; /* a rate is the same whenever it is asked: it draws nothing */
  orc_policy_push(L, f->rate);
  lua_pushnumber(L, time);
  const int status = orc_policy_call(f->policies, 1, 1, &none);
  *out = lua_tonumber(L, -1);
  const bool fits = lua_type(L, -1) == LUA_TNUMBER && *out >= 0.0 && *out <= f->rate_max;
  if (status != LUA_OK) take_error(L, status, f->rate, e);
  if (status == LUA_OK && !fits) {
    char expected[120];
    snprintf(expected, sizeof expected, "rate(%.9g): requests per second from 0 to rate_max (%g)",
             time, f->rate_max);
    refuse(L, -1, f->rate, expected, e);
  }
  lua_settop(L, top);
  if (status == LUA_OK && fits) return true;
  const orc_error why = *e;
  const orc_cluster *c = f->policies->of;
  orc_fail(e, "at t=%.6f s, workload \"%s\": %s", c != NULL ? (double)c->engine.now / 1e9 : 0.0,
           f->name, why.msg);
  return false;
}

/* ---- reading ---- */

static void done(void *self)
{
  functions *f = self;
  lua_State *L = state(f);
  for (int i = 0; i < ORC_LENGTHS; i++)
    luaL_unref(L, LUA_REGISTRYINDEX, f->length[i]);
  luaL_unref(L, LUA_REGISTRYINDEX, f->rate);
  luaL_unref(L, LUA_REGISTRYINDEX, f->chance);
  free(f);
}

bool orc_bind_is_function(lua_State *L, int index, const char *key)
{
  const bool is = lua_getfield(L, index, key) == LUA_TFUNCTION;
  lua_pop(L, 1);
  return is;
}

/* A reference to the function `key` of the table at `index`; LUA_NOREF where it is none. */
static int reference(lua_State *L, int index, const char *key)
{
  if (lua_getfield(L, index, key) == LUA_TFUNCTION) return luaL_ref(L, LUA_REGISTRYINDEX);
  lua_pop(L, 1);
  return LUA_NOREF;
}

void orc_bind_functions(lua_State *L, int index, orc_lua_policies *p, const char *name,
                        orc_given *given)
{
  functions *f = orc_alloc(1, sizeof *f);
  *f = (functions){ .policies = p, .name = name, .chance = LUA_NOREF };
  for (int i = 0; i < ORC_LENGTHS; i++)
    f->length[i] = LUA_NOREF;
  f->rate = LUA_NOREF;
  *given = (orc_given){ .self = f, .length = length, .done = done };
  lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
  f->main = lua_tothread(L, -1);
  lua_pop(L, 1);
  const bool is_session = lua_getfield(L, index, "conversation") == LUA_TTABLE;
  for (int i = 0; i < ORC_LENGTHS; i++) {
    if (i == ORC_LENGTH_INPUT && !is_session) continue;
    f->length[i] = reference(L, i == ORC_LENGTH_INPUT ? lua_gettop(L) : index, keys[i]);
    if (f->length[i] != LUA_NOREF) given->lengths |= 1u << i;
  }
  lua_pop(L, 1);
  f->rate = reference(L, index, "rate");
  if (f->rate != LUA_NOREF) {
    given->rate = rate;
    given->rate_max = f->rate_max = orc_bind_number(L, index, "workload", "rate_max");
    if (!(f->rate_max > 0.0)) orc_bind_fail(L, "workload.rate_max: requests/s > 0 expected");
  }
  if (given->lengths == 0 && given->rate == NULL) {
    done(f);
    *given = (orc_given){ 0 };
    return;
  }
  orc_bind_chance(L);
  f->chance = luaL_ref(L, LUA_REGISTRYINDEX);
}
