#include "workload/synthetic.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

bool orc_process_find(const char *name, orc_process *process)
{
  static const char *const names[ORC_PROCESSES] = { "exponential", "gamma",   "even",
                                                    "at_once",     "clients", "drawn" };
  for (int i = 0; i < ORC_PROCESSES; i++) {
    if (strcmp(names[i], name) != 0) continue;
    *process = (orc_process)i;
    return true;
  }
  return false;
}

typedef struct synthetic {
  orc_synthetic is;
  orc_rng gaps;     /* of the point process */
  int stage;        /* the one `clock` is in */
  double clock;     /* s: when the last request came */
  double stage_end; /* s: when this stage is over */
  int64_t issued;   /* requests so far, later turns of sessions included */
  int still;        /* RENEWAL: gaps of 0 in a row */
  int64_t opened;   /* requests of the point process, or clients who came, so far */
  int32_t *rounds;  /* CLOSED_LOOP: [concurrency] requests each client has sent */
  orc_prompts prompts;
} synthetic;

enum { STILL_MOST = 100000 };
enum { TEXT = 1, ANSWER = 2, POOL = 3, TURN = 4, PROFILE_SHIFT = 48 }; /* kinds of texts and keys */

static uint64_t key_of(const synthetic *s, uint64_t index)
{
  return (uint64_t)s->is.profile << PROFILE_SHIFT | index;
}

/* What a request has besides its prompt; draws the rest of its stream. */
static void fill_rest(const synthetic *s, orc_arrival *out, uint64_t index, orc_rng *r)
{
  const orc_synthetic *o = &s->is;
  out->max_output = out->output;
  out->profile = o->profile;
  out->timeout = isfinite(o->timeout) ? orc_time_of(o->timeout) : ORC_NEVER;
  out->cancel = ORC_NEVER;
  if (o->has_priority) {
    const double drawn = orc_dist_sample(&o->priority, r, index);
    out->priority = (int32_t)lround(fmin(fmax(drawn, INT32_MIN), INT32_MAX));
  }
  if (o->cancel_probability > 0.0 && orc_rng_uniform(r) < o->cancel_probability) {
    const double after = orc_dist_sample(&o->cancel_after, r, index);
    out->cancel = orc_time_of(after > 0.0 ? after : 0.0);
  }
  out->streamed = o->streaming >= 1.0 || orc_rng_uniform(r) < o->streaming;
}

/*
** A request of its own, the first of its session if it opens one. Everything random about it comes
** from a stream of its own. `order`: its place in the pool's turns.
*/
static void fill(synthetic *s, orc_arrival *out, uint64_t index, uint32_t client, uint64_t order)
{
  const orc_synthetic *o = &s->is;
  const uint64_t key = key_of(s, index);
  orc_rng r = orc_rng_stream(o->seed, ORC_FOR_LENGTHS, key);
  orc_prompt_texts words = { .prefix = key };
  if (o->prompt_mix.told) {
    words.text = orc_prompt_text(TEXT, key, 1);
    words.answer = orc_prompt_text(ANSWER, key, 1);
  }
  *out = (orc_arrival){ .client = client };
  if (o->prompt_mix.pool > 0) {
    const uint64_t slot = order % (uint64_t)o->prompt_mix.pool;
    words.prefix = words.text = orc_prompt_text(POOL, o->profile, slot);
    orc_rng own = orc_rng_stream(o->seed, ORC_FOR_LENGTHS, words.text);
    out->prompt = orc_dist_count(&o->prompt, &own, slot, 1);
  } else {
    out->prompt = orc_dist_count(&o->prompt, &r, index, 1);
  }
  out->output = orc_dist_count(&o->output, &r, index, 1);
  out->prompt_id =
      orc_prompt_mix_prompt(&o->prompt_mix, &s->prompts, o->seed, &words, &out->prompt);
  fill_rest(s, out, index, &r);
  if (!orc_session_opens(&o->session, o->seed, key)) return;
  out->session = key + 1;
  out->turn = 1;
}

/* The prompt of a later turn: what was said, or the prefix alone, and what the user adds. */
static bool extend(synthetic *s, const orc_outcome *of, orc_arrival *out, int32_t input)
{
  const orc_synthetic *o = &s->is;
  const uint64_t key = of->in->session - 1;
  const orc_prompt_texts words = { .prefix = key,
                                   .text = orc_prompt_text(TEXT, key, out->turn),
                                   .answer = orc_prompt_text(ANSWER, key, out->turn) };
  out->prompt = input;
  if (!o->session.accumulate) {
    out->prompt_id =
        orc_prompt_mix_prompt(&o->prompt_mix, &s->prompts, o->seed, &words, &out->prompt);
    s->prompts.at[out->prompt_id].follows = true;
    return true;
  }
  const int64_t length = (int64_t)of->in->prompt + of->generated + input;
  if (length > INT32_MAX / 2) return false; /* no model reads that far */
  out->prompt = (int32_t)length;
  out->prompt_id =
      orc_prompts_continue(&s->prompts, of->in->prompt_id, of->generated, words.answer);
  orc_prompts_append(&s->prompts, out->prompt_id, words.text, 0, input);
  return true;
}

/* The next turn of a session whose turn has ended; false: it is over. */
static bool next_turn(synthetic *s, const orc_outcome *of, orc_arrival *out)
{
  const orc_synthetic *o = &s->is;
  if (of->in->session == 0 || of->generated < of->in->output || s->issued >= o->count) return false;
  const uint64_t key = of->in->session - 1;
  double think;
  if (!orc_session_goes_on(&o->session, o->seed, key, of->in->turn, &think)) return false;
  *out = (orc_arrival){ .time = orc_time_after(of->ended, orc_time_of(think)),
                        .client = of->in->client,
                        .session = of->in->session,
                        .turn = (uint16_t)(of->in->turn + 1) };
  if ((double)out->time * 1e-9 >= o->duration) return false;
  orc_rng g = orc_rng_stream(o->seed, ORC_FOR_LENGTHS, orc_prompt_text(TURN, key, out->turn));
  const orc_dist *input = o->session.has_input ? &o->session.input : &o->prompt;
  const uint64_t index = key & (((uint64_t)1 << PROFILE_SHIFT) - 1);
  const int32_t added = orc_dist_count(input, &g, index, 1);
  out->output = orc_dist_count(&o->output, &g, index, 1);
  if (!extend(s, of, out, added)) return false;
  fill_rest(s, out, index, &g);
  s->issued++;
  return true;
}

static bool follow_turn(void *self, const orc_outcome *of, orc_arrival *out, orc_error *e)
{
  (void)e;
  return next_turn(self, of, out);
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

/* Arrivals: nearer than this to the end of a stage is at it, and belongs to the next one. */
static const double ROUNDING = 1e-9;

/*
** Move the clock by one gap. The gap is measured in expected arrivals, so a change of rate inside
** it is crossed exactly: what is left of it passes at the next stage's rate. False after the last.
*/
static bool advance(synthetic *s)
{
  const orc_synthetic *o = &s->is;
  /* Evenly spaced arrivals start at the beginning of the first stage, not one gap into it. */
  double left = s->opened == 0 && o->process == ORC_PROCESS_CONSTANT ? 0.0 : unit_gap(s);
  for (;;) {
    const double rate = o->stages[s->stage].rate;
    const double room = (s->stage_end - s->clock) * rate;
    if (left < room - ROUNDING) {
      s->clock += left / rate;
      return true;
    }
    if (s->stage + 1 == o->stage_count) return false;
    left = left > room ? left - room : 0.0;
    s->clock = s->stage_end;
    s->stage_end += o->stages[++s->stage].duration;
  }
}

/* The next request of no client in particular: a hundred take turns. */
static bool open_next(synthetic *s, orc_arrival *out, orc_error *e)
{
  if (s->clock > ORC_SOURCE_LATEST)
    return orc_fail(e, "workload: request %" PRId64 " would come after %.3g s; at most %g s",
                    s->opened + 1, s->clock, ORC_SOURCE_LATEST);
  const uint64_t index = (uint64_t)s->opened++;
  s->issued++;
  fill(s, out, index, (uint32_t)(index % 100), index);
  out->time = orc_time_of(s->clock);
  return true;
}

/* Whether the load is over: an arrival that rounds to its end, in ns, is too late. */
static bool past_end(const synthetic *s)
{
  return s->clock >= s->is.duration - 0.5e-9;
}

static bool next_point(void *self, orc_arrival *out, orc_error *e)
{
  synthetic *s = self;
  if (s->issued >= s->is.count || !advance(s) || past_end(s)) return false;
  return open_next(s, out, e);
}

static bool next_renewal(void *self, orc_arrival *out, orc_error *e)
{
  synthetic *s = self;
  if (s->issued >= s->is.count) return false;
  const double gap = orc_dist_sample(&s->is.gap, &s->gaps, (uint64_t)s->opened);
  s->still = gap > 0.0 ? 0 : s->still + 1;
  if (s->still > STILL_MOST && s->is.count == INT64_MAX)
    return orc_fail(e,
                    "workload.inter_arrival: %d gaps of 0 s in a row; the clock would never move",
                    STILL_MOST);
  if (gap > 0.0) s->clock += gap;
  if (past_end(s)) return false;
  return open_next(s, out, e);
}

static bool next_batch(void *self, orc_arrival *out, orc_error *e)
{
  synthetic *s = self;
  return s->issued < s->is.count && open_next(s, out, e);
}

/* The next request of a waiting client: its draws do not depend on what the others do. */
static void ask(synthetic *s, orc_arrival *out, uint32_t client, orc_time time)
{
  const uint64_t round = (uint64_t)s->rounds[client]++;
  s->issued++;
  fill(s, out, (uint64_t)client << 24 | (round & 0xffffff), client,
       client + round * (uint64_t)s->is.concurrency);
  out->time = time;
}

static bool next_client(void *self, orc_arrival *out, orc_error *e)
{
  synthetic *s = self;
  (void)e;
  if (s->issued >= s->is.count || s->opened >= s->is.concurrency) return false;
  ask(s, out, (uint32_t)s->opened++, 0); /* the first ones may have asked again by now */
  return true;
}

static bool follow_client(void *self, const orc_outcome *of, orc_arrival *out, orc_error *e)
{
  synthetic *s = self;
  (void)e;
  if (s->issued >= s->is.count) return false;
  if (next_turn(s, of, out)) return true;
  const uint32_t client = of->in->client;
  orc_rng g = orc_rng_stream(s->is.seed, ORC_FOR_SESSIONS,
                             (uint64_t)s->is.profile << 48 | (uint64_t)client << 24 |
                                 ((uint64_t)s->rounds[client] & 0xffffff));
  const double think = orc_dist_sample(&s->is.think, &g, 0);
  const orc_time time = orc_time_after(of->ended, orc_time_of(think > 0.0 ? think : 0.0));
  if ((double)time * 1e-9 >= s->is.duration) return false;
  ask(s, out, client, time);
  return true;
}

void orc_synthetic_done(orc_synthetic *o)
{
  orc_dist_done(&o->prompt);
  orc_dist_done(&o->output);
  orc_dist_done(&o->think);
  orc_dist_done(&o->priority);
  orc_dist_done(&o->cancel_after);
  orc_dist_done(&o->gap);
  orc_prompt_mix_done(&o->prompt_mix);
  orc_session_plan_done(&o->session);
  free(o->stages);
  *o = (orc_synthetic){ 0 };
}

static void done(void *self)
{
  synthetic *s = self;
  orc_synthetic_done(&s->is);
  orc_prompts_done(&s->prompts);
  free(s->rounds);
  free(s);
}

orc_source orc_source_synthetic(const orc_synthetic *o)
{
  synthetic *s = orc_alloc(1, sizeof *s);
  s->is = *o;
  s->gaps = orc_rng_stream(o->seed, ORC_FOR_ARRIVALS, o->profile);
  orc_source out = { .self = s, .next = next_point, .done = done, .prompts = &s->prompts };
  if (o->session.probability > 0.0) out.follow = follow_turn;
  if (o->process == ORC_PROCESS_BATCH) {
    out.next = next_batch;
  } else if (o->process == ORC_PROCESS_CLOSED_LOOP) {
    ORC_ASSERT(o->concurrency >= 1);
    s->rounds = orc_alloc((size_t)o->concurrency, sizeof *s->rounds);
    out.next = next_client;
    out.follow = follow_client;
  } else if (o->process == ORC_PROCESS_RENEWAL) {
    out.next = next_renewal;
  } else {
    ORC_ASSERT(o->stage_count >= 1);
    s->stage_end = o->stages[0].duration;
  }
  return out;
}
