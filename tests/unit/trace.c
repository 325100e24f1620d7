/* trace.c - traces in JSON: Mooncake's blocks and ShareGPT's texts, windows and rates, and what is
 * wrong. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "workload/trace_file.h"

#include "test.h"

enum { MOST = 64 };

static const orc_trace_options all = { .scale = 1.0,
                                       .to = (double)INFINITY,
                                       .count = INT64_MAX,
                                       .timeout = (double)INFINITY,
                                       .characters_per_token = 4.0 };

typedef struct reading {
  int n; /* -1: refused, e says why */
  orc_arrival at[MOST];
  uint64_t first[MOST]; /* hash of the first 512 tokens of each prompt; 0 without content */
  uint64_t head[MOST];  /* of the first 32 */
  bool noted;
  orc_error e;
} reading;

static void take(reading *r, const orc_source *s)
{
  for (orc_arrival a; r->n < MOST && s->next(s->self, &a, &r->e); r->n++) {
    r->at[r->n] = a;
    const orc_prompt *c = a.prompt_id == 0 ? NULL : &s->prompts->at[a.prompt_id];
    CHECK(c == NULL || orc_prompt_length(c) == a.prompt);
    r->first[r->n] = c == NULL ? 0 : orc_prompt_hash(c, 0, 0, 512);
    r->head[r->n] = c == NULL ? 0 : orc_prompt_hash(c, 0, 0, 32);
  }
}

static reading read_bytes(const char *text, size_t length, const orc_trace_options *o)
{
  char path[] = "/tmp/oracle-trace-XXXXXX";
  const int fd = mkstemp(path);
  CHECK(write(fd, text, length) == (ssize_t)length);
  close(fd);
  reading r = { .n = -1 };
  orc_source s;
  if (orc_source_trace(&s, path, o, &r.e)) {
    r.n = 0;
    take(&r, &s);
    r.noted = s.note[0] != '\0';
    s.done(s.self);
    if (r.e.code != 0) r.n = -1;
  }
  unlink(path);
  return r;
}

static reading read_text(const char *text, const orc_trace_options *o)
{
  return read_bytes(text, strlen(text), o);
}

#define ROW(time, in, out, ids)                                                                    \
  "{\"timestamp\": " #time ", \"input_length\": " #in ", \"output_length\": " #out                 \
  ", \"hash_ids\": " ids "}\n"

/* Equal ids are equal tokens; the last block is cut where the prompt ends. Other keys are left out.
 */
static void mooncake_has_its_blocks(void)
{
  const reading r = read_text(
      ROW(1000, 1200, 5, "[7, 8, 9]") ROW(1500, 1024, 6, "[7,8]")
          ROW(3000, 600, 7,
              "[1, 8]") "\n"
                        "{\"x\": [{\"y\": \"\\u00e9]\"}], \"hash_ids\": [7], \"input_length\": 512,"
                        " \"output_length\": 1.0e1, \"timestamp\": 4e3}",
      &all);
  CHECK(r.n == 4 && !r.noted);
  CHECK(r.at[0].time == 0 && r.at[1].time == 500000000 && r.at[3].time == 3 * ORC_SECOND);
  CHECK(r.at[0].prompt == 1200 && r.at[3].output == 10);
  CHECK(r.first[0] == r.first[1] && r.first[0] == r.first[3] && r.first[0] != r.first[2]);
}

#define CHAT(id, time, in, out, ids)                                                               \
  "{\"chat_id\": " #id ", \"parent_chat_id\": -1, \"timestamp\": " #time                           \
  ", \"input_length\": " #in ", \"output_length\": " #out                                          \
  ", \"type\": \"text\", \"turn\": 1, \"hash_ids\": " ids "}\n"

/* Rows of chats are Bailian's: seconds, and an id for every 16 tokens; those behind the last whole
 * block may have none. */
static void bailian_has_seconds_and_small_blocks(void)
{
  const reading r = read_text(CHAT(1, 0.5, 40, 5, "[7, 8, 9]") CHAT(2, 61.25, 33, 6, "[7, 8]")
                                  CHAT(3, 62, 16, 1, "[8]") CHAT(4, 63, 9, 1, "[]"),
                              &all);
  CHECK(r.n == 4 && r.at[0].time == 0 && r.at[1].time == 60750000000);
  CHECK(r.at[0].prompt == 40 && r.at[1].prompt == 33 && r.at[3].prompt == 9);
  CHECK(r.head[0] == r.head[1] && r.head[0] != r.head[2]);
  const reading few = read_text(CHAT(1, 0, 40, 5, "[7]"), &all);
  CHECK(few.n == -1 && strstr(few.e.msg, "needs 3, one for every 16 tokens") != NULL);
  const reading late = read_text(CHAT(1, 0, 1, 1, "[7]") CHAT(1, 9.1e9, 1, 1, "[7]"), &all);
  CHECK(late.n == -1 && strstr(late.e.msg, "line 2: timestamp: at most 9e+09 s") != NULL);
  const reading ms = read_text(ROW(0.5, 1, 1, "[1]"), &all);
  CHECK(ms.n == -1 && strstr(ms.e.msg, "a whole number of ms expected, got 0.5") != NULL);
}

static void windows_and_rates_are_for_every_format(void)
{
  static const char *const texts[] = {
    ROW(0, 10, 1, "[1]") ROW(1000, 20, 1, "[2]") ROW(2000, 30, 1, "[3]") ROW(3000, 40, 1, "[4]"),
    "arrived_at,num_prefill_tokens,num_decode_tokens\n5,10,1\n6,20,1\n7,30,1\n8,40,1\n",
    "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n5,m,10,1,11,x\n"
    "6,m,20,1,21,x\n7,m,30,1,31,x\n8,m,40,1,41,x\n",
    "request_id,arrival_timestamp,prompt_size,token_size\n1,5,10,1\n2,6,20,1\n3,7,30,1\n4,8,40,1\n",
    "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.0,10,1\n2023-11-16 "
    "18:15:47.0,20,1\n"
    "2023-11-16 18:15:48.0,30,1\n2023-11-16 18:15:49.0,40,1\n",
  };
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    orc_trace_options o = all;
    o.from = 1.0;
    o.to = 3.0;
    o.scale = 4.0;
    const reading r = read_text(texts[i], &o);
    CHECK(r.n == 2 && r.at[0].prompt == 20 && r.at[1].prompt == 30);
    CHECK(r.at[0].time == 0 && r.at[1].time == ORC_SECOND / 4);
    o.count = 1;
    CHECK(read_text(texts[i], &o).n == 1);
  }
}

#define TALK(...) "{\"id\": \"a\", \"conversations\": [" __VA_ARGS__ "]}"
#define SAYS(text) "{\"from\": \"human\", \"value\": \"" text "\"}"

/* Lengths are characters over characters per token, rounded up; short conversations are left out.
 */
static void sharegpt_has_lengths_of_its_texts(void)
{
  orc_trace_options o = all;
  o.rate = 10.0;
  const char *text =
      "[" TALK(SAYS("12345678") "," SAYS("\\u00e9\\ud83d\\ude00\\n\\\"x") "," SAYS("z")) "," TALK(
          SAYS("alone")) ",\n " TALK() ", " TALK(SAYS("w\xc3\xb6rld") "," SAYS("")) "]\n";
  reading r = read_text(text, &o);
  CHECK(r.n == 2 && r.noted);
  CHECK(r.at[0].prompt == 2 && r.at[0].output == 2); /* 8 and 5 characters of four to a token */
  CHECK(r.at[1].prompt == 2 && r.at[1].output == 1);
  CHECK(r.at[0].time > 0 && r.at[1].time > r.at[0].time);
  o.characters_per_token = 1.0;
  r = read_text(text, &o);
  CHECK(r.at[0].prompt == 8 && r.at[0].output == 5);
  CHECK(read_text("[]", &o).n == -1);
}

/* Each row's prompt again, unlike the others where the rest of the workload shares prefixes. */
static void pools_and_identities_come_with_any_csv(void)
{
  const char *text = "arrived_at,num_prefill_tokens,num_decode_tokens\n1,600,1\n2,700,2\n3,800,3\n";
  orc_trace_options o = all;
  CHECK(read_text(text, &o).first[0] == 0);
  o.told = true;
  reading r = read_text(text, &o);
  CHECK(r.first[0] != 0 && r.first[0] != r.first[1] && r.first[1] != r.first[2]);
  o.pool = 2;
  r = read_text(text, &o);
  CHECK(r.at[2].prompt == 600 && r.at[2].output == 3);
  CHECK(r.first[0] == r.first[2] && r.first[0] != r.first[1]);
}

static void says_where_it_is_wrong(void)
{
  static const struct {
    const char *text, *where;
    double rate;
    int64_t pool;
  } wrong[] = {
    { ROW(0, 10, 1, "[1]") ROW(1, 600, 1, "[1]"),
      "line 2: hash_ids: 1 ids; input_length 600 needs 2, one for every 512 tokens", 0, 0 },
    { ROW(5, 10, 1, "[1]") ROW(4, 10, 1, "[1]"), "line 2: timestamp goes back", 0, 0 },
    { ROW(0, -3, 1, "[1]"), "line 1: input_length: a whole number expected, got \"-3\"", 0, 0 },
    { ROW(0, 1.5, 1, "[1]"), "line 1: input_length: a whole number expected, got \"1.5\"", 0, 0 },
    { ROW(0, inf, 1, "[1]"), "line 1: input_length", 0, 0 },
    { ROW(0, 10, 01, "[1]"), "line 1: output_length", 0, 0 },
    { ROW(0, 10, 1e30, "[1]"), "line 1: output_length", 0, 0 },
    { ROW(0, 10, 1, "[1,]"), "line 1: a value after ','", 0, 0 },
    { ROW(0, 10, 1, "[1 2]"), "line 1: ',' or ']' expected", 0, 0 },
    { ROW(0, 10, 1, "1"), "line 1: '[' expected, got '1'", 0, 0 },
    { "{\"timestamp\": 1}\n", "line 1: input_length is missing", 0, 0 },
    { "{\"timestamp\": 1, \"timestamp\": 2}\n", "line 1: timestamp is there twice", 0, 0 },
    { ROW(0, 10, 1, "[1]") "{\"timestamp\": 1, \"in",
      "line 2: the file ends where the end of a string", 0, 0 },
    { ROW(0, 10, 1, "[1]") "x", "line 2: '{' expected, got 'x'", 0, 0 },
    { ROW(0, 10, 1, "[1]"), "rate: the trace has times of its own", 3.0, 0 },
    { ROW(0, 10, 1, "[1]"), "prompt_pool: the trace says what its prompts share", 0, 4 },
    { "[" TALK(SAYS("a") "," SAYS("b")) "]", "rate: missing; the trace has no times", 0, 0 },
    { "[" TALK(SAYS("a") "," SAYS("b")), "the file ends where ',' or ']' was expected", 1.0, 0 },
    { "[" TALK("{\"from\": \"x\"}") "]", "a message without value", 1.0, 0 },
    { "[{\"id\": 3}]", "line 1: conversations is missing", 1.0, 0 },
    { "[" TALK(SAYS("a\\q")) "]", "an escape such as", 1.0, 0 },
    { "[" TALK(SAYS("a\\u12g4")) "]", "four hexadecimal digits", 1.0, 0 },
    { "[] x", "nothing expected after the list", 1.0, 0 },
    { "[{\"conversations\": [], \"z\": nul}]", "a JSON value expected", 1.0, 0 },
  };
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    orc_trace_options o = all;
    o.rate = wrong[i].rate;
    o.pool = wrong[i].pool;
    const reading r = read_text(wrong[i].text, &o);
    CHECK(r.n == -1);
    if (strstr(r.e.msg, wrong[i].where) == NULL) printf("%zu: %s\n", i, r.e.msg);
    CHECK(strstr(r.e.msg, wrong[i].where) != NULL);
  }
}

#define HEADER "TIMESTAMP,ContextTokens,GeneratedTokens\n"

/* What C would take for a number or a calendar for a day, and is none. */
#define RECORDED(...) "{\"oracle_trace\":1}\n{" __VA_ARGS__ "}\n"
#define LENGTHS "\"arrival_ns\":5,\"prompt\":3,\"output\":2,\"max_output\":2"

/* What oracle serve recorded, to the ends of what it writes. */
static void recorded_requests_come_back(void)
{
  orc_trace_options o = all;
  reading r = read_text(RECORDED(LENGTHS), &o);
  CHECK(r.n == 1 && r.at[0].time == 5 && r.at[0].prompt == 3 && r.at[0].prompt_id == 0);
  CHECK(r.at[0].streamed && !r.at[0].stops && r.at[0].cancel == ORC_NEVER && r.at[0].priority == 0);
  r = read_text(RECORDED(LENGTHS
                         ",\"client\":4294967295,\"priority_below_0\":2147483648,\"stops\":1,"
                         "\"streamed\":0,\"cancel_ns\":77,\"later\":[{\"x\":null}],"
                         "\"answer\":\"00000000000000ff\",\"texts\":[[1,\"0000000000000001\",0],"
                         "[2,\"fffffffffffffffe\",9]]"),
                &o);
  CHECK(r.n == 1 && r.at[0].client == UINT32_MAX && r.at[0].priority == INT32_MIN);
  CHECK(r.at[0].stops && !r.at[0].streamed && r.at[0].cancel == 77 && r.at[0].prompt_id != 0);
  r = read_text(RECORDED(LENGTHS ",\"priority\":2147483647"), &o);
  CHECK(r.n == 1 && r.at[0].priority == INT32_MAX);
}

static void wrong_recordings_are_named(void)
{
  static const struct {
    const char *text, *where;
  } wrong[] = {
    { "{\"oracle_trace\":2}\n{" LENGTHS "}\n", "oracle_trace: version 1 expected, got 2" },
    { "{\"oracle_trace\" 1}", "':' expected" },
    { RECORDED(""), "line 2: arrival_ns is missing" },
    { RECORDED("\"arrival_ns\":5,\"prompt\":3,\"max_output\":2"), "line 2: output is missing" },
    { RECORDED("\"arrival_ns\":5,\"prompt\":3,\"output\":3,\"max_output\":2"),
      "line 2: max_output is below output" },
    { RECORDED(LENGTHS ",\"client\":4294967296"), "client" },
    { RECORDED(LENGTHS ",\"priority\":2147483648"), "priority" },
    { RECORDED(LENGTHS ",\"priority_below_0\":2147483649"), "priority_below_0" },
    { RECORDED(LENGTHS ",\"streamed\":2"), "streamed" },
    { RECORDED(LENGTHS ",\"answer\":\"12\""), "an identity of 16 hexadecimal digits" },
    { RECORDED(LENGTHS ",\"answer\":\"000000000000000g\""),
      "an identity of 16 hexadecimal digits" },
    { RECORDED(LENGTHS ",\"texts\":[[2,\"0000000000000001\",0]]"),
      "line 2: texts: they are shorter than the prompt" },
    { RECORDED(LENGTHS ",\"texts\":[[0,\"0000000000000001\",0]]"), "texts: at least 1 token" },
    { RECORDED(LENGTHS ",\"texts\":[[3]]"), "texts: [tokens, \"identity\", offset] expected" },
    { RECORDED(LENGTHS ",\"texts\":[[100000000,\"0000000000000001\",0],[100000000,"
                       "\"0000000000000002\",0],[1,\"0000000000000003\",0]]"),
      "texts: too many tokens" },
    { RECORDED(LENGTHS ",\"texts\":3"), "'[' expected" },
  };
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    const reading r = read_text(wrong[i].text, &all);
    CHECK(r.n == -1);
    if (strstr(r.e.msg, wrong[i].where) == NULL) printf("%zu: %s\n", i, r.e.msg);
    CHECK(strstr(r.e.msg, wrong[i].where) != NULL);
  }
}

/* Columns by name, whose names are as long as a column's may be. */
static void columns_are_named(void)
{
  orc_trace_options o = all;
  o.time = "t";
  o.prompt = "in";
  o.output = "out";
  o.time_unit = 1e9;
  reading r = read_text("out,x,in,t\n5,,7,1.5\n", &o);
  CHECK(r.n == 1 && r.at[0].prompt == 7 && r.at[0].output == 5);
  r = read_text("out,x,in,t\n5,,0x7,1.5\n", &o);
  CHECK(r.n == -1 && strstr(r.e.msg, "a whole number of tokens") != NULL);
  r = read_text("out,x,in,t\n5,,100000001,1.5\n", &o);
  CHECK(r.n == -1 && strstr(r.e.msg, "tokens") != NULL);
  r = read_text("out,x,in,t\n5,,100000000,1.5\n", &o);
  CHECK(r.n == 1 && r.at[0].prompt == 100000000);
  char name[300];
  memset(name, 'n', sizeof name - 1);
  name[sizeof name - 1] = '\0';
  o.time = name;
  r = read_text("out,x,in,t\n5,,7,1.5\n", &o);
  CHECK(r.n == -1 && strstr(r.e.msg, "a column's name has less than") != NULL);
  o.time = "missing";
  char wide[1200] = "out,in";
  for (int i = 0; i < 30; i++)
    strcat(wide, ",a_column_of_another_name");
  strcat(wide, "\n5,7\n");
  r = read_text(wide, &o);
  CHECK(r.n == -1 && strstr(r.e.msg, "no column \"missing\" (arrival)") != NULL);
  CHECK(strstr(r.e.msg, ", ...") != NULL);
}

/* A line, a list of blocks and a wait are bounded. */
static void sizes_are_bounded(void)
{
  enum { LONG = 1 << 20 };
  char *text = malloc(LONG);
  memset(text, '1', LONG - 1);
  text[LONG - 1] = '\0';
  static const char head[] = "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.1,";
  memcpy(text, head, sizeof head - 1);
  reading r = read_bytes(text, LONG - 1, &all);
  CHECK(r.n == -1 && strstr(r.e.msg, "line 2: longer than") != NULL);
  free(text);
  orc_trace_options o = all;
  o.scale = 1e-9;
  r = read_text(ROW(0, 10, 1, "[1]") ROW(20000, 10, 1, "[1]"), &o);
  CHECK(r.n == -1 && strstr(r.e.msg, "line 2: rate_scale 1e-09 puts it 2e+10 s away") != NULL);
  r = read_text("[{\"conversations\": [], \"conversations\": []}]",
                &(orc_trace_options){ .scale = 1.0,
                                      .rate = 1.0,
                                      .to = (double)INFINITY,
                                      .count = INT64_MAX,
                                      .timeout = (double)INFINITY,
                                      .characters_per_token = 4.0 });
  CHECK(r.n == -1 && strstr(r.e.msg, "conversations is there twice") != NULL);
  CHECK(!orc_source_trace(&(orc_source){ 0 }, "/tmp/oracle-no-such-trace", &all, &r.e));
  CHECK(strstr(r.e.msg, "/tmp/oracle-no-such-trace") != NULL);
}

static void counts_and_days_are_strict(void)
{
  CHECK(read_text(HEADER "2024-02-29 00:00:00.0,1e1,7.0\n", &all).n == 1);
  CHECK(read_text(HEADER "2023-02-29 00:00:00.0,1,7\n", &all).n == -1);
  CHECK(read_text(HEADER "2023-04-31 00:00:00.0,1,7\n", &all).n == -1);
  CHECK(read_text(HEADER "2023-04-30 00:00:00.0,0x10,7\n", &all).n == -1);
  CHECK(read_text(HEADER "2023-04-30 00:00:00.0,10,infinity\n", &all).n == -1);
  CHECK(read_text(HEADER "2023-04-30 00:00:00.0, 10,7\n", &all).n == -1);
}

/* No request has a prompt or an answer of no tokens; in BurstGPT that is one that failed. */
static void rows_of_no_tokens(void)
{
  const reading r =
      read_text(HEADER "2023-04-30 00:00:00.0,10,7\n2023-04-30 00:00:01.0,10,0\n", &all);
  CHECK(r.n == -1 && strstr(r.e.msg, "line 3: an answer of 0 tokens") != NULL);
  const reading p = read_text(HEADER "2023-04-30 00:00:00.0,0,7\n", &all);
  CHECK(p.n == -1 && strstr(p.e.msg, "line 2: a prompt of 0 tokens") != NULL);
  const reading b =
      read_text("Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
                "5,ChatGPT,472,18,490,Conversation log\n6,ChatGPT,472,0,472,Conversation log\n"
                "7,ChatGPT,472,5,477,Conversation log\n",
                &all);
  CHECK(b.n == 2 && b.noted);
}

/* A .gz that is cut anywhere, its check sum included, is not whole; what is behind it is not its
 * own. */
static void compressed_files_are_whole(void)
{
  char path[] = "/tmp/oracle-trace-XXXXXX", bytes[4096];
  close(mkstemp(path));
  gzFile z = gzopen(path, "wb");
  for (int i = 0; i < 60; i++)
    gzprintf(z, "%s2023-11-16 18:15:%02d.0,%d,%d\n", i == 0 ? HEADER : "", i, 100 + i * i, i + 1);
  gzclose(z);
  FILE *f = fopen(path, "rb");
  const size_t length = fread(bytes, 1, sizeof bytes, f);
  fclose(f);
  unlink(path);
  CHECK(length > 64 && length < sizeof bytes);
  CHECK(read_bytes(bytes, length, &all).n == 60);
  for (size_t cut = 1; cut < length - 2; cut++) {
    const reading r = read_bytes(bytes, length - cut, &all);
    CHECK(r.n == -1 && strstr(r.e.msg, "the compressed file is cut short") != NULL);
  }
  bytes[length / 2] ^= 1;
  CHECK(read_bytes(bytes, length, &all).n == -1);
}

/* Deep nesting is refused and no recursion: a file of brackets must not break the stack. */
static void depth_is_bounded(void)
{
  enum { DEEP = 100000 };
  char *text = orc_alloc(DEEP + 16, 1);
  memcpy(text, "{\"x\": ", 6);
  memset(text + 6, '[', DEEP);
  const reading r = read_text(text, &all);
  CHECK(r.n == -1 && strstr(r.e.msg, "a value less deep") != NULL);
  free(text);
}

int main(void)
{
  RUN(mooncake_has_its_blocks);
  RUN(bailian_has_seconds_and_small_blocks);
  RUN(windows_and_rates_are_for_every_format);
  RUN(sharegpt_has_lengths_of_its_texts);
  RUN(pools_and_identities_come_with_any_csv);
  RUN(says_where_it_is_wrong);
  RUN(recorded_requests_come_back);
  RUN(wrong_recordings_are_named);
  RUN(columns_are_named);
  RUN(sizes_are_bounded);
  RUN(depth_is_bounded);
  RUN(counts_and_days_are_strict);
  RUN(rows_of_no_tokens);
  RUN(compressed_files_are_whole);
  return DONE();
}
