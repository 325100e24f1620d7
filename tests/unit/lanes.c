/* lanes.c - requests in flight in lanes, beside a plain list of them. */
#include "obs/lanes.h"

#include "base/rng.h"
#include "test.h"

enum { MOST = 400, ROUNDS = 20000 };

static void the_lowest_lane_that_is_free_is_taken(void)
{
  orc_lanes l = { 0 };
  for (uint64_t i = 0; i < 100; i++)
    CHECK(orc_lanes_add(&l, i, (orc_time)i) == &l.at[i]);
  orc_lanes_drop(&l, orc_lanes_find(&l, 40), 200);
  orc_lanes_drop(&l, orc_lanes_find(&l, 7), 300);
  CHECK(orc_lanes_find(&l, 7) == NULL);
  CHECK(orc_lanes_add(&l, 100, 250) == &l.at[40]); /* lane 7 is not free before 300 */
  CHECK(orc_lanes_add(&l, 101, 299) == &l.at[100]);
  CHECK(orc_lanes_add(&l, 102, 300) == &l.at[7]);
  orc_lanes_done(&l);
}

static void finds_whoever_is_there(void)
{
  orc_lanes l = { 0 };
  orc_rng r = orc_rng_stream(1, ORC_FOR_TESTS, 2);
  uint64_t there[MOST], next = 0;
  int count = 0;
  for (int i = 0; i < ROUNDS; i++) {
    if (count == 0 || (count < MOST && orc_rng_below(&r, 100) < 52)) {
      orc_lane *lane = orc_lanes_add(&l, next, i);
      lane->prompt = (int32_t)next;
      there[count++] = next;
      next += 1 + orc_rng_below(&r, 3); /* some numbers are never seen */
    } else {
      const int k = (int)orc_rng_below(&r, (uint64_t)count);
      orc_lanes_drop(&l, orc_lanes_find(&l, there[k]), i);
      CHECK(orc_lanes_find(&l, there[k]) == NULL);
      there[k] = there[--count];
    }
    const int k = count > 0 ? (int)orc_rng_below(&r, (uint64_t)count) : -1;
    if (k >= 0) CHECK(orc_lanes_find(&l, there[k])->prompt == (int32_t)there[k]);
  }
  for (int k = 0; k < count; k++)
    CHECK(orc_lanes_find(&l, there[k])->number == there[k]);
  CHECK(orc_lanes_find(&l, next) == NULL);
  orc_lanes_done(&l);
}

static void an_empty_one_has_nobody(void)
{
  orc_lanes l = { 0 };
  CHECK(orc_lanes_find(&l, 0) == NULL);
  orc_lanes_done(&l);
}

int main(void)
{
  RUN(the_lowest_lane_that_is_free_is_taken);
  RUN(finds_whoever_is_there);
  RUN(an_empty_one_has_nobody);
  return DONE();
}
