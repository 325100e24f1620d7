#include "base/ladder.h"

#include <stdlib.h>
#include <string.h>

enum {
  FEW = 16,              /* a bucket of so many is sorted, one of more divided */
  NEAR = 48,             /* room of `near`: insertion beats every tree up to here */
  FILL = 4,              /* events per bucket aimed at */
  LEAST_BUCKETS = 32,    /* of a rung, and */
  MOST_BUCKETS = 262144, /* whose heads fill half of a common L2 cache */
  CHUNK = 5,             /* events per chunk: 128 bytes, two cache lines that come together */
};

/* One link of a bucket's list. */
typedef struct orc_chunk {
  orc_event_key key[CHUNK];
  uint64_t what[CHUNK];
  uint32_t next; /* 0: none */
} chunk;

/*
** A bucket is a number: its first chunk << 3 | events in that chunk, the other chunks being full;
** 0 when empty.
** Buckets of 2^shift keys from `base` on; the last one goes on to `last`. Those before `next` are
** used up, and then empty, so that a rung leaves only zeroes behind.
*/
typedef struct orc_rung {
  orc_event_key base, last;
  uint32_t *bucket;
  uint32_t size, room, next;
  int shift;
} rung;

_Static_assert(sizeof(chunk) == 128 && CHUNK < 8, "a bucket's number has three bits for the count");

void orc_ladder_done(orc_ladder *q)
{
  for (int i = 0; i < q->rung_room; i++)
    free(q->rung[i].bucket);
  free(q->rung);
  free(q->near);
  free(q->near_what);
  free(q->far);
  free(q->far_what);
  free(q->chunk);
  *q = (orc_ladder){ 0 };
}

static void more_chunks(orc_ladder *q)
{
  const uint32_t room = q->chunk_room == 0 ? 32 : 2 * q->chunk_room;
  ORC_ASSERT(room < (uint32_t)1 << 29);
  chunk *p = orc_alloc_aligned(sizeof(chunk), room, sizeof(chunk));
  if (q->chunk_count > 0) memcpy(p, q->chunk, q->chunk_count * sizeof(chunk));
  free(q->chunk);
  q->chunk = p;
  q->chunk_room = room;
  if (q->chunk_count == 0) { /* number 0 is no chunk, but may be looked ahead at */
    p[0] = (chunk){ 0 };
    q->chunk_count = 1;
  }
}

static uint32_t new_chunk(orc_ladder *q)
{
  const uint32_t c = q->chunk_free;
  if (c == 0) {
    if (q->chunk_count == q->chunk_room) more_chunks(q);
    return q->chunk_count++;
  }
  q->chunk_free = q->chunk[c].next;
  return c;
}

static void put(orc_ladder *q, uint32_t *bucket, orc_event_key key, uint64_t what)
{
  uint32_t b = *bucket;
  if (b == 0 || b % 8 == CHUNK) {
    const uint32_t c = new_chunk(q);
    q->chunk[c].next = b / 8;
    b = c * 8;
  }
  q->chunk[b / 8].key[b % 8] = key;
  q->chunk[b / 8].what[b % 8] = what;
  *bucket = b + 1;
}

/* Keys below the base come only before the first bucket is used up; beyond the last, to the last.
 */
static uint32_t *bucket_for(const rung *r, orc_event_key key)
{
  const orc_event_key i = key <= r->base ? 0 : (key - r->base) >> r->shift;
  return &r->bucket[i < r->size ? (uint32_t)i : r->size - 1];
}

/* Whether a bucket has more than FEW events. */
static bool contended(const orc_ladder *q, uint32_t bucket)
{
  int events = (int)(bucket % 8);
  for (uint32_t c = q->chunk[bucket / 8].next; c != 0 && events <= FEW; c = q->chunk[c].next)
    events += CHUNK;
  return events > FEW;
}

static void grow_far(orc_ladder *q)
{
  q->far_room = q->far_room == 0 ? NEAR : 2 * q->far_room;
  q->far = orc_resize(q->far, q->far_room, sizeof *q->far);
  q->far_what = orc_resize(q->far_what, q->far_room, sizeof *q->far_what);
}

static void put_far(orc_ladder *q, orc_event_key key, uint64_t what)
{
  if (q->far_count == q->far_room) grow_far(q);
  q->far[q->far_count] = key;
  q->far_what[q->far_count++] = what;
}

/* A rung below the others, for `events` events from `low` on, spread over `span` keys. */
static rung *open_rung(orc_ladder *q, orc_event_key low, orc_event_key span, size_t events)
{
  if (q->depth == q->rung_room) {
    const int room = q->rung_room == 0 ? 4 : 2 * q->rung_room;
    q->rung = orc_resize(q->rung, (size_t)room, sizeof *q->rung);
    memset(q->rung + q->rung_room, 0, (size_t)(room - q->rung_room) * sizeof *q->rung);
    q->rung_room = room;
  }
  rung *r = &q->rung[q->depth++];
  size_t most = 2 * (events / FILL); /* rounding to a power of two takes up to half of them */
  most = most < LEAST_BUCKETS ? LEAST_BUCKETS : most > MOST_BUCKETS ? MOST_BUCKETS : most;
  int shift = 0;
  while (span >> shift >= most)
    shift++;
  const uint32_t size = (uint32_t)(span >> shift) + 1;
  if (size > r->room) {
    free(r->bucket);
    r->bucket = orc_alloc(size, sizeof *r->bucket);
    r->room = size;
  }
  r->base = low;
  r->size = size;
  r->next = 0;
  r->shift = shift;
  return r;
}

/*
** The far events become the first rung: those up to twice their mean distance from the first, so
** that one outlier cannot make the buckets too wide. That is at least half of them (Markov), so
** scanning the others again costs a constant per event.
*/
static void open_far(orc_ladder *q)
{
  orc_event_key low = ORC_LAST_KEY, high = 0;
  for (size_t i = 0; i < q->far_count; i++) {
    const orc_event_key k = q->far[i];
    if (k < low) low = k;
    if (k > high) high = k;
  }
  double sum = 0.0;
  for (size_t i = 0; i < q->far_count; i++)
    sum += (double)((q->far[i] - low) >> 64);
  const double twice = 2.0 * (sum / (double)q->far_count + 1.0); /* ns */
  orc_event_key span = high - low;
  if (twice < (double)(span >> 64)) span = (orc_event_key)twice << 64;
  rung *r = open_rung(q, low, span, q->far_count);
  r->last = low + span;
  size_t kept = 0;
  for (size_t i = 0; i < q->far_count; i++) {
    const orc_event_key k = q->far[i];
    if (k <= r->last) {
      put(q, bucket_for(r, k), k, q->far_what[i]);
    } else {
      q->far_what[kept] = q->far_what[i];
      q->far[kept++] = k;
    }
  }
  q->far_count = kept;
}

/* Move on to the first bucket with events; what was skipped is `near`'s. False: none is left. */
static bool advance(orc_ladder *q, rung *r)
{
  const uint32_t from = r->next;
  while (r->next < r->size && r->bucket[r->next] == 0)
    r->next++;
  if (r->next == r->size)
    q->near_last = r->last;
  else if (r->next > from)
    q->near_last = r->base + ((orc_event_key)r->next << r->shift) - 1;
  return r->next < r->size;
}

static void make_room_near(orc_ladder *q, size_t events)
{
  if (events <= q->near_room) return;
  q->near_room = events < NEAR ? NEAR : 2 * events;
  q->near = orc_resize(q->near, q->near_room, sizeof *q->near);
  q->near_what = orc_resize(q->near_what, q->near_room, sizeof *q->near_what);
}

/* Sort at most FEW events into the empty `near`, each to the number of those it goes before. */
static void sort_near(orc_ladder *q, const orc_event_key *key, const uint64_t *what, size_t n)
{
  uint32_t rank[FEW];
  for (size_t i = 0; i < n; i++) {
    rank[i] = 0;
    for (size_t j = 0; j < i; j++) {
      const uint32_t first = key[j] <= key[i];
      rank[j] += first;
      rank[i] += 1 - first;
    }
  }
  for (size_t i = 0; i < n; i++) {
    q->near[rank[i]] = key[i];
    q->near_what[rank[i]] = what[i];
  }
  q->near_count = n;
}

/* Unlink the first chunk of a list and return where the list goes on. The chunk stays readable. */
static uint32_t release(orc_ladder *q, uint32_t c)
{
  const uint32_t next = q->chunk[c].next;
  q->chunk[c].next = q->chunk_free;
  q->chunk_free = c;
  return next;
}

static void sort_bucket(orc_ladder *q, uint32_t bucket)
{
  orc_event_key key[FEW];
  uint64_t what[FEW];
  size_t n = 0;
  uint32_t in = bucket % 8;
  for (uint32_t c = bucket / 8; c != 0; c = release(q, c), in = CHUNK)
    for (uint32_t i = 0; i < in; i++) {
      key[n] = q->chunk[c].key[i];
      what[n++] = q->chunk[c].what[i];
    }
  sort_near(q, key, what, n);
}

/* Divide a bucket that reaches up to `last` into a finer rung. */
static void divide(orc_ladder *q, uint32_t bucket, orc_event_key last)
{
  orc_event_key low = ORC_LAST_KEY, high = 0;
  size_t n = 0;
  uint32_t in = bucket % 8;
  for (uint32_t c = bucket / 8; c != 0; c = q->chunk[c].next, in = CHUNK)
    for (uint32_t i = 0; i < in; i++, n++) {
      const orc_event_key k = q->chunk[c].key[i];
      if (k < low) low = k;
      if (k > high) high = k;
    }
  rung *r = low == high ? NULL : open_rung(q, low, high - low, n);
  if (r != NULL) r->last = last;
  make_room_near(q, r != NULL ? 0 : n);
  in = bucket % 8;
  for (uint32_t c = bucket / 8; c != 0; in = CHUNK) {
    const chunk full = q->chunk[c]; /* a copy: putting takes released chunks again */
    c = release(q, c);
    for (uint32_t i = 0; i < in; i++)
      if (r != NULL)
        put(q, bucket_for(r, full.key[i]), full.key[i], full.what[i]);
      else
        orc_ladder_insert(q, full.key[i], full.what[i]); /* all equal: nothing to divide by */
  }
}

/* Memory is a hundred ns away: ask now for what the next two refills will read. */
static void look_ahead(const orc_ladder *q, const rung *r)
{
  if (r->next + 2 >= r->size) return;
  const chunk *after = &q->chunk[r->bucket[r->next + 2] / 8];
  const chunk *rest = &q->chunk[q->chunk[r->bucket[r->next + 1] / 8].next];
  __builtin_prefetch(after);
  __builtin_prefetch((const char *)after + 64);
  __builtin_prefetch(rest);
  __builtin_prefetch((const char *)rest + 64);
}

/* `near` is empty: give it the soonest events again. */
void orc_ladder_refill(orc_ladder *q)
{
  while (q->near_count == 0) {
    if (q->depth == 0) {
      if (q->far_count <= FEW) {
        sort_near(q, q->far, q->far_what, q->far_count);
        q->far_count = 0;
        q->near_last = ORC_LAST_KEY;
        return;
      }
      open_far(q);
    }
    rung *r = &q->rung[q->depth - 1];
    if (!advance(q, r)) {
      q->depth--;
      continue;
    }
    look_ahead(q, r);
    const uint32_t bucket = r->bucket[r->next];
    r->bucket[r->next++] = 0;
    q->near_last =
        r->next == r->size ? r->last : r->base + ((orc_event_key)r->next << r->shift) - 1;
    if (contended(q, bucket))
      divide(q, bucket, q->near_last);
    else
      sort_bucket(q, bucket);
  }
}

/* Where to cut the full `near`: after about a quarter, never between equals. 0: all are equal. */
static size_t cut(const orc_ladder *q)
{
  size_t at = q->near_count - q->near_count / 4;
  while (at > 0 && q->near[at] == q->near[at - 1])
    at--;
  if (at > 0) return at;
  at = q->near_count - q->near_count / 4;
  while (at < q->near_count && q->near[at] == q->near[at - 1])
    at++;
  return at < q->near_count ? at : 0;
}

/* `near` is full: keep the soonest quarter, hand the others up. */
static void overflow(orc_ladder *q)
{
  while (q->depth > 0 && !advance(q, &q->rung[q->depth - 1]))
    q->depth--;
  const size_t n = cut(q);
  if (n == 0) {
    make_room_near(q, q->near_count + 1);
    return;
  }
  if (q->depth == 0) {
    for (size_t i = 0; i < n; i++)
      put_far(q, q->near[i], q->near_what[i]);
  } else {
    const orc_event_key low = q->near[n - 1], high = q->near[0];
    rung *r = open_rung(q, low, high - low, n);
    r->last = q->near_last;
    for (size_t i = 0; i < n; i++)
      put(q, bucket_for(r, q->near[i]), q->near[i], q->near_what[i]);
  }
  q->near_count -= n;
  memmove(q->near, q->near + n, q->near_count * sizeof *q->near);
  memmove(q->near_what, q->near_what + n, q->near_count * sizeof *q->near_what);
  q->near_last = q->near[0];
}

/* The rung that a key beyond `near` belongs to: the finest that reaches it; NULL: it is far. */
static rung *rung_for(const orc_ladder *q, orc_event_key key)
{
  int low = 0, high = q->depth; /* rungs below `low` reach it, from `high` on do not */
  while (low < high) {
    const int middle = (low + high) / 2;
    if (key <= q->rung[middle].last)
      low = middle + 1;
    else
      high = middle;
  }
  return low == 0 ? NULL : &q->rung[low - 1];
}

void orc_ladder_push_beyond(orc_ladder *q, orc_event_key key, uint64_t what)
{
  if (q->near_room == 0) {
    make_room_near(q, 1);
    q->near_last = ORC_LAST_KEY;
  } else if (key <= q->near_last) {
    overflow(q);
  }
  rung *r = key <= q->near_last ? NULL : rung_for(q, key);
  if (key <= q->near_last)
    orc_ladder_insert(q, key, what);
  else if (r != NULL)
    put(q, bucket_for(r, key), key, what);
  else
    put_far(q, key, what);
}
