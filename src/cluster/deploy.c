#include "cluster/deploy.h"

#include <stdlib.h>

#include "cluster/kv_transfer.h"
#include "cluster/lifecycle.h"
#include "replica/attribution.h"
#include "replica/loop.h"
#include "replica/step_time.h"

static int larger(int a, int b)
{
  return a > b ? a : b;
}

/*
** What its replicas cost. They share it, and what was prepared of it, unless each has a network of its own to
** see, or a model of someone's own is asked, which may answer each differently.
*/
static void price(orc_pool *p, const orc_pool_config *config)
{
  const orc_replica_kind *kind = &config->kind;
  const bool apart = config->lockstep || kind->cost->own != NULL;
  p->cost = orc_alloc(1, sizeof *p->cost);
  *p->cost = *kind->cost;
  p->draft = orc_alloc(1, sizeof *p->draft);
  if (kind->draft != NULL) *p->draft = *kind->draft;
  p->stage_sets = apart ? p->count : 1;
  p->stages = orc_alloc((size_t)p->stage_sets, sizeof(orc_pipe_cost *));
  for (int i = 0; i < p->stage_sets; i++)
    p->stages[i] = orc_pipe_costs_new(p->cost, config->stages);
}

static void add_replicas(orc_cluster *c, const orc_pool *p, const orc_replica_world *world,
                         const orc_pool_config *config, bool shapes)
{
  orc_replica_kind kind = config->kind;
  kind.cost = p->cost;
  kind.draft = p->draft;
  for (int k = 0; k < p->count; k++) {
    const int index = p->first + k;
    kind.stages = p->stages[p->stage_sets == 1 ? 0 : k];
    orc_replica_init(&c->replicas[index], world, (uint16_t)index, &kind);
    c->replicas[index].pool = (uint16_t)(p - c->pools);
    orc_attribution_start(&c->replicas[index]);
    if (shapes) c->replicas[index].shapes = orc_alloc(1, sizeof(orc_step_shapes));
  }
}

void orc_deploy_done(orc_cluster *c)
{
  for (int i = 0; i < c->replica_count; i++) {
    orc_attribution_done(&c->replicas[i]);
    orc_replica_done(&c->replicas[i]);
  }
  free(c->replicas);
  orc_observed_free(c->observed, c->profile_count);
  for (int i = 0; i < c->pool_count; i++) {
    for (int k = 0; k < c->pools[i].stage_sets; k++)
      orc_pipe_costs_free(c->pools[i].stages[k]);
    free(c->pools[i].stages);
    free(c->pools[i].cost);
    free(c->pools[i].draft);
  }
  free(c->pools);
}

/* Make room for the replicas of all pools. */
static void open_pools(orc_cluster *c, const orc_cluster_config *config)
{
  const orc_pool_config *pools = config->pools;
  ORC_ASSERT(!config->observed_together || c->pool_count == 1);
  if (config->observed_together) c->observed = orc_observed_new(c->profile_count);
  c->pools = orc_alloc((size_t)c->pool_count, sizeof *c->pools);
  for (int i = 0; i < c->pool_count; i++) {
    const orc_pool_config *p = &pools[i];
    const int room = larger(p->room, p->replicas), group = larger(p->group, 1);
    ORC_ASSERT(room >= 1 && room % group == 0 && p->replicas % group == 0);
    ORC_ASSERT(p->scaling.most * group <= room);
    c->pools[i] =
        (orc_pool){ .first = c->replica_count, .count = room, .group = group, .is = p->scaling };
    c->replica_count += room;
  }
  const orc_replica_world world = { .host = &c->host,
                                    .engine = &c->engine,
                                    .requests = &c->requests,
                                    .policy = &c->batching,
                                    .seed = c->seed,
                                    .observed = c->observed,
                                    .profile_count = c->profile_count,
                                    .runs = config->runs && config->log == NULL &&
                                            c->host.attribution == NULL,
                                    .sleeps = c->sleeps };
  c->replicas = orc_alloc((size_t)c->replica_count, sizeof *c->replicas);
  for (int i = 0; i < c->pool_count; i++) {
    price(&c->pools[i], &pools[i]);
    add_replicas(c, &c->pools[i], &world, &pools[i], config->shapes);
  }
  c->load_starts = orc_alloc(1, sizeof *c->load_starts);
  c->cache_starts = orc_alloc(1, sizeof *c->cache_starts);
  c->loads = orc_router_load_new(c->replicas, c->replica_count, c->load_starts);
}

/* KV caches go from each replica that computes prompts to each that decodes. */
static bool join_pools(orc_cluster *c)
{
  bool joined = false;
  for (int a = 0; a < c->replica_count; a++)
    for (int b = 0; c->replicas[a].role == ORC_ROLE_PREFILL && b < c->replica_count; b++) {
      const orc_replica *from = &c->replicas[a], *to = &c->replicas[b];
      const orc_kv_reshard *w = orc_kv_transfer_reshard(c, from, to);
      for (int i = 0; i < w->count; i++)
        orc_placement_join(&c->placement, from->pipeline.stages[0].devices[w->parts[i].from],
                           to->pipeline.stages[0].devices[w->parts[i].to]);
      joined = joined || w->count > 0;
    }
  return joined;
}

/* Put the replicas on their devices, and find those whose links others use too. */
static void place(orc_cluster *c, const orc_cluster_config *config)
{
  orc_placement_init(&c->placement, config->topology);
  if (config->topology == NULL) return;
  int total = 0, at = 0;
  for (int i = 0; i < c->replica_count; i++)
    total += orc_replica_devices(&c->replicas[i]);
  c->devices = orc_alloc((size_t)total, sizeof *c->devices);
  for (int i = 0; i < total; i++)
    c->devices[i] = config->devices[i];
  for (int i = 0; i < c->replica_count; i++) {
    orc_placement_put(&c->placement, &c->replicas[i].pipeline, c->devices + at);
    at += orc_replica_devices(&c->replicas[i]);
  }
}

/* A replica whose devices compute and send on links of others. */
static void contend(orc_cluster *c, orc_topology *topology, orc_replica *r)
{
  if (c->net == NULL) c->net = orc_net_new(topology, &c->engine, ORC_EVENT_NET);
  if (c->contended.net == NULL)
    orc_contended_init(&c->contended, &c->engine, c->net, ORC_EVENT_COMPUTED);
  const orc_contended_user user = { .pipeline = &r->pipeline,
                                    .microbatches = r->microbatch_count,
                                    .landed = orc_loop_landed,
                                    .passed =
                                        c->host.note_stage != NULL ? orc_step_time_passed : NULL,
                                    .self = r };
  r->contended = &c->contended;
  r->contended_stage = orc_contended_add(&c->contended, &user);
  r->stepwise = true;
}

/* The level of detail of each replica. */
static void set_detail(orc_cluster *c, const orc_cluster_config *config,
                       const orc_pool_config *pools)
{
  if (join_pools(c)) {
    c->engine.coupled = true; /* what one replica hands over another takes */
    if (c->lod != ORC_LOD_MEDIUM || config->levels != NULL)
      c->net = orc_net_new(config->topology, &c->engine, ORC_EVENT_NET);
  }
  for (int i = 0; i < c->replica_count; i++) {
    orc_replica *r = &c->replicas[i];
    r->shared = orc_placement_shared(&c->placement, &r->pipeline);
    r->level = config->levels != NULL ? config->levels[i] : c->lod;
    r->high = r->level == ORC_LOD_HIGH || (r->level == ORC_LOD_AUTO && r->shared);
    if (r->high && r->shared && !pools[r->pool].lockstep) contend(c, config->topology, r);
  }
}

/* Replicas that share their experts step together. */
static void tie(orc_cluster *c, const orc_pool_config *pools)
{
  int groups = 0;
  for (int i = 0; i < c->pool_count; i++)
    if (pools[i].lockstep) groups += c->pools[i].count / c->pools[i].group;
  c->dp_groups = orc_alloc((size_t)groups, sizeof *c->dp_groups);
  c->dp_group_of = orc_alloc((size_t)c->replica_count, sizeof(orc_dp_group *));
  for (int i = 0; i < c->pool_count; i++) {
    const orc_pool *p = &c->pools[i];
    for (int k = 0; pools[i].lockstep && k < p->count; k++) {
      if (k % p->group == 0)
        orc_dp_group_init(&c->dp_groups[c->dp_group_count++], &c->replicas[p->first + k], p->group,
                          &c->placement);
      c->dp_group_of[p->first + k] = &c->dp_groups[c->dp_group_count - 1];
    }
  }
}

/* Whether replicas may sleep while others work: there are others, they hand nothing over to one another of
** their own accord, and nobody watches what they do. */
static bool may_sleep(const orc_cluster *c, const orc_cluster_config *config)
{
  int replicas = 0;
  for (int i = 0; i < config->pool_count; i++) {
    replicas += larger(config->pools[i].room, config->pools[i].replicas);
    if (config->pools[i].kind.role != ORC_ROLE_ALL) return false;
  }
  return replicas > 1 && config->runs && c->log == NULL && c->life == NULL;
}

void orc_deploy(orc_cluster *c, const orc_cluster_config *config)
{
  ORC_ASSERT(config->pool_count >= 1);
  c->pool_count = config->pool_count;
  c->sleeps = may_sleep(c, config);
  open_pools(c, config);
  orc_kv_transfer_start(c, config->layerwise);
  place(c, config);
  set_detail(c, config, config->pools);
  tie(c, config->pools);
  int *starts = orc_alloc((size_t)c->pool_count, sizeof *starts);
  for (int i = 0; i < c->pool_count; i++)
    starts[i] = config->pools[i].replicas;
  orc_lifecycle_init(c, &config->lifecycle, starts);
  free(starts);
}
