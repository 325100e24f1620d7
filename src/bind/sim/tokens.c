#include "bind/sim/tokens.h"

#include <lauxlib.h>

#include "bind/core.h"
#include "bind/sim/state.h"

/*
** s:tokens() -> a list by request, from 1 in order of arrival, of lists of times in s: of its tokens
** after the first, as far as they are known (obs/token_trace.h). nil without spec.tokens; nil and how
** many tokens there were where they are too many.
*/
static int tokens(lua_State *L)
{
  const orc_token_trace *t = orc_bind_idle_sim(L)->tokens;
  if (t == NULL) return 0;
  if (t->beyond > 0) {
    lua_pushnil(L);
    lua_pushinteger(L, (lua_Integer)t->beyond + (lua_Integer)t->token_count);
    return 2;
  }
  lua_createtable(L, (int)t->request_count, 0);
  for (uint64_t i = 0; i < t->request_count; i++) {
    lua_createtable(L, t->requests[i].seen > 1 ? t->requests[i].seen - 1 : 0, 0);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  for (uint64_t i = 0; i < t->token_count; i++) {
    lua_rawgeti(L, -1, (lua_Integer)t->tokens[i].number + 1);
    lua_pushnumber(L, (double)t->tokens[i].time * 1e-9);
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
    lua_pop(L, 1);
  }
  return 1;
}

void orc_bind_tokens(lua_State *L)
{
  lua_pushcfunction(L, tokens);
  lua_setfield(L, -2, "tokens");
}
