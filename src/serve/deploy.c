#include "serve/deploy.h"

/* Those the autoscaler may add are as the last one given. */
static void open_replica(orc_cluster *c, const orc_cluster_config *config, int index)
{
  const int last = config->replicas - 1;
  if (config->kinds != NULL) {
    orc_replica_init(&c->replicas[index], c, (uint16_t)index,
                     &config->kinds[index < last ? index : last]);
    return;
  }
  const orc_replica_kind kind = { .knobs = *config->knobs, .cost = config->cost };
  orc_replica_init(&c->replicas[index], c, (uint16_t)index, &kind);
}

/* KV caches go from each replica that computes prompts to each that decodes. */
static bool join_pools(orc_cluster *c)
{
  bool pools = false;
  for (int a = 0; a < c->replica_count; a++)
    for (int b = 0; b < c->replica_count; b++) {
      const orc_replica *from = &c->replicas[a], *to = &c->replicas[b];
      if (from->role != ORC_ROLE_PREFILL || to->role != ORC_ROLE_DECODE) continue;
      const int sources = orc_replica_devices(from), sinks = orc_replica_devices(to);
      for (int i = orc_handover_messages(sources, sinks) - 1; i >= 0; i--)
        orc_placement_join(&c->placement, from->pipeline.stages[0].devices[i % sources],
                           to->pipeline.stages[0].devices[i % sinks]);
      pools = true;
    }
  return pools;
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

/* The level of detail of each replica. */
static void set_detail(orc_cluster *c, const orc_cluster_config *config)
{
  if (join_pools(c)) {
    c->engine.coupled = true; /* what one replica hands over another takes */
    if (c->lod != ORC_LOD_MEDIUM || config->detailed != NULL)
      c->crowd.net = orc_net_new(config->topology, &c->engine, ORC_EVENT_NET);
  }
  for (int i = 0; i < c->replica_count; i++) {
    orc_replica *r = &c->replicas[i];
    r->shared = orc_placement_shared(&c->placement, &r->pipeline);
    const bool named = config->detailed != NULL && config->detailed[i];
    r->high = c->lod == ORC_LOD_HIGH || named || (c->lod == ORC_LOD_AUTO && r->shared);
    r->crowded = r->high && r->shared && config->lockstep < 2;
    if (!r->crowded) continue;
    if (c->crowd.net == NULL)
      c->crowd.net = orc_net_new(config->topology, &c->engine, ORC_EVENT_NET);
    r->stepwise = true;
    orc_crowd_add(&c->crowd, r);
  }
}

/* Replicas that share their experts step together. */
static void tie(orc_cluster *c, const orc_cluster_config *config)
{
  const int size = config->lockstep;
  if (size < 2) return;
  ORC_ASSERT(c->replica_count % size == 0);
  c->lockstep_count = c->replica_count / size;
  c->locksteps = orc_alloc((size_t)c->lockstep_count, sizeof *c->locksteps);
  for (int i = 0; i < c->lockstep_count; i++)
    orc_lockstep_init(&c->locksteps[i], &c->replicas[(size_t)i * (size_t)size], size,
                      &c->placement);
}

void orc_deploy(orc_cluster *c, const orc_cluster_config *config)
{
  c->replicas = orc_alloc((size_t)c->replica_count, sizeof *c->replicas);
  for (int i = 0; i < c->replica_count; i++)
    open_replica(c, config, i);
  orc_handovers_init(c, config->layerwise);
  place(c, config);
  set_detail(c, config);
  tie(c, config);
}
