#include "obs/lanes.h"

#include <stdlib.h>
#include <string.h>

void orc_lanes_done(orc_lanes *l)
{
  free(l->at);
  free(l->table);
  *l = (orc_lanes){ 0 };
}

/* Numbers in flight are close together: their own order scatters them best. */
static uint32_t place(const orc_lanes *l, uint64_t number)
{
  return (uint32_t)number & (l->size - 1);
}

/* The place of the table that has the number, or the free one where it would be. */
static uint32_t find(const orc_lanes *l, uint64_t number)
{
  uint32_t i = place(l, number);
  while (l->table[i] != 0 && l->at[l->table[i] - 1].number != number)
    i = (i + 1) & (l->size - 1);
  return i;
}

/* The table is at most half full. */
static void grow(orc_lanes *l)
{
  const uint32_t room = orc_more_room(l->room, 64);
  l->at = orc_resize(l->at, room, sizeof *l->at);
  memset(l->at + l->room, 0, (room - l->room) * sizeof *l->at);
  l->room = room;
  free(l->table);
  l->size = 2 * room;
  l->table = orc_alloc(l->size, sizeof *l->table);
  for (uint32_t i = 0; i < room; i++)
    if (l->at[i].taken) l->table[find(l, l->at[i].number)] = i + 1;
}

/* The lowest lane that is free from `arrival` on; the number of lanes: none is. */
static uint32_t lowest_free(orc_lanes *l, orc_time arrival)
{
  while (l->lowest < l->room && l->at[l->lowest].taken)
    l->lowest++;
  uint32_t i = l->lowest;
  while (i < l->room && (l->at[i].taken || l->at[i].free > arrival))
    i++;
  return i;
}

orc_lane *orc_lanes_add(orc_lanes *l, uint64_t number, orc_time arrival)
{
  const uint32_t i = lowest_free(l, arrival);
  if (i == l->room) grow(l);
  l->at[i] = (orc_lane){ .number = number, .arrival = arrival, .taken = true };
  const uint32_t at = find(l, number);
  ORC_ASSERT(l->table[at] == 0);
  l->table[at] = i + 1;
  return &l->at[i];
}

orc_lane *orc_lanes_find(const orc_lanes *l, uint64_t number)
{
  if (l->size == 0) return NULL;
  const uint32_t at = l->table[find(l, number)];
  return at == 0 ? NULL : &l->at[at - 1];
}

/* Those behind a place that is freed move up, unless that would put them before their own. */
static void close_gap(orc_lanes *l, uint32_t gap)
{
  const uint32_t mask = l->size - 1;
  for (uint32_t i = (gap + 1) & mask; l->table[i] != 0; i = (i + 1) & mask) {
    const uint32_t own = place(l, l->at[l->table[i] - 1].number);
    if (((i - own) & mask) < ((i - gap) & mask)) continue;
    l->table[gap] = l->table[i];
    l->table[i] = 0;
    gap = i;
  }
}

void orc_lanes_drop(orc_lanes *l, orc_lane *lane, orc_time now)
{
  const uint32_t at = find(l, lane->number), index = (uint32_t)(lane - l->at);
  ORC_ASSERT(lane->taken && l->table[at] == index + 1);
  lane->taken = false;
  lane->free = now;
  l->table[at] = 0;
  close_gap(l, at);
  if (index < l->lowest) l->lowest = index;
}
