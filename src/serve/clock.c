#include "serve/clock.h"

#include <math.h>
#include <time.h>

int64_t orc_wall_now(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * ORC_SECOND + t.tv_nsec;
}

orc_wall_clock orc_wall_clock_begin(double speed)
{
  return (orc_wall_clock){ .wall = orc_wall_now(), .speed = speed };
}

orc_time orc_wall_clock_time(const orc_wall_clock *c, int64_t wall)
{
  const int64_t passed = wall - c->wall;
  if (c->speed == 1.0) return orc_time_after(c->time, passed);
  const double ns = (double)passed * c->speed;
  return orc_time_after(c->time, ns < 0x1p62 ? (orc_time)ns : ORC_END);
}

int64_t orc_wall_clock_when(const orc_wall_clock *c, orc_time time)
{
  if (time == ORC_NEVER) return INT64_MAX;
  if (time <= c->time || isinf(c->speed)) return c->wall;
  const double ns = ceil((double)(time - c->time) / c->speed);
  return ns < 0x1p62 ? c->wall + (int64_t)ns : INT64_MAX;
}

void orc_wall_clock_set(orc_wall_clock *c, int64_t wall, orc_time time)
{
  c->wall = wall;
  c->time = time;
}
