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

/* A body, written with ' in place of ". */
static orc_ask read_body(const char *body, bool chat, orc_refusal *why)
{
  char json[4096];
  orc_ask a = { 0 };
  size_t n = 0;
  for (; body[n] != '\0'; n++)
    json[n] = body[n] == '\'' ? '"' : body[n];
  *why = (orc_refusal){ 0 };
  if (orc_ask_read(&a, json, n, chat, 4, why)) CHECK(why->status == 0);
  return a;
}

static void each_field_is_checked(void)
{
#define CHAT(content) "{'messages':[{'role':'user','content':" content "}]}"
  static const struct {
    const char *body;
    bool chat;
    const char *why;
  } cases[] = {
    { "{}", false, "Either prompt or prompt_embeds" },
    { "{'prompt':3}", false, "a list of strings, or of token ids" },
    { "{'prompt':['a',3]}", false, "a list of strings, or of token ids" },
    { "{'prompt':['a','b','c','d','e']}", false, "at most 4 answers" },
    { "{'prompt':[1,'b']}", false, "valid integer" },
    { "{'prompt':[4294967296]}", false, "Token id 4294967296 is out of vocabulary" },
    { "{'prompt':'x','n':5}", false, "at most 4 answers" },
    { "{'prompt':['a','b'],'n':8000000000000000}", false, "at most 4 answers" },
    { "{'prompt':'x','n':1e16}", false, "Unable to parse input as an integer" },
    { "{'prompt':'x','n':1.5}", false, "a fractional part" },
    { "{'prompt':'x','min_tokens':-1}", false, "greater than or equal to 0, got -1" },
    { "{'prompt':'x','max_tokens':-7}", false, "max_tokens must be at least 1, got -7" },
    { "{'prompt':'x','priority':2147483648}", false, "Input should be a valid integer" },
    { "{'prompt':'x','priority':-2147483649}", false, "Input should be a valid integer" },
    { "{'prompt':'x','temperature':'hot'}", false, "Input should be a valid number" },
    { "{'prompt':'x','min_p':1.5}", false, "min_p must be in [0, 1], got 1.5" },
    { "{'prompt':'x','presence_penalty':-3}", false, "presence_penalty must be in [-2, 2]" },
    { "{'prompt':'x','frequency_penalty':3}", false, "frequency_penalty must be in [-2, 2]" },
    { "{'prompt':'x','repetition_penalty':0}", false, "greater than zero, got 0" },
    { "{'prompt':'x','stop':[3]}", false, "Input should be a valid string" },
    { "{'prompt':'x','stop':['a','']}", false, "stop cannot contain an empty string" },
    { "{'prompt':'x','model':3}", false, "Input should be a valid string" },
    { "{'prompt':'x','stream':true,'stream_options':3}", false, "a valid dictionary" },
    { "{'prompt':'x','stream':true,'stream_options':{'include_usage':3}}", false, "valid boolean" },
    { "{}", true, "Field required" },
    { "{'messages':3}", true, "Input should be a valid list" },
    { "{'messages':[]}", true, "at least one message expected" },
    { "{'messages':[3]}", true, "Field required: role" },
    { "{'messages':[{'role':'user'}],'add_generation_prompt':1}", true, "valid boolean" },
    { CHAT("3"), true, "Input should be a valid string" },
    { CHAT("[3]"), true, "a part of a message expected" },
    { CHAT("[{'text':3}]"), true, "Unknown part type: none" },
    { CHAT("[{'type':'audio'}]"), true, "Unknown part type: audio" },
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    orc_refusal why;
    orc_ask a = read_body(cases[i].body, cases[i].chat, &why);
    orc_text_bytes(&why.message, "", 1);
    CHECK(why.status == 400);
    if (strstr(why.message.at, cases[i].why) == NULL)
      printf("%s: %s\n", cases[i].body, why.message.at);
    CHECK(strstr(why.message.at, cases[i].why) != NULL);
    orc_ask_done(&a);
    orc_refusal_done(&why);
  }
}

/* What is right is taken as it stands, to the ends of what is counted. */
static void fields_are_taken(void)
{
  orc_refusal why;
  orc_ask a = read_body("{'prompt':[4294967295,0],'n':4,'priority':-2147483648,'max_tokens':9,"
                        "'min_tokens':9,'stop':['a','b'],'stream':true,'cache_salt':'s',"
                        "'stream_options':{'include_usage':true}}",
                        false, &why);
  CHECK(a.n == 4 && a.priority == INT32_MIN && a.max_tokens == 9 && a.min_tokens == 9);
  CHECK(a.prompt_count == 1 && a.prompts[0].count == 2 && a.prompts[0].at[0] == UINT32_MAX);
  CHECK(a.stop_count == 2 && strcmp(a.stops[1], "b") == 0 && a.stream && a.usage && a.salt != 0);
  orc_ask_done(&a);
  a = read_body("{'prompt':'x','priority':2147483647}", false, &why);
  CHECK(a.priority == INT32_MAX && a.max_tokens == ORC_ASK_OPEN && a.n == 1 && a.salt == 0);
  orc_ask_done(&a);
  /* A list of parts is the text of all of them. */
  a = read_body(CHAT("'onetwo'"), true, &why);
  orc_ask b = read_body(CHAT("['one',{'type':'text','text':'two'}]"), true, &why);
  CHECK(a.prompts[0].count == b.prompts[0].count && a.prompts[0].count > 0);
  CHECK(memcmp(a.prompts[0].at, b.prompts[0].at, (size_t)a.prompts[0].count * sizeof(uint32_t)) ==
        0);
  orc_ask_done(&a);
  orc_ask_done(&b);
#undef CHAT
}

static void tokens_are_asked_about(void)
{
  static const char *const bodies[] = { "{\"prompt\":3}", "{", "{\"model\":1,\"prompt\":\"x\"}" };
  for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
    orc_ask a;
    orc_refusal why = { 0 };
    CHECK(!orc_ask_tokenize(&a, bodies[i], strlen(bodies[i]), &why) && why.status == 400);
    orc_ask_done(&a);
    orc_refusal_done(&why);
    why = (orc_refusal){ 0 };
    CHECK(!orc_ask_detokenize(&a, bodies[i], strlen(bodies[i]), &why) && why.status == 400);
    orc_ask_done(&a);
    orc_refusal_done(&why);
  }
  orc_ask a;
  orc_refusal why = { 0 };
  const char ids[] = "{\"tokens\":[7,8,9]}";
  CHECK(orc_ask_detokenize(&a, ids, sizeof ids - 1, &why) && a.prompts[0].count == 3);
  orc_ask_done(&a);
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
  RUN(each_field_is_checked);
  RUN(fields_are_taken);
  RUN(tokens_are_asked_about);
  RUN(keys_are_compared_whole);
  RUN(the_clock_goes_both_ways);
  RUN(what_came_last_is_remembered);
  return DONE();
}
