#include "obs/excerpt.h"

#include <stdlib.h>

#include "base/rng.h"

typedef struct orc_excerpt_entry {
  uint64_t key; /* the least are kept */
  orc_record of;
} orc_excerpt_entry;

orc_excerpt *orc_excerpt_new(const uint32_t room[ORC_EXCERPT_PARTS], orc_time from, orc_time to)
{
  orc_excerpt *x = orc_alloc(1, sizeof *x);
  x->from = from;
  x->to = to;
  for (int i = 0; i < ORC_EXCERPT_PARTS; i++) {
    ORC_ASSERT(room[i] >= 1);
    x->parts[i] =
        (orc_excerpt_heap){ .at = orc_alloc(room[i], sizeof *x->parts[i].at), .room = room[i] };
  }
  return x;
}

void orc_excerpt_free(orc_excerpt *x)
{
  if (x == NULL) return;
  for (int i = 0; i < ORC_EXCERPT_PARTS; i++)
    free(x->parts[i].at);
  free(x);
}

/* Numbers are unique, so that ties end the same on every machine. */
static bool before(const orc_excerpt_entry *a, const orc_excerpt_entry *b)
{
  return a->key != b->key ? a->key < b->key : a->of.number < b->of.number;
}

static void sift_up(orc_excerpt_heap *h, uint32_t i)
{
  const orc_excerpt_entry e = h->at[i];
  while (i > 0 && before(&h->at[(i - 1) / 2], &e)) {
    h->at[i] = h->at[(i - 1) / 2];
    i = (i - 1) / 2;
  }
  h->at[i] = e;
}

static void sift_down(orc_excerpt_heap *h)
{
  const orc_excerpt_entry e = h->at[0];
  uint32_t i = 0;
  for (;;) {
    uint32_t child = 2 * i + 1;
    if (child >= h->count) break;
    if (child + 1 < h->count && before(&h->at[child], &h->at[child + 1])) child++;
    if (!before(&e, &h->at[child])) break;
    h->at[i] = h->at[child];
    i = child;
  }
  h->at[i] = e;
}

static void keep(orc_excerpt_heap *h, uint64_t key, const orc_record *r)
{
  const orc_excerpt_entry e = { .key = key, .of = *r };
  if (h->count < h->room) {
    h->at[h->count] = e;
    sift_up(h, h->count++);
  } else if (before(&e, &h->at[0])) {
    h->at[0] = e;
    sift_down(h);
  }
}

/* Numbers in a row land anywhere. */
static uint64_t scattered(uint64_t number)
{
  orc_rng r = orc_rng_stream(0, ORC_FOR_EXCERPTS, number);
  return orc_rng_next(&r);
}

void orc_excerpt_put(orc_excerpt *x, const orc_record *r)
{
  const orc_time e2e = orc_record_e2e(r);
  x->seen++;
  keep(&x->parts[ORC_EXCERPT_SAMPLE], scattered(r->number), r);
  if (e2e >= 0) keep(&x->parts[ORC_EXCERPT_SLOWEST], UINT64_MAX - (uint64_t)e2e, r);
  if (r->arrival < x->to && (r->completion < 0 || r->completion >= x->from))
    keep(&x->parts[ORC_EXCERPT_WINDOW], r->number, r);
}

typedef struct reason {
  const orc_record *of;
  uint8_t bit;
} reason;

static int by_number(const void *a, const void *b)
{
  const reason *x = a, *y = b;
  return x->of->number < y->of->number ? -1 : x->of->number > y->of->number;
}

orc_record *orc_excerpt_take(const orc_excerpt *x, size_t *count, uint8_t **reasons)
{
  size_t all = 0, n = 0;
  for (int i = 0; i < ORC_EXCERPT_PARTS; i++)
    all += x->parts[i].count;
  reason *list = orc_alloc(all + 1, sizeof *list);
  for (int i = 0; i < ORC_EXCERPT_PARTS; i++)
    for (uint32_t k = 0; k < x->parts[i].count; k++)
      list[n++] = (reason){ &x->parts[i].at[k].of, (uint8_t)(1 << i) };
  qsort(list, n, sizeof *list, by_number);
  orc_record *records = orc_alloc(all + 1, sizeof *records);
  *reasons = orc_alloc(all + 1, sizeof **reasons);
  *count = 0;
  for (size_t i = 0; i < n; i++) {
    if (*count == 0 || records[*count - 1].number != list[i].of->number)
      records[(*count)++] = *list[i].of;
    (*reasons)[*count - 1] |= list[i].bit;
  }
  free(list);
  return records;
}
