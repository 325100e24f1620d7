#include "bind/policy/source_line.h"

#include <ctype.h>
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "bind/policy/floor.h"

static bool ends_in(const char *text, const char *end)
{
  const size_t n = strlen(text), m = strlen(end);
  return n >= m && strcmp(text + n - m, end) == 0;
}

/* These stand between a policy and Lua's library; their lines say nothing. */
static bool is_sandbox(const lua_Debug *ar)
{
  return ends_in(ar->source, "lua/oracle/policy/sandbox.lua") ||
         ends_in(ar->source, "lua/oracle/policy/constructors.lua") ||
         ends_in(ar->source, "lua/oracle/policy/tables.lua") ||
         ends_in(ar->source, "lua/oracle/system/init.lua") ||
         ends_in(ar->source, "lua/oracle/calc.lua");
}

/* Whether there is a function at this level, and it is not one that called the policy. */
static bool in_policy(lua_State *L, int level, lua_Debug *ar)
{
  return lua_getstack(L, level, ar) != 0 && ar->i_ci != orc_floor_get();
}

bool orc_source_line_line(lua_State *L, char *out, size_t size)
{
  lua_Debug ar;
  for (int level = 0; in_policy(L, level, &ar); level++) {
    lua_getinfo(L, "Sl", &ar);
    if (ar.currentline <= 0 || is_sandbox(&ar)) continue;
    snprintf(out, size, "%s:%d", ar.short_src, ar.currentline);
    return true;
  }
  snprintf(out, size, "?");
  return false;
}

void orc_source_line_function(lua_State *L, int index, char *out, size_t size)
{
  lua_Debug ar;
  lua_pushvalue(L, index);
  lua_getinfo(L, ">S", &ar);
  snprintf(out, size, "%s:%d", ar.short_src, ar.linedefined);
}

/* The length of "file:line: " at the beginning of a message; 0 where it is not of this file. */
static size_t position_of(const char *message, const char *file)
{
  const size_t n = strlen(file);
  if (strncmp(message, file, n) != 0 || message[n] != ':') return 0;
  size_t i = n + 1;
  while (isdigit((unsigned char)message[i]))
    i++;
  return i > n + 1 && message[i] == ':' && message[i + 1] == ' ' ? i + 2 : 0;
}

/* Whether a message begins with a line of the policy; *skip is what to leave out: a line of the
** sandbox in its place. */
static bool is_placed(lua_State *L, const char *message, size_t *skip)
{
  lua_Debug ar;
  *skip = 0;
  for (int level = 0; in_policy(L, level, &ar); level++) {
    lua_getinfo(L, "S", &ar);
    const size_t n = position_of(message, ar.short_src);
    if (n == 0) continue;
    if (!is_sandbox(&ar)) return true;
    *skip = n;
    return false;
  }
  return false;
}

/* Replace an error that is no text by what it says: its __tostring, its `message`, its first value.
** Raw access: no metamethod of the policy runs but that one. */
static void to_text(lua_State *L)
{
  if (luaL_getmetafield(L, 1, "__tostring") != LUA_TNIL) {
    lua_pop(L, 1);
    luaL_tolstring(L, 1, NULL);
  } else if (lua_istable(L, 1)) {
    lua_pushliteral(L, "message");
    if (lua_rawget(L, 1) != LUA_TSTRING) {
      lua_pop(L, 1);
      lua_rawgeti(L, 1, 1);
    }
  } else {
    return;
  }
  if (lua_type(L, -1) == LUA_TSTRING) lua_replace(L, 1);
  lua_settop(L, 1);
}

int orc_source_line_handler(lua_State *L)
{
  char at[ORC_SOURCE_LINE_SIZE];
  size_t skip;
  lua_settop(L, 1);
  if (lua_type(L, 1) != LUA_TSTRING && lua_type(L, 1) != LUA_TNUMBER) to_text(L);
  const char *message = lua_tostring(L, 1);
  const bool known = orc_source_line_line(L, at, sizeof at);
  if (message == NULL) {
    lua_pushfstring(L, known ? "an error without a message (%s)" : "an error without a message",
                    at);
    return 1;
  }
  if (strcmp(message, "not enough memory") == 0) return 1; /* which the caller has words for */
  if (!is_placed(L, message, &skip) && known) lua_pushfstring(L, "%s: %s", at, message + skip);
  return 1;
}
