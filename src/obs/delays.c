#include "obs/delays.h"

static const char *const delay_names[ORC_DELAYS] = {
  [ORC_DELAY_API] = "api",
  [ORC_DELAY_REPLICA] = "queue.replica",
  [ORC_DELAY_STEP] = "queue.step",
  [ORC_DELAY_SEATS] = "queue.seats",
  [ORC_DELAY_BUDGET] = "queue.budget",
  [ORC_DELAY_PROMPTS] = "queue.prompts",
  [ORC_DELAY_BLOCKS] = "queue.blocks",
  [ORC_DELAY_POLICY] = "queue.policy",
  [ORC_DELAY_PREFILL] = "prefill.own",
  [ORC_DELAY_OTHERS_PREFILL] = "interference.prefills",
  [ORC_DELAY_OTHERS_DECODE] = "interference.decodes",
  [ORC_DELAY_STAGES] = "interference.stages",
  [ORC_DELAY_WEIGHTS] = "decode.weights",
  [ORC_DELAY_KV] = "decode.kv",
  [ORC_DELAY_COLLECTIVES] = "decode.collectives",
  [ORC_DELAY_OVERHEAD] = "decode.overhead",
  [ORC_DELAY_DRAFTS] = "decode.drafts",
  [ORC_DELAY_PREEMPTED] = "preemption.waiting",
  [ORC_DELAY_RECOMPUTE] = "preemption.recomputation",
  [ORC_DELAY_POOL_ROOM] = "transfer.room",
  [ORC_DELAY_POOL] = "transfer.pools",
  [ORC_DELAY_TIERS] = "transfer.tiers",
  [ORC_DELAY_HOST] = "transfer.host",
  [ORC_DELAY_STREAM] = "stream",
};

static const char *const binding_names[ORC_BINDINGS] = {
  [ORC_BINDING_COMPUTE] = "flops",     [ORC_BINDING_MEMORY] = "memory_bandwidth",
  [ORC_BINDING_LINK] = "link",         [ORC_BINDING_HOST] = "host",
  [ORC_BINDING_SEATS] = "batch_seats", [ORC_BINDING_BUDGET] = "token_budget",
  [ORC_BINDING_BLOCKS] = "kv_blocks",  [ORC_BINDING_REPLICAS] = "replicas",
  [ORC_BINDING_POLICY] = "policy",
};

const char *orc_delay_name(orc_delay what)
{
  ORC_ASSERT(what < ORC_DELAYS);
  return delay_names[what];
}

const char *orc_binding_name(orc_binding what)
{
  ORC_ASSERT(what < ORC_BINDINGS);
  return binding_names[what];
}

orc_time orc_delays_total(const orc_delays *d)
{
  orc_time sum = 0;
  for (int i = 0; i < ORC_DELAYS; i++)
    sum += d->at[i];
  return sum;
}

void orc_delays_add(orc_delays *into, const orc_delays *more)
{
  for (int i = 0; i < ORC_DELAYS; i++)
    into->at[i] += more->at[i];
  for (int i = 0; i < ORC_BINDINGS; i++)
    into->by[i] += more->by[i];
}

void orc_delays_subtract(orc_delays *from, const orc_delays *less)
{
  for (int i = 0; i < ORC_DELAYS; i++)
    from->at[i] -= less->at[i];
  for (int i = 0; i < ORC_BINDINGS; i++)
    from->by[i] -= less->by[i];
}

/* Each entry gets the difference of the running sums, cut, before and after it. */
static void take_part(const orc_time *in, int n, orc_time whole, orc_time part, orc_time *out)
{
  orc_time sum = 0, before = 0;
  for (int i = 0; i < n; i++) {
    sum += in[i];
    const orc_time cut = (orc_time)((__int128)sum * part / whole);
    out[i] = cut - before;
    before = cut;
  }
}

orc_delays orc_delays_part(const orc_delays *d, orc_time whole, orc_time part)
{
  ORC_ASSERT(part >= 0 && part <= whole);
  orc_delays out = { { 0 }, { 0 } };
  if (part == whole) return *d;
  take_part(d->at, ORC_DELAYS, whole, part, out.at);
  take_part(d->by, ORC_BINDINGS, whole, part, out.by);
  return out;
}

void orc_delays_divide(const double *weights, int n, orc_time whole, orc_time *out)
{
  double all = 0.0, sum = 0.0;
  orc_time before = 0;
  for (int i = 0; i < n; i++)
    all += weights[i];
  for (int i = 0; i < n; i++) {
    sum += weights[i];
    orc_time cut = all > 0.0 ? (orc_time)((double)whole * (sum / all) + 0.5) : 0;
    if (i == n - 1 || cut > whole) cut = whole;
    out[i] = cut - before;
    before = cut;
  }
}
