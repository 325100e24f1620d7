/* kv_groups.c - blocks of layers that keep different parts of a sequence, by hand. */
#include "replica/kv_groups.h"

#include <string.h>

#include "test.h"

static orc_span span;
static orc_prompt content = { .spans = &span, .count = 1, .answer = 2 };

/* A request whose prompt is `tokens` of one text. */
static orc_kv_owner request(uint32_t *table, int32_t tokens)
{
  *table = ORC_NO_TABLE;
  span = (orc_span){ .text = 1, .end = tokens };
  return (orc_kv_owner){ .table = table, .content = &content, .boundaries = { tokens - 1, 0 } };
}

static const orc_kv_habits of_033 = { .caching = true, .keeps_boundaries = true };

static const orc_kv_group window_and_full[] = { { ORC_KV_SLIDING, 9, 4 }, { ORC_KV_FULL, 0, 4 } };

/* A window of 9 and all: with 20 tokens 12 are unread in the window, three blocks of four. */
static void a_window_lets_go_what_is_not_read(void)
{
  orc_kv kv;
  orc_kv_groups g;
  uint32_t table;
  orc_kv_init(&kv, 20, 4);
  orc_kv_groups_init(&g, window_and_full, 2, &kv, false, (orc_kv_habits){ 0 });
  const orc_kv_owner o = request(&table, 18);
  CHECK(orc_kv_groups_lack(&g, &o, 18, 0) == 10);
  orc_kv_groups_grow(&g, &o, 18, 18);
  CHECK(orc_kv_used(&kv) == 10);
  orc_kv_groups_rest(&g, &o, 0);
  CHECK(g.tables[table].wakes == 13); /* two blocks of the window are due: 18 - 8 tokens */
  orc_kv_groups_drop_unread(&g, &o, 18);
  CHECK(orc_kv_used(&kv) == 8);
  orc_kv_groups_rest(&g, &o, 0);
  CHECK(g.tables[table].wakes == 21); /* a block of each is lacking, and one of the window is due */
  orc_kv_groups_drop_unread(&g, &o, 20);
  CHECK(orc_kv_used(&kv) == 7 && orc_kv_groups_lack(&g, &o, 21, 20) == 2);
  orc_kv_groups_free(&g, &o);
  CHECK(table == ORC_NO_TABLE && kv.free == 20 && kv.idle == 0);
  orc_kv_groups_done(&g);
}

/* Whoever comes next finds 16 tokens of 18: all blocks of full attention, and in the window the two
** that are read. Behind them a block of the answer was not kept by the window. */
static void a_beginning_is_found_where_all_groups_know_it(void)
{
  orc_kv kv;
  orc_kv_groups g;
  uint32_t one, other;
  orc_kv_init(&kv, 20, 4);
  orc_kv_groups_init(&g, window_and_full, 2, &kv, false, of_033);
  const orc_kv_owner a = request(&one, 18);
  orc_kv_groups_grow(&g, &a, 22, 22);
  orc_kv_groups_know(&g, &a, 22);
  orc_kv_groups_free(&g, &a);
  CHECK(kv.idle == 5 + 2 && kv.free == 13);
  const orc_kv_owner b = request(&other, 18);
  orc_kv_groups_find(&g, &b, 21);
  CHECK(g.found.blocks == 4 && g.found.first[0] == 2 && g.found.first[1] == 0);
  CHECK(g.found.junction == 20); /* full attention alone would have gone on to there */
  CHECK(orc_kv_groups_lack(&g, &b, 18, 16) == 2 + 6); /* idle ones count as new ones do */
  orc_kv_groups_adopt(&g, &b, 16);
  CHECK(orc_kv_used(&kv) == 6 && kv.idle == 1);
  orc_kv_groups_free(&g, &b);
  orc_block_pool_clear(&g.pool);
  orc_kv_groups_find(&g, &b, 21);
  CHECK(kv.free == 20 && g.found.blocks == 0);
  orc_kv_groups_done(&g);
}

/* Two equal blocks: the one known first is found until it is taken for something else; those without
** content are taken before. */
static void equal_blocks_are_found_in_the_order_they_were_known(void)
{
  orc_kv kv;
  orc_block_pool p;
  orc_kv_init(&kv, 3, 4);
  orc_block_pool_init(&p, &kv, false);
  const uint32_t first = orc_block_pool_take(&p), second = orc_block_pool_take(&p);
  const uint32_t blank = orc_block_pool_take(&p);
  orc_block_pool_know(&p, first, 0, 77);
  orc_block_pool_know(&p, second, 0, 77);
  CHECK(orc_block_pool_find(&p, 0, 77) == first);
  CHECK(orc_block_pool_find(&p, 1, 77) == ORC_NULL_BLOCK);
  uint32_t *front = &p.top;
  front = orc_block_pool_give(&p, first, front);
  front = orc_block_pool_give(&p, second, front);
  orc_block_pool_give(&p, blank, front);
  CHECK(kv.free == 1 && kv.idle == 2);
  CHECK(orc_block_pool_take(&p) == blank && orc_block_pool_take(&p) == first);
  CHECK(orc_block_pool_find(&p, 0, 77) == second && kv.evictions == 1);
  orc_block_pool_hold(&p, second);
  CHECK(orc_kv_available(&kv) == 0);
  orc_block_pool_done(&p);
}

/* Of states at block boundaries a request holds the one it reads and the one it writes; the first
** goes back when that step has been processed. */
static void a_state_is_read_while_the_next_is_written(void)
{
  static const orc_kv_group state[] = { { ORC_KV_ALIGNED, 0, 4 } };
  orc_kv kv;
  orc_kv_groups g;
  uint32_t table;
  orc_kv_init(&kv, 8, 4);
  orc_kv_groups_init(&g, state, 1, &kv, false, of_033);
  const orc_kv_owner o = request(&table, 30);
  CHECK(orc_kv_groups_lack(&g, &o, 12, 0) == 1);
  orc_kv_groups_grow(&g, &o, 12, 12);
  CHECK(orc_kv_used(&kv) == 1);
  orc_kv_groups_drop_unread(&g, &o, 12);
  orc_kv_groups_grow(&g, &o, 20, 8);
  CHECK(orc_kv_used(&kv) == 2);
  orc_kv_groups_drop_unread(&g, &o, 20);
  CHECK(orc_kv_used(&kv) == 1);
  CHECK(orc_kv_groups_most(&g, 1000, 16) == 2);
  orc_kv_groups_free(&g, &o);
  CHECK(kv.free == 8);
  orc_kv_groups_done(&g);
}

int main(void)
{
  RUN(a_window_lets_go_what_is_not_read);
  RUN(a_beginning_is_found_where_all_groups_know_it);
  RUN(equal_blocks_are_found_in_the_order_they_were_known);
  RUN(a_state_is_read_while_the_next_is_written);
  return DONE();
}
