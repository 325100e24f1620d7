#include "bind/cost/shape.h"

#include "bind/put.h"

void orc_bind_put_shape(lua_State *L, const orc_step_shape *s)
{
  orc_bind_put_integer(L, "decode_seqs", s->decode_seqs);
  orc_bind_put_integer(L, "decode_context", s->decode_context);
  orc_bind_put_integer(L, "decode_window", s->decode_window);
  orc_bind_put_integer(L, "prefill_tokens", s->prefill_tokens);
  orc_bind_put_integer(L, "prefill_seqs", s->prefill_seqs);
  orc_bind_put_number(L, "prefill_pairs", s->prefill_pairs);
  orc_bind_put_number(L, "prefill_window_pairs", s->prefill_window_pairs);
  orc_bind_put_integer(L, "prefill_past", s->prefill_past);
  orc_bind_put_integer(L, "prefill_window_past", s->prefill_window_past);
  orc_bind_put_integer(L, "all_tokens", s->all_tokens);
  orc_bind_put_integer(L, "sampled", s->sampled);
  orc_bind_put_integer(L, "verified_tokens", s->verified_tokens);
  orc_bind_put_integer(L, "adapted_tokens", s->adapted_tokens);
  orc_bind_put_integer(L, "adapters", s->adapters);
}
