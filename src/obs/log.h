/*
** log.h - a listener that hears of every step and every change of a request as it happens. It
** observes and never decides.
*/
#ifndef ORC_OBS_LOG_H
#define ORC_OBS_LOG_H

#include "base/base.h"
#include "obs/life.h"

/* A step as it starts. */
typedef struct orc_step_note {
  orc_time formed, start, end; /* ns */
  uint64_t number;             /* of the replica's steps, from 0 */
  uint16_t replica, microbatch;
  int64_t decodes;        /* sequences that decode a token */
  int64_t prefill_tokens; /* prompt tokens computed, of */
  int64_t prefill_seqs;   /* so many prompts */
  int64_t used;           /* KV blocks in use once it was formed */
  int64_t waiting;        /* requests in the replica's queue then, */
  int64_t running;        /* and in its batches */
  double flops, bytes;    /* work of one GPU */
  double mfu, mbu;        /* achieved, of the peaks of the data sheet, 0..1; 0 where not known */
} orc_step_note;

/* A request in a step. */
typedef struct orc_step_part {
  uint64_t number; /* of the request: 0, 1, 2 ... in order of arrival */
  uint32_t client;
  uint16_t turn;
  int32_t tokens;
  bool decodes; /* it gets a token at the step's end; else a chunk of its prompt */
} orc_step_part;

/* A step on a stage of its replica's pipeline, all of whose devices work alike. */
typedef struct orc_stage_note {
  orc_time start, end; /* ns */
  uint16_t replica, microbatch;
  uint16_t stage, ranks; /* ranks: devices of the stage */
} orc_stage_note;

typedef struct orc_log {
  void *self;
  void (*step)(void *self, const orc_step_note *n);
  void (*stage)(void *self, const orc_stage_note *n); /* of the step that its microbatch started
                                                         last; NULL: not asked for */
  void (*part)(void *self, const orc_step_part *p);   /* of the step before; NULL: not asked for */
  void (*change)(void *self, const orc_life_entry *e);
} orc_log;

#endif
