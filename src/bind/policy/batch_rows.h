/*
** batch_rows.h - verbs of a batch that look at its requests one by one: columns of them, and counters by client. Each is
** a lua_CFunction with the upvalues of enum orc_batch_upvalue.
*/
#ifndef ORC_BIND_POLICY_BATCH_ROWS_H
#define ORC_BIND_POLICY_BATCH_ROWS_H

#include <lua.h>

#include "bind/policy/columns.h"
#include "replica/batch.h"

/* Upvalues of each verb: an orc_call_context, the metatable of columns. */
enum orc_batch_upvalue { ORC_BATCH_CONTEXT = 1, ORC_BATCH_COLUMNS };

extern const orc_columns_kind orc_batch_columns;

/* The batch that a verb is called about, at stack index 1. Raises where there is none, or another one is. */
orc_batch *orc_batch_self(lua_State *L);

int orc_batch_new_columns(lua_State *L);
int orc_batch_waiting(lua_State *L);
int orc_batch_running(lua_State *L);
int orc_batch_reached(lua_State *L);
int orc_batch_outranked(lua_State *L);
int orc_batch_credit(lua_State *L);
int orc_batch_charge(lua_State *L);
int orc_batch_turn(lua_State *L);

#endif
