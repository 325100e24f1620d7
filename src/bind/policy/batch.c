/*
** batch.c - the hot half of the binding: verbs a batching policy calls.
** A few userdata, taken in turn. One stands for a batch only while the policy is being asked
** about it (asking.h); otherwise every verb raises "batch used outside its step".
*/
#include <lauxlib.h>
#include <limits.h>
#include <string.h>

#include "bind/policy/call_context.h"
#include "bind/policy/table.h"
#include "replica/batch.h"

enum { COLUMNS_MOST = 8 };

static _Noreturn void no_batch(lua_State *L)
{
  if (luaL_testudata(L, 1, "oracle.batch") == NULL)
    orc_bind_misuse(L, "a batch expected; call it as b:verb()");
  orc_bind_misuse(L, "batch used outside its step");
}

/* Upvalue 1 says who is asked, and the userdata is known by its address: nothing is looked up for a
 * verb that is well called. */
static orc_batch *self(lua_State *L)
{
  const orc_call_context *a = lua_touserdata(L, lua_upvalueindex(1));
  if (a->batch == NULL || lua_touserdata(L, 1) != a->box) no_batch(L);
  return a->batch;
}

static int limit(lua_State *L)
{
  const lua_Integer n = luaL_checkinteger(L, 2);
  luaL_argcheck(L, n >= 1, 2, "tokens >= 1 expected");
  luaL_argcheck(L, n <= INT_MAX, 2, "at most 2147483647 tokens expected");
  return (int)n;
}

static uint64_t number(lua_State *L, int index)
{
  const lua_Integer id = luaL_checkinteger(L, index);
  luaL_argcheck(L, id >= 1, index, "the id of a request expected");
  return (uint64_t)id - 1;
}

/* b:decode() -> tokens: one for every decoding sequence */
static int decode(lua_State *L)
{
  lua_pushinteger(L, orc_batch_decode(self(L)));
  return 1;
}

/* b:resume(limit) -> tokens granted to prompts begun in earlier steps */
static int resume(lua_State *L)
{
  orc_batch *b = self(L);
  lua_pushinteger(L, orc_batch_resume(b, limit(L)));
  return 1;
}

/* b:go_on(limit) -> tokens granted to those who run: one for every decoding sequence, and what that
 * leaves of `limit` to prompts begun in earlier steps; requests sent back since the policy was
 * called */
static int go_on(lua_State *L)
{
  orc_batch *b = self(L);
  lua_pushinteger(L, orc_batch_go_on(b, limit(L)));
  lua_pushinteger(L, b->microbatch->preempted);
  return 2;
}

/* b:fill(limit [, reserve [, pass_over]]) -> tokens granted to those who wait, admitted from the
 * head of the queue on until one gets none; reserve as in b:admit; with pass_over = true a prompt
 * that is too long for what is left, where prompts are not cut, lets those behind it go first */
static int fill(lua_State *L)
{
  orc_batch *b = self(L);
  const unsigned reserve = lua_toboolean(L, 3) ? ORC_FILL_RESERVE : 0;
  const unsigned how = reserve | (lua_toboolean(L, 4) ? ORC_FILL_PASS_OVER : 0);
  lua_pushinteger(L, orc_batch_fill(b, limit(L), how));
  return 1;
}

/* b:admit(limit [, id [, reserve]]) -> tokens granted, 0 when nothing fits; with reserve = true it
 * is given all the KV blocks its longest answer needs, so that it never gives way */
static int admit(lua_State *L)
{
  orc_batch *b = self(L);
  const int tokens = limit(L);
  const uint64_t id = lua_isnoneornil(L, 3) ? ORC_HEAD : number(L, 3);
  if (lua_toboolean(L, 4))
    lua_pushinteger(L, orc_batch_admit_reserved(b, id, tokens));
  else if (id == ORC_HEAD)
    lua_pushinteger(L, orc_batch_admit(b, tokens));
  else
    lua_pushinteger(L, orc_batch_admit_one(b, id, tokens));
  return 1;
}

/* b:preempt([id [, how]]) -> done; how: "recompute" (default), "keep" or "swap"; without id: the
 * last admitted */
static int preempt(lua_State *L)
{
  static const char *const names[] = { "recompute", "keep", "swap", NULL };
  orc_batch *b = self(L);
  const orc_preempt_mode how = (orc_preempt_mode)luaL_checkoption(L, 3, "recompute", names);
  if (lua_isnoneornil(L, 2))
    lua_pushboolean(L, orc_batch_preempt_last(b, how));
  else
    lua_pushboolean(L, orc_batch_preempt(b, number(L, 2), how));
  return 1;
}

/* b:free() -> KV blocks a newcomer could have, of how many */
static int free_blocks(lua_State *L)
{
  const orc_batch *b = self(L);
  lua_pushinteger(L, orc_batch_room(b));
  lua_pushinteger(L, b->replica->kv.total);
  return 2;
}

/* b:size() -> requests running */
static int size(lua_State *L)
{
  lua_pushinteger(L, self(L)->replica->running);
  return 1;
}

/* b:queue() -> requests waiting */
static int queue(lua_State *L)
{
  lua_pushinteger(L, self(L)->replica->queue.count);
  return 1;
}

/* b:head() -> tokens the head of the queue needs computed, KV blocks it lacks for them, and those
 * it lacks for its longest answer; 0, 0, 0 if empty */
static int head(lua_State *L)
{
  int64_t blocks;
  lua_pushinteger(L, orc_batch_head(self(L), &blocks));
  lua_pushinteger(L, blocks);
  lua_pushinteger(L, orc_batch_head_reserve(self(L)));
  return 3;
}

/* b:need() -> KV blocks the decodes of this step still have to open */
static int need(lua_State *L)
{
  lua_pushinteger(L, orc_batch_need(self(L)));
  return 1;
}

/* b:cached(id) -> prompt tokens of a waiting request that the prefix cache holds; 0 when it does
 * not wait here */
static int cached(lua_State *L)
{
  const orc_batch *b = self(L);
  lua_pushinteger(L, orc_batch_cached(b, number(L, 2)));
  return 1;
}

/* b:beginning(id, n) -> a number that stands for the first n prompt tokens of a waiting request:
 * equal for equal ones; nil when its prompt is shorter or unlike any other */
static int beginning(lua_State *L)
{
  const orc_batch *b = self(L);
  const lua_Integer tokens = luaL_checkinteger(L, 3);
  luaL_argcheck(L, tokens >= 1 && tokens <= INT_MAX, 3, "1 to 2147483647 tokens expected");
  uint64_t text;
  if (!orc_batch_beginning(b, number(L, 2), (int32_t)tokens, &text)) return 0;
  lua_pushinteger(L, (lua_Integer)text);
  return 1;
}

/* b:owed(clip) -> tokens the running requests may yet generate, each counted for at most `clip` */
static int owed(lua_State *L)
{
  const orc_batch *b = self(L);
  lua_pushinteger(L, orc_batch_owed(b, limit(L)));
  return 1;
}

/* b:progress(more) -> share of their longest answers that the running requests have generated, each
 * given `more` tokens on top */
static int progress(lua_State *L)
{
  const orc_batch *b = self(L);
  lua_pushnumber(L, orc_batch_progress(b, limit(L)));
  return 1;
}

/* b:steps() -> steps of this replica so far, preemptions so far */
static int count_steps(lua_State *L)
{
  const orc_replica *r = self(L)->replica;
  lua_pushinteger(L, (lua_Integer)r->usage.steps);
  lua_pushinteger(L, (lua_Integer)r->usage.preemptions);
  return 2;
}

/* b:preempted() -> requests sent back since the policy was called */
static int count_preempted(lua_State *L)
{
  lua_pushinteger(L, self(L)->microbatch->preempted);
  return 1;
}

/* b:key(id, key) -> done: another place in the queue for a request of this replica */
static int rekey(lua_State *L)
{
  orc_batch *b = self(L);
  const double key = luaL_checknumber(L, 3);
  luaL_argcheck(L, key == key, 3, "a number expected");
  lua_pushboolean(L, orc_batch_rekey(b, number(L, 2), key));
  return 1;
}

/* b:prefix_order(): the queue in the order of a depth-first prefix_order of the prefix tree, heavier branches first
 */
static int prefix_order(lua_State *L)
{
  orc_batch_walk(self(L));
  return 0;
}

/* b:last() -> s the newest step took, tokens it computed; 0, 0 before the first */
static int last(lua_State *L)
{
  const orc_replica *r = self(L)->replica;
  lua_pushnumber(L, (double)r->last_step * 1e-9);
  lua_pushinteger(L, r->last_tokens);
  return 2;
}

/* b:random([n]) -> a number in [0, 1), or a whole one from 1 to n, from this replica's stream */
static int chance(lua_State *L)
{
  return orc_call_context_draw(L, &self(L)->replica->rng, 2);
}

/* b:decoding() -> sequences that decode */
static int decoding(lua_State *L)
{
  lua_pushinteger(L, self(L)->microbatch->decode.n);
  return 1;
}

/* b:now() -> s of simulated time */
static int now(lua_State *L)
{
  lua_pushnumber(L, (double)self(L)->replica->now * 1e-9);
  return 1;
}

/* b:again(): be called again at the next step though nothing may have changed */
static int again(lua_State *L)
{
  orc_batch_again(self(L));
  return 0;
}

/* b:wake(t): be called again at t seconds though nothing may have changed */
static int wake(lua_State *L)
{
  orc_batch *b = self(L);
  const double t = luaL_checknumber(L, 2);
  luaL_argcheck(L, t >= 0.0, 2, "a time in seconds expected");
  orc_batch_wake(b, orc_time_of(t));
  return 0;
}

/* The columns, in the order b:waiting and b:running take their tables. */
enum { ID, PROMPT, ARRIVAL, COMPUTED, GENERATED, PRIORITY, CLIENT, OUTPUT };

static void push_field(lua_State *L, const orc_replica *r, const orc_request *q, int column)
{
  const int32_t steps =
      q->state == ORC_DECODE
          ? orc_decode_set_generated(&r->microbatches[q->microbatch].decode, q) - q->generated
          : 0;
  switch (column) {
  case ID:
    lua_pushinteger(L, (lua_Integer)q->number + 1);
    break;
  case PROMPT:
    lua_pushinteger(L, q->in.prompt);
    break;
  case ARRIVAL:
    lua_pushnumber(L, (double)q->in.time * 1e-9);
    break;
  case COMPUTED:
    lua_pushinteger(L, q->computed + steps);
    break;
  case GENERATED:
    lua_pushinteger(L, q->generated + steps);
    break;
  case PRIORITY:
    lua_pushinteger(L, q->in.priority);
    break;
  case CLIENT:
    lua_pushinteger(L, q->in.client);
    break;
  default:
    lua_pushinteger(L, q->in.output);
  }
}

/* How many tables were given; each must be one. */
static int columns(lua_State *L, const orc_replica *r)
{
  int n = lua_gettop(L) - 1;
  luaL_argcheck(L, n <= COLUMNS_MOST, 2 + COLUMNS_MOST, "at most eight columns expected");
  for (int i = 0; i < n; i++)
    if (!lua_isnil(L, 2 + i)) luaL_checktype(L, 2 + i, LUA_TTABLE);
  if (n > OUTPUT && !lua_isnil(L, 2 + OUTPUT) && !r->policy->clairvoyant)
    orc_bind_misuse(L, "output lengths are unknown to a policy without clairvoyant = true");
  return n;
}

static void put_row(lua_State *L, const orc_replica *r, orc_slot slot, int n, lua_Integer row)
{
  for (int i = 0; i < n; i++) {
    if (lua_isnil(L, 2 + i)) continue;
    push_field(L, r, &r->requests->at[slot], i);
    lua_rawseti(L, 2 + i, row);
  }
}

/* b:waiting(ids, prompts, arrivals, computed, generated, priorities, clients, outputs) -> n; in
 * queue order */
static int waiting(lua_State *L)
{
  orc_replica *r = self(L)->replica;
  const int n = columns(L, r);
  orc_queue_sort(&r->queue);
  for (uint32_t i = 0; i < r->queue.count; i++)
    put_row(L, r, r->queue.at[i].slot, n, (lua_Integer)i + 1);
  lua_pushinteger(L, r->queue.count);
  return 1;
}

/* b:running(the same) -> n; in order of admission */
static int running(lua_State *L)
{
  const orc_replica *r = self(L)->replica;
  const int n = columns(L, r);
  lua_Integer row = 0;
  for (orc_slot slot = r->first; slot != ORC_NO_SLOT; slot = r->requests->at[slot].next)
    put_row(L, r, slot, n, ++row);
  lua_pushinteger(L, row);
  return 1;
}

/* Make the metatable "oracle.batch"; leaves the stack as it was. */
int orc_bind_batch(lua_State *L)
{
  static const luaL_Reg verbs[] = {
    { "decode", decode },       { "resume", resume },
    { "admit", admit },         { "preempt", preempt },
    { "free", free_blocks },    { "size", size },
    { "queue", queue },         { "decoding", decoding },
    { "head", head },           { "now", now },
    { "wake", wake },           { "waiting", waiting },
    { "running", running },     { "need", need },
    { "key", rekey },           { "last", last },
    { "owed", owed },           { "again", again },
    { "cached", cached },       { "progress", progress },
    { "steps", count_steps },   { "preempted", count_preempted },
    { "random", chance },       { "walk", prefix_order },
    { "beginning", beginning }, { "go_on", go_on },
    { "fill", fill },           { NULL, NULL },
  };
  luaL_newmetatable(L, "oracle.batch"); /* [mt] */
  luaL_newlibtable(L, verbs);           /* [mt, verbs] */
  orc_call_context_push(L);             /* [mt, verbs, asking] */
  luaL_setfuncs(L, verbs, 1);           /* [mt, verbs] */
  lua_setfield(L, -2, "__index");       /* [mt] */
  lua_pushliteral(L, "oracle.batch");   /* [mt, name] */
  lua_setfield(L, -2, "__metatable");   /* [mt] scripts cannot reach it */
  lua_pop(L, 1);                        /* [] */
  return 0;
}
