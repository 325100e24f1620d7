/* life.c - the ring that remembers what happened to requests. */
#include "obs/life.h"

#include <stddef.h>
#include <string.h>

#include "test.h"

static void note(orc_life *l, uint64_t number, orc_time time)
{
  orc_life_note(l, &(orc_life_entry){ .time = time, .number = number, .what = ORC_CHANGE_TOKEN });
}

static void finds_what_was_noted(void)
{
  orc_life *l = orc_life_new(8);
  uint64_t at = 0;
  CHECK(orc_life_next(l, 0, &at) == NULL);
  for (int i = 0; i < 6; i++)
    note(l, (uint64_t)i % 2, i);
  at = 0;
  for (int i = 1; i < 6; i += 2) {
    const orc_life_entry *entry = orc_life_next(l, 1, &at);
    CHECK(entry != NULL && entry->time == i);
  }
  CHECK(orc_life_next(l, 1, &at) == NULL);
  CHECK(orc_life_next(l, 1, &at) == NULL);
  note(l, 1, 9);
  CHECK(orc_life_next(l, 1, &at)->time == 9); /* it goes on from where it was */
  at = 0;
  CHECK(orc_life_next(l, 7, &at) == NULL);
  CHECK(!orc_life_overflowed(l));
  orc_life_free(l);
}

static void forgets_the_oldest(void)
{
  orc_life *l = orc_life_new(4);
  for (int i = 0; i < 11; i++)
    note(l, 3, i);
  CHECK(orc_life_overflowed(l));
  uint64_t at = 0;
  for (int i = 7; i < 11; i++)
    CHECK(orc_life_next(l, 3, &at)->time == i);
  CHECK(orc_life_next(l, 3, &at) == NULL);
  orc_life_free(l);
}

static void costs_nothing_unwatched(void)
{
  note(NULL, 1, 1);
  orc_life_free(NULL);
  CHECK(strcmp(orc_change_name(ORC_CHANGE_ARRIVED), "arrived") == 0);
  CHECK(strcmp(orc_change_name(ORC_CHANGE_ENDED), "ended") == 0);
}

int main(void)
{
  RUN(finds_what_was_noted);
  RUN(forgets_the_oldest);
  RUN(costs_nothing_unwatched);
  return DONE();
}
