/* prefix_tree.c - prompts that part at every depth, beside a plain model that keeps a time for each block. */
#include "base/index_set.h"
#include "base/rng.h"
#include "replica/prefix.h"

#include "test.h"

enum { LEAVES = 27, DEPTH = 6, HOLDERS = 10, SIZE = 16, ROOM = 60, ROUNDS = 40000 };

static orc_prompts store;

/* Which block stands at a depth of a prompt: the first three depths branch by three each. */
static int block_of(int leaf, int depth)
{
  return depth == 0 ? leaf / 9 : depth == 1 ? leaf / 3 : leaf;
}

typedef struct model {
  int holders[DEPTH][LEAVES];
  uint64_t since[DEPTH][LEAVES]; /* 0: not cached */
  uint64_t clock;
  int cached;
} model;

static int depth_of(const model *m, int leaf)
{
  int d = 0;
  while (d < DEPTH && m->since[d][block_of(leaf, d)] > 0)
    d++;
  return d;
}

static void forget_oldest(model *m)
{
  int depth = -1, block = -1;
  for (int d = 0; d < DEPTH; d++)
    for (int b = 0; b < LEAVES; b++)
      if (m->since[d][b] > 0 && m->holders[d][b] == 0 &&
          (depth < 0 || m->since[d][b] < m->since[depth][block])) {
        depth = d;
        block = b;
      }
  m->since[depth][block] = 0;
  m->cached--;
}

/* Idle blocks behind which nothing is cached. */
static int64_t ends_of(const model *m)
{
  bool goes_on[DEPTH][LEAVES] = { 0 };
  int64_t n = 0;
  for (int d = 1; d < DEPTH; d++)
    for (int leaf = 0; leaf < LEAVES; leaf++)
      if (m->since[d][block_of(leaf, d)] > 0) goes_on[d - 1][block_of(leaf, d - 1)] = true;
  for (int d = 0; d < DEPTH; d++)
    for (int b = 0; b < LEAVES; b++)
      n += m->since[d][b] > 0 && m->holders[d][b] == 0 && !goes_on[d][b];
  return n;
}

typedef struct holder {
  orc_prefix_chain chain;
  int leaf, depth;
} holder;

typedef struct run {
  orc_kv kv;
  orc_prefix prefix;
  model model;
  uint32_t content[LEAVES];
  orc_prefix_memo memo[LEAVES];
  holder held[HOLDERS];
  int holding, wrong;
} run;

static void let_go(run *r, int i)
{
  holder *h = &r->held[i];
  model *m = &r->model;
  orc_prefix_release(&r->prefix, &h->chain, 0);
  for (int d = h->depth - 1; d >= 0; d--) {
    const int b = block_of(h->leaf, d);
    if (--m->holders[d][b] == 0) m->since[d][b] = ++m->clock;
  }
  *h = r->held[--r->holding];
}

/* A request for the first `want` blocks of a prompt begins, if there is room. */
static void begin(run *r, int leaf, int want)
{
  model *m = &r->model;
  const orc_prompt *c = &store.at[r->content[leaf]];
  const int cached = depth_of(m, leaf), there = cached < want ? cached : want;
  const orc_prefix_match found = orc_prefix_find(&r->prefix, c, 0, want * SIZE + 1);
  const orc_prefix_match again =
      orc_prefix_match_from(&r->prefix, c, 0, want * SIZE + 1, &r->memo[leaf]);
  r->wrong += found.blocks != there || again.blocks != there || again.last != found.last;
  if (want - there + found.idle > orc_kv_available(&r->kv)) return;
  holder *h = &r->held[r->holding++];
  *h = (holder){ { orc_prefix_hold(&r->prefix, &found), ORC_NO_BLOCK }, leaf, want };
  r->wrong += !orc_kv_take(&r->kv, want - there);
  for (int d = 0; d < there; d++)
    m->holders[d][block_of(leaf, d)]++;
  while (m->cached + want - there > ROOM)
    forget_oldest(m);
  for (int d = there; d < want; d++) {
    orc_prefix_put(&r->prefix, c, &h->chain, 1, (orc_prefix_place){ .index = d });
    m->holders[d][block_of(leaf, d)] = 1;
    m->since[d][block_of(leaf, d)] = ++m->clock;
    m->cached++;
  }
}

static void agrees_with_a_plain_tree(void)
{
  static run r;
  orc_rng g = orc_rng_stream(1, ORC_FOR_TESTS, 4);
  orc_kv_init(&r.kv, ROOM, SIZE);
  orc_prefix_init(&r.prefix, &r.kv);
  for (int leaf = 0; leaf < LEAVES; leaf++) {
    r.content[leaf] = orc_prompts_add(&store, 9999);
    for (int d = 0; d < DEPTH; d++)
      orc_prompts_append(&store, r.content[leaf], 1000 * (uint64_t)d + (uint64_t)block_of(leaf, d),
                         0, SIZE);
    orc_prompts_append(&store, r.content[leaf], 90000 + (uint64_t)leaf, 0, SIZE);
  }
  for (int round = 0; round < ROUNDS; round++) {
    if (r.holding == HOLDERS || (r.holding > 0 && orc_rng_below(&g, 2) == 0))
      let_go(&r, (int)orc_rng_below(&g, (uint64_t)r.holding));
    else
      begin(&r, (int)orc_rng_below(&g, LEAVES), 1 + (int)orc_rng_below(&g, DEPTH));
    r.wrong += (int)r.prefix.cached != r.model.cached || r.prefix.entries != ends_of(&r.model);
    for (int leaf = 0; leaf < LEAVES && round % 16 == 0; leaf++)
      r.wrong +=
          orc_prefix_find(&r.prefix, &store.at[r.content[leaf]], 0, DEPTH * SIZE + 1).blocks !=
          depth_of(&r.model, leaf);
  }
  CHECK(r.wrong == 0 && r.kv.evictions > 1000);
  orc_prefix_done(&r.prefix);
}

/* Places come in ascending order, round and round. */
static void places_are_taken_in_turn(void)
{
  enum { PLACES = 9000 };
  static bool in[PLACES];
  orc_rng g = orc_rng_stream(1, ORC_FOR_TESTS, 5);
  orc_index_set s = { 0 };
  uint32_t room = 0, next = 0, count = 0, wrong = 0;
  for (int round = 0; round < 60000; round++) {
    if (room < PLACES && orc_rng_below(&g, 50) == 0) {
      room += (uint32_t)orc_rng_below(&g, 200);
      if (room > PLACES) room = PLACES;
      orc_index_set_reserve(&s, room);
    }
    const uint32_t place = room == 0 ? 0 : (uint32_t)orc_rng_below(&g, room);
    if (room > 0 && !in[place] && orc_rng_below(&g, 2) == 0) {
      orc_index_set_put(&s, place);
      in[place] = true;
      count++;
    } else if (room > 0 && count > 0) {
      uint32_t wanted = next < room ? next : 0;
      while (!in[wanted])
        wanted = (wanted + 1) % room;
      wrong += orc_index_set_take(&s) != wanted;
      in[wanted] = false;
      next = wanted + 1;
      count--;
    }
    wrong += s.count != count;
  }
  CHECK(wrong == 0);
  orc_index_set_done(&s);
}

int main(void)
{
  RUN(agrees_with_a_plain_tree);
  RUN(places_are_taken_in_turn);
  orc_prompts_done(&store);
  return DONE();
}
