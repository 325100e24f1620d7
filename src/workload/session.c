#include "workload/session.h"

#include "workload/prompt.h"

enum { OPENING = 101, TURN = 102 }; /* kinds of keys */

void orc_session_plan_done(orc_session_plan *s)
{
  orc_dist_done(&s->turns);
  orc_dist_done(&s->think);
  orc_dist_done(&s->input);
}

static orc_rng stream(uint64_t seed, int kind, uint64_t key, int32_t turn)
{
  return orc_rng_stream(seed, ORC_FOR_SESSIONS,
                        orc_prompt_text((uint64_t)kind, key, (uint64_t)turn));
}

bool orc_session_opens(const orc_session_plan *s, uint64_t seed, uint64_t key)
{
  if (!(s->probability > 0.0)) return false;
  orc_rng g = stream(seed, OPENING, key, 0);
  return orc_rng_uniform(&g) < s->probability;
}

bool orc_session_goes_on(const orc_session_plan *s, uint64_t seed, uint64_t key, int32_t turn,
                         double *think)
{
  if (turn >= s->max_turns) return false;
  orc_rng g = stream(seed, TURN, key, turn);
  const bool by_chance = orc_rng_uniform(&g) < s->again || (turn == 1 && s->comes_back);
  const double pause = orc_dist_sample(&s->think, &g, 0);
  *think = pause > 0.0 ? pause : 0.0;
  if (!s->has_turns) return by_chance;
  orc_rng length = stream(seed, TURN, key, 0); /* the same at each turn */
  return turn < orc_dist_count(&s->turns, &length, 0, 1);
}
