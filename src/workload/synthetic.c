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

enum { STILL_MOST = 100000, THINNED_MOST = 10000000 };
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

static bool gives(const synthetic *s, orc_length which)
{
  return (s->is.given.lengths & 1u << which) != 0;
}

static bool ask_length(const synthetic *s, orc_length which, const orc_length_of *of,
                       orc_arrival *out, orc_error *e)
{
  const orc_given *g = &s->is.given;
  return g->length(g->self, which, of, &out->prompt, &out->output, e);
}

/* The prompt of request `index`; its output, too, where one function gives both. False with *e. */
static bool draw_prompt(const synthetic *s, const orc_length_of *of, uint64_t index,
                        orc_arrival *out, orc_error *e)
{
  if (gives(s, ORC_LENGTH_BOTH)) return ask_length(s, ORC_LENGTH_BOTH, of, out, e);
  if (gives(s, ORC_LENGTH_PROMPT)) return ask_length(s, ORC_LENGTH_PROMPT, of, out, e);
  out->prompt = orc_dist_count(&s->is.prompt, of->rng, index, 1);
  return true;
}

/* What the user adds in a later turn, into out->prompt. */
static bool draw_input(const synthetic *s, const orc_length_of *of, uint64_t index,
                       orc_arrival *out, orc_error *e)
{
  const bool own = gives(s, ORC_LENGTH_INPUT) || s->is.session.has_input;
  if ((!own || gives(s, ORC_LENGTH_BOTH)) && !draw_prompt(s, of, index, out, e)) return false;
  if (gives(s, ORC_LENGTH_INPUT)) return ask_length(s, ORC_LENGTH_INPUT, of, out, e);
  if (own) out->prompt = orc_dist_count(&s->is.session.input, of->rng, index, 1);
  return true;
}

/* The output that goes with out->prompt. */
static bool draw_output(const synthetic *s, const orc_length_of *of, uint64_t index,
                        orc_arrival *out, orc_error *e)
{
  if (gives(s, ORC_LENGTH_BOTH)) return true;
  if (gives(s, ORC_LENGTH_OUTPUT)) return ask_length(s, ORC_LENGTH_OUTPUT, of, out, e);
  out->output = orc_dist_count(&s->is.output, of->rng, index, 1);
  return true;
}

/*
** The lengths of a request. One that asks a prompt of the pool again has the prompt that the stream of its place in
** the pool gives, and an output of its own unless one function gives both.
*/
static bool draw_lengths(const synthetic *s, orc_arrival *out, const orc_length_of *own,
                         uint64_t index, orc_prompt_texts *words, orc_error *e)
{
  const orc_synthetic *o = &s->is;
  if (o->prompt_mix.pool == 0)
    return draw_prompt(s, own, index, out, e) && draw_output(s, own, index, out, e);
  const uint64_t slot = (uint64_t)(own->number - 1) % (uint64_t)o->prompt_mix.pool;
  words->prefix = words->text = orc_prompt_text(POOL, o->profile, slot);
  orc_rng shared = orc_rng_stream(o->seed, ORC_FOR_LENGTHS, words->text);
  const orc_length_of pooled = { .number = (int64_t)slot + 1, .rng = &shared };
  return draw_prompt(s, &pooled, slot, out, e) && draw_output(s, own, index, out, e);
}

/*
** A request of its own, the first of its session if it opens one. Everything random about it comes
** from a stream of its own. `order`: its place in the pool's turns. False with *e.
*/
static bool fill(synthetic *s, orc_arrival *out, uint64_t index, uint64_t order, orc_error *e)
{
  const orc_synthetic *o = &s->is;
  const uint64_t key = key_of(s, index);
  orc_rng r = orc_rng_stream(o->seed, ORC_FOR_LENGTHS, key);
  orc_prompt_texts words = { .prefix = key };
  if (o->prompt_mix.told) {
    words.text = orc_prompt_text(TEXT, key, 1);
    words.answer = orc_prompt_text(ANSWER, key, 1);
  }
  const orc_length_of own = { .number = (int64_t)order + 1,
                              .time = (double)out->time * 1e-9,
                              .rng = &r };
  if (!draw_lengths(s, out, &own, index, &words, e)) return false;
  out->prompt_id =
      orc_prompt_mix_prompt(&o->prompt_mix, &s->prompts, o->seed, &words, &out->prompt);
  fill_rest(s, out, index, &r);
  if (!orc_session_opens(&o->session, o->seed, key)) return true;
  out->session = key + 1;
  out->turn = 1;
  return true;
}

/* The prompt of a later turn: what was said, or the prefix alone, and what the user adds, which stands in
   out->prompt. */
static bool extend(synthetic *s, const orc_outcome *of, orc_arrival *out)
{
  const orc_synthetic *o = &s->is;
  const int32_t input = out->prompt;
  const uint64_t key = of->in->session - 1;
  const orc_prompt_texts words = { .prefix = key,
                                   .text = orc_prompt_text(TEXT, key, out->turn),
                                   .answer = orc_prompt_text(ANSWER, key, out->turn) };
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

/* The number of the request of its own with this index. */
static int64_t number_of(const synthetic *s, uint64_t index)
{
  if (s->is.process != ORC_PROCESS_CLOSED_LOOP) return (int64_t)index + 1;
  return (int64_t)((index & 0xffffff) * (uint64_t)s->is.concurrency + (index >> 24)) + 1;
}

/* The next turn of a session whose turn has ended; false: it is over, or *e says what is wrong. */
static bool next_turn(synthetic *s, const orc_outcome *of, orc_arrival *out, orc_error *e)
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
  const uint64_t index = key & (((uint64_t)1 << PROFILE_SHIFT) - 1);
  const orc_length_of asked = { .number = number_of(s, index),
                                .time = (double)out->time * 1e-9,
                                .rng = &g };
  if (!draw_input(s, &asked, index, out, e) || !draw_output(s, &asked, index, out, e)) return false;
  if (!extend(s, of, out)) return false;
  fill_rest(s, out, index, &g);
  s->issued++;
  return true;
}

static bool follow_turn(void *self, const orc_outcome *of, orc_arrival *out, orc_error *e)
{
  return next_turn(self, of, out, e);
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
static bool advance_by_stages(synthetic *s)
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

/* Whether the load is over: an arrival that rounds to its end, in ns, is too late. */
static bool past_end(const synthetic *s)
{
  return s->clock >= s->is.duration - 0.5e-9;
}

/*
** Move the clock to the next request of a Poisson process whose rate a function gives, by thinning: requests of a
** process with the highest rate are kept with the probability rate / highest (Lewis and Shedler, Naval
** Research Logistics Quarterly 26, 1979). False past the end, or with *e.
*/
static bool advance_by_function(synthetic *s, orc_error *e)
{
  const orc_synthetic *o = &s->is;
  for (int left = THINNED_MOST;; left--) {
    if (left == 0 && !isfinite(o->duration))
      return orc_fail(e,
                      "workload.rate: none of %d candidates up to t = %.6g s becomes a request; "
                      "duration expected where the rate stays at 0",
                      THINNED_MOST, s->clock);
    s->clock += orc_rng_exponential(&s->gaps) / o->given.rate_max;
    if (past_end(s)) return false;
    double rate = 0.0;
    if (!o->given.rate(o->given.self, s->clock, &rate, e)) return false;
    if (orc_rng_uniform(&s->gaps) * o->given.rate_max < rate) return true;
  }
}

static bool advance(synthetic *s, orc_error *e)
{
  return s->is.given.rate != NULL ? advance_by_function(s, e) : advance_by_stages(s);
}

/* The next request of no client in particular: a hundred take turns. */
static bool open_next(synthetic *s, orc_arrival *out, orc_error *e)
{
  if (s->clock > ORC_SOURCE_LATEST)
    return orc_fail(e, "workload: request %" PRId64 " would come after %.3g s; at most %g s",
                    s->opened + 1, s->clock, ORC_SOURCE_LATEST);
  const uint64_t index = (uint64_t)s->opened++;
  s->issued++;
  *out = (orc_arrival){ .time = orc_time_of(s->clock), .client = (uint32_t)(index % 100) };
  return fill(s, out, index, index, e);
}

static bool next_point(void *self, orc_arrival *out, orc_error *e)
{
  synthetic *s = self;
  if (s->issued >= s->is.count || !advance(s, e) || past_end(s)) return false;
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
static bool ask(synthetic *s, orc_arrival *out, uint32_t client, orc_time time, orc_error *e)
{
  const uint64_t round = (uint64_t)s->rounds[client]++;
  s->issued++;
  *out = (orc_arrival){ .time = time, .client = client };
  return fill(s, out, (uint64_t)client << 24 | (round & 0xffffff),
              client + round * (uint64_t)s->is.concurrency, e);
}

static bool next_client(void *self, orc_arrival *out, orc_error *e)
{
  synthetic *s = self;
  if (s->issued >= s->is.count || s->opened >= s->is.concurrency) return false;
  return ask(s, out, (uint32_t)s->opened++, 0, e); /* the first ones may have asked again by now */
}

static bool follow_client(void *self, const orc_outcome *of, orc_arrival *out, orc_error *e)
{
  synthetic *s = self;
  if (s->issued >= s->is.count) return false;
  if (next_turn(s, of, out, e)) return true;
  if (e->code != 0) return false;
  const uint32_t client = of->in->client;
  orc_rng g = orc_rng_stream(s->is.seed, ORC_FOR_SESSIONS,
                             (uint64_t)s->is.profile << 48 | (uint64_t)client << 24 |
                                 ((uint64_t)s->rounds[client] & 0xffffff));
  const double think = orc_dist_sample(&s->is.think, &g, 0);
  const orc_time time = orc_time_after(of->ended, orc_time_of(think > 0.0 ? think : 0.0));
  if ((double)time * 1e-9 >= s->is.duration) return false;
  return ask(s, out, client, time, e);
}

void orc_synthetic_done(orc_synthetic *o)
{
  if (o->given.done != NULL) o->given.done(o->given.self);
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
  } else if (o->given.rate != NULL) {
    ORC_ASSERT(o->process == ORC_PROCESS_POISSON && o->given.rate_max > 0.0);
  } else {
    ORC_ASSERT(o->stage_count >= 1);
    s->stage_end = o->stages[0].duration;
  }
  return out;
}
