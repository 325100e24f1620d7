/*
** batch.c - verbs a batching policy calls to form a step.
** A few userdata, taken in turn. One stands for a batch only while the policy is being called
** about it (call_context.h); otherwise every verb raises "batch used outside its step".
*/
#include "bind/policy/batch.h"

#include <lauxlib.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#include "bind/error.h"
#include "bind/policy/batch_rows.h"
#include "bind/policy/call_context.h"
#include "bind/policy/handle.h"
#include "replica/batch.h"
#include "replica/usage.h"

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
  lua_pushinteger(L, orc_batch_decode(orc_batch_self(L)));
  return 1;
}

/* b:resume(limit) -> tokens granted to prompts begun in earlier steps */
static int resume(lua_State *L)
{
  orc_batch *b = orc_batch_self(L);
  lua_pushinteger(L, orc_batch_resume(b, limit(L)));
  return 1;
}

/* b:continue(limit) -> tokens granted to the requests that run: one for every decoding sequence, and what
 * that leaves of `limit` to prompts begun in earlier steps; requests preempted since the policy was
 * called */
static int continue_running(lua_State *L)
{
  orc_batch *b = orc_batch_self(L);
  lua_pushinteger(L, orc_batch_go_on(b, limit(L)));
  lua_pushinteger(L, b->microbatch->preempted);
  return 2;
}

static int fill_as(lua_State *L, unsigned how)
{
  orc_batch *b = orc_batch_self(L);
  lua_pushinteger(L, orc_batch_fill(b, limit(L), how));
  return 1;
}

/* b:fill(limit) -> tokens granted to waiting requests, admitted from the head of the queue on until
 * one gets none */
static int fill(lua_State *L)
{
  return fill_as(L, 0);
}

/* b:fill_reserved(limit) -> the same, each with the blocks of its longest answer, as
 * b:admit_reserved */
static int fill_reserved(lua_State *L)
{
  return fill_as(L, ORC_FILL_RESERVE);
}

/* b:fill_skipping(limit) -> the same; a prompt too long for what is left, where prompts are not cut,
 * lets those behind it go first */
static int fill_skipping(lua_State *L)
{
  return fill_as(L, ORC_FILL_PASS_OVER);
}

/* b:admit(limit [, id]) -> tokens granted, 0 when nothing fits; without id: to the head of the queue */
static int admit(lua_State *L)
{
  orc_batch *b = orc_batch_self(L);
  const int tokens = limit(L);
  if (lua_isnoneornil(L, 3))
    lua_pushinteger(L, orc_batch_admit(b, tokens));
  else
    lua_pushinteger(L, orc_batch_admit_one(b, number(L, 3), tokens));
  return 1;
}

/* b:admit_reserved(limit [, id]) -> the same; the request is given all the KV blocks its longest answer
 * needs, so that it is never preempted for want of one */
static int admit_reserved(lua_State *L)
{
  orc_batch *b = orc_batch_self(L);
  const int tokens = limit(L);
  const uint64_t id = lua_isnoneornil(L, 3) ? ORC_HEAD : number(L, 3);
  lua_pushinteger(L, orc_batch_admit_reserved(b, id, tokens));
  return 1;
}

static int preempt_as(lua_State *L, orc_preempt_mode how)
{
  orc_batch *b = orc_batch_self(L);
  if (lua_isnoneornil(L, 2))
    lua_pushboolean(L, orc_batch_preempt_last(b, how));
  else
    lua_pushboolean(L, orc_batch_preempt(b, number(L, 2), how));
  return 1;
}

/* b:preempt([id]) -> done: a running request goes back to the queue and is computed again; without id
 * the one the policy's `victim` names */
static int preempt(lua_State *L)
{
  return preempt_as(L, ORC_PREEMPT_RECOMPUTE);
}

/* b:pause([id]) -> done: the same, but it keeps its blocks until others need them */
static int pause_request(lua_State *L)
{
  return preempt_as(L, ORC_PREEMPT_KEEP);
}

/* b:swap_out([id]) -> done: the same, but its blocks move to host memory */
static int swap_out(lua_State *L)
{
  return preempt_as(L, ORC_PREEMPT_SWAP);
}

/* b:free() -> KV blocks a newcomer could have, of how many */
static int free_blocks(lua_State *L)
{
  const orc_batch *b = orc_batch_self(L);
  lua_pushinteger(L, orc_batch_room(b));
  lua_pushinteger(L, b->replica->kv.total);
  return 2;
}

/* b:size() -> requests running */
static int size(lua_State *L)
{
  lua_pushinteger(L, orc_batch_self(L)->replica->running);
  return 1;
}

/* b:queue() -> requests waiting */
static int queue(lua_State *L)
{
  lua_pushinteger(L, orc_batch_self(L)->replica->queue.count);
  return 1;
}

/* b:head() -> tokens the head of the queue needs computed, KV blocks it lacks for them, those it lacks
 * for its longest answer, and its id; 0, 0, 0, 0 if empty */
static int head(lua_State *L)
{
  int64_t blocks;
  lua_pushinteger(L, orc_batch_head(orc_batch_self(L), &blocks));
  lua_pushinteger(L, blocks);
  const orc_replica *r = orc_batch_self(L)->replica;
  const bool any = r->queue.count > 0;
  lua_pushinteger(L, orc_batch_head_reserve(orc_batch_self(L)));
  lua_pushinteger(L, any ? (lua_Integer)r->requests->at[orc_queue_head(&r->queue)].number + 1 : 0);
  return 4;
}

/* b:begun() -> tokens that the prompt begun first lacks, and those its request may generate, and may yet; 0, 0, 0 if no
 * prompt is begun and not done */
static int begun(lua_State *L)
{
  const orc_replica *r = orc_batch_self(L)->replica;
  const orc_request *q = r->partial_count > 0 ? &r->requests->at[r->partial[0]] : NULL;
  lua_pushinteger(L, q == NULL ? 0 : orc_request_target(q) - q->computed);
  lua_pushinteger(L, q == NULL ? 0 : q->in.max_output);
  lua_pushinteger(L, q == NULL ? 0 : q->in.max_output - orc_preempt_generated(r, q));
  return 3;
}

/* b:make_room(blocks): cached blocks that no request holds are evicted until so many are free */
static int make_room(lua_State *L)
{
  const lua_Integer blocks = luaL_checkinteger(L, 2);
  luaL_argcheck(L, blocks >= 0, 2, "a number of blocks expected");
  orc_batch_make_room(orc_batch_self(L), blocks);
  return 0;
}

/* b:decode_blocks() -> KV blocks the decodes of this step still have to open */
static int decode_blocks(lua_State *L)
{
  lua_pushinteger(L, orc_batch_need(orc_batch_self(L)));
  return 1;
}

/* b:cached(id) -> prompt tokens of a waiting request that the prefix cache holds; 0 when it does
 * not wait here */
static int cached(lua_State *L)
{
  const orc_batch *b = orc_batch_self(L);
  lua_pushinteger(L, orc_batch_cached(b, number(L, 2)));
  return 1;
}

/* b:prefix_hash(id, n) -> a number that stands for the first n prompt tokens of a waiting request:
 * equal for equal ones; nil when its prompt is shorter or unlike any other */
static int prefix_hash(lua_State *L)
{
  const orc_batch *b = orc_batch_self(L);
  const lua_Integer tokens = luaL_checkinteger(L, 3);
  luaL_argcheck(L, tokens >= 1 && tokens <= INT_MAX, 3, "1 to 2147483647 tokens expected");
  uint64_t text;
  if (!orc_batch_beginning(b, number(L, 2), (int32_t)tokens, &text)) return 0;
  lua_pushinteger(L, (lua_Integer)text);
  return 1;
}

/* b:remaining(clip) -> tokens the running requests may yet generate, each counted for at most `clip` */
static int remaining(lua_State *L)
{
  const orc_batch *b = orc_batch_self(L);
  lua_pushinteger(L, orc_batch_owed(b, limit(L)));
  return 1;
}

/* b:progress(more) -> share of their longest answers that the running requests have generated, each
 * given `more` tokens on top */
static int progress(lua_State *L)
{
  const orc_batch *b = orc_batch_self(L);
  lua_pushnumber(L, orc_batch_progress(b, limit(L)));
  return 1;
}

/* b:steps() -> steps of this replica so far, preemptions so far */
static int count_steps(lua_State *L)
{
  const orc_replica *r = orc_batch_self(L)->replica;
  lua_pushinteger(L, (lua_Integer)r->usage.steps);
  lua_pushinteger(L, (lua_Integer)r->usage.preemptions);
  return 2;
}

/* b:preempted() -> requests preempted since the policy was called */
static int count_preempted(lua_State *L)
{
  lua_pushinteger(L, orc_batch_self(L)->microbatch->preempted);
  return 1;
}

/* b:requeue(id, key) -> done: another place in the queue for a request of this replica */
static int requeue(lua_State *L)
{
  orc_batch *b = orc_batch_self(L);
  const double key = luaL_checknumber(L, 3);
  luaL_argcheck(L, key == key, 3, "a number expected");
  lua_pushboolean(L, orc_batch_rekey(b, number(L, 2), key));
  return 1;
}

/* b:alarm(id, tokens) -> done: b:reached tells when a request of this replica has generated so many */
static int set_alarm(lua_State *L)
{
  orc_batch *b = orc_batch_self(L);
  const lua_Integer tokens = luaL_checkinteger(L, 3);
  luaL_argcheck(L, tokens >= 0, 3, "a number of tokens expected");
  lua_pushboolean(
      L, orc_batch_set_alarm(b, number(L, 2), tokens < INT32_MAX ? (int32_t)tokens : INT32_MAX));
  return 1;
}

/* b:prefix_order(): the queue in the order of a depth-first walk of the prefix tree, heavier branches
 * first */
static int prefix_order(lua_State *L)
{
  orc_batch_walk(orc_batch_self(L));
  return 0;
}

/* b:idle() -> s in which this replica had no step to run, since the run began */
static int idle(lua_State *L)
{
  const orc_replica *r = orc_batch_self(L)->replica;
  lua_pushnumber(L, (double)(r->now - orc_usage_busy(r, r->now)) * 1e-9);
  return 1;
}

/* b:last() -> s the newest step took, tokens it computed; 0, 0 before the first */
static int last(lua_State *L)
{
  const orc_replica *r = orc_batch_self(L)->replica;
  lua_pushnumber(L, (double)r->last_step * 1e-9);
  lua_pushinteger(L, r->last_tokens);
  return 2;
}

/* b:random([n]) -> a number in [0, 1), or a whole one from 1 to n, from this replica's stream */
static int random_number(lua_State *L)
{
  return orc_call_context_draw(L, &orc_batch_self(L)->replica->rng, 2);
}

/* b:decoding() -> sequences that decode */
static int decoding(lua_State *L)
{
  lua_pushinteger(L, orc_batch_self(L)->microbatch->decode.n);
  return 1;
}

/* b:now() -> s of simulated time */
static int now(lua_State *L)
{
  lua_pushnumber(L, (double)orc_batch_self(L)->replica->now * 1e-9);
  return 1;
}

/* b:call_again(): be called again at the next step though nothing may have changed */
static int call_again(lua_State *L)
{
  orc_batch_again(orc_batch_self(L));
  return 0;
}

/* b:wake(t): be called again at t seconds though nothing may have changed */
static int wake(lua_State *L)
{
  orc_batch *b = orc_batch_self(L);
  const double t = luaL_checknumber(L, 2);
  luaL_argcheck(L, t >= 0.0, 2, "a time in seconds expected");
  orc_batch_wake(b, orc_time_of(t));
  return 0;
}

static const luaL_Reg verbs[] = {
  { "decode", decode },
  { "resume", resume },
  { "continue", continue_running },
  { "admit", admit },
  { "admit_reserved", admit_reserved },
  { "fill", fill },
  { "fill_reserved", fill_reserved },
  { "fill_skipping", fill_skipping },
  { "preempt", preempt },
  { "pause", pause_request },
  { "swap_out", swap_out },
  { "requeue", requeue },
  { "alarm", set_alarm },
  { "prefix_order", prefix_order },
  { "columns", orc_batch_new_columns },
  { "waiting", orc_batch_waiting },
  { "running", orc_batch_running },
  { "reached", orc_batch_reached },
  { "outranked", orc_batch_outranked },
  { "credit", orc_batch_credit },
  { "charge", orc_batch_charge },
  { "turn", orc_batch_turn },
  { "head", head },
  { "size", size },
  { "queue", queue },
  { "decoding", decoding },
  { "free", free_blocks },
  { "decode_blocks", decode_blocks },
  { "cached", cached },
  { "prefix_hash", prefix_hash },
  { "remaining", remaining },
  { "progress", progress },
  { "preempted", count_preempted },
  { "now", now },
  { "last", last },
  { "idle", idle },
  { "begun", begun },
  { "make_room", make_room },
  { "steps", count_steps },
  { "wake", wake },
  { "call_again", call_again },
  { "random", random_number },
  { NULL, NULL },
};

void orc_policy_batch_open(lua_State *L)
{
  luaL_newmetatable(L, "oracle.batch");         /* [mt] */
  luaL_newlibtable(L, verbs);                   /* [mt, verbs] */
  orc_call_context_push(L);                     /* [mt, verbs, context] */
  orc_columns_metatable(L, &orc_batch_columns); /* [mt, verbs, context, columns] */
  luaL_setfuncs(L, verbs, 2);                   /* [mt, verbs] */
  orc_handle_strict(L, verbs, "batch", "b");
  lua_setfield(L, -2, "__index");     /* [mt] */
  lua_pushliteral(L, "oracle.batch"); /* [mt, name] */
  lua_setfield(L, -2, "__metatable"); /* [mt] scripts cannot reach it */
  lua_pop(L, 1);                      /* [] */
}
