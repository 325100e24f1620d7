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
#include "bind/policy/cluster_scope.h"
#include "bind/policy/columns.h"
#include "bind/policy/handle.h"
#include "cluster/dispatch.h"
#include "cluster/host.h"
#include "cluster/least.h"
#include "cluster/phases.h"
#include "cluster/slice.h"
#include "replica/block_table.h"
#include "replica/loop.h"

/* Upvalues of each verb. */
enum { METATABLE = 1, COLUMNS };

static const orc_cluster_scope *scope(lua_State *L)
{
  return orc_handle_at(L, lua_upvalueindex(METATABLE), "cluster");
}

static const orc_cluster *cluster(lua_State *L)
{
  return scope(L)->cluster;
}

/* Replicas in a row that count as one. */
typedef struct part {
  orc_replica *at;
  int count;
} part;

/* The pool's `i`-th group that is ready, from 0; `i` is in range. */
static part group_at(const orc_cluster_scope *s, lua_Integer i)
{
  const orc_pool *p = s->pool;
  int first = p->first;
  for (;; first += p->group)
    if (s->cluster->lifecycle.units[first].phase == ORC_PHASE_READY && i-- == 0)
      return (part){ &s->cluster->replicas[first], p->group };
}

static int ready_of(const orc_cluster_scope *s)
{
  const orc_lifecycle *f = &s->cluster->lifecycle;
  if (s->pool == NULL) return f->ready_count;
  return orc_phases_units(s->cluster, s->pool, ORC_PHASE_READY, ORC_PHASE_READY);
}

/* Of a router also those that only decode, numbered behind the ready ones. */
static int decoders_of(const orc_cluster_scope *s)
{
  return s->pool == NULL ? s->cluster->lifecycle.decode_count : 0;
}

/* The `i`-th replica, from 0; in range. */
static part nth(const orc_cluster_scope *s, lua_Integer i)
{
  if (s->pool != NULL) return group_at(s, i);
  return (part){ &s->cluster->replicas[s->cluster->lifecycle.ready[i]], 1 };
}

/* What the number at index 2 stands for. */
static part part_at(lua_State *L)
{
  const orc_cluster_scope *s = scope(L);
  orc_slice_look(s->cluster);
  const lua_Integer i = luaL_checkinteger(L, 2);
  luaL_argcheck(L, i >= 1 && i <= ready_of(s) + decoders_of(s), 2,
                "a place from 1 to c:size() + c:decoders() expected");
  return nth(s, i - 1);
}

/* The same, brought to the moment: for what changes as its requests decode. */
static part settled_part_at(lua_State *L)
{
  const part p = part_at(L);
  for (int i = 0; i < p.count; i++)
    orc_loop_settle(&p.at[i]);
  return p;
}

/* c:size() -> replicas; for an autoscaler the deployments of its pool that are ready, each of which
 * counts as one replica below */
static int size(lua_State *L)
{
  lua_pushinteger(L, ready_of(scope(L)));
  return 1;
}

/* c:decoders() -> replicas that only decode, numbered behind the others: c:size() + 1 and so on. A
 * request sent to one of them is served there from its prompt on */
static int decoders(lua_State *L)
{
  lua_pushinteger(L, decoders_of(scope(L)));
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

static int64_t flying(part p)
{
  int64_t n = 0;
  for (int i = 0; i < p.count; i++)
    n += orc_replica_in_flight(&p.at[i]);
  return n;
}

/* c:in_flight(i) -> requests waiting and running there */
static int in_flight(lua_State *L)
{
  lua_pushinteger(L, flying(part_at(L)));
  return 1;
}

static int64_t waiting_at(part p)
{
  int64_t n = 0;
  for (int i = 0; i < p.count; i++)
    n += p.at[i].queue.count;
  return n;
}

/* c:waiting(i) -> requests waiting there */
static int waiting(lua_State *L)
{
  lua_pushinteger(L, waiting_at(part_at(L)));
  return 1;
}

static int64_t tokens_to_compute(const orc_replica *r)
{
  int64_t tokens = 0;
  for (uint32_t i = 0; i < r->queue.count; i++) {
    const orc_request *q = &r->requests->at[r->queue.at[i].slot];
    tokens += orc_request_target(q) - q->computed;
  }
  for (orc_slot s = r->first; s != ORC_NO_SLOT; s = r->requests->at[s].next) {
    const orc_request *q = &r->requests->at[s];
    if (q->state == ORC_PREFILL) tokens += orc_request_target(q) - q->computed;
  }
  return tokens;
}

static int64_t backlog_at(part p)
{
  int64_t tokens = 0;
  for (int i = 0; i < p.count; i++)
    tokens += tokens_to_compute(&p.at[i]);
  return tokens;
}

/* c:backlog(i) -> tokens that must be computed there before every waiting or begun request has its
 * answer's next token */
static int backlog(lua_State *L)
{
  lua_pushinteger(L, backlog_at(part_at(L)));
  return 1;
}

/* c:load(i) -> of the requests sent there that have not ended: prompt tokens to compute of those
 * without a first token, and KV blocks of all their prompts, each once; blocks of the request asked
 * about that are not among these. Only for a router with tracks = true */
static int load(lua_State *L)
{
  const orc_cluster_scope *s = scope(L);
  const orc_router_load *l = &s->cluster->loads[part_at(L).at->index];
  if (!s->cluster->router.tracks)
    orc_bind_misuse(L, "c:load is only for a router with tracks = true");
  lua_pushinteger(L, l->tokens);
  lua_pushinteger(L, l->blocks);
  lua_pushinteger(L, s->request == NULL ? 0 : orc_router_load_fresh(l, s->request));
  return 3;
}

static int64_t cached_at(part p)
{
  return (int64_t)p.at->prefix.cached - p.at->prefix.filling;
}

/* c:cached(i) -> computed KV blocks that the prefix cache there holds */
static int cached(lua_State *L)
{
  lua_pushinteger(L, cached_at(settled_part_at(L)));
  return 1;
}

/* c:last(i) -> s the newest step there took, tokens it computed; 0, 0 before the first */
static int last(lua_State *L)
{
  const part p = settled_part_at(L);
  orc_time time = 0;
  int64_t tokens = 0;
  for (int i = 0; i < p.count; i++) {
    if (p.at[i].last_step > time) time = p.at[i].last_step;
    tokens += p.at[i].last_tokens;
  }
  lua_pushnumber(L, (double)time * 1e-9);
  lua_pushinteger(L, tokens);
  return 2;
}

static int64_t free_at(part p)
{
  int64_t blocks = 0;
  for (int i = 0; i < p.count; i++)
    blocks += orc_kv_available(&p.at[i].kv);
  return blocks;
}

static int64_t blocks_at(part p)
{
  int64_t blocks = 0;
  for (int i = 0; i < p.count; i++)
    blocks += p.at[i].kv.total;
  return blocks;
}

/* c:free(i) -> KV blocks free there, of how many */
static int free_blocks(lua_State *L)
{
  const part p = settled_part_at(L);
  lua_pushinteger(L, free_at(p));
  lua_pushinteger(L, blocks_at(p));
  return 2;
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

static int64_t prefix_match_at(const orc_cluster_scope *s, part p)
{
  return s->request == NULL ? 0 : orc_block_table_match(p.at, s->request);
}

/* c:prefix_match(i) -> tokens of the request asked about that the cache there holds */
static int prefix_match(lua_State *L)
{
  lua_pushinteger(L, prefix_match_at(scope(L), settled_part_at(L)));
  return 1;
}

/* c:least() -> the replica with the fewest requests in flight, the first of equals */
static int least(lua_State *L)
{
  const orc_cluster_scope *s = scope(L);
  orc_slice_look(s->cluster);
  if (s->pool == NULL && ready_of(s) > 0) {
    lua_pushinteger(L, orc_least_place(s->cluster) + 1);
    return 1;
  }
  int best = 0;
  int64_t fewest = INT64_MAX;
  for (int i = 0; i < ready_of(s); i++) {
    const int64_t n = flying(nth(s, i));
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

/* c:weighted(weights) -> a replica at random, likelier by its weight: that of replica i is weights[i], 1 where
 * none is given */
static int weighted(lua_State *L)
{
  const int n = ready_of(scope(L));
  luaL_checktype(L, 2, LUA_TTABLE);
  double total = 0.0;
  for (int i = 1; i <= n; i++)
    total += weight_at(L, i);
  if (total <= 0.0) orc_bind_misuse(L, "weights: all are zero");
  orc_rng *g = orc_call_context_find(L)->rng;
  if (g == NULL) orc_bind_misuse(L, "c:weighted: chance is only to be had inside a policy's call");
  double left = orc_rng_uniform(g) * total;
  int last = 1;
  for (int i = 1; i <= n; i++) { /* rounding may leave a rest: the last with a weight has it */
    const double weight = weight_at(L, i);
    if (weight <= 0.0) continue;
    last = i;
    if (left < weight) break;
    left -= weight;
  }
  lua_pushinteger(L, last);
  return 1;
}

/* ---- columns ---- */

enum { IN_FLIGHT, WAITING, BACKLOG, FREE, BLOCKS, CACHED, PREFIX_MATCH, COLUMN_COUNT };

static const char *const column_names[COLUMN_COUNT] = {
  [IN_FLIGHT] = "in_flight",
  [WAITING] = "waiting",
  [BACKLOG] = "backlog",
  [FREE] = "free",
  [BLOCKS] = "blocks",
  [CACHED] = "cached",
  [PREFIX_MATCH] = "prefix_match",
};

static const orc_columns_kind columns_kind = { .type = "oracle.columns.cluster",
                                               .maker = "c:columns",
                                               .names = column_names,
                                               .count = COLUMN_COUNT };

static int64_t column_of(const orc_cluster_scope *s, part p, int column)
{
  switch (column) {
  case IN_FLIGHT:
    return flying(p);
  case WAITING:
    return waiting_at(p);
  case BACKLOG:
    return backlog_at(p);
  case FREE:
    return free_at(p);
  case BLOCKS:
    return blocks_at(p);
  case CACHED:
    return cached_at(p);
  default:
    return prefix_match_at(s, p);
  }
}

/* c:columns { "in_flight", "free", ... } -> columns for c:replicas to fill */
static int columns(lua_State *L)
{
  scope(L);
  return orc_columns_new(L, &columns_kind);
}

/* c:replicas(columns) -> c:size(), c:decoders(): replica i in row i; each column as the verb of its
 * name says, blocks being those that c:free(i) counts of */
static int replicas(lua_State *L)
{
  const orc_cluster_scope *s = scope(L);
  const orc_columns c = orc_columns_lay(L, lua_upvalueindex(COLUMNS), &columns_kind);
  orc_slice_look(s->cluster);
  const int size_is = ready_of(s), decoders_are = decoders_of(s);
  for (int i = 0; i < c.count; i++)
    if (c.code[i] == FREE || c.code[i] == CACHED || c.code[i] == PREFIX_MATCH)
      orc_host_settle_all(s->cluster);
  for (int row = 0; row < size_is + decoders_are; row++) {
    const part p = nth(s, row);
    for (int i = 0; i < c.count; i++) {
      lua_pushinteger(L, column_of(s, p, c.code[i]));
      orc_columns_set(L, &c, i, row + 1);
    }
  }
  lua_pushinteger(L, size_is);
  lua_pushinteger(L, decoders_are);
  return 2;
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
  luaL_newmetatable(L, "oracle.cluster");  /* [mt] */
  luaL_newlibtable(L, verbs);              /* [mt, verbs] */
  lua_pushvalue(L, -2);                    /* [mt, verbs, mt] */
  orc_columns_metatable(L, &columns_kind); /* [mt, verbs, mt, columns] */
  luaL_setfuncs(L, verbs, 2);              /* [mt, verbs] */
  orc_handle_strict(L, verbs, "cluster", "c");
  lua_setfield(L, -2, "__index");
  lua_pushliteral(L, "oracle.cluster");
  lua_setfield(L, -2, "__metatable"); /* scripts cannot reach it */
  lua_pop(L, 1);
}
