#include "serve/record.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct orc_trace_record {
  FILE *file;
  char *path;
  int failed; /* errno of the first row that could not be written; 0 */
};

orc_trace_record *orc_trace_record_open(const char *path, orc_error *e)
{
  FILE *file = fopen(path, "we");
  if (file == NULL) {
    orc_fail(e, "%s: cannot be written: %s", path, strerror(errno));
    return NULL;
  }
  orc_trace_record *r = orc_alloc(1, sizeof *r);
  r->file = file;
  r->path = orc_alloc(strlen(path) + 1, 1);
  memcpy(r->path, path, strlen(path));
  fprintf(file, "{\"oracle_trace\":1}\n");
  return r;
}

static void put_spans(FILE *f, const orc_prompt *c)
{
  int32_t begin = 0;
  for (int32_t i = 0; i < c->count; i++) {
    fprintf(f, "%s[%" PRId32 ",\"%016" PRIx64 "\",%" PRId32 "]", i > 0 ? "," : "",
            c->spans[i].end - begin, c->spans[i].text, c->spans[i].offset);
    begin = c->spans[i].end;
  }
}

void orc_trace_record_put(orc_trace_record *r, const orc_outcome *of, const orc_prompts *prompts)
{
  const orc_arrival *a = of->in;
  if (r->failed != 0) return;
  fprintf(r->file,
          "{\"arrival_ns\":%" PRId64 ",\"prompt\":%" PRId32 ",\"output\":%" PRId32
          ",\"max_output\":%" PRId32 ",\"client\":%" PRIu32 ",\"stops\":%d,\"streamed\":%d",
          a->time, a->prompt, a->output, a->max_output, a->client, a->stops, a->streamed);
  if (a->priority > 0) fprintf(r->file, ",\"priority\":%" PRId32, a->priority);
  if (a->priority < 0) fprintf(r->file, ",\"priority_below_0\":%" PRId64, -(int64_t)a->priority);
  if (a->cancel != ORC_NEVER) fprintf(r->file, ",\"cancel_ns\":%" PRId64, a->cancel);
  const orc_prompt *c = &prompts->at[a->prompt_id];
  fprintf(r->file, ",\"answer\":\"%016" PRIx64 "\",\"texts\":[", c->answer);
  put_spans(r->file, c);
  if (fprintf(r->file, "]}\n") < 0 || ferror(r->file)) r->failed = errno != 0 ? errno : EIO;
}

bool orc_trace_record_close(orc_trace_record *r, orc_error *e)
{
  if (r == NULL) return true;
  if (fclose(r->file) != 0 && r->failed == 0) r->failed = errno;
  const bool good = r->failed == 0;
  if (!good) orc_fail(e, "%s: not all of it could be written: %s", r->path, strerror(r->failed));
  free(r->path);
  free(r);
  return good;
}
