/*
** outcome.h - what a source learns of a request of its own that has ended, whatever the end was.
*/
#ifndef ORC_WORKLOAD_OUTCOME_H
#define ORC_WORKLOAD_OUTCOME_H

#include "base/base.h"
#include "base/status.h"
#include "workload/arrival.h"

/* Times in ns since the run began. */
typedef struct orc_outcome {
  const orc_arrival *in; /* what it asked for: profile, client, session and turn, lengths */
  uint64_t number;       /* 0, 1, 2 ... in order of arrival */
  orc_time ended;
  orc_time first_token, last_token; /* -1: none came out */
  int32_t generated;                /* tokens that came out; all it would: in->output */
  int32_t cached;                   /* tokens of the prompt found in a prefix cache */
  uint16_t replica;                 /* the last that had it; ORC_NO_REPLICA: none */
  orc_status status;
} orc_outcome;

#endif
