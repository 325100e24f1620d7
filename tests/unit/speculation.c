#include "replica/speculation.h"

#include <math.h>

#include "base/rng.h"
#include "test.h"
#include "workload/adapter_mix.h"

enum { MANY = 200000 };

static void drafts_hold_as_often_as_told(void)
{
  const orc_speculation s = { .tokens = 3, .acceptance = { 0.8, 0.6, 0.4 } };
  double held[3] = { 0 };
  for (int i = 0; i < MANY; i++) {
    const int32_t n = orc_speculation_accepted(&s, 7, (uint64_t)(i / 100), i % 100, 3);
    CHECK(n >= 0 && n <= 3);
    for (int32_t k = 0; k < n; k++)
      held[k] += 1.0 / MANY;
  }
  NEAR(held[0], 0.8, 0.015);
  NEAR(held[1], 0.48, 0.015);
  NEAR(held[2], 0.192, 0.015);
}

/* Fewer drafts, the same draws. */
static void go_by_seed_request_and_place(void)
{
  const orc_speculation s = { .tokens = 3, .acceptance = { 0.8, 0.6, 0.4 } };
  int other = 0;
  for (int i = 0; i < 1000; i++) {
    const int32_t n = orc_speculation_accepted(&s, 7, 3, i, 3);
    CHECK(n == orc_speculation_accepted(&s, 7, 3, i, 3));
    CHECK(orc_speculation_accepted(&s, 7, 3, i, 1) == (n > 0));
    CHECK(orc_speculation_accepted(&s, 7, 3, i, 0) == 0);
    other += n != orc_speculation_accepted(&s, 8, 3, i, 3);
    other += n != orc_speculation_accepted(&s, 7, 4, i, 3);
  }
  CHECK(other > 900);
}

static void adapters_come_by_their_shares(void)
{
  orc_adapter_share at[] = { { 0.5, 0 }, { 0.8, 1 }, { 1.0, 2 } };
  const orc_adapter_mix m = { at, 3 };
  double seen[3] = { 0 };
  for (uint64_t i = 0; i < MANY; i++)
    seen[orc_adapter_mix_draw(&m, 1, &(orc_arrival){ .prompt = 1 }, i)] += 1.0 / MANY;
  NEAR(seen[0], 0.5, 0.015);
  NEAR(seen[1], 0.3, 0.015);
  const orc_arrival turn = { .session = 5, .source = 2 };
  for (uint64_t i = 0; i < 20; i++)
    CHECK(orc_adapter_mix_draw(&m, 1, &turn, i) == orc_adapter_mix_draw(&m, 1, &turn, 0));
  CHECK(orc_adapter_mix_draw(&(orc_adapter_mix){ 0 }, 1, &turn, 3) == 0);
}

int main(void)
{
  RUN(drafts_hold_as_often_as_told);
  RUN(go_by_seed_request_and_place);
  RUN(adapters_come_by_their_shares);
  return DONE();
}
