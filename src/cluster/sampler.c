#include "cluster/sampler.h"

#include "replica/usage.h"

/* After all else that a timer does at that moment: no request has a number so high. */
#define LAST_KEY ((uint64_t)1 << 55)

orc_sample orc_sampler_next(const orc_cluster *c, int replica, orc_time now)
{
  const orc_replica *r = &c->replicas[replica];
  orc_sample s = orc_series_next(c->series, now, replica, orc_usage_busy(r, now),
                                 (double)orc_kv_used(&r->kv) / (double)r->kv.total);
  s.waiting = (int32_t)r->queue.count;
  s.running = r->running;
  return s;
}

orc_series_moment orc_sampler_moment(const orc_cluster *c, orc_time now)
{
  return (orc_series_moment){ .time = now,
                              .arrived = c->requests.next_number,
                              .ended = c->requests.next_number - c->requests.live,
                              .ready = c->lifecycle.ready_count };
}

/* False: the series is full. */
static bool sample(orc_cluster *c, orc_time now)
{
  orc_series *s = c->series;
  if (!orc_series_begin(s)) return false;
  for (int i = 0; i < s->replicas; i++)
    orc_series_put(s, i, orc_usage_busy(&c->replicas[i], now), orc_sampler_next(c, i, now));
  const orc_series_moment of = orc_sampler_moment(c, now);
  orc_series_end(s, &of);
  return true;
}

static void wait_for_next(orc_cluster *c)
{
  orc_engine_at_key(&c->engine, c->engine.now + c->series->interval, ORC_CLASS_TIMER, LAST_KEY,
                    ORC_EVENT_SAMPLE, 0);
}

static void on_sample(void *self, uint32_t unused)
{
  orc_cluster *c = self;
  (void)unused;
  if (!sample(c, c->engine.now)) {
    if (c->failure.code == 0)
      orc_fail(&c->failure,
               "series_interval: more than 10,000,000 samples at t=%.6f s; a longer one "
               "expected",
               (double)c->engine.now * 1e-9);
    return;
  }
  /* With nothing else pending the run is over or stuck, and must not be kept going by this. */
  if (orc_engine_next(&c->engine) != ORC_NEVER || c->open) wait_for_next(c);
}

void orc_sampler_start(orc_cluster *c, orc_time interval, uint64_t most)
{
  c->series = orc_series_new(interval, c->replica_count, most);
  orc_engine_on(&c->engine, ORC_EVENT_SAMPLE, on_sample, c);
  wait_for_next(c);
}
