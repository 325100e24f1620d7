/* serve.c - what clients send, without a server: text, tokens, bodies, keys, the clock. */
#include <math.h>
#include <string.h>

#include "serve/ask.h"
#include "serve/clock.h"
#include "serve/key.h"
#include "serve/recent.h"

#include "test.h"

static bool is(const orc_text *t, const char *expected)
{
  return t->length == strlen(expected) && memcmp(t->at, expected, t->length) == 0;
}

static void texts_are_json_whatever_their_bytes(void)
{
  static const struct {
    const char *bytes, *json;
  } cases[] = {
    { "plain", "\"plain\"" },
    { "a\"b\\c\n\x01", "\"a\\\"b\\\\c\\n\\u0001\"" },
    { "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"" },
    { "\xff", "\"\xef\xbf\xbd\"" },
    { "\xc0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\"" },                 /* overlong */
    { "\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" }, /* a surrogate */
    { "\xf4\x90\x80\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
    { "\xe2\x82", "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    orc_text t = { 0 };
    orc_text_json(&t, cases[i].bytes, strlen(cases[i].bytes));
    CHECK(is(&t, cases[i].json));
    orc_text_done(&t);
  }
}

/* Four bytes each; the last of a piece may be fewer, and what follows begins anew. */
static void tokens_are_four_bytes(void)
{
  orc_tokens t = { 0 };
  orc_text back = { 0 };
  orc_tokens_text(&t, "Hello world", 11);
  CHECK(t.count == 3);
  orc_tokens_text(&t, "!", 1);
  CHECK(t.count == 4);
  for (int32_t i = 0; i < t.count; i++)
    orc_tokens_spell(&back, t.at[i]);
  CHECK(is(&back, "Hello world!"));
  orc_text_done(&back);
  orc_tokens_done(&t);
}

static uint64_t block(const orc_prompts *p, uint32_t prompt, int32_t i)
{
  uint64_t hash = 0;
  for (int32_t b = 0; b <= i; b++)
    hash = orc_prompt_hash(&p->at[prompt], hash, 16 * b, 16 * b + 16);
  return hash;
}

/* The prompt of the second turn begins with the first turn and its answer, block by block. */
static void an_answer_that_comes_back_is_what_was_said(void)
{
  enum { ANSWER = 40 };
  orc_prompts p = { 0 };
  orc_tokens first = { 0 }, second = { 0 };
  orc_text said = { 0 };
  orc_tokens_message(&first, "user", "what do you say to this, and how long", 37);
  orc_tokens_message(&first, "assistant", NULL, 0);
  const uint64_t key = orc_tokens_key(&first, 0);
  for (int32_t i = 0; i < ANSWER; i++)
    orc_tokens_spell(&said, orc_tokens_answer(key, i));
  orc_tokens_message(&second, "user", "what do you say to this, and how long", 37);
  orc_tokens_message(&second, "assistant", said.at, said.length);
  orc_tokens_message(&second, "user", "go on", 5);
  orc_tokens_message(&second, "assistant", NULL, 0);
  const uint32_t a = orc_tokens_prompt(&first, &p, key, ANSWER, 16, 0);
  const uint32_t b = orc_tokens_prompt(&second, &p, orc_tokens_key(&second, 0), 8, 16, 0);
  const uint32_t salted = orc_tokens_prompt(&first, &p, key, ANSWER, 16, 7);
  const int32_t common = (first.count + ANSWER) / 16;
  CHECK(common >= 3 && orc_prompt_length(&p.at[a]) == first.count + ANSWER);
  for (int32_t i = 0; i < common; i++) {
    CHECK(block(&p, a, i) == block(&p, b, i));
    CHECK(block(&p, a, i) != block(&p, salted, i));
  }
  orc_prompts_done(&p);
  orc_tokens_done(&first);
  orc_tokens_done(&second);
  orc_text_done(&said);
}

static int status_of(const char *body, bool chat)
{
  orc_ask a = { 0 };
  orc_refusal why = { 0 };
  const bool good = orc_ask_read(&a, body, strlen(body), chat, 4, &why);
  const int status = good ? 200 : why.status;
  orc_ask_done(&a);
  orc_refusal_done(&why);
  return status;
}

static void bodies_are_read_or_turned_down(void)
{
  CHECK(status_of("{\"prompt\":\"x\"}", false) == 200);
  CHECK(status_of("{\"prompt\":[[1],[2]],\"n\":2}", false) == 200);
  CHECK(status_of("{\"prompt\":[[1],[2]],\"n\":3}", false) == 400);
  CHECK(status_of("{\"prompt\":[\"x\",\"\"]}", false) == 400);
  CHECK(status_of("{\"prompt\":\"x\",\"max_tokens\":null,\"stop\":null}", false) == 200);
  CHECK(status_of("{\"messages\":[{\"role\":\"user\",\"content\":null}]}", true) == 200);
  CHECK(status_of("{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\"}]}]}",
                  true) == 400);
  CHECK(status_of("{\"messages\":[],\"max_completion_tokens\":-1}", true) == 400);
}

static void keys_are_compared_whole(void)
{
  CHECK(orc_key_allows(NULL, ""));
  CHECK(orc_key_allows("abc", "Bearer abc") && orc_key_allows("abc", "bearer abc"));
  CHECK(!orc_key_allows("abc", "Bearer ab") && !orc_key_allows("abc", "Bearer abcd"));
  CHECK(!orc_key_allows("abc", "abc") && !orc_key_allows("abc", "") &&
        !orc_key_allows("abc", "Bearer "));
}

/* Time and wall clock are each other's inverse, at every speed. */
static void the_clock_goes_both_ways(void)
{
  static const double speeds[] = { 0.1, 1.0, 3.0, 100.0 };
  for (size_t i = 0; i < sizeof speeds / sizeof *speeds; i++) {
    orc_wall_clock c = { .wall = 5000, .time = 70, .speed = speeds[i] };
    for (orc_time t = 71; t < 1000000000; t = 3 * t + 1) {
      const int64_t when = orc_wall_clock_when(&c, t);
      CHECK(orc_wall_clock_time(&c, when) >= t);
      CHECK(orc_wall_clock_time(&c, when - 1) < t);
    }
    CHECK(orc_wall_clock_when(&c, ORC_NEVER) == INT64_MAX && orc_wall_clock_when(&c, 3) == 5000);
  }
}

static void what_came_last_is_remembered(void)
{
  orc_recent l = { 0 };
  orc_time at[3];
  CHECK(!orc_recent_quantiles(&l, at));
  for (int i = 0; i < 3 * ORC_RECENT; i++)
    orc_recent_add(&l, i);
  orc_recent_add(&l, -1);
  CHECK(orc_recent_quantiles(&l, at));
  CHECK(at[0] == 2 * ORC_RECENT + 511 && at[2] == 2 * ORC_RECENT + 1012);
}

int main(void)
{
  RUN(texts_are_json_whatever_their_bytes);
  RUN(tokens_are_four_bytes);
  RUN(an_answer_that_comes_back_is_what_was_said);
  RUN(bodies_are_read_or_turned_down);
  RUN(keys_are_compared_whole);
  RUN(the_clock_goes_both_ways);
  RUN(what_came_last_is_remembered);
  return DONE();
}
