#include "bind/dist.h"

#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { DEPTH_MOST = 8 };

static const char *const kinds[] = { "constant",  "uniform", "normal", "lognormal", "exponential",
                                     "pareto",    "weibull", "gamma",  "geometric", "linear",
                                     "empirical", "mixture", NULL };

static void read(lua_State *L, int index, const char *what, orc_dist *d, int depth);

/* Weights of a list of `n`, accumulated; all equal when none are given. */
static void read_weights(lua_State *L, int index, const char *what, orc_dist *d)
{
  double total = 0.0;
  const bool given = lua_getfield(L, index, "weights") == LUA_TTABLE;
  d->cumulative = orc_alloc((size_t)d->count, sizeof *d->cumulative);
  for (int i = 0; i < d->count; i++) {
    double w = 1.0;
    if (given) {
      lua_rawgeti(L, -1, i + 1);
      w = lua_tonumber(L, -1);
      lua_pop(L, 1);
    }
    if (!(w >= 0.0)) orc_bind_fail(L, "%s: weights >= 0 expected", what);
    total += w;
    d->cumulative[i] = total;
  }
  lua_pop(L, 1);
  if (!(total > 0.0)) orc_bind_fail(L, "%s: a weight above 0 expected", what);
}

static int list(lua_State *L, int index, const char *what, const char *key)
{
  if (lua_getfield(L, index, key) != LUA_TTABLE || lua_rawlen(L, -1) == 0)
    orc_bind_fail(L, "%s.%s: a list with at least one entry expected", what, key);
  return (int)lua_rawlen(L, -1);
}

static void read_values(lua_State *L, int index, const char *what, orc_dist *d)
{
  const int n = list(L, index, what, "values");
  d->values = orc_alloc((size_t)n, sizeof *d->values);
  d->count = n;
  for (int i = 0; i < n; i++) {
    lua_rawgeti(L, -1, i + 1);
    d->values[i] = lua_tonumber(L, -1);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  read_weights(L, index, what, d);
}

static void read_parts(lua_State *L, int index, const char *what, orc_dist *d, int depth)
{
  const int n = list(L, index, what, "parts");
  d->parts = orc_alloc((size_t)n, sizeof *d->parts);
  d->count = n;
  for (int i = 0; i < n; i++) {
    lua_rawgeti(L, -1, i + 1);
    read(L, lua_gettop(L), what, &d->parts[i], depth + 1);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  read_weights(L, index, what, d);
}

/* A draw of them is a number, if a large one. lua/oracle/scenario/dist has words for a person. */
static void check_parameters(lua_State *L, const char *what, const orc_dist *d)
{
  const bool shaped =
      d->kind == ORC_DIST_GAMMA || d->kind == ORC_DIST_PARETO || d->kind == ORC_DIST_WEIBULL;
  bool good = isfinite(d->a) && isfinite(d->b) && isfinite(d->b - d->a) && d->span > 0.0;
  if (shaped) good = good && d->a >= ORC_DIST_SHAPE_LEAST && d->a <= ORC_DIST_SHAPE_MOST;
  if (d->kind == ORC_DIST_GEOMETRIC) good = good && d->a > 0.0 && d->a <= 1.0;
  if (!good) orc_bind_fail(L, "%s: parameters that make no distribution", what);
}

static void read(lua_State *L, int index, const char *what, orc_dist *d, int depth)
{
  if (depth > DEPTH_MOST)
    orc_bind_fail(L, "%s: mixtures nested more than %d deep", what, DEPTH_MOST);
  if (!lua_istable(L, index) || lua_getfield(L, index, "kind") != LUA_TSTRING)
    orc_bind_fail(L, "%s: a distribution expected", what);
  const char *kind = lua_tostring(L, -1);
  int k = 0;
  while (kinds[k] != NULL && strcmp(kinds[k], kind) != 0)
    k++;
  if (kinds[k] == NULL) orc_bind_fail(L, "%s: unknown distribution \"%s\"", what, kind);
  lua_pop(L, 1);
  d->kind = (orc_dist_kind)k;
  d->a = orc_bind_number_or(L, index, what, "a", 0.0);
  d->b = orc_bind_number_or(L, index, what, "b", 0.0);
  d->span = orc_bind_number_or(L, index, what, "span", 1.0);
  d->has_min = lua_getfield(L, index, "min") != LUA_TNIL;
  d->has_max = lua_getfield(L, index, "max") != LUA_TNIL;
  lua_pop(L, 2);
  d->min = orc_bind_number_or(L, index, what, "min", 0.0);
  d->max = orc_bind_number_or(L, index, what, "max", 0.0);
  check_parameters(L, what, d);
  if (d->kind == ORC_DIST_EMPIRICAL) read_values(L, index, what, d);
  if (d->kind == ORC_DIST_MIXTURE) read_parts(L, index, what, d, depth);
}

void orc_bind_dist(lua_State *L, int index, const char *what, const char *key, orc_dist *d)
{
  char path[128];
  snprintf(path, sizeof path, "%s.%s", what, key);
  lua_getfield(L, index, key);
  read(L, lua_gettop(L), path, d, 0);
  lua_pop(L, 1);
}
