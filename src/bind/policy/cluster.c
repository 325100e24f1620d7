/*
** cluster.c - verbs of routers, admission policies and autoscalers: the replicas, and the request
** asked about. A handle points at something only during the call.
*/
#include "bind/policy/cluster.h"

#include <lauxlib.h>
#include <math.h>

#include "base/rng.h"
#include "bind/error.h"
#include "bind/policy/call_context.h"
#include "bind/policy/cluster_rows.h"
#include "bind/policy/cluster_scope.h"
#include "bind/policy/handle.h"
#include "bind/policy/ranking.h"
#include "cluster/dispatch.h"
#include "cluster/host.h"
#include "cluster/least.h"
#include "cluster/phases.h"
#include "cluster/slice.h"
#include "replica/loop.h"

/* Upvalues of each verb. */
enum { METATABLE = 1, COLUMNS, ROOM };

static const orc_cluster_scope *scope(lua_State *L)
{
  return orc_handle_at(L, lua_upvalueindex(METATABLE), "cluster");
}

static const orc_cluster *cluster(lua_State *L)
{
  return scope(L)->cluster;
}

/* What the number at index 2 stands for. */
static orc_cluster_part part_at(lua_State *L)
{
  const orc_cluster_scope *s = scope(L);
  orc_slice_look(s->cluster);
  const lua_Integer i = luaL_checkinteger(L, 2);
  luaL_argcheck(L, i >= 1 && i <= orc_cluster_ready(s) + orc_cluster_decoders(s), 2,
                "a place from 1 to c:size() + c:decoders() expected");
  return orc_cluster_row(s, (int)i - 1);
}

/* Its column, as the result of a verb. */
static int push(lua_State *L, orc_cluster_column column)
{
  lua_pushinteger(L, orc_cluster_value(scope(L), part_at(L), column));
  return 1;
}

/* c:size() -> replicas; for an autoscaler the deployments of its pool that are ready, each of which
 * counts as one replica below */
static int size(lua_State *L)
{
  lua_pushinteger(L, orc_cluster_ready(scope(L)));
  return 1;
}

/* c:decoders() -> replicas that only decode, numbered behind the others: c:size() + 1 and so on. A
 * request sent to one of them is served there from its prompt on */
static int decoders(lua_State *L)
{
  lua_pushinteger(L, orc_cluster_decoders(scope(L)));
  return 1;
}

/* c:role() -> what the replicas of an autoscaler's pool do: "all", "prefill" or "decode" */
static int role(lua_State *L)
{
  static const char *const names[] = { "all", "prefill", "decode" };
  const orc_cluster_scope *s = scope(L);
  const orc_role is = s->pool == NULL ? ORC_ROLE_ALL : s->cluster->replicas[s->pool->first].role;
  lua_pushstring(L, names[is]);
  return 1;
}

/* c:starting() -> replicas that will be ready once they have started or recovered */
static int starting(lua_State *L)
{
  const orc_cluster_scope *s = scope(L);
  const orc_cluster *c = s->cluster;
  int n = 0;
  if (s->pool != NULL) n = orc_phases_units(c, s->pool, ORC_PHASE_STARTING, ORC_PHASE_FAILED);
  for (int i = 0; s->pool == NULL && i < c->replica_count; i++)
    n += c->lifecycle.units[i].phase == ORC_PHASE_STARTING ||
         c->lifecycle.units[i].phase == ORC_PHASE_FAILED;
  lua_pushinteger(L, n);
  return 1;
}

/* c:held() -> requests that wait because no replica is ready; for the autoscaler of a pool that
 * decodes, those whose KV waits for room there */
static int held(lua_State *L)
{
  const orc_cluster_scope *s = scope(L);
  const orc_cluster *c = s->cluster;
  uint64_t n = c->lifecycle.unrouted_count;
  if (s->pool != NULL && c->replicas[s->pool->first].role == ORC_ROLE_DECODE)
    n = c->kv_transfers.moving - c->kv_transfers.flying;
  lua_pushinteger(L, (lua_Integer)n);
  return 1;
}

/* c:arrived() -> requests that arrived so far, tokens of their prompts */
static int arrived(lua_State *L)
{
  const orc_cluster *c = cluster(L);
  lua_pushinteger(L, (lua_Integer)c->requests.next_number);
  lua_pushinteger(L, (lua_Integer)c->lifecycle.asked);
  return 2;
}

/* Tokens after the first ones of the replicas from `first` to before `end`, each since the one before. */
static orc_answered sum_answered(const orc_cluster *c, int first, int end)
{
  orc_answered sum = { 0 };
  __int128 gap_time = 0;
  for (int i = first; i < end; i++) {
    const orc_replica *r = &c->replicas[i];
    sum.firsts += r->usage.answered.firsts;
    sum.first_time += r->usage.answered.first_time;
    sum.gaps += r->usage.answered.together;
    if (c->observed != NULL && i > first)
      continue; /* there is one pool: what is known is known of it */
    sum.gaps += r->observed->gaps.count;
    gap_time += r->observed->gaps.sum;
  }
  sum.gap_time = (double)gap_time;
  return sum;
}

/* c:answered() -> first tokens that came out so far, s they took in all, tokens after those, s
 * between them in all; of an autoscaler's pool, else of all */
static int answered(lua_State *L)
{
  const orc_cluster_scope *s = scope(L);
  const orc_cluster *c = s->cluster;
  orc_slice_look(c);
  const int first = s->pool == NULL ? 0 : s->pool->first;
  const int end = s->pool == NULL ? c->replica_count : first + s->pool->count;
  orc_host_settle_all(c);
  const orc_answered sum = sum_answered(c, first, end);
  lua_pushinteger(L, (lua_Integer)sum.firsts);
  lua_pushnumber(L, sum.first_time * 1e-9);
  lua_pushinteger(L, (lua_Integer)sum.gaps);
  lua_pushnumber(L, sum.gap_time * 1e-9);
  return 4;
}

/* c:now() -> s of simulated time */
static int now(lua_State *L)
{
  lua_pushnumber(L, (double)cluster(L)->engine.now * 1e-9);
  return 1;
}

/* c:in_flight(i) -> requests waiting and running there */
static int in_flight(lua_State *L)
{
  return push(L, ORC_CLUSTER_IN_FLIGHT);
}

/* c:waiting(i) -> requests waiting there */
static int waiting(lua_State *L)
{
  return push(L, ORC_CLUSTER_WAITING);
}

/* c:backlog(i) -> tokens that must be computed there before every waiting or begun request has its
 * answer's next token */
static int backlog(lua_State *L)
{
  return push(L, ORC_CLUSTER_BACKLOG);
}

/* c:load(i) -> of the requests sent there that have not ended: prompt tokens to compute of those
 * without a first token, and KV blocks of all their prompts, each once; blocks of the request asked
 * about that are not among these. Only for a router with tracks = true */
static int load(lua_State *L)
{
  const orc_cluster_scope *s = scope(L);
  const orc_cluster_part p = part_at(L);
  for (int column = ORC_CLUSTER_LOAD_TOKENS; column <= ORC_CLUSTER_FRESH_BLOCKS; column++) {
    orc_cluster_may_ask(L, s, (orc_cluster_column)column);
    lua_pushinteger(L, orc_cluster_value(s, p, (orc_cluster_column)column));
  }
  return 3;
}

/* c:cached(i) -> computed KV blocks that the prefix cache there holds */
static int cached(lua_State *L)
{
  return push(L, ORC_CLUSTER_CACHED);
}

/* c:last(i) -> s the newest step there took, tokens it computed; 0, 0 before the first */
static int last(lua_State *L)
{
  const orc_cluster_part p = part_at(L);
  orc_time time = 0;
  int64_t tokens = 0;
  for (int i = 0; i < p.count; i++) {
    orc_loop_settle(&p.at[i]);
    if (p.at[i].last_step > time) time = p.at[i].last_step;
    tokens += p.at[i].last_tokens;
  }
  lua_pushnumber(L, (double)time * 1e-9);
  lua_pushinteger(L, tokens);
  return 2;
}

/* c:free(i) -> KV blocks free there, of how many */
static int free_blocks(lua_State *L)
{
  return push(L, ORC_CLUSTER_FREE) + push(L, ORC_CLUSTER_BLOCKS);
}

/* c:last_replica() -> the replica that served the turn before of the request asked about, nil without
 * one */
static int last_replica(lua_State *L)
{
  const orc_cluster_scope *s = scope(L);
  const int i = s->request == NULL ? -1 : orc_dispatch_home(s->cluster, s->request);
  if (i < 0)
    lua_pushnil(L);
  else
    lua_pushinteger(L, i + 1);
  return 1;
}

/* c:prefix_match(i) -> tokens of the request asked about that the cache there holds */
static int prefix_match(lua_State *L)
{
  return push(L, ORC_CLUSTER_PREFIX_MATCH);
}

/* c:least() -> the replica with the fewest requests in flight, the first of equals */
static int least(lua_State *L)
{
  const orc_cluster_scope *s = scope(L);
  orc_slice_look(s->cluster);
  if (s->pool == NULL && orc_cluster_ready(s) > 0) {
    lua_pushinteger(L, orc_least_place(s->cluster) + 1);
    return 1;
  }
  int best = 0;
  int64_t fewest = INT64_MAX;
  for (int i = 0; i < orc_cluster_ready(s); i++) {
    const int64_t n = orc_cluster_value(s, orc_cluster_row(s, i), ORC_CLUSTER_IN_FLIGHT);
    if (n >= fewest) continue;
    fewest = n;
    best = i;
  }
  lua_pushinteger(L, best + 1);
  return 1;
}

/* c:random([n]) -> a number in [0, 1), or a whole one from 1 to n, from the stream of the policy
 * asked */
static int random_number(lua_State *L)
{
  scope(L);
  return orc_call_context_method(L);
}

/* The weight at place `i` of the list at index 2: 1 where none is given. */
static double weight_at(lua_State *L, int i)
{
  const int type = lua_rawgeti(L, 2, i);
  const double weight = type == LUA_TNIL ? 1.0 : type == LUA_TNUMBER ? lua_tonumber(L, -1) : NAN;
  if (!(weight >= 0.0) || isinf(weight))
    orc_bind_misuse(L, "weights[%d]: a number >= 0 expected", i);
  lua_pop(L, 1);
  return weight;
}

/* Without a weight all are as likely. */
static bool unweighted(lua_State *L)
{
  lua_pushnil(L);
  if (lua_next(L, 2) == 0) return true;
  lua_pop(L, 2);
  return false;
}

/* c:weighted(weights) -> a replica at random, likelier by its weight: that of replica i is weights[i], 1 where
 * none is given */
static int weighted(lua_State *L)
{
  const int n = orc_cluster_ready(scope(L));
  luaL_checktype(L, 2, LUA_TTABLE);
  double *weights = orc_ranking_reserve(L, lua_upvalueindex(ROOM), n).score, total = 0.0;
  const bool alike = unweighted(L);
  for (int i = 0; i < n; i++)
    total += weights[i] = alike ? 1.0 : weight_at(L, i + 1);
  if (total <= 0.0) orc_bind_misuse(L, "weights: all are zero");
  orc_rng *g = orc_call_context_find(L)->rng;
  if (g == NULL) orc_bind_misuse(L, "c:weighted: chance is only to be had inside a policy's call");
  double left = orc_rng_uniform(g) * total;
  int last = 0;
  for (int i = 0; i < n; i++) { /* rounding may leave a rest: the last with a weight has it */
    if (weights[i] <= 0.0) continue;
    last = i;
    if (left < weights[i]) break;
    left -= weights[i];
  }
  lua_pushinteger(L, last + 1);
  return 1;
}

/* ---- columns ---- */

/* c:columns { "in_flight", "free", ... } -> columns for c:replicas to fill */
static int columns(lua_State *L)
{
  scope(L);
  return orc_columns_new(L, &orc_cluster_columns);
}

/* c:replicas(columns) -> c:size(), c:decoders(): replica i in row i; each column as the verb of its
 * name says, blocks being those that c:free(i) counts of */
static int replicas(lua_State *L)
{
  const orc_cluster_scope *s = scope(L);
  const orc_columns c = orc_columns_lay(L, lua_upvalueindex(COLUMNS), &orc_cluster_columns);
  orc_slice_look(s->cluster);
  const int ready = orc_cluster_ready(s), decoders = orc_cluster_decoders(s), n = ready + decoders;
  const orc_ranking_room room = orc_ranking_reserve(L, lua_upvalueindex(ROOM), n);
  for (int row = 0; row < n; row++)
    room.row[row] = row;
  for (int i = 0; i < c.count; i++) {
    const orc_cluster_column column = c.code[i];
    orc_cluster_may_ask(L, s, column);
    orc_cluster_fill(s, column, room.row, n, room.value);
    for (int row = 0; row < n; row++) {
      lua_pushinteger(L, room.value[row]);
      orc_columns_set(L, &c, i, row + 1);
    }
  }
  lua_pushinteger(L, ready);
  lua_pushinteger(L, decoders);
  return 2;
}

/* c:best(weights) -> the replica whose columns, weighted, add up to most (ranking.h) */
static int best(lua_State *L)
{
  const orc_cluster_scope *s = scope(L);
  orc_slice_look(s->cluster);
  return orc_ranking_best(L, lua_upvalueindex(ROOM), s);
}

static const luaL_Reg verbs[] = {
  { "size", size },
  { "decoders", decoders },
  { "starting", starting },
  { "role", role },
  { "columns", columns },
  { "replicas", replicas },
  { "in_flight", in_flight },
  { "waiting", waiting },
  { "backlog", backlog },
  { "free", free_blocks },
  { "cached", cached },
  { "prefix_match", prefix_match },
  { "load", load },
  { "last", last },
  { "least", least },
  { "best", best },
  { "last_replica", last_replica },
  { "held", held },
  { "arrived", arrived },
  { "answered", answered },
  { "now", now },
  { "random", random_number },
  { "weighted", weighted },
  { NULL, NULL },
};

void orc_policy_cluster_open(lua_State *L)
{
  luaL_newmetatable(L, "oracle.cluster");         /* [mt] */
  luaL_newlibtable(L, verbs);                     /* [mt, verbs] */
  lua_pushvalue(L, -2);                           /* [mt, verbs, mt] */
  orc_columns_metatable(L, &orc_cluster_columns); /* [mt, verbs, mt, columns] */
  lua_pushnil(L);                                 /* [mt, verbs, mt, columns, room] */
  luaL_setfuncs(L, verbs, 3);                     /* [mt, verbs] */
  orc_handle_strict(L, verbs, "cluster", "c");
  lua_setfield(L, -2, "__index");
  lua_pushliteral(L, "oracle.cluster");
  lua_setfield(L, -2, "__metatable"); /* scripts cannot reach it */
  lua_pop(L, 1);
}
