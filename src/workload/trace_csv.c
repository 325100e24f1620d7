/* trace_csv.c - traces in CSV, told apart by their header lines. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/spelling.h"
#include "workload/source.h"
#include "workload/trace.h"
#include "workload/trace_formats.h"

enum { COLUMNS_MOST = 64, DATE = 10 }; /* bytes of a date */

static const orc_trace_csv formats[] = {
  /* obs/record.h: one line per request, in the order they ended */
  { .name = "oracle",
    .time = "arrival_time",
    .prompt = "prompt_tokens",
    .output = "output_tokens",
    .in_any_order = true,
    .from_zero = true,
    .asked = "max_output_tokens",
    .status = "status",
    .priority = "priority" },
  /* AzurePublicDataset, LLM inference traces 2023 and 2024 */
  { .name = "Azure LLM",
    .time = "TIMESTAMP",
    .prompt = "ContextTokens",
    .output = "GeneratedTokens",
    .calendar = true },
  /* BurstGPT (Wang et al., KDD 2025), release 1.1 */
  { .name = "BurstGPT",
    .time = "Timestamp",
    .prompt = "Request tokens",
    .output = "Response tokens",
    .zero_is_failure = true }, /* its README: "with some failure that Response tokens are 0s" */
  /* Vidur (Agrawal et al., MLSys 2024), processed traces */
  { .name = "Vidur",
    .time = "arrived_at",
    .prompt = "num_prefill_tokens",
    .output = "num_decode_tokens" },
  /* splitwise-sim (Patel et al., ISCA 2024) */
  { .name = "Splitwise",
    .time = "arrival_timestamp",
    .prompt = "prompt_size",
    .output = "token_size" },
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
  const orc_trace_csv *is = t->columns.is;
  const bool date = is->either && strlen(s) > DATE && s[4] == '-' && s[7] == '-';
  if (is->calendar || date) {
    if (read_calendar(&t->columns, s, out)) return true;
    return orc_trace_bad(t, is->time, s, "a time such as 2023-11-16 18:15:46.68", e);
  }
  char *end;
  const double v = strtod(s, &end), seconds = is->unit > 0.0 ? v * is->unit : v;
  if (end == s || *end != '\0' || !(v >= 0.0) || seconds > (is->either ? ORC_SOURCE_LATEST : 1e9))
    return orc_trace_bad(t, is->time, s, is->either ? "a time" : "a time in seconds", e);
  *out = orc_time_of(seconds);
  return true;
}

/* What a row says beside its lengths. */
static bool read_more(orc_trace *t, char **fields, orc_arrival *out, orc_error *e)
{
  const orc_trace_columns *c = &t->columns;
  if (c->asked >= 0 && c->status >= 0 && strcmp(fields[c->status], "SUCCESS") != 0 &&
      !read_count(t, c->is->asked, fields[c->asked], &out->output, e))
    return false;
  if (c->priority < 0) return true;
  char *end;
  errno = 0;
  const long v = strtol(fields[c->priority], &end, 10);
  if (end == fields[c->priority] || *end != '\0' || v < INT32_MIN || v > INT32_MAX)
    return orc_trace_bad(t, c->is->priority, fields[c->priority], "a whole number", e);
  out->priority = (int32_t)v;
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
         read_count(t, c->is->output, fields[c->output], &out->output, e) &&
         read_more(t, fields, out, e);
}

/* Where the columns of a format are; whether those that must be there are. */
static bool place(orc_trace_columns *c, const orc_trace_csv *is, char *const *fields)
{
  c->is = is;
  c->time = find(fields, c->count, is->time);
  c->prompt = find(fields, c->count, is->prompt);
  c->output = find(fields, c->count, is->output);
  c->asked = is->asked != NULL ? find(fields, c->count, is->asked) : -1;
  c->status = is->status != NULL ? find(fields, c->count, is->status) : -1;
  c->priority = is->priority != NULL ? find(fields, c->count, is->priority) : -1;
  return c->time >= 0 && c->prompt >= 0 && c->output >= 0;
}

/* ---- columns that the options name ---- */

/* The names are the reader's own from here on. */
static bool describe(orc_trace *t, orc_error *e)
{
  const orc_trace_options *o = &t->options;
  const char *const given[] = { o->time, o->prompt, o->output };
  for (int i = 0; i < 3; i++) {
    if (strlen(given[i]) >= ORC_TRACE_NAME_MOST)
      return orc_fail(e, "%s: a column's name has less than %d bytes", t->path,
                      ORC_TRACE_NAME_MOST);
    memcpy(t->names[i], given[i], strlen(given[i]) + 1);
  }
  t->own = (orc_trace_csv){ .name = "columns",
                            .time = t->names[0],
                            .prompt = t->names[1],
                            .output = t->names[2],
                            .either = true,
                            .in_any_order = true,
                            .unit = o->time_unit };
  return true;
}

/* "x.csv: line 1: no column "tt" (arrival); did you mean "t"? It has t, in, out". */
static bool no_column(const orc_trace *t, char *const *fields, orc_error *e)
{
  const orc_trace_columns *c = &t->columns;
  const int which = c->time < 0 ? 0 : c->prompt < 0 ? 1 : 2;
  static const char *const what[] = { "arrival", "prompt", "output" };
  const char *name = t->names[which];
  const char *near = orc_spelling_nearest(name, (const char *const *)fields, c->count);
  char all[240];
  size_t used = 0;
  for (int i = 0; i < c->count; i++) {
    char shown[41];
    orc_trace_show(shown, fields[i]);
    if (used + strlen(shown) + 8 > sizeof all) {
      memcpy(all + used, ", ...", 6);
      break;
    }
    used += (size_t)snprintf(all + used, sizeof all - used, "%s%s", i > 0 ? ", " : "", shown);
  }
  if (near == NULL)
    return orc_fail(e, "%s: line 1: no column \"%s\" (%s); it has %s", t->path, name, what[which],
                    all);
  return orc_fail(e, "%s: line 1: no column \"%s\" (%s); did you mean \"%s\"? It has %s", t->path,
                  name, what[which], near, all);
}

bool orc_trace_csv_begin(orc_trace *t, orc_error *e)
{
  char *fields[COLUMNS_MOST];
  if (orc_trace_line(t, e) < 0) return e->code != 0 ? false : orc_fail(e, "%s: is empty", t->path);
  char shown[41];
  orc_trace_show(shown, t->text);
  orc_trace_columns *c = &t->columns;
  c->count = split(t->text, fields);
  bool found = false;
  if (t->options.time != NULL) {
    if (!describe(t, e)) return false;
    found = place(c, &t->own, fields);
    if (!found) return no_column(t, fields, e);
  }
  for (size_t i = 0; i < sizeof formats / sizeof *formats && !found; i++)
    found = place(c, &formats[i], fields);
  t->format = (orc_trace_format){ .time = c->is->time, .from_zero = c->is->from_zero, .row = row };
  if (found) return !c->is->in_any_order || orc_trace_sort(t, e);
  return orc_fail(
      e,
      "%s: line 1: a trace's header expected (Azure LLM: TIMESTAMP,ContextTokens,"
      "GeneratedTokens; BurstGPT; Vidur; Splitwise; oracle's own; Mooncake, Bailian or ShareGPT "
      "in JSON), or columns = { arrival =, prompt =, output = } of the workload, got \"%s\"",
      t->path, shown);
}
