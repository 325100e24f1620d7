#include "bind/sim/spec_rules.h"

#include <lauxlib.h>

#include "bind/args.h"

static bool has(lua_State *L, int t, const char *key)
{
  return orc_bind_bool_or(L, t, "engine.rules", key, false);
}

orc_rules orc_bind_read_rules(lua_State *L, int index)
{
  orc_rules r = { 0 };
  if (lua_getfield(L, index, "rules") == LUA_TTABLE) {
    const int t = lua_gettop(L);
    r = (orc_rules){
      .keeps_equal_blocks = has(L, t, "keeps_equal_blocks"),
      .radix_tree = has(L, t, "radix_tree"),
      .caps_answers = has(L, t, "caps_answers"),
      .knows_all_blocks = has(L, t, "knows_all_blocks"),
      .one_free_queue = has(L, t, "one_free_queue"),
      .preempted_goes_first = has(L, t, "preempted_goes_first"),
      .serves_in_order = has(L, t, "serves_in_order"),
      .whole_sequence_must_fit = has(L, t, "whole_sequence_must_fit"),
      .lone_request_without_threshold = has(L, t, "lone_request_without_threshold"),
      .unfit_prompt_ends_the_step = has(L, t, "unfit_prompt_ends_the_step"),
      .victim_keeps_its_tokens = has(L, t, "victim_keeps_its_tokens"),
      .self_preempted_ends_the_step = has(L, t, "self_preempted_ends_the_step"),
      .schedules_ahead = has(L, t, "schedules_ahead"),
      .caches_boundaries = has(L, t, "caches_boundaries"),
      .keeps_last_known_block = has(L, t, "keeps_last_known_block"),
      .counts_every_look = has(L, t, "counts_every_look"),
      .watermark = orc_bind_number_or(L, t, "engine.rules", "watermark", 0.0),
      .prefill_interval = (int32_t)orc_bind_integer_or(L, t, "engine.rules", "prefill_interval", 0),
    };
    if (!(r.watermark >= 0.0 && r.watermark <= 1.0) || r.prefill_interval < 0)
      orc_bind_fail(L, "engine.rules: a share of 0 to 1 and an interval >= 0 expected");
  }
  lua_pop(L, 1);
  return r;
}
