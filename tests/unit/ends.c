/* ends.c - what is counted goes on past 2^32. */
#include "base/hist.h"
#include "replica/decode_set.h"
#include "replica/prefix_order.h"

#include "test.h"

static const uint64_t WRAP = UINT64_C(1) << 32;

/* Requests numbered from 2^32 - 4 on, of which every second ends at once. */
static void requests_are_found_by_number(void)
{
  enum { MANY = 200 };
  orc_requests p;
  orc_requests_init(&p);
  p.oldest = p.next_number = WRAP - 4;
  orc_slot slots[MANY];
  for (uint64_t i = 0; i < MANY; i++) {
    slots[i] = orc_requests_add(&p, &(orc_arrival){ .prompt = 1, .output = 1 });
    CHECK(p.at[slots[i]].number == WRAP - 4 + i && p.at[slots[i]].key == (double)(WRAP - 4 + i));
    if (i % 2 == 0) continue;
    p.at[slots[i]].state = ORC_DONE;
    orc_requests_drop(&p, slots[i]);
  }
  for (uint64_t i = 0; i < MANY; i++)
    CHECK(orc_requests_find(&p, WRAP - 4 + i) == (i % 2 == 0 ? slots[i] : ORC_NO_SLOT));
  CHECK(orc_requests_find(&p, WRAP - 5) == ORC_NO_SLOT);
  CHECK(orc_requests_find(&p, 0) == ORC_NO_SLOT); /* not that of 2^32 */
  CHECK(p.live == MANY / 2 && p.oldest == WRAP - 4);
  orc_requests_done(&p);
}

/* A set whose clock stands at `counter`, a multiple of the block size, with three members. */
static void begin(orc_decode_set *d, orc_requests *p, orc_hist *gaps, uint64_t counter)
{
  orc_requests_init(p);
  *gaps = (orc_hist){ 0 };
  orc_decode_set_init(d, p, 16, 70);
  d->counter = counter;
  for (int i = 0; i < 3; i++) {
    const orc_slot s =
        orc_requests_add(p, &(orc_arrival){ .prompt = 50 + 7 * i, .output = 9 + 4 * i });
    orc_request *r = &p->at[s];
    r->generated = 1;
    r->computed = r->in.prompt;
    r->blocks = (r->in.prompt + 15) / 16;
    orc_decode_set_join(d, s, 0);
  }
}

/* Twenty steps from step 0 and from step 2^32 - 16: the same blocks, windows and ends. */
static void a_set_decodes_past_its_clock(void)
{
  orc_requests p[2];
  orc_decode_set d[2];
  orc_hist gaps[2];
  begin(&d[0], &p[0], &gaps[0], 0);
  begin(&d[1], &p[1], &gaps[1], WRAP - 16);
  int finished = 0;
  for (int step = 1; step <= 20; step++) {
    CHECK(orc_decode_set_need(&d[0]) == orc_decode_set_need(&d[1]));
    for (int k = 0; k < 2; k++)
      orc_decode_set_advance(&d[k], step * 1000, &gaps[k]);
    CHECK(d[0].context == d[1].context && d[0].window == d[1].window);
    CHECK(d[0].growing == d[1].growing && d[0].turn == d[1].turn);
    for (orc_slot s; (s = orc_decode_set_finished(&d[0])) != ORC_NO_SLOT; finished++) {
      CHECK(orc_decode_set_finished(&d[1]) == s);
      CHECK(orc_decode_set_generated(&d[1], &p[1].at[s]) == p[1].at[s].in.output);
      for (int k = 0; k < 2; k++)
        orc_decode_set_leave(&d[k], s);
      CHECK(p[0].at[s].blocks == p[1].at[s].blocks && p[1].at[s].generated == p[1].at[s].in.output);
    }
    CHECK(orc_decode_set_finished(&d[1]) == ORC_NO_SLOT);
  }
  CHECK(finished == 3 && d[1].n == 0 && d[1].counter == WRAP + 4);
  for (int k = 0; k < 2; k++) {
    orc_decode_set_done(&d[k]);
    orc_hist_done(&gaps[k]);
    orc_requests_done(&p[k]);
  }
}

/* Of a radix tree's equally heavy branches the one that was there first goes first; the count of those that entered begins
** anew between them. */
static void branches_keep_their_order(void)
{
  enum { BLOCKS = 4 };
  orc_prefix_extent at[BLOCKS] = { { .kind = ORC_PREFIX_KNOWN } };
  orc_prefix prefix = { .at = at, .count = BLOCKS, .room = BLOCKS, .radix = true, .entered = 2 };
  orc_prefix_order w = { 0 };
  for (uint32_t i = 0; i < BLOCKS; i++) { /* born at 2^32 - 2, 2^32 - 1, 0 and 1 */
    at[i].parent = ORC_NO_BLOCK;
    at[i].born = prefix.entered - BLOCKS + i;
  }
  for (uint32_t i = 0; i < BLOCKS; i++)
    orc_prefix_order_add(&w, i, i, BLOCKS - 1 - i);
  orc_prefix_order_sort(&w, &prefix);
  for (uint32_t i = 0; i < BLOCKS; i++)
    CHECK(w.order[i] == BLOCKS - 1 - i);
  orc_prefix_order_done(&w);
}

int main(void)
{
  RUN(requests_are_found_by_number);
  RUN(a_set_decodes_past_its_clock);
  RUN(branches_keep_their_order);
  return DONE();
}
