#include "bind/sim/spec_lora.h"

#include <lauxlib.h>
#include <math.h>

#include "bind/args.h"

static int32_t count_of(lua_State *L, int t, const char *key, int64_t least)
{
  const int64_t n = orc_bind_integer(L, t, "engine.lora", key);
  if (n < least || n > ORC_ADAPTERS_MOST)
    orc_bind_fail(L, "engine.lora.%s: %d to %d expected", key, (int)least, ORC_ADAPTERS_MOST);
  return (int32_t)n;
}

static double seconds_of(lua_State *L, int t, const char *key)
{
  const double s = orc_bind_number_or(L, t, "engine.lora", key, 0.0);
  if (!(s >= 0.0) || !isfinite(s)) orc_bind_fail(L, "engine.lora.%s: seconds expected", key);
  return s;
}

orc_lora_plan orc_bind_read_lora(lua_State *L, int index)
{
  orc_lora_plan p = { 0 };
  if (lua_getfield(L, index, "lora") == LUA_TTABLE) {
    const int t = lua_gettop(L);
    p = (orc_lora_plan){ .adapters = count_of(L, t, "adapters", 0),
                         .slots = count_of(L, t, "slots", 1),
                         .host = count_of(L, t, "host", 1),
                         .slot_seconds = seconds_of(L, t, "slot_seconds"),
                         .load_seconds = seconds_of(L, t, "load_seconds") };
    if (p.host < p.slots) orc_bind_fail(L, "engine.lora.host: at least slots expected");
  }
  lua_pop(L, 1);
  return p;
}

orc_adapter_mix orc_bind_read_adapters(lua_State *L, int index)
{
  orc_adapter_mix m = { 0 };
  if (lua_getfield(L, index, "adapters") == LUA_TTABLE) {
    const int list = lua_gettop(L);
    const int n = (int)lua_rawlen(L, list);
    if (n < 1 || n > ORC_ADAPTERS_MOST) orc_bind_fail(L, "workload.adapters: some expected");
    double total = 0.0;
    for (int pass = 0; pass < 2; pass++) { /* nothing is allocated before all is read */
      double sum = 0.0;
      if (pass == 1) m.at = orc_alloc((size_t)n, sizeof *m.at);
      for (int i = 0; i < n; i++) {
        lua_rawgeti(L, list, i + 1);
        if (pass == 0) luaL_checktype(L, -1, LUA_TTABLE);
        const int t = lua_gettop(L);
        const int64_t adapter = orc_bind_integer(L, t, "workload.adapters", "adapter");
        const double share = orc_bind_number(L, t, "workload.adapters", "share");
        if (adapter < 0 || adapter > ORC_ADAPTERS_MOST || !(share > 0.0) || !isfinite(share))
          orc_bind_fail(L, "workload.adapters: adapters and shares above 0 expected");
        sum += share;
        if (pass == 1)
          m.at[i] = (orc_adapter_share){ .up_to = sum / total, .adapter = (uint16_t)adapter };
        lua_pop(L, 1);
      }
      total = sum;
    }
    m.count = n;
  }
  lua_pop(L, 1);
  return m;
}
