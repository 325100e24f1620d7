/*
** step_trace.h - a schedule as it was carried out: who computed how many tokens in which step, what
** KV memory was in use, who was preempted. For runs small enough to be looked at step by step; it
** observes and never decides.
*/
#ifndef ORC_OBS_STEP_TRACE_H
#define ORC_OBS_STEP_TRACE_H

#include "base/base.h"
#include "obs/log.h"

/* One step. Its parts and its preempted requests lie behind those of the steps before. */
typedef struct orc_step_trace_step {
  orc_time formed, start; /* ns */
  int64_t used;           /* KV blocks in use once it was formed */
  uint32_t parts, preempted;
} orc_step_trace_step;

/* A request in a step. */
typedef struct orc_step_trace_part {
  uint64_t number; /* of the request: 0, 1, 2 ... in order of arrival */
  int32_t tokens;
} orc_step_trace_part;

/* One request; times in ns, -1: did not happen. */
typedef struct orc_step_trace_request {
  uint32_t client;
  uint16_t turn;
  int32_t prompt, cached, preemptions; /* cached: tokens found when first admitted */
  orc_time arrival, first_token, finish;
} orc_step_trace_request;

typedef struct orc_step_trace {
  orc_step_trace_step *steps;
  orc_step_trace_part *parts;
  uint64_t *preempted;              /* numbers */
  orc_step_trace_request *requests; /* by number */
  uint32_t step_count, step_room, part_count, part_room, preempted_count, preempted_room;
  uint32_t request_count, request_room;
  uint32_t told; /* of the preempted, those that belong to a step */
} orc_step_trace;

void orc_step_trace_done(orc_step_trace *s);

/* Steps and changes go into *s, which must not move. */
orc_log orc_step_trace_log(orc_step_trace *s);

#endif
