/*
** view.c - what orders and routers see: a request as it arrives, and the replicas. One userdata
*each,
** made once; it points at something only during the call.
*/
#include <lauxlib.h>
#include <string.h>

#include "base/rng.h"
#include "bind/policy/call_context.h"
#include "bind/policy/cluster_scope.h"
#include "bind/policy/table.h"
#include "cluster/dispatch.h"
#include "cluster/phases.h"
#include "replica/block_table.h"

/* Upvalue 1 is the metatable. */
static void *boxed(lua_State *L, const char *what)
{
  void **box = lua_touserdata(L, 1);
  if (box == NULL || !lua_getmetatable(L, 1) || !lua_rawequal(L, -1, lua_upvalueindex(1)))
    orc_bind_misuse(L, "a %s expected", what);
  lua_pop(L, 1);
  if (*box == NULL) orc_bind_misuse(L, "%s used outside its call", what);
  return *box;
}

/* r.prompt and the other fields of a request. */
static int request_field(lua_State *L)
{
  static const char *const names[] = { "id",         "prompt",    "arrival", "client",
                                       "session",    "priority",  "profile", "timeout",
                                       "max_output", "generated", NULL };
  const orc_request *q = boxed(L, "request");
  const char *name = luaL_checkstring(L, 2);
  int i = 0;
  while (names[i] != NULL && strcmp(names[i], name) != 0)
    i++;
  switch (i) {
  case 0:
    lua_pushinteger(L, (lua_Integer)q->number + 1);
    return 1;
  case 1:
    lua_pushinteger(L, q->in.prompt);
    return 1;
  case 2:
    lua_pushnumber(L, (double)q->in.time * 1e-9);
    return 1;
  case 3:
    lua_pushinteger(L, q->in.client);
    return 1;
  case 4:
    lua_pushinteger(L, (lua_Integer)q->in.session);
    return 1;
  case 5:
    lua_pushinteger(L, q->in.priority);
    return 1;
  case 6:
    lua_pushinteger(L, q->in.profile);
    return 1;
  case 7:
    if (q->in.timeout == ORC_NEVER)
      lua_pushnil(L);
    else
      lua_pushnumber(L, (double)q->in.timeout * 1e-9);
    return 1;
  case 8:
    lua_pushinteger(L, q->in.max_output);
    return 1;
  case 9:
    lua_pushinteger(L, q->generated);
    return 1;
  default:
    break;
  }
  if (strcmp(name, "output") == 0) {
    if (!lua_toboolean(L, lua_upvalueindex(2)))
      orc_bind_misuse(L, "output lengths are unknown to a policy without clairvoyant = true");
    lua_pushinteger(L, q->in.output);
    return 1;
  }
  orc_bind_misuse(L,
                  "a request has no field \"%s\" (id, prompt, arrival, client, session, priority, "
                  "profile, timeout, max_output, generated)",
                  name);
}

static const orc_cluster_scope *sight(lua_State *L)
{
  return boxed(L, "cluster");
}

static const orc_cluster *cluster(lua_State *L)
{
  return sight(L)->cluster;
}

/* Replicas in a row that count as one. */
typedef struct part {
  const orc_replica *at;
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

/* What the number at index 2 stands for. */
static part part_at(lua_State *L)
{
  const orc_cluster_scope *s = sight(L);
  const orc_lifecycle *f = &s->cluster->lifecycle;
  const lua_Integer i = luaL_checkinteger(L, 2);
  luaL_argcheck(L, i >= 1 && i <= ready_of(s) + (s->pool == NULL ? f->decode_count : 0), 2,
                "a replica from 1 to c:size() + c:decoders() expected");
  if (s->pool != NULL) return group_at(s, i - 1);
  return (part){ &s->cluster->replicas[f->ready[i - 1]], 1 };
}

/* c:size() -> replicas; for an autoscaler the deployments of its pool that are ready, each of which
 * counts as one replica below */
static int size(lua_State *L)
{
  lua_pushinteger(L, ready_of(sight(L)));
  return 1;
}

/* c:decoders() -> replicas that only decode, numbered behind the others: c:size() + 1 and so on. A
 * request sent to one of them is served there from its prompt on */
static int decoders(lua_State *L)
{
  const orc_cluster_scope *s = sight(L);
  lua_pushinteger(L, s->pool == NULL ? s->cluster->lifecycle.decode_count : 0);
  return 1;
}

/* c:role() -> what the replicas of an autoscaler's pool do: "all", "prefill" or "decode" */
static int role(lua_State *L)
{
  static const char *const names[] = { "all", "prefill", "decode" };
  const orc_cluster_scope *s = sight(L);
  const orc_role is = s->pool == NULL ? ORC_ROLE_ALL : s->cluster->replicas[s->pool->first].role;
  lua_pushstring(L, names[is]);
  return 1;
}

/* c:starting() -> replicas that will be ready once they have started or recovered */
static int starting(lua_State *L)
{
  const orc_cluster_scope *s = sight(L);
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
  const orc_cluster_scope *s = sight(L);
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

/* Of a replica, on top of what others had. */
static void add_answered(const orc_replica *r, orc_answered *sum)
{
  sum->firsts += r->usage.answered.firsts;
  sum->first_time += r->usage.answered.first_time;
  sum->gaps += r->usage.gaps.count;
  sum->gap_time += (double)r->usage.gaps.sum;
}

/* c:answered() -> first tokens that came out so far, s they took in all, tokens after those, s
 * between them in all; of an autoscaler's pool, else of all */
static int answered(lua_State *L)
{
  const orc_cluster_scope *s = sight(L);
  const orc_cluster *c = s->cluster;
  orc_answered sum = { 0 };
  const int first = s->pool == NULL ? 0 : s->pool->first;
  const int end = s->pool == NULL ? c->replica_count : first + s->pool->count;
  for (int i = first; i < end; i++)
    add_answered(&c->replicas[i], &sum);
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

/* c:waiting(i) -> requests waiting there */
static int waiting(lua_State *L)
{
  const part p = part_at(L);
  lua_Integer n = 0;
  for (int i = 0; i < p.count; i++)
    n += p.at[i].queue.count;
  lua_pushinteger(L, n);
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

/* c:backlog(i) -> tokens that must be computed there before everyone waiting or begun has an
 * answer's next token */
static int backlog(lua_State *L)
{
  const part p = part_at(L);
  int64_t tokens = 0;
  for (int i = 0; i < p.count; i++)
    tokens += tokens_to_compute(&p.at[i]);
  lua_pushinteger(L, tokens);
  return 1;
}

/* c:load(i) -> of the requests sent there that have not ended: prompt tokens to compute of those
 * without a first token, and KV blocks of all their prompts, each once; blocks of the request asked
 * about that are not among these. Only for a router with tracks = true */
static int load(lua_State *L)
{
  const orc_cluster_scope *s = sight(L);
  const orc_router_load *l = &s->cluster->loads[part_at(L).at->index];
  if (!s->cluster->router.tracks)
    orc_bind_misuse(L, "c:load is only for a router with tracks = true");
  lua_pushinteger(L, l->tokens);
  lua_pushinteger(L, l->blocks);
  lua_pushinteger(L, s->request == NULL ? 0 : orc_router_load_fresh(l, s->request));
  return 3;
}

/* c:cached(i) -> computed KV blocks that the prefix cache there holds */
static int cached(lua_State *L)
{
  const orc_prefix *p = &part_at(L).at->prefix;
  lua_pushinteger(L, (lua_Integer)p->cached - p->filling);
  return 1;
}

/* c:last(i) -> s the newest step there took, tokens it computed; 0, 0 before the first */
static int last(lua_State *L)
{
  const part p = part_at(L);
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

/* c:free(i) -> KV blocks free there, of how many */
static int free_blocks(lua_State *L)
{
  const part p = part_at(L);
  int64_t available = 0, total = 0;
  for (int i = 0; i < p.count; i++) {
    available += orc_kv_available(&p.at[i].kv);
    total += p.at[i].kv.total;
  }
  lua_pushinteger(L, available);
  lua_pushinteger(L, total);
  return 2;
}

/* c:home() -> the replica that served the turn before of the request asked about, nil without one
 */
static int home(lua_State *L)
{
  const orc_cluster_scope *s = sight(L);
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
  const orc_request *q = sight(L)->request;
  const part p = part_at(L);
  lua_pushinteger(L, q == NULL ? 0 : orc_block_table_match(p.at, q));
  return 1;
}

/* c:least() -> the replica with the fewest requests in flight, the first of equals */
static int least(lua_State *L)
{
  const orc_cluster_scope *s = sight(L);
  const orc_lifecycle *f = &s->cluster->lifecycle;
  int best = 0;
  int64_t fewest = INT64_MAX;
  for (int i = 0; i < ready_of(s); i++) {
    const part p =
        s->pool != NULL ? group_at(s, i) : (part){ &s->cluster->replicas[f->ready[i]], 1 };
    const int64_t n = flying(p);
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
  boxed(L, "cluster");
  return orc_call_context_method(L);
}

static void seal(lua_State *L, const char *name)
{
  lua_pushstring(L, name); /* [mt, name] */
  lua_setfield(L, -2, "__metatable");
  lua_pop(L, 1);
}

/* Metatables "oracle.request", "oracle.request.clairvoyant" and "oracle.cluster"; stack as it was.
 */
int orc_bind_view(lua_State *L)
{
  static const luaL_Reg methods[] = {
    { "size", size },         { "in_flight", in_flight },
    { "waiting", waiting },   { "free", free_blocks },
    { "least", least },       { "random", random_number },
    { "starting", starting }, { "held", held },
    { "arrived", arrived },   { "now", now },
    { "backlog", backlog },   { "last", last },
    { "home", home },         { "prefix_match", prefix_match },
    { "decoders", decoders }, { "load", load },
    { "cached", cached },     { "role", role },
    { "answered", answered }, { NULL, NULL },
  };
  static const char *const requests[] = { "oracle.request", "oracle.request.clairvoyant" };
  for (int sees_output = 0; sees_output < 2; sees_output++) {
    luaL_newmetatable(L, requests[sees_output]); /* [mt] */
    lua_pushvalue(L, -1);
    lua_pushboolean(L, sees_output);
    lua_pushcclosure(L, request_field, 2);
    lua_setfield(L, -2, "__index");
    seal(L, "oracle.request");
  }
  luaL_newmetatable(L, "oracle.cluster"); /* [mt] */
  luaL_newlibtable(L, methods);
  lua_pushvalue(L, -2);
  luaL_setfuncs(L, methods, 1);
  lua_setfield(L, -2, "__index");
  seal(L, "oracle.cluster");
  return 0;
}
