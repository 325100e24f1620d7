#include "obs/series.h"

#include <stdlib.h>

enum { SAMPLES_MOST = 10000000 };

orc_series *orc_series_new(orc_time interval, int replicas, uint64_t most)
{
  ORC_ASSERT(interval > 0 && replicas >= 1 && most % 2 == 0);
  orc_series *s = orc_alloc(1, sizeof *s);
  s->interval = interval;
  s->replicas = replicas;
  s->most = most;
  s->busy = orc_alloc((size_t)replicas, sizeof *s->busy);
  return s;
}

void orc_series_free(orc_series *s)
{
  if (s == NULL) return;
  free(s->of);
  free(s->at);
  free(s->busy);
  free(s);
}

static bool full(const orc_series *s)
{
  return (s->count + 1) * (uint64_t)s->replicas > SAMPLES_MOST;
}

bool orc_series_has(const orc_series *s, orc_time time)
{
  return full(s) || (s->count > 0 && s->of[s->count - 1].time >= time);
}

bool orc_series_begin(orc_series *s)
{
  if (full(s)) return false;
  if (s->count == s->room) {
    s->room = s->room == 0 ? 64 : 2 * s->room;
    s->of = orc_resize(s->of, s->room, sizeof *s->of);
    s->at = orc_resize(s->at, s->room * (size_t)s->replicas, sizeof *s->at);
  }
  return true;
}

/* Of two samples the later one stays; it was busy in both of their intervals, which are alike. */
static void thin(orc_series *s)
{
  const uint64_t n = (uint64_t)s->replicas;
  s->count /= 2;
  s->interval *= 2;
  for (uint64_t i = 0; i < s->count; i++) {
    s->of[i] = s->of[2 * i + 1];
    for (uint64_t r = 0; r < n; r++) {
      const orc_sample first = s->at[2 * i * n + r];
      s->at[i * n + r] = s->at[(2 * i + 1) * n + r];
      s->at[i * n + r].busy = (first.busy + s->at[i * n + r].busy) / 2.0F;
    }
  }
}

void orc_series_end(orc_series *s, const orc_series_moment *of)
{
  ORC_ASSERT(s->count == 0 || of->time > s->of[s->count - 1].time);
  s->of[s->count++] = *of;
  if (s->count == s->most) thin(s);
}

orc_sample orc_series_next(const orc_series *s, orc_time time, int replica, orc_time busy,
                           double kv)
{
  const orc_time passed = time - (s->count > 0 ? s->of[s->count - 1].time : 0);
  const double share = passed > 0 ? (double)(busy - s->busy[replica]) / (double)passed : 0.0;
  return (orc_sample){ .busy = (float)share, .kv = (float)kv };
}

void orc_series_put(orc_series *s, int replica, orc_time busy, orc_sample sample)
{
  ORC_ASSERT(s->count < s->room && replica >= 0 && replica < s->replicas);
  s->busy[replica] = busy;
  s->at[s->count * (uint64_t)s->replicas + (uint64_t)replica] = sample;
}
