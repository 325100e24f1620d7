#include "cluster/least.h"

#include <stdlib.h>

void orc_least_free(orc_least *l)
{
  if (l != NULL) free(l->key);
  free(l);
}

/* The lesser of the two below node i. */
static int64_t lesser(const orc_least *l, size_t i)
{
  const int64_t a = l->key[2 * i], b = l->key[2 * i + 1];
  return a < b ? a : b;
}

/* INT64_MAX: it takes no requests. */
static void build(orc_least *l, const orc_cluster *c)
{
  if (l->leaves == 0) {
    l->leaves = 1;
    while (l->leaves < c->replica_count)
      l->leaves *= 2;
    l->key = orc_alloc(2 * (size_t)l->leaves, sizeof *l->key);
  }
  for (int i = 0; i < l->leaves; i++)
    l->key[l->leaves + i] = INT64_MAX;
  for (int i = 0; i < c->lifecycle.ready_count; i++) {
    const int replica = c->lifecycle.ready[i];
    l->key[l->leaves + replica] = orc_replica_in_flight(&c->replicas[replica]);
  }
  for (size_t i = (size_t)l->leaves - 1; i > 0; i--)
    l->key[i] = lesser(l, i);
  l->stale = false;
}

/* The ready ones lie in order of their index. */
static int place_of(const orc_lifecycle *f, int replica)
{
  int low = 0, high = f->ready_count - 1;
  while (low < high) {
    const int middle = (low + high) / 2;
    if (f->ready[middle] < replica)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static const orc_least *brought_up(const orc_cluster *c)
{
  orc_least *l = c->least;
  if (l->leaves == 0 || l->stale) build(l, c);
  return l;
}

const int64_t *orc_least_in_flight(const orc_cluster *c)
{
  const orc_least *l = brought_up(c);
  return &l->key[l->leaves];
}

int orc_least_place(const orc_cluster *c)
{
  const orc_least *l = brought_up(c);
  size_t i = 1;
  while (i < (size_t)l->leaves)
    i = l->key[2 * i] == l->key[i] ? 2 * i : 2 * i + 1;
  return place_of(&c->lifecycle, (int)i - l->leaves);
}

void orc_least_note(const orc_cluster *c, const orc_replica *r)
{
  orc_least *l = c->least;
  if (l->leaves == 0 || l->stale) return;
  size_t i = (size_t)l->leaves + r->index;
  if (l->key[i] == INT64_MAX) return;
  l->key[i] = orc_replica_in_flight(r);
  for (i /= 2; i > 0; i /= 2) {
    const int64_t least = lesser(l, i);
    if (l->key[i] == least) break;
    l->key[i] = least;
  }
}

void orc_least_forget(const orc_cluster *c)
{
  c->least->stale = true;
}
