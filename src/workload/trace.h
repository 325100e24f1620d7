/*
** trace.h - what the readers of trace formats share: the file's bytes and lines, and how they say
** where it is wrong. Users of traces include trace_file.h.
*/
#ifndef ORC_WORKLOAD_TRACE_H
#define ORC_WORKLOAD_TRACE_H

#include <zlib.h>

#include "base/base.h"
#include "base/rng.h"
#include "workload/arrival.h"
#include "workload/prompt.h"
#include "workload/trace_options.h"

enum { ORC_TRACE_LINE_MOST = 1 << 16, ORC_TRACE_TOKENS_MOST = 100000000 };

typedef struct orc_trace orc_trace;

/* A format. `row` reads the next request: prompt, output and content of *out, and its time in ns on
** the file's own clock; false at the end or, with e->code set, where the file is wrong. */
typedef struct orc_trace_format {
  const char *time; /* the field of the time; NULL: the file has none, `row` makes them from 0 */
  bool from_zero;   /* times count from 0, not from the first row's */
  bool
      whole; /* rows say what their clients are like, too: longest output, client, when they cancel */
  bool (*row)(orc_trace *t, orc_arrival *out, int64_t *time, orc_error *e);
} orc_trace_format;

/* A CSV: what its columns of interest are called, and how its times are written. */
typedef struct orc_trace_csv {
  const char *name, *time, *prompt, *output;
  bool calendar;     /* "2023-11-16 18:15:46.6805900" instead of numbers */
  bool either;       /* as the field looks */
  bool in_any_order; /* its rows are to be sorted */
  bool from_zero;    /* times count from 0, not from the first row's */
  bool
      zero_is_failure; /* a request without an answer failed where it was recorded: it is left out */
  const char *asked;   /* the output where the answer did not become whole; NULL: there is none */
  const char *status;  /* "SUCCESS" where it did; with `asked` */
  const char *priority; /* NULL: there is none */
  double unit;          /* s that 1 means in a time; 0 is 1 */
} orc_trace_csv;

/* Places of the columns of a CSV, in its header; -1: not there. */
typedef struct orc_trace_columns {
  const orc_trace_csv *is;
  int count, time, prompt, output, asked, status, priority;
  char date[11]; /* of the row before, where times are dates; "" before the first */
  int64_t day;   /* since 1970-01-01 */
} orc_trace_columns;

enum { ORC_TRACE_NAME_MOST = 128 };

struct orc_trace {
  gzFile file;
  char *path;
  orc_trace_format format;
  orc_trace_columns columns;
  orc_trace_csv own;               /* the format that the options describe */
  struct orc_trace_sorted *sorted; /* rows in order of time; NULL: the file is read as it is */
  orc_trace_options options;
  orc_prompts prompts;
  uint64_t line;            /* of what was read last, from 1 */
  uint64_t row_line;        /* where the row read last begins; set by `row` */
  int64_t rows;             /* requests read so far */
  int64_t origin, previous; /* ns on the file's own clock: first row, last row */
  int64_t issued;
  int64_t failures; /* rows left out, of requests that failed where they were recorded */
  orc_rng gaps;     /* of arrivals where the file has no times */
  double clock;     /* s: then, of the last one */
  int32_t *pool;    /* [pool_room] prompt lengths of the rows that are asked again */
  int64_t pool_room;
  bool begun, ended;
  uint8_t hashes; /* which kind of trace with block hashes; 0: not known yet (trace_hashes.c) */
  bool in_list;   /* the list of a JSON file has been entered */
  char note[160];
  char names[3][ORC_TRACE_NAME_MOST]; /* of own */
  size_t have, at;                    /* bytes in the buffer; read so far */
  char buffer[1 << 16];
  char text[ORC_TRACE_LINE_MOST];
};

/* The next byte without taking it, -1 at the end of the file or, with e->code set, when it cannot
** be read. */
int orc_trace_peek(orc_trace *t, orc_error *e);

/* Take the byte that peek has shown. */
void orc_trace_take(orc_trace *t);

/* One line without its end (LF or CRLF) in t->text: its length, -1 as peek. */
int64_t orc_trace_line(orc_trace *t, orc_error *e);

/* "path: line N: FIELD: EXPECTED expected, got ..."; what a file holds may be anything, so only
** printable ASCII is shown. Returns false. */
bool orc_trace_bad(const orc_trace *t, const char *field, const char *got, const char *expected,
                   orc_error *e);

/* Up to 40 printable bytes of a text into shown[41]. */
void orc_trace_show(char *shown, const char *text);

/* Ids of texts that only one request has: kinds for orc_prompt_text. */
enum { ORC_TRACE_TEXT = 11, ORC_TRACE_ANSWER = 12, ORC_TRACE_POOL = 13, ORC_TRACE_BLOCK = 14 };

/* Which request of which profile: the key of its texts. */
static inline uint64_t orc_trace_key(const orc_trace *t)
{
  return (uint64_t)t->options.profile << 48 | (uint64_t)t->rows;
}

#endif
