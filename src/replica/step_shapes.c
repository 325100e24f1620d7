#include "replica/step_shapes.h"

/* Whole octaves of n >= 1: 0 for 1, 1 for 2 and 3, 2 for 4 to 7. */
static int octave(int64_t n)
{
  return 63 - __builtin_clzll((unsigned long long)n);
}

/* Twice the octave, and one more from sqrt(2) of its beginning on. */
static int half_octave(int64_t n)
{
  const int o = octave(n);
  const double at = (double)n / (double)(INT64_C(1) << o);
  return 2 * o + (at * at >= 2.0);
}

static orc_steps_alike *place(orc_step_shapes *s, int64_t decodes, int64_t prompt_tokens)
{
  const bool prefill = prompt_tokens > 0;
  const int most = (prefill ? ORC_SHAPES_PREFILL : ORC_SHAPES_DECODE) - 1;
  int i = prefill ? octave(prompt_tokens) : half_octave(decodes > 0 ? decodes : 1);
  if (i > most) i = most;
  return &s->at[prefill ? ORC_SHAPES_DECODE + i : i];
}

static orc_steps_alike of_steps(int64_t steps, orc_step_requests of, double seconds)
{
  return (orc_steps_alike){ .steps = steps,
                            .time = seconds,
                            .answered = (double)(of.answered * steps),
                            .waiting = (double)(of.waiting * steps) };
}

static void add_shape(orc_step_shape *into, const orc_step_shape *s)
{
  into->decode_seqs += s->decode_seqs;
  into->decode_context += s->decode_context;
  into->decode_window += s->decode_window;
  into->prefill_tokens += s->prefill_tokens;
  into->prefill_seqs += s->prefill_seqs;
  into->prefill_pairs += s->prefill_pairs;
  into->prefill_window_pairs += s->prefill_window_pairs;
  into->prefill_past += s->prefill_past;
  into->prefill_window_past += s->prefill_window_past;
  into->all_tokens += s->all_tokens;
  into->sampled += s->sampled;
}

void orc_step_shapes_merge(orc_steps_alike *into, const orc_steps_alike *a)
{
  into->steps += a->steps;
  into->time += a->time;
  into->answered += a->answered;
  into->waiting += a->waiting;
  add_shape(&into->sum, &a->sum);
}

void orc_step_shapes_add(orc_step_shapes *s, const orc_step_shape *shape, orc_step_requests of,
                         double seconds)
{
  orc_steps_alike one = of_steps(1, of, seconds);
  one.sum = *shape;
  orc_step_shapes_merge(place(s, shape->decode_seqs, shape->prefill_tokens), &one);
}

void orc_step_shapes_add_run(orc_step_shapes *s, const orc_decode_span *run, orc_step_requests of)
{
  orc_steps_alike all = of_steps(run->steps, of, 1e-9 * (double)run->time);
  all.sum.decode_seqs = all.sum.sampled = run->n * run->steps;
  all.sum.decode_context = run->context;
  all.sum.decode_window = run->window;
  orc_step_shapes_merge(place(s, run->n, 0), &all);
}

static int64_t mean(int64_t sum, int64_t steps)
{
  return (sum + steps / 2) / steps;
}

orc_step_shape orc_step_shapes_mean(const orc_steps_alike *a)
{
  const int64_t n = a->steps;
  const orc_step_shape *s = &a->sum;
  return (orc_step_shape){
    .decode_seqs = mean(s->decode_seqs, n),
    .decode_context = mean(s->decode_context, n),
    .decode_window = mean(s->decode_window, n),
    .prefill_tokens = mean(s->prefill_tokens, n),
    .prefill_seqs = mean(s->prefill_seqs, n),
    .prefill_pairs = s->prefill_pairs / (double)n,
    .prefill_window_pairs = s->prefill_window_pairs / (double)n,
    .prefill_past = mean(s->prefill_past, n),
    .prefill_window_past = mean(s->prefill_window_past, n),
    .all_tokens = mean(s->all_tokens, n),
    .sampled = mean(s->sampled, n),
  };
}
