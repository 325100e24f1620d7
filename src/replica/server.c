#include "replica/server.h"

#include <stdlib.h>

/* Tokens a sequence reads at most in layers with a sliding window; 0: there are none. */
static int32_t window_of(const orc_model *m)
{
  return m->num_windowed_layers > 0 ? m->sliding_window : 0;
}

static void init_groups(orc_replica *r)
{
  const orc_engine_knobs *knobs = &r->knobs;
  r->groups = orc_alloc(1, sizeof *r->groups);
  orc_kv_groups_init(r->groups, knobs->groups, knobs->group_count, &r->kv,
                     knobs->rules.one_free_queue,
                     (orc_kv_habits){ .caching = knobs->enable_prefix_caching,
                                      .keeps_boundaries = knobs->rules.caches_boundaries,
                                      .keeps_last_known = knobs->rules.keeps_last_known_block });
}

static void init_memory(orc_replica *r)
{
  const orc_engine_knobs *knobs = &r->knobs;
  r->host_free = knobs->swap_blocks;
  orc_kv_init(&r->kv, knobs->num_gpu_blocks, knobs->block_size);
  r->own = orc_alloc(1, sizeof *r->own);
  if (knobs->group_count > 0) {
    init_groups(r);
    return;
  }
  orc_prefix_init(&r->prefix, &r->kv);
  r->prefix.merges = !knobs->rules.keeps_equal_blocks;
  r->prefix.radix = knobs->rules.radix_tree && r->prefix.merges;
  r->prefix.single = knobs->rules.radix_tree || knobs->tier_count > 0;
  if (knobs->rules.one_free_queue && knobs->enable_prefix_caching)
    orc_prefix_in_one_queue(&r->prefix);
  r->prefix.most = knobs->prefix_cache_blocks;
  r->prefix.most_entries = knobs->prefix_cache_entries;
  r->prefix.recompute_last_block = knobs->recompute_last_block;
  if (knobs->tier_count == 0) return;
  orc_kv_tiers_init(&r->tiers, knobs->tiers, knobs->tier_count);
  r->prefix.tiers = &r->tiers;
}

void orc_replica_init(orc_replica *r, const orc_replica_world *world, uint16_t index,
                      const orc_replica_kind *kind)
{
  *r = (orc_replica){ .host = world->host,
                      .engine = world->engine,
                      .requests = world->requests,
                      .policy = world->policy,
                      .index = index,
                      .knobs = kind->knobs,
                      .cost = kind->cost,
                      .draft = kind->draft,
                      .role = kind->role,
                      .seed = world->seed,
                      .first = ORC_NO_SLOT,
                      .paused = ORC_NO_SLOT,
                      .last = ORC_NO_SLOT,
                      .wake = ORC_NEVER,
                      .asleep = ORC_NEVER,
                      .settles = ORC_NEVER,
                      .last_prompts = -(int64_t)kind->knobs.rules.prefill_interval,
                      .profile_count = world->profile_count,
                      .runs = world->runs,
                      .sleeps = world->runs && world->sleeps };
  orc_pipeline_init(&r->pipeline, kind->stages);
  r->rng = orc_rng_stream(world->seed, ORC_FOR_POLICY, index);
  init_memory(r);
  orc_queue_init(&r->queue, r->requests, 0);
  orc_loras_init(&r->loras, &kind->knobs.lora);
  const orc_microbatch_plan plan = { .requests = r->requests,
                                     .block_size = kind->knobs.block_size,
                                     .window = window_of(&r->cost->model),
                                     .stages = r->pipeline.count };
  r->microbatch_count = r->pipeline.count;
  r->microbatches = orc_alloc((size_t)r->microbatch_count, sizeof *r->microbatches);
  for (int i = 0; i < r->microbatch_count; i++)
    orc_microbatch_init(&r->microbatches[i], i, &plan);
  for (int i = 0; i < r->microbatch_count && kind->knobs.speculation.tokens > 0; i++)
    orc_decode_set_verify(&r->microbatches[i].decode);
  r->stepwise = r->microbatch_count > 1;
  r->observed_together = world->observed != NULL;
  r->observed = r->observed_together ? world->observed : orc_observed_new(r->profile_count);
}

void orc_replica_done(orc_replica *r)
{
  if (!r->observed_together) orc_observed_free(r->observed, r->profile_count);
  free(r->shapes);
  free(r->partial);
  for (int i = 0; i < r->microbatch_count; i++)
    orc_microbatch_done(&r->microbatches[i]);
  free(r->microbatches);
  orc_pipeline_done(&r->pipeline);
  orc_prefix_done(&r->prefix);
  orc_prefix_order_done(&r->prefix_order);
  orc_kv_tiers_done(&r->tiers);
  if (r->groups != NULL) orc_kv_groups_done(r->groups);
  free(r->groups);
  free(r->loads.at);
  orc_loras_done(&r->loras);
  free(r->own);
  free(r->ending);
  free(r->aside);
  orc_queue_done(&r->queue);
  orc_turns_free(r->turns);
}

/* Unchunked, all tokens must go into one step, those generated before a recomputation included. */
bool orc_replica_never_fits(const orc_replica *r, const orc_request *q)
{
  const int64_t tokens = (int64_t)q->in.prompt + q->in.max_output;
  const int64_t slots = orc_replica_slots(r, tokens, orc_replica_drafts_most(r));
  const int64_t holds = r->groups == NULL
                            ? orc_kv_blocks(&r->kv, slots)
                            : orc_kv_groups_most(r->groups, slots, orc_replica_in_flight_most(r));
  return tokens > r->knobs.max_model_len || holds > r->kv.total ||
         (!r->knobs.enable_chunked_prefill && tokens > r->knobs.max_num_batched_tokens);
}

void orc_replica_wake_at(orc_replica *r, orc_time time)
{
  if (time >= r->wake) return;
  r->wake = time;
  orc_engine_at_local(r->engine, time, ORC_CLASS_STEP, r->index, ORC_EVENT_WAKE, r->index);
}

void orc_replica_disturb(orc_replica *r)
{
  r->unchanged = false;
  if (orc_replica_idle(r) && orc_replica_in_flight(r) > 0) orc_replica_wake_at(r, r->engine->now);
}
