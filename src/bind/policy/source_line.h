/*
** source_line.h - whose fault an error is: the file and line of the policy, whatever was called
** from there.
*/
#ifndef ORC_BIND_POLICY_SOURCE_LINE_H
#define ORC_BIND_POLICY_SOURCE_LINE_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

enum { ORC_SOURCE_LINE_SIZE = LUA_IDSIZE + 16 }; /* room for a file's short name and a line */

/* Write "file:line" of the innermost running Lua function that is the policy's own; lines of the
** sandbox around it are passed over. False, and "?", where there is none. */
bool orc_source_line_line(lua_State *L, char *out, size_t size);

/* Write "file:line" of where the function at `index` begins. */
void orc_source_line_function(lua_State *L, int index, char *out, size_t size);

/*
** handler(error) -> text: the message handler of calls into a policy. The text begins with the
** policy's file and line, or ends with them in brackets where the error says nothing; an error that
** is a table gives its `message` or first value. A lua_CFunction.
*/
int orc_source_line_handler(lua_State *L);

#endif
