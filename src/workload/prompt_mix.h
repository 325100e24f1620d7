/*
** prompt_mix.h - what the prompts of a profile are made of: a prefix that others begin with too,
** and text of their own; or a pool of prompts asked again and again. Prefixes of one name are one text
** in every profile.
*/
#ifndef ORC_WORKLOAD_PROMPT_MIX_H
#define ORC_WORKLOAD_PROMPT_MIX_H

#include "base/base.h"
#include "workload/prompt.h"

/* A piece of a prefix. */
typedef struct orc_prefix_part {
  uint64_t text;  /* its identity */
  int32_t tokens; /* >= 1 */
} orc_prefix_part;

/* A way prompts begin. */
typedef struct orc_prefix_pattern {
  double weight;    /* >= 0: share over the sum of weights */
  int64_t variants; /* >= 1 texts, each as likely */
  orc_prefix_part *parts;
  int part_count; /* 0: no prefix */
} orc_prefix_pattern;

typedef struct orc_prompt_mix {
  bool told;    /* prompts have identities; else all are unlike any other and cost nothing */
  int64_t pool; /* different prompts; 0: each is new */
  orc_prefix_pattern *patterns; /* owned */
  int pattern_count;            /* 0: no prefix */
} orc_prompt_mix;

void orc_prompt_mix_done(orc_prompt_mix *w);

/* What one prompt says. */
typedef struct orc_prompt_texts {
  uint64_t prefix; /* key of the draw of its prefix: equal for the turns of one session */
  uint64_t text;   /* its own text: equal for prompts that are asked again */
  uint64_t answer; /* the text its answer will be */
} orc_prompt_texts;

/*
** The content of a new prompt; 0 where prompts have no identity.
**   *tokens   its length; becomes that of its prefix where it is shorter
*/
uint32_t orc_prompt_mix_prompt(const orc_prompt_mix *w, orc_prompts *p, uint64_t seed,
                               const orc_prompt_texts *words, int32_t *tokens);

#endif
