/*
** trace_hashes.c - traces that say what prompts share by an id for each block of their tokens, the
** last of which may be cut: a JSON object per line with timestamp, input_length, output_length and
** hash_ids. Equal ids stand for equal tokens after equal ones. Two kinds, told apart by the first row:
**   Mooncake   (Qin et al., FAST 2025) blocks of 512 tokens, whole ms
**   Bailian    (Wang et al., USENIX ATC 2025: alibaba-edu/qwen-bailian-usagetraces-anon) blocks of 16
**              tokens, seconds; a row has a chat_id, too
*/
#include <inttypes.h>
#include <string.h>

#include "workload/source.h"
#include "workload/trace_formats.h"
#include "workload/trace_json.h"

#define TIME_MOST 1e12 /* in the unit of the file */

typedef struct kind {
  int32_t block;  /* tokens of one */
  double unit;    /* s that 1 means in a timestamp */
  bool fractions; /* timestamps may have them */
  bool whole;     /* tokens behind the last whole block may have no id */
} kind;

static const kind mooncake = { .block = 512, .unit = 1e-3 };
static const kind bailian = { .block = 16, .unit = 1.0, .fractions = true, .whole = true };

enum { FIELDS = 4, SMALLEST = 16, IDS_MOST = ORC_TRACE_TOKENS_MOST / SMALLEST + 1 };

typedef struct fields {
  bool has[FIELDS], chat;
  double timestamp;
  int64_t input, output;
  int64_t ids;
} fields;

static const char *const names[] = { "timestamp", "input_length", "output_length", "hash_ids" };

/* The ids become spans of one token each at once; how long they are is known when the row is. */
static bool read_ids(orc_trace *t, uint32_t content, int64_t *ids, orc_error *e)
{
  bool first = true;
  if (!orc_json_take(t, '[', e)) return false;
  while (orc_json_more(t, &first, ']', e)) {
    int64_t id;
    if (!orc_json_count(t, "hash_ids", INT64_MAX / 1024, &id, e)) return false;
    if (++*ids > IDS_MOST)
      return orc_fail(e, "%s: line %" PRIu64 ": hash_ids: at most %d expected", t->path,
                      t->line + 1, IDS_MOST);
    orc_prompts_append(&t->prompts, content, orc_prompt_text(ORC_TRACE_BLOCK, (uint64_t)id, 0), 0,
                       1);
  }
  return e->code == 0;
}

static bool read_field(orc_trace *t, fields *f, uint32_t content, orc_error *e)
{
  char name[32];
  if (!orc_json_key(t, name, sizeof name, e)) return false;
  f->chat |= strcmp(name, "chat_id") == 0;
  int i = 0;
  while (i < FIELDS && strcmp(name, names[i]) != 0)
    i++;
  if (i == FIELDS) return orc_json_skip(t, e);
  if (f->has[i])
    return orc_fail(e, "%s: line %" PRIu64 ": %s is there twice", t->path, t->line + 1, names[i]);
  f->has[i] = true;
  switch (i) {
  case 0:
    return orc_json_number(t, names[i], TIME_MOST, &f->timestamp, e);
  case 1:
    return orc_json_count(t, names[i], ORC_TRACE_TOKENS_MOST, &f->input, e);
  case 2:
    return orc_json_count(t, names[i], ORC_TRACE_TOKENS_MOST, &f->output, e);
  default:
    return read_ids(t, content, &f->ids, e);
  }
}

/* Blocks as long as they are; the prompt's last one ends where the prompt does. */
static bool fit(orc_trace *t, const kind *k, const fields *f, uint32_t content, orc_error *e)
{
  const int64_t blocks = (f->input + k->block - 1) / k->block;
  const bool cut = k->whole && f->ids == f->input / k->block;
  if (f->ids != blocks && !cut)
    return orc_fail(e,
                    "%s: line %" PRIu64 ": hash_ids: %" PRId64 " ids; input_length %" PRId64
                    " needs %" PRId64 ", one for every %d tokens",
                    t->path, t->row_line, f->ids, f->input, blocks, k->block);
  orc_prompt *c = &t->prompts.at[content];
  for (int32_t i = 0; i < c->count; i++)
    c->spans[i].end = (i + 1) * k->block;
  const int64_t rest = f->input - f->ids * k->block;
  if (c->count > 0 && rest < 0) c->spans[c->count - 1].end = (int32_t)f->input;
  if (rest > 0) /* tokens of a block that was not whole: unlike any other's */
    orc_prompts_append(&t->prompts, content, orc_prompt_text(ORC_TRACE_TEXT, orc_trace_key(t), 0),
                       0, (int32_t)rest);
  return true;
}

/* The kind is that of the first row, by whether it is of a chat. */
static const kind *kind_of(orc_trace *t, const fields *f)
{
  if (t->hashes == 0) t->hashes = f->chat ? 2 : 1;
  return t->hashes == 2 ? &bailian : &mooncake;
}

static bool read_time(const orc_trace *t, const kind *k, double timestamp, int64_t *out,
                      orc_error *e)
{
  const int64_t whole = (int64_t)timestamp;
  if (!k->fractions && (double)whole != timestamp)
    return orc_fail(e,
                    "%s: line %" PRIu64
                    ": timestamp: a whole number of ms expected, got %.6g (a trace in seconds has "
                    "a chat_id in its rows: Bailian)",
                    t->path, t->row_line, timestamp);
  if (timestamp * k->unit > ORC_SOURCE_LATEST)
    return orc_fail(e, "%s: line %" PRIu64 ": timestamp: at most %g s expected, got %.6g", t->path,
                    t->row_line, ORC_SOURCE_LATEST, timestamp * k->unit);
  *out = k->fractions ? orc_time_of(timestamp * k->unit) : whole * 1000000;
  return true;
}

static bool row(orc_trace *t, orc_arrival *out, int64_t *time, orc_error *e)
{
  fields f = { 0 };
  bool first = true;
  if (orc_json_peek(t, e) < 0) return false;
  t->row_line = t->line + 1;
  if (!orc_json_take(t, '{', e)) return false;
  out->prompt_id =
      orc_prompts_add(&t->prompts, orc_prompt_text(ORC_TRACE_ANSWER, orc_trace_key(t), 0));
  while (orc_json_more(t, &first, '}', e))
    if (!read_field(t, &f, out->prompt_id, e)) return false;
  if (e->code != 0) return false;
  for (int i = 0; i < FIELDS; i++)
    if (!f.has[i])
      return orc_fail(e, "%s: line %" PRIu64 ": %s is missing", t->path, t->row_line, names[i]);
  const kind *k = kind_of(t, &f);
  if (!fit(t, k, &f, out->prompt_id, e) || !read_time(t, k, f.timestamp, time, e)) return false;
  out->prompt = (int32_t)f.input;
  out->output = (int32_t)f.output;
  if (f.input == 0) { /* a token of its own goes through the server all the same */
    orc_prompts_drop(&t->prompts, out->prompt_id);
    out->prompt_id = 0;
  }
  return true;
}

bool orc_trace_hashes_begin(orc_trace *t, orc_error *e)
{
  (void)e;
  t->format = (orc_trace_format){ .time = names[0], .row = row };
  return true;
}
