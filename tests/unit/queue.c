#include "replica/queue.h"

#include "base/rng.h"
#include "test.h"

enum { MANY = 500 };

static orc_requests filled(void)
{
  orc_requests p;
  orc_requests_init(&p);
  for (int i = 0; i < MANY; i++)
    orc_requests_add(&p, &(orc_arrival){ .prompt = 1, .output = 1 });
  return p;
}

/* Pushed with random keys, some equal, and every third removed from the middle. */
static void leaves_in_the_order_of_key_and_number(void)
{
  orc_requests p = filled();
  orc_queue q;
  orc_queue_init(&q, &p, 0);
  orc_rng g = orc_rng_stream(1, ORC_FOR_TESTS, 0);
  for (orc_slot s = 0; s < MANY; s++) {
    p.at[s].key = (double)orc_rng_below(&g, 40);
    orc_queue_push(&q, s, p.at[s].key);
  }
  for (orc_slot s = 0; s < MANY; s += 3)
    orc_queue_remove(&q, s);
  CHECK(q.count == MANY - (MANY + 2) / 3);
  const orc_request *last = NULL;
  while (q.count > 0) {
    const orc_slot s = orc_queue_head(&q);
    const orc_request *r = &p.at[s];
    CHECK(s % 3 != 0);
    CHECK(last == NULL || last->key < r->key || (last->key == r->key && last->number < r->number));
    last = r;
    orc_queue_remove(&q, s);
    if (q.count == MANY / 3) orc_queue_sort(&q);
  }
  CHECK(orc_queue_head(&q) == ORC_NO_SLOT);
  orc_queue_done(&q);
  orc_requests_done(&p);
}

/* The first entries are gone through in order, put back, and the queue is what it was. */
static void entries_laid_aside_come_back(void)
{
  orc_requests p = filled();
  orc_queue q, same;
  orc_queue_init(&q, &p, 0);
  orc_queue_init(&same, &p, 1);
  orc_rng g = orc_rng_stream(1, ORC_FOR_TESTS, 1);
  for (orc_slot s = 0; s < MANY; s++) {
    const double key = (double)orc_rng_below(&g, 9);
    orc_queue_push(&q, s, key);
    orc_queue_push(&same, s, key);
  }
  orc_queue_sort(&same);
  for (uint32_t n = 0; n <= MANY; n += n < 4 ? 1 : 37) {
    for (uint32_t i = 0; i < n; i++)
      CHECK(orc_queue_lay_aside(&q)->slot == same.at[i].slot);
    CHECK(q.count == MANY - n);
    orc_queue_put_back(&q, n);
    CHECK(q.count == MANY);
    for (uint32_t i = 0; i < MANY; i++)
      CHECK(p.at[q.at[i].slot].place[0] == i);
  }
  for (uint32_t i = 0; i < MANY; i++) {
    CHECK(orc_queue_head(&q) == same.at[i].slot);
    orc_queue_remove(&q, same.at[i].slot);
  }
  orc_queue_done(&q);
  orc_queue_done(&same);
  orc_requests_done(&p);
}

/* Slots are used again, numbers never; a number is found while its request is in flight. */
static void a_number_finds_its_slot(void)
{
  orc_requests p = filled();
  for (uint64_t n = 0; n < 400; n++) {
    const orc_slot s = orc_requests_find(&p, n);
    p.at[s].state = ORC_DONE;
    orc_requests_drop(&p, s);
    CHECK(orc_requests_find(&p, n) == ORC_NO_SLOT);
  }
  CHECK(p.oldest == 400 && p.live == MANY - 400);
  const orc_slot s = orc_requests_add(&p, &(orc_arrival){ .prompt = 1, .output = 1 });
  CHECK(s < MANY && p.at[s].number == MANY && orc_requests_find(&p, MANY) == s);
  CHECK(orc_requests_find(&p, MANY + 1) == ORC_NO_SLOT);
  orc_requests_done(&p);
}

int main(void)
{
  RUN(leaves_in_the_order_of_key_and_number);
  RUN(entries_laid_aside_come_back);
  RUN(a_number_finds_its_slot);
  return DONE();
}
