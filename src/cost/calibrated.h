/*
** calibrated.h - what measured kernels and engines reach of a chip, and what they take beside it:
** the parameters of a fit, the rates that follow for one stage of a deployment, and the time of its
** operations. They belong to a generation of chips, a number format, an engine and its version, never
** to a model. Pure functions over prepared values; step.h makes steps of them.
*/
#ifndef ORC_COST_CALIBRATED_H
#define ORC_COST_CALIBRATED_H

#include "base/base.h"
#include "cost/hardware.h"
#include "cost/layout.h"
#include "cost/model.h"
#include "cost/op.h"

/*
** Parameters of a fit. By format where kernels differ; a format that nothing uses may be 0. Shares of
** the bandwidth may pass 1, where a cache helps, and of a peak where kernels take a faster path than
** the format's own.
*/
typedef struct orc_calibration {
  double gemm_bandwidth[ORC_DTYPES];   /* share of memory bandwidth, dense matrices */
  double gemm_compute[ORC_DTYPES];     /* share of the peak */
  double expert_bandwidth[ORC_DTYPES]; /* the same of grouped products of experts */
  double expert_compute[ORC_DTYPES];   /* */
  double slice_width;                  /* columns: an expert's slice of so many has half the rate */
  double routing_skew;                 /* tokens that choose apart, of all: in (0, 1] */
  double rank_imbalance;               /* busiest rank of expert parallelism over the mean, >= 1 */
  double attention_decode;             /* share of memory bandwidth */
  double attention_decode_compute;     /* share of the peak */
  double attention_prefill;            /* share of the peak, */
  double prefill_ramp;                 /* reached by prompts of many times so many tokens */
  double reduce_latency;               /* s of an all-reduce of nothing */
  double reduce_bandwidth;             /* share of the link between the GPUs */
  double layer_floor;     /* s per layer and step: launches, waits, small kernels; more */
  double quantised_floor; /* where activations are quantised, */
  double block_floor;     /* in blocks instead, each with a scale of its own, */
  double latent_floor, sparse_floor; /* for latent attention, an indexer, */
  double state_floor;                /* a layer with a state, */
  double expert_floor;               /* one of experts, */
  double expert_parallel_floor;      /* and of whole experts on several ranks */
  double step_host;                  /* s of the host per step, */
  double sequence_host;              /* per sequence that decodes in it, */
  double prompt_host;                /* and per prompt computed in it */
  double older_factor; /* floors and step_host of an engine's older generation; 1: the newer one */
} orc_calibration;

/* Check the ranges: false with the field, its value and what was expected. */
bool orc_calibration_check(const orc_calibration *p, orc_error *e);

/* Whether the formats of a deployment have their shares: false with the one that is missing. */
bool orc_calibration_covers(const orc_calibration *p, const orc_layout *l, const orc_model *m,
                            orc_error *e);

/* What one stage takes, in s per byte, per FLOP and per step. Fill by orc_calibrated_of. */
typedef struct orc_calibrated {
  double memory[ORC_PARTS], compute[ORC_PARTS];
  double head_memory, head_compute;
  double context_memory, context_compute; /* attention of decodes */
  double pair_compute;                    /* of prompts; */
  double token_pairs;                 /* query-key pairs that each of their tokens is worth more */
  double experts, chosen, skew, miss; /* E, k, routing_skew and log(1 - k / E) */
  double busiest;                     /* load of the busiest rank over the mean */
  double floors;                      /* s per step, all layers of the stage */
  double step_host, sequence_host, prompt_host;
  double reduce_latency, reduce_share;
} orc_calibrated;

/* `stage` of a checked deployment; orc_calibration_covers has passed. */
orc_calibrated orc_calibrated_of(const orc_calibration *p, const orc_model *m,
                                 const orc_hardware *h, const orc_layout *l, orc_stage stage);

/*
** s of a product, all layers: max(weights / bandwidth, FLOPs / peak) at the part's shares. Experts
** take more:
**   read      E (1 - (1 - k/E)^(skew tokens)) experts, at least k: those that some token chose
**   computed  max(tokens k, 4 read) rows: a tile of a grouped product has a few at least
**   a slice   both run at 1 / (1 + slice_width / width) of the rate, for an expert's width on a rank
**   a rank    of whole experts: tokens and experts of the busiest, rank_imbalance times the mean
**   tokens    of all replicas that share the experts
**   compute   gets the s added where FLOPs bind
*/
double orc_calibrated_product(const orc_calibrated *c, const orc_op *op, double tokens,
                              double *compute);

/* Distinct experts that `tokens` tokens (>= 1) read, on all ranks. */
double orc_calibrated_experts_read(const orc_calibrated *c, double tokens);

/* s of the LM head for `sampled` positions; `compute` as above. */
double orc_calibrated_head(const orc_calibrated *c, const orc_op *op, double sampled,
                           double *compute);

/* s of what ranks exchange over links of `g`, `bytes` in and out of each: reduce_latency or the
** link's, the greater, and the bytes at reduce_bandwidth of it. */
double orc_calibrated_messages(const orc_calibrated *c, const orc_group *g, double bytes);

/* s of the host for a step of so many decoding sequences and prompts. */
double orc_calibrated_host(const orc_calibrated *c, double decodes, double prompts);

#endif
