/*
** error.h - errors that C raises in Lua: each one line, without the C file.
*/
#ifndef ORC_BIND_ERROR_H
#define ORC_BIND_ERROR_H

#include <lua.h>

#include "base/base.h"

/* luaL_error never returns, but its header does not say so; this does. printf-like, Lua's formats.
 */
_Noreturn void orc_bind_fail(lua_State *L, const char *format, ...);

/* The same with the file and line of the Lua function that called the C function. */
_Noreturn void orc_bind_misuse(lua_State *L, const char *format, ...);

/*
** The text of the error on the stack's top, which stays there, for who stands outside any protected call: this raises
** nothing, even without memory. Valid while the error is on the stack.
*/
const char *orc_bind_said(lua_State *L);

/* Raise *e as a Lua error. */
_Noreturn void orc_bind_raise(lua_State *L, const orc_error *e);

#endif
