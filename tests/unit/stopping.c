/*
** stopping.c - SIGINT and SIGTERM end whatever runs within 100 ms of the processor's time, with one line that says so, and
** partial results are marked. A slow or shared processor takes longer for the same work, so that a test fails beyond four
** times that; `make interrupts` asks for the 100 ms themselves.
*/
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "test.h"

enum { MOST_MS = 100, SHARED = 4, SANITIZED = 10, ARGUMENTS = 24 };

#define MODEL "model = 'llama-3.1-8b', hardware = 'h100-sxm', "
#define OPEN                                                                                       \
  "local oracle, policy = require 'oracle', require 'oracle.policy'\nreturn oracle.scenario "      \
  "{ " MODEL
#define RATE(rate)                                                                                 \
  "workload = oracle.workload.poisson { rate = " rate                                              \
  ", count = 4000000, prompt = oracle.dist.uniform { low = 100, high = 900 }, output = 30 }, "
#define LOAD(count)                                                                                \
  "workload = oracle.workload.batch { count = " count                                              \
  ", prompt = oracle.dist.uniform { low = 100, high = 900 }, output = 300 }, "
#define OWN(body)                                                                                  \
  OPEN LOAD("2000") "batching = policy.batching { name = 'own', step = function(b, e, s) "         \
                    "b:fill(e.max_num_batched_tokens) " body " end } }"

/* A policy that looks through all who wait at every step. */
#define LOOKS                                                                                      \
  OPEN LOAD("20000") "batching = policy.batching { name = 'looks', every_step = true, step = "     \
                     "function(b, e, s) "                                                          \
                     "s.c = s.c or b:columns { 'id', 'prompt' } local n = b:waiting(s.c) "         \
                     "for i = 1, n do b:requeue(s.c.id[i], s.c.prompt[i] * i % 1009) end "         \
                     "b:continue(e.max_num_batched_tokens) b:fill(64) end } }"

/* What is run for a while; `partial`: it leaves results, which say that they are. */
static const struct trial {
  const char *what, *scenario, *arguments; /* %s: the scenario's file */
  bool partial;
} trials[] = {
  { "mlfq with many waiting", OPEN LOAD("400000") "batching = 'mlfq' }", "%s", true },
  { "vtc with many waiting", OPEN LOAD("400000") "batching = 'vtc' }", "%s", true },
  { "a policy that looks at 20,000", LOOKS, "%s", true },
  { "512 replicas behind kv_aware",
    OPEN "replicas = 512, router = 'kv_aware', workload = oracle.workload.poisson { rate = 8000, "
         "count = 400000, "
         "prompt = 900, output = 50, prompt_pool = 400 } }",
    "%s", true },
  { "rows of requests", OPEN RATE("20") "}", "%s --csv requests.csv", true },
  { "requests in lines of JSON", OPEN RATE("20") "}", "%s --format jsonl --json lines.jsonl",
    false },
  { "a trace for Perfetto", OPEN RATE("20") "}", "%s --trace trace.json", true },
  { "replicas in threads", OPEN "replicas = 8, " RATE("160") "}", "%s --threads 2", true },
  { "messages of collectives", OPEN "engine = { tensor_parallel_size = 8 }, " RATE("20") "}",
    "%s --lod high", true },
  { "a loop", OWN("while true do end"), "%s", true },
  { "a loop that catches errors", OWN("while true do pcall(function() while true do end end) end"),
    "%s", true },
  { "a loop of string.rep", OWN("while true do ('ab'):rep(1e6) end"), "%s", true },
  { "a loop of gsub", OWN("local t = ('ab'):rep(1e5) while true do t:gsub('a', 'b') end"), "%s",
    true },
  { "a loop of sorting",
    OWN("local t = {} for i = 1, 1e5 do t[i] = i * 7919 % 100003 end "
        "while true do table.sort(t, function(x, y) return x > y end) end"),
    "%s", true },
  { "a sort that takes long",
    OWN("local t = {} for i = 1, 4e6 do t[i] = i * 7919 % 4000037 end table.sort(t) while true do "
        "end"),
    "%s", false },
  { "a coroutine", OWN("coroutine.wrap(function() while true do end end)()"), "%s", true },
  { "coroutines without end",
    OWN("while true do coroutine.resume(coroutine.create(function() while true do end end)) end"),
    "%s", true },
  { "what the collector calls",
    OWN("for i = 1, 9 do setmetatable({}, { __gc = function() while true do end end }) end "
        "collectgarbage()"),
    "%s", false },
  { "a generator",
    OPEN "workload = oracle.workload.generator { next = function(g) g.n = (g.n or 0) + 1 while g.n "
         "> 100 do end return { arrival = g.n, prompt = 9, output = 9 } end } }",
    "%s", true },
  { "processes",
    OPEN LOAD("10") "processes = { function() while true do pcall(function() while true do end "
                    "end) end end } }",
    "%s", false },
  { "the file of a scenario", "while true do pcall(function() while true do end end) end", "%s",
    false },
  { "a pattern without end in it", "('a'):rep(60):find(('a*'):rep(30) .. 'b')", "%s", false },
  { "capacity", OPEN RATE("20") "}", "capacity %s --slo ttft.p99<=1s", false },
  { "compare", OPEN RATE("20") "}", "compare vllm sglang %s", false },
  { "why", OPEN RATE("20") "}", "why %s", false },
  { "plan", OPEN LOAD("2000000") "}",
    "plan --model llama-3.1-8b --workload 512,128,10 --slo ttft.p99<=1s --gpus h100-sxm,l40s "
    "--max-gpus 64",
    false },
  { "a sweep", OPEN LOAD("200000") "}",
    "sweep %s --set workload.prompt=10..900:10 --threads 2 --out points.jsonl", false },
  { "a sweep of loops", OWN("while true do end"),
    "sweep %s --set replicas=1..9:1 --threads 2 --out points.jsonl", false },
};

static char program[PATH_MAX], quiet[] = "-q";
static int allowed_ms = MOST_MS;

static double processor(pid_t pid)
{
  clockid_t clock;
  struct timespec t;
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) != 0) return 0.0;
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double seconds(struct timeval t)
{
  return (double)t.tv_sec + 1e-6 * (double)t.tv_usec;
}

static pid_t start(const char *arguments)
{
  char line[1024], *words[ARGUMENTS + 1] = { program };
  snprintf(line, sizeof line, "%s", arguments);
  int count = 1;
  char *rest = NULL;
  for (char *w = strtok_r(line, " ", &rest); w != NULL && count < ARGUMENTS - 1;
       w = strtok_r(NULL, " ", &rest))
    words[count++] = w;
  words[count] = quiet;
  const pid_t pid = fork();
  if (pid != 0) return pid;
  const int out = open("out", O_WRONLY | O_CREAT | O_TRUNC, 0600), in = open("/dev/null", O_RDONLY);
  dup2(in, 0);
  dup2(out, 1);
  dup2(out, 2);
  execv(program, words);
  _exit(127);
}

/* A signal after a quarter of a second of work. Returns s of work from it to the end, INFINITY when there was none: the
** program had ended before, or was ended after ten times what is allowed. */
static double stop(const char *arguments, int number, int *status)
{
  const pid_t pid = start(arguments);
  for (int i = 0; i < 100000 && processor(pid) < 0.25; i++) {
    usleep(500);
    if (waitpid(pid, status, WNOHANG) == pid) return INFINITY;
  }
  const double before = processor(pid);
  kill(pid, number);
  struct rusage usage;
  while (wait4(pid, status, WNOHANG, &usage) == 0) {
    if (processor(pid) - before > 0.01 * allowed_ms) kill(pid, SIGKILL);
    usleep(500);
  }
  return seconds(usage.ru_utime) + seconds(usage.ru_stime) - before;
}

static bool tells(const char *path, const char *what)
{
  char text[1 << 16] = "";
  FILE *f = fopen(path, "r");
  if (f == NULL) return false;
  text[fread(text, 1, sizeof text - 1, f)] = '\0';
  fclose(f);
  return strstr(text, what) != NULL;
}

static void stops(const struct trial *t, int number)
{
  char arguments[512];
  FILE *f = fopen("scenario.lua", "w");
  fputs(t->scenario, f);
  fclose(f);
  const int length = snprintf(arguments, sizeof arguments, t->arguments, "scenario.lua");
  if (t->partial)
    snprintf(arguments + length, sizeof arguments - (size_t)length, " --json results.json");
  double took = INFINITY;
  int status = 0;
  for (int i = 0; i < 3 && took > 1e-3 * MOST_MS; i++) { /* what else runs here costs it caches */
    if (system("rm -f results.json points.jsonl") != 0) return;
    took = stop(arguments, number, &status);
  }
  const bool good = took <= 1e-3 * allowed_ms && WIFEXITED(status) && WEXITSTATUS(status) == 1 &&
                    tells("out", "interrupted") &&
                    (!t->partial || tells("results.json", "\"complete\": false"));
  CHECK(good);
  if (!good || took > 1e-3 * MOST_MS)
    printf("  %s, signal %d: %.0f ms, status %d\n", t->what, number, 1e3 * took, status);
}

static bool find_program(const char *self)
{
  const char *variant = strstr(self, "build/");
  const bool plain = variant == NULL || strncmp(variant, "build/release/", 14) == 0;
  const char *end = plain ? NULL : strchr(variant + 6, '/');
  char path[PATH_MAX] = "./oracle";
  if (end != NULL) snprintf(path, sizeof path, "%.*s/oracle", (int)(end - variant), variant);
  if (!plain) allowed_ms *= SANITIZED;
  if (getenv("ORACLE_INTERRUPTS") == NULL) allowed_ms *= SHARED;
  return realpath(path, program) != NULL;
}

int main(int argc, char **argv)
{
  static char home[PATH_MAX];
  char folder[] = "/tmp/oracle-stopping-XXXXXX", command[PATH_MAX];
  (void)argc;
  if (!find_program(argv[0]) || realpath(".", home) == NULL || mkdtemp(folder) == NULL ||
      chdir(folder) != 0)
    return 1;
  setenv("ORACLE_HOME", home, 1);
  CLAIM(
      "SIGINT and SIGTERM end whatever runs within 100 ms of work, and partial results are marked");
  for (size_t i = 0; i < sizeof trials / sizeof *trials; i++)
    stops(&trials[i], i % 2 == 0 ? SIGTERM : SIGINT);
  snprintf(command, sizeof command, "rm -rf '%s'", folder);
  CHECK(system(command) == 0);
  return DONE();
}
