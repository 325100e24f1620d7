/*
** scenarios.h - for serve.c: random small deployments and what arrives at them.
*/
#ifndef ORC_TEST_SCENARIOS_H
#define ORC_TEST_SCENARIOS_H

#include <math.h>
#include <stdlib.h>

#include "base/rng.h"
#include "cluster/cluster.h"
#include "workload/synthetic.h"

#include "policies.h"

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
  if (pick(&g, 0, 1) == 0) {
    s->bandwidth = 1e6 * pick(&g, 1, 40); /* KV is long on its way */
    s->mtbf *= 20.0;                      /* or no step of a slow group would ever end */
  }
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
                         .max_lora_rank = s->knobs.lora.adapters > 0 ? 8 : 0,
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
  s->knobs.kv_loading = (orc_onload_mode)(s->seed % 3);
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
  if (pick(&g, 0, 3) == 0) k->num_microbatches_per_request = pick(&g, 1, 8);
  if (pick(&g, 0, 3) == 0) k->min_prefix_cache_length = pick(&g, 1, 60);
  if (pick(&g, 0, 3) == 0) k->prefix_cache_blocks = pick(&g, 1, 30);
  k->enable_cross_request_caching = pick(&g, 0, 5) != 0;
  k->recompute_last_block = pick(&g, 0, 3) == 0;
  if (pick(&g, 0, 3) == 0) k->prefix_cache_entries = pick(&g, 1, 6);
}

/* Draft tokens to verify, in some. */
static void draw_speculation(scenario *s)
{
  orc_rng g = orc_rng_stream(s->seed, ORC_FOR_TESTS, 5000);
  orc_speculation *d = &s->knobs.speculation;
  if (pick(&g, 0, 2) > 0) return;
  d->tokens = pick(&g, 1, 6);
  d->lookahead = pick(&g, 0, 1) == 0 ? d->tokens : 0;
  d->drops_last_block = pick(&g, 0, 1) == 0;
  for (int i = 0; i < d->tokens; i++)
    d->acceptance[i] = 0.1 * pick(&g, 0, 10);
  s->knobs.rules.serves_in_order = pick(&g, 0, 1) == 0;
  s->knobs.rules.schedules_ahead = pick(&g, 0, 2) == 0;
}

/* LoRA adapters that take turns, in some. */
static void draw_lora(scenario *s)
{
  orc_rng g = orc_rng_stream(s->seed, ORC_FOR_TESTS, 6000);
  if (pick(&g, 0, 2) > 0) return;
  const int slots = pick(&g, 1, 3);
  s->knobs.lora = (orc_lora_plan){ .adapters = pick(&g, 1, 6),
                                   .slots = slots,
                                   .host = slots + pick(&g, 0, 3),
                                   .slot_seconds = 1e-5 * pick(&g, 0, 3),
                                   .load_seconds = 1e-4 * pick(&g, 0, 3) };
}

/* Whose shares of the requests: the model's own are one more. */
static orc_adapter_mix draw_adapters(const scenario *s)
{
  const int n = s->knobs.lora.adapters;
  if (n == 0) return (orc_adapter_mix){ 0 };
  orc_adapter_mix m = { .at = orc_alloc((size_t)n + 1, sizeof *m.at), .count = n + 1 };
  for (int i = 0; i <= n; i++)
    m.at[i] = (orc_adapter_share){ .up_to = (i + 1.0) / (n + 1.0), .adapter = (uint16_t)i };
  return m;
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
  draw_speculation(&s);
  draw_lora(&s);
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
  o->prompt_mix.told = true;
  if (way == 1) o->prompt_mix.pool = pick(g, 1, 6);
  if (pick(g, 0, 1) == 0) {
    o->prompt_mix.patterns = orc_alloc(1, sizeof *o->prompt_mix.patterns);
    o->prompt_mix.pattern_count = 1;
    o->prompt_mix.patterns[0] = (orc_prefix_pattern){ .weight = 1.0, .variants = pick(g, 1, 3) };
    o->prompt_mix.patterns[0].parts = orc_alloc(1, sizeof(orc_prefix_part));
    o->prompt_mix.patterns[0].part_count = 1;
    o->prompt_mix.patterns[0].parts[0] = (orc_prefix_part){ .text = 7, .tokens = pick(g, 1, 50) };
  }
  if (way < 3) return;
  o->session = (orc_session_plan){ .probability = 0.5 * pick(g, 1, 2),
                                   .again = 0.8,
                                   .comes_back = pick(g, 0, 1) == 0,
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
    o.stages[0] = (orc_rate_stage){ .rate = pick(&g, 20, 2000), .duration = 1e18 };
  }
  if (o.timeout > 1e9) o.timeout = (double)INFINITY;
  o.prompt = (orc_dist){ .kind = ORC_DIST_UNIFORM, .a = 1, .b = pick(&g, 2, 150) };
  o.output = (orc_dist){ .kind = ORC_DIST_UNIFORM, .a = 1, .b = pick(&g, 2, 90) };
  o.cancel_after = (orc_dist){ .kind = ORC_DIST_EXPONENTIAL, .a = 0.02 };
  o.think = (orc_dist){ .kind = ORC_DIST_CONSTANT, .a = 0.001 * pick(&g, 0, 2) };
  word(&o, &g);
  orc_source made = orc_source_synthetic(&o);
  made.adapters = draw_adapters(s);
  return made;
}

#endif
