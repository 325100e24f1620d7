/* trace_sorted.c - rows of a file in order of time. */
#include <inttypes.h>
#include <stdlib.h>

#include "workload/trace.h"
#include "workload/trace_formats.h"

typedef struct sorted_row {
  int64_t time;   /* ns on the file's own clock */
  uint64_t line;  /* where it stands */
  orc_arrival of; /* what the file says of it */
} sorted_row;

typedef struct orc_trace_sorted {
  sorted_row *rows;
  size_t count, room, at; /* rows; those there is room for; given so far */
} orc_trace_sorted;

static int by_time(const void *a, const void *b)
{
  const sorted_row *x = a, *y = b;
  if (x->time != y->time) return x->time < y->time ? -1 : 1;
  return x->line < y->line ? -1 : 1;
}

static bool next_sorted(orc_trace *t, orc_arrival *out, int64_t *time, orc_error *e)
{
  orc_trace_sorted *s = t->sorted;
  (void)e;
  if (s->at == s->count) return false;
  const sorted_row *r = &s->rows[s->at++];
  *time = r->time;
  t->row_line = r->line;
  const orc_arrival usual = *out;
  *out = r->of;
  out->timeout = usual.timeout;
  out->profile = usual.profile;
  if (t->format.whole) return true;
  out->cancel = usual.cancel;
  out->streamed = usual.streamed;
  return true;
}

bool orc_trace_sort(orc_trace *t, orc_error *e)
{
  orc_trace_sorted *s = orc_alloc(1, sizeof *s);
  orc_arrival of = { 0 };
  orc_error why = { 0 };
  int64_t time = 0;
  t->sorted = s;
  for (; t->format.row(t, &of, &time, &why); of = (orc_arrival){ 0 }) {
    if (s->count == s->room) {
      s->room = s->room == 0 ? 1024 : 2 * s->room;
      s->rows = orc_resize(s->rows, s->room, sizeof *s->rows);
    }
    s->rows[s->count++] = (sorted_row){ .time = time, .line = t->row_line, .of = of };
  }
  if (why.code != 0) {
    *e = why;
    return false;
  }
  if (s->count > 0) qsort(s->rows, s->count, sizeof *s->rows, by_time);
  t->format.row = next_sorted;
  return true;
}

void orc_trace_sorted_done(orc_trace *t)
{
  if (t->sorted == NULL) return;
  free(t->sorted->rows);
  free(t->sorted);
}
