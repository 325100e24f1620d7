/* trace_file.c - a trace as a source: which format, which part of it, how fast. */
#include "workload/trace_file.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "workload/trace.h"
#include "workload/trace_formats.h"

/* A row of a request that failed where it was recorded: it is counted and left out. */
static bool failed(orc_trace *t, const orc_arrival *a)
{
  if (a->output != 0 || t->columns.is == NULL || !t->columns.is->zero_is_failure) return false;
  t->failures++;
  snprintf(t->note, sizeof t->note,
           "workload: left out of the trace, for they failed where they were recorded (no token of "
           "an answer): %" PRId64,
           t->failures);
  return true;
}

/* Rows in order of time, with a token at least of prompt and answer. */
static bool read_row(orc_trace *t, orc_arrival *out, int64_t *time, orc_error *e)
{
  do {
    if (!t->format.row(t, out, time, e)) return false;
  } while (failed(t, out));
  if (out->prompt < 1 || out->output < 1)
    return orc_fail(e, "%s: line %" PRIu64 ": %s of 0 tokens; at least 1 expected", t->path,
                    t->row_line, out->prompt < 1 ? "a prompt" : "an answer");
  if (t->begun && *time < t->previous)
    return orc_fail(e, "%s: line %" PRIu64 ": %s goes back; rows in order of time expected",
                    t->path, t->row_line, t->format.time);
  if (!t->begun) t->origin = t->format.from_zero ? 0 : *time;
  t->begun = true;
  t->previous = *time;
  t->rows++;
  return true;
}

/* The prompt of one of the first rows again: row i asks that of row i modulo the pool. */
static uint64_t ask_again(orc_trace *t, orc_arrival *out)
{
  const int64_t slot = t->issued % t->options.pool;
  if (slot == t->issued) {
    if (slot == t->pool_room) {
      t->pool_room = t->pool_room == 0 ? 64 : 2 * t->pool_room;
      t->pool = orc_resize(t->pool, (size_t)t->pool_room, sizeof *t->pool);
    }
    t->pool[slot] = out->prompt;
  }
  out->prompt = t->pool[slot];
  return orc_prompt_text(ORC_TRACE_POOL, t->options.profile, (uint64_t)slot);
}

/* What the prompt is made of, where the file does not say it. */
static void word(orc_trace *t, orc_arrival *out)
{
  if (out->prompt_id != 0 || (!t->options.told && t->options.pool == 0)) return;
  uint64_t text = orc_prompt_text(ORC_TRACE_TEXT, orc_trace_key(t), 0);
  if (t->options.pool > 0) text = ask_again(t, out);
  const uint64_t answer = orc_prompt_text(ORC_TRACE_ANSWER, orc_trace_key(t), 0);
  out->prompt_id = orc_prompts_add(&t->prompts, answer);
  orc_prompts_append(&t->prompts, out->prompt_id, text, 0, out->prompt);
}

static bool next_row(void *self, orc_arrival *out, orc_error *e)
{
  orc_trace *t = self;
  const orc_trace_options *o = &t->options;
  int64_t time = 0;
  uint32_t unused = 0;
  if (t->ended || t->issued >= o->count) return false;
  do {
    orc_prompts_drop(&t->prompts, unused);
    *out = (orc_arrival){ .timeout = isfinite(o->timeout) ? orc_time_of(o->timeout) : ORC_NEVER,
                          .cancel = ORC_NEVER,
                          .profile = o->profile,
                          .streamed = true };
    if (!read_row(t, out, &time, e)) {
      t->ended = true;
      if (e->code == 0 && !t->begun) return orc_fail(e, "%s: no requests in it", t->path);
      return false;
    }
    unused = out->prompt_id;
    if (t->format.time != NULL) time -= t->origin;
  } while ((double)time * 1e-9 < o->from);
  if ((double)time * 1e-9 >= o->to) {
    t->ended = true;
    return false;
  }
  const double seconds = ((double)time * 1e-9 - o->from) / o->scale;
  if (seconds > ORC_SOURCE_LATEST)
    return orc_fail(e, "%s: line %" PRIu64 ": rate_scale %g puts it %.3g s away; at most %g s",
                    t->path, t->row_line, o->scale, seconds, ORC_SOURCE_LATEST);
  out->time = orc_time_of(seconds);
  if (o->scale == 1.0 && o->from == 0.0) out->time = time;
  word(t, out);
  if (!t->format.whole) {
    out->max_output = out->output;
    out->client = (uint32_t)(t->issued % 100);
  }
  t->issued++;
  return true;
}

static void done(void *self)
{
  orc_trace *t = self;
  gzclose(t->file);
  orc_prompts_done(&t->prompts);
  orc_trace_sorted_done(t);
  free(t->pool);
  free(t->path);
  free(t);
}

static bool begin(orc_trace *t, orc_error *e)
{
  static const unsigned char bom[] = { 0xef, 0xbb, 0xbf };
  int c = orc_trace_peek(t, e);
  if (t->have - t->at >= sizeof bom && memcmp(t->buffer + t->at, bom, sizeof bom) == 0) {
    t->at += sizeof bom;
    c = orc_trace_peek(t, e);
  }
  if (t->options.time != NULL && (c == '[' || c == '{'))
    return orc_fail(e, "%s: columns: the file is JSON, which has none", t->path);
  if (c == '[') return orc_trace_sharegpt_begin(t, e);
  if (t->options.rate > 0.0)
    return orc_fail(e, "%s: rate: the trace has times of its own; rate_scale makes them faster",
                    t->path);
  if (c == '{' && t->options.pool > 0)
    return orc_fail(e, "%s: prompt_pool: the trace says what its prompts share", t->path);
  if (c == '{' && orc_trace_is_recorded(t)) return orc_trace_recorded_begin(t, e);
  return c == '{' ? orc_trace_hashes_begin(t, e) : orc_trace_csv_begin(t, e);
}

bool orc_source_trace(orc_source *out, const char *path, const orc_trace_options *o, orc_error *e)
{
  orc_error why = { 0 };
  orc_trace *t = orc_alloc(1, sizeof *t);
  t->file = gzopen(path, "rbe");
  t->options = *o;
  if (t->file == NULL) {
    free(t);
    return orc_fail(e, "%s: cannot be read: %s", path, strerror(errno));
  }
  t->path = orc_alloc(strlen(path) + 1, 1);
  memcpy(t->path, path, strlen(path));
  if (!begin(t, &why)) {
    if (e != NULL) *e = why;
    done(t);
    return false;
  }
  *out = (orc_source){
    .self = t, .next = next_row, .done = done, .prompts = &t->prompts, .note = t->note
  };
  return true;
}
