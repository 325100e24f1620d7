#include "replica/lora.h"

#include <math.h>

#include "test.h"

static void use(orc_loras *l, uint16_t adapter, double seconds)
{
  orc_loras_begin_step(l);
  const double took = orc_loras_use(l, adapter); /* once: it changes what is there */
  NEAR(took, seconds, 1e-12);
}

/* Two slots, three on the host: 1 ms into a slot, 10 ms into host memory. */
static void the_least_recently_used_leaves(void)
{
  const orc_lora_plan plan = {
    .adapters = 4, .slots = 2, .host = 3, .slot_seconds = 1e-3, .load_seconds = 1e-2
  };
  orc_loras l;
  orc_loras_init(&l, &plan);
  use(&l, 1, 11e-3);
  use(&l, 2, 11e-3);
  use(&l, 1, 0.0);
  use(&l, 3, 11e-3); /* 2 leaves its slot, not the host */
  use(&l, 2, 1e-3);  /* for 1 */
  use(&l, 4, 11e-3); /* 3 leaves its slot, 1 the host */
  use(&l, 3, 1e-3);
  use(&l, 1, 11e-3);
  CHECK(l.loads == 7 && l.fetches == 5);
  CHECK(l.held[0] == 3 && l.held[1] == 2);
  orc_loras_clear(&l);
  CHECK(l.held[0] == 0 && l.held[1] == 0);
  use(&l, 1, 11e-3);
  orc_loras_done(&l);
}

static void those_of_a_step_stay(void)
{
  const orc_lora_plan plan = { .adapters = 3, .slots = 2, .host = 2, .slot_seconds = 1.0 };
  orc_loras l;
  orc_loras_init(&l, &plan);
  orc_loras_begin_step(&l);
  orc_loras_use(&l, 1);
  orc_loras_use(&l, 2);
  orc_loras_use(&l, 1);
  CHECK(l.in_step == 2);
  orc_loras_begin_step(&l);
  orc_loras_use(&l, 2);
  orc_loras_use(&l, 3);
  CHECK(l.in_step == 2 && l.loads == 3);
  CHECK(orc_loras_use(&l, 2) == 0.0);
  orc_loras_done(&l);
}

static void as_many_run_as_there_are_slots(void)
{
  const orc_lora_plan plan = { .adapters = 3, .slots = 2, .host = 2 };
  orc_loras l, none;
  orc_loras_init(&l, &plan);
  orc_loras_begin(&l, 1);
  orc_loras_begin(&l, 1);
  CHECK(orc_loras_admit(&l, 2));
  orc_loras_begin(&l, 2);
  CHECK(!orc_loras_admit(&l, 3) && orc_loras_admit(&l, 1) && orc_loras_admit(&l, 0));
  orc_loras_end(&l, 1);
  CHECK(!orc_loras_admit(&l, 3));
  orc_loras_end(&l, 1);
  CHECK(orc_loras_admit(&l, 3) && l.distinct == 1);
  orc_loras_done(&l);
  orc_loras_init(&none, &(orc_lora_plan){ 0 });
  orc_loras_begin(&none, 7);
  CHECK(orc_loras_admit(&none, 9));
  orc_loras_done(&none);
}

int main(void)
{
  RUN(the_least_recently_used_leaves);
  RUN(those_of_a_step_stay);
  RUN(as_many_run_as_there_are_slots);
  return DONE();
}
