/* prefix.c - what prompts share, and the cache that keeps it: by hand, and against a plain model.
 */
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "replica/prefix.h"

#include "test.h"

static orc_prompts store;

/* A prompt of one text, `tokens` long, whose answer is the text `answer`. */
static uint32_t prompt(uint64_t text, int32_t tokens, uint64_t answer)
{
  const uint32_t c = orc_prompts_add(&store, answer);
  orc_prompts_append(&store, c, text, 0, tokens);
  return c;
}

static uint64_t hash(uint32_t c, int32_t from, int32_t to)
{
  return orc_prompt_hash(&store.at[c], 0, from, to);
}

/* However a prompt is put together, equal tokens have equal hashes and others have not. */
static void tokens_are_known_by_what_they_are(void)
{
  const uint32_t whole = prompt(1, 100, 9), parts = prompt(1, 40, 8);
  orc_prompts_append(&store, parts, 1, 40, 60);
  CHECK(store.at[parts].count == 1 && orc_prompt_length(&store.at[parts]) == 100);
  CHECK(hash(whole, 0, 64) == hash(parts, 0, 64));
  CHECK(hash(whole, 0, 64) != hash(whole, 1, 65));
  CHECK(hash(whole, 0, 16) != orc_prompt_hash(&store.at[whole], 5, 0, 16));
  const uint32_t other = prompt(1, 50, 9);
  orc_prompts_append(&store, other, 2, 0, 50);
  CHECK(hash(whole, 0, 48) == hash(other, 0, 48) && hash(whole, 48, 64) != hash(other, 48, 64));
  orc_prompts_drop(&store, whole);
  orc_prompts_drop(&store, parts);
  orc_prompts_drop(&store, other);
}

/* The next turn begins with the prompt and the answer, token for token. */
static void a_turn_continues_the_one_before(void)
{
  const uint32_t first = prompt(1, 30, 77);
  const uint32_t second = orc_prompts_continue(&store, first, 20, 78);
  orc_prompts_append(&store, second, 3, 0, 14);
  CHECK(orc_prompt_length(&store.at[second]) == 64 && store.at[second].history == 50);
  CHECK(store.at[second].follows);
  CHECK(hash(first, 0, 16) == hash(second, 0, 16));
  CHECK(hash(first, 16, 48) == hash(second, 16, 48)); /* prompt and answer meet inside */
  CHECK(hash(first, 48, 64) != hash(second, 48, 64));
  orc_prompts_drop(&store, first);
  orc_prompts_drop(&store, second);
}

typedef struct cache {
  orc_kv kv;
  orc_prefix prefix;
} cache;

static void open_cache(cache *c, int64_t blocks)
{
  orc_kv_init(&c->kv, blocks, 16);
  orc_prefix_init(&c->prefix, &c->kv);
}

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

static int32_t withdraw(orc_prefix *p, uint32_t *last, int32_t blocks)
{
  orc_prefix_chain chain = { *last, ORC_NO_BLOCK };
  const int32_t left = orc_prefix_withdraw(p, &chain, blocks);
  *last = chain.last;
  return left;
}

static orc_prefix_match find(const cache *c, uint32_t content, int32_t tokens)
{
  return orc_prefix_find(&c->prefix, &store.at[content], 0, tokens);
}

static uint32_t put(cache *c, uint32_t content, uint32_t last, int32_t index)
{
  return put_behind(&c->prefix, &store.at[content], last, (orc_prefix_place){ .index = index });
}

/* A request computes and caches `blocks` blocks of its prompt; returns the chain it holds. */
static uint32_t compute(cache *c, uint32_t content, int32_t blocks)
{
  const orc_prompt *of = &store.at[content];
  const orc_prefix_match found = orc_prefix_find(&c->prefix, of, 0, blocks * 16 + 1);
  uint32_t last = orc_prefix_hold(&c->prefix, &found);
  CHECK(orc_kv_take(&c->kv, blocks - found.blocks));
  for (int32_t i = found.blocks; i < blocks; i++)
    last = put(c, content, last, i);
  return last;
}

/* The last token is always computed again, in the block it was in; its whole block if so wanted. */
static void the_last_token_is_computed_again(void)
{
  cache c;
  open_cache(&c, 100);
  const uint32_t a = prompt(1, 64, 2);
  release(&c.prefix, compute(&c, a, 4));
  orc_prefix_match m = find(&c, a, 64);
  CHECK(m.blocks == 4 && m.whole && m.idle == 4 && m.tokens == 63);
  c.prefix.recompute_last_block = true;
  m = find(&c, a, 64);
  CHECK(m.blocks == 3 && m.whole && m.idle == 3 && m.tokens == 48);
  const uint32_t longer = prompt(1, 65, 2);
  for (int i = 0; i < 2; i++, c.prefix.recompute_last_block = false) {
    m = find(&c, longer, 65);
    CHECK(m.blocks == 4 && m.whole && m.tokens == 64);
  }
  const uint32_t most = prompt(1, 80, 2);
  m = find(&c, most, 80);
  CHECK(m.blocks == 4 && !m.whole && m.tokens == 64);
  const uint32_t none = prompt(7, 80, 2);
  m = find(&c, none, 80);
  CHECK(m.blocks == 0 && !m.whole && m.last == ORC_NO_BLOCK && m.tokens == 0);
  m = find(&c, a, 1);
  CHECK(m.blocks == 0 && !m.whole && m.tokens == 0);
  orc_prefix_done(&c.prefix);
}

/* Under another root the same text is another prefix. */
static void roots_keep_prompts_apart(void)
{
  cache c;
  open_cache(&c, 100);
  const uint32_t a = prompt(1, 100, 2);
  release(&c.prefix, compute(&c, a, 4));
  CHECK(orc_prefix_find(&c.prefix, &store.at[a], 0, 100).blocks == 4);
  CHECK(orc_prefix_find(&c.prefix, &store.at[a], 7, 100).blocks == 0);
  CHECK(orc_kv_take(&c.kv, 1));
  const uint32_t own =
      put_behind(&c.prefix, &store.at[a], ORC_NO_BLOCK, (orc_prefix_place){ .root = 7 });
  CHECK(orc_prefix_find(&c.prefix, &store.at[a], 7, 100).last == own && c.prefix.cached == 5);
  release(&c.prefix, own);
  orc_prefix_done(&c.prefix);
}

/* A chain that a step fills is computed when that is over, but for what a later one fills. */
static void what_is_filled_is_computed_later(void)
{
  cache c;
  open_cache(&c, 100);
  const uint32_t a = prompt(1, 100, 2);
  uint32_t chain = ORC_NO_BLOCK;
  CHECK(orc_kv_take(&c.kv, 5));
  for (int32_t i = 0; i < 5; i++)
    chain = put_behind(&c.prefix, &store.at[a], chain,
                       (orc_prefix_place){ .index = i, .filling = i > 0 });
  CHECK(find(&c, a, 100).blocks == 5 && find(&c, a, 100).filling == 4 && c.prefix.filling == 4);
  orc_prefix_filled(&c.prefix, chain, 2);
  CHECK(find(&c, a, 100).filling == 2);
  CHECK(withdraw(&c.prefix, &chain, 1) == 1 && c.prefix.filling == 1);
  orc_prefix_filled(&c.prefix, chain, 0);
  CHECK(c.prefix.filling == 0 && find(&c, a, 100).blocks == 4);
  orc_kv_give(&c.kv, 1);
  release(&c.prefix, chain);
  orc_prefix_done(&c.prefix);
}

/* What is not computed after all leaves the cache; its memory stays its request's. */
static void blocks_are_withdrawn(void)
{
  cache c;
  open_cache(&c, 100);
  const uint32_t a = prompt(1, 100, 2);
  release(&c.prefix, compute(&c, a, 4));
  CHECK(orc_kv_take(&c.kv, 6));
  uint32_t chain = ORC_NO_BLOCK;
  for (int32_t i = 0; i < 6; i++) /* it did not know of the four */
    chain = put_behind(&c.prefix, &store.at[a], chain,
                       (orc_prefix_place){ .index = i, .filling = true });
  const orc_prefix_match found = find(&c, a, 65);
  const uint32_t held = orc_prefix_hold(&c.prefix, &found);
  CHECK(!orc_prefix_common(&c.prefix, chain, 2) && orc_prefix_common(&c.prefix, chain, 3));
  CHECK(withdraw(&c.prefix, &chain, 6) == 2); /* the four are computed */
  CHECK(chain == held && c.prefix.cached == 4 && orc_kv_used(&c.kv) == 6);
  CHECK(find(&c, a, 100).blocks == 4 && c.prefix.filling == 0);
  orc_kv_give(&c.kv, 2);
  release(&c.prefix, chain);
  release(&c.prefix, held);
  CHECK(orc_kv_used(&c.kv) == 0 && c.kv.idle == 4);
  orc_prefix_done(&c.prefix);
}

/* No more is kept than it may keep; what is held stays, and counts. */
static void it_keeps_as_many_as_it_may(void)
{
  cache c;
  open_cache(&c, 100);
  c.prefix.most = 5;
  const uint32_t a = prompt(1, 100, 2), b = prompt(3, 100, 4);
  release(&c.prefix, compute(&c, a, 4));
  CHECK(c.prefix.cached == 4 && c.kv.evictions == 0);
  const uint32_t held = compute(&c, b, 3); /* a gives way from its end */
  CHECK(c.prefix.cached == 5 && c.kv.evictions == 2 && find(&c, a, 100).blocks == 2);
  const uint32_t more = compute(&c, b, 6);
  CHECK(c.prefix.cached == 6 && find(&c, a, 100).blocks == 0 && orc_kv_used(&c.kv) == 6);
  release(&c.prefix, held);
  CHECK(c.prefix.cached == 6);
  release(&c.prefix, more);
  CHECK(c.prefix.cached == 5 && c.kv.idle == 5 && find(&c, b, 100).blocks == 5);
  orc_prefix_done(&c.prefix);
}

/* Prefixes are counted by their ends, and only those that no request holds; what two have in common
** stays as long as one of them. */
static void it_keeps_as_many_prefixes_as_it_may(void)
{
  cache c;
  open_cache(&c, 100);
  c.prefix.most_entries = 2;
  uint32_t content[4];
  for (uint64_t i = 0; i < 4; i++) {
    content[i] = prompt(1, 32, 9); /* two blocks that all begin with, and four of its own */
    orc_prompts_append(&store, content[i], 10 + i, 0, 64);
  }
  release(&c.prefix, compute(&c, content[0], 6));
  release(&c.prefix, compute(&c, content[1], 6));
  CHECK(c.prefix.entries == 2 && c.prefix.cached == 10 && c.kv.evictions == 0);
  const uint32_t held = compute(&c, content[2], 6);
  CHECK(c.prefix.entries == 2 && c.kv.evictions == 0);
  release(&c.prefix, held); /* the first goes, down to what it shares */
  CHECK(c.prefix.entries == 2 && c.kv.evictions == 4 && find(&c, content[0], 97).blocks == 2);
  const uint32_t again = compute(&c, content[1], 6);
  CHECK(c.prefix.entries == 1);
  release(&c.prefix, compute(&c, content[3], 6));
  release(&c.prefix, again);
  CHECK(c.prefix.entries == 2 && find(&c, content[2], 97).blocks == 2);
  CHECK(find(&c, content[1], 97).blocks == 6 && find(&c, content[3], 97).blocks == 6);
  orc_prefix_clear(&c.prefix);
  CHECK(c.prefix.entries == 0 && c.kv.free == 100);
  orc_prefix_done(&c.prefix);
}

/* Blocks given back wait, the tail of a request before its head, and go when memory is needed. */
static void those_not_held_for_longest_go_first(void)
{
  cache c;
  open_cache(&c, 10);
  const uint32_t a = prompt(1, 100, 2), b = prompt(3, 100, 4);
  const uint32_t held_a = compute(&c, a, 4), held_b = compute(&c, b, 4);
  CHECK(orc_kv_used(&c.kv) == 8 && c.kv.idle == 0);
  release(&c.prefix, held_a);
  CHECK(orc_kv_used(&c.kv) == 4 && c.kv.idle == 4 && orc_kv_available(&c.kv) == 6);
  CHECK(orc_kv_take(&c.kv, 3)); /* two are free; the third is the last block of a */
  CHECK(c.kv.evictions == 1 && find(&c, a, 100).blocks == 3);
  CHECK(!orc_kv_take(&c.kv, 4)); /* b's are held */
  CHECK(orc_kv_take(&c.kv, 3) && c.kv.evictions == 4);
  CHECK(find(&c, a, 100).blocks == 0);
  release(&c.prefix, held_b);
  CHECK(find(&c, b, 100).blocks == 4);
  orc_prefix_clear(&c.prefix);
  CHECK(c.kv.free == 4 && c.kv.evictions == 4);
  orc_prefix_done(&c.prefix);
}

/* Two requests with one prefix pay for it once, also where both computed it at the same time. */
static void shared_blocks_are_paid_for_once(void)
{
  cache c;
  open_cache(&c, 20);
  const uint32_t a = prompt(1, 100, 2);
  CHECK(orc_kv_take(&c.kv, 8)); /* both begin before either block is computed */
  uint32_t one = ORC_NO_BLOCK, other = ORC_NO_BLOCK;
  for (int32_t i = 0; i < 4; i++) {
    one = put(&c, a, one, i);
    other = put(&c, a, other, i);
  }
  CHECK(one == other && orc_kv_used(&c.kv) == 4 && c.prefix.cached == 4);
  release(&c.prefix, one);
  CHECK(orc_kv_used(&c.kv) == 4);
  release(&c.prefix, other);
  CHECK(orc_kv_used(&c.kv) == 0 && c.kv.idle == 4);
  orc_prefix_done(&c.prefix);
}

enum { TEXTS = 12, MOST = 6, HOLDERS = 8 };

/* A cache as lists: when each block was last held, and by how many. The depth orders one release.
 */
typedef struct model {
  int holders[TEXTS][MOST];
  uint64_t since[TEXTS][MOST]; /* 0: not cached */
  int cached;
} model;

static void forget_oldest(model *m)
{
  int text = -1, depth = -1;
  for (int t = 0; t < TEXTS; t++)
    for (int d = 0; d < MOST; d++)
      if (m->since[t][d] > 0 && m->holders[t][d] == 0 &&
          (text < 0 || m->since[t][d] < m->since[text][depth])) {
        text = t;
        depth = d;
      }
  m->since[text][depth] = 0;
  m->cached--;
}

static int depth_of(const model *m, int text)
{
  int d = 0;
  while (d < MOST && m->since[text][d] > 0)
    d++;
  return d;
}

/* Texts whose last cached block no request holds. */
static int64_t ends_of(const model *m)
{
  int64_t n = 0;
  for (int t = 0; t < TEXTS; t++) {
    const int d = depth_of(m, t);
    n += d > 0 && m->holders[t][d - 1] == 0;
  }
  return n;
}

/* Random requests for random prompts: the cache holds what the plain model says, at every step. */
static void agrees_with_a_plain_model(void)
{
  enum { ROOM = 30, ROUNDS = 20000 };
  orc_rng g = orc_rng_stream(1, ORC_FOR_TESTS, 3);
  cache c;
  open_cache(&c, ROOM);
  model m = { 0 };
  uint32_t content[TEXTS], chain[HOLDERS];
  int text[HOLDERS], depth[HOLDERS], holding = 0, wrong = 0;
  uint64_t clock = 0;
  for (int t = 0; t < TEXTS; t++)
    content[t] = prompt(100 + (uint64_t)t, 1000, 1);
  for (int round = 0; round < ROUNDS; round++) {
    if (holding == HOLDERS || (holding > 0 && orc_rng_below(&g, 2) == 0)) {
      const int i = (int)orc_rng_below(&g, (uint64_t)holding--);
      release(&c.prefix, chain[i]);
      for (int d = depth[i] - 1; d >= 0; d--)
        if (--m.holders[text[i]][d] == 0) m.since[text[i]][d] = ++clock;
      chain[i] = chain[holding];
      text[i] = text[holding];
      depth[i] = depth[holding];
      wrong += c.prefix.entries != ends_of(&m);
      continue;
    }
    const int t = (int)orc_rng_below(&g, TEXTS), want = 1 + (int)orc_rng_below(&g, MOST);
    const int there = depth_of(&m, t) < want ? depth_of(&m, t) : want;
    const orc_prefix_match found = find(&c, content[t], want * 16 + 1);
    wrong += found.blocks != there;
    if (want - found.blocks + found.idle > orc_kv_available(&c.kv)) continue;
    for (int d = 0; d < there; d++)
      m.holders[t][d]++;
    chain[holding] = compute(&c, content[t], want);
    while (m.cached + want - there > ROOM)
      forget_oldest(&m);
    for (int d = there; d < want; d++) {
      m.holders[t][d] = 1;
      m.since[t][d] = ++clock;
      m.cached++;
    }
    text[holding] = t;
    depth[holding++] = want;
    wrong += (int)c.prefix.cached != m.cached || c.prefix.entries != ends_of(&m);
  }
  CHECK(wrong == 0 && c.kv.evictions > 1000);
  orc_prefix_done(&c.prefix);
}

int main(void)
{
  RUN(tokens_are_known_by_what_they_are);
  RUN(a_turn_continues_the_one_before);
  RUN(the_last_token_is_computed_again);
  RUN(roots_keep_prompts_apart);
  RUN(what_is_filled_is_computed_later);
  RUN(blocks_are_withdrawn);
  RUN(it_keeps_as_many_as_it_may);
  RUN(it_keeps_as_many_prefixes_as_it_may);
  RUN(those_not_held_for_longest_go_first);
  RUN(shared_blocks_are_paid_for_once);
  RUN(agrees_with_a_plain_model);
  orc_prompts_done(&store);
  return DONE();
}
