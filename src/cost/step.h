/*
** step.h - what one step of a replica costs: a batch's shape in, itemised seconds out.
** Pure functions over a prepared `orc_step_cost`; each operation kind has its own roofline.
*/
#ifndef ORC_COST_STEP_H
#define ORC_COST_STEP_H

#include "base/base.h"
#include "cost/collective.h"
#include "cost/hardware.h"
#include "cost/layout.h"
#include "cost/model.h"

typedef enum orc_cost_kind {
  ORC_COST_ROOFLINE, /* max of compute at MFU and memory at MBU, per operation kind */
  ORC_COST_CONSTANT, /* a fixed time per step: queueing theory's server */
} orc_cost_kind;

/* Parameters a user can set. Zero is not a default here: orc_cost_params_default fills them. */
typedef struct orc_cost_params {
  orc_cost_kind kind;
  /* share of the peak each roof reaches, in (0, 1]; apart for steps with and without prefill tokens */
  double prefill_mfu, prefill_mbu, decode_mfu, decode_mbu; /* 0.5, 0.8, 0.5, 0.8 */
  double smooth_p;             /* exponent of the smooth maximum; 0: hard maximum */
  double step_overhead;        /* s per step: host scheduling, launches; 0 */
  double layer_overhead;       /* s per layer and step; 0 */
  double sequence_overhead;    /* s per sampled sequence and step; 0 */
  double request_overhead;     /* s added once to a request's first token (API); 0 */
  double moe_imbalance;        /* busiest expert over mean, >= 1; 1 */
  double constant_step;        /* s per step, CONSTANT only, > 0 */
  double constant_prefill_token; /* s per prefill token, CONSTANT only, >= 0; 0 */
} orc_cost_params;

void orc_cost_params_default(orc_cost_params *p);
bool orc_cost_params_check(const orc_cost_params *p, orc_error *e);

/* The shape of one step's batch. All >= 0; sums over the batch's sequences. */
typedef struct orc_step_shape {
  int64_t decode_seqs;        /* sequences that decode one token each */
  int64_t decode_context;     /* tokens of KV they read, the new one included */
  int64_t decode_window;      /* same, each capped at the sliding window (= decode_context without one) */
  int64_t prefill_tokens;     /* prompt tokens computed in this step */
  int64_t prefill_seqs;       /* sequences they belong to */
  double prefill_pairs;       /* sum over chunks of chunk * (past + (chunk + 1) / 2): query-key pairs */
  double prefill_window_pairs;/* same under the sliding window */
  int64_t prefill_past;       /* sum of tokens of KV re-read by the chunks (their past) */
  int64_t prefill_window_past;
  int64_t sampled;            /* positions that go through the LM head: decoding sequences and prompts ending here */
} orc_step_shape;

/* Add one chunk of `tokens` after `past` tokens already in the cache. */
void orc_step_shape_add_chunk(orc_step_shape *s, const orc_model *m, int64_t tokens, int64_t past, bool samples);

/* Where the time of one step goes, s. total is their sum. */
typedef struct orc_step_time {
  double gemm, attention, lm_head, other, collective, overhead, total;
  double flops, bytes; /* the work done on one GPU: achieved MFU and MBU follow */
} orc_step_time;

/*
** A deployment prepared for costing: coefficients per operation kind, derived once. Fill by
** orc_step_cost_init; copyable; read-only afterwards.
*/
typedef struct orc_step_cost {
  orc_model model;
  orc_hardware hardware;
  orc_layout layout;
  orc_cost_params params;
  /* derived coefficients follow in step.c's order; see there */
  double coef[48];
} orc_step_cost;

bool orc_step_cost_init(orc_step_cost *c, const orc_model *m, const orc_hardware *h, const orc_layout *l,
                        const orc_cost_params *p, orc_error *e);

/* The time of any step, itemised. A shape without work costs nothing. */
orc_step_time orc_step_evaluate(const orc_step_cost *c, const orc_step_shape *s);

/*
** The same for steps that only decode, `n` sequences each, made cheap: the part that depends on n
** is prepared once, each step then costs a few flops. orc_step_decode(prepared, context, window)
** equals orc_step_evaluate's total bit for bit - evaluate uses it.
*/
typedef struct orc_decode_cost {
  int64_t n;
  double fixed;                          /* s: all that does not read context */
  double flops_rate, bytes_rate;         /* s per context token, full-attention layers */
  double flops_base, bytes_base;         /* s per step beside it */
  double window_flops_rate, window_bytes_rate, window_flops_base, window_bytes_base; /* windowed layers */
  double p;                              /* smooth maximum's exponent; 0 hard */
} orc_decode_cost;

orc_decode_cost orc_step_prepare_decode(const orc_step_cost *c, int64_t n);
double orc_step_decode(const orc_decode_cost *d, int64_t context, int64_t window);

#endif
