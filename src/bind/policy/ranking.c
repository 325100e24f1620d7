#include "bind/policy/ranking.h"

#include <lauxlib.h>
#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "base/spelling.h"
#include "bind/error.h"
#include "bind/policy/call_context.h"
#include "bind/policy/cluster_rows.h"

typedef struct weights {
  double of[ORC_CLUSTER_COLUMNS];
  bool any;
} weights;

typedef struct ranking {
  weights score, ties;
  double within, temperature;
  bool decoders;
} ranking;

orc_ranking_room orc_ranking_reserve(lua_State *L, int upvalue, int count)
{
  const size_t each = sizeof(double) + sizeof(int64_t) + sizeof(int);
  const size_t has = lua_rawlen(L, upvalue) / each;
  const size_t needs = has < (size_t)count ? 2 * (size_t)count : has;
  if (needs > has) {
    lua_newuserdatauv(L, needs * each, 0);
    lua_replace(L, upvalue);
  }
  orc_ranking_room room = { .score = lua_touserdata(L, upvalue) };
  room.value = (int64_t *)(room.score + needs);
  room.row = (int *)(room.value + needs);
  return room;
}

/* ---- reading ---- */

static double number_at_top(lua_State *L, const char *name, double least)
{
  int is_number = lua_type(L, -1) == LUA_TNUMBER;
  const double x = is_number ? lua_tonumber(L, -1) : 0.0;
  if (!is_number || !isfinite(x) || x < least)
    orc_bind_misuse(L, "c:best: %s: a number%s expected", name, least == 0.0 ? " >= 0" : "");
  return x;
}

static _Noreturn void refuse_name(lua_State *L, const char *name)
{
  const char *near = orc_spelling_nearest(name, orc_cluster_columns.names, ORC_CLUSTER_COLUMNS);
  if (near != NULL)
    orc_bind_misuse(L, "c:best: no column \"%s\"; did you mean \"%s\"?", name, near);
  orc_bind_misuse(L, "c:best: no column \"%s\"", name);
}

/* The weight on top is that of a column. */
static void read_weight(lua_State *L, const orc_cluster_scope *s, const char *name, weights *w)
{
  int column = 0;
  while (column < ORC_CLUSTER_COLUMNS && strcmp(orc_cluster_columns.names[column], name) != 0)
    column++;
  if (column == ORC_CLUSTER_COLUMNS) refuse_name(L, name);
  orc_cluster_may_ask(L, s, (orc_cluster_column)column);
  w->of[column] = number_at_top(L, name, -INFINITY);
  w->any = true;
}

/* The name of the pair on top. */
static const char *name_of_pair(lua_State *L)
{
  if (lua_type(L, -2) != LUA_TSTRING)
    orc_bind_misuse(L, "c:best: names of columns expected, got a %s", luaL_typename(L, -2));
  return lua_tostring(L, -2);
}

static void read_ties(lua_State *L, const orc_cluster_scope *s, weights *w)
{
  if (!lua_istable(L, -1)) orc_bind_misuse(L, "c:best: ties: a table of weights expected");
  for (lua_pushnil(L); lua_next(L, -2) != 0; lua_pop(L, 1))
    read_weight(L, s, name_of_pair(L), w);
}

static ranking read(lua_State *L, const orc_cluster_scope *s)
{
  ranking r = { .within = 0.0 };
  if (!lua_istable(L, 2))
    orc_bind_misuse(L, "c:best: a table of weights expected, such as { in_flight = -1 }");
  for (lua_pushnil(L); lua_next(L, 2) != 0; lua_pop(L, 1)) {
    const char *name = name_of_pair(L);
    if (strcmp(name, "ties") == 0)
      read_ties(L, s, &r.ties);
    else if (strcmp(name, "within") == 0)
      r.within = number_at_top(L, name, 0.0);
    else if (strcmp(name, "temperature") == 0)
      r.temperature = number_at_top(L, name, 0.0);
    else if (strcmp(name, "decoders") == 0)
      r.decoders = lua_toboolean(L, -1);
    else
      read_weight(L, s, name, &r.score);
  }
  return r;
}

/* ---- ranking ---- */

/* Column by column, in the order that they have: sums are the same however a table is laid out. */
static void score(const orc_cluster_scope *s, const weights *w, const orc_ranking_room *room, int n)
{
  double *sum = room->score;
  bool first = true;
  for (int column = 0; column < ORC_CLUSTER_COLUMNS; column++) {
    const double weight = w->of[column];
    if (weight == 0.0) continue;
    orc_cluster_fill(s, (orc_cluster_column)column, room->row, n, room->value);
    for (int i = 0; i < n; i++)
      sum[i] = (first ? 0.0 : sum[i]) + weight * (double)room->value[i];
    first = false;
  }
  if (first) memset(sum, 0, (size_t)n * sizeof *sum);
}

/* Four by four, for a comparison takes longer than the next may wait for it. */
static double highest(const orc_ranking_room *room, int n)
{
  double high[4] = { -INFINITY, -INFINITY, -INFINITY, -INFINITY };
  int i = 0;
  for (; i + 4 <= n; i += 4)
    for (int k = 0; k < 4; k++)
      high[k] = room->score[i + k] > high[k] ? room->score[i + k] : high[k];
  for (; i < n; i++)
    high[0] = room->score[i] > high[0] ? room->score[i] : high[0];
  for (int k = 1; k < 4; k++)
    high[0] = high[k] > high[0] ? high[k] : high[0];
  return high[0];
}

static bool is_best(double score, double high, double within)
{
  return score == high || high - score < within;
}

static int first_best(const orc_ranking_room *room, int n, double within)
{
  const double high = highest(room, n);
  int i = 0;
  while (i < n - 1 && !is_best(room->score[i], high, within))
    i++;
  return room->row[i];
}

/* The rows with the highest scores stay; returns how many. */
static int keep_best(const orc_ranking_room *room, int n, double within)
{
  const double high = highest(room, n), *score = room->score;
  int *row = room->row, kept = 0;
  for (int i = 0; i < n; i++)
    if (is_best(score[i], high, within)) row[kept++] = row[i];
  return kept;
}

/* A row by chance: scores are likelihoods then. */
static int draw(lua_State *L, const orc_ranking_room *room, int n, double temperature)
{
  orc_rng *g = orc_call_context_find(L)->rng;
  if (g == NULL) orc_bind_misuse(L, "c:best: chance is only to be had inside a policy's call");
  const double high = highest(room, n);
  double low = high, total = 0.0;
  for (int i = 0; i < n; i++)
    if (room->score[i] < low) low = room->score[i];
  const double span = high > low ? high - low : 1.0;
  for (int i = 0; i < n; i++) {
    room->score[i] = exp((room->score[i] - high) / span / temperature);
    total += room->score[i];
  }
  double x = orc_rng_uniform(g) * total;
  for (int i = 0; i < n; i++) {
    x -= room->score[i];
    if (x < 0.0) return room->row[i];
  }
  return room->row[n - 1];
}

int orc_ranking_best(lua_State *L, int upvalue, const orc_cluster_scope *s)
{
  const ranking r = read(L, s);
  const int ready = orc_cluster_ready(s), first = r.decoders ? ready : 0;
  int n = r.decoders ? orc_cluster_decoders(s) : ready;
  if (n == 0) {
    lua_pushnil(L);
    return 1;
  }
  const orc_ranking_room room = orc_ranking_reserve(L, upvalue, n);
  for (int i = 0; i < n; i++)
    room.row[i] = first + i;
  score(s, &r.score, &room, n);
  if (r.temperature > 0.0) {
    lua_pushinteger(L, draw(L, &room, n, r.temperature) + 1);
    return 1;
  }
  if (r.ties.any) {
    n = keep_best(&room, n, r.within);
    if (n > 1) score(s, &r.ties, &room, n);
  }
  lua_pushinteger(L, first_best(&room, n, r.ties.any ? 0.0 : r.within) + 1);
  return 1;
}
