#include "bind/sim/spec_speculation.h"

#include <lauxlib.h>

static void read_acceptance(lua_State *L, int t, orc_speculation *s)
{
  if (lua_getfield(L, t, "acceptance") != LUA_TTABLE || (int32_t)lua_rawlen(L, -1) != s->tokens)
    orc_bind_fail(L, "engine.speculation.acceptance: a chance for each of the %d drafts expected",
                  (int)s->tokens);
  for (int32_t i = 0; i < s->tokens; i++) {
    lua_rawgeti(L, -1, i + 1);
    s->acceptance[i] = lua_tonumber(L, -1);
    if (!(s->acceptance[i] >= 0.0 && s->acceptance[i] <= 1.0))
      orc_bind_fail(L, "engine.speculation.acceptance[%d]: a number from 0 to 1 expected", i + 1);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

orc_speculation orc_bind_read_speculation(lua_State *L, int index)
{
  orc_speculation s = { 0 };
  if (lua_getfield(L, index, "speculation") == LUA_TTABLE) {
    const int t = lua_gettop(L);
    const int64_t tokens = orc_bind_integer(L, t, "engine.speculation", "tokens");
    const int64_t lookahead = orc_bind_integer_or(L, t, "engine.speculation", "lookahead", 0);
    if (tokens < 1 || tokens > ORC_DRAFTS_MOST || lookahead < 0 || lookahead > ORC_DRAFTS_MOST)
      orc_bind_fail(L, "engine.speculation: 1 to %d tokens, as many ahead at most, expected",
                    ORC_DRAFTS_MOST);
    s.tokens = (int32_t)tokens;
    s.lookahead = (int32_t)lookahead;
    s.drops_last_block = orc_bind_bool_or(L, t, "engine.speculation", "drops_last_block", false);
    read_acceptance(L, t, &s);
  }
  lua_pop(L, 1);
  return s;
}
