/*
** listed.h - requests told one by one: when each comes, what its prompt is made of, how much it
** generates, and how its conversation goes on.
*/
#ifndef ORC_WORKLOAD_LISTED_H
#define ORC_WORKLOAD_LISTED_H

#include "base/base.h"
#include "workload/source.h"

/* A request, the first turn of a conversation where `turns` > 1. Lengths in tokens, times in ns. */
typedef struct orc_listed {
  orc_time time;
  int32_t output, max_output;
  int32_t priority;
  bool stops;         /* it ends with a token that is not foreseen */
  int32_t prompt;     /* >= 1 */
  uint32_t prompt_id; /* in the prompts of the source; 0: unlike any other, and no turn follows */
  int32_t turns;      /* >= 1; each has all before it as its prompt, and `input` tokens more */
  int32_t input;      /* >= 1 where turns > 1 */
  orc_time think;     /* from an answer to the next turn */
} orc_listed;

/* A source of no requests yet. Its arrivals have the request's index as client and session index
** + 1. */
orc_source orc_source_listed(uint16_t profile);

/* Add a request that comes no earlier than those before, with a prompt made in s->prompts. */
void orc_listed_add(orc_source *s, const orc_listed *r);

#endif
