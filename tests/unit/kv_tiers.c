/* tiers.c - memory below the prefix cache: by hand, and against a plain model. */
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "replica/kv_tiers.h"
#include "replica/prefix.h"

#include "test.h"

/* The chain that ends in `last` goes on by one block; returns its end. */
static uint32_t put_behind(orc_prefix *p, const orc_prompt *c, uint32_t last,
                           orc_prefix_place place)
{
  orc_prefix_chain chain = { last, ORC_NO_BLOCK };
  orc_prefix_put(p, c, &chain, 1, place);
  return chain.last;
}

static void release(orc_prefix *p, uint32_t last)
{
  orc_prefix_chain chain = { last, ORC_NO_BLOCK };
  orc_prefix_release(p, &chain, 0);
}

static bool near(double a, double b)
{
  return a - b < 1e-12 && b - a < 1e-12;
}

/* Two blocks fit the first tier, three the second: 1 2 3 4 5 6 come down one after the other. */
static void the_oldest_moves_down(void)
{
  orc_kv_tiers t;
  orc_kv_tiers_init(
      &t, (orc_tier_kind[]){ { .blocks = 2, .latency = 1e-5 }, { .blocks = 3, .latency = 1e-4 } },
      2);
  for (uint64_t hash = 1; hash <= 6; hash++)
    orc_kv_tiers_put(&t, hash);
  CHECK(!orc_kv_tiers_have(&t, 1)); /* 5 6 above, 2 3 4 below; 1 is lost */
  CHECK(t.held == 5 && t.at[0].evictions == 4 && t.at[1].evictions == 1);
  CHECK(orc_kv_tiers_take(&t, 5) == 0 && orc_kv_tiers_take(&t, 2) == 1);
  CHECK(!orc_kv_tiers_have(&t, 5) && !orc_kv_tiers_have(&t, 2) && t.held == 3);
  CHECK(t.at[0].hits == 1 && t.at[1].hits == 1);
  orc_kv_tiers_put(&t, 7); /* there is room above again: 6 7, nobody gives way */
  CHECK(t.at[0].used == 2 && t.at[0].evictions == 4);
  orc_kv_tiers_drop(&t, 6);
  orc_kv_tiers_drop(&t, 99); /* nowhere */
  CHECK(t.at[0].used == 1 && t.held == 3 && t.at[0].hits == 1 && t.at[0].evictions == 4);
  orc_kv_tiers_clear(&t);
  CHECK(t.held == 0 && t.at[0].used + t.at[1].used == 0 && t.at[1].evictions == 1);
  orc_kv_tiers_done(&t);
}

/* Each tier that gives anything waits once and then moves its blocks: 10 us + 3 x 40 us, and
 * 100 us + 2 x 350 us. */
static void time_adds_up(void)
{
  orc_kv_tiers t;
  orc_kv_tiers_init(&t,
                    (orc_tier_kind[]){ { .blocks = 9, .latency = 1e-5, .block_seconds = 4e-5 },
                                       { .blocks = 9, .latency = 1e-4, .block_seconds = 3.5e-4 } },
                    2);
  CHECK(near(orc_kv_tiers_seconds(&t, (int64_t[]){ 3, 2 }), 130e-6 + 800e-6));
  CHECK(near(orc_kv_tiers_seconds(&t, (int64_t[]){ 0, 2 }), 800e-6));
  CHECK(near(orc_kv_tiers_seconds(&t, (int64_t[]){ 0, 0 }), 0.0));
  orc_kv_tiers_done(&t);
}

/*
** A cache of 4 blocks over a tier of 2. A prompt of 4 blocks is cached and given back, its last
** block first; another takes 3 blocks: 4, 3 and 2 of the first come down in this order and 4 is
** lost. Of the first, 1 is here, 2 and 3 are below.
*/
static void a_match_goes_on_below(void)
{
  orc_prompts store = { 0 };
  orc_kv kv;
  orc_prefix p;
  orc_kv_tiers t;
  orc_kv_init(&kv, 4, 16);
  orc_prefix_init(&p, &kv);
  orc_kv_tiers_init(&t, &(orc_tier_kind){ .blocks = 2, .latency = 1e-5, .block_seconds = 1e-6 }, 1);
  p.tiers = &t;
  p.single = true;
  const uint32_t prompt = orc_prompts_add(&store, 9);
  orc_prompts_append(&store, prompt, 1, 0, 100);
  const orc_prompt *c = &store.at[prompt];
  uint32_t last = ORC_NO_BLOCK;
  CHECK(orc_kv_take(&kv, 4));
  for (int32_t i = 0; i < 4; i++)
    last = put_behind(&p, c, last, (orc_prefix_place){ .index = i });
  release(&p, last);
  CHECK(orc_kv_take(&kv, 3));
  CHECK(kv.evictions == 3 && t.held == 2 && t.at[0].evictions == 1);
  orc_prefix_match found = orc_prefix_find(&p, c, 0, 100);
  CHECK(found.blocks == 1 && found.lower == 2 && found.idle == 1 && !found.whole);
  found = orc_prefix_find(&p, c, 0, 49); /* all but the last token */
  CHECK(found.blocks == 1 && found.lower == 2 && found.whole);
  found = orc_prefix_find(&p, c, 0, 48); /* the third block has the last token */
  CHECK(found.blocks == 1 && found.lower == 2 && found.tokens == 47 && found.whole);
  p.recompute_last_block = true;
  found = orc_prefix_find(&p, c, 0, 48);
  CHECK(found.blocks == 1 && found.lower == 1 && found.tokens == 32 && found.whole);
  p.recompute_last_block = false;
  orc_kv_give(&kv, 3);
  found = orc_prefix_find(&p, c, 0, 100);
  orc_prefix_hold(&p, &found);
  CHECK(near(orc_prefix_fetch(&p, c, 0, &found), 12e-6));
  CHECK(t.held == 0 && t.at[0].hits == 2);
  CHECK(orc_kv_take(&kv, 2));
  last = put_behind(&p, c, found.last, (orc_prefix_place){ .index = 1 });
  last = put_behind(&p, c, last, (orc_prefix_place){ .index = 2 });
  release(&p, last);
  CHECK(orc_prefix_find(&p, c, 0, 100).blocks == 3 && orc_prefix_find(&p, c, 0, 100).lower == 0);
  orc_prefix_clear(&p);
  CHECK(t.held == 0 && kv.free == 4); /* what is lost does not move down */
  orc_kv_tiers_done(&t);
  orc_prefix_done(&p);
  orc_prompts_done(&store);
}

enum { HASHES = 400, TIERS = 3 };

/* Random blocks come down, go back and are dropped: where each is follows from when it came in. */
static void agrees_with_a_plain_model(void)
{
  static const orc_tier_kind kinds[TIERS] = { { .blocks = 7 }, { .blocks = 40 }, { .blocks = 90 } };
  orc_rng g = orc_rng_stream(1, ORC_FOR_TESTS, 8);
  orc_kv_tiers t;
  orc_kv_tiers_init(&t, kinds, TIERS);
  uint64_t since[HASHES] = { 0 }, clock = 0; /* 0: nowhere */
  int tier[HASHES], used[TIERS] = { 0 }, wrong = 0;
  for (int round = 0; round < 50000; round++) {
    const int h = (int)orc_rng_below(&g, HASHES);
    wrong += orc_kv_tiers_have(&t, (uint64_t)h << 32 | (uint64_t)h) != (since[h] > 0);
    if (since[h] > 0) {
      if (round % 2 == 0)
        wrong += orc_kv_tiers_take(&t, (uint64_t)h << 32 | (uint64_t)h) != tier[h];
      else
        orc_kv_tiers_drop(&t, (uint64_t)h << 32 | (uint64_t)h);
      since[h] = 0;
      used[tier[h]]--;
      continue;
    }
    orc_kv_tiers_put(&t, (uint64_t)h << 32 | (uint64_t)h);
    int moving = h;
    for (int i = 0; i < TIERS && moving >= 0; i++) {
      since[moving] = ++clock;
      tier[moving] = i;
      if (++used[i] <= kinds[i].blocks) {
        moving = -1;
        break;
      }
      for (int k = 0; k < HASHES; k++)
        if (since[k] > 0 && tier[k] == i && since[k] < since[moving]) moving = k;
      used[i]--;
    }
    if (moving >= 0) since[moving] = 0;
    for (int i = 0; i < TIERS; i++)
      wrong += t.at[i].used != used[i];
  }
  CHECK(wrong == 0 && t.at[TIERS - 1].evictions > 1000 && t.at[TIERS - 1].hits > 1000);
  orc_kv_tiers_done(&t);
}

int main(void)
{
  RUN(the_oldest_moves_down);
  RUN(time_adds_up);
  RUN(a_match_goes_on_below);
  RUN(agrees_with_a_plain_model);
  return DONE();
}
