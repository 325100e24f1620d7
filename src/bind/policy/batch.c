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
#include "bind/policy/call_context.h"
#include "bind/policy/columns.h"
#include "bind/policy/handle.h"
#include "bind/policy/request.h"
#include "replica/batch.h"
#include "replica/preempt.h"
#include "replica/usage.h"

/* Upvalues of each verb. */
enum { CONTEXT = 1, COLUMNS };

static const orc_columns_kind columns_kind = { .type = "oracle.columns.batch",
                                               .maker = "b:columns",
                                               .names = orc_policy_request_fields,
                                               .count = ORC_FIELDS };

static _Noreturn void no_batch(lua_State *L)
{
  if (luaL_testudata(L, 1, "oracle.batch") == NULL)
    orc_bind_misuse(L, "a batch expected; call it as b:verb()");
  orc_bind_misuse(L, "batch used outside its step");
}

/* The userdata is known by its address: nothing is looked up for a verb that is well called. */
static orc_batch *self(lua_State *L)
{
  const orc_call_context *context = lua_touserdata(L, lua_upvalueindex(CONTEXT));
  if (context->batch == NULL || lua_touserdata(L, 1) != context->handle) no_batch(L);
  return context->batch;
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

/* b:continue(limit) -> tokens granted to the requests that run: one for every decoding sequence, and what
 * that leaves of `limit` to prompts begun in earlier steps; requests preempted since the policy was
 * called */
static int continue_running(lua_State *L)
{
  orc_batch *b = self(L);
  lua_pushinteger(L, orc_batch_go_on(b, limit(L)));
  lua_pushinteger(L, b->microbatch->preempted);
  return 2;
}

static int fill_as(lua_State *L, unsigned how)
{
  orc_batch *b = self(L);
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
  orc_batch *b = self(L);
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
  orc_batch *b = self(L);
  const int tokens = limit(L);
  const uint64_t id = lua_isnoneornil(L, 3) ? ORC_HEAD : number(L, 3);
  lua_pushinteger(L, orc_batch_admit_reserved(b, id, tokens));
  return 1;
}

static int preempt_as(lua_State *L, orc_preempt_mode how)
{
  orc_batch *b = self(L);
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

/* b:head() -> tokens the head of the queue needs computed, KV blocks it lacks for them, those it lacks
 * for its longest answer, and its id; 0, 0, 0, 0 if empty */
static int head(lua_State *L)
{
  int64_t blocks;
  lua_pushinteger(L, orc_batch_head(self(L), &blocks));
  lua_pushinteger(L, blocks);
  const orc_replica *r = self(L)->replica;
  const bool any = r->queue.count > 0;
  lua_pushinteger(L, orc_batch_head_reserve(self(L)));
  lua_pushinteger(L, any ? (lua_Integer)r->requests->at[orc_queue_head(&r->queue)].number + 1 : 0);
  return 4;
}

/* b:begun() -> tokens that the prompt begun first lacks, and those its request may generate, and may yet; 0, 0, 0 if no
 * prompt is begun and not done */
static int begun(lua_State *L)
{
  const orc_replica *r = self(L)->replica;
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
  orc_batch_make_room(self(L), blocks);
  return 0;
}

/* b:decode_blocks() -> KV blocks the decodes of this step still have to open */
static int decode_blocks(lua_State *L)
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

/* b:prefix_hash(id, n) -> a number that stands for the first n prompt tokens of a waiting request:
 * equal for equal ones; nil when its prompt is shorter or unlike any other */
static int prefix_hash(lua_State *L)
{
  const orc_batch *b = self(L);
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

/* b:preempted() -> requests preempted since the policy was called */
static int count_preempted(lua_State *L)
{
  lua_pushinteger(L, self(L)->microbatch->preempted);
  return 1;
}

/* b:requeue(id, key) -> done: another place in the queue for a request of this replica */
static int requeue(lua_State *L)
{
  orc_batch *b = self(L);
  const double key = luaL_checknumber(L, 3);
  luaL_argcheck(L, key == key, 3, "a number expected");
  lua_pushboolean(L, orc_batch_rekey(b, number(L, 2), key));
  return 1;
}

/* b:prefix_order(): the queue in the order of a depth-first walk of the prefix tree, heavier branches
 * first */
static int prefix_order(lua_State *L)
{
  orc_batch_walk(self(L));
  return 0;
}

/* b:idle() -> s in which this replica had no step to run, since the run began */
static int idle(lua_State *L)
{
  const orc_replica *r = self(L)->replica;
  lua_pushnumber(L, (double)(r->now - orc_usage_busy(r, r->now)) * 1e-9);
  return 1;
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
static int random_number(lua_State *L)
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

/* b:call_again(): be called again at the next step though nothing may have changed */
static int call_again(lua_State *L)
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

/* ---- columns ---- */

/* b:columns { "id", "prompt", ... } -> columns for b:waiting and b:running to fill */
static int columns(lua_State *L)
{
  self(L);
  return orc_columns_new(L, &columns_kind);
}

static orc_columns lay(lua_State *L, const orc_replica *r)
{
  const orc_columns c = orc_columns_lay(L, lua_upvalueindex(COLUMNS), &columns_kind);
  if (c.count > 0 && c.code[c.count - 1] == ORC_FIELD_OUTPUT && !r->policy->clairvoyant)
    orc_bind_misuse(L, "output lengths are unknown to a policy without clairvoyant = true");
  return c;
}

static void put_row(lua_State *L, const orc_columns *c, const orc_request *q, int32_t decoded,
                    lua_Integer row)
{
  for (int i = 0; i < c->count; i++) {
    orc_policy_request_push(L, q, (orc_policy_request_field)c->code[i], decoded);
    orc_columns_set(L, c, i, row);
  }
}

/* b:waiting(columns) -> n: the waiting requests in rows 1 to n, in the queue's order */
static int waiting(lua_State *L)
{
  orc_replica *r = self(L)->replica;
  const orc_columns c = lay(L, r);
  orc_queue_sort(&r->queue);
  for (uint32_t i = 0; i < r->queue.count; i++)
    put_row(L, &c, &r->requests->at[r->queue.at[i].slot], 0, (lua_Integer)i + 1);
  lua_pushinteger(L, r->queue.count);
  return 1;
}

/* Tokens of a decoding request that are not yet in q->generated. */
static int32_t decoded_of(const orc_replica *r, const orc_request *q)
{
  if (q->state != ORC_DECODE) return 0;
  return orc_decode_set_generated(&r->microbatches[q->microbatch].decode, q) - q->generated;
}

/* b:running(columns) -> n: the running requests in rows 1 to n, in order of admission */
static int running(lua_State *L)
{
  const orc_replica *r = self(L)->replica;
  const orc_columns c = lay(L, r);
  lua_Integer row = 0;
  for (orc_slot slot = r->first; slot != ORC_NO_SLOT; slot = r->requests->at[slot].next) {
    const orc_request *q = &r->requests->at[slot];
    put_row(L, &c, q, decoded_of(r, q), ++row);
  }
  lua_pushinteger(L, row);
  return 1;
}

/* b:reached(ends, columns) -> n: of those the ones that have generated ends[id] tokens or more */
static int reached(lua_State *L)
{
  const orc_replica *r = self(L)->replica;
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_remove(L, 1); /* [ends, columns] */
  const orc_columns c = lay(L, r);
  lua_Integer row = 0;
  for (orc_slot slot = r->first; slot != ORC_NO_SLOT; slot = r->requests->at[slot].next) {
    const orc_request *q = &r->requests->at[slot];
    const int32_t decoded = decoded_of(r, q);
    lua_rawgeti(L, 1, (lua_Integer)q->number + 1);
    const bool is = lua_isnumber(L, -1) && lua_tonumber(L, -1) <= q->generated + decoded;
    lua_pop(L, 1);
    if (is) put_row(L, &c, q, decoded, ++row);
  }
  lua_pushinteger(L, row);
  return 1;
}

/* b:outranked(columns) -> n: the running requests that waiting ones go before by their keys, the youngest first: one for
 * each of those, from the head of the queue on */
static int outranked(lua_State *L)
{
  orc_replica *r = self(L)->replica;
  const orc_columns c = lay(L, r);
  lua_Integer row = 0;
  if (!orc_preempt_outranked(r)) {
    lua_pushinteger(L, 0);
    return 1;
  }
  for (orc_slot slot = r->last; slot != ORC_NO_SLOT; slot = r->requests->at[slot].prev) {
    const orc_request *q = &r->requests->at[slot];
    if (q->outranked) put_row(L, &c, q, decoded_of(r, q), ++row);
  }
  lua_pushinteger(L, row);
  return 1;
}

/* b:credit(t, weight): add to t[client] `weight` for each token that came out for its running requests since they were
 * last credited. r.credited says how many of a request's were */
static int credit(lua_State *L)
{
  orc_replica *r = self(L)->replica;
  luaL_checktype(L, 2, LUA_TTABLE);
  const double weight = luaL_checknumber(L, 3);
  for (orc_slot slot = r->first; slot != ORC_NO_SLOT; slot = r->requests->at[slot].next) {
    orc_request *q = &r->requests->at[slot];
    const int32_t generated = q->generated + decoded_of(r, q);
    if (generated <= q->credited) continue;
    lua_rawgeti(L, 2, q->in.client);
    lua_pushnumber(L, lua_tonumber(L, -1) + weight * (generated - q->credited));
    lua_rawseti(L, 2, q->in.client);
    lua_pop(L, 1);
    q->credited = generated;
  }
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
  { "prefix_order", prefix_order },
  { "columns", columns },
  { "waiting", waiting },
  { "running", running },
  { "reached", reached },
  { "outranked", outranked },
  { "credit", credit },
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
  luaL_newmetatable(L, "oracle.batch");    /* [mt] */
  luaL_newlibtable(L, verbs);              /* [mt, verbs] */
  orc_call_context_push(L);                /* [mt, verbs, context] */
  orc_columns_metatable(L, &columns_kind); /* [mt, verbs, context, columns] */
  luaL_setfuncs(L, verbs, 2);              /* [mt, verbs] */
  orc_handle_strict(L, verbs, "batch", "b");
  lua_setfield(L, -2, "__index");     /* [mt] */
  lua_pushliteral(L, "oracle.batch"); /* [mt, name] */
  lua_setfield(L, -2, "__metatable"); /* [mt] scripts cannot reach it */
  lua_pop(L, 1);                      /* [] */
}
