/* series.c - samples of replicas over time: all of them, or as many as fit however long it goes. */
#include "obs/series.h"

#include "test.h"

enum { REPLICAS = 2, STEPS = 1000 };

/* A replica is busy half the time, the other all the time; every 10 ns a sample. */
static void sample(orc_series *s, int i)
{
  const orc_time now = 10 * i;
  CHECK(orc_series_begin(s));
  for (int r = 0; r < REPLICAS; r++) {
    const orc_time busy = r == 0 ? now / 2 : now;
    orc_sample one = orc_series_next(s, now, r, busy, 0.25);
    one.waiting = i;
    one.running = r;
    orc_series_put(s, r, busy, one);
  }
  orc_series_end(s, &(orc_series_moment){ .time = now, .arrived = (uint64_t)i, .ready = REPLICAS });
}

static void keeps_all_without_a_bound(void)
{
  orc_series *s = orc_series_new(10, REPLICAS, 0);
  for (int i = 1; i <= STEPS; i++)
    sample(s, i);
  CHECK(s->count == STEPS && s->interval == 10);
  CHECK(s->of[STEPS - 1].time == 10 * STEPS && s->at[2 * (STEPS - 1)].waiting == STEPS);
  orc_series_free(s);
}

static void thins_itself_out_when_it_is_full(void)
{
  orc_series *s = orc_series_new(10, REPLICAS, 64);
  /* As the sampler does: the next one is due an interval after the last. */
  for (int i = 1; i <= STEPS; i++)
    if (10 * i % s->interval == 0) sample(s, i);
  CHECK(s->count < 64 && s->count >= 31);
  CHECK(s->interval == 10 * 16 * 2 || s->interval == 10 * 16);
  for (uint64_t i = 0; i < s->count; i++) {
    CHECK(s->of[i].time == (orc_time)(i + 1) * s->interval); /* still an even grid from the start */
    CHECK(s->of[i].arrived == (uint64_t)s->of[i].time / 10);
    CHECK(s->at[2 * i].waiting == (int32_t)(s->of[i].time / 10));
    NEAR((double)s->at[2 * i].busy, 0.5, 1e-6);
    NEAR((double)s->at[2 * i + 1].busy, 1.0, 1e-6);
  }
  orc_series_free(s);
}

int main(void)
{
  RUN(keeps_all_without_a_bound);
  RUN(thins_itself_out_when_it_is_full);
  return DONE();
}
