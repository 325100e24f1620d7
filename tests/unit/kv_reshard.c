/* reshard.c - which part of a KV cache goes from which rank to which: against what the heads and
** layers of each rank are, written down by hand. */
#include "cluster/kv_reshard.h"

#include <math.h>

#include "cases.h"
#include "test.h"

/* A replica as far as its KV is concerned. */
static orc_replica replica(orc_step_cost *cost, const orc_model *m, int tp, int pp,
                           const uint16_t *layers)
{
  orc_layout l = one_gpu;
  l.tensor_parallel_size = tp;
  l.pipeline_parallel_size = pp;
  for (int i = 0; layers != NULL && i < pp; i++)
    l.layers[i] = layers[i];
  *cost = (orc_step_cost){ .model = *m, .layout = l };
  return (orc_replica){ .cost = cost, .pipeline = { .count = pp } };
}

static double share(const orc_kv_reshard *w, int from, int to)
{
  for (int i = 0; i < w->count; i++)
    if (w->parts[i].from == from && w->parts[i].to == to) return w->parts[i].share;
  return 0.0;
}

/* All shares add up to 1, and every receiving rank gets what it holds. */
static bool whole(const orc_kv_reshard *w, const orc_replica *to)
{
  double sum = 0.0;
  bool good = true;
  const int tp = to->cost->layout.tensor_parallel_size;
  for (int rank = 0; rank < tp * to->pipeline.count; rank++) {
    double got = 0.0;
    for (int i = 0; i < w->count; i++)
      if (w->parts[i].to == rank) got += w->parts[i].share;
    const orc_stage s = orc_layout_stage(&to->cost->layout, &to->cost->model, rank / tp);
    const double wanted = (double)s.layers / to->cost->model.num_hidden_layers / tp;
    good = good && fabs(got - wanted) < 1e-12;
    sum += got;
  }
  return good && fabs(sum - 1.0) < 1e-12;
}

typedef struct end {
  int tp, pp;
  const uint16_t *layers;
} end;

static orc_kv_reshard between(const orc_model *m, end from, end to)
{
  orc_step_cost a_cost, b_cost;
  const orc_replica a = replica(&a_cost, m, from.tp, from.pp, from.layers);
  const orc_replica b = replica(&b_cost, m, to.tp, to.pp, to.layers);
  orc_kv_reshard w;
  orc_kv_reshard_init(&w, &a, &b);
  CHECK(whole(&w, &b));
  return w;
}

static void heads_are_cut_anew(void)
{
  orc_kv_reshard w = between(&llama3_8b, (end){ .tp = 2, .pp = 1 }, (end){ .tp = 4, .pp = 1 });
  CHECK(w.count == 4 && share(&w, 0, 0) == 0.25 && share(&w, 0, 1) == 0.25);
  CHECK(share(&w, 1, 2) == 0.25 && share(&w, 1, 3) == 0.25);
  orc_kv_reshard_done(&w);
  w = between(&llama3_8b, (end){ .tp = 8, .pp = 1 }, (end){ .tp = 2, .pp = 1 });
  CHECK(w.count == 8 && share(&w, 3, 0) == 0.125 && share(&w, 4, 1) == 0.125);
  orc_kv_reshard_done(&w);
}

/* Eight heads on 16 ranks: ranks 2 h and 2 h + 1 have head h. */
static void copies_serve_in_turn(void)
{
  orc_kv_reshard w = between(&llama3_8b, (end){ .tp = 16, .pp = 1 }, (end){ .tp = 16, .pp = 1 });
  CHECK(w.count == 16 && share(&w, 6, 6) == 1.0 / 16 && share(&w, 7, 7) == 1.0 / 16);
  orc_kv_reshard_done(&w);
  w = between(&llama3_8b, (end){ .tp = 8, .pp = 1 }, (end){ .tp = 16, .pp = 1 });
  CHECK(w.count == 16 && share(&w, 3, 6) == 1.0 / 16 && share(&w, 3, 7) == 1.0 / 16);
  orc_kv_reshard_done(&w);
  w = between(&llama3_8b, (end){ .tp = 16, .pp = 1 }, (end){ .tp = 1, .pp = 1 });
  CHECK(w.count == 8 && share(&w, 0, 0) == 0.125 && share(&w, 1, 0) == 0.0);
  orc_kv_reshard_done(&w);
}

static void layers_are_cut_anew(void)
{
  const uint16_t uneven[] = { 20, 12 };
  orc_kv_reshard w =
      between(&llama3_8b, (end){ .tp = 1, .pp = 2, .layers = uneven }, (end){ .tp = 2, .pp = 2 });
  /* Ranks 0, 1: layers 0 .. 15; 2, 3: 16 .. 31, of which the first stage has four. */
  CHECK(w.count == 6 && share(&w, 0, 0) == 0.25 && share(&w, 0, 1) == 0.25);
  CHECK(share(&w, 0, 2) == 4.0 / 64 && share(&w, 1, 2) == 12.0 / 64);
  orc_kv_reshard_done(&w);
}

/* A latent is whole on each rank: whoever sends it sends all of it. */
static void latents_go_whole(void)
{
  orc_model m = llama3_8b;
  m.kv_lora_rank = 512;
  m.qk_rope_head_dim = 64;
  orc_kv_reshard w = between(&m, (end){ .tp = 4, .pp = 1 }, (end){ .tp = 2, .pp = 1 });
  CHECK(w.count == 2 && share(&w, 0, 0) == 0.5 && share(&w, 1, 1) == 0.5);
  orc_kv_reshard_done(&w);
  w = between(&m, (end){ .tp = 1, .pp = 1 }, (end){ .tp = 2, .pp = 1 });
  CHECK(w.count == 2 && share(&w, 0, 0) == 0.5 && share(&w, 0, 1) == 0.5);
  orc_step_cost one_cost, two_cost;
  const orc_replica one = replica(&one_cost, &m, 1, 1, NULL),
                    two = replica(&two_cost, &m, 2, 1, NULL);
  CHECK(orc_kv_reshard_bytes(&one, 10) == 10.0 * 32 * 576 * 2);
  CHECK(orc_kv_reshard_bytes(&two, 10) == 2 * orc_kv_reshard_bytes(&one, 10));
  orc_kv_reshard_done(&w);
}

/* Whatever the degrees: nothing is lost, nothing comes twice. */
static void all_of_it_goes(void)
{
  for (int a = 1; a <= 32; a *= 2)
    for (int b = 1; b <= 32; b *= 2)
      for (int pp = 1; pp <= 5; pp++) {
        orc_kv_reshard w =
            between(&llama3_8b, (end){ .tp = a, .pp = pp }, (end){ .tp = b, .pp = 6 - pp });
        orc_kv_reshard_done(&w);
      }
}

int main(void)
{
  RUN(heads_are_cut_anew);
  RUN(copies_serve_in_turn);
  RUN(layers_are_cut_anew);
  RUN(latents_go_whole);
  RUN(all_of_it_goes);
  return DONE();
}
