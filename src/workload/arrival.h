/*
** arrival.h - what a request asks for when it comes: drawn by a source, carried by the request.
*/
#ifndef ORC_WORKLOAD_ARRIVAL_H
#define ORC_WORKLOAD_ARRIVAL_H

#include "base/base.h"
#include "base/status.h"

/* Times in ns, lengths in tokens. */
typedef struct orc_arrival {
  orc_time time;
  int32_t prompt;     /* >= 1 */
  int32_t output;     /* tokens it will generate, >= 1 */
  int32_t max_output; /* tokens asked for, >= output */
  uint32_t client;
  uint64_t session;      /* 0: none */
  uint16_t turn;         /* of the session, from 1; 0: none */
  uint16_t last_replica; /* the replica that served the turn before; ORC_NO_REPLICA: none */
  bool stops;            /* it ends with a token that is not foreseen, not by its length */
  bool streamed;         /* the client gets each token as it comes */
  int32_t priority;      /* smaller goes first, as in vLLM */
  uint16_t profile;
  uint16_t adapter; /* LoRA; 0: none. Drawn when it arrives (adapter_mix.h) */
  uint32_t source;  /* index of the source it comes from; set by the cluster */
  orc_time timeout; /* from arrival until the client hangs up; ORC_NEVER */
  orc_time cancel;  /* from arrival until the client cancels; ORC_NEVER */
  uint32_t
      prompt_id; /* what the prompt is made of (prompt.h), of its source; 0: unlike any other */
  uint32_t tag;  /* what its source knows it by, and nothing else looks at */
} orc_arrival;

#endif
