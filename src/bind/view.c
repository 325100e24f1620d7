/*
** view.c - what orders and routers see: a request as it arrives, and the replicas. One userdata
*each,
** made once; it points at something only during the call.
*/
#include <lauxlib.h>
#include <string.h>

#include "base/rng.h"
#include "bind/policy.h"
#include "serve/cluster.h"
#include "serve/holding.h"

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

static const orc_replica *replica(lua_State *L, const orc_cluster *c)
{
  const lua_Integer i = luaL_checkinteger(L, 2);
  luaL_argcheck(L, i >= 1 && i <= c->fleet.ready_count + c->fleet.decode_count, 2,
                "a replica from 1 to c:size() + c:decoders() expected");
  return &c->replicas[c->fleet.ready[i - 1]];
}

/* c:size() -> replicas */
static int size(lua_State *L)
{
  const orc_cluster *c = boxed(L, "cluster");
  lua_pushinteger(L, c->fleet.ready_count);
  return 1;
}

/* c:decoders() -> replicas that only decode, numbered behind the others: c:size() + 1 and so on. A
 * request sent to one of them is served there from its prompt on */
static int decoders(lua_State *L)
{
  const orc_cluster *c = boxed(L, "cluster");
  lua_pushinteger(L, c->fleet.decode_count);
  return 1;
}

/* c:starting() -> replicas that will be ready once they have started or recovered */
static int starting(lua_State *L)
{
  const orc_cluster *c = boxed(L, "cluster");
  int n = 0;
  for (int i = 0; i < c->replica_count; i++)
    n += c->fleet.units[i].phase == ORC_PHASE_STARTING ||
         c->fleet.units[i].phase == ORC_PHASE_FAILED;
  lua_pushinteger(L, n);
  return 1;
}

/* c:held() -> requests that wait because no replica is ready */
static int held(lua_State *L)
{
  const orc_cluster *c = boxed(L, "cluster");
  lua_pushinteger(L, c->fleet.homeless_count);
  return 1;
}

/* c:arrived() -> requests that arrived so far */
static int arrived(lua_State *L)
{
  const orc_cluster *c = boxed(L, "cluster");
  lua_pushinteger(L, (lua_Integer)c->requests.next_number);
  return 1;
}

/* c:now() -> s of simulated time */
static int now(lua_State *L)
{
  const orc_cluster *c = boxed(L, "cluster");
  lua_pushnumber(L, (double)c->engine.now * 1e-9);
  return 1;
}

/* c:in_flight(i) -> requests waiting and running there */
static int in_flight(lua_State *L)
{
  lua_pushinteger(L, orc_replica_in_flight(replica(L, boxed(L, "cluster"))));
  return 1;
}

/* c:waiting(i) -> requests waiting there */
static int waiting(lua_State *L)
{
  lua_pushinteger(L, replica(L, boxed(L, "cluster"))->queue.count);
  return 1;
}

/* c:backlog(i) -> tokens that must be computed there before everyone waiting or begun has an
 * answer's next token */
static int backlog(lua_State *L)
{
  const orc_replica *r = replica(L, boxed(L, "cluster"));
  int64_t tokens = 0;
  for (uint32_t i = 0; i < r->queue.count; i++) {
    const orc_request *q = &r->requests->at[r->queue.at[i].slot];
    tokens += orc_request_target(q) - q->computed;
  }
  for (orc_slot s = r->first; s != ORC_NO_SLOT; s = r->requests->at[s].next) {
    const orc_request *q = &r->requests->at[s];
    if (q->state == ORC_PREFILL) tokens += orc_request_target(q) - q->computed;
  }
  lua_pushinteger(L, tokens);
  return 1;
}

/* c:load(i) -> of the requests sent there that have not ended: prompt tokens to compute of those
 * without a first token, and KV blocks of all their prompts, each once; blocks of the request asked
 * about that are not among these. Only for a router with tracks = true */
static int load(lua_State *L)
{
  const orc_cluster *c = boxed(L, "cluster");
  const orc_replica *r = replica(L, c);
  if (!c->router.tracks) orc_bind_misuse(L, "c:load is only for a router with tracks = true");
  lua_pushinteger(L, r->load.tokens);
  lua_pushinteger(L, r->load.blocks);
  lua_pushinteger(L, c->asked == ORC_NO_SLOT ? 0 : orc_load_fresh(r, &c->requests.at[c->asked]));
  return 3;
}

/* c:cached(i) -> computed KV blocks that the prefix cache there holds */
static int cached(lua_State *L)
{
  const orc_prefix *p = &replica(L, boxed(L, "cluster"))->prefix;
  lua_pushinteger(L, (lua_Integer)p->cached - p->filling);
  return 1;
}

/* c:last(i) -> s the newest step there took, tokens it computed; 0, 0 before the first */
static int last(lua_State *L)
{
  const orc_replica *r = replica(L, boxed(L, "cluster"));
  lua_pushnumber(L, (double)r->last_step * 1e-9);
  lua_pushinteger(L, r->last_tokens);
  return 2;
}

/* c:free(i) -> KV blocks free there, of how many */
static int free_blocks(lua_State *L)
{
  const orc_replica *r = replica(L, boxed(L, "cluster"));
  lua_pushinteger(L, orc_kv_available(&r->kv));
  lua_pushinteger(L, r->kv.total);
  return 2;
}

/* c:home() -> the replica that served the turn before of the request asked about, nil without one
 */
static int home(lua_State *L)
{
  const int i = orc_cluster_home(boxed(L, "cluster"));
  if (i < 0)
    lua_pushnil(L);
  else
    lua_pushinteger(L, i + 1);
  return 1;
}

/* c:prefix_match(i) -> tokens of the request asked about that the cache there holds */
static int prefix_match(lua_State *L)
{
  const orc_cluster *c = boxed(L, "cluster");
  const orc_replica *r = replica(L, c);
  const bool asked = c->asked != ORC_NO_SLOT;
  lua_pushinteger(L, asked ? orc_holding_match(r, &c->requests.at[c->asked]) : 0);
  return 1;
}

/* c:least() -> the replica with the fewest requests in flight, the first of equals */
static int least(lua_State *L)
{
  const orc_cluster *c = boxed(L, "cluster");
  int best = 0;
  int64_t fewest = INT64_MAX;
  for (int i = 0; i < c->fleet.ready_count; i++) {
    const int64_t n = orc_replica_in_flight(&c->replicas[c->fleet.ready[i]]);
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
  lua_remove(L, 1);
  return orc_policies_random(L);
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
    { "cached", cached },     { NULL, NULL },
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
