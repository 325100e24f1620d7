/* prefix_order.c - the order in which requests follow a prefix_order of the prefix tree. */
#include <string.h>

#include "base/rng.h"
#include "replica/prefix_order.h"

#include "test.h"

enum { BLOCKS = 400, REQUESTS = 60 };

/* A cache in which only who stands before whom matters. */
typedef struct tree {
  orc_prefix_extent at[BLOCKS];
  orc_prefix prefix;
} tree;

static void plant(tree *t, const uint32_t *parents, uint32_t n)
{
  memset(t, 0, sizeof *t);
  for (uint32_t i = 0; i < n; i++)
    t->at[i].parent = parents[i];
  t->prefix.at = t->at;
  t->prefix.count = t->prefix.room = n;
}

static void ask(orc_prefix_order *w, const tree *t, const uint32_t *lasts, uint32_t n)
{
  orc_prefix_order_clear(w);
  for (uint32_t i = 0; i < n; i++)
    orc_prefix_order_add(w, i, 100 + i, lasts[i]);
  orc_prefix_order_sort(w, &t->prefix);
}

/*
** Blocks 0 - 1 - 2 and 1 - 3 are one tree, 4 another, 5 is nobody's:
** below 0 there are five requests, below 4 two.
*/
static void heavier_branches_go_first(void)
{
  const uint32_t no = ORC_NO_BLOCK;
  const uint32_t parents[] = { no, 0, 1, 1, no, no };
  const uint32_t lasts[] = { no, 4, 0, 2, 3, 4, 3, 1 };
  const orc_slot wanted[] = { 104, 106, 103, 107, 102, 101, 105, 100 };
  tree t;
  orc_prefix_order w = { 0 };
  plant(&t, parents, 6);
  for (int again = 0; again < 2; again++) { /* nothing of a prefix_order is left for the next */
    ask(&w, &t, lasts, 8);
    CHECK(memcmp(w.order, wanted, sizeof wanted) == 0);
  }
  orc_prefix_order_done(&w);
}

static void of_equals_the_oldest_goes_first(void)
{
  const uint32_t parents[] = { ORC_NO_BLOCK, ORC_NO_BLOCK, ORC_NO_BLOCK };
  const uint32_t lasts[] = { 2, 0, 1, 0, 1, 2 };
  const orc_slot wanted[] = { 100, 105, 101, 103, 102, 104 };
  tree t;
  orc_prefix_order w = { 0 };
  plant(&t, parents, 3);
  ask(&w, &t, lasts, 6);
  CHECK(memcmp(w.order, wanted, sizeof wanted) == 0);
  ask(&w, &t, lasts, 0);
  CHECK(w.count == 0);
  orc_prefix_order_done(&w);
}

/* Whether block `above` is on the way to `block`, or is it. */
static bool leads(const tree *t, uint32_t above, uint32_t block)
{
  while (block != ORC_NO_BLOCK && block != above)
    block = t->at[block].parent;
  return block == above;
}

/* The requests below one block, and those of it, follow each other, its own at their end. */
static bool together(const tree *t, const orc_prefix_order *w, const uint32_t *lasts,
                     uint32_t block)
{
  uint32_t first = UINT32_MAX, last = 0, n = 0, own = 0;
  bool good = true;
  for (uint32_t i = 0; i < w->count; i++) {
    const uint32_t its = lasts[w->order[i] - 100];
    if (!leads(t, block, its)) continue;
    if (n++ == 0) first = i;
    last = i;
    own += its == block;
    good = good && (own == 0 || its == block);
  }
  return good && (n == 0 || last - first + 1 == n);
}

static void families_stay_together(void)
{
  orc_rng g = orc_rng_stream(7, ORC_FOR_POLICY, 0);
  tree t;
  orc_prefix_order w = { 0 };
  for (int run = 0; run < 50; run++) {
    uint32_t parents[BLOCKS], lasts[REQUESTS];
    bool seen[REQUESTS] = { 0 };
    const uint32_t blocks = 1 + (uint32_t)orc_rng_below(&g, BLOCKS);
    for (uint32_t i = 0; i < blocks; i++)
      parents[i] =
          i == 0 || orc_rng_below(&g, 10) == 0 ? ORC_NO_BLOCK : (uint32_t)orc_rng_below(&g, i);
    for (uint32_t i = 0; i < REQUESTS; i++)
      lasts[i] = orc_rng_below(&g, 8) == 0 ? ORC_NO_BLOCK : (uint32_t)orc_rng_below(&g, blocks);
    plant(&t, parents, blocks);
    ask(&w, &t, lasts, REQUESTS);
    for (uint32_t i = 0; i < w.count; i++) {
      CHECK(!seen[w.order[i] - 100]);
      seen[w.order[i] - 100] = true;
    }
    for (uint32_t i = 0; i < blocks; i++)
      CHECK(together(&t, &w, lasts, i));
  }
  orc_prefix_order_done(&w);
}

int main(void)
{
  RUN(heavier_branches_go_first);
  RUN(of_equals_the_oldest_goes_first);
  RUN(families_stay_together);
  return DONE();
}
