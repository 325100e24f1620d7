#include "workload/synthetic.h"
#include "workload/trace_file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test.h"

static orc_synthetic load(orc_process process, double rate, int64_t count)
{
  orc_synthetic o = { .process = process,
                      .seed = 7,
                      .cv = 2.0,
                      .stage_count = 1,
                      .count = count,
                      .duration = (double)INFINITY,
                      .timeout = (double)INFINITY,
                      .prompt = { .kind = ORC_DIST_CONSTANT, .a = 10 },
                      .output = { .kind = ORC_DIST_CONSTANT, .a = 5 } };
  o.stages = orc_alloc(2, sizeof *o.stages);
  o.stages[0] = (orc_rate_stage){ .rate = rate, .duration = (double)INFINITY };
  return o;
}

/* All arrivals: how many, the last one's time in s; the gaps' mean and variance. */
typedef struct summary {
  int n;
  double last, mean, variance;
} summary;

static summary drain(orc_source s)
{
  summary r = { 0 };
  double before = 0.0, sum = 0.0, squares = 0.0;
  orc_arrival a;
  orc_error e = { 0 };
  bool ordered = true;
  for (; s.next(s.self, &a, &e); r.n++) {
    const double time = (double)a.time * 1e-9, gap = time - before;
    ordered = ordered && gap >= 0.0 && a.prompt == 10 && a.output == 5;
    sum += gap;
    squares += gap * gap;
    before = r.last = time;
  }
  CHECK(e.code == 0 && ordered);
  r.mean = sum / r.n;
  r.variance = squares / r.n - r.mean * r.mean;
  s.done(s.self);
  return r;
}

/* 40,000 gaps of rate 50: mean 20 ms within 5 standard errors; variance mean^2 x cv^2. */
static void point_processes_have_their_rate_and_spread(void)
{
  orc_synthetic o = load(ORC_PROCESS_POISSON, 50.0, 40000);
  summary r = drain(orc_source_synthetic(&o));
  CHECK(r.n == 40000);
  NEAR(r.mean, 0.02, 5.0 / sqrt(40000.0));
  NEAR(r.variance, 0.0004, 0.1);
  o = load(ORC_PROCESS_GAMMA, 50.0, 40000);
  r = drain(orc_source_synthetic(&o));
  NEAR(r.mean, 0.02, 2.0 * 5.0 / sqrt(40000.0));
  NEAR(r.variance, 4.0 * 0.0004, 0.15);
}

/* 2 req/s for 3 s, then 10 req/s for 1 s: at 0, .5, ... 2.5, then 3.0, 3.1 ... 3.9. */
static void stages_change_the_rate_where_they_meet(void)
{
  orc_synthetic o = load(ORC_PROCESS_CONSTANT, 2.0, INT64_MAX);
  o.stage_count = 2;
  o.stages[0].duration = 3.0;
  o.stages[1] = (orc_rate_stage){ .rate = 10.0, .duration = 1.0 };
  const summary r = drain(orc_source_synthetic(&o));
  CHECK(r.n == 16);
  NEAR(r.last, 3.9, 1e-9);
}

/* Sums of tenths fall short of whole numbers, and still no arrival belongs to the wrong side. */
static void ends_are_exact(void)
{
  orc_synthetic o = load(ORC_PROCESS_CONSTANT, 10.0, INT64_MAX);
  o.duration = 10.0;
  summary r = drain(orc_source_synthetic(&o));
  CHECK(r.n == 100);
  NEAR(r.last, 9.9, 1e-9);
  o = load(ORC_PROCESS_CONSTANT, 10.0, INT64_MAX);
  o.stage_count = 2;
  o.stages[0].duration = 10.0;
  o.stages[1] = (orc_rate_stage){ .rate = 0.0, .duration = 5.0 };
  r = drain(orc_source_synthetic(&o));
  CHECK(r.n == 100);
  NEAR(r.last, 9.9, 1e-9);
}

/* The same request has the same lengths, whatever came before it: streams are keyed. */
static void lengths_belong_to_the_request(void)
{
  orc_arrival a = { 0 }, b = { 0 };
  orc_error e = { 0 };
  for (int rate = 1; rate <= 2; rate++) {
    orc_synthetic o = load(ORC_PROCESS_POISSON, rate * 10.0, 100);
    o.prompt = (orc_dist){ .kind = ORC_DIST_UNIFORM, .a = 1, .b = 10000 };
    const orc_source s = orc_source_synthetic(&o);
    for (int i = 0; i < 100; i++)
      CHECK(s.next(s.self, rate == 1 ? &a : &b, &e));
    s.done(s.self);
  }
  CHECK(a.prompt == b.prompt && a.time != b.time);
}

/* Three clients, five requests: three at 0, one 2 s after the first answer, one after the second.
 */
static void clients_wait_for_their_answers(void)
{
  orc_synthetic o = load(ORC_PROCESS_CLOSED_LOOP, 1.0, 5);
  o.concurrency = 3;
  o.think = (orc_dist){ .kind = ORC_DIST_CONSTANT, .a = 2.0 };
  const orc_source s = orc_source_synthetic(&o);
  orc_arrival a;
  orc_error e = { 0 };
  for (int i = 0; i < 3; i++)
    CHECK(s.next(s.self, &a, &e) && a.time == 0 && a.client == (uint32_t)i);
  CHECK(!s.next(s.self, &a, &e));
  const orc_arrival in = { .client = 1 };
  const orc_outcome done = { .in = &in, .ended = 5 * ORC_SECOND, .status = ORC_SUCCESS };
  for (int i = 0; i < 2; i++)
    CHECK(s.follow(s.self, &done, &a, &e) && a.time == 7 * ORC_SECOND && a.client == 1);
  CHECK(!s.follow(s.self, &done, &a, &e));
  s.done(s.self);
}

/* ---- traces ---- */

static const orc_trace_options all = {
  .scale = 1.0, .to = (double)INFINITY, .count = INT64_MAX, .timeout = (double)INFINITY
};

/* Read a trace of this text to its end: the arrivals, or -1 and what was wrong. */
static int read_text(const char *text, orc_arrival *last, orc_error *e)
{
  char path[] = "/tmp/oracle-trace-XXXXXX";
  const int fd = mkstemp(path);
  CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
  close(fd);
  *e = (orc_error){ 0 };
  orc_source s;
  int n = -1;
  if (orc_source_trace(&s, path, &all, e)) {
    n = 0;
    for (orc_arrival a; s.next(s.self, &a, e); n++)
      *last = a;
    s.done(s.self);
    if (e->code != 0) n = -1;
  }
  unlink(path);
  return n;
}

#define HEADER "TIMESTAMP,ContextTokens,GeneratedTokens\n"

/* 23:59:59.5 to 00:00:01.25 over the end of February of a leap year: 1.75 s. CRLF, no last newline.
 */
static void a_trace_is_read_whatever_its_line_ends(void)
{
  orc_arrival a = { 0 };
  orc_error e;
  CHECK(read_text("TIMESTAMP,ContextTokens,GeneratedTokens\r\n"
                  "2024-02-28 23:59:59.5000000,374,44\r\n"
                  "2024-02-29 00:00:01.2500000,396,109",
                  &a, &e) == 2);
  CHECK(a.time == 1750000000 && a.prompt == 396 && a.output == 109);
  CHECK(read_text("arrived_at,num_prefill_tokens,num_decode_tokens\n1.5,10,3\n2,20,4\n", &a, &e) ==
        2);
  CHECK(a.time == 500000000 && a.prompt == 20 && a.output == 4);
}

static void says_where_a_trace_is_wrong(void)
{
  static const struct {
    const char *text, *where;
  } wrong[] = {
    { "", "is empty" },
    { HEADER, "no requests" },
    { "a,b,c\n1,2,3\n", "line 1" },
    { HEADER "2023-11-16 18:15:46.68,374,44\n2023-11-16 18:15:47,12\n", "line 3: 2 of 3 fields" },
    { HEADER "2023-11-16 18:15:46.68,374,\n", "line 2: GeneratedTokens is missing" },
    { HEADER "2023-11-16 18:15:46.68,x,44\n", "line 2: ContextTokens" },
    { HEADER "2023-11-16 18:15:46.68,-3,44\n", "line 2: ContextTokens" },
    { HEADER "2023-13-16 18:15:46.68,3,44\n", "line 2: TIMESTAMP" },
    { HEADER "2023-11-16 18:15:46,3,4\n2023-11-16 18:15:45,3,4\n", "line 3: TIMESTAMP goes back" },
    { HEADER "2023-11-16 18:15:46,3,4,5\n", "line 2: 4 fields" },
  };
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    orc_arrival a;
    orc_error e;
    CHECK(read_text(wrong[i].text, &a, &e) == -1);
    CHECK(strstr(e.msg, wrong[i].where) != NULL);
  }
}

int main(void)
{
  RUN(point_processes_have_their_rate_and_spread);
  RUN(stages_change_the_rate_where_they_meet);
  RUN(ends_are_exact);
  RUN(lengths_belong_to_the_request);
  RUN(clients_wait_for_their_answers);
  RUN(a_trace_is_read_whatever_its_line_ends);
  RUN(says_where_a_trace_is_wrong);
  return DONE();
}
