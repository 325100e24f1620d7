#include "base/index_set.h"

#include <stdlib.h>

void orc_index_set_done(orc_index_set *s)
{
  free(s->bits);
  free(s->words);
  *s = (orc_index_set){ 0 };
}

static uint32_t words_for(uint32_t bits)
{
  return (uint32_t)(((uint64_t)bits + 63) / 64);
}

static uint64_t *widen(uint64_t *words, uint32_t had, uint32_t count)
{
  words = orc_resize(words, count, sizeof *words);
  for (uint32_t i = had; i < count; i++)
    words[i] = 0;
  return words;
}

void orc_index_set_reserve(orc_index_set *s, uint32_t room)
{
  const uint32_t had = words_for(s->room), count = words_for(room);
  if (count <= had) return;
  s->bits = widen(s->bits, had, count);
  s->words = widen(s->words, words_for(had), words_for(count));
  s->room = 64 * count;
}

void orc_index_set_put(orc_index_set *s, uint32_t place)
{
  const uint32_t word = place / 64;
  s->bits[word] |= UINT64_C(1) << place % 64;
  s->words[word / 64] |= UINT64_C(1) << word % 64;
  s->count++;
}

/* The first bit set from `from` on, of `count` words; 64 * count: none. */
static uint32_t first_from(const uint64_t *words, uint32_t count, uint32_t from)
{
  uint32_t i = from / 64;
  if (i >= count) return 64 * count;
  uint64_t bits = words[i] & UINT64_MAX << from % 64;
  while (bits == 0) {
    if (++i == count) return 64 * count;
    bits = words[i];
  }
  return 64 * i + (uint32_t)__builtin_ctzll(bits);
}

/* The first place from `from` on; s->room: none. */
static uint32_t place_from(const orc_index_set *s, uint32_t from)
{
  const uint32_t words = s->room / 64, word = from / 64;
  if (word >= words) return s->room;
  const uint64_t bits = s->bits[word] & UINT64_MAX << from % 64;
  if (bits != 0) return 64 * word + (uint32_t)__builtin_ctzll(bits);
  const uint32_t next = first_from(s->words, words_for(words), word + 1);
  if (next >= words) return s->room;
  return 64 * next + (uint32_t)__builtin_ctzll(s->bits[next]);
}

uint32_t orc_index_set_take(orc_index_set *s)
{
  ORC_ASSERT(s->count > 0);
  uint32_t place = place_from(s, s->next);
  if (place == s->room) place = place_from(s, 0);
  const uint32_t word = place / 64;
  s->bits[word] &= ~(UINT64_C(1) << place % 64);
  if (s->bits[word] == 0) s->words[word / 64] &= ~(UINT64_C(1) << word % 64);
  s->count--;
  s->next = place + 1;
  return place;
}
