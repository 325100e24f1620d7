#include "replica/speculation.h"

#include "base/rng.h"

int32_t orc_speculation_accepted(const orc_speculation *s, uint64_t seed, uint64_t request,
                                 int32_t generated, int32_t drafts)
{
  if (drafts == 0) return 0;
  orc_rng rng = orc_rng_stream(seed ^ (uint64_t)(uint32_t)generated << 32, ORC_FOR_DRAFTS, request);
  int32_t accepted = 0;
  while (accepted < drafts && orc_rng_uniform(&rng) < s->acceptance[accepted])
    accepted++;
  return accepted;
}
