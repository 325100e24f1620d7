/* prefix_extents.c - a cache of extents beside one in which each block is an extent of its own: whatever
** requests do, both find, hold and evict the same. */
#include "base/rng.h"
#include "replica/prefix.h"

#include "test.h"

enum { SIZE = 16, PROMPTS = 40, HOLDERS = 9, ROUNDS = 30000, SPANS = 5 };

static orc_prompts store;

typedef struct kind {
  bool merges, one_queue;
  int64_t most, most_entries;
  int64_t room;
} kind;

typedef struct side {
  orc_kv kv;
  orc_prefix prefix;
  orc_prefix_chain chain[HOLDERS];
  orc_prefix_memo memo[PROMPTS];
} side;

typedef struct holder {
  uint32_t content;
  int32_t shared, blocks; /* in the cache; in all */
  int32_t filling;        /* of those in the cache, at their end */
} holder;

typedef struct run {
  side at[2]; /* extents, blocks */
  holder held[HOLDERS];
  int holding, wrong;
  uint32_t content[PROMPTS];
} run;

/* Prompts of texts that many have, cut anywhere. */
static void write_prompts(run *r, orc_rng *g)
{
  for (int i = 0; i < PROMPTS; i++) {
    r->content[i] = orc_prompts_add(&store, 9000 + (uint64_t)i);
    const int spans = 1 + (int)orc_rng_below(g, SPANS);
    for (int k = 0; k < spans; k++) {
      const uint64_t text = 1 + 2 * (uint64_t)k + orc_rng_below(g, 2);
      const int32_t tokens =
          orc_rng_below(g, 3) == 0 ? 1 + (int32_t)orc_rng_below(g, 90) : 4 * SIZE;
      orc_prompts_append(&store, r->content[i], text, 0, tokens);
    }
  }
}

static void open_side(side *s, const kind *k, bool single)
{
  *s = (side){ 0 };
  orc_kv_init(&s->kv, k->room, SIZE);
  orc_prefix_init(&s->prefix, &s->kv);
  s->prefix.merges = k->merges;
  s->prefix.most = k->most;
  s->prefix.most_entries = k->most_entries;
  s->prefix.single = single;
  if (k->one_queue) orc_prefix_in_one_queue(&s->prefix);
}

static bool same_match(const orc_prefix_match *a, const orc_prefix_match *b)
{
  return a->blocks == b->blocks && a->idle == b->idle && a->filling == b->filling &&
         a->tokens == b->tokens && a->whole == b->whole;
}

static bool same(const side *a, const side *b)
{
  return a->kv.free == b->kv.free && a->kv.idle == b->kv.idle && a->kv.queued == b->kv.queued &&
         a->kv.evictions == b->kv.evictions && a->prefix.cached == b->prefix.cached &&
         a->prefix.filling == b->prefix.filling && a->prefix.entries == b->prefix.entries &&
         a->prefix.twins == b->prefix.twins;
}

static orc_prefix_match look(run *r, int side_is, int prompt, int32_t tokens)
{
  side *s = &r->at[side_is];
  const orc_prompt *c = &store.at[r->content[prompt]];
  const orc_prefix_match found = orc_prefix_find(&s->prefix, c, 0, tokens);
  orc_prefix_match again = orc_prefix_match_from(&s->prefix, c, 0, tokens, &s->memo[prompt]);
  r->wrong += again.blocks != found.blocks || again.last != found.last ||
              again.part != found.part || again.whole != found.whole;
  return found;
}

static void begin(run *r, orc_rng *g)
{
  const int prompt = (int)orc_rng_below(g, PROMPTS);
  const orc_prompt *c = &store.at[r->content[prompt]];
  const int32_t tokens = 1 + (int32_t)orc_rng_below(g, (uint64_t)orc_prompt_length(c) + 40);
  const bool shorter = orc_rng_below(g, 8) == 0;
  for (int i = 0; i < 2; i++)
    r->at[i].prefix.recompute_last_block = tokens % 3 == 0;
  orc_prefix_match found[2] = { look(r, 0, prompt, tokens), look(r, 1, prompt, tokens) };
  r->wrong += !same_match(&found[0], &found[1]);
  if (shorter && found[0].blocks > 0)
    for (int i = 0; i < 2; i++)
      orc_prefix_drop_last(&r->at[i].prefix, c, 0, &found[i]);
  for (int i = 0; i < 2; i++) {
    found[i].idle = found[i].filling = found[i].loading = 0;
    orc_prefix_examine(&r->at[i].prefix, &found[i]);
  }
  const int32_t blocks = (tokens + SIZE - 1) / SIZE;
  r->wrong += !same_match(&found[0], &found[1]);
  if (blocks - found[0].blocks + found[0].idle > orc_kv_available(&r->at[0].kv)) return;
  r->held[r->holding] = (holder){ r->content[prompt], found[0].blocks, blocks, 0 };
  for (int i = 0; i < 2; i++) {
    side *s = &r->at[i];
    s->chain[r->holding] =
        (orc_prefix_chain){ orc_prefix_hold(&s->prefix, &found[i]), ORC_NO_BLOCK };
    r->wrong += !orc_kv_take(&s->kv, blocks - found[i].blocks);
  }
  r->holding++;
}

/* A step computes some of a request, or has. */
static void go_on(run *r, orc_rng *g, int of)
{
  holder *h = &r->held[of];
  const int32_t more = h->blocks - h->shared;
  if (h->filling > 0) {
    const int32_t later = orc_rng_below(g, 3) == 0 ? (int32_t)orc_rng_below(g, 2) : 0;
    const bool withdraws = orc_rng_below(g, 3) == 0;
    int32_t left[2] = { 0 };
    for (int i = 0; i < 2; i++) {
      side *s = &r->at[i];
      if (withdraws && !orc_prefix_common(&s->prefix, s->chain[of].last, h->filling))
        left[i] = orc_prefix_withdraw(&s->prefix, &s->chain[of], h->filling);
      if (h->shared > left[i]) orc_prefix_filled(&s->prefix, s->chain[of].last, later);
    }
    r->wrong += left[0] != left[1];
    h->shared -= left[0];
    h->filling = 0;
    return;
  }
  if (more == 0) return;
  const int32_t blocks = 1 + (int32_t)orc_rng_below(g, (uint64_t)more);
  const bool filling = orc_rng_below(g, 2) == 0;
  for (int i = 0; i < 2; i++)
    orc_prefix_put(&r->at[i].prefix, &store.at[h->content], &r->at[i].chain[of], blocks,
                   (orc_prefix_place){ .index = h->shared, .filling = filling });
  h->shared += blocks;
  h->filling = filling ? blocks : 0;
}

static void end(run *r, orc_rng *g, int of)
{
  holder *h = &r->held[of];
  const int grade = orc_rng_below(g, 4) == 0 ? (int)orc_rng_below(g, ORC_PREFIX_GRADES) : 0;
  r->holding--;
  for (int i = 0; i < 2; i++) {
    side *s = &r->at[i];
    if (h->shared > 0) orc_prefix_filled(&s->prefix, s->chain[of].last, 0);
    orc_kv_give(&s->kv, h->blocks - h->shared);
    orc_prefix_release(&s->prefix, &s->chain[of], grade);
    s->chain[of] = s->chain[r->holding];
  }
  *h = r->held[r->holding];
}

static void both_agree(const kind *k, uint64_t stream)
{
  static run r;
  orc_rng g = orc_rng_stream(1, ORC_FOR_TESTS, stream);
  uint32_t longest = 0;
  r = (run){ 0 };
  for (int i = 0; i < 2; i++)
    open_side(&r.at[i], k, i == 1);
  write_prompts(&r, &g);
  for (int round = 0; round < ROUNDS && r.wrong == 0; round++) {
    const uint64_t turn = orc_rng_below(&g, 6);
    if (r.holding < HOLDERS && turn < 2)
      begin(&r, &g);
    else if (r.holding > 0 && turn < 5)
      go_on(&r, &g, (int)orc_rng_below(&g, (uint64_t)r.holding));
    else if (r.holding > 0)
      end(&r, &g, (int)orc_rng_below(&g, (uint64_t)r.holding));
    r.wrong += !same(&r.at[0], &r.at[1]);
    const orc_prefix *p = &r.at[0].prefix;
    for (uint32_t i = 0; round % 64 == 0 && i < p->count; i++)
      if (p->at[i].kind == ORC_PREFIX_KNOWN && p->at[i].blocks > longest) longest = p->at[i].blocks;
  }
  CHECK(r.wrong == 0 && longest > 2 && r.at[0].kv.evictions > 500);
  while (r.holding > 0)
    end(&r, &g, 0);
  for (int i = 0; i < 2; i++) {
    orc_prefix_clear(&r.at[i].prefix);
    CHECK(orc_kv_used(&r.at[i].kv) == 0 && r.at[i].kv.idle == 0 && r.at[i].prefix.cached == 0);
    orc_prefix_done(&r.at[i].prefix);
  }
}

static void where_equal_blocks_are_merged(void)
{
  both_agree(&(kind){ .merges = true, .room = 70 }, 20);
}

static void where_each_keeps_its_own(void)
{
  both_agree(&(kind){ .merges = false, .room = 90 }, 21);
}

static void where_all_wait_in_one_queue(void)
{
  both_agree(&(kind){ .merges = false, .one_queue = true, .room = 90 }, 22);
}

static void where_few_are_kept(void)
{
  both_agree(&(kind){ .merges = true, .most = 40, .room = 200 }, 23);
  both_agree(&(kind){ .merges = true, .most_entries = 3, .room = 200 }, 24);
}

int main(void)
{
  RUN(where_equal_blocks_are_merged);
  RUN(where_each_keeps_its_own);
  RUN(where_all_wait_in_one_queue);
  RUN(where_few_are_kept);
  orc_prompts_done(&store);
  return DONE();
}
