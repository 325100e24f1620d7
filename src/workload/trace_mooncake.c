/*
** trace_mooncake.c - traces of Mooncake (Qin et al., FAST 2025): a JSON object per line with
** timestamp (ms), input_length, output_length and hash_ids, one for every 512 tokens of the prompt,
** the last of which may be cut. Equal ids stand for equal tokens after equal ones.
*/
#include <inttypes.h>
#include <string.h>

#include "workload/trace_formats.h"
#include "workload/trace_json.h"

enum { BLOCK = 512, IDS_MOST = ORC_TRACE_TOKENS_MOST / BLOCK + 1 };
#define TIME_MOST 1000000000000 /* ms */

typedef struct fields {
  bool has[4];
  int64_t timestamp, input, output;
  int64_t ids;
} fields;

static const char *const names[] = { "timestamp", "input_length", "output_length", "hash_ids" };

/* The ids become spans at once; the last is cut when the prompt's length is known. */
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
                       BLOCK);
  }
  return e->code == 0;
}

static bool read_field(orc_trace *t, fields *f, uint32_t content, orc_error *e)
{
  char name[32];
  if (!orc_json_key(t, name, sizeof name, e)) return false;
  int i = 0;
  while (i < 4 && strcmp(name, names[i]) != 0)
    i++;
  if (i == 4) return orc_json_skip(t, e);
  if (f->has[i])
    return orc_fail(e, "%s: line %" PRIu64 ": %s is there twice", t->path, t->line + 1, names[i]);
  f->has[i] = true;
  switch (i) {
  case 0:
    return orc_json_count(t, names[i], TIME_MOST, &f->timestamp, e);
  case 1:
    return orc_json_count(t, names[i], ORC_TRACE_TOKENS_MOST, &f->input, e);
  case 2:
    return orc_json_count(t, names[i], ORC_TRACE_TOKENS_MOST, &f->output, e);
  default:
    return read_ids(t, content, &f->ids, e);
  }
}

/* The prompt's last block ends where the prompt does. */
static bool fit(orc_trace *t, const fields *f, uint64_t line, uint32_t content, orc_error *e)
{
  const int64_t blocks = (f->input + BLOCK - 1) / BLOCK;
  if (f->ids != blocks)
    return orc_fail(e,
                    "%s: line %" PRIu64 ": hash_ids: %" PRId64 " ids; input_length %" PRId64
                    " needs %" PRId64 ", one for every %d tokens",
                    t->path, line, f->ids, f->input, blocks, BLOCK);
  orc_prompt *c = &t->prompts.at[content];
  if (c->count > 0) c->spans[c->count - 1].end = (int32_t)f->input;
  return true;
}

static bool row(orc_trace *t, orc_arrival *out, int64_t *time, orc_error *e)
{
  fields f = { 0 };
  bool first = true;
  if (orc_json_peek(t, e) < 0) return false;
  const uint64_t line = t->row_line = t->line + 1;
  if (!orc_json_take(t, '{', e)) return false;
  out->prompt_id =
      orc_prompts_add(&t->prompts, orc_prompt_text(ORC_TRACE_ANSWER, orc_trace_key(t), 0));
  while (orc_json_more(t, &first, '}', e))
    if (!read_field(t, &f, out->prompt_id, e)) return false;
  if (e->code != 0) return false;
  for (int i = 0; i < 4; i++)
    if (!f.has[i])
      return orc_fail(e, "%s: line %" PRIu64 ": %s is missing", t->path, line, names[i]);
  if (!fit(t, &f, line, out->prompt_id, e)) return false;
  out->prompt = (int32_t)f.input;
  out->output = (int32_t)f.output;
  *time = f.timestamp * 1000000;
  if (f.input == 0) { /* a token of its own goes through the server all the same */
    orc_prompts_drop(&t->prompts, out->prompt_id);
    out->prompt_id = 0;
  }
  return true;
}

bool orc_trace_mooncake_begin(orc_trace *t, orc_error *e)
{
  (void)e;
  t->format = (orc_trace_format){ .time = names[0], .row = row };
  return true;
}
