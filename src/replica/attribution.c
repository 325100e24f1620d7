#include "replica/attribution.h"

#include <stdlib.h>
#include <string.h>

#include "replica/block_table.h"
#include "replica/grant.h"

orc_attribution *orc_attribution_new(const uint64_t *wanted, uint64_t count)
{
  orc_attribution *a = orc_alloc(1, sizeof *a);
  a->wanted = wanted;
  a->wanted_count = count;
  a->ends = orc_alloc((size_t)count, sizeof *a->ends);
  return a;
}

void orc_attribution_free(orc_attribution *a)
{
  if (a == NULL) return;
  free(a->at);
  free(a->ends);
  free(a);
}

void orc_attribution_start(orc_replica *r)
{
  if (r->host->attribution == NULL) return;
  const size_t n = (size_t)r->microbatch_count;
  r->delays = orc_alloc(1, sizeof *r->delays);
  r->delays->decodes = orc_alloc(n, sizeof *r->delays->decodes);
  r->delays->steps = orc_alloc(n, sizeof *r->delays->steps);
  r->delays->reason = ORC_DELAY_POLICY;
}

void orc_attribution_done(orc_replica *r)
{
  if (r->delays == NULL) return;
  free(r->delays->decodes);
  free(r->delays->steps);
  free(r->delays->came);
  free(r->delays);
  r->delays = NULL;
}

/* ---- waiting ---- */

static orc_attributed *of(const orc_replica *r, orc_slot slot)
{
  return &r->host->attribution->at[slot];
}

static orc_binding binding_of(orc_delay reason)
{
  switch (reason) {
  case ORC_DELAY_SEATS:
    return ORC_BINDING_SEATS;
  case ORC_DELAY_BUDGET:
    return ORC_BINDING_BUDGET;
  case ORC_DELAY_BLOCKS:
    return ORC_BINDING_BLOCKS;
  default:
    return ORC_BINDING_POLICY;
  }
}

/* It waited for the step that began last. */
static void spend_step(const orc_replica *r, orc_attributed *x, orc_time end)
{
  orc_delays d = { { 0 }, { 0 } };
  double by[ORC_BINDINGS];
  if (end <= x->until) return;
  d.at[ORC_DELAY_STEP] = end - x->until;
  orc_step_delays_binding(&r->delays->last, by);
  orc_delays_divide(by, ORC_BINDINGS, end - x->until, d.by);
  orc_attributed_spend_on(x, end, &d);
}

/* Where tokens were lacking, the part of the step that others' prompts made is theirs. */
static orc_delays waited(const orc_replica_delays *d, orc_time time)
{
  orc_delays of = { { 0 }, { 0 } };
  if (d->reason == ORC_DELAY_BUDGET) {
    double by[ORC_BINDINGS];
    const orc_time prompts = (orc_time)((double)time * orc_step_delays_prompts(&d->last));
    of.at[ORC_DELAY_PROMPTS] = prompts < time ? prompts : time;
    orc_step_delays_binding(&d->last, by);
    orc_delays_divide(by, ORC_BINDINGS, of.at[ORC_DELAY_PROMPTS], of.by);
    time -= of.at[ORC_DELAY_PROMPTS];
  }
  of.at[d->reason] += time;
  of.by[binding_of(d->reason)] += time;
  return of;
}

static void wait_from_now(orc_replica *r, orc_slot slot)
{
  orc_replica_delays *d = r->delays;
  of(r, slot)->mode = ORC_ATTRIBUTED_CAME;
  if (d->came_count == d->came_room) {
    d->came_room = d->came_room == 0 ? 64 : 2 * d->came_room;
    d->came = orc_resize(d->came, (size_t)d->came_room, sizeof *d->came);
  }
  d->came[d->came_count++] = slot;
}

static void wait_by_clock(const orc_replica *r, orc_attributed *x)
{
  x->mode = ORC_ATTRIBUTED_WAITS;
  x->mark = r->delays->queue.sum;
}

/* Whether an entry of the list stands for a request that came to this replica and waits. */
static bool has_come(const orc_replica *r, orc_slot slot)
{
  return of(r, slot)->mode == ORC_ATTRIBUTED_CAME &&
         orc_replica_request(r, slot)->replica == r->index;
}

void orc_attribution_forms(orc_replica *r)
{
  orc_replica_delays *d = r->delays;
  if (d == NULL) return;
  int kept = 0;
  if (r->now > d->queue.until) {
    const orc_delays passed = waited(d, r->now - d->queue.until);
    orc_delay_clock_tick(&d->queue, r->now, &passed);
  }
  for (int i = 0; i < d->came_count; i++) {
    orc_attributed *x = of(r, d->came[i]);
    if (!has_come(r, d->came[i])) continue;
    if (x->until > d->queue.until) { /* its token comes first */
      d->came[kept++] = d->came[i];
      continue;
    }
    spend_step(r, x, d->queue.until);
    wait_by_clock(r, x);
  }
  d->came_count = kept;
  d->refused = false;
}

/* Where a policy did not even ask for the first in the queue: whether it lacks blocks. */
static bool lacks_blocks(const orc_replica *r)
{
  if (r->queue.count == 0) return false;
  const orc_request *q = orc_replica_request(r, orc_queue_head(&r->queue));
  const orc_prefix_match found = orc_block_table_find(r, q);
  return orc_grant_whole(r, q, &found) > orc_kv_available(&r->kv) - orc_grant_kept(r);
}

void orc_attribution_formed(orc_replica *r, const orc_microbatch *m)
{
  orc_replica_delays *d = r->delays;
  if (d == NULL) return;
  if (m->tokens >= r->knobs.max_num_batched_tokens)
    d->reason = ORC_DELAY_BUDGET;
  else if (!d->refused)
    d->reason = r->running >= r->knobs.max_num_seqs ? ORC_DELAY_SEATS
                : lacks_blocks(r)                   ? ORC_DELAY_BLOCKS
                                                    : ORC_DELAY_POLICY;
}

/* ---- the way of a request ---- */

void orc_attribution_arrived(orc_attribution *a, const orc_request *q, orc_slot slot, orc_time now)
{
  if (a == NULL) return;
  if (slot >= a->room) {
    const uint32_t room = slot < 64 ? 128 : 2 * slot;
    a->at = orc_resize(a->at, room, sizeof *a->at);
    a->room = room;
  }
  orc_attributed *x = &a->at[slot];
  memset(x, 0, sizeof *x);
  x->until = q->in.time;
  orc_attributed_spend(x, now, ORC_DELAY_API, ORC_BINDING_HOST);
}

void orc_attribution_apart(orc_attribution *a, orc_slot slot, orc_time now, orc_delay what,
                           orc_binding by)
{
  if (a != NULL) orc_attributed_spend(&a->at[slot], now, what, by);
}

void orc_attribution_waits(orc_replica *r, orc_slot slot, orc_time now)
{
  if (r->delays == NULL) return;
  orc_attributed_spend(of(r, slot), now, ORC_DELAY_REPLICA, ORC_BINDING_REPLICAS);
  wait_from_now(r, slot);
}

void orc_attribution_sets_out(orc_replica *r, orc_slot slot)
{
  if (r->delays == NULL) return;
  orc_attributed *x = of(r, slot);
  if (x->mode == ORC_ATTRIBUTED_WAITS) orc_attributed_settle(x, &r->delays->queue);
  x->mode = ORC_ATTRIBUTED_APART;
}

void orc_attribution_preempted(orc_replica *r, orc_slot slot)
{
  if (r->delays == NULL) return;
  orc_attributed *x = of(r, slot);
  if (x->mode == ORC_ATTRIBUTED_WAITS) orc_attributed_settle(x, &r->delays->queue);
  x->again = true;
  orc_attributed_spend(x, r->delays->queue.until, ORC_DELAY_POLICY, ORC_BINDING_POLICY);
  if (x->until > r->delays->queue.until)
    wait_from_now(r, slot);
  else
    wait_by_clock(r, x);
}

void orc_attribution_lost(orc_replica *r, orc_slot slot, orc_time now)
{
  if (r->delays == NULL) return;
  orc_attributed *x = of(r, slot);
  if (x->mode == ORC_ATTRIBUTED_WAITS) orc_attributed_settle(x, &r->delays->queue);
  x->mode = ORC_ATTRIBUTED_APART;
  orc_attributed_cut(x, now);
  orc_attributed_spend(x, now, ORC_DELAY_PREEMPTED, ORC_BINDING_REPLICAS);
  x->again = true;
}

void orc_attribution_stops(orc_replica *r, orc_slot slot)
{
  if (r->delays == NULL) return;
  orc_attributed *x = of(r, slot);
  if (x->mode != ORC_ATTRIBUTED_DECODES) return;
  orc_attributed_settle(x, &r->delays->decodes[orc_replica_request(r, slot)->microbatch]);
  x->mode = ORC_ATTRIBUTED_APART;
}

void orc_attribution_answers(orc_replica *r, orc_slot slot, bool first)
{
  if (r->delays != NULL && first) of(r, slot)->first = of(r, slot)->all;
}

/* Where there is one microbatch, one that was left out of a step found no tokens in it; where there
** are several, it waited for its own. */
void orc_attribution_decodes(orc_replica *r, orc_slot slot)
{
  if (r->delays == NULL) return;
  orc_attributed *x = of(r, slot);
  orc_delay_clock *c = &r->delays->decodes[orc_replica_request(r, slot)->microbatch];
  if (r->microbatch_count > 1)
    orc_attributed_spend(x, c->until, ORC_DELAY_STAGES, ORC_BINDING_COMPUTE);
  else
    orc_attributed_spend(x, c->until, ORC_DELAY_BUDGET, ORC_BINDING_BUDGET);
  orc_delay_clock_tick_plain(c, x->until, ORC_DELAY_POLICY, ORC_BINDING_POLICY);
  x->mode = ORC_ATTRIBUTED_DECODES;
  x->mark = c->sum;
}

/* ---- steps ---- */

void orc_attribution_begins(orc_replica *r, const orc_microbatch *m, orc_time start)
{
  orc_replica_delays *d = r->delays;
  if (d == NULL) return;
  d->last = d->steps[m->index] = orc_step_delays_price(r, m, start);
  for (int i = 0; i < m->chunk_count; i++) {
    if (m->chunks[i].wasted) continue;
    orc_attribution_sets_out(r, m->chunks[i].slot);
    of(r, m->chunks[i].slot)->mode = ORC_ATTRIBUTED_STEP;
  }
}

void orc_attribution_ends(orc_replica *r, const orc_microbatch *m, orc_time end)
{
  if (r->delays == NULL) return;
  const orc_step_delays *d = &r->delays->steps[m->index];
  orc_delay_clock *c = &r->delays->decodes[m->index];
  if (m->decode.n > 0) {
    orc_delay_clock_tick_plain(c, d->start, ORC_DELAY_POLICY, ORC_BINDING_POLICY);
    const orc_delays of = orc_step_delays_of_decode(d, end - c->until);
    orc_delay_clock_tick(c, end, &of);
  }
  c->until = end;
  for (int i = 0; i < m->joining_count; i++)
    orc_attribution_decodes(r, m->joining[i]);
}

/* Its tokens, as they will be counted (loop.c). */
static orc_step_chunk chunk_of(const orc_request *q, const orc_microbatch_chunk *c)
{
  const int32_t end = q->computed + c->tokens;
  const bool last = end == orc_request_target(q);
  const int32_t fresh = last && q->generated > 0;
  const int32_t again = (end - fresh < q->lost ? end - fresh : q->lost) - q->computed;
  return (orc_step_chunk){ .tokens = c->tokens,
                           .past = c->past,
                           .again = again > 0 ? again : 0,
                           .fresh = fresh,
                           .last = last };
}

void orc_attribution_chunk(orc_replica *r, const orc_microbatch *m,
                           const orc_microbatch_chunk *chunk, orc_time end)
{
  if (r->delays == NULL) return;
  const orc_request *q = orc_replica_request(r, chunk->slot);
  const orc_step_delays *d = &r->delays->steps[m->index];
  const orc_step_chunk c = chunk_of(q, chunk);
  orc_attributed *x = of(r, chunk->slot);
  orc_delays passed = orc_step_delays_of_chunk(d, r, &c, end - d->start);
  spend_step(r, x, d->start);
  if (x->until > d->start && x->until < end) { /* an earlier chunk was under way until then */
    const orc_delays before = orc_delays_part(&passed, end - d->start, x->until - d->start);
    orc_delays_subtract(&passed, &before);
  }
  orc_attributed_spend_on(x, end, &passed);
  x->mode = ORC_ATTRIBUTED_APART;
  if (c.last)
    x->again = false;
  else if (q->steps_in_flight > 1)
    x->mode = ORC_ATTRIBUTED_STEP;
  else
    wait_from_now(r, chunk->slot);
}

/* ---- the end ---- */

/* Until `end` it did as its mode says. */
static void settle(const orc_replica *r, orc_attributed *x, orc_time end)
{
  if (r == NULL || r->delays == NULL) {
    orc_attributed_spend(x, end, ORC_DELAY_REPLICA, ORC_BINDING_REPLICAS);
    return;
  }
  if (x->mode == ORC_ATTRIBUTED_WAITS) {
    orc_attributed_settle(x, &r->delays->queue);
    if (end > x->until) {
      const orc_delays passed = waited(r->delays, end - x->until);
      orc_attributed_spend_on(x, end, &passed);
    }
  } else if (x->mode == ORC_ATTRIBUTED_CAME || x->mode == ORC_ATTRIBUTED_STEP) {
    spend_step(r, x, end);
  } else {
    orc_attributed_spend(x, end, ORC_DELAY_POLICY, ORC_BINDING_POLICY);
  }
}

static orc_time bound(const orc_delays *d)
{
  orc_time sum = 0;
  for (int i = 0; i < ORC_BINDINGS; i++)
    sum += d->by[i];
  return sum;
}

static bool is(const orc_delays *d, orc_time time)
{
  bool good = orc_delays_total(d) == time && bound(d) == time;
  for (int i = 0; i < ORC_DELAYS; i++)
    good = good && d->at[i] >= 0;
  for (int i = 0; i < ORC_BINDINGS; i++)
    good = good && d->by[i] >= 0;
  return good;
}

static bool asked_for(const orc_attribution *a, uint64_t number)
{
  uint64_t low = 0, high = a->wanted_count;
  while (low < high) {
    const uint64_t middle = low + (high - low) / 2;
    if (a->wanted[middle] < number)
      low = middle + 1;
    else
      high = middle;
  }
  return low < a->wanted_count && a->wanted[low] == number;
}

static void sum(orc_delay_sums *s, const orc_delays *d)
{
  for (int i = 0; i < ORC_DELAYS; i++)
    s->at[i] += (double)d->at[i];
  for (int i = 0; i < ORC_BINDINGS; i++)
    s->by[i] += (double)d->by[i];
  s->count++;
}

static void keep(orc_attribution *a, const orc_record *record, const orc_delays *ttft,
                 const orc_delays *e2e)
{
  const bool answered = orc_record_ttft(record) >= 0, good = orc_record_e2e(record) >= 0;
  if (record->counted && answered) sum(&a->ttft, ttft);
  if (record->counted && good) sum(&a->e2e, e2e);
  if (a->end_count == a->wanted_count || !asked_for(a, record->number)) return;
  orc_attributed_end *end = &a->ends[a->end_count++];
  *end = (orc_attributed_end){ .record = *record };
  if (answered) end->ttft = *ttft;
  if (good) end->e2e = *e2e;
}

void orc_attribution_ended(orc_attribution *a, const orc_replica *r, orc_slot slot,
                           const orc_record *record, orc_time delay)
{
  if (a == NULL) return;
  orc_attributed *x = &a->at[slot];
  const orc_time end = record->completion - delay;
  settle(r, x, end);
  orc_attributed_cut(x, end);
  orc_delays *both[] = { &x->all, &x->first };
  for (int i = 0; i < 2; i++) {
    both[i]->at[ORC_DELAY_STREAM] += delay;
    both[i]->by[ORC_BINDING_HOST] += delay;
  }
  const orc_time ttft = orc_record_ttft(record);
  if (!is(&x->all, record->completion - record->arrival) || (ttft >= 0 && !is(&x->first, ttft)))
    a->wrong++;
  keep(a, record, &x->first, &x->all);
  x->mode = ORC_ATTRIBUTED_APART;
}
