/* step_shapes.c - what steps leave behind for other prices: their sums, and their means. */
#include "replica/step_shapes.h"

#include <math.h>

#include "test.h"

static const orc_steps_alike *only(const orc_step_shapes *s)
{
  const orc_steps_alike *found = NULL;
  for (int i = 0; i < ORC_SHAPES; i++) {
    if (s->at[i].steps == 0) continue;
    CHECK(found == NULL);
    found = &s->at[i];
  }
  CHECK(found != NULL);
  return found;
}

/* A run of 10 steps of 4 sequences, context 400 to 436, and one more step of 5. */
static void runs_and_steps_alike_add_up(void)
{
  static orc_step_shapes s;
  const orc_step_shape one = { .decode_seqs = 5, .decode_context = 560, .sampled = 5 };
  const orc_decode_span run = { .n = 4, .steps = 10, .context = 4180, .time = 50000000 };
  orc_step_shapes_add_run(&s, &run, (orc_step_requests){ .answered = 4, .waiting = 1 });
  orc_step_shapes_add(&s, &one, (orc_step_requests){ .answered = 5 }, 0.006);
  const orc_steps_alike *a = only(&s);
  CHECK(a->steps == 11 && a->answered == 45.0 && a->waiting == 10.0);
  CHECK(fabs(a->time - 0.056) < 1e-12);
  const orc_step_shape mean = orc_step_shapes_mean(a);
  CHECK(mean.decode_seqs == 4 && mean.sampled == 4); /* 45 / 11 */
  CHECK(mean.decode_context == 431);                 /* 4740 / 11 */
}

/* Other sizes and steps with prompts are not put together. */
static void unlike_steps_stay_apart(void)
{
  static orc_step_shapes s;
  const orc_step_requests none = { 0 };
  for (int n = 1; n <= 64; n *= 2)
    orc_step_shapes_add(&s, &(orc_step_shape){ .decode_seqs = n }, none, 1.0);
  orc_step_shapes_add(&s, &(orc_step_shape){ .decode_seqs = 64, .prefill_tokens = 512 }, none, 1.0);
  orc_step_shapes_add(&s, &(orc_step_shape){ .prefill_tokens = 8192 }, none, 1.0);
  int kinds = 0;
  for (int i = 0; i < ORC_SHAPES; i++)
    kinds += s.at[i].steps > 0;
  CHECK(kinds == 9);
}

/* Sizes beyond the table are in its last rows. */
static void huge_steps_fit(void)
{
  static orc_step_shapes s;
  const orc_step_shape huge = { .decode_seqs = INT64_C(1) << 40 };
  orc_step_shapes_add(&s, &huge, (orc_step_requests){ 0 }, 1.0);
  CHECK(only(&s) == &s.at[ORC_SHAPES_DECODE - 1]);
}

int main(void)
{
  RUN(runs_and_steps_alike_add_up);
  RUN(unlike_steps_stay_apart);
  RUN(huge_steps_fit);
  return DONE();
}
