/* starts.c - which caches have what prompts begin with: beside a plain table, and told by caches. */
#include "replica/starts.h"
#include "base/rng.h"
#include "replica/prefix.h"

#include "test.h"

enum { HASHES = 300, CACHES = 20 };

static uint64_t hash_of(int h)
{
  return h % 3 == 0 ? (uint64_t)h : (uint64_t)h << 33 | (uint64_t)(h % 7); /* many begin alike */
}

/* Whether exactly these caches are listed, each once. */
static bool lists(const orc_starts *s, int h, const bool *in)
{
  bool seen[CACHES] = { 0 };
  int n = 0, wanted = 0;
  for (uint32_t at = orc_starts_first(s, hash_of(h)); at != ORC_NO_START;
       at = s->at[at].next, n++) {
    if (seen[s->at[at].cache] || !in[s->at[at].cache]) return false;
    seen[s->at[at].cache] = true;
  }
  for (int c = 0; c < CACHES; c++)
    wanted += in[c];
  return n == wanted;
}

static void agrees_with_a_table(void)
{
  static bool in[HASHES][CACHES];
  orc_rng g = orc_rng_stream(1, ORC_FOR_TESTS, 30);
  orc_starts s = { 0 };
  int wrong = 0;
  for (int round = 0; round < 60000; round++) {
    const int h = (int)orc_rng_below(&g, HASHES), c = (int)orc_rng_below(&g, CACHES);
    if (in[h][c])
      orc_starts_remove(&s, hash_of(h), (uint16_t)c);
    else
      orc_starts_add(&s, hash_of(h), (uint16_t)c);
    in[h][c] = !in[h][c];
    wrong += !lists(&s, h, in[h]);
    const int other = (int)orc_rng_below(&g, HASHES);
    wrong += !lists(&s, other, in[other]);
  }
  CHECK(wrong == 0);
  orc_starts_done(&s);
  CHECK(orc_starts_first(&s, 1) == ORC_NO_START);
}

/* Caches listed for the beginning of a prompt. */
static int listed(const orc_starts *s, const orc_prompt *c)
{
  int n = 0;
  const orc_prompt_place at = orc_prompt_at(c, 0, 0);
  for (uint32_t i = orc_starts_first(s, orc_prompt_prefix(&at, 16)); i != ORC_NO_START;
       i = s->at[i].next)
    n++;
  return n;
}

static void fill(orc_prefix *p, orc_kv *kv, const orc_prompt *c, orc_prefix_chain *chain)
{
  *chain = (orc_prefix_chain){ ORC_NO_BLOCK, ORC_NO_BLOCK };
  CHECK(orc_kv_take(kv, 4));
  orc_prefix_put(p, c, chain, 4, (orc_prefix_place){ .index = 0 });
}

/* One is told from the beginning, the other when it holds something; what is split begins where it began. */
static void caches_tell(void)
{
  orc_prompts store = { 0 };
  orc_starts s = { 0 };
  orc_kv kv[2];
  orc_prefix p[2];
  orc_prefix_chain chain[2], other;
  const uint32_t a = orc_prompts_add(&store, 1), b = orc_prompts_add(&store, 2);
  orc_prompts_append(&store, a, 7, 0, 64);
  orc_prompts_append(&store, b, 7, 0, 32);
  orc_prompts_append(&store, b, 8, 0, 32);
  const orc_prompt *of = &store.at[a];
  for (uint16_t i = 0; i < 2; i++) {
    orc_kv_init(&kv[i], 8, 16);
    orc_prefix_init(&p[i], &kv[i]);
    if (i == 0) orc_prefix_tell(&p[i], &s, i);
    fill(&p[i], &kv[i], of, &chain[i]);
    CHECK(listed(&s, of) == 1);
    if (i == 1) orc_prefix_tell(&p[i], &s, i);
  }
  CHECK(listed(&s, of) == 2);
  const orc_prefix_match found = orc_prefix_find(&p[0], &store.at[b], 0, 64);
  other = (orc_prefix_chain){ orc_prefix_hold(&p[0], &found), ORC_NO_BLOCK };
  CHECK(found.blocks == 2 && listed(&s, of) == 2);
  orc_prefix_release(&p[0], &chain[0], 0);
  CHECK(orc_kv_take(&kv[0], 6) && listed(&s, of) == 2); /* two that went are not the first */
  orc_prefix_release(&p[0], &other, 0);
  CHECK(orc_kv_take(&kv[0], 2) && listed(&s, of) == 1);
  orc_prefix_release(&p[1], &chain[1], 0);
  orc_prefix_clear(&p[1]);
  CHECK(listed(&s, of) == 0);
  for (int i = 0; i < 2; i++)
    orc_prefix_done(&p[i]);
  orc_starts_done(&s);
  orc_prompts_done(&store);
}

int main(void)
{
  RUN(agrees_with_a_table);
  RUN(caches_tell);
  return DONE();
}
