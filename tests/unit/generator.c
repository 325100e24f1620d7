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

/* One row that is right but for what `spoil` does to it. */
typedef struct odd {
  void (*spoil)(orc_request_block *b);
  bool given;
} odd;

static bool fill_odd(void *self, orc_request_block *b, orc_error *e)
{
  odd *o = self;
  (void)e;
  if (o->given) return true;
  o->given = true;
  b->count = 1;
  b->time[0] = 1.0;
  b->prompt[0] = b->output[0] = 5;
  o->spoil(b);
  return true;
}

static void nothing(orc_request_block *b)
{
  (void)b;
}

static void before_the_run(orc_request_block *b)
{
  b->time[0] = -0.5;
}

static void never(orc_request_block *b)
{
  b->time[0] = (double)NAN;
}

static void too_late(orc_request_block *b)
{
  b->time[0] = 9.1e9;
}

static void no_prompt(orc_request_block *b)
{
  b->prompt[0] = 0;
}

static void too_long(orc_request_block *b)
{
  b->prompt[0] = INT32_MAX / 2 + 1;
}

static void as_long_as_can_be(orc_request_block *b)
{
  b->prompt[0] = b->output[0] = INT32_MAX / 2;
}

static void no_output(orc_request_block *b)
{
  b->output[0] = -1;
}

static void too_much_output(orc_request_block *b)
{
  b->output[0] = INT32_MAX;
}

static void less_than_its_output(orc_request_block *b)
{
  b->max_output[0] = 4;
}

static void no_patience(orc_request_block *b)
{
  b->timeout[0] = -1.0;
}

static void no_cancel(orc_request_block *b)
{
  b->cancel[0] = (double)NAN;
}

static void more_prefix_than_prompt(orc_request_block *b)
{
  b->prefix[0] = 7;
  b->prefix_tokens[0] = 6;
}

static void a_prefix_of_nothing(orc_request_block *b)
{
  b->prefix[0] = 7;
}

static void a_prefix_without_text(orc_request_block *b)
{
  b->prefix_tokens[0] = 3;
}

static void more_than_there_is_room_for(orc_request_block *b)
{
  b->count = b->room + 1;
}

static void each_column_is_checked(void)
{
  static const struct {
    void (*spoil)(orc_request_block *b);
    const char *why;
  } cases[] = {
    { before_the_run, "request 1: time: s of at least 0 expected, got -0.5" },
    { never, "request 1: time: s of at least 0" },
    { too_late, "at most 9e9 s" },
    { no_prompt, "request 1: prompt: a number of tokens from 1 to 1073741823 expected, got 0" },
    { too_long, "got 1.07374e+09" },
    { no_output, "output: a number of tokens from 1 to 1073741823 expected, got -1" },
    { too_much_output, "got 2.14748e+09" },
    { less_than_its_output, "request 1: max_output: at least output expected, got 4" },
    { no_patience, "request 1: timeout: s of at least 0 expected, got -1" },
    { no_cancel, "request 1: cancel" },
    { more_prefix_than_prompt, "prefix_tokens: from 0 to those of the prompt expected, got 6" },
    { a_prefix_of_nothing, "prefix_tokens: above 0 where there is a prefix expected, got 0" },
    { a_prefix_without_text, "prefix_tokens: above 0 where there is a prefix expected, got 3" },
    { more_than_there_is_room_for, "a block of 5 requests, from 0 to 4" },
  };
  const orc_generator_options o = {
    .room = 4, .count = INT64_MAX, .duration = (double)INFINITY, .timeout = 30.0, .told = true
  };
  orc_arrival last;
  orc_error e;
  odd good = { .spoil = nothing };
  orc_source s = orc_source_generator(&(orc_generator){ .self = &good, .fill = fill_odd }, &o);
  CHECK(drain(&s, &last, &e) == 1 && last.prompt == 5);
  s.done(s.self);
  good = (odd){ .spoil = as_long_as_can_be };
  s = orc_source_generator(&(orc_generator){ .self = &good, .fill = fill_odd }, &o);
  CHECK(drain(&s, &last, &e) == 1 && last.prompt == 1073741823 && last.output == 1073741823);
  s.done(s.self);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    odd from = { .spoil = cases[i].spoil };
    s = orc_source_generator(&(orc_generator){ .self = &from, .fill = fill_odd }, &o);
    CHECK(drain(&s, &last, &e) == -1);
    if (strstr(e.msg, cases[i].why) == NULL) printf("%s; got: %s\n", cases[i].why, e.msg);
    CHECK(strstr(e.msg, cases[i].why) != NULL);
    s.done(s.self);
  }
}

/* Requests without end, all at one moment or one a second. */
static bool fill_for_ever(void *self, orc_request_block *b, orc_error *e)
{
  double *now = self;
  (void)e;
  for (; b->count < b->room; b->count++) {
    b->time[b->count] = *now < 0.0 ? 1.0 : (*now += 1.0);
    b->prompt[b->count] = b->output[b->count] = 5;
  }
  return true;
}

static void what_has_no_end_is_refused(void)
{
  double passing = 0.0, still = -1.0;
  orc_generator_options o = {
    .room = 64, .count = INT64_MAX, .most = 500, .duration = (double)INFINITY, .timeout = 30.0
  };
  orc_arrival last;
  orc_error e;
  orc_source s =
      orc_source_generator(&(orc_generator){ .self = &passing, .fill = fill_for_ever }, &o);
  CHECK(drain(&s, &last, &e) == -1 && last.time == 500 * ORC_SECOND);
  CHECK(strstr(e.msg, "still more come after 500") != NULL);
  s.done(s.self);
  o.most = 0;
  s = orc_source_generator(&(orc_generator){ .self = &still, .fill = fill_for_ever }, &o);
  CHECK(drain(&s, &last, &e) == -1 && strstr(e.msg, "more than 100000 requests at 1 s") != NULL);
  s.done(s.self);
  o.count = 200000; /* a count is an end */
  s = orc_source_generator(&(orc_generator){ .self = &still, .fill = fill_for_ever }, &o);
  CHECK(drain(&s, &last, &e) == 200000);
  s.done(s.self);
}

/* What follows is one request, not longer than can be counted, and not for ever. */
static bool follow_oddly(void *self, const orc_outcome *of, orc_request_block *b, orc_error *e)
{
  const int *how = self;
  (void)of;
  (void)e;
  b->count = how[0];
  b->prompt[0] = how[1];
  b->output[0] = 1;
  b->continues[0] = true;
  return true;
}

static bool fill_none(void *self, orc_request_block *b, orc_error *e)
{
  (void)self;
  (void)b;
  (void)e;
  return true;
}

static void what_follows_is_checked(void)
{
  int how[] = { 2, 10 };
  const orc_generator g = { .self = how, .fill = fill_none, .follow = follow_oddly };
  orc_generator_options o = {
    .room = 4, .count = INT64_MAX, .duration = (double)INFINITY, .timeout = 30.0, .told = true
  };
  orc_source s = orc_source_generator(&g, &o);
  const orc_arrival in = { .prompt = 1 << 29, .output = 5, .turn = 1 };
  const orc_outcome of = { .in = &in, .ended = ORC_SECOND, .generated = 5, .status = ORC_SUCCESS };
  orc_arrival next;
  orc_error e = { 0 };
  CHECK(!s.follow(s.self, &of, &next, &e) && strstr(e.msg, "2 requests follow one") != NULL);
  s.done(s.self);
  how[0] = 1;
  how[1] = 1 << 29;
  s = orc_source_generator(&g, &o);
  e = (orc_error){ 0 };
  CHECK(!s.follow(s.self, &of, &next, &e) && strstr(e.msg, "at most 1073741823 tokens") != NULL);
  s.done(s.self);
  how[1] = -1;
  s = orc_source_generator(&g, &o);
  e = (orc_error){ 0 };
  CHECK(!s.follow(s.self, &of, &next, &e) && strstr(e.msg, "expected, got -1") != NULL);
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
  RUN(each_column_is_checked);
  RUN(what_has_no_end_is_refused);
  RUN(what_follows_is_checked);
  RUN(prefixes_are_shared);
  RUN(a_turn_continues_what_was_said);
  return DONE();
}
