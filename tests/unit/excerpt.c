/* excerpt.c - the requests that a report keeps of a run: each part as a plain search would choose it. */
#include "obs/excerpt.h"

#include <stdlib.h>

#include "base/rng.h"
#include "base/status.h"
#include "test.h"

enum { MANY = 5000, SAMPLE = 300, SLOWEST = 40, WINDOW = 60 };

static const uint32_t rooms[ORC_EXCERPT_PARTS] = { SAMPLE, SLOWEST, WINDOW };

/* Requests a ms apart that take random times; each seventh is still there at the end. */
static orc_record record(uint64_t number)
{
  orc_rng r = orc_rng_stream(7, ORC_FOR_TESTS, number);
  const orc_time arrival = (orc_time)number * 1000000;
  const bool pending = number % 7 == 3;
  return (orc_record){ .number = number,
                       .arrival = arrival,
                       .completion =
                           pending ? -1 : arrival + (orc_time)orc_rng_below(&r, 1000000000),
                       .status = pending ? ORC_PENDING : ORC_SUCCESS };
}

/* They end in an order of their own. */
static orc_excerpt *filled(orc_time from, orc_time to)
{
  orc_excerpt *x = orc_excerpt_new(rooms, from, to);
  for (uint64_t i = 0; i < MANY; i++) {
    const orc_record r = record(i * 1237 % MANY);
    orc_excerpt_put(x, &r);
  }
  return x;
}

static void keeps_no_more_than_it_has_room_for(void)
{
  orc_excerpt *x = filled(0, ORC_NEVER);
  size_t count;
  uint8_t *reasons;
  orc_record *records = orc_excerpt_take(x, &count, &reasons);
  size_t of[ORC_EXCERPT_PARTS] = { 0 };
  for (size_t i = 0; i < count; i++) {
    CHECK(i == 0 || records[i - 1].number < records[i].number);
    CHECK(records[i].arrival == record(records[i].number).arrival);
    for (int p = 0; p < ORC_EXCERPT_PARTS; p++)
      of[p] += (reasons[i] >> p) & 1;
  }
  CHECK(of[ORC_EXCERPT_SAMPLE] == SAMPLE && of[ORC_EXCERPT_SLOWEST] == SLOWEST &&
        of[ORC_EXCERPT_WINDOW] == WINDOW);
  CHECK(x->seen == MANY);
  free(records);
  free(reasons);
  orc_excerpt_free(x);
}

static void the_slowest_are_the_slowest(void)
{
  orc_excerpt *x = filled(0, ORC_NEVER);
  size_t count;
  uint8_t *reasons;
  orc_record *records = orc_excerpt_take(x, &count, &reasons);
  orc_time least = ORC_NEVER;
  for (size_t i = 0; i < count; i++)
    if ((reasons[i] >> ORC_EXCERPT_SLOWEST) & 1) {
      const orc_time e2e = orc_record_e2e(&records[i]);
      if (e2e < least) least = e2e;
    }
  size_t slower = 0;
  for (uint64_t n = 0; n < MANY; n++) {
    const orc_record r = record(n);
    slower += orc_record_e2e(&r) > least;
  }
  CHECK(slower < SLOWEST);
  free(records);
  free(reasons);
  orc_excerpt_free(x);
}

static void the_window_has_the_first_that_were_there(void)
{
  const orc_time from = 2000000000, to = 2100000000;
  orc_excerpt *x = filled(from, to);
  size_t count;
  uint8_t *reasons;
  orc_record *records = orc_excerpt_take(x, &count, &reasons);
  size_t at = 0;
  for (uint64_t n = 0, wanted = 0; n < MANY && wanted < WINDOW; n++) {
    const orc_record r = record(n);
    if (r.arrival >= to || (r.completion >= 0 && r.completion < from)) continue;
    wanted++;
    while (at < count && !((reasons[at] >> ORC_EXCERPT_WINDOW) & 1))
      at++;
    CHECK(at < count && records[at].number == n);
    at++;
  }
  free(records);
  free(reasons);
  orc_excerpt_free(x);
}

static void the_sample_is_even(void)
{
  orc_excerpt *x = filled(0, ORC_NEVER);
  size_t count;
  uint8_t *reasons;
  orc_record *records = orc_excerpt_take(x, &count, &reasons);
  int quarter[4] = { 0 };
  for (size_t i = 0; i < count; i++)
    if ((reasons[i] >> ORC_EXCERPT_SAMPLE) & 1) quarter[records[i].number * 4 / MANY]++;
  /* 300 draws of 4 equal parts: 75 each, with a standard deviation of 7.5. */
  for (int i = 0; i < 4; i++)
    CHECK(quarter[i] > 75 - 30 && quarter[i] < 75 + 30);
  free(records);
  free(reasons);
  orc_excerpt_free(x);
}

static void an_empty_one_is_empty(void)
{
  orc_excerpt *x = orc_excerpt_new(rooms, 0, ORC_NEVER);
  size_t count;
  uint8_t *reasons;
  orc_record *records = orc_excerpt_take(x, &count, &reasons);
  CHECK(count == 0);
  free(records);
  free(reasons);
  orc_excerpt_free(x);
  orc_excerpt_free(NULL);
}

int main(void)
{
  RUN(keeps_no_more_than_it_has_room_for);
  RUN(the_slowest_are_the_slowest);
  RUN(the_window_has_the_first_that_were_there);
  RUN(the_sample_is_even);
  RUN(an_empty_one_is_empty);
  return DONE();
}
