#include "workload/adapter_mix.h"

#include <stdlib.h>

#include "base/rng.h"
#include "workload/prompt.h"

enum { SESSION = 204 }; /* kind of a text (orc_prompt_text), which it stands beside */

void orc_adapter_mix_done(orc_adapter_mix *m)
{
  free(m->at);
  *m = (orc_adapter_mix){ 0 };
}

uint16_t orc_adapter_mix_draw(const orc_adapter_mix *m, uint64_t seed, const orc_arrival *a,
                              uint64_t number)
{
  if (m->count == 0) return 0;
  if (m->count == 1) return m->at[0].adapter;
  const uint64_t of = a->session != 0 ? orc_prompt_text(SESSION, a->source, a->session) : number;
  orc_rng rng = orc_rng_stream(seed, ORC_FOR_ADAPTERS, of);
  const double x = orc_rng_uniform(&rng);
  int i = 0;
  while (i + 1 < m->count && x >= m->at[i].up_to)
    i++;
  return m->at[i].adapter;
}
