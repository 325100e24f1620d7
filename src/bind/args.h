/*
** args.h - arguments of the functions that Lua calls: fields of their tables, read and checked.
*/
#ifndef ORC_BIND_ARGS_H
#define ORC_BIND_ARGS_H

#include "bind/error.h"

/*
** Read fields of the table at `index`; raise "<what>.<key>: <expected>" when absent or wrong.
** The _or forms take a default for nil.
*/
double orc_bind_number(lua_State *L, int index, const char *what, const char *key);
double orc_bind_number_or(lua_State *L, int index, const char *what, const char *key,
                          double otherwise);
int64_t orc_bind_integer(lua_State *L, int index, const char *what, const char *key);
int64_t orc_bind_integer_or(lua_State *L, int index, const char *what, const char *key,
                            int64_t otherwise);
bool orc_bind_bool_or(lua_State *L, int index, const char *what, const char *key, bool otherwise);

#endif
