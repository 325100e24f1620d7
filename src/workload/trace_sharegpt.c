/*
** trace_sharegpt.c - ShareGPT (Vicuna's training set, 2023): a JSON list of conversations as text,
** without times or token counts. As `vllm bench serve --dataset-name sharegpt` does, a conversation
** gives one request: its first message is the prompt, the second the answer; one with fewer gives
** none. Lengths are characters over a stated number per token; arrivals are a Poisson process.
*/
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "workload/trace_formats.h"
#include "workload/trace_json.h"

/* One message: the characters of its text. */
static bool read_message(orc_trace *t, int64_t *characters, orc_error *e)
{
  bool first = true, there = false;
  char name[16];
  if (!orc_json_take(t, '{', e)) return false;
  while (orc_json_more(t, &first, '}', e)) {
    if (!orc_json_key(t, name, sizeof name, e)) return false;
    if (strcmp(name, "value") != 0) {
      if (!orc_json_skip(t, e)) return false;
      continue;
    }
    there = true;
    if (!orc_json_string(t, NULL, 0, characters, e)) return false;
  }
  if (e->code != 0 || there) return e->code == 0;
  return orc_fail(e, "%s: line %" PRIu64 ": a message without value", t->path, t->line + 1);
}

/* The messages of a conversation: characters of the first two, and how many there are. */
static bool read_messages(orc_trace *t, int64_t characters[2], int64_t *count, orc_error *e)
{
  bool first = true;
  if (!orc_json_take(t, '[', e)) return false;
  while (orc_json_more(t, &first, ']', e)) {
    int64_t ignored;
    if (!read_message(t, *count < 2 ? &characters[*count] : &ignored, e)) return false;
    ++*count;
  }
  return e->code == 0;
}

static bool read_conversation(orc_trace *t, int64_t characters[2], int64_t *count, orc_error *e)
{
  bool first = true, there = false;
  char name[32];
  const uint64_t line = t->line + 1;
  if (!orc_json_take(t, '{', e)) return false;
  while (orc_json_more(t, &first, '}', e)) {
    if (!orc_json_key(t, name, sizeof name, e)) return false;
    const bool messages = strcmp(name, "conversations") == 0;
    if (messages && there)
      return orc_fail(e, "%s: line %" PRIu64 ": conversations is there twice", t->path, line);
    there = there || messages;
    if (!(messages ? read_messages(t, characters, count, e) : orc_json_skip(t, e))) return false;
  }
  if (e->code != 0 || there) return e->code == 0;
  return orc_fail(e, "%s: line %" PRIu64 ": conversations is missing", t->path, line);
}

static int32_t tokens_of(const orc_trace *t, int64_t characters)
{
  const double n = ceil((double)characters / t->options.characters_per_token);
  return n < 1.0 ? 1 : n > ORC_TRACE_TOKENS_MOST ? ORC_TRACE_TOKENS_MOST : (int32_t)n;
}

static bool row(orc_trace *t, orc_arrival *out, int64_t *time, orc_error *e)
{
  bool first = t->rows == 0 && !t->in_list;
  int64_t characters[2] = { 0 }, count;
  t->in_list = true;
  do {
    if (!orc_json_more(t, &first, ']', e)) {
      const int rest = e->code == 0 ? orc_json_peek(t, e) : -1;
      if (rest >= 0)
        return orc_fail(e, "%s: line %" PRIu64 ": nothing expected after the list", t->path,
                        t->line + 1);
      return false;
    }
    count = 0;
    if (!read_conversation(t, characters, &count, e)) return false;
  } while (count < 2);
  out->prompt = tokens_of(t, characters[0]);
  out->output = tokens_of(t, characters[1]);
  t->clock += orc_rng_exponential(&t->gaps) / t->options.rate;
  *time = orc_time_of(t->clock);
  return true;
}

bool orc_trace_sharegpt_begin(orc_trace *t, orc_error *e)
{
  if (!(t->options.rate > 0.0))
    return orc_fail(e, "%s: rate: missing; the trace has no times: requests per second expected",
                    t->path);
  t->format = (orc_trace_format){ .row = row };
  t->gaps = orc_rng_stream(t->options.seed, ORC_FOR_ARRIVALS, t->options.profile);
  snprintf(t->note, sizeof t->note,
           "workload: the trace holds text: lengths are its characters over %g per token",
           t->options.characters_per_token);
  return orc_json_take(t, '[', e);
}
