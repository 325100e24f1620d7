#include "workload/generator.h"

#include <math.h>
#include <string.h>

#include "test.h"

/* A function that fills blocks: `total` requests, one each 10 ms, of prompts 1, 2, 3 ... tokens. */
typedef struct script {
  int total, given, calls;
  int backwards; /* this row comes 1 s too early; -1: none */
  int prefix;    /* tokens of a shared text */
  bool fails, ended;
} script;

static bool fill(void *self, orc_request_block *b, orc_error *e)
{
  script *s = self;
  s->calls++;
  if (s->fails) return orc_fail(e, "script: line 3");
  for (; b->count < b->room && s->given < s->total; b->count++, s->given++) {
    const int i = b->count;
    b->time[i] = 0.01 * s->given - (s->given == s->backwards ? 1.0 : 0.0) + 1.0;
    b->prompt[i] = s->given + 1 + s->prefix;
    b->output[i] = 5;
    b->prefix[i] = s->prefix > 0 ? 77 : 0;
    b->prefix_tokens[i] = s->prefix;
    b->session[i] = (uint64_t)s->given + 1;
  }
  return true;
}

/* Two turns in all; the second comes 2 s after the answer, with 3 tokens more. */
static bool follow(void *self, const orc_outcome *of, orc_request_block *b, orc_error *e)
{
  script *s = self;
  if (s->fails) return orc_fail(e, "script: line 9");
  if (of->in->turn > 1 || of->status != ORC_SUCCESS) return true;
  b->count = 1;
  b->time[0] = 2.0;
  b->prompt[0] = 3;
  b->output[0] = 4;
  b->continues[0] = true;
  return true;
}

static void done(void *self)
{
  script *s = self;
  s->ended = true;
}

static orc_source source_of(script *s, int room, int64_t count, double duration, bool told)
{
  const orc_generator g = { .self = s, .fill = fill, .follow = follow, .done = done };
  const orc_generator_options o = {
    .profile = 1, .room = room, .count = count, .duration = duration, .timeout = 30.0, .told = told
  };
  return orc_source_generator(&g, &o);
}

/* All that come; -1 and the reason where one is wrong. */
static int drain(const orc_source *s, orc_arrival *last, orc_error *e)
{
  int n = 0;
  *e = (orc_error){ 0 };
  for (orc_arrival a; s->next(s->self, &a, e); n++)
    *last = a;
  orc_arrival more;
  CHECK(!s->next(s->self, &more, &(orc_error){ 0 })); /* an end is an end */
  return e->code == 0 ? n : -1;
}

/* The size of a block decides how often the function is called, and nothing else. */
static void rows_become_requests_whatever_the_block(void)
{
  static const int rooms[] = { 1, 7, 100, 4096 };
  for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++) {
    script from = { .total = 1000, .backwards = -1 };
    const orc_source s = source_of(&from, rooms[i], INT64_MAX, (double)INFINITY, false);
    orc_arrival last = { 0 };
    orc_error e;
    CHECK(drain(&s, &last, &e) == 1000);
    CHECK(from.calls == (999 + rooms[i]) / rooms[i] + 1); /* the last finds none */
    CHECK(last.time == 10990000000 && last.prompt == 1000 && last.output == 5);
    CHECK(last.max_output == 5 && last.client == 99 && last.profile == 1 && last.streamed);
    CHECK(last.session == 1000 && last.turn == 1 && last.prompt_id == 0);
    CHECK(last.timeout == 30 * ORC_SECOND && last.cancel == ORC_NEVER);
    s.done(s.self);
    CHECK(from.ended);
  }
}

static void count_and_duration_end_it(void)
{
  script from = { .total = 1000, .backwards = -1 };
  orc_source s = source_of(&from, 64, 10, (double)INFINITY, false);
  orc_arrival last;
  orc_error e;
  CHECK(drain(&s, &last, &e) == 10);
  s.done(s.self);
  from = (script){ .total = 1000, .backwards = -1 };
  s = source_of(&from, 64, INT64_MAX, 1.5, false);
  CHECK(drain(&s, &last, &e) == 50 && last.time == 1490000000);
  s.done(s.self);
}

static void the_wrong_row_is_named(void)
{
  script from = { .total = 100, .backwards = 41 };
  orc_source s = source_of(&from, 16, INT64_MAX, (double)INFINITY, false);
  orc_arrival last = { 0 };
  orc_error e;
  CHECK(drain(&s, &last, &e) == -1 && last.prompt == 41);
  CHECK(strstr(e.msg, "request 42: time") != NULL);
  s.done(s.self);
  from = (script){ .total = 100, .backwards = -1, .prefix = 8 };
  s = source_of(&from, 16, INT64_MAX, (double)INFINITY, false);
  CHECK(drain(&s, &last, &e) == -1 && strstr(e.msg, "request 1: prefix") != NULL);
  s.done(s.self);
  from = (script){ .fails = true };
  s = source_of(&from, 16, INT64_MAX, (double)INFINITY, false);
  CHECK(drain(&s, &last, &e) == -1 && strstr(e.msg, "script: line 3") != NULL);
  s.done(s.self);
}

/* Prompts that begin with one text share it, and go on each in its own way. */
static void prefixes_are_shared(void)
{
  script from = { .total = 2, .backwards = -1, .prefix = 64 };
  const orc_source s = source_of(&from, 16, INT64_MAX, (double)INFINITY, true);
  orc_arrival a, b;
  orc_error e = { 0 };
  CHECK(s.next(s.self, &a, &e) && s.next(s.self, &b, &e) && a.prompt == 65 && b.prompt == 66);
  const orc_prompt *one = &s.prompts->at[a.prompt_id], *two = &s.prompts->at[b.prompt_id];
  CHECK(orc_prompt_length(one) == 65 && orc_prompt_length(two) == 66);
  CHECK(orc_prompt_hash(one, 0, 0, 64) == orc_prompt_hash(two, 0, 0, 64));
  CHECK(orc_prompt_hash(one, 0, 0, 65) != orc_prompt_hash(two, 0, 0, 65));
  s.done(s.self);
}

/* Request 1 of 65 tokens is answered with 5: turn 2 has 65 + 5 + 3, begins alike, and is the last. */
static void a_turn_continues_what_was_said(void)
{
  script from = { .total = 1, .backwards = -1, .prefix = 64 };
  const orc_source s = source_of(&from, 16, INT64_MAX, (double)INFINITY, true);
  orc_arrival a, b, c;
  orc_error e = { 0 };
  CHECK(s.next(s.self, &a, &e) && a.turn == 1);
  orc_outcome of = { .in = &a, .ended = 3 * ORC_SECOND, .generated = 5, .status = ORC_SUCCESS };
  CHECK(s.follow(s.self, &of, &b, &e) && b.time == 5 * ORC_SECOND);
  CHECK(b.prompt == 73 && b.output == 4 && b.session == a.session && b.turn == 2);
  const orc_prompt *one = &s.prompts->at[a.prompt_id], *two = &s.prompts->at[b.prompt_id];
  CHECK(two->follows && two->history == 70 && orc_prompt_length(two) == 73);
  CHECK(orc_prompt_hash(one, 0, 0, 70) == orc_prompt_hash(two, 0, 0, 70));
  of.in = &b;
  CHECK(!s.follow(s.self, &of, &c, &e) && e.code == 0);
  of.status = ORC_TIMEOUT;
  of.in = &a;
  CHECK(!s.follow(s.self, &of, &c, &e) && e.code == 0);
  from.fails = true;
  CHECK(!s.follow(s.self, &of, &c, &e) && strstr(e.msg, "script: line 9") != NULL);
  s.done(s.self);
}

int main(void)
{
  RUN(rows_become_requests_whatever_the_block);
  RUN(count_and_duration_end_it);
  RUN(the_wrong_row_is_named);
  RUN(prefixes_are_shared);
  RUN(a_turn_continues_what_was_said);
  return DONE();
}
