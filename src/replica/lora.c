#include "replica/lora.h"

#include <stdlib.h>
#include <string.h>

typedef enum orc_lora_place { AWAY, ON_HOST, IN_SLOT } orc_lora_place;

void orc_loras_init(orc_loras *l, const orc_lora_plan *plan)
{
  *l = (orc_loras){ .plan = *plan };
  if (plan->adapters == 0) return;
  const size_t n = (size_t)plan->adapters + 1;
  l->running = orc_alloc(n, sizeof *l->running);
  l->used = orc_alloc(n, sizeof *l->used);
  l->place = orc_alloc(n, sizeof *l->place);
}

void orc_loras_done(orc_loras *l)
{
  free(l->running);
  free(l->used);
  free(l->place);
  *l = (orc_loras){ 0 };
}

void orc_loras_clear(orc_loras *l)
{
  if (l->plan.adapters == 0) return;
  memset(l->place, 0, ((size_t)l->plan.adapters + 1) * sizeof *l->place);
  l->held[0] = l->held[1] = 0;
}

void orc_loras_begin(orc_loras *l, uint16_t adapter)
{
  if (adapter > 0 && l->plan.adapters > 0 && l->running[adapter]++ == 0) l->distinct++;
}

void orc_loras_end(orc_loras *l, uint16_t adapter)
{
  if (adapter > 0 && l->plan.adapters > 0 && --l->running[adapter] == 0) l->distinct--;
}

bool orc_loras_admit(const orc_loras *l, uint16_t adapter)
{
  if (adapter == 0 || l->plan.adapters == 0) return true;
  return l->running[adapter] > 0 || l->distinct < l->plan.slots;
}

void orc_loras_begin_step(orc_loras *l)
{
  l->step++;
  l->in_step = 0;
}

/* The least recently used one at least as near as `place` leaves: from a slot to the host, from there
** for good. One of this step stays. */
static void make_room(orc_loras *l, orc_lora_place place)
{
  int32_t oldest = 0;
  for (int32_t i = 1; i <= l->plan.adapters; i++) {
    const bool here = place == IN_SLOT ? l->place[i] == IN_SLOT : l->place[i] == ON_HOST;
    if (here && l->used[i] < l->step && (oldest == 0 || l->used[i] < l->used[oldest])) oldest = i;
  }
  if (oldest == 0) return;
  l->held[place == IN_SLOT]--;
  l->place[oldest] = place == IN_SLOT ? ON_HOST : AWAY;
}

double orc_loras_use(orc_loras *l, uint16_t adapter)
{
  double seconds = 0.0;
  l->in_step += l->used[adapter] != l->step;
  l->used[adapter] = l->step;
  if (l->place[adapter] == IN_SLOT) return 0.0;
  if (l->held[1] >= l->plan.slots) make_room(l, IN_SLOT);
  if (l->place[adapter] == AWAY) {
    if (l->held[0] >= l->plan.host) make_room(l, ON_HOST);
    l->held[0]++;
    l->fetches++;
    seconds += l->plan.load_seconds;
  }
  l->held[1]++;
  l->place[adapter] = IN_SLOT;
  l->loads++;
  seconds += l->plan.slot_seconds;
  l->seconds += seconds;
  return seconds;
}
