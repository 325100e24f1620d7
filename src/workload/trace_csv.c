/* trace_csv.c - traces in CSV, told apart by their header lines. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "workload/trace.h"
#include "workload/trace_formats.h"

enum { COLUMNS_MOST = 64, DATE = 10 }; /* bytes of a date */

/* A format: what its columns of interest are called, and how its times are written. */
typedef struct orc_trace_csv {
  const char *name, *time, *prompt, *output;
  bool calendar; /* "2023-11-16 18:15:46.6805900" instead of seconds */
} orc_trace_csv;

static const orc_trace_csv formats[] = {
  /* AzurePublicDataset, LLM inference traces 2023 and 2024 */
  { "Azure LLM", "TIMESTAMP", "ContextTokens", "GeneratedTokens", true },
  /* BurstGPT (Wang et al., KDD 2025), release 1.1 */
  { "BurstGPT", "Timestamp", "Request tokens", "Response tokens", false },
  /* Vidur (Agrawal et al., MLSys 2024), processed traces */
  { "Vidur", "arrived_at", "num_prefill_tokens", "num_decode_tokens", false },
  /* splitwise-sim (Patel et al., ISCA 2024) */
  { "Splitwise", "arrival_timestamp", "prompt_size", "token_size", false },
};

/* The same of a line with quotes, which are dropped around a field; commas within them do not cut.
 */
static int split_quoted(char *line, char **fields)
{
  int n = 0;
  for (char *p = line; n < COLUMNS_MOST;) {
    fields[n++] = p;
    bool quoted = false;
    while (*p != '\0' && (quoted || *p != ','))
      quoted ^= *p++ == '"';
    const bool last = *p == '\0';
    char *f = fields[n - 1];
    *p = '\0';
    if (p - f >= 2 && f[0] == '"' && p[-1] == '"') {
      p[-1] = '\0';
      fields[n - 1] = f + 1;
    }
    if (last) break;
    p++;
  }
  return n;
}

/* Cut a line at its commas; returns the number of fields. */
static int split(char *line, char **fields)
{
  char *const end = line + strlen(line);
  if (memchr(line, '"', (size_t)(end - line)) != NULL) return split_quoted(line, fields);
  for (int n = 0; n < COLUMNS_MOST;) {
    fields[n++] = line;
    char *comma = memchr(line, ',', (size_t)(end - line));
    if (comma == NULL) return n;
    *comma = '\0';
    line = comma + 1;
  }
  return COLUMNS_MOST;
}

static int find(char *const *fields, int n, const char *name)
{
  for (int i = 0; i < n; i++)
    if (strcmp(fields[i], name) == 0) return i;
  return -1;
}

static bool read_count(const orc_trace *t, const char *column, const char *s, int32_t *out,
                       orc_error *e)
{
  int32_t whole = 0;
  const char *p = s;
  for (; p - s < 9 && *p >= '0' && *p <= '9'; p++)
    whole = 10 * whole + (*p - '0');
  if (p == s || *p != '\0') { /* not plain digits: perhaps "374.0" */
    char *end;
    const double v = strtod(s, &end);
    const bool decimal = s[strspn(s, "0123456789.eE+")] == '\0'; /* C's own would take "0x10" */
    if (!decimal || end == s || *end != '\0' || v > ORC_TRACE_TOKENS_MOST || v != floor(v))
      return orc_trace_bad(t, column, s, "a whole number of tokens", e);
    whole = (int32_t)v;
  }
  if (whole > ORC_TRACE_TOKENS_MOST)
    return orc_trace_bad(t, column, s, "at most 100 million tokens", e);
  *out = whole;
  return true;
}

/* Days since 1970-01-01 of a date of the Gregorian calendar (Hinnant, chrono-compatible date
 * algorithms). */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
  year -= month <= 2;
  const int64_t era = year / 400, of_era = year % 400;
  const int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static bool is_digit(char c)
{
  return c >= '0' && c <= '9';
}

/* The number in two digits at s; 100 when they are not there. */
static int two(const char *s)
{
  return is_digit(s[0]) && is_digit(s[1]) ? 10 * (s[0] - '0') + (s[1] - '0') : 100;
}

static int64_t days_in(int64_t year, int64_t month)
{
  const int64_t next = month == 12 ? days_of(year + 1, 1, 1) : days_of(year, month + 1, 1);
  return next - days_of(year, month, 1);
}

/* Days since 1970-01-01 of "YYYY-MM-DD"; -1 when it is no date of 1970 to 2261, for ns since 1970
 * end in 2262. */
static int64_t read_date(const char *s)
{
  for (int i = 0; i < DATE; i++)
    if (i == 4 || i == 7 ? s[i] != '-' : !is_digit(s[i])) return -1;
  const int year = 100 * two(s) + two(s + 2), month = two(s + 5), day = two(s + 8);
  if (year < 1970 || year > 2261 || month < 1 || month > 12 || day < 1 || day > 31) return -1;
  if (day > 28 && day > days_in(year, month)) return -1;
  return days_of(year, month, day);
}

/* "HH:MM:SS[.fraction][+00:00]" in ns; -1 when it is none. */
static int64_t read_clock(const char *s)
{
  const int hours = two(s);
  if (hours > 23 || s[2] != ':') return -1;
  const int minutes = two(s + 3);
  if (minutes > 59 || s[5] != ':') return -1;
  const int seconds = two(s + 6);
  if (seconds > 60) return -1;
  s += 8;
  int64_t ns = 0;
  if (*s == '.') {
    int64_t unit = 100000000;
    for (s++; is_digit(*s); s++, unit /= 10)
      ns += (*s - '0') * unit;
  }
  if (*s != '\0' && strcmp(s, "+00:00") != 0 && strcmp(s, "Z") != 0) return -1;
  return ((hours * 60 + minutes) * 60 + seconds) * ORC_SECOND + ns;
}

/* "YYYY-MM-DD HH:MM:SS[.fraction][+00:00]" to ns since 1970. Most rows are of the date of the one
 * before. */
static bool read_calendar(orc_trace_columns *c, const char *s, int64_t *out)
{
  if (strncmp(s, c->date, DATE) != 0) {
    const int64_t day = read_date(s);
    if (day < 0) return false;
    memcpy(c->date, s, DATE);
    c->day = day;
  }
  if (s[DATE] != ' ' && s[DATE] != 'T') return false;
  const int64_t time = read_clock(s + DATE + 1);
  *out = c->day * 86400 * ORC_SECOND + time;
  return time >= 0;
}

static bool read_time(orc_trace *t, const char *s, int64_t *out, orc_error *e)
{
  if (t->columns.is->calendar) {
    if (read_calendar(&t->columns, s, out)) return true;
    return orc_trace_bad(t, t->columns.is->time, s, "a time such as 2023-11-16 18:15:46.68", e);
  }
  char *end;
  const double v = strtod(s, &end);
  if (end == s || *end != '\0' || !(v >= 0.0) || v > 1e9)
    return orc_trace_bad(t, t->columns.is->time, s, "a time in seconds", e);
  *out = orc_time_of(v);
  return true;
}

static bool row(orc_trace *t, orc_arrival *out, int64_t *time, orc_error *e)
{
  const orc_trace_columns *c = &t->columns;
  char *fields[COLUMNS_MOST];
  int64_t length;
  do {
    length = orc_trace_line(t, e);
    if (length < 0) return false;
  } while (length == 0); /* an empty line at the end is no row */
  const int n = split(t->text, fields);
  if (n > c->count)
    return orc_fail(e, "%s: line %" PRIu64 ": %d fields; the header has %d", t->path, t->line, n,
                    c->count);
  if (n < c->count)
    return orc_fail(e, "%s: line %" PRIu64 ": %d of %d fields; %s is missing", t->path, t->line, n,
                    c->count,
                    n <= c->time     ? c->is->time
                    : n <= c->prompt ? c->is->prompt
                                     : c->is->output);
  t->row_line = t->line;
  return read_time(t, fields[c->time], time, e) &&
         read_count(t, c->is->prompt, fields[c->prompt], &out->prompt, e) &&
         read_count(t, c->is->output, fields[c->output], &out->output, e);
}

bool orc_trace_csv_begin(orc_trace *t, orc_error *e)
{
  char *fields[COLUMNS_MOST];
  if (orc_trace_line(t, e) < 0) return e->code != 0 ? false : orc_fail(e, "%s: is empty", t->path);
  char shown[41];
  orc_trace_show(shown, t->text);
  orc_trace_columns *c = &t->columns;
  c->count = split(t->text, fields);
  for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
    c->is = &formats[i];
    c->time = find(fields, c->count, c->is->time);
    c->prompt = find(fields, c->count, c->is->prompt);
    c->output = find(fields, c->count, c->is->output);
    t->format = (orc_trace_format){ .time = c->is->time, .row = row };
    if (c->time >= 0 && c->prompt >= 0 && c->output >= 0) return true;
  }
  return orc_fail(e,
                  "%s: line 1: a trace's header expected (Azure LLM: TIMESTAMP,ContextTokens,"
                  "GeneratedTokens; BurstGPT; Vidur; Splitwise; Mooncake or ShareGPT in JSON), got "
                  "\"%s\"",
                  t->path, shown);
}
