#include "serve/recent.h"

#include <stdlib.h>

void orc_recent_add(orc_recent *l, const orc_record *r)
{
  const size_t i = l->count++ % ORC_RECENT;
  const bool good = r->status == ORC_SUCCESS;
  l->ttft[i] = good ? orc_record_ttft(r) : -1;
  l->tpot[i] = good ? orc_record_tpot(r) : -1;
  l->e2e[i] = good ? orc_record_e2e(r) : -1;
}

static int ascending(const void *a, const void *b)
{
  const orc_time x = *(const orc_time *)a, y = *(const orc_time *)b;
  return (x > y) - (x < y);
}

bool orc_recent_quantiles(const orc_recent *l, const orc_time *of, orc_time at[3])
{
  static const double shares[] = { 0.5, 0.9, 0.99 };
  orc_time sorted[ORC_RECENT];
  size_t n = 0;
  for (size_t i = 0; i < l->count && i < ORC_RECENT; i++)
    if (of[i] >= 0) sorted[n++] = of[i];
  if (n == 0) return false;
  qsort(sorted, n, sizeof *sorted, ascending);
  for (int i = 0; i < 3; i++)
    at[i] = sorted[(size_t)(shares[i] * (double)(n - 1))];
  return true;
}
