/*
** interrupts.c - Ctrl-C at random moments of everything that runs at the prompt: each time the prompt is back, and no
** partial result is taken for a whole one. ORACLE_INTERRUPTS says how many (16); `make interrupts` makes 200.
*/
#define _GNU_SOURCE
#include <limits.h>
#include <time.h>
#include <unistd.h>

#include "base/rng.h"
#include "terminal.h"
#include "test.h"

static const char prompt[] = "\n> ";

/*
** What is typed, and a condition that must hold whatever the moment was. `big` is a scenario of a million requests on
** two replicas, `small` one of a few thousand; `r` is nil before.
*/
static const struct trial {
  const char *line, *holds;
  int ms; /* the moments lie within so many from the line on */
} trials[] = {
  { "s = sim(big) r = s:run()", "r == nil or r.oracle.complete", 900 },
  { "r = run(big)", "r == nil or r.oracle.complete", 900 },
  { "r = compare(small, small2)", "r == nil or tostring(r):match 'ttft' ~= nil", 300 },
  { "r = what_if { small, replicas = { 1, 2, 3, 4, 5, 6 } }", "r == nil or #r.points == 6", 400 },
  { "for i = 1, 400 do r = run(small) end", "r == nil or r.requests.pending == 0", 700 },
  { "for i = 1, 400 do pcall(run, small) end", "r == nil", 700 },
  { "for i = 1, 400 do r = nil r = compare(small, small2) end",
    "r == nil or tostring(r):match 'ttft' ~= nil", 700 },
  { "for i = 1, 400 do r = nil r = what_if { small, replicas = { 1, 2, 3 } } end",
    "r == nil or #r.points == 3", 700 },
  { "s = sim(small) for i = 1, 400 do s:rewind(0) r = s:run() end", "r == nil or r.oracle.complete",
    700 },
  { "s = sim(small) s:run_until(100) for i = 1, 400 do r = s:fork():run() end",
    "r == nil or r.oracle.complete", 700 },
  { "s = sim(big) s:run_until(function(s) return s.now > 1e9 end)", "not s.over", 700 },
  { "r = why(small)", "r == nil or r.binding ~= nil", 500 },
  { "r = run(small)", "r == nil or r.oracle.complete", 2 },
  { "r = 6 * 7", "r == nil or r == 42", 1 },
  { "while true do pcall(function() while true do end end) end", "true", 200 },
};

/* Type it and wait for the prompt. */
static bool goes(terminal *t, const char *line)
{
  type(t, line);
  type(t, "\n");
  return await(t, prompt);
}

/* Read on until nothing has appeared for a while: a line that had ended is answered by a prompt, Ctrl-C by another. */
static void settle(terminal *t)
{
  char buffer[4096];
  struct pollfd p = { .fd = t->fd, .events = POLLIN };
  while (poll(&p, 1, 100) > 0) {
    const ssize_t n = read(t->fd, buffer, sizeof buffer);
    if (n <= 0) return;
    for (ssize_t i = 0; i < n; i++)
      show(t, buffer[i]);
  }
}

static double seconds(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Ctrl-C `us` after a line was typed, and whether the prompt came back within a second, with all that was to hold. */
static bool stops(terminal *t, const struct trial *trial, int64_t us, double *longest)
{
  static int round;
  char line[256], expected[64];
  if (!goes(t, "r = nil")) return false;
  snprintf(line, sizeof line, "%s\n", trial->line);
  type(t, line);
  usleep((useconds_t)us);
  const double before = seconds();
  const char interrupt = 3;
  if (write(t->fd, &interrupt, 1) != 1 || !await(t, prompt)) return false;
  const double took = seconds() - before;
  *longest = took > *longest ? took : *longest;
  settle(t);
  snprintf(line, sizeof line, "string.format('%%s-%%d', %s, %d)\n", trial->holds, ++round);
  snprintf(expected, sizeof expected, "\"true-%d\"\n> ", round);
  type(t, line);
  return await(t, expected);
}

static char *binary(const char *self, char *out)
{
  const char *variant = strstr(self, "build/");
  if (variant == NULL || strncmp(variant, "build/release/", 14) == 0) {
    snprintf(out, PATH_MAX, "./oracle");
    return out;
  }
  const char *end = strchr(variant + 6, '/');
  sprintf(out, "%.*s/oracle", (int)(end - variant), variant);
  return out;
}

static bool prepares(terminal *t)
{
  return await(t, prompt) && goes(t, "big = load \"scenarios/quickstart.lua\"") &&
         goes(t, "big.replicas, big.workload.rate = 2, 16 big.workload.duration, "
                 "big.workload.count = nil, 1000000") &&
         goes(t, "small = load \"scenarios/quickstart.lua\"") &&
         goes(t, "small2 = small:copy() small2.replicas = 2");
}

/* SIGTERM at the idle prompt ends the program as a shell says it. */
static bool ends(terminal *t)
{
  int status = 0;
  await_editing(t);
  kill(t->pid, SIGTERM);
  for (int i = 0; i < 200 && waitpid(t->pid, &status, WNOHANG) == 0; i++) {
    char buffer[4096];
    struct pollfd p = { .fd = t->fd, .events = POLLIN };
    if (poll(&p, 1, 50) > 0 && read(t->fd, buffer, sizeof buffer) < 0) usleep(10000);
  }
  close(t->fd);
  free(t->text);
  return WIFEXITED(status) && WEXITSTATUS(status) == 128 + SIGTERM;
}

int main(int argc, char **argv)
{
  char folder[] = "/tmp/oracle-interrupts-XXXXXX", program[PATH_MAX], command[2 * PATH_MAX];
  const char *asked = getenv("ORACLE_INTERRUPTS"), *seeded = getenv("ORACLE_SEED");
  const int count = asked != NULL ? (int)strtol(asked, NULL, 10) : 16,
            kinds = (int)(sizeof trials / sizeof *trials);
  (void)argc;
  if (mkdtemp(folder) == NULL) return 1;
  setenv("ORACLE_HOME", ".", 1);
  char *plain[] = { binary(argv[0], program), NULL };
  terminal t = start(plain, folder);
  CLAIM("Ctrl-C at any moment brings the prompt back, and no partial result");
  CHECK(prepares(&t));
  orc_rng rng =
      orc_rng_stream(seeded != NULL ? (uint64_t)strtoull(seeded, NULL, 10) : 1, ORC_FOR_TESTS, 0);
  double longest = 0.0;
  int back = 0;
  for (int i = 0; i < count; i++) {
    const struct trial *trial = &trials[i % kinds];
    const int64_t us = (int64_t)(orc_rng_uniform(&rng) * 1000.0 * trial->ms);
    const bool good = stops(&t, trial, us, &longest);
    CHECK(good);
    back += good ? 1 : 0;
    if (good) continue;
    printf("%s\n  after %lld us:\n%s\n", trial->line, (long long)us, t.text);
    break; /* what comes after it would say nothing */
  }
  printf("%d of %d times back at the prompt, the longest wait %.3f s\n", back, count, longest);
  CHECK(goes(&t, "1 + 1") && strstr(t.text, "\n2\n") != NULL);
  CLAIM("SIGTERM at an idle prompt ends it");
  CHECK(ends(&t));
  snprintf(command, sizeof command, "rm -rf '%s'", folder);
  CHECK(system(command) == 0);
  return DONE();
}
