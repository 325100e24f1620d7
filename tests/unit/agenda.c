/*
** agenda.c - the soonest first, whatever is noted, changed and struck out; against a plain search.
*/
#include "net/agenda.h"
#include "base/rng.h"

#include "test.h"

enum { SLOTS = 60, CHANGES = 4000 };

typedef struct list {
  orc_due due[SLOTS];
  bool in[SLOTS];
  uint32_t count;
} list;

static bool before(const orc_due *a, const orc_due *b)
{
  if (a->time != b->time) return a->time < b->time;
  return a->rest != b->rest ? a->rest < b->rest : a->order < b->order;
}

static const orc_due *soonest(const list *l)
{
  const orc_due *best = NULL;
  for (int i = 0; i < SLOTS; i++)
    if (l->in[i] && (best == NULL || before(&l->due[i], best))) best = &l->due[i];
  return best;
}

/* Few times, so that rests and orders decide often. */
static orc_due draw(orc_rng *r, list *l, uint64_t order)
{
  const uint32_t slot = (uint32_t)orc_rng_below(r, SLOTS);
  const orc_due due = { .time = (orc_time)orc_rng_below(r, 5),
                        .rest = 0.25 * (double)orc_rng_below(r, 3) - 0.25,
                        .order = order,
                        .slot = slot };
  l->count += !l->in[slot];
  l->in[slot] = true;
  l->due[slot] = due;
  return due;
}

static bool agrees(const orc_agenda *a, const list *l)
{
  const orc_due *first = orc_agenda_first(a), *expected = soonest(l);
  if (a->count != l->count || (first == NULL) != (expected == NULL)) return false;
  return first == NULL || first->slot == expected->slot;
}

int main(void)
{
  orc_rng r = orc_rng_stream(1, ORC_FOR_TESTS, 0);
  orc_agenda a = { .count = 0 };
  list l = { .count = 0 };
  bool right = true;
  CLAIM("the soonest comes first, whatever is noted, changed and struck out");
  CHECK(orc_agenda_first(&a) == NULL);
  orc_agenda_reserve(&a, SLOTS / 2);
  orc_agenda_reserve(&a, SLOTS);
  for (uint64_t i = 0; i < CHANGES; i++) {
    const uint64_t what = orc_rng_below(&r, 8);
    if (what == 0) {
      for (uint64_t k = 0; k < 10; k++) {
        const orc_due due = draw(&r, &l, 10 * i + k);
        orc_agenda_add(&a, &due);
      }
      orc_agenda_order(&a);
    } else if (what < 4) {
      const orc_due due = draw(&r, &l, 10 * i);
      orc_agenda_put(&a, &due);
    } else if (l.count > 0) { /* the soonest, or any other */
      uint32_t slot = orc_agenda_first(&a)->slot;
      while (what == 4 && !l.in[slot = (uint32_t)orc_rng_below(&r, SLOTS)]) {
      }
      orc_agenda_remove(&a, slot);
      l.in[slot] = false;
      l.count--;
    }
    right &= agrees(&a, &l);
  }
  CHECK(right);
  int64_t last = -1;
  bool rising = true;
  for (; a.count > 0; orc_agenda_remove(&a, orc_agenda_first(&a)->slot)) {
    rising &= orc_agenda_first(&a)->time >= last;
    last = orc_agenda_first(&a)->time;
  }
  CLAIM("what is taken one by one comes in order");
  CHECK(rising);
  orc_agenda_done(&a);
  return DONE();
}
