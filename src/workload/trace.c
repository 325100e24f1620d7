#include "workload/trace.h"

#include <inttypes.h>
#include <string.h>

enum { FIELD_SHOWN = 40 };

/* More bytes in the buffer: false at the end of the file or on an error. */
static bool fill(orc_trace *t, orc_error *e)
{
  const int got = gzread(t->file, t->buffer, sizeof t->buffer);
  t->at = 0;
  t->have = got > 0 ? (size_t)got : 0;
  if (got > 0) return true;
  int code;
  const char *why = gzerror(t->file, &code);
  if (got < 0)
    orc_fail(e, "%s: line %" PRIu64 ": cannot be read: %s", t->path, t->line + 1, why);
  else if (code == Z_BUF_ERROR) /* zlib gives what there is and calls it the end */
    orc_fail(e, "%s: line %" PRIu64 ": the compressed file is cut short", t->path, t->line + 1);
  return false;
}

int orc_trace_peek(orc_trace *t, orc_error *e)
{
  if (t->at == t->have && !fill(t, e)) return -1;
  return (unsigned char)t->buffer[t->at];
}

void orc_trace_take(orc_trace *t)
{
  ORC_ASSERT(t->at < t->have);
  t->line += t->buffer[t->at++] == '\n';
}

int64_t orc_trace_line(orc_trace *t, orc_error *e)
{
  size_t n = 0;
  for (;;) {
    if (t->at == t->have && !fill(t, e)) {
      if (e->code != 0 || n == 0) return -1;
      break;
    }
    const char *end = memchr(t->buffer + t->at, '\n', t->have - t->at);
    const size_t part = (end == NULL ? t->have : (size_t)(end - t->buffer)) - t->at;
    if (n + part >= sizeof t->text) {
      orc_fail(e, "%s: line %" PRIu64 ": longer than %d bytes", t->path, t->line + 1,
               ORC_TRACE_LINE_MOST - 1);
      return -1;
    }
    memcpy(t->text + n, t->buffer + t->at, part);
    n += part;
    t->at += part + (end != NULL);
    if (end != NULL) break;
  }
  t->line++;
  if (n > 0 && t->text[n - 1] == '\r') n--;
  t->text[n] = '\0';
  return (int64_t)n;
}

void orc_trace_show(char *shown, const char *text)
{
  int n = 0;
  for (; n < FIELD_SHOWN && text[n] != '\0'; n++)
    shown[n] = (char)(text[n] >= ' ' && text[n] <= '~' ? text[n] : '?');
  shown[n] = '\0';
}

bool orc_trace_bad(const orc_trace *t, const char *field, const char *got, const char *expected,
                   orc_error *e)
{
  if (got[0] == '\0')
    return orc_fail(e, "%s: line %" PRIu64 ": %s is missing, %s expected", t->path, t->line, field,
                    expected);
  char shown[FIELD_SHOWN + 1];
  orc_trace_show(shown, got);
  return orc_fail(e, "%s: line %" PRIu64 ": %s: %s expected, got \"%s\"", t->path, t->line, field,
                  expected, shown);
}
