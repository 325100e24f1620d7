#include "cluster/kv_reshard.h"

#include <math.h>
#include <stdlib.h>

/* What one rank has, or wants, of the heads: [low, high). */
typedef struct span {
  double low, high;
} span;

static span heads_of(const orc_step_cost *c, int rank)
{
  const int heads = c->model.num_key_value_heads, ranks = c->layout.tensor_parallel_size;
  if (ranks > heads) {
    const int head = rank / (ranks / heads);
    return (span){ head, head + 1.0 };
  }
  const double each = (double)heads / ranks;
  return (span){ rank * each, (rank + 1) * each };
}

static double overlap(span a, span b)
{
  const double low = fmax(a.low, b.low), high = fmin(a.high, b.high);
  return high > low ? high - low : 0.0;
}

static span layers_of(const orc_step_cost *c, int stage)
{
  const orc_stage s = orc_layout_stage(&c->layout, &c->model, stage);
  return (span){ s.first_layer, s.first_layer + (double)s.layers };
}

/* The part of what receiver `b` wants that it takes from rank `a` of a stage. */
static double taken(const orc_step_cost *from, int a, const orc_step_cost *to, int b)
{
  const int ranks = from->layout.tensor_parallel_size;
  if (from->model.kv_lora_rank > 0) return a == b % ranks ? 1.0 : 0.0;
  const int heads = from->model.num_key_value_heads;
  const int copies = ranks > heads ? ranks / heads : 1;
  if (a % copies != b % copies) return 0.0;
  const span wanted = heads_of(to, b);
  return overlap(heads_of(from, a), wanted) / (wanted.high - wanted.low);
}

void orc_kv_reshard_init(orc_kv_reshard *w, const orc_replica *from, const orc_replica *to)
{
  const orc_step_cost *f = from->cost, *t = to->cost;
  const int senders = f->layout.tensor_parallel_size, receivers = t->layout.tensor_parallel_size;
  const int most = orc_replica_devices(from) * orc_replica_devices(to);
  *w = (orc_kv_reshard){ .parts = orc_alloc((size_t)most, sizeof *w->parts) };
  for (int i = 0; i < from->pipeline.count; i++)
    for (int j = 0; j < to->pipeline.count; j++) {
      const double layers = overlap(layers_of(f, i), layers_of(t, j)) / f->model.num_hidden_layers;
      for (int b = 0; layers > 0.0 && b < receivers; b++)
        for (int a = 0; a < senders; a++) {
          const double share = layers * taken(f, a, t, b) / receivers;
          if (share <= 0.0) continue;
          w->parts[w->count++] = (orc_kv_reshard_part){ i * senders + a, j * receivers + b, share };
        }
    }
}

void orc_kv_reshard_done(orc_kv_reshard *w)
{
  free(w->parts);
  *w = (orc_kv_reshard){ 0 };
}

double orc_kv_reshard_bytes(const orc_replica *to, int32_t tokens)
{
  const orc_step_cost *c = to->cost;
  return (double)tokens * c->layout.tensor_parallel_size *
         orc_layout_range_kv_bytes(&c->layout, &c->model, 0, c->model.num_hidden_layers);
}

const orc_route *orc_kv_reshard_route(const orc_kv_reshard *w, orc_topology *t, int i,
                                      const orc_replica *from, const orc_replica *to)
{
  const orc_kv_reshard_part *p = &w->parts[i];
  return orc_topology_route(t, from->pipeline.stages[0].devices[p->from],
                            to->pipeline.stages[0].devices[p->to], NULL);
}

static bool crosses(const orc_route *r, int32_t link)
{
  for (int h = 0; h < r->hops; h++)
    if (r->links[h] == link) return true;
  return false;
}

double orc_kv_reshard_alone(const orc_kv_reshard *w, orc_topology *t, const orc_replica *from,
                            const orc_replica *to, double bytes)
{
  double most = 0.0;
  for (int i = 0; i < w->count; i++) {
    const orc_route *r = orc_kv_reshard_route(w, t, i, from, to);
    for (int h = 0; h < r->hops; h++) {
      double share = 0.0;
      for (int k = 0; k < w->count; k++)
        if (crosses(orc_kv_reshard_route(w, t, k, from, to), r->links[h]))
          share += w->parts[k].share;
      const double bandwidth = orc_topology_link(t, r->links[h])->bandwidth;
      most = fmax(most, r->latency + share * bytes / bandwidth);
    }
  }
  return most;
}
