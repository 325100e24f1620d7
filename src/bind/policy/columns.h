/*
** columns.h - columns of many requests or replicas: a table of arrays that a policy makes once
** (`cols = b:columns { "id", "prompt" }`) and verbs fill (`n = b:waiting(cols)`), row by row, without garbage:
** cols.id[1 .. n], cols.prompt[1 .. n]. Rows of before stand behind row n.
*/
#ifndef ORC_BIND_POLICY_COLUMNS_H
#define ORC_BIND_POLICY_COLUMNS_H

#include <lua.h>

enum { ORC_COLUMNS = 13 }; /* at most, so that all fit on Lua's stack */

/* What columns there are of something. */
typedef struct orc_columns_kind {
  const char *type;         /* name of the metatable */
  const char *maker;        /* "b:columns": for messages */
  const char *const *names; /* [count] */
  int count;                /* up to ORC_COLUMNS */
} orc_columns_kind;

/* Push the metatable of this kind, made when it is first asked for. */
void orc_columns_metatable(lua_State *L, const orc_columns_kind *kind);

/* The verb columns(list): push a new table of arrays for the list of names at stack index 2; returns 1. Raises
** for a name that is none. */
int orc_columns_new(lua_State *L, const orc_columns_kind *kind);

/* Arrays to be filled, on Lua's stack. */
typedef struct orc_columns {
  int count;
  int first;                       /* stack index of the first */
  unsigned char code[ORC_COLUMNS]; /* which name each is of, in the kind's order */
} orc_columns;

/* Lay the arrays of the columns at stack index 2 on the stack; raises where that is none of the metatable at
** `metatable`. */
orc_columns orc_columns_lay(lua_State *L, int metatable, const orc_columns_kind *kind);

/* [value] -> []: into row `row`, from 1, of array `i`. */
static inline void orc_columns_set(lua_State *L, const orc_columns *c, int i, lua_Integer row)
{
  lua_rawseti(L, c->first + i, row);
}

#endif
