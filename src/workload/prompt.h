/*
** prompt.h - what prompts are made of, as far as others may share it: a prompt is a chain of spans,
** each some tokens of a text that has an identity. Two prompts share a prefix where their chains
** begin alike. Only identities are kept, never tokens.
*/
#ifndef ORC_WORKLOAD_PROMPT_H
#define ORC_WORKLOAD_PROMPT_H

#include "base/base.h"

/* Tokens of one text; `end` is where the span ends in the prompt. */
typedef struct orc_span {
  uint64_t text;
  int32_t offset; /* of its first token in the text */
  int32_t end;    /* tokens of the prompt up to here, > 0 */
} orc_span;

typedef struct orc_prompt {
  orc_span *spans; /* [count], in order; together the whole prompt */
  int32_t count, room;
  uint64_t answer; /* the text that will be generated */
  int32_t shared;  /* tokens at the beginning that are not the session's own */
  int32_t history; /* tokens of earlier turns the prompt begins with */
  bool follows;    /* a later turn of a session */
  uint32_t next;   /* in the list of free ones */
} orc_prompt;

/*
** The prompts of one source: those of its requests in flight and of its open sessions. Known by an
** index from 1; 0 is no content: a prompt unlike any other. All zeroes at first.
*/
typedef struct orc_prompts {
  orc_prompt *at; /* [room]; 0 is not used */
  uint32_t count, room, free;
} orc_prompts;

void orc_prompts_done(orc_prompts *p);

/* A new, empty one with the text its answer will be. Grows by doubling. */
uint32_t orc_prompts_add(orc_prompts *p, uint64_t answer);

/* Give one back; 0 is allowed. */
void orc_prompts_drop(orc_prompts *p, uint32_t index);

/* Add `tokens` >= 1 of a text to the end of a prompt, from its token `offset` on. */
void orc_prompts_append(orc_prompts *p, uint32_t index, uint64_t text, int32_t offset,
                        int32_t tokens);

/*
** A new one that begins with all of `index` and `answered` >= 0 tokens of its answer: the next turn
** of the session, to which the user's own words are still to be added.
*/
uint32_t orc_prompts_continue(orc_prompts *p, uint32_t index, int32_t answered, uint64_t answer);

/* Tokens of its prompt. */
static inline int32_t orc_prompt_length(const orc_prompt *c)
{
  return c->count == 0 ? 0 : c->spans[c->count - 1].end;
}

/*
** The hash of tokens [from, to) after whatever `parent` is the hash of; tokens behind the prompt
** are those of its answer. Equal for equal tokens after equal ones. 64 bits: among ten million
** blocks two unequal ones coincide with a probability of 3e-6.
*/
uint64_t orc_prompt_hash(const orc_prompt *c, uint64_t parent, int32_t from, int32_t to);

/* A place in a prompt, and the span it is in, which is the answer behind the last: between them, tokens
** are counted and not looked at one by one. */
typedef struct orc_prompt_place {
  const orc_prompt *of;
  uint64_t before; /* stands for all before the span */
  int32_t span;    /* of->count: the answer */
  int32_t begin, end;
} orc_prompt_place;

/* The place behind `tokens` of a prompt, whose beginning stands behind what `root` stands for. Time: the
** spans before it. */
orc_prompt_place orc_prompt_at(const orc_prompt *c, uint64_t root, int32_t tokens);

/* Go forward to the place behind `tokens`. */
void orc_prompt_seek(orc_prompt_place *p, int32_t tokens);

/* What stands for the first `tokens`, which do not end before the place: equal for equal ones behind equal
** roots, however prompts were put together, with the same chance to coincide. */
uint64_t orc_prompt_prefix(const orc_prompt_place *p, int32_t tokens);

/* The same where all from the place on were of its span. */
uint64_t orc_prompt_prefix_within(const orc_prompt_place *p, int32_t tokens);

/* The identity of a text from what it is (kind) and which one (a, b): equal for equal arguments. */
uint64_t orc_prompt_text(uint64_t kind, uint64_t a, uint64_t b);

#endif
