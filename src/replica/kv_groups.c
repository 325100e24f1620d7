#include "replica/kv_groups.h"

#include <stdlib.h>

enum { LEAST_ROOM = 8, LEAST_TABLES = 16 };

static int64_t blocks_for(int64_t tokens, int32_t size)
{
  return (tokens + size - 1) / size;
}

static int32_t least(int32_t a, int32_t b)
{
  return a < b ? a : b;
}

static int32_t most(int32_t a, int32_t b)
{
  return a > b ? a : b;
}

static bool alike(const orc_kv_group *a, const orc_kv_group *b)
{
  return a->keep == b->keep && a->reach == b->reach && a->block_size == b->block_size;
}

/* Groups of one kind are searched as one, full attention before the others
** (0.33 kv_cache_coordinator.py:718-760). */
static void sort_kinds(orc_kv_groups *g)
{
  for (int i = 0; i < g->count; i++) {
    int k = 0;
    while (k < i && !alike(&g->of[k], &g->of[i]))
      k++;
    g->kind[i] = k;
    g->aligned = g->aligned || g->of[i].keep == ORC_KV_ALIGNED;
    if (k == i && g->of[i].keep == ORC_KV_FULL) g->order[g->kinds++] = i;
  }
  for (int i = 0; i < g->count; i++)
    if (g->kind[i] == i && g->of[i].keep != ORC_KV_FULL) g->order[g->kinds++] = i;
}

void orc_kv_groups_init(orc_kv_groups *g, const orc_kv_group *of, int count, orc_kv *kv,
                        bool one_queue, orc_kv_habits habits)
{
  ORC_ASSERT(count >= 1 && count <= ORC_KV_GROUPS_MOST);
  *g = (orc_kv_groups){
    .of = of, .count = count, .block_size = kv->block_size, .habits = habits, .free = ORC_NO_TABLE
  };
  orc_block_pool_init(&g->pool, kv, one_queue);
  sort_kinds(g);
}

void orc_kv_groups_done(orc_kv_groups *g)
{
  for (uint32_t i = 0; i < g->table_room * (uint32_t)g->count; i++)
    free(g->places[i].at);
  free(g->places);
  free(g->tables);
  free(g->found.hash);
  free(g->written);
  orc_block_pool_done(&g->pool);
  *g = (orc_kv_groups){ 0 };
}

/* ---- tables ---- */

static orc_kv_places *places_of(const orc_kv_groups *g, const orc_kv_owner *o, int group)
{
  return &g->places[*o->table * (uint32_t)g->count + (uint32_t)group];
}

static int32_t held(const orc_kv_groups *g, const orc_kv_owner *o, int group)
{
  return *o->table == ORC_NO_TABLE ? 0 : places_of(g, o, group)->count;
}

static uint32_t *place(const orc_kv_places *p, int32_t i)
{
  return &p->at[i & (p->room - 1)];
}

static void widen(orc_kv_groups *g)
{
  const uint32_t groups = (uint32_t)g->count, had = g->table_room;
  g->table_room = had == 0 ? LEAST_TABLES : 2 * had;
  g->tables = orc_resize(g->tables, g->table_room, sizeof *g->tables);
  g->places = orc_resize(g->places, (size_t)g->table_room * groups, sizeof *g->places);
  for (uint32_t i = had * groups; i < g->table_room * groups; i++)
    g->places[i] = (orc_kv_places){ 0 };
}

/* The table of a request, which gets an empty one if it has none. The memory of its places stays
** from its holder before. */
static orc_kv_table *open_table(orc_kv_groups *g, const orc_kv_owner *o)
{
  if (*o->table != ORC_NO_TABLE) return &g->tables[*o->table];
  if (g->free != ORC_NO_TABLE) {
    *o->table = g->free;
    g->free = g->tables[g->free].next;
  } else {
    if (g->table_count == g->table_room) widen(g);
    *o->table = g->table_count++;
  }
  orc_kv_table *t = &g->tables[*o->table];
  *t = (orc_kv_table){ .known = -1, .hash = o->root };
  for (int i = 0; i < g->count; i++) {
    orc_kv_places *p = places_of(g, o, i);
    p->first = p->count = 0;
    p->read = -1;
  }
  return t;
}

static void append(orc_kv_places *p, uint32_t block)
{
  if (p->count - p->first == p->room) {
    orc_kv_places wider = *p;
    wider.room = p->room == 0 ? LEAST_ROOM : 2 * p->room;
    wider.at = orc_alloc((size_t)wider.room, sizeof *wider.at);
    for (int32_t i = p->first; i < p->count; i++)
      *place(&wider, i) = *place(p, i);
    free(p->at);
    *p = wider;
  }
  *place(p, p->count++) = block;
}

/* The first places of a group are not kept. */
static void skip_to(orc_kv_places *p, int32_t first)
{
  p->first = p->count = first;
}

/* ---- what is read ---- */

/* Tokens from a sequence's beginning that the next one does not read, `computed` being there. */
static int32_t unread(const orc_kv_group *of, int32_t computed)
{
  switch (of->keep) {
  case ORC_KV_SLIDING:
    return most(0, computed - of->reach + 1);
  case ORC_KV_CHUNKED:
    return computed / of->reach * of->reach;
  case ORC_KV_ALIGNED:
    return most(0, computed - 1);
  default:
    return 0;
  }
}

/* Full blocks before a boundary that a request going on there reads. */
static int32_t window_blocks(const orc_kv_group *of)
{
  return (int32_t)blocks_for(of->reach - 1, of->block_size);
}

/* The most blocks that one request holds in a group (0.33 kv_cache_interface.py:864-944). */
static int64_t bound(const orc_kv_group *of, int64_t tokens, int64_t in_flight)
{
  const int64_t whole = blocks_for(tokens, of->block_size);
  int64_t kept = whole;
  if (of->keep == ORC_KV_SLIDING) kept = blocks_for(of->reach - 1 + in_flight, of->block_size) + 1;
  if (of->keep == ORC_KV_CHUNKED) kept = blocks_for(of->reach + in_flight, of->block_size);
  if (of->keep == ORC_KV_ALIGNED) kept = 2;
  return kept < whole ? kept : whole;
}

int64_t orc_kv_groups_most(const orc_kv_groups *g, int64_t tokens, int64_t in_flight)
{
  int64_t sum = 0;
  for (int i = 0; i < g->count; i++)
    sum += bound(&g->of[i], tokens, in_flight);
  return sum;
}

/* ---- known beginnings ---- */

/* The hash of block i of a sequence; those before it have been asked for. */
static uint64_t hash_of(orc_kv_groups *g, const orc_kv_owner *o, int32_t i)
{
  orc_kv_found *f = &g->found;
  for (; f->hashed <= i; f->hashed++) {
    const int32_t n = f->hashed;
    if (n == f->room) {
      f->room = f->room == 0 ? 64 : 2 * f->room;
      f->hash = orc_resize(f->hash, (size_t)f->room, sizeof *f->hash);
    }
    f->hash[n] = orc_prompt_hash(o->content, n == 0 ? o->root : f->hash[n - 1], n * g->block_size,
                                 (n + 1) * g->block_size);
  }
  return f->hash[i];
}

/* Whether all groups of a kind know block i. */
static bool have(orc_kv_groups *g, const orc_kv_owner *o, int kind, int32_t i)
{
  const uint64_t hash = hash_of(g, o, i);
  for (int k = kind; k < g->count; k++)
    if (g->kind[k] == kind && orc_block_pool_find(&g->pool, k, hash) == ORC_NULL_BLOCK)
      return false;
  return true;
}

/* Block by block up to `limit`, of which those before `from` count as known. */
static int32_t find_forward(orc_kv_groups *g, const orc_kv_owner *o, int kind, int32_t from,
                            int32_t limit)
{
  int32_t i = from;
  while (i < limit && have(g, o, kind, i))
    i++;
  return i;
}

/* The longest beginning whose last blocks, as many as a window needs, are all known; failing that
** the known ones from the sequence's beginning. Sets *first. */
static int32_t find_window(orc_kv_groups *g, const orc_kv_owner *o, int kind, int32_t limit,
                           int32_t *first)
{
  const int32_t needed = window_blocks(&g->of[kind]);
  int32_t run = 0, end = 0;
  for (int32_t i = limit; i > 0; i--) {
    if (!have(g, o, kind, i - 1)) {
      run = 0;
      continue;
    }
    if (run++ == 0) end = i;
    if (run >= needed) break;
  }
  *first = run == 0 ? 0 : end - run;
  return run == 0 ? 0 : end;
}

/* The longest beginning at whose end a state is known. */
static int32_t find_state(orc_kv_groups *g, const orc_kv_owner *o, int kind, int32_t limit)
{
  int32_t i = limit;
  while (i > 0 && !have(g, o, kind, i - 1))
    i--;
  return i;
}

/* Blocks of a kind's longest beginning of at most `limit` blocks, the last of which ends within
** `tokens` (0.11 and 0.33 single_type_kv_cache_manager.py, find_longest_cache_hit). */
static int32_t find_kind(orc_kv_groups *g, const orc_kv_owner *o, int kind, int32_t tokens)
{
  const orc_kv_group *of = &g->of[kind];
  const int32_t limit = tokens / of->block_size;
  int32_t first = 0, n;
  switch (of->keep) {
  case ORC_KV_SLIDING:
    n = find_window(g, o, kind, limit, &first);
    break;
  case ORC_KV_CHUNKED: /* chunks before the limit's count as known */
    first = tokens / of->reach * of->reach / of->block_size;
    n = find_forward(g, o, kind, first, limit);
    break;
  case ORC_KV_STATE:
  case ORC_KV_ALIGNED:
    n = find_state(g, o, kind, limit);
    first = most(0, n - 1);
    break;
  default:
    n = find_forward(g, o, kind, 0, limit);
  }
  for (int k = kind; k < g->count; k++)
    if (g->kind[k] == kind) g->found.first[k] = first;
  return n;
}

void orc_kv_groups_find_none(orc_kv_groups *g)
{
  g->found.blocks = g->found.junction = g->found.hashed = 0;
}

/* Each kind may shorten what the one before it found; with more than two, or two of which none is
** full attention, until all agree (0.33 kv_cache_coordinator.py:806-941). */
void orc_kv_groups_find(orc_kv_groups *g, const orc_kv_owner *o, int32_t limit)
{
  orc_kv_found *f = &g->found;
  orc_kv_groups_find_none(g);
  if (!g->habits.caching) return;
  const bool leads = g->of[g->order[0]].keep == ORC_KV_FULL;
  const bool once = g->kinds == 1 || (g->kinds == 2 && leads);
  int32_t length = limit, longest = 0, before;
  bool again = false;
  do {
    before = length;
    for (int k = again && leads ? 1 : 0; k < g->kinds; k++) {
      length = find_kind(g, o, g->order[k], length) * g->block_size;
      longest = most(longest, length);
    }
    again = true;
  } while (!once && length < before);
  f->blocks = length / g->block_size;
  if (longest > length) f->junction = longest;
  for (int i = 0; i < g->count; i++)
    f->first[i] = least(f->first[i], f->blocks);
}

/* ---- room ---- */

/* Blocks found of a group, from place `from` on, that no request holds. */
static int32_t idle(const orc_kv_groups *g, int group, int32_t from)
{
  const orc_kv_found *f = &g->found;
  int32_t n = 0;
  for (int32_t i = most(from, f->first[group]); i < f->blocks; i++)
    n += g->pool.at[orc_block_pool_find(&g->pool, group, f->hash[i])].holders == 0;
  return n;
}

/* Whether the state at the end of what was found is only being written, to be read from the next
** step on (0.33 single_type_kv_cache_manager.py:1704-1712). */
static bool being_written(const orc_kv_groups *g)
{
  const orc_kv_found *f = &g->found;
  for (int i = 0; i < g->written_count && f->blocks > 0; i++)
    if (g->written[i] == f->hash[f->blocks - 1]) return true;
  return false;
}

/* However long the chunk, one block at most is new (0.33 :1736-1795). */
static int64_t lack_aligned(const orc_kv_groups *g, const orc_kv_owner *o, int group,
                            int64_t needed)
{
  const int64_t lacks = needed - g->found.blocks - held(g, o, group);
  return (lacks > 0) + idle(g, group, 0);
}

static int64_t lack(const orc_kv_groups *g, const orc_kv_owner *o, int group, int64_t needed,
                    int32_t computed)
{
  const orc_kv_group *of = &g->of[group];
  if (of->keep == ORC_KV_ALIGNED) return lack_aligned(g, o, group, needed);
  const int32_t there = held(g, o, group);
  int64_t has = there;
  int32_t cost = 0;
  if (g->found.blocks > 0) {
    const int32_t gone = unread(of, computed) / of->block_size;
    has = most(gone, g->found.blocks + there);
    cost = idle(g, group, most(0, gone - there));
  }
  return (needed > has ? needed - has : 0) + cost;
}

int64_t orc_kv_groups_lack(const orc_kv_groups *g, const orc_kv_owner *o, int32_t tokens,
                           int32_t computed)
{
  int64_t sum = 0;
  if (g->aligned && being_written(g)) return INT64_MAX;
  for (int i = 0; i < g->count; i++)
    sum += lack(g, o, i, blocks_for(tokens, g->of[i].block_size), computed);
  return sum;
}

int64_t orc_kv_groups_lack_whole(const orc_kv_groups *g, const orc_kv_owner *o, int32_t tokens,
                                 int32_t computed, int64_t in_flight)
{
  int64_t sum = 0;
  if (g->aligned && being_written(g)) return INT64_MAX;
  for (int i = 0; i < g->count; i++) {
    const orc_kv_group *of = &g->of[i];
    const bool aligned = of->keep == ORC_KV_ALIGNED;
    const int64_t needed =
        aligned ? blocks_for(tokens, of->block_size) : bound(of, tokens, in_flight);
    sum += lack(g, o, i, needed, computed);
  }
  return sum;
}

/* ---- holding ---- */

void orc_kv_groups_adopt(orc_kv_groups *g, const orc_kv_owner *o, int32_t computed)
{
  const orc_kv_found *f = &g->found;
  if (f->blocks == 0) return;
  orc_kv_table *t = open_table(g, o);
  for (int i = 0; i < g->count; i++) {
    orc_kv_places *p = places_of(g, o, i);
    ORC_ASSERT(p->count == 0);
    skip_to(p,
            least(f->blocks, most(f->first[i], unread(&g->of[i], computed) / g->of[i].block_size)));
    while (p->count < f->blocks) {
      const uint32_t block = orc_block_pool_find(&g->pool, i, f->hash[p->count]);
      orc_block_pool_hold(&g->pool, block);
      append(p, block);
    }
  }
  t->known = f->blocks;
  t->hash = f->hash[f->blocks - 1];
}

/* The places before the new block stay empty; the block written last is the one that this step
** reads (0.33 single_type_kv_cache_manager.py:1815-1923). */
static void grow_aligned(orc_kv_groups *g, orc_kv_places *p, int32_t needed)
{
  if (needed <= p->count) return;
  p->read = p->count - 1;
  while (p->count < needed - 1) {
    if (p->first == p->count)
      skip_to(p, needed - 1);
    else
      append(p, ORC_NULL_BLOCK);
  }
  append(p, orc_block_pool_take(&g->pool));
}

void orc_kv_groups_grow(orc_kv_groups *g, const orc_kv_owner *o, int32_t tokens, int32_t chunk)
{
  open_table(g, o)->chunk = chunk;
  for (int i = 0; i < g->count; i++) {
    orc_kv_places *p = places_of(g, o, i);
    const int32_t needed = (int32_t)blocks_for(tokens, g->of[i].block_size);
    if (g->of[i].keep == ORC_KV_ALIGNED) {
      grow_aligned(g, p, needed);
      continue;
    }
    while (p->count < needed)
      append(p, orc_block_pool_take(&g->pool));
  }
}

/* ---- content ---- */

/* Whether block i shall be found again (0.33 single_type_kv_cache_manager.py:1066-1146,1548-1606).
 */
static bool retained(const orc_kv_groups *g, const orc_kv_owner *o, int group, int32_t i)
{
  const orc_kv_group *of = &g->of[group];
  const bool state = of->keep == ORC_KV_STATE || of->keep == ORC_KV_ALIGNED;
  const bool window = of->keep == ORC_KV_SLIDING && g->habits.keeps_boundaries;
  if (!state && !window) return true;
  const int32_t reach = state ? 1 : window_blocks(of);
  for (int b = 0; b < 2; b++) {
    const int32_t last = o->boundaries[b] / of->block_size;
    if (i < last && i >= last - reach) return true;
  }
  return false;
}

static void note_written(orc_kv_groups *g, uint64_t hash)
{
  if (g->written_count > 0 && g->written[g->written_count - 1] == hash) return;
  if (g->written_count == g->written_room) {
    g->written_room = g->written_room == 0 ? 16 : 2 * g->written_room;
    g->written = orc_resize(g->written, (size_t)g->written_room, sizeof *g->written);
  }
  g->written[g->written_count++] = hash;
}

void orc_kv_groups_begin_step(orc_kv_groups *g)
{
  g->written_count = 0;
}

/* One more block of a request is known by its content in the groups that keep it. */
static void know_next(orc_kv_groups *g, const orc_kv_owner *o, orc_kv_table *t)
{
  const int32_t n = t->known++, size = g->block_size;
  t->hash = orc_prompt_hash(o->content, t->hash, n * size, (n + 1) * size);
  for (int i = 0; i < g->count; i++) {
    const orc_kv_places *p = places_of(g, o, i);
    if (n < p->first || n >= p->count || !retained(g, o, i, n)) continue;
    const uint32_t block = *place(p, n);
    if (block == ORC_NULL_BLOCK) continue;
    orc_block_pool_know(&g->pool, block, i, t->hash);
    if (g->of[i].keep == ORC_KV_ALIGNED) note_written(g, t->hash);
  }
}

void orc_kv_groups_know(orc_kv_groups *g, const orc_kv_owner *o, int32_t tokens)
{
  if (!g->habits.caching || *o->table == ORC_NO_TABLE) return;
  orc_kv_table *t = &g->tables[*o->table];
  const int32_t full = tokens / g->block_size;
  if (full <= most(t->known, 0)) return;
  if (t->known < 0) t->known = 0;
  while (t->known < full)
    know_next(g, o, t);
}

/* ---- giving back ---- */

/* Blocks of places below `end` go back, the last first. */
static void give(orc_kv_groups *g, orc_kv_places *p, int32_t end)
{
  uint32_t *front = &g->pool.top;
  for (int32_t i = end - 1; i >= p->first; i--)
    if (*place(p, i) != ORC_NULL_BLOCK) front = orc_block_pool_give(&g->pool, *place(p, i), front);
  p->first = most(p->first, end);
}

/* Old states go when the step that read them is processed
** (0.33 single_type_kv_cache_manager.py:1608-1657). */
static void drop_states(orc_kv_groups *g, orc_kv_places *p, int32_t unread_blocks,
                        int32_t processed_blocks)
{
  give(g, p, least(unread_blocks, p->count));
  const int32_t read = p->read;
  if (read < p->first || read >= processed_blocks - 1) return;
  if (*place(p, read) == ORC_NULL_BLOCK) return;
  orc_block_pool_give(&g->pool, *place(p, read), &g->pool.top);
  *place(p, read) = ORC_NULL_BLOCK;
}

void orc_kv_groups_drop_unread(orc_kv_groups *g, const orc_kv_owner *o, int32_t processed)
{
  if (*o->table == ORC_NO_TABLE) return;
  const int32_t known = g->tables[*o->table].known;
  for (int i = 0; i < g->count; i++) {
    const orc_kv_group *of = &g->of[i];
    orc_kv_places *p = places_of(g, o, i);
    int32_t gone = unread(of, processed) / of->block_size;
    if (of->keep == ORC_KV_ALIGNED) {
      drop_states(g, p, gone, (int32_t)blocks_for(processed, of->block_size));
      continue;
    }
    if (of->keep == ORC_KV_CHUNKED && g->habits.keeps_last_known && known > 0)
      gone = least(gone, known - 1);
    gone = least(gone, p->count);
    if (gone > p->first) give(g, p, gone);
  }
}

void orc_kv_groups_free(orc_kv_groups *g, const orc_kv_owner *o)
{
  if (*o->table == ORC_NO_TABLE) return;
  for (int i = 0; i < g->count; i++) {
    orc_kv_places *p = places_of(g, o, i);
    give(g, p, p->count);
  }
  g->tables[*o->table].next = g->free;
  g->free = *o->table;
  *o->table = ORC_NO_TABLE;
}

/* ---- steps in which nothing changes ---- */

/* Tokens processed at which a group lets its next block go; INT32_MAX: it lets none go. */
static int64_t due(const orc_kv_group *of, const orc_kv_places *p)
{
  if (p->first >= p->count) return INT32_MAX;
  const int64_t end = ((int64_t)p->first + 1) * of->block_size; /* of its first block */
  switch (of->keep) {
  case ORC_KV_SLIDING:
    return end + of->reach - 1;
  case ORC_KV_CHUNKED:
    return blocks_for(end, of->reach) * of->reach;
  case ORC_KV_ALIGNED:
    return p->first + 1 < p->count ? 0 : end + 1;
  default:
    return INT32_MAX;
  }
}

void orc_kv_groups_rest(orc_kv_groups *g, const orc_kv_owner *o, int32_t lag)
{
  orc_kv_table *t = &g->tables[*o->table];
  int64_t wakes = INT32_MAX;
  if (g->habits.caching) wakes = ((int64_t)most(t->known, 0) + 1) * g->block_size;
  for (int i = 0; i < g->count; i++) {
    const orc_kv_places *p = places_of(g, o, i);
    const int64_t opens = (int64_t)p->count * g->of[i].block_size + 1;
    const int64_t drops = due(&g->of[i], p) + 1 + lag;
    if (opens < wakes) wakes = opens;
    if (drops < wakes) wakes = drops;
  }
  t->wakes = (int32_t)wakes;
}
