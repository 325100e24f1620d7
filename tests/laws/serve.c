/*
** serve.c - laws 1 to 5 and 9 of the design over random small deployments: tiny KV caches, bursts,
** time-outs, odd knobs, and policies that do random things.
*/
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/rng.h"
#include "serve/batch.h"
#include "serve/cluster.h"
#include "serve/live.h"
#include "serve/sampler.h"
#include "serve/synthetic.h"

#include "loads.h"
#include "test.h"

enum { SCENARIOS = 400 };

typedef struct scenario {
  uint64_t seed;
  orc_engine_knobs knobs;
  orc_step_cost cost[2];   /* of each pool */
  orc_pool_config pool[2]; /* one, or replicas that compute prompts for others that decode */
  int pools;
  orc_lod lod;
  int network;      /* 0: none, 1: a link for each pair, 2: servers that share theirs */
  double bandwidth; /* B/s of a link; 0: as such a network has */
  bool layerwise;
  int policy, sources;
  orc_victim victim;
  bool picky;
  double mtbf;
  bool closed;
  orc_time warm_up;
} scenario;

static int pick(orc_rng *g, int low, int high)
{
  return low + (int)orc_rng_below(g, (uint64_t)(high - low + 1));
}

/* ---- policies ---- */

/* Decodes pause while prompts are computed. */
static bool prefill_first(void *self, orc_batch *b, orc_error *e)
{
  (void)self;
  (void)e;
  const int budget = b->replica->knobs.max_num_batched_tokens;
  int left = budget - orc_batch_resume(b, budget);
  int64_t blocks;
  while (left > 0 && orc_batch_head(b, &blocks) > 0) {
    /* A prompt that would have to give way again before its end must not push decodes aside. */
    if (blocks > orc_batch_room(b)) break;
    const int n = orc_batch_admit(b, left);
    if (n == 0) break;
    left -= n;
  }
  if (b->tokens == 0) orc_batch_decode(b);
  return true;
}

/* Random verbs in random order; ends with vLLM's so that every step makes progress. */
static bool wild(void *self, orc_batch *b, orc_error *e)
{
  orc_rng *g = self;
  for (int i = pick(g, 0, 6); i > 0; i--) {
    const uint64_t number = orc_rng_below(g, b->replica->requests->next_number);
    switch (pick(g, 0, 8)) {
    case 0:
      orc_batch_decode(b);
      break;
    case 1:
      orc_batch_resume(b, pick(g, 1, 40));
      break;
    case 2:
      orc_batch_admit(b, pick(g, 1, 40));
      break;
    case 3:
      orc_batch_admit_one(b, number, pick(g, 1, 40));
      break;
    case 4:
      if (pick(g, 0, 7) == 0) orc_batch_preempt(b, number, ORC_PREEMPT_RECOMPUTE);
      break;
    case 5:
      orc_batch_admit_reserved(b, pick(g, 0, 1) == 0 ? ORC_HEAD : number, pick(g, 1, 40));
      break;
    case 6:
      if (pick(g, 0, 3) == 0)
        orc_batch_walk(b);
      else
        orc_batch_rekey(b, number, pick(g, 0, 9));
      break;
    case 7:
      if (pick(g, 0, 7) == 0) orc_batch_preempt(b, number, ORC_PREEMPT_SWAP);
      break;
    default:
      if (pick(g, 0, 7) == 0) orc_batch_preempt_last(b, (orc_preempt)pick(g, 0, 2));
    }
  }
  return orc_batching_chunked.step(NULL, b, e);
}

/* Nobody is admitted without the blocks of its longest end, so nobody ever gives way. */
static bool no_evict(void *self, orc_batch *b, orc_error *e)
{
  (void)self;
  (void)e;
  int left = b->replica->knobs.max_num_batched_tokens - orc_batch_decode(b);
  if (left > 0) left -= orc_batch_resume(b, left);
  while (left > 0) {
    const int granted = orc_batch_admit_reserved(b, ORC_HEAD, left);
    if (granted == 0) break;
    left -= granted;
  }
  return true;
}

static bool shortest_first(void *self, const orc_request *r, double *key, orc_error *e)
{
  (void)self;
  (void)e;
  *key = r->in.prompt;
  return true;
}

static bool least(void *self, const orc_cluster *c, const orc_request *r, int *replica,
                  orc_error *e)
{
  volatile sig_atomic_t *stop = self;
  (void)e;
  if (stop != NULL) *stop = 1;
  *replica = 0;
  for (int i = 1; i < c->fleet.ready_count; i++)
    if (orc_replica_in_flight(&c->replicas[c->fleet.ready[i]]) <
        orc_replica_in_flight(&c->replicas[c->fleet.ready[*replica]]))
      *replica = i;
  /* Some prompts are computed where they are decoded. */
  if (c->fleet.decode_count > 0 && r->number % 3 == 1)
    *replica = c->fleet.ready_count + (int)(r->number % (uint64_t)c->fleet.decode_count);
  return true;
}

/* Blocks of some requests are worth more than those of others. */
static bool by_number(void *self, const orc_request *r, int *grade, orc_error *e)
{
  (void)self;
  (void)e;
  *grade = (int)(r->number % ORC_PREFIX_GRADES);
  return true;
}

/* Turns away every seventh request. */
static bool picky(void *self, const orc_cluster *c, const orc_request *r, bool *yes, orc_error *e)
{
  (void)self;
  (void)c;
  (void)e;
  *yes = r->number % 7 != 3;
  return true;
}

/* As many groups as there are requests, a few at least. */
static bool follow_load(void *self, const orc_cluster *c, int pool, int *wanted, orc_error *e)
{
  (void)self;
  (void)e;
  *wanted = (int)(c->requests.live / (uint64_t)(4 + 3 * pool)) + 1;
  return true;
}

/* ---- scenarios ---- */

static const orc_model model = { .num_hidden_layers = 4,
                                 .hidden_size = 256,
                                 .num_attention_heads = 8,
                                 .num_key_value_heads = 2,
                                 .head_dim = 32,
                                 .intermediate_size = 512,
                                 .vocab_size = 1000,
                                 .max_position_embeddings = 4096,
                                 .gated_mlp = true,
                                 .norms_per_layer = 2,
                                 .sliding_window = 48 };

enum { DEVICES = 32 };

/* Whether all replicas there is room for fit on the network. */
static bool fit(const scenario *s, const orc_layout *l)
{
  int devices = 0;
  for (int i = 0; i < s->pools; i++)
    devices += s->pool[i].room * l[i].tensor_parallel_size * l[i].pipeline_parallel_size;
  return devices <= DEVICES;
}

/* A pool of 1 to `most` groups; in some the replicas of a group share their experts. */
static orc_pool_config draw_pool(const scenario *s, orc_rng *g, int most)
{
  orc_pool_config p = { .group = 1 };
  if (pick(g, 0, 3) == 0 && s->policy != 4) {
    p.group = pick(g, 2, 3);
    p.lockstep = pick(g, 0, 4) > 0;
  }
  p.replicas = pick(g, 1, p.group > 1 ? 2 : most) * p.group;
  if (s->policy == 4) p.replicas = 1; /* `wild` draws in order of calls */
  p.room = p.replicas;
  if (pick(g, 0, 2) > 0 || s->policy == 4) return p;
  const int groups = p.replicas / p.group, room = p.group > 1 ? groups + 1 : 4;
  p.scaling = (orc_scaling){ .autoscaler = { .name = "follow", .scale = follow_load },
                             .interval = ORC_SECOND / pick(g, 90, 110),
                             .cold_start = ORC_SECOND / 80,
                             .least = pick(g, 0, 1),
                             .most = room };
  p.room = room * p.group;
  return p;
}

/* Replicas: where they are, and whether some compute prompts for others that decode. */
static void draw_pools(scenario *s)
{
  orc_rng g = orc_rng_stream(s->seed, ORC_FOR_TESTS, 1000);
  static const orc_lod lods[] = { ORC_LOD_MEDIUM, ORC_LOD_HIGH, ORC_LOD_AUTO };
  s->network = pick(&g, 0, 3) == 0 ? 0 : pick(&g, 1, 2);
  s->pools = 1;
  s->pool[0] = draw_pool(s, &g, 3);
  if (s->network == 0) return;
  s->lod = lods[pick(&g, 0, 2)];
  s->layerwise = pick(&g, 0, 1) == 0;
  if (pick(&g, 0, 1) == 0 || s->policy == 4) return;
  s->pools = 2;
  if (pick(&g, 0, 1) == 0) s->bandwidth = 1e6 * pick(&g, 1, 40); /* KV is long on its way */
  s->pool[1] = draw_pool(s, &g, 2);
  s->pool[0].kind.role = ORC_ROLE_PREFILL;
  s->pool[1].kind.role = ORC_ROLE_DECODE;
}

/* How the layers of each pool are cut; smaller where the network has too few devices. */
static void draw_layouts(const scenario *s, orc_rng *g, orc_layout *l)
{
  static const orc_algorithm ways[] = { ORC_ALGORITHM_RING, ORC_ALGORITHM_TREE,
                                        ORC_ALGORITHM_HALVING, ORC_ALGORITHM_DIRECT,
                                        ORC_ALGORITHM_AUTO };
  for (int i = 0; i < s->pools; i++) {
    l[i] = (orc_layout){ .tensor_parallel_size = 1 + (pick(g, 0, 3) == 0),
                         .pipeline_parallel_size = pick(g, 0, 2) == 0 ? pick(g, 2, 4) : 1,
                         .data_parallel_size = s->pool[i].lockstep ? s->pool[i].group : 0,
                         .expert_parallel = s->pool[i].lockstep && s->seed % 2 == 0,
                         .all_reduce = ways[s->seed / 3 % 5],
                         .weights = ORC_BF16,
                         .activations = ORC_BF16,
                         .compute = ORC_BF16,
                         .kv = ORC_BF16 };
  }
  for (int i = 0; i < s->pools && !fit(s, l); i++)
    if (l[i].pipeline_parallel_size > 2) l[i].pipeline_parallel_size = 2;
  for (int i = 0; i < s->pools && !fit(s, l); i++)
    l[i].tensor_parallel_size = 1;
  for (int i = 0; i < s->pools && !fit(s, l); i++)
    l[i].pipeline_parallel_size = 1;
}

/* Memory below the GPU's for cached blocks; some of it comes back at no cost, some slowly. */
static void draw_tiers(scenario *s)
{
  orc_rng g = orc_rng_stream(s->seed, ORC_FOR_TESTS, 3000);
  s->knobs.tier_count = pick(&g, 0, 1) == 0 ? 0 : pick(&g, 1, 3);
  s->knobs.loading = (orc_tier_loading)(s->seed % 3);
  for (int i = 0; i < s->knobs.tier_count; i++)
    s->knobs.tiers[i] = (orc_tier_kind){ .blocks = pick(&g, 1, 40),
                                         .latency = 1e-5 * pick(&g, 0, 2),
                                         .block_seconds = 1e-6 * pick(&g, 0, 20) };
}

/* How prompts are cut, and what the prefix cache keeps and finds. */
static void draw_prefix_knobs(scenario *s)
{
  orc_rng g = orc_rng_stream(s->seed, ORC_FOR_TESTS, 4000);
  orc_engine_knobs *k = &s->knobs;
  if (pick(&g, 0, 3) == 0) k->long_prefill_token_threshold = pick(&g, 1, 40);
  if (pick(&g, 0, 3) == 0) k->prompt_parts = pick(&g, 1, 8);
  if (pick(&g, 0, 3) == 0) k->min_prefix_cache_length = pick(&g, 1, 60);
  if (pick(&g, 0, 3) == 0) k->max_prefix_cache_blocks = pick(&g, 1, 30);
  k->sessions_apart = pick(&g, 0, 5) == 0;
  k->recompute_block = pick(&g, 0, 3) == 0;
}

static scenario draw(uint64_t seed)
{
  orc_rng g = orc_rng_stream(seed, ORC_FOR_TESTS, 0);
  scenario s = { .seed = seed };
  s.knobs = (orc_engine_knobs){ .max_num_seqs = pick(&g, 1, 12),
                                .block_size = pick(&g, 1, 20),
                                .max_model_len = pick(&g, 60, 260),
                                .enable_chunked_prefill = pick(&g, 0, 4) > 0,
                                .enable_prefix_caching = seed % 4 > 0 };
  s.knobs.computed_only = seed % 5 == 2;
  s.knobs.max_num_batched_tokens = s.knobs.max_num_seqs + pick(&g, 0, 120);
  s.knobs.num_gpu_blocks = pick(&g, 40, 400) / s.knobs.block_size + 1;
  s.lod = pick(&g, 0, 2) == 0 ? ORC_LOD_HIGH : ORC_LOD_MEDIUM;
  s.policy = pick(&g, 0, 5);
  s.victim = (orc_victim)pick(&g, 0, 2);
  s.picky = pick(&g, 0, 3) == 0;
  s.mtbf = pick(&g, 0, 2) == 0 ? 0.05 : 0.0;
  s.knobs.swap = pick(&g, 0, 2) == 0;
  s.knobs.swap_blocks = pick(&g, 0, 30);
  s.knobs.swap_block_seconds = 1e-5;
  s.sources = pick(&g, 1, 2);
  draw_tiers(&s);
  draw_prefix_knobs(&s);
  draw_pools(&s);
  s.closed = pick(&g, 0, 2) == 0;
  s.warm_up = orc_time_of(0.01 * pick(&g, 0, 2));
  orc_model shape = model;
  shape.num_windowed_layers = pick(&g, 0, 4);
  orc_cost_params p;
  orc_cost_params_default(&p);
  if (pick(&g, 0, 3) == 0) {
    p.kind = ORC_COST_CONSTANT;
    p.constant_step = 1e-3;
  }
  const orc_hardware h = { .flops = { [ORC_BF16] = 1e12 },
                           .memory = 1e9,
                           .bandwidth = 1e9 * pick(&g, 1, 20),
                           .pcie = { 1e9, 1e-6 } };
  orc_layout l[2];
  orc_error e = { 0 };
  draw_layouts(&s, &g, l);
  if (s.pool[0].lockstep || s.pool[1].lockstep) {
    shape.num_experts = 12;
    shape.num_experts_per_tok = 2;
    shape.moe_intermediate_size = 192;
  }
  for (int i = 0; i < s.pools; i++) {
    if (!orc_step_cost_init(&s.cost[i], &shape, &h, &l[i], &p, &e))
      orc_panic(e.msg, __FILE__, __LINE__);
    s.pool[i].kind.knobs = s.knobs;
    if (i > 0) s.pool[i].kind.knobs.num_gpu_blocks = pick(&g, 30, 400) / s.knobs.block_size + 1;
  }
  return s;
}

/* What prompts share: prefixes, histories, or whole prompts asked again. */
static void word(orc_synthetic *o, orc_rng *g)
{
  const int way = pick(g, 0, 3);
  o->streaming = 0.5;
  if (way == 0) return; /* prompts without identity */
  o->wording.told = true;
  if (way == 1) o->wording.pool = pick(g, 1, 6);
  if (pick(g, 0, 1) == 0) {
    o->wording.patterns = orc_alloc(1, sizeof *o->wording.patterns);
    o->wording.pattern_count = 1;
    o->wording.patterns[0] = (orc_prefix_pattern){ .weight = 1.0, .variants = pick(g, 1, 3) };
    o->wording.patterns[0].parts = orc_alloc(1, sizeof(orc_prefix_part));
    o->wording.patterns[0].part_count = 1;
    o->wording.patterns[0].parts[0] = (orc_prefix_part){ .text = 7, .tokens = pick(g, 1, 50) };
  }
  if (way < 3) return;
  o->session = (orc_session_plan){ .probability = 0.5 * pick(g, 1, 2),
                                   .again = 0.8,
                                   .max_turns = pick(g, 1, 6),
                                   .think = { .kind = ORC_DIST_EXPONENTIAL, .a = 0.01 },
                                   .accumulate = pick(g, 0, 3) > 0,
                                   .has_input = true,
                                   .input = { .kind = ORC_DIST_UNIFORM, .a = 1, .b = 20 } };
}

static orc_source source(const scenario *s, int i)
{
  orc_rng g = orc_rng_stream(s->seed, ORC_FOR_TESTS, (uint64_t)i + 1);
  orc_synthetic o = { .process = ORC_PROCESS_POISSON,
                      .seed = s->seed,
                      .profile = (uint16_t)i,
                      .count = pick(&g, 5, 60),
                      .duration = 1e9,
                      .timeout = pick(&g, 0, 2) == 0 ? 0.05 : 1e18,
                      .cancel_probability = pick(&g, 0, 2) == 0 ? 0.2 : 0.0 };
  const int process = pick(&g, 0, 3);
  if (s->closed) {
    o.process = ORC_PROCESS_CLOSED_LOOP;
    o.concurrency = pick(&g, 1, 10);
  } else if (process == 0) {
    o.process = ORC_PROCESS_BATCH;
  } else if (process == 1) {
    o.process = ORC_PROCESS_GAMMA;
    o.cv = 3.0;
  } else if (process == 2) {
    o.process = ORC_PROCESS_CONSTANT;
  }
  if (!s->closed && process != 0) {
    o.stages = orc_alloc(1, sizeof *o.stages);
    o.stage_count = 1;
    o.stages[0] = (orc_load_stage){ .rate = pick(&g, 20, 2000), .duration = 1e18 };
  }
  if (o.timeout > 1e9) o.timeout = (double)INFINITY;
  o.prompt = (orc_dist){ .kind = ORC_DIST_UNIFORM, .a = 1, .b = pick(&g, 2, 150) };
  o.output = (orc_dist){ .kind = ORC_DIST_UNIFORM, .a = 1, .b = pick(&g, 2, 90) };
  o.cancel_after = (orc_dist){ .kind = ORC_DIST_EXPONENTIAL, .a = 0.02 };
  o.think = (orc_dist){ .kind = ORC_DIST_CONSTANT, .a = 0.001 * pick(&g, 0, 2) };
  word(&o, &g);
  return orc_source_synthetic(&o);
}

/* ---- what must hold after every event ---- */

/* Blocks a request holds, from its tokens: independent of what the decode set keeps. */
static int64_t blocks_held(const orc_replica *r, const orc_request *q)
{
  if (q->state != ORC_DECODE) return q->blocks;
  const orc_decode_set *d = &r->lanes[q->lane].decode;
  int64_t tokens = q->computed + (int64_t)(d->counter - q->joined);
  tokens += d->claimed; /* the running step's token has its place already */
  const int64_t need = orc_kv_blocks(&r->kv, tokens);
  return need > q->blocks ? need : q->blocks;
}

static bool in_table(const orc_prefix *p, uint32_t block)
{
  for (uint32_t i = (uint32_t)p->at[block].hash & (p->table_room - 1);; i++) {
    const uint32_t found = p->table[i & (p->table_room - 1)].block;
    if (found == block || found == ORC_NO_BLOCK) return found == block;
  }
}

/*
** Blocks in the cache that requests hold, each counted once. False when its lists do not agree with
** its counts, or a block outlives one before it.
*/
static bool count_shared(const orc_replica *r, int64_t *held)
{
  const orc_prefix *p = &r->prefix;
  int64_t idle = 0;
  uint32_t filling = 0;
  bool good = true;
  *held = 0;
  for (int grade = 0; grade < ORC_PREFIX_GRADES; grade++)
    for (uint32_t b = p->oldest[grade]; b != ORC_NO_BLOCK; b = p->at[b].newer, idle++)
      good = good && p->at[b].holders == 0 && p->at[b].grade == grade;
  for (uint32_t i = 0; i < p->table_room; i++) {
    const uint32_t b = p->table[i].block;
    if (b == ORC_NO_BLOCK) continue;
    const uint32_t parent = p->at[b].parent;
    good = good && (parent == ORC_NO_BLOCK || in_table(p, parent));
    good = good && (parent == ORC_NO_BLOCK || !p->at[parent].filling || p->at[b].filling);
    filling += p->at[b].filling;
    *held += p->at[b].holders > 0;
    good = good && (parent == ORC_NO_BLOCK || p->at[parent].holders >= p->at[b].holders);
  }
  good = good && (p->most == 0 || p->cached <= p->most || idle == 0);
  bool busy = r->loads.count > 0;
  for (int l = 0; l < r->lane_count; l++)
    busy = busy || r->lanes[l].busy;
  good = good && filling == p->filling && (busy || filling == 0);
  return good && idle == r->kv.idle && *held + idle == p->cached;
}

/* No tier is over its size, its list says what its count says, and no block is in two places. */
static bool tiers_hold(const orc_replica *r)
{
  const orc_tiers *t = &r->tiers;
  bool good = true;
  uint32_t held = 0;
  for (int i = 0; i < t->count; i++) {
    int64_t used = 0;
    for (uint32_t b = t->at[i].oldest; b != ORC_TIERS_NONE; b = t->blocks[b].newer, used++)
      good = good && t->blocks[b].tier == i && orc_tiers_have(t, t->blocks[b].hash);
    good = good && used == t->at[i].used && used <= t->at[i].kind.blocks;
    held += (uint32_t)used;
  }
  for (uint32_t i = 0; t->count > 0 && i < r->prefix.table_room; i++)
    if (r->prefix.table[i].block != ORC_NO_BLOCK)
      good = good && !orc_tiers_have(t, r->prefix.at[r->prefix.table[i].block].hash);
  return good && held == t->held;
}

/* Blocks that requests on their way from or to a replica hold there. */
static int64_t held_by_moving(const orc_cluster *c, int replica)
{
  int64_t blocks = 0;
  for (uint32_t i = 0; i < c->handovers.count; i++) {
    const orc_handover *v = &c->handovers.at[i];
    if (v->slot == ORC_NO_SLOT) continue;
    if (v->from == replica) blocks += v->blocks - v->shared;
    if (v->sent && v->to == replica) blocks += v->room;
  }
  return blocks;
}

/* Requests on their way are counted where they come from and where they go, and wait in one list.
 */
static bool ways_hold(const orc_cluster *c)
{
  const orc_handovers *h = &c->handovers;
  uint64_t moving = 0, flying = 0, listed = 0, chosen = 0;
  int64_t between = 0;
  bool good = true;
  for (uint32_t i = 0; i < h->count; i++) {
    const orc_handover *v = &h->at[i];
    if (v->slot == ORC_NO_SLOT) continue;
    moving++;
    flying += v->sent;
    chosen += !v->sent && v->pending == 0;
    good = good && c->requests.at[v->slot].state == ORC_MOVING;
    good = good && c->fleet.units[v->from].phase != ORC_PHASE_FAILED;
    good = good && (!v->sent || c->fleet.units[v->to].phase != ORC_PHASE_FAILED);
  }
  for (int to = 0; to <= c->replica_count; to++)
    for (uint32_t i = h->first[to]; i != UINT32_MAX; i = h->at[i].next, listed++)
      good = good && h->at[i].to == to && !h->at[i].sent;
  for (int i = 0; i < c->replica_count; i++)
    between += c->replicas[i].inbound - c->replicas[i].outbound;
  good = good && moving == h->moving && flying == h->flying && listed == chosen;
  /* Those that have a replica to go to count twice, those that have none once. */
  return good && between <= 0 && (uint64_t)-between <= moving - flying;
}

/* The replicas of a group have one phase, and only those that serve have requests. */
static bool phases_hold(const orc_cluster *c)
{
  bool good = true;
  for (int i = 0; i < c->replica_count; i++) {
    const orc_pool *p = &c->pools[c->replicas[i].pool];
    const orc_phase phase = c->fleet.units[i].phase;
    const int64_t load =
        orc_replica_in_flight(&c->replicas[i]) + c->replicas[i].inbound + c->replicas[i].outbound;
    good = good && phase == c->fleet.units[i - (i - p->first) % p->group].phase;
    good = good && (load == 0 || phase == ORC_PHASE_READY || phase == ORC_PHASE_DRAINING);
  }
  return good;
}

static bool consistent(const orc_cluster *c)
{
  uint64_t seen = 0;
  bool good = ways_hold(c) && phases_hold(c);
  for (int i = 0; i < c->replica_count; i++) {
    const orc_replica *r = &c->replicas[i];
    int64_t used, decoding = 0;
    good = count_shared(r, &used) && tiers_hold(r) && good;
    used += held_by_moving(c, i);
    int32_t running = 0;
    for (orc_slot s = r->first; s != ORC_NO_SLOT; s = c->requests.at[s].next, running++) {
      used += blocks_held(r, &c->requests.at[s]) - c->requests.at[s].shared;
      decoding += c->requests.at[s].state == ORC_DECODE;
    }
    for (int j = 0; j < r->loads.count; j++) {
      const orc_request *q = &c->requests.at[r->loads.at[j]];
      used += q->blocks - q->shared;
      good = good && q->state == ORC_LOADING && q->loaded >= c->engine.now;
    }
    int64_t host = r->host_free;
    for (uint32_t j = 0; j < r->queue.count; j++) {
      const orc_request *q = &c->requests.at[r->queue.at[j].slot];
      used += q->blocks - q->shared;
      host += q->swapped;
    }
    good = good && host == r->knobs.swap_blocks && r->host_free >= 0;
    good = good && used == orc_kv_used(&r->kv) && r->kv.free >= 0 && running == r->running;
    for (int l = 0; l < r->lane_count; l++) {
      decoding -= r->lanes[l].decode.n;
      good = good && r->lanes[l].batch.tokens <= r->knobs.max_num_batched_tokens;
    }
    good = good && running <= r->knobs.max_num_seqs && decoding == 0;
    seen += (uint64_t)orc_replica_in_flight(r);
  }
  good = good && loads_agree(c);
  return good && seen + c->handovers.moving + c->fleet.homeless_count == c->requests.live;
}

typedef struct outcome {
  uint64_t total, ended, steps, hits, evictions, misses;
  uint64_t fetched, lowered; /* blocks brought back from lower tiers, and passed on by them */
  uint64_t moved, failures;
  orc_time end;
  bool good;
  size_t bytes;
  char *csv;
} outcome;

static char *slurp(const char *path, size_t *n)
{
  FILE *f = fopen(path, "rb");
  fseek(f, 0, SEEK_END);
  *n = (size_t)ftell(f);
  rewind(f);
  char *s = orc_alloc(*n + 1, 1);
  *n = fread(s, 1, *n, f);
  fclose(f);
  return s;
}

/* How a run is driven; all of them end in the same. */
typedef enum way {
  AT_ONCE,
  STEPPED,     /* runs off */
  SAMPLED,     /* with a time series, which must change nothing */
  SLICED,      /* back to the caller at every event, where everything is checked */
  PAUSED,      /* moment by moment, as whoever looks at a paused run goes on */
  INTERRUPTED, /* at every arrival, as by Ctrl-C, and brought to rest */
  WAYS
} way;

/* No replica is ahead of the clock, and nothing up to its time is left to do. */
static bool at_rest(const orc_cluster *c)
{
  bool good = orc_engine_next(&c->engine) > c->engine.now;
  for (int i = 0; i < c->replica_count; i++)
    good = good && c->replicas[i].now <= c->engine.now;
  return good || (c->requests.live == 0 && c->expected == 0);
}

static bool go_on_interrupted(orc_cluster *c, volatile sig_atomic_t *stop, orc_error *e)
{
  const bool good = orc_cluster_run(c, ORC_NEVER, e);
  if (!good || !c->interrupted) return good;
  *stop = 0;
  return orc_live_settle(c, e) && at_rest(c);
}

static bool go_on(orc_cluster *c, way how, orc_error *e)
{
  if (how == PAUSED) return orc_live_instant(c, ORC_NEVER, e) != ORC_INSTANT_FAILED;
  return orc_cluster_run(c, how == SLICED ? orc_engine_next(&c->engine) : ORC_NEVER, e);
}

/* A replica on its own may be ahead of the last event. */
static orc_time end_of(const orc_cluster *c)
{
  return c->last_end > c->engine.now ? c->last_end : c->engine.now;
}

/* Shares are shares, and those of a replica add up to the time it worked. */
static bool samples_add_up(const orc_cluster *c, const orc_series *t)
{
  bool good = t->count > 0;
  for (int r = 0; r < t->replicas; r++) {
    double busy = 0.0;
    for (uint64_t i = 0; i < t->count; i++) {
      const orc_sample *a = &t->at[i * (uint64_t)t->replicas + (uint64_t)r];
      const orc_time before = i > 0 ? t->times[i - 1] : 0;
      good = good && a->busy >= 0.0F && a->busy < 1.0001F && a->kv >= 0.0F && a->kv <= 1.0F &&
             a->waiting >= 0 && a->running >= 0;
      busy += (double)a->busy * (double)(t->times[i] - before);
    }
    const double worked = (double)orc_replica_busy(&c->replicas[r], end_of(c));
    good = good && fabs(busy - worked) <= 1e-5 * worked + 1.0;
  }
  return good;
}

static outcome simulate(const scenario *s, way how)
{
  static const char *const profiles[] = { "a", "b" };
  char path[] = "/tmp/oracle-laws-XXXXXX";
  close(mkstemp(path));
  orc_error e = { 0 };
  orc_source sources[2];
  for (int i = 0; i < s->sources; i++)
    sources[i] = source(s, i);
  orc_rng chaos = orc_rng_stream(s->seed, ORC_FOR_POLICY, 0);
  orc_batching batching = orc_batching_chunked;
  if (s->policy == 1) batching.step = prefill_first;
  if (s->policy == 2) batching.order = shortest_first;
  if (s->policy == 3) batching.every_step = true;
  if (s->policy == 5) batching.step = no_evict;
  if (s->policy == 4) {
    batching = (orc_batching){ .name = "wild", .self = &chaos, .step = wild, .every_step = true };
  }
  batching.victim = s->victim;
  int room = 0;
  for (int i = 0; i < s->pools; i++)
    room += s->pool[i].room;
  const orc_outage outage = { .at = ORC_SECOND / 50,
                              .lasts = ORC_SECOND / 100,
                              .replica = (uint16_t)(s->seed % (uint64_t)room) };
  orc_fleet_config fleet = { .mtbf = s->mtbf, .mttr = 0.01 };
  if (s->mtbf > 0.0) {
    fleet.outages = &outage;
    fleet.outage_count = 1;
  }
  volatile sig_atomic_t stop = 0;
  union {
    volatile sig_atomic_t *in;
    void *out;
  } interrupt = { .in = &stop };
  orc_csv *csv = orc_csv_open(path, profiles, 2, &e);
  orc_topology *topology = NULL;
  if (s->network > 0)
    topology = orc_topology_build(s->network == 1 ? "nvlink_mesh" : "pcie",
                                  &(orc_topology_shape){ .hosts = s->network == 1 ? 1 : 8,
                                                         .gpus = s->network == 1 ? 32 : 4,
                                                         .bandwidth = s->bandwidth,
                                                         .nic_bandwidth = s->bandwidth },
                                  &e);
  int devices[DEVICES];
  for (int i = 0; i < DEVICES; i++) /* on servers, neighbours are on different ones */
    devices[i] = s->network == 2 ? i % 8 * 4 + i / 8 : i;
  orc_pool_config pools[2];
  for (int i = 0; i < s->pools; i++) {
    pools[i] = s->pool[i];
    pools[i].kind.cost = &s->cost[i];
  }
  orc_cluster *c = orc_cluster_new(&(orc_cluster_config){
      .pools = pools,
      .pool_count = s->pools,
      .layerwise = s->layerwise,
      .topology = topology,
      .devices = devices,
      .batching = batching,
      .router = { .name = s->seed % 3 == 1 ? "load" : "least",
                  .tracks = s->seed % 3 == 1,
                  .route = s->seed % 3 == 1 ? route_by_load : least,
                  .decode = s->seed % 3 == 1 ? decode_by_load : NULL,
                  .self = how == INTERRUPTED ? interrupt.out : NULL },
      .stop = &stop,
      .admission = { .admit = s->picky ? picky : NULL },
      .eviction = { .grade = s->seed % 3 == 0 ? by_number : NULL },
      .fleet = fleet,
      .sources = sources,
      .source_count = s->sources,
      .profile_count = 2,
      .warm_up = s->warm_up,
      .slo = { ORC_NEVER, ORC_NEVER, ORC_NEVER },
      .runs = how != STEPPED,
      .lod = s->lod,
      .seed = s->seed,
      .request_overhead = s->seed % 3 == 0 ? 1e-4 : 0.0,
      .token_overhead = s->seed % 5 == 0 ? 1e-6 : 0.0,
      .sample_interval = how == SAMPLED ? (orc_time)(1 + s->seed % 7) * 400000 : 0,
      .csv = csv });
  outcome o = { .good = true };
  while (o.good && (c->requests.live > 0 || c->expected > 0)) {
    o.good = how == INTERRUPTED ? go_on_interrupted(c, &stop, &e) : go_on(c, how, &e);
    if (!o.good) printf("scenario %llu: %s\n", (unsigned long long)s->seed, e.msg);
    if (how >= SLICED) o.good = o.good && consistent(c);
  }
  if (c->series != NULL) {
    orc_sampler_close(c, end_of(c));
    o.good = o.good && samples_add_up(c, c->series);
  }
  orc_cluster_close(c);
  for (int i = 0; i < c->replica_count; i++) {
    const orc_replica *r = &c->replicas[i];
    o.good = o.good && (s->policy != 5 || r->usage.preemptions == 0);
    o.good = o.good && r->load.tokens == 0 && r->load.blocks == 0 && r->load.named == 0;
    o.good = o.good && r->host_free == s->knobs.swap_blocks;
    o.good = o.good && orc_kv_available(&r->kv) == r->kv.total && r->running == 0;
    for (int l = 0; l < r->lane_count; l++) {
      const orc_decode_set *d = &r->lanes[l].decode;
      o.good = o.good && d->n == 0 && d->context == 0 && d->window == 0 && d->growing == 0;
    }
    for (int p = 0; p < 2; p++) {
      o.hits += r->metrics[p].cached_tokens;
      o.misses += r->metrics[p].prefix_events[ORC_PREFIX_CONVERSATIONAL_MISS];
    }
    for (int p = 0; p < 2; p++)
      o.total += r->metrics[p].total - r->metrics[p].by_status[ORC_PENDING];
    o.steps += r->usage.steps;
    o.evictions += r->kv.evictions;
    for (int t = 0; t < r->tiers.count; t++) {
      o.fetched += r->tiers.at[t].hits;
      o.lowered += r->tiers.at[t].evictions;
    }
  }
  o.moved = c->handovers.moved;
  o.failures = c->fleet.failures;
  o.good = o.good && c->handovers.moving == 0;
  for (int i = 0; i < c->replica_count; i++)
    o.end += c->replicas[i].usage.busy + (orc_time)c->replicas[i].usage.gaps.sum;
  o.good = orc_csv_close(csv, &e) && o.good;
  orc_cluster_free(c);
  orc_topology_free(topology);
  o.csv = slurp(path, &o.bytes);
  remove(path);
  return o;
}

static bool same(const outcome *a, const outcome *b)
{
  return a->total == b->total && a->steps == b->steps && a->hits == b->hits &&
         a->evictions == b->evictions && a->fetched == b->fetched && a->lowered == b->lowered &&
         a->moved == b->moved && a->failures == b->failures && a->end == b->end &&
         a->bytes == b->bytes && memcmp(a->csv, b->csv, a->bytes) == 0;
}

/* arrival <= scheduled <= first token <= completion in every row; one of the known states. */
static bool causal(const outcome *o)
{
  bool good = true;
  for (const char *line = strchr(o->csv, '\n'); line != NULL && line[1] != '\0';
       line = strchr(line + 1, '\n')) {
    double arrival, first = -1, end = -1;
    char status[16] = "";
    const char *p = line + 1;
    for (int i = 0; i < 6; i++)
      p = strchr(p, ',') + 1;
    arrival = strtod(p, NULL);
    p = strchr(p, ',') + 1;
    if (*p != ',') first = strtod(p, NULL);
    p = strchr(p, ',') + 1;
    if (*p != ',') end = strtod(p, NULL);
    p = strchr(p, ',') + 1;
    sscanf(p, "%15[A-Z]", status);
    const bool done = strcmp(status, "SUCCESS") == 0;
    good = good && (first < 0 || first > arrival) && end >= arrival;
    good = good && (!done || (first > arrival && end >= first));
    good = good && strcmp(status, "PENDING") != 0;
  }
  return good;
}

int main(void)
{
  int different = 0, broken = 0, acausal = 0;
  uint64_t hits = 0, evictions = 0, misses = 0, fetched = 0, lowered = 0, moved = 0, failures = 0;
  for (uint64_t seed = 1; seed <= SCENARIOS; seed++) {
    const scenario s = draw(seed);
    const outcome run = simulate(&s, AT_ONCE);
    bool good = run.good, equal = true;
    for (way how = STEPPED; how < WAYS; how++) {
      const outcome other = simulate(&s, how);
      if (!other.good || !same(&run, &other))
        printf("scenario %llu (policy %d), way %d: good %d, equal %d\n", (unsigned long long)seed,
               s.policy, (int)how, other.good, same(&run, &other));
      good = good && other.good;
      equal = equal && same(&run, &other);
      free(other.csv);
    }
    broken += !good;
    different += !equal;
    acausal += !causal(&run);
    CHECK(good);
    CHECK(equal);
    CHECK(causal(&run));
    free(run.csv);
    hits += run.hits;
    evictions += run.evictions;
    misses += run.misses;
    fetched += run.fetched;
    lowered += run.lowered;
    moved += run.moved;
    if (s.pools > 1) failures += run.failures;
  }
  CHECK(hits > 10000 && evictions > 1000 && misses > 0); /* the scenarios reach the cache */
  CHECK(fetched > 1000 && lowered > 1000);               /* and the tiers below it */
  CHECK(moved > 1000 && failures > 100);                 /* and pools that fail */
  printf("%d scenarios: %d broken, %d different, %d acausal\n", SCENARIOS, broken, different,
         acausal);
  printf("%llu requests handed over, %llu failures in pools\n", (unsigned long long)moved,
         (unsigned long long)failures);
  printf("%llu tokens hit, %llu blocks evicted, %llu fetched, %llu passed on\n",
         (unsigned long long)hits, (unsigned long long)evictions, (unsigned long long)fetched,
         (unsigned long long)lowered);
  return DONE();
}
