#include "obs/life.h"

#include <stdlib.h>

const char *orc_change_name(orc_change what)
{
  static const char *const names[ORC_CHANGES] = { "arrived",     "admitted",  "computed",
                                                  "first token", "preempted", "lost",
                                                  "ended" };
  ORC_ASSERT(what < ORC_CHANGES);
  return names[what];
}

orc_life *orc_life_new(uint64_t room)
{
  ORC_ASSERT(room > 0 && (room & (room - 1)) == 0);
  orc_life *l = orc_alloc(1, sizeof *l);
  *l = (orc_life){ .ring = orc_alloc(room, sizeof *l->ring), .room = room };
  return l;
}

void orc_life_free(orc_life *l)
{
  if (l == NULL) return;
  free(l->ring);
  free(l);
}

bool orc_life_overflowed(const orc_life *l)
{
  return l->count > l->room;
}

const orc_life_entry *orc_life_next(const orc_life *l, uint64_t number, uint64_t *at)
{
  const uint64_t oldest = l->count > l->room ? l->count - l->room : 0;
  for (uint64_t i = *at > oldest ? *at : oldest; i < l->count; i++) {
    const orc_life_entry *entry = &l->ring[i & (l->room - 1)];
    if (entry->number != number) continue;
    *at = i + 1;
    return entry;
  }
  *at = l->count;
  return NULL;
}
