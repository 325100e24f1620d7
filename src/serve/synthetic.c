/* synthetic.c - requests drawn from distributions, by a point process or by waiting clients. */
#include <math.h>
#include <stdlib.h>

#include "serve/source.h"

typedef struct synthetic {
  orc_synthetic is;
  orc_rng gaps;     /* of the point process */
  int stage;        /* the one `clock` is in */
  double clock;     /* s: when the last request came */
  double stage_end; /* s: when this stage is over */
  int64_t issued;   /* requests so far */
  int32_t *rounds;  /* CLOSED_LOOP: [concurrency] requests each client has sent */
} synthetic;

/* Everything random about one request comes from a stream of its own. */
static void fill(const synthetic *s, orc_arrival *out, uint64_t index, uint32_t client, double time)
{
  const orc_synthetic *o = &s->is;
  orc_rng r = orc_rng_stream(o->seed, ORC_FOR_LENGTHS, (uint64_t)o->profile << 48 | index);
  const int prompt = orc_dist_count(&o->prompt, &r, index, 1);
  const int output = orc_dist_count(&o->output, &r, index, 1);
  *out = (orc_arrival){ .time = orc_time_of(time),
                        .prompt = prompt,
                        .output = output,
                        .max_output = output,
                        .client = client,
                        .profile = o->profile,
                        .timeout = isfinite(o->timeout) ? orc_time_of(o->timeout) : ORC_NEVER,
                        .cancel = ORC_NEVER };
  if (o->has_priority) out->priority = (int32_t)lround(orc_dist_sample(&o->priority, &r, index));
  if (o->cancel_probability > 0.0 && orc_rng_uniform(&r) < o->cancel_probability) {
    const double after = orc_dist_sample(&o->cancel_after, &r, index);
    out->cancel = orc_time_of(after > 0.0 ? after : 0.0);
  }
}

/* A gap of mean 1 between two arrivals. */
static double unit_gap(synthetic *s)
{
  switch (s->is.process) {
  case ORC_PROCESS_POISSON:
    return orc_rng_exponential(&s->gaps);
  case ORC_PROCESS_GAMMA: {
    const double shape = 1.0 / (s->is.cv * s->is.cv);
    return orc_rng_gamma(&s->gaps, shape) / shape;
  }
  default:
    return 1.0;
  }
}

/*
** Move the clock by one gap. The gap is measured in expected arrivals, so a change of rate inside
** it is crossed exactly: what is left of it passes at the next stage's rate. False after the last.
*/
static bool advance(synthetic *s)
{
  const orc_synthetic *o = &s->is;
  /* Evenly spaced arrivals start at the beginning of the first stage, not one gap into it. */
  double left = s->issued == 0 && o->process == ORC_PROCESS_CONSTANT ? 0.0 : unit_gap(s);
  for (;;) {
    const double rate = o->stages[s->stage].rate;
    const double room = (s->stage_end - s->clock) * rate;
    if (left < room) {
      s->clock += left / rate;
      return true;
    }
    if (s->stage + 1 == o->stage_count) return false;
    left -= room;
    s->clock = s->stage_end;
    s->stage_end += o->stages[++s->stage].duration;
  }
}

static bool next_point(void *self, orc_arrival *out, orc_error *e)
{
  synthetic *s = self;
  (void)e;
  if (s->issued >= s->is.count || !advance(s) || s->clock >= s->is.duration) return false;
  const uint64_t index = (uint64_t)s->issued++;
  fill(s, out, index, (uint32_t)(index % 100), s->clock);
  return true;
}

static bool next_batch(void *self, orc_arrival *out, orc_error *e)
{
  synthetic *s = self;
  (void)e;
  if (s->issued >= s->is.count) return false;
  const uint64_t index = (uint64_t)s->issued++;
  fill(s, out, index, (uint32_t)(index % 100), 0.0);
  return true;
}

/* The next request of a waiting client: its draws do not depend on what the others do. */
static void ask(synthetic *s, orc_arrival *out, uint32_t client, double time)
{
  const uint64_t round = (uint64_t)s->rounds[client]++;
  s->issued++;
  fill(s, out, (uint64_t)client << 24 | (round & 0xffffff), client, time);
}

static bool next_client(void *self, orc_arrival *out, orc_error *e)
{
  synthetic *s = self;
  (void)e;
  if (s->issued >= s->is.count || s->issued >= s->is.concurrency) return false;
  ask(s, out, (uint32_t)s->issued, 0.0);
  return true;
}

static bool follow_client(void *self, const orc_request *r, orc_time now, orc_arrival *out)
{
  synthetic *s = self;
  if (s->issued >= s->is.count) return false;
  const uint32_t client = r->in.client;
  orc_rng g = orc_rng_stream(s->is.seed, ORC_FOR_SESSIONS,
                             (uint64_t)s->is.profile << 48 | (uint64_t)client << 24 |
                                 ((uint64_t)s->rounds[client] & 0xffffff));
  const double think = orc_dist_sample(&s->is.think, &g, 0);
  const orc_time time = now + orc_time_of(think > 0.0 ? think : 0.0);
  if ((double)time * 1e-9 >= s->is.duration) return false;
  ask(s, out, client, 0.0);
  out->time = time;
  return true;
}

static void done(void *self)
{
  synthetic *s = self;
  orc_dist_done(&s->is.prompt);
  orc_dist_done(&s->is.output);
  orc_dist_done(&s->is.think);
  orc_dist_done(&s->is.priority);
  orc_dist_done(&s->is.cancel_after);
  free(s->is.stages);
  free(s->rounds);
  free(s);
}

orc_source orc_source_synthetic(const orc_synthetic *o)
{
  synthetic *s = orc_alloc(1, sizeof *s);
  s->is = *o;
  s->gaps = orc_rng_stream(o->seed, ORC_FOR_ARRIVALS, o->profile);
  orc_source out = { .self = s, .next = next_point, .done = done };
  if (o->process == ORC_PROCESS_BATCH) {
    out.next = next_batch;
  } else if (o->process == ORC_PROCESS_CLOSED_LOOP) {
    ORC_ASSERT(o->concurrency >= 1);
    s->rounds = orc_alloc((size_t)o->concurrency, sizeof *s->rounds);
    out.next = next_client;
    out.follow = follow_client;
  } else {
    ORC_ASSERT(o->stage_count >= 1);
    s->stage_end = o->stages[0].duration;
  }
  return out;
}
