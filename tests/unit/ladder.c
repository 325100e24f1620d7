#include "base/ladder.h"

#include "test.h"

static orc_event event(orc_time time, uint64_t order, uint32_t subject)
{
  return (orc_event){ .time = time, .order = order, .kind = 1, .subject = subject };
}

static void empty(void)
{
  orc_ladder q = { 0 };
  CHECK(orc_ladder_top(&q).time == ORC_NEVER);
  orc_ladder_done(&q);
  CHECK(q.count == 0 && orc_ladder_top(&q).time == ORC_NEVER);
}

/* Time first; at one time the class (top byte of order), then the sequence. */
static void time_then_class_then_sequence(void)
{
  orc_ladder q = { 0 };
  const uint64_t second_class = (uint64_t)2 << 56;
  orc_ladder_push(&q, event(20, 1, 4));
  orc_ladder_push(&q, event(10, second_class | 2, 3));
  orc_ladder_push(&q, event(10, 3, 1));
  orc_ladder_push(&q, event(10, 4, 2));
  orc_ladder_push(&q, event(0, second_class | 5, 0));
  for (uint32_t i = 0; i < 5; i++) {
    CHECK(orc_ladder_top(&q).subject == i);
    CHECK(orc_ladder_pop(&q).subject == i);
  }
  CHECK(orc_ladder_top(&q).time == ORC_NEVER);
  orc_ladder_done(&q);
}

static void the_whole_event_comes_back(void)
{
  orc_ladder q = { 0 };
  orc_ladder_push(&q, (orc_event){ .time = 5, .order = 6, .kind = 7, .subject = 8 });
  const orc_event e = orc_ladder_pop(&q);
  CHECK(orc_ladder_key(&q) == ORC_LAST_KEY);
  CHECK(e.time == 5 && e.order == 6 && e.kind == 7 && e.subject == 8);
  orc_ladder_done(&q);
}

static void extreme_times(void)
{
  orc_ladder q = { 0 };
  orc_ladder_push(&q, event(ORC_NEVER, UINT64_MAX, 3));
  orc_ladder_push(&q, event(ORC_NEVER, 0, 2));
  orc_ladder_push(&q, event(0, UINT64_MAX, 1));
  orc_ladder_push(&q, event(-1, UINT64_MAX, 0));
  for (uint32_t i = 0; i < 4; i++)
    CHECK(orc_ladder_pop(&q).subject == i);
  orc_ladder_done(&q);
}

static void used_again_after_done(void)
{
  orc_ladder q = { 0 };
  for (uint32_t i = 0; i < 1000; i++)
    orc_ladder_push(&q, event(i, i, i));
  orc_ladder_done(&q);
  orc_ladder_push(&q, event(3, 3, 3));
  CHECK(q.count == 1 && orc_ladder_pop(&q).subject == 3);
  orc_ladder_done(&q);
}

int main(void)
{
  RUN(empty);
  RUN(time_then_class_then_sequence);
  RUN(the_whole_event_comes_back);
  RUN(extreme_times);
  RUN(used_again_after_done);
  return DONE();
}
