#include "obs/series.h"

#include <stdlib.h>

enum { SAMPLES_MOST = 10000000 };

orc_series *orc_series_new(orc_time interval, int replicas)
{
  ORC_ASSERT(interval > 0 && replicas >= 1);
  orc_series *s = orc_alloc(1, sizeof *s);
  s->interval = interval;
  s->replicas = replicas;
  s->busy = orc_alloc((size_t)replicas, sizeof *s->busy);
  return s;
}

void orc_series_free(orc_series *s)
{
  if (s == NULL) return;
  free(s->times);
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
  return full(s) || (s->count > 0 && s->times[s->count - 1] >= time);
}

bool orc_series_begin(orc_series *s)
{
  if (full(s)) return false;
  if (s->count == s->room) {
    s->room = s->room == 0 ? 64 : 2 * s->room;
    s->times = orc_resize(s->times, s->room, sizeof *s->times);
    s->at = orc_resize(s->at, s->room * (size_t)s->replicas, sizeof *s->at);
  }
  return true;
}

void orc_series_end(orc_series *s, orc_time time)
{
  ORC_ASSERT(s->count == 0 || time > s->times[s->count - 1]);
  s->times[s->count++] = time;
}

orc_sample orc_series_next(const orc_series *s, orc_time time, int replica, orc_time busy,
                           double kv)
{
  const orc_time passed = time - (s->count > 0 ? s->times[s->count - 1] : 0);
  const double share = passed > 0 ? (double)(busy - s->busy[replica]) / (double)passed : 0.0;
  return (orc_sample){ .busy = (float)share, .kv = (float)kv };
}

void orc_series_put(orc_series *s, int replica, orc_time busy, orc_sample sample)
{
  ORC_ASSERT(s->count < s->room && replica >= 0 && replica < s->replicas);
  s->busy[replica] = busy;
  s->at[s->count * (uint64_t)s->replicas + (uint64_t)replica] = sample;
}
