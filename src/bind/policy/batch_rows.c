#include "bind/policy/batch_rows.h"

#include <float.h>
#include <lauxlib.h>

#include "bind/error.h"
#include "bind/policy/call_context.h"
#include "bind/policy/request.h"
#include "replica/credit.h"
#include "replica/preempt.h"

const orc_columns_kind orc_batch_columns = { .type = "oracle.columns.batch",
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
orc_batch *orc_batch_self(lua_State *L)
{
  const orc_call_context *context = lua_touserdata(L, lua_upvalueindex(ORC_BATCH_CONTEXT));
  if (context->batch == NULL || lua_touserdata(L, 1) != context->handle) no_batch(L);
  return context->batch;
}

/* b:columns { "id", "prompt", ... } -> columns for b:waiting and b:running to fill */
int orc_batch_new_columns(lua_State *L)
{
  orc_batch_self(L);
  return orc_columns_new(L, &orc_batch_columns);
}

static orc_columns lay(lua_State *L, const orc_replica *r)
{
  const orc_columns c = orc_columns_lay(L, lua_upvalueindex(ORC_BATCH_COLUMNS), &orc_batch_columns);
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
int orc_batch_waiting(lua_State *L)
{
  orc_replica *r = orc_batch_self(L)->replica;
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
int orc_batch_running(lua_State *L)
{
  const orc_replica *r = orc_batch_self(L)->replica;
  const orc_columns c = lay(L, r);
  lua_Integer row = 0;
  for (orc_slot slot = r->first; slot != ORC_NO_SLOT; slot = r->requests->at[slot].next) {
    const orc_request *q = &r->requests->at[slot];
    put_row(L, &c, q, decoded_of(r, q), ++row);
  }
  lua_pushinteger(L, row);
  return 1;
}

/* b:reached(columns) -> n: of those the ones that have generated as many tokens as b:alarm said, or for whom it was
 * not called since they came here */
int orc_batch_reached(lua_State *L)
{
  const orc_replica *r = orc_batch_self(L)->replica;
  const orc_columns c = lay(L, r);
  lua_Integer row = 0;
  for (orc_slot slot = r->first; slot != ORC_NO_SLOT; slot = r->requests->at[slot].next) {
    const orc_request *q = &r->requests->at[slot];
    const int32_t decoded = decoded_of(r, q);
    if (q->generated + decoded >= q->alarm) put_row(L, &c, q, decoded, ++row);
  }
  lua_pushinteger(L, row);
  return 1;
}

/* b:outranked(columns) -> n: the running requests that waiting ones go before by their keys, the youngest first: one for
 * each of those, from the head of the queue on */
int orc_batch_outranked(lua_State *L)
{
  orc_replica *r = orc_batch_self(L)->replica;
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

/* ---- counters ---- */

static double amount(lua_State *L, int index)
{
  const double n = luaL_checknumber(L, index);
  luaL_argcheck(L, n >= 0.0 && n <= DBL_MAX, index, "a number >= 0 expected");
  return n;
}

/* b:credit(weight): each token that came out for a request of this replica adds `weight` to the counter of its client.
 * Then clients that had no request here before are raised to the least counter of those that had */
int orc_batch_credit(lua_State *L)
{
  orc_replica *r = orc_batch_self(L)->replica;
  orc_credit_running(r, amount(L, 2));
  return 0;
}

/* b:charge(client, amount) -> its counter, to which `amount` was added */
int orc_batch_charge(lua_State *L)
{
  orc_replica *r = orc_batch_self(L)->replica;
  const lua_Integer client = luaL_checkinteger(L, 2);
  luaL_argcheck(L, client >= 0 && client <= UINT32_MAX, 2, "the number of a client expected");
  const double now = orc_credit_charge(r, (uint32_t)client, amount(L, 3));
  luaL_argcheck(L, now >= 0.0, 2,
                "no request of this client came, and too many others are charged");
  lua_pushnumber(L, now);
  return 1;
}

/* b:turn() -> id, client and prompt tokens of the oldest waiting request of the client with the least counter, of equal
 * ones the older; nil when none waits. Newcomers are raised as by b:credit */
int orc_batch_turn(lua_State *L)
{
  orc_replica *r = orc_batch_self(L)->replica;
  const orc_slot slot = orc_credit_turn(r);
  if (slot == ORC_NO_SLOT) return 0;
  const orc_request *q = orc_replica_request(r, slot);
  lua_pushinteger(L, (lua_Integer)q->number + 1);
  lua_pushinteger(L, q->in.client);
  lua_pushinteger(L, q->in.prompt);
  return 3;
}
