#include "replica/starts.h"

#include <stdlib.h>

enum { LEAST = 256 };

void orc_starts_done(orc_starts *s)
{
  free(s->table);
  free(s->at);
  *s = (orc_starts){ 0 };
}

/* ---- the table: linear probing ---- */

static orc_starts_entry *place(const orc_starts *s, uint64_t hash)
{
  const uint32_t mask = s->room - 1;
  uint32_t i = (uint32_t)hash & mask;
  while (s->table[i].first != ORC_NO_START && s->table[i].hash != hash)
    i = (i + 1) & mask;
  return &s->table[i];
}

static void widen(orc_starts *s)
{
  const uint32_t had = s->room;
  orc_starts_entry *old = s->table;
  s->room = had == 0 ? LEAST : 2 * had;
  s->table = orc_alloc(s->room, sizeof *s->table);
  for (uint32_t i = 0; i < s->room; i++)
    s->table[i].first = ORC_NO_START;
  for (uint32_t i = 0; i < had; i++)
    if (old[i].first != ORC_NO_START) *place(s, old[i].hash) = old[i];
  free(old);
}

/* Those behind an emptied place in its run of places close up. */
static void empty(orc_starts *s, orc_starts_entry *e)
{
  const uint32_t mask = s->room - 1;
  uint32_t gap = (uint32_t)(e - s->table);
  s->named--;
  for (uint32_t i = (gap + 1) & mask; s->table[i].first != ORC_NO_START; i = (i + 1) & mask) {
    const uint32_t wanted = (uint32_t)s->table[i].hash & mask;
    if (((i - wanted) & mask) < ((i - gap) & mask)) continue; /* it would land before its home */
    s->table[gap] = s->table[i];
    gap = i;
  }
  s->table[gap].first = ORC_NO_START;
}

/* ---- caches ---- */

static uint32_t make(orc_starts *s)
{
  if (s->unused_count > 0) {
    const uint32_t i = s->unused;
    s->unused = s->at[i].next;
    s->unused_count--;
    return i;
  }
  if (s->made == s->at_room) {
    s->at_room = s->at_room == 0 ? LEAST : 2 * s->at_room;
    s->at = orc_resize(s->at, s->at_room, sizeof *s->at);
  }
  return s->made++;
}

void orc_starts_add(orc_starts *s, uint64_t hash, uint16_t cache)
{
  if (2 * (s->named + 1) > s->room) widen(s);
  const uint32_t i = make(s);
  orc_starts_entry *e = place(s, hash);
  if (e->first == ORC_NO_START) {
    e->hash = hash;
    s->named++;
  }
  s->at[i] = (orc_start){ .next = e->first, .cache = cache };
  e->first = i;
}

void orc_starts_remove(orc_starts *s, uint64_t hash, uint16_t cache)
{
  orc_starts_entry *e = place(s, hash);
  uint32_t *link = &e->first;
  while (s->at[*link].cache != cache)
    link = &s->at[*link].next;
  const uint32_t i = *link;
  *link = s->at[i].next;
  s->at[i].next = s->unused;
  s->unused = i;
  s->unused_count++;
  if (e->first == ORC_NO_START) empty(s, e);
}

uint32_t orc_starts_first(const orc_starts *s, uint64_t hash)
{
  return s->room == 0 ? ORC_NO_START : place(s, hash)->first;
}
