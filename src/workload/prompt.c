#include "workload/prompt.h"

#include <stdlib.h>

void orc_prompts_done(orc_prompts *p)
{
  for (uint32_t i = 1; i < p->count; i++)
    free(p->at[i].spans);
  free(p->at);
  *p = (orc_prompts){ 0 };
}

uint32_t orc_prompts_add(orc_prompts *p, uint64_t answer)
{
  uint32_t index = p->free;
  if (index != 0) {
    p->free = p->at[index].next;
  } else {
    if (p->count == 0) p->count = 1;
    if (p->count >= p->room) {
      p->room = p->room == 0 ? 64 : 2 * p->room;
      p->at = orc_resize(p->at, p->room, sizeof *p->at);
    }
    index = p->count++;
    p->at[index] = (orc_prompt){ 0 };
  }
  orc_prompt *c = &p->at[index];
  *c = (orc_prompt){ .spans = c->spans, .room = c->room, .answer = answer };
  return index;
}

void orc_prompts_drop(orc_prompts *p, uint32_t index)
{
  if (index == 0) return;
  ORC_ASSERT(index < p->count);
  p->at[index].next = p->free;
  p->free = index;
}

static void reserve(orc_prompt *c, int32_t spans)
{
  if (spans > c->room) {
    c->room = spans < 4 ? 4 : 2 * spans;
    c->spans = orc_resize(c->spans, (size_t)c->room, sizeof *c->spans);
  }
  ORC_ASSERT(c->spans != NULL);
}

void orc_prompts_append(orc_prompts *p, uint32_t index, uint64_t text, int32_t offset,
                        int32_t tokens)
{
  orc_prompt *c = &p->at[index];
  const int32_t end = orc_prompt_length(c) + tokens;
  ORC_ASSERT(index >= 1 && index < p->count && tokens >= 1);
  if (c->count > 0) { /* one text that goes on is one span, however it was put together */
    orc_span *last = &c->spans[c->count - 1];
    const int32_t begin = c->count > 1 ? c->spans[c->count - 2].end : 0;
    if (last->text == text && last->offset + last->end - begin == offset) {
      last->end = end;
      return;
    }
  }
  reserve(c, c->count + 1);
  c->spans[c->count++] = (orc_span){ .text = text, .offset = offset, .end = end };
}

uint32_t orc_prompts_continue(orc_prompts *p, uint32_t index, int32_t answered, uint64_t answer)
{
  ORC_ASSERT(index >= 1);
  const uint32_t next = orc_prompts_add(p, answer);
  orc_prompt *to = &p->at[next];
  const orc_prompt *from = &p->at[index];
  reserve(to, from->count + 2);
  for (int32_t i = 0; i < from->count; i++)
    to->spans[i] = from->spans[i];
  to->count = from->count;
  to->shared = from->shared;
  to->follows = true;
  if (answered > 0) orc_prompts_append(p, next, from->answer, 0, answered);
  to->history = orc_prompt_length(to);
  return next;
}

/* The finisher of splitmix64 (Steele, Lea and Flood, OOPSLA 2014): each bit depends on all. */
static uint64_t mix(uint64_t x)
{
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
  x = (x ^ x >> 27) * 0x94d049bb133111ebu;
  return x ^ x >> 31;
}

static uint64_t join(uint64_t hash, uint64_t value)
{
  return mix(hash + 0x9e3779b97f4a7c15u + mix(value + 0x9e3779b97f4a7c15u));
}

uint64_t orc_prompt_text(uint64_t kind, uint64_t a, uint64_t b)
{
  return join(join(join(0, kind), a), b);
}

/* Some tokens of a text behind what has a hash: only the last step waits for that. */
static uint64_t join_tokens(uint64_t hash, uint64_t text, uint64_t which)
{
  return mix(hash + 0x9e3779b97f4a7c15u + mix(text + which * 0xd1342543de82ef95u));
}

/* ---- places ---- */

static void open_span(orc_prompt_place *p)
{
  p->end = p->span < p->of->count ? p->of->spans[p->span].end : INT32_MAX;
}

uint64_t orc_prompt_prefix_within(const orc_prompt_place *p, int32_t tokens)
{
  const bool prompt = p->span < p->of->count;
  const uint64_t text = prompt ? p->of->spans[p->span].text : p->of->answer;
  const int32_t offset = prompt ? p->of->spans[p->span].offset : 0;
  return join_tokens(p->before, text,
                     (uint64_t)(uint32_t)offset << 32 | (uint32_t)(tokens - p->begin));
}

void orc_prompt_seek(orc_prompt_place *p, int32_t tokens)
{
  while (p->end <= tokens) {
    p->before = orc_prompt_prefix_within(p, p->end);
    p->begin = p->end;
    p->span++;
    open_span(p);
  }
}

orc_prompt_place orc_prompt_at(const orc_prompt *c, uint64_t root, int32_t tokens)
{
  orc_prompt_place p = { .of = c, .before = root };
  open_span(&p);
  orc_prompt_seek(&p, tokens);
  return p;
}

uint64_t orc_prompt_prefix(const orc_prompt_place *p, int32_t tokens)
{
  orc_prompt_place at = *p;
  orc_prompt_seek(&at, tokens - 1);
  return orc_prompt_prefix_within(&at, tokens);
}

/* ---- runs of tokens ---- */

/* The first span that ends behind token `at`; count when none does. Where all are equally long, as
** in a trace that names blocks, its place is a matter of division. */
static int32_t span_of(const orc_prompt *c, int32_t at)
{
  if (c->count > 0) {
    const int32_t guess = at / c->spans[0].end;
    if (guess < c->count && c->spans[guess].end > at &&
        (guess == 0 || c->spans[guess - 1].end <= at))
      return guess;
  }
  int32_t low = 0, high = c->count;
  while (low < high) {
    const int32_t middle = low + (high - low) / 2;
    if (c->spans[middle].end > at)
      high = middle;
    else
      low = middle + 1;
  }
  return low;
}

uint64_t orc_prompt_hash(const orc_prompt *c, uint64_t parent, int32_t from, int32_t to)
{
  const int32_t length = orc_prompt_length(c);
  uint64_t hash = parent;
  for (int32_t at = from, i = span_of(c, from); at < to; i++) {
    const bool prompt = i < c->count;
    const int32_t begin = !prompt ? length : i > 0 ? c->spans[i - 1].end : 0;
    const int32_t end = prompt && c->spans[i].end < to ? c->spans[i].end : to;
    const int32_t offset = at - begin + (prompt ? c->spans[i].offset : 0);
    hash = join_tokens(hash, prompt ? c->spans[i].text : c->answer,
                       (uint64_t)(uint32_t)offset << 32 | (uint32_t)(end - at));
    at = end;
  }
  return hash;
}
