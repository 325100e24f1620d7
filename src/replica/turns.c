/*
** turns.c - a line of waiting requests for each client, and the heads of the lines in order of counters.
** A line is a pairing heap by number (Fredman, Sedgewick, Sleator and Tarjan, Algorithmica 1, 1986): requests come
** back to it from anywhere. Counters only grow, so that the one a head was ordered by is a bound from below: it is
** compared when its turn has come, and where it has grown the head goes back to its place.
*/
#include "replica/turns.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NO_LINE UINT32_MAX

typedef struct orc_turn_link {
  uint64_t number;
  orc_slot child, next, prev; /* prev: of a first child its parent */
  uint32_t line;              /* its client's */
} orc_turn_link;

/* One for each client that ever was here. */
typedef struct orc_turn_line {
  double served; /* its counter */
  uint32_t client;
  uint32_t here;   /* its requests here */
  uint32_t next;   /* in its bucket */
  orc_slot root;   /* the oldest that waits; ORC_NO_SLOT: none */
  orc_slot ranked; /* what stands for it among the heads */
  bool fresh;      /* it has yet to be raised, and has no turn before */
  bool listed;     /* among those that have */
} orc_turn_line;

struct orc_turns {
  orc_requests *requests;
  orc_turn_link *links; /* [room] of requests here, by slot */
  uint32_t room;
  uint32_t line_count, line_room;
  orc_turn_line *lines; /* [line_room] */
  uint32_t *buckets;    /* [line_room] by client; a power of two */
  orc_queue heads;      /* of the lines that are not fresh */
  uint32_t *fresh;      /* [line_room] lines that are, as they came */
  uint32_t fresh_count;
  double weight; /* of a token, when they were last counted */
};

/* ---- a line ---- */

/* The older one is the root. */
static orc_slot meld(orc_turn_link *k, orc_slot a, orc_slot b)
{
  if (a == ORC_NO_SLOT) return b;
  if (b == ORC_NO_SLOT) return a;
  if (k[b].number < k[a].number) {
    const orc_slot older = b;
    b = a;
    a = older;
  }
  k[b].prev = a;
  k[b].next = k[a].child;
  if (k[b].next != ORC_NO_SLOT) k[k[b].next].prev = b;
  k[a].child = b;
  return a;
}

/* Siblings, from the first on, become one: in pairs, and these from the last on. */
static orc_slot gather(orc_turn_link *k, orc_slot first)
{
  orc_slot pairs = ORC_NO_SLOT, all = ORC_NO_SLOT;
  while (first != ORC_NO_SLOT) {
    const orc_slot a = first, b = k[a].next;
    first = b != ORC_NO_SLOT ? k[b].next : ORC_NO_SLOT;
    const orc_slot pair = meld(k, a, b);
    k[pair].next = pairs;
    pairs = pair;
  }
  while (pairs != ORC_NO_SLOT) {
    const orc_slot pair = pairs;
    pairs = k[pair].next;
    all = meld(k, all, pair);
  }
  if (all != ORC_NO_SLOT) k[all].next = k[all].prev = ORC_NO_SLOT;
  return all;
}

static orc_slot without(orc_turn_link *k, orc_slot root, orc_slot slot)
{
  const orc_slot below = gather(k, k[slot].child);
  if (slot == root) return below;
  const orc_slot prev = k[slot].prev, next = k[slot].next;
  if (k[prev].child == slot)
    k[prev].child = next;
  else
    k[prev].next = next;
  if (next != ORC_NO_SLOT) k[next].prev = prev;
  return meld(k, root, below);
}

/* Its oldest stands among the heads. */
static void rank(orc_turns *t, orc_turn_line *line)
{
  if (line->ranked == line->root || line->fresh) return;
  if (line->ranked != ORC_NO_SLOT) orc_queue_remove(&t->heads, line->ranked);
  if (line->root != ORC_NO_SLOT) orc_queue_push(&t->heads, line->root, line->served);
  line->ranked = line->root;
}

/* ---- lines by client ---- */

/* Knuth's multiplicative hash (The Art of Computer Programming 3, section 6.4). */
static uint32_t *bucket(const orc_turns *t, uint32_t client)
{
  return &t->buckets[(client * UINT64_C(2654435769) >> 16) & (t->line_room - 1)];
}

static orc_turn_line *find(const orc_turns *t, uint32_t client)
{
  uint32_t i = t->line_room > 0 ? *bucket(t, client) : NO_LINE;
  while (i != NO_LINE && t->lines[i].client != client)
    i = t->lines[i].next;
  return i == NO_LINE ? NULL : &t->lines[i];
}

/* All are used. */
static void more_lines(orc_turns *t)
{
  t->line_room = t->line_room == 0 ? 16 : 2 * t->line_room;
  t->lines = orc_resize(t->lines, t->line_room, sizeof *t->lines);
  t->buckets = orc_resize(t->buckets, t->line_room, sizeof *t->buckets);
  t->fresh = orc_resize(t->fresh, t->line_room, sizeof *t->fresh);
  memset(t->buckets, 0xff, t->line_room * sizeof *t->buckets);
  for (uint32_t i = 0; i < t->line_count; i++) {
    uint32_t *b = bucket(t, t->lines[i].client);
    t->lines[i].next = *b;
    *b = i;
  }
}

static orc_turn_line *line_of(orc_turns *t, uint32_t client)
{
  orc_turn_line *line = find(t, client);
  if (line != NULL) return line;
  if (t->line_count == t->line_room) more_lines(t);
  uint32_t *b = bucket(t, client);
  line = &t->lines[t->line_count];
  *line =
      (orc_turn_line){ .client = client, .next = *b, .root = ORC_NO_SLOT, .ranked = ORC_NO_SLOT };
  *b = t->line_count++;
  return line;
}

/* ---- who is here ---- */

void orc_turns_came(orc_turns *t, orc_slot slot)
{
  const orc_request *q = &t->requests->at[slot];
  orc_turn_line *line = line_of(t, q->in.client);
  if (slot >= t->room) {
    t->room = t->requests->room;
    t->links = orc_resize(t->links, t->room, sizeof *t->links);
  }
  t->links[slot] = (orc_turn_link){ .number = q->number, .line = (uint32_t)(line - t->lines) };
  if (line->here++ > 0) return;
  line->fresh = true;
  if (line->listed) return;
  line->listed = true;
  t->fresh[t->fresh_count++] = (uint32_t)(line - t->lines);
}

void orc_turns_went(orc_turns *t, orc_request *q)
{
  orc_turn_line *line = find(t, q->in.client);
  ORC_ASSERT(line != NULL && line->here > 0);
  line->served += t->weight * (q->generated - q->credited);
  q->credited = q->generated; /* elsewhere it comes with what is counted */
  line->here--;
}

void orc_turns_join(orc_turns *t, orc_slot slot)
{
  orc_turn_line *line = &t->lines[t->links[slot].line];
  t->links[slot].child = t->links[slot].next = t->links[slot].prev = ORC_NO_SLOT;
  line->root = meld(t->links, line->root, slot);
  rank(t, line);
}

void orc_turns_leave(orc_turns *t, orc_slot slot)
{
  orc_turn_line *line = &t->lines[t->links[slot].line];
  line->root = without(t->links, line->root, slot);
  rank(t, line);
}

orc_turns *orc_turns_new(orc_requests *requests)
{
  orc_turns *t = orc_alloc(1, sizeof *t);
  t->requests = requests;
  orc_queue_init(&t->heads, requests, 1); /* that place is free while a request waits */
  return t;
}

void orc_turns_free(orc_turns *t)
{
  if (t == NULL) return;
  free(t->links);
  free(t->lines);
  free(t->buckets);
  free(t->fresh);
  orc_queue_done(&t->heads);
  free(t);
}

/* ---- whose turn it is ---- */

void orc_turns_weigh(orc_turns *t, double weight)
{
  t->weight = weight;
}

void orc_turns_credit(orc_turns *t, orc_slot slot, int32_t generated)
{
  orc_request *q = &t->requests->at[slot];
  t->lines[t->links[slot].line].served += t->weight * (generated - q->credited);
  q->credited = generated;
}

double orc_turns_charge(orc_turns *t, uint32_t client, double amount)
{
  orc_turn_line *line = find(t, client);
  if (line == NULL && t->line_count >= ORC_TURNS_CLIENTS) return -1.0;
  return (line != NULL ? line : line_of(t, client))->served += amount;
}

bool orc_turns_unraised(const orc_turns *t)
{
  return t->fresh_count > 0;
}

double orc_turns_lesser(const orc_turns *t, orc_slot slot, double least)
{
  const orc_turn_line *line = &t->lines[t->links[slot].line];
  return line->fresh ? least : fmin(least, line->served);
}

void orc_turns_raise(orc_turns *t, double least)
{
  for (uint32_t i = 0; i < t->fresh_count; i++) {
    orc_turn_line *line = &t->lines[t->fresh[i]];
    line->fresh = line->listed = false;
    if (line->here == 0) continue;
    if (least == INFINITY) least = line->served;
    line->served = fmax(line->served, least);
    rank(t, line);
  }
  t->fresh_count = 0;
}

orc_slot orc_turns_next(orc_turns *t)
{
  while (t->heads.count > 0) {
    const orc_queue_entry head = t->heads.at[0];
    const double served = t->lines[t->links[head.slot].line].served;
    if (served <= head.key) return head.slot;
    orc_queue_remove(&t->heads, head.slot);
    orc_queue_push(&t->heads, head.slot, served);
  }
  return ORC_NO_SLOT;
}
