#include "obs/latencies.h"

#include <math.h>
#include <stdlib.h>

static void put(orc_latency_list *l, uint64_t number, orc_time time)
{
  if (time < 0) return;
  if (l->count == l->room) {
    l->room = l->room == 0 ? 256 : 2 * l->room;
    l->at = orc_resize(l->at, l->room, sizeof *l->at);
  }
  l->at[l->count++] = (orc_latency){ .number = number, .time = time };
}

void orc_latencies_add(orc_latencies *l, const orc_record *r)
{
  if (!r->counted) return;
  put(&l->ttft, r->number, orc_record_ttft(r));
  put(&l->e2e, r->number, orc_record_e2e(r));
}

void orc_latencies_done(orc_latencies *l)
{
  free(l->ttft.at);
  free(l->e2e.at);
  *l = (orc_latencies){ 0 };
}

static int shorter(const void *a, const void *b)
{
  const orc_latency *x = a, *y = b;
  if (x->time != y->time) return x->time < y->time ? -1 : 1;
  return x->number < y->number ? -1 : x->number > y->number;
}

const orc_latency *orc_latencies_at(orc_latency_list *l, double p)
{
  ORC_ASSERT(p > 0.0 && p <= 100.0);
  if (l->count == 0) return NULL;
  qsort(l->at, l->count, sizeof *l->at, shorter);
  const double rank = ceil(p / 100.0 * (double)l->count - 1e-9);
  uint64_t i = rank < 1.0 ? 0 : (uint64_t)rank - 1;
  if (i >= l->count) i = l->count - 1;
  while (i > 0 && l->at[i - 1].time == l->at[i].time)
    i--;
  return &l->at[i];
}
