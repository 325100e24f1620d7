#include "cluster/where.h"

#include "replica/content.h"

/* From the first time that somebody asks, caches tell what they have. */
static const orc_starts *starts_of(const orc_cluster *c, orc_where what)
{
  if (what == ORC_WHERE_SENT) return c->load_starts;
  for (int i = 0; i < c->replica_count && c->replicas[i].prefix.starts == NULL; i++)
    orc_prefix_tell(&c->replicas[i].prefix, c->cache_starts, (uint16_t)i);
  return c->cache_starts;
}

/* Replicas like `r` know the prompt's first block by this hash; false: they have nothing of it. */
static bool first_block(const orc_replica *r, const orc_request *q, orc_where what, uint64_t *hash)
{
  const orc_prompt *c =
      what == ORC_WHERE_SENT ? orc_content_shared(r, q) : orc_content_known_as(r, q);
  const int32_t size = r->knobs.block_size;
  if (c == NULL || orc_request_target(q) < size) return false;
  const orc_prompt_place at = orc_prompt_at(c, orc_content_root(r, q), 0);
  *hash = orc_prompt_prefix(&at, size);
  return true;
}

int orc_where_begins(const orc_cluster *c, const orc_request *q, orc_where what, uint16_t *out,
                     int most)
{
  int n = 0;
  for (int i = 0; i < c->pool_count; i++) { /* those of a pool are alike */
    const orc_replica *r = &c->replicas[c->pools[i].first];
    uint64_t hash;
    if (what == ORC_WHERE_CACHED && (r->groups != NULL || r->prefix.tiers != NULL)) return -1;
    if (!first_block(r, q, what, &hash)) continue;
    const orc_starts *s = starts_of(c, what);
    for (uint32_t at = orc_starts_first(s, hash); at != ORC_NO_START; at = s->at[at].next) {
      if (n == most) return -1;
      out[n++] = s->at[at].cache;
    }
  }
  return n;
}
