#include "bind/policy/cluster_rows.h"

#include <string.h>

#include "bind/error.h"
#include "cluster/least.h"
#include "cluster/phases.h"
#include "cluster/where.h"
#include "replica/block_table.h"
#include "replica/loop.h"

enum { SOME = 64 }; /* replicas that are few */

static const char *const names[ORC_CLUSTER_COLUMNS] = {
  [ORC_CLUSTER_IN_FLIGHT] = "in_flight",
  [ORC_CLUSTER_WAITING] = "waiting",
  [ORC_CLUSTER_BACKLOG] = "backlog",
  [ORC_CLUSTER_FREE] = "free",
  [ORC_CLUSTER_BLOCKS] = "blocks",
  [ORC_CLUSTER_CACHED] = "cached",
  [ORC_CLUSTER_PREFIX_MATCH] = "prefix_match",
  [ORC_CLUSTER_LOAD_TOKENS] = "load_tokens",
  [ORC_CLUSTER_LOAD_BLOCKS] = "load_blocks",
  [ORC_CLUSTER_FRESH_BLOCKS] = "fresh_blocks",
};

const orc_columns_kind orc_cluster_columns = { .type = "oracle.columns.cluster",
                                               .maker = "c:columns",
                                               .names = names,
                                               .count = ORC_CLUSTER_COLUMNS };

/* The pool's `i`-th group that is ready, from 0; `i` is in range. */
static orc_cluster_part group_at(const orc_cluster_scope *s, int i)
{
  const orc_pool *p = s->pool;
  int first = p->first;
  for (;; first += p->group)
    if (s->cluster->lifecycle.units[first].phase == ORC_PHASE_READY && i-- == 0)
      return (orc_cluster_part){ &s->cluster->replicas[first], p->group };
}

int orc_cluster_ready(const orc_cluster_scope *s)
{
  const orc_lifecycle *f = &s->cluster->lifecycle;
  if (s->pool == NULL) return f->ready_count;
  return orc_phases_units(s->cluster, s->pool, ORC_PHASE_READY, ORC_PHASE_READY);
}

int orc_cluster_decoders(const orc_cluster_scope *s)
{
  return s->pool == NULL ? s->cluster->lifecycle.decode_count : 0;
}

orc_cluster_part orc_cluster_row(const orc_cluster_scope *s, int i)
{
  if (s->pool != NULL) return group_at(s, i);
  return (orc_cluster_part){ &s->cluster->replicas[s->cluster->lifecycle.ready[i]], 1 };
}

/* ---- columns ---- */

static int64_t tokens_to_compute(const orc_replica *r)
{
  int64_t tokens = 0;
  for (uint32_t i = 0; i < r->queue.count; i++) {
    const orc_request *q = &r->requests->at[r->queue.at[i].slot];
    tokens += orc_request_target(q) - q->computed;
  }
  for (orc_slot s = r->first; s != ORC_NO_SLOT; s = r->requests->at[s].next) {
    const orc_request *q = &r->requests->at[s];
    if (q->state == ORC_PREFILL) tokens += orc_request_target(q) - q->computed;
  }
  return tokens;
}

static int64_t available(orc_replica *r)
{
  orc_loop_settle(r);
  return orc_kv_available(&r->kv);
}

/* Of a deployment whose replicas are one, the first one's cache stands for all. */
static int64_t cached(orc_cluster_part p)
{
  if (!orc_loop_keeps_cache(p.at)) orc_loop_settle(p.at);
  return (int64_t)p.at->prefix.cached - p.at->prefix.filling;
}

/* As steps only decode a cache loses blocks and gets none: what is not there has not been missed. */
static int64_t prefix_match(const orc_cluster_scope *s, orc_cluster_part p)
{
  if (s->request == NULL) return 0;
  const int32_t tokens = orc_block_table_match(p.at, s->request);
  if (tokens == 0 || orc_loop_keeps_cache(p.at)) return tokens;
  orc_loop_settle(p.at);
  return orc_block_table_match(p.at, s->request);
}

static const orc_router_load *load_of(const orc_cluster_scope *s, orc_cluster_part p)
{
  return &s->cluster->loads[p.at->index];
}

/* Of one replica, where those of a row add up. */
static int64_t share(orc_replica *r, orc_cluster_column column)
{
  switch (column) {
  case ORC_CLUSTER_IN_FLIGHT:
    return orc_replica_in_flight(r);
  case ORC_CLUSTER_WAITING:
    return r->queue.count;
  case ORC_CLUSTER_BACKLOG:
    return tokens_to_compute(r);
  case ORC_CLUSTER_FREE:
    return available(r);
  default:
    return r->kv.total;
  }
}

int64_t orc_cluster_value(const orc_cluster_scope *s, orc_cluster_part p, orc_cluster_column column)
{
  int64_t sum = 0;
  switch (column) {
  case ORC_CLUSTER_CACHED:
    return cached(p);
  case ORC_CLUSTER_PREFIX_MATCH:
    return prefix_match(s, p);
  case ORC_CLUSTER_LOAD_TOKENS:
    return load_of(s, p)->tokens;
  case ORC_CLUSTER_LOAD_BLOCKS:
    return load_of(s, p)->blocks;
  case ORC_CLUSTER_FRESH_BLOCKS:
    return s->request == NULL ? 0 : orc_router_load_fresh(load_of(s, p), s->request);
  default:
    for (int i = 0; i < p.count; i++)
      sum += share(&p.at[i], column);
    return sum;
  }
}

void orc_cluster_may_ask(lua_State *L, const orc_cluster_scope *s, orc_cluster_column column)
{
  if (column >= ORC_CLUSTER_LOAD_TOKENS && !s->cluster->router.tracks)
    orc_bind_misuse(L, "c:load is only for a router with tracks = true");
}

/* What those have in flight that take requests is counted (least.h), which spares a look at each. */
static void fill_in_flight(const orc_cluster_scope *s, const int *rows, int count, int64_t *out)
{
  const uint16_t *ready = s->cluster->lifecycle.ready;
  const int64_t *counts = orc_least_in_flight(s->cluster);
  int i = 0;
  for (const int end = s->cluster->lifecycle.ready_count; i < count && rows[i] < end; i++)
    out[i] = counts[ready[rows[i]]];
  for (; i < count; i++) /* those that only decode */
    out[i] = orc_replica_in_flight(orc_cluster_row(s, rows[i]).at);
}

static const orc_router_load *load_at(const orc_cluster_scope *s, int row)
{
  return &s->cluster->loads[s->cluster->lifecycle.ready[row]];
}

static void fill_loads(const orc_cluster_scope *s, orc_cluster_column column, const int *rows,
                       int count, int64_t *out)
{
  const uint16_t *ready = s->cluster->lifecycle.ready;
  const orc_router_load *loads = s->cluster->loads;
  const bool tokens = column == ORC_CLUSTER_LOAD_TOKENS;
  for (int i = 0; i < count; i++)
    out[i] = tokens ? loads[ready[rows[i]]].tokens : loads[ready[rows[i]]].blocks;
}

/* The place in `rows`, which ascend in the list of ready ones, of replica `index`, if it is there. */
static int place_of(const orc_cluster_scope *s, const int *rows, int count, int index)
{
  const uint16_t *ready = s->cluster->lifecycle.ready;
  int low = 0, high = count;
  while (low < high) {
    const int middle = (low + high) / 2;
    if (ready[rows[middle]] < index)
      low = middle + 1;
    else
      high = middle;
  }
  return low < count && ready[rows[low]] == index ? low : -1;
}

/* What the column says of a replica that has nothing of the request's prompt. */
static void fill_with_none(const orc_cluster_scope *s, orc_cluster_column column, const int *rows,
                           int count, int64_t *out)
{
  int32_t size = 0;
  int64_t blocks = 0;
  if (column == ORC_CLUSTER_PREFIX_MATCH) {
    memset(out, 0, (size_t)count * sizeof *out);
    return;
  }
  for (int i = 0; i < count; i++) {
    const int32_t here = load_at(s, rows[i])->block_size;
    if (here != size) blocks = s->request->in.prompt / here; /* mostly all are alike */
    size = here;
    out[i] = blocks;
  }
}

/* A look at those alone that may have some of the prompt, where they are few. Those that only decode are listed
** behind the others: rows are of either. */
static bool fill_where(const orc_cluster_scope *s, orc_cluster_column column, const int *rows,
                       int count, int64_t *out)
{
  const orc_where what = column == ORC_CLUSTER_PREFIX_MATCH ? ORC_WHERE_CACHED : ORC_WHERE_SENT;
  const int ready = s->cluster->lifecycle.ready_count;
  uint16_t some[SOME];
  if (s->request == NULL || (rows[0] < ready) != (rows[count - 1] < ready)) return false;
  const int n = orc_where_begins(s->cluster, s->request, what, some, SOME);
  if (n < 0) return false;
  fill_with_none(s, column, rows, count, out);
  for (int i = 0; i < n; i++) {
    const int at = place_of(s, rows, count, some[i]);
    if (at >= 0) out[at] = orc_cluster_value(s, orc_cluster_row(s, rows[at]), column);
  }
  return true;
}

/* The same of a router's replicas, each of which is a row: without a look at every one where that can be
** spared. Returns false where it cannot. */
static bool fill_fast(const orc_cluster_scope *s, orc_cluster_column column, const int *rows,
                      int count, int64_t *out)
{
  if (s->pool != NULL || count == 0) return false;
  switch (column) {
  case ORC_CLUSTER_IN_FLIGHT:
    fill_in_flight(s, rows, count, out);
    return true;
  case ORC_CLUSTER_LOAD_TOKENS:
  case ORC_CLUSTER_LOAD_BLOCKS:
    fill_loads(s, column, rows, count, out);
    return true;
  case ORC_CLUSTER_FRESH_BLOCKS:
  case ORC_CLUSTER_PREFIX_MATCH:
    return fill_where(s, column, rows, count, out);
  default:
    return false;
  }
}

void orc_cluster_fill(const orc_cluster_scope *s, orc_cluster_column column, const int *rows,
                      int count, int64_t *out)
{
  if (fill_fast(s, column, rows, count, out)) return;
  for (int i = 0; i < count; i++)
    out[i] = orc_cluster_value(s, orc_cluster_row(s, rows[i]), column);
}
