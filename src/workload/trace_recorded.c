/*
** trace_recorded.c - what `oracle serve --record` writes (serve/record.h): a JSON object per line, the
** first {"oracle_trace": 1}, then one for each request as it ended: its arrival in ns, lengths in
** tokens, what its client was like, and the texts of its prompt and answer, each [tokens, "identity",
** offset].
*/
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "workload/trace_formats.h"
#include "workload/trace_json.h"

/* Whole numbers of a row. */
typedef enum number {
  ARRIVAL,
  PROMPT,
  OUTPUT,
  MAX_OUTPUT,
  CLIENT,
  STOPS,
  STREAMED,
  CANCEL,
  PRIORITY,
  PRIORITY_BELOW_0,
  NUMBERS
} number;

static const struct {
  const char *name;
  int64_t most;
  bool needed;
} numbers[NUMBERS] = {
  { "arrival_ns", INT64_MAX / 1024, true },
  { "prompt", ORC_TRACE_TOKENS_MOST, true },
  { "output", ORC_TRACE_TOKENS_MOST, true },
  { "max_output", ORC_TRACE_TOKENS_MOST, true },
  { "client", UINT32_MAX, false },
  { "stops", 1, false },
  { "streamed", 1, false },
  { "cancel_ns", INT64_MAX / 1024, false },
  { "priority", INT32_MAX, false },
  { "priority_below_0", -(int64_t)INT32_MIN, false },
};

typedef struct fields {
  bool has[NUMBERS];
  int64_t value[NUMBERS];
  bool told; /* its texts are */
} fields;

static bool wrong(const orc_trace *t, const char *what, orc_error *e)
{
  if (e->code != 0) return false;
  return orc_fail(e, "%s: line %" PRIu64 ": %s", t->path, t->line + 1, what);
}

/* An identity: 16 hexadecimal digits. */
static bool read_identity(orc_trace *t, uint64_t *out, orc_error *e)
{
  char text[24], *end;
  if (!orc_json_string(t, text, sizeof text, NULL, e)) return false;
  *out = strtoull(text, &end, 16);
  return (strlen(text) == 16 && *end == '\0') ||
         wrong(t, "an identity of 16 hexadecimal digits expected", e);
}

/* [tokens, "identity", offset] */
static bool read_text(orc_trace *t, uint32_t content, orc_error *e)
{
  int64_t tokens = 0, offset = 0;
  uint64_t text = 0;
  bool first = true;
  if (!orc_json_take(t, '[', e) || !orc_json_more(t, &first, ']', e) ||
      !orc_json_count(t, "texts", ORC_TRACE_TOKENS_MOST, &tokens, e) ||
      !orc_json_more(t, &first, ']', e) || !read_identity(t, &text, e) ||
      !orc_json_more(t, &first, ']', e) ||
      !orc_json_count(t, "texts", ORC_TRACE_TOKENS_MOST, &offset, e) || !orc_json_take(t, ']', e))
    return wrong(t, "texts: [tokens, \"identity\", offset] expected", e);
  if (tokens < 1) return wrong(t, "texts: at least 1 token expected", e);
  if (orc_prompt_length(&t->prompts.at[content]) + tokens > 2 * (int64_t)ORC_TRACE_TOKENS_MOST)
    return wrong(t, "texts: too many tokens", e);
  orc_prompts_append(&t->prompts, content, text, (int32_t)offset, (int32_t)tokens);
  return true;
}

static bool read_texts(orc_trace *t, uint32_t content, orc_error *e)
{
  bool first = true;
  if (!orc_json_take(t, '[', e)) return false;
  while (orc_json_more(t, &first, ']', e))
    if (!read_text(t, content, e)) return false;
  return e->code == 0;
}

static bool read_field(orc_trace *t, fields *f, uint32_t content, orc_error *e)
{
  char name[24];
  if (!orc_json_key(t, name, sizeof name, e)) return false;
  if (strcmp(name, "answer") == 0) return read_identity(t, &t->prompts.at[content].answer, e);
  if (strcmp(name, "texts") == 0) {
    f->told = true;
    return read_texts(t, content, e);
  }
  int i = 0;
  while (i < NUMBERS && strcmp(name, numbers[i].name) != 0)
    i++;
  if (i == NUMBERS) return orc_json_skip(t, e);
  f->has[i] = true;
  return orc_json_count(t, numbers[i].name, numbers[i].most, &f->value[i], e);
}

static bool check(const orc_trace *t, const fields *f, uint32_t content, orc_error *e)
{
  for (int i = 0; i < NUMBERS; i++)
    if (numbers[i].needed && !f->has[i])
      return orc_fail(e, "%s: line %" PRIu64 ": %s is missing", t->path, t->row_line,
                      numbers[i].name);
  if (f->value[MAX_OUTPUT] < f->value[OUTPUT])
    return orc_fail(e, "%s: line %" PRIu64 ": max_output is below output", t->path, t->row_line);
  if (f->told && orc_prompt_length(&t->prompts.at[content]) < f->value[PROMPT])
    return orc_fail(e, "%s: line %" PRIu64 ": texts: they are shorter than the prompt", t->path,
                    t->row_line);
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
  if (e->code != 0 || !check(t, &f, out->prompt_id, e)) return false;
  if (!f.told) {
    orc_prompts_drop(&t->prompts, out->prompt_id);
    out->prompt_id = 0;
  }
  out->prompt = (int32_t)f.value[PROMPT];
  out->output = (int32_t)f.value[OUTPUT];
  out->max_output = (int32_t)f.value[MAX_OUTPUT];
  out->client = (uint32_t)f.value[CLIENT];
  out->stops = f.value[STOPS] != 0;
  out->streamed = !f.has[STREAMED] || f.value[STREAMED] != 0;
  out->cancel = f.has[CANCEL] ? f.value[CANCEL] : ORC_NEVER;
  out->priority = (int32_t)(f.value[PRIORITY] - f.value[PRIORITY_BELOW_0]);
  *time = f.value[ARRIVAL];
  return true;
}

bool orc_trace_is_recorded(const orc_trace *t)
{
  static const char begins[] = "{\"oracle_trace\"";
  return t->have - t->at >= sizeof begins - 1 &&
         memcmp(t->buffer + t->at, begins, sizeof begins - 1) == 0;
}

bool orc_trace_recorded_begin(orc_trace *t, orc_error *e)
{
  int64_t version = 0;
  bool first = true;
  char name[24];
  if (!orc_json_take(t, '{', e) || !orc_json_more(t, &first, '}', e) ||
      !orc_json_key(t, name, sizeof name, e) ||
      !orc_json_count(t, name, INT64_MAX / 1024, &version, e) || !orc_json_take(t, '}', e))
    return false;
  if (version != 1)
    return orc_fail(e, "%s: oracle_trace: version 1 expected, got %" PRId64, t->path, version);
  t->format =
      (orc_trace_format){ .time = "arrival_ns", .from_zero = true, .whole = true, .row = row };
  return orc_trace_sort(t, e);
}
