#include "cost/calibrated.h"

#include <math.h>

#include "base/real.h"

enum { TILE_ROWS = 4 }; /* of an expert's product, at least */

typedef struct range {
  const char *name;
  double value, least, most;
  bool open; /* least itself is none */
} range;

static bool hold(const range *r, int count, orc_error *e)
{
  for (int i = 0; i < count; i++) {
    const bool above = r[i].open ? r[i].value > r[i].least : r[i].value >= r[i].least;
    if (!above || !(r[i].value <= r[i].most))
      return orc_fail(e, "calibration: %s = %g, expected a number %s %g, at most %g", r[i].name,
                      r[i].value, r[i].open ? "above" : "from", r[i].least, r[i].most);
  }
  return true;
}

/* Shares beyond these are no kernel's: a cache or a faster path does not do so much. */
static const double MOST_BANDWIDTH = 2.0, MOST_COMPUTE = 4.0, MOST_SECONDS = 10.0;

static bool shares(const char *name, const double by_format[ORC_DTYPES], double most, orc_error *e)
{
  for (int i = 0; i < ORC_DTYPES; i++) {
    if (!(by_format[i] >= 0.0 && by_format[i] <= most))
      return orc_fail(e, "calibration: %s.%s = %g, expected a number above 0, at most %g", name,
                      orc_dtype_name((orc_dtype)i), by_format[i], most);
  }
  return true;
}

bool orc_calibration_check(const orc_calibration *p, orc_error *e)
{
  const range r[] = {
    { "slice_width", p->slice_width, 0.0, 1e6, false },
    { "routing_skew", p->routing_skew, 0.0, 1.0, true },
    { "rank_imbalance", p->rank_imbalance, 1.0, 1000.0, false },
    { "attention_decode", p->attention_decode, 0.0, MOST_BANDWIDTH, true },
    { "attention_decode_compute", p->attention_decode_compute, 0.0, MOST_COMPUTE, true },
    { "attention_prefill", p->attention_prefill, 0.0, MOST_COMPUTE, true },
    { "prefill_ramp", p->prefill_ramp, 0.0, 1e6, false },
    { "reduce_latency", p->reduce_latency, 0.0, MOST_SECONDS, false },
    { "reduce_bandwidth", p->reduce_bandwidth, 0.0, MOST_BANDWIDTH, true },
    { "layer_floor", p->layer_floor, 0.0, MOST_SECONDS, false },
    { "quantised_floor", p->quantised_floor, 0.0, MOST_SECONDS, false },
    { "block_floor", p->block_floor, 0.0, MOST_SECONDS, false },
    { "latent_floor", p->latent_floor, 0.0, MOST_SECONDS, false },
    { "sparse_floor", p->sparse_floor, 0.0, MOST_SECONDS, false },
    { "state_floor", p->state_floor, 0.0, MOST_SECONDS, false },
    { "expert_floor", p->expert_floor, 0.0, MOST_SECONDS, false },
    { "expert_parallel_floor", p->expert_parallel_floor, 0.0, MOST_SECONDS, false },
    { "step_host", p->step_host, 0.0, MOST_SECONDS, false },
    { "sequence_host", p->sequence_host, 0.0, MOST_SECONDS, false },
    { "prompt_host", p->prompt_host, 0.0, MOST_SECONDS, false },
    { "older_factor", p->older_factor, 0.0, 100.0, true },
  };
  return hold(r, (int)(sizeof r / sizeof *r), e) &&
         shares("gemm_bandwidth", p->gemm_bandwidth, MOST_BANDWIDTH, e) &&
         shares("gemm_compute", p->gemm_compute, MOST_COMPUTE, e) &&
         shares("expert_bandwidth", p->expert_bandwidth, MOST_BANDWIDTH, e) &&
         shares("expert_compute", p->expert_compute, MOST_COMPUTE, e);
}

static bool covers(const char *kind, const double *bandwidth, const double *compute, orc_dtype d,
                   orc_error *e)
{
  if (bandwidth[d] > 0.0 && compute[d] > 0.0) return true;
  return orc_fail(e, "calibration: %s_%s.%s: missing; this deployment has such matrices", kind,
                  bandwidth[d] > 0.0 ? "compute" : "bandwidth", orc_dtype_name(d));
}

bool orc_calibration_covers(const orc_calibration *p, const orc_layout *l, const orc_model *m,
                            orc_error *e)
{
  if (!covers("gemm", p->gemm_bandwidth, p->gemm_compute, l->activations, e)) return false;
  for (int i = 0; i < ORC_PARTS; i++) {
    const orc_dtype d = orc_layout_part_format(l, (orc_part)i);
    if (i == ORC_PART_EXPERT) {
      if (m->num_experts > 0 && !covers("expert", p->expert_bandwidth, p->expert_compute, d, e))
        return false;
    } else if (!covers("gemm", p->gemm_bandwidth, p->gemm_compute, d, e)) {
      return false;
    }
  }
  return true;
}

/* ---- rates ---- */

/* FLOP/s of products with weights in that format. */
static double peak(const orc_hardware *h, const orc_layout *l, orc_dtype d)
{
  return orc_hardware_flops(h, orc_dtype_of(d)->weight_only ? l->activations : d);
}

/* What narrow slices of experts leave of the rates. */
static double slice_rate(const orc_calibration *p, const orc_model *m, const orc_layout *l)
{
  const double cut = l->expert_parallel ? 1.0 : orc_layout_expert_ranks(l);
  return 1.0 / (1.0 + p->slice_width * cut / m->moe_intermediate_size);
}

static void set_parts(orc_calibrated *c, const orc_calibration *p, const orc_model *m,
                      const orc_hardware *h, const orc_layout *l)
{
  for (int i = 0; i < ORC_PARTS; i++) {
    const bool expert = i == ORC_PART_EXPERT;
    if (expert && m->num_experts == 0) continue;
    const orc_dtype d = orc_layout_part_format(l, (orc_part)i);
    const double slice = expert ? slice_rate(p, m, l) : 1.0;
    const double bandwidth = expert ? p->expert_bandwidth[d] : p->gemm_bandwidth[d];
    const double compute = expert ? p->expert_compute[d] : p->gemm_compute[d];
    c->memory[i] = 1.0 / (h->bandwidth * bandwidth * slice);
    c->compute[i] = 1.0 / (peak(h, l, d) * compute * slice);
  }
  c->head_memory = 1.0 / (h->bandwidth * p->gemm_bandwidth[l->activations]);
  c->head_compute = 1.0 / (peak(h, l, l->activations) * p->gemm_compute[l->activations]);
}

/* s per layer of quantising a part's activations on the way in. */
static double quantising(const orc_calibration *p, const orc_layout *l, orc_part part)
{
  const orc_dtype d = orc_layout_part_format(l, part);
  if (d == l->activations || orc_dtype_of(d)->weight_only) return 0.0;
  return d == ORC_FP8_BLOCK ? p->block_floor : p->quantised_floor;
}

static double floors(const orc_calibration *p, const orc_model *m, const orc_layout *l,
                     orc_stage stage)
{
  int count[ORC_BLOCKS];
  orc_model_blocks(m, stage.first_layer, stage.first_layer + stage.layers, count);
  const int attention = count[ORC_BLOCK_WINDOWED] + count[ORC_BLOCK_FULL];
  const double qkv = quantising(p, l, ORC_PART_QKV),
               mlp = count[ORC_BLOCK_DENSE] > 0 ? quantising(p, l, ORC_PART_UP) : 0.0;
  const bool ranks = l->expert_parallel && orc_layout_expert_ranks(l) > 1;
  double sum = stage.layers * (p->layer_floor + (qkv > mlp ? qkv : mlp));
  if (m->kv_lora_rank > 0) sum += attention * p->latent_floor;
  if (m->index_topk > 0) sum += attention * p->sparse_floor;
  sum += count[ORC_BLOCK_STATE] * p->state_floor;
  sum += count[ORC_BLOCK_EXPERTS] * (p->expert_floor + (ranks ? p->expert_parallel_floor : 0.0));
  return sum * p->older_factor;
}

orc_calibrated orc_calibrated_of(const orc_calibration *p, const orc_model *m,
                                 const orc_hardware *h, const orc_layout *l, orc_stage stage)
{
  const double dense = orc_hardware_flops(h, l->activations);
  const bool ranks = l->expert_parallel && orc_layout_expert_ranks(l) > 1;
  orc_calibrated c = {
    .context_memory = 1.0 / (h->bandwidth * p->attention_decode),
    .context_compute = 1.0 / (dense * p->attention_decode_compute),
    .pair_compute = 1.0 / (dense * p->attention_prefill),
    .token_pairs = 0.5 * p->prefill_ramp,
    .experts = m->num_experts,
    .chosen = m->num_experts_per_tok,
    .skew = p->routing_skew,
    .busiest = ranks ? p->rank_imbalance : 1.0,
    .floors = floors(p, m, l, stage),
    .step_host = p->step_host * p->older_factor,
    .sequence_host = stage.lm_head ? p->sequence_host : 0.0,
    .prompt_host = stage.lm_head ? p->prompt_host : 0.0,
    .reduce_latency = p->reduce_latency,
    .reduce_share = p->reduce_bandwidth,
  };
  if (m->num_experts > 0) c.miss = orc_real_log1p(-(double)m->num_experts_per_tok / m->num_experts);
  set_parts(&c, p, m, h, l);
  return c;
}

/* ---- times ---- */

static double larger(double a, double b)
{
  return a > b ? a : b;
}

double orc_calibrated_experts_read(const orc_calibrated *c, double tokens)
{
  const double read = c->experts * (1.0 - orc_real_exp(tokens * c->skew * c->miss));
  return larger(read, c->chosen);
}

/* The slower roof of an operation. */
static double roof(double memory, double flops, double *compute)
{
  if (memory >= flops) return memory;
  *compute += flops;
  return flops;
}

static double experts(const orc_calibrated *c, const orc_op *op, double tokens, double *compute)
{
  const double read = orc_calibrated_experts_read(c, tokens);
  const double rows = larger(tokens, TILE_ROWS * read / c->chosen); /* in tokens */
  const double held = read * c->busiest < c->experts ? read * c->busiest : c->experts;
  return roof(held * op->weights * c->memory[ORC_PART_EXPERT],
              rows * c->busiest * op->flops * c->compute[ORC_PART_EXPERT], compute);
}

double orc_calibrated_product(const orc_calibrated *c, const orc_op *op, double tokens,
                              double *compute)
{
  if (op->part == ORC_PART_EXPERT) return experts(c, op, tokens, compute);
  return roof(op->weights * c->memory[op->part], tokens * op->flops * c->compute[op->part],
              compute);
}

double orc_calibrated_head(const orc_calibrated *c, const orc_op *op, double sampled,
                           double *compute)
{
  return roof(op->weights * c->head_memory, sampled * op->flops * c->head_compute, compute);
}

double orc_calibrated_messages(const orc_calibrated *c, const orc_group *g, double bytes)
{
  return larger(c->reduce_latency, g->latency) + bytes / (g->bandwidth * c->reduce_share);
}

double orc_calibrated_host(const orc_calibrated *c, double decodes, double prompts)
{
  return c->step_host + decodes * c->sequence_host + prompts * c->prompt_host;
}
