/*
** step.h - what one step of a replica costs: a batch's shape in, itemised seconds out.
** Pure functions over a prepared `orc_step_cost`; each operation kind has its own roofline.
*/
#ifndef ORC_COST_STEP_H
#define ORC_COST_STEP_H

#include "base/base.h"
#include "cost/adapter.h"
#include "cost/all_reduce.h"
#include "cost/calibrated.h"
#include "cost/collective.h"
#include "cost/context.h"
#include "cost/hardware.h"
#include "cost/layout.h"
#include "cost/model.h"
#include "cost/op.h"

typedef enum orc_cost_kind {
  ORC_COST_ROOFLINE,   /* max of compute at MFU and memory at MBU, per operation kind */
  ORC_COST_CONSTANT,   /* a fixed time per step: queueing theory's server */
  ORC_COST_CALIBRATED, /* measured shares of the peaks, and what engines take beside: calibrated.h */
} orc_cost_kind;

/* Parameters a user can set. Zero is not a default here: orc_cost_params_default fills them. */
typedef struct orc_cost_params {
  orc_cost_kind kind;
  /* share of the peak each roof reaches, in (0, 1]: prefill_ for steps with prefill tokens */
  double prefill_mfu, prefill_mbu; /* 0.5, 0.8 */
  double decode_mfu, decode_mbu;   /* 0.5, 0.8 */
  double smooth_p;       /* exponent >= 1 of the smooth maximum (a^p + b^p)^(1/p); 0: hard */
  double step_overhead;  /* s per step: host scheduling, launches; 0 */
  double layer_overhead; /* s per layer and step; 0 */
  /* s of communication per step as a calibration gives it, prefill_ as above; 0 */
  double prefill_comm_overhead, decode_comm_overhead;
  double sequence_overhead; /* s per sampled sequence and step; 0 */
  double
      request_overhead;   /* s added once to a request's first token (API); 0. Not part of a step */
  double stream_interval; /* steps between a token and its client; 0. Not part of a step either */
  double lora_layer_overhead;    /* s per layer of a step with LoRA adapters in it; 0 */
  double moe_imbalance;          /* busiest expert over mean, >= 1; 1 */
  double constant_step;          /* s per step, CONSTANT only, > 0 */
  double constant_prefill_token; /* s per prefill token, CONSTANT only, >= 0; 0 */
  orc_calibration calibration;   /* CALIBRATED only, where mfu, mbu and smooth_p are not read */
} orc_cost_params;

void orc_cost_params_default(orc_cost_params *p);

/* Check the ranges above: false with the field, its value and what was expected. */
bool orc_cost_params_check(const orc_cost_params *p, orc_error *e);

/* The shape of one step's batch. All >= 0; sums over the batch's sequences. */
typedef struct orc_step_shape {
  int64_t decode_seqs;    /* sequences that decode one token each */
  int64_t decode_context; /* tokens of KV they read, the new one included */
  int64_t decode_window;  /* same, each capped at the sliding window (= decode_context without) */
  int64_t prefill_tokens; /* prompt tokens computed in this step */
  int64_t prefill_seqs;   /* sequences they belong to */
  double prefill_pairs;   /* sum over chunks of chunk * (past + (chunk + 1) / 2): query-key pairs */
  double prefill_window_pairs; /* same under the sliding window */
  int64_t prefill_past;        /* sum of tokens of KV re-read by the chunks (their past) */
  int64_t prefill_window_past; /* same, each at most the window without the chunk's first token */
  int64_t all_tokens; /* of all attention replicas that share the experts; 0: these are all */
  int64_t sampled; /* positions through the LM head: decoding sequences and the tokens they verify,
                         prompts that end here */
  /* speculative decoding: tokens that the decoding sequences verify beside the one each decodes. What
  ** these read stands in decode_context, which every token of a sequence shares */
  int64_t verified_tokens;
  double verified_pairs;        /* their query-key pairs */
  double verified_window_pairs; /* same under the sliding window */
  /* LoRA: tokens whose requests have an adapter, and how many different ones these are */
  int64_t adapted_tokens;
  int64_t adapters;
} orc_step_shape;

/*
** Add one chunk of `tokens` (>= 1) after `past` (>= 0) tokens already in the cache. Query i of the
** chunk meets past + i keys, at most the window. `samples`: the prompt ends here, so one position
** is sampled.
*/
void orc_step_shape_add_chunk(orc_step_shape *s, const orc_model *m, int64_t tokens, int64_t past,
                              bool samples);

/*
** Add one sequence that decodes after `past` (>= 0) tokens of KV and verifies `drafts` (>= 0) tokens
** more, all of them sampled. Query i of these meets past + i keys, at most the window.
*/
void orc_step_shape_add_verified(orc_step_shape *s, const orc_model *m, int64_t past,
                                 int64_t drafts);

/* Tokens that a step computes. */
static inline int64_t orc_step_shape_tokens(const orc_step_shape *s)
{
  return s->decode_seqs + s->verified_tokens + s->prefill_tokens;
}

/* Where the time of one step goes, s. total is their sum. */
typedef struct orc_step_time {
  double gemm, attention, lm_head, other, collective, exchange, overhead, total;
  double experts; /* of gemm, the products of experts */
  double compute; /* of gemm, attention, lm_head and other, what FLOPs bind; bytes bind the rest */
  double flops, bytes; /* the work done on one GPU: achieved MFU and MBU follow */
} orc_step_time;

/* Seconds per unit of work at the share of the peak that a step reaches. */
typedef struct orc_rates {
  double gemm;      /* s per FLOP of the matrices in layout.compute */
  double dense;     /* s per FLOP of router and LM head: activation format */
  double attention; /* s per FLOP: fp8 where both KV cache and chip have it, else as dense; */
  double prompts;   /* the same of prompts, */
  double ramp;      /* each token of which is worth so many query-key pairs more */
  double memory;    /* s per byte */
} orc_rates;

struct orc_step_cost;
struct orc_decode_cost;

/*
** A cost model written elsewhere, over the one below: its own seconds stand in place of items of a
** step, or of the whole. Both functions always answer; a model that cannot says why elsewhere.
*/
typedef struct orc_own_cost {
  void *self;
  bool whole; /* it prices steps as a whole: no item tells collectives apart */
  /* Change the items of *t, which are the roofline's; t->total is not read. */
  void (*step)(void *self, const struct orc_step_cost *c, const orc_step_shape *s,
               orc_step_time *t);
  /* Change *d, which is the roofline's, to what holds at `context` tokens of n sequences that
  ** decode, and set d->from and d->until. */
  void (*decode)(void *self, const struct orc_step_cost *c, int64_t n, int64_t context,
                 struct orc_decode_cost *d);
} orc_own_cost;

/*
** A deployment - or one stage of it - prepared for costing: what one token adds to each operation,
** derived once. Fill by orc_step_cost_init; copyable; read-only afterwards.
*/
typedef struct orc_step_cost {
  orc_model model;
  orc_hardware hardware;
  orc_layout layout;
  orc_cost_params params;
  orc_stage stage;
  orc_ops ops;               /* the stage's work on one GPU */
  orc_rates rates[2];        /* without and with prefill tokens */
  orc_calibrated calibrated; /* CALIBRATED only */
  orc_all_reduce reduce;     /* of the tensor-parallel ranks */
  orc_group exchange;        /* the ranks that share the experts; 1 rank: none is shared */
  orc_group link;            /* what joins the GPUs of a stage */
  orc_context context;       /* of the ranks that a sequence's KV is dealt out to */
  orc_adapter adapter;       /* what LoRA adapters add */
  double expert_miss; /* log of the chance that a token passes an expert by; -inf if it cannot */
  const orc_own_cost *own; /* NULL: the formulas below alone; stays in place */
} orc_step_cost;

/*
** Check all parts and prepare *c for the whole model, as if it were one stage.
** Returns false with *e set where a part is wrong or does not fit another.
*/
bool orc_step_cost_init(orc_step_cost *c, const orc_model *m, const orc_hardware *h,
                        const orc_layout *l, const orc_cost_params *p, orc_error *e);

/* Bring what follows from c->params up to date after these have changed; they have passed their check. */
void orc_step_cost_rederive(orc_step_cost *c);

/*
** The same deployment cut down to one pipeline stage, `index` in [0, pipeline_parallel_size). The
** step overhead is every stage's; the time of a CONSTANT model is split by layers.
*/
orc_step_cost orc_step_cost_stage(const orc_step_cost *c, int index);

/*
** The time of any step, itemised. A shape without work costs nothing. Each kind of operation takes
** max(FLOPs / (MFU x peak), bytes / (MBU x bandwidth)) (the roofline: Williams, Waterman and
** Patterson, CACM 52(4), 2009); the kinds add, since they run one after another:
**   gemm        QKV, output, MLP, router, experts: 2 FLOPs per weight and token, weights read once
**               per step. Distinct experts read: E (1 - (1 - k/E)^tokens), routing uniform; their
**               compute grows by moe_imbalance
**   attention   decode: each sequence reads its context, once for all tokens it verifies. Prefill: FLOPs by query-key pair, past and
**               new KV read once, no scores in memory (FlashAttention, arXiv:2205.14135). Latent
**               attention decodes absorbed; its prefill expands the past (arXiv:2405.04434, 2.1)
**   lm_head     for `sampled` positions
**   other       by bytes alone: norms, rotary embedding, activation function, KV writes, embedding
**   collective  tp > 1: two all-reduces per layer, of tokens x hidden activations
**               (Megatron-LM, arXiv:1909.08053, section 3). Left out: the one of the vocabulary-parallel
**               embedding, 1 in 2 x layers, and the gather of the sampled logits. Decode context
**               parallelism: what context.h says
**   adapters    with gemm: their products for the tokens that have one, the weights of each different one
**               read once, and lora_layer_overhead
**   exchange    experts shared by attention replicas: with whole experts two all-to-alls per layer
**               of experts, pairwise, of tokens x experts per token x hidden (Rajbhandari et al.,
**               DeepSpeed-MoE, ICML 2022, section 5), else all tokens to all ranks and the parts of
**               their answers back: an all-gather and a reduce-scatter
**   overhead    step_overhead + layers x layer_overhead + sampled x sequence_overhead + the
**               comm_overhead of prefill or decode; the whole
**               time of a CONSTANT model: constant_step + prefill_tokens x constant_prefill_token
*/
orc_step_time orc_step_evaluate(const orc_step_cost *c, const orc_step_shape *s);

/* The same without c->own. */
orc_step_time orc_step_roofline(const orc_step_cost *c, const orc_step_shape *s);

/*
** What ranks that share the experts exchange in a step (see orc_step_evaluate): in each of `layers`
** layers `times` times the collective, by a ring.
*/
typedef struct orc_exchange {
  orc_collective
      collective; /* ALL_TO_ALL, or ALL_REDUCE: as long as all-gather and reduce-scatter */
  orc_group group;
  int layers, times; /* layers 0: nothing */
  double bytes;      /* as collective.h counts them */
  double measured;   /* s it takes as measured, there and back; 0: by the formula */
} orc_exchange;

/* Whether all-reduces are a calibration's latency and share of the link: AUTO takes them where nothing
** measured suits the ranks and no network says how they are joined. Their messages are not known. */
bool orc_step_reduces_by_calibration(const orc_step_cost *c);

/* That of a step of `tokens` tokens on this rank's replica, `all` on all replicas. */
orc_exchange orc_step_exchange(const orc_step_cost *c, double tokens, double all);

/*
** The same for steps that only decode, `n` sequences each, made cheap: the part that depends on n
** is prepared once, each step then costs a few flops. orc_step_decode(prepared, context, window)
** equals orc_step_roofline's total bit for bit - it uses that. A model of c->own is piecewise linear
** in context, and what is prepared is one piece of it.
*/
typedef struct orc_decode_cost {
  int64_t n;
  double fixed;                  /* s: all that does not read context */
  double flops_rate, bytes_rate; /* s per context token, full-attention layers */
  double bytes_base;             /* s per step beside it: queries and outputs */
  double window_flops_rate, window_bytes_rate, window_bytes_base; /* windowed layers */
  double p;                                                       /* smooth_p */
  double slope;        /* s per context token beside attention */
  int64_t from, until; /* tokens of context between which this holds; `until` not included */
} orc_decode_cost;

/* n >= 0 sequences, all sampled. Costs as much as an evaluation. */
orc_decode_cost orc_step_prepare_decode(const orc_step_cost *c, int64_t n);

/* The same with c->own: the piece that holds at `context`. */
orc_decode_cost orc_step_prepare_decode_at(const orc_step_cost *c, int64_t n, int64_t context);

/* Add base + slope x context (s, s per token) to what is prepared. */
void orc_step_decode_add(orc_decode_cost *d, double base, double slope);

/*
** Seconds of one step in which the prepared sequences decode.
**   context   tokens of KV read in all, the new ones included, >= 0
**   window    same, each sequence capped at the sliding window; not read where the model has none
*/
static inline double orc_step_decode(const orc_decode_cost *d, int64_t context, int64_t window);

/* The smooth maximum with exponent p >= 1 of two times (s); step.c. */
double orc_step_smooth(double a, double b, double p);

/* The time of an operation: its slower roof, or their smooth maximum. */
static inline double orc_step_roof(double compute, double memory, double p)
{
  if (p == 0.0) return compute > memory ? compute : memory;
  return orc_step_smooth(compute, memory, p);
}

/* Seconds that attention takes in a decode step. */
static inline double orc_step_decode_attention(const orc_decode_cost *d, int64_t context,
                                               int64_t window)
{
  const double full = (double)context;
  const double t = orc_step_roof(full * d->flops_rate, full * d->bytes_rate + d->bytes_base, d->p);
  if (d->window_bytes_rate == 0.0) return t;
  const double near = (double)window;
  return t + orc_step_roof(near * d->window_flops_rate,
                           near * d->window_bytes_rate + d->window_bytes_base, d->p);
}

/* Inline because every simulated step begins with it. */
static inline double orc_step_decode(const orc_decode_cost *d, int64_t context, int64_t window)
{
  const double time = d->fixed + orc_step_decode_attention(d, context, window);
  return d->slope == 0.0 ? time : time + d->slope * (double)context;
}

/*
** Of the seconds that attention takes in that step, the share that FLOPs bind, 0 .. 1; without c->own.
**   n   sequences; context, window as above
*/
double orc_step_decode_compute(const orc_step_cost *c, int64_t n, double context, double window);

/* Whether the cost is of hard rooflines and of a model without windows, as most are. */
static inline bool orc_step_is_plain(const orc_decode_cost *d)
{
  return d->p == 0.0 && d->window_bytes_rate == 0.0 && d->slope == 0.0;
}

/* orc_step_decode where the cost is plain, of `full` tokens of context: the same to the last bit. */
static inline double orc_step_decode_plain(const orc_decode_cost *d, double full)
{
  const double compute = full * d->flops_rate, memory = full * d->bytes_rate + d->bytes_base;
  return d->fixed + (compute > memory ? compute : memory);
}

#endif
