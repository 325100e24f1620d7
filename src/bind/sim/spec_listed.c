#include "bind/sim/spec_listed.h"

#include <lauxlib.h>

#include "bind/sim/spec_text.h"
#include "workload/listed.h"

enum { TOKENS_MOST = 1 << 30 };

static const char what[] = "workload.requests";

static int64_t number(lua_State *L, int t, const char *key, int64_t least, int64_t otherwise)
{
  const int64_t n = orc_bind_integer_or(L, t, what, key, otherwise);
  if (n < least) orc_bind_fail(L, "%s.%s: at least %I expected", what, key, (LUAI_UACINT)least);
  return n;
}

/* The parts of the request on top of the stack; 0: it has none. */
static uint32_t read_prompt(lua_State *L, orc_prompts *prompts)
{
  if (lua_getfield(L, -1, "parts") != LUA_TTABLE) {
    lua_pop(L, 1);
    return 0;
  }
  const uint32_t id = orc_prompts_add(prompts, 0);
  int64_t total = 0;
  const int n = (int)lua_rawlen(L, -1);
  for (int i = 1; i <= n; i++) {
    lua_rawgeti(L, -1, i);
    luaL_checktype(L, -1, LUA_TTABLE);
    lua_rawgeti(L, -1, 1);
    lua_rawgeti(L, -2, 2);
    const char *text = lua_tostring(L, -2);
    const int64_t tokens = (int64_t)lua_tonumber(L, -1);
    total += tokens;
    if (text == NULL || tokens < 1 || total > TOKENS_MOST)
      orc_bind_fail(L, "%s.parts: a text's name and its tokens expected", what);
    orc_prompts_append(prompts, id, orc_bind_text_of(text), 0, (int32_t)tokens);
    lua_pop(L, 3);
  }
  if (n == 0) orc_bind_fail(L, "%s.parts: at least one expected", what);
  lua_pop(L, 1);
  return id;
}

static orc_listed read_request(lua_State *L, orc_prompts *prompts)
{
  const int t = lua_gettop(L);
  luaL_checktype(L, t, LUA_TTABLE);
  const int32_t output = (int32_t)number(L, t, "output", 1, 0);
  const uint32_t id = read_prompt(L, prompts);
  const int32_t prompt =
      id != 0 ? orc_prompt_length(&prompts->at[id]) : (int32_t)number(L, t, "prompt", 1, 0);
  return (orc_listed){ .time = number(L, t, "time", 0, -1),
                       .output = output,
                       .max_output = (int32_t)number(L, t, "max_output", output, output),
                       .priority = (int32_t)orc_bind_integer_or(L, t, what, "priority", 0),
                       .stops = orc_bind_bool_or(L, t, what, "stops", false),
                       .turns = (int32_t)number(L, t, "turns", 1, 1),
                       .input = (int32_t)number(L, t, "input", 1, 1),
                       .think = number(L, t, "think", 0, 0),
                       .prompt = prompt,
                       .prompt_id = id };
}

void orc_bind_read_listed(lua_State *L, orc_sim *s, int index)
{
  orc_source *source = &s->sources[s->source_count++];
  *source = orc_source_listed((uint16_t)(s->profile_count - 1));
  lua_getfield(L, index, "requests");
  luaL_checktype(L, -1, LUA_TTABLE);
  const lua_Unsigned n = lua_rawlen(L, -1);
  orc_time last = 0;
  for (lua_Unsigned i = 0; i < n; i++) {
    lua_rawgeti(L, -1, (lua_Integer)i + 1);
    const orc_listed r = read_request(L, source->prompts);
    if (r.time < last) orc_bind_fail(L, "%s: in order of time expected", what);
    last = r.time;
    orc_listed_add(source, &r);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}
