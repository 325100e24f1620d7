/*
** repl.c - the prompt as a person has it, through a pseudo-terminal: every kind of call on a live
** simulation, errors, interruptions, completion, history.
*/
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <limits.h>
#include <sys/socket.h>
#include <unistd.h>

#include "terminal.h"
#include "test.h"

static const char prompt[] = "\n> ";

/* Type a line and wait for the next prompt; whether `expected` appeared after the line itself. */
static bool says(terminal *t, const char *line, const char *expected)
{
  char keys[4096];
  snprintf(keys, sizeof keys, "%s\n", line);
  type(t, keys);
  const bool back = await(t, prompt);
  const char *answer = strchr(t->text, '\n');
  const bool good = back && answer != NULL && strstr(answer, expected) != NULL;
  if (!good) printf("%s\n  \"%s\" expected, got:\n%s\n", line, expected, t->text);
  return good;
}

/* Type a line, press Ctrl-C a little later, and wait for the next prompt. */
static bool interrupted(terminal *t, const char *line, const char *expected)
{
  char keys[4096];
  snprintf(keys, sizeof keys, "%s\n", line);
  type(t, keys);
  await_running(t);
  usleep(500000);
  const char interrupt = 3;
  if (write(t->fd, &interrupt, 1) != 1) return false;
  const bool good = await(t, prompt) && strstr(t->text, expected) != NULL;
  if (!good) printf("%s ^C\n  \"%s\" expected, got:\n%s\n", line, expected, t->text);
  return good;
}

/* Type the first line of several, press Ctrl-C at the second, and wait for the next prompt. */
static bool gives_up(terminal *t, const char *line)
{
  type(t, line);
  if (!await(t, "\n>> ")) return false;
  await_editing(t);
  type(t, "\003");
  return await(t, prompt) && strstr(t->text, "^C") != NULL;
}

/* Type the beginning of a line that more than one name completes, and wait for it to come back below their list. */
static bool chooses(terminal *t, const char *keys, const char *line)
{
  char back[256];
  snprintf(back, sizeof back, "\n%s", line);
  await_editing(t);
  type(t, keys);
  return await(t, back);
}

static void write_policy(const char *folder, const char *name, const char *extra)
{
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%s/policy.lua", folder);
  FILE *f = fopen(path, "w");
  fprintf(f,
          "return require('oracle.policy').batching { name = '%s', step = function(b, e, s)\n"
          "  s.calls, s.name = (s.calls or 0) + 1, '%s'\n  %s\n"
          "  local left = e.max_num_batched_tokens - b:decode()\n"
          "  if left > 0 then left = left - b:resume(left) end\n"
          "  while left > 0 do\n    local n = b:admit(left)\n    if n == 0 then break end\n"
          "    left = left - n\n  end\nend }\n",
          name, name, extra);
  fclose(f);
}

static void runs_and_looks(terminal *t)
{
  CHECK(says(t, "s = sim \"scenarios/quickstart.lua\"", ""));
  CHECK(says(t, "s:run_until(60)", "t = 60.000000 s"));
  CHECK(says(t, "s.now", "60"));
  CHECK(says(t, "s:step()", "t = 60.0"));
  CHECK(says(t, "s:run_until(function(s) return s.queue > 3 end)", " waiting"));
  CHECK(says(t, "s.queue > 3", "true"));
  CHECK(says(t, "s.replicas[0].kv", "in use"));
  CHECK(says(t, "s.replicas[0].kv.used + s.replicas[0].kv.free", "28068"));
  CHECK(says(t, "s.replicas", "KV free"));
  CHECK(says(t, "s.requests[17]", "request 17: SUCCESS, replica 0"));
  CHECK(strstr(t->text, "first token") != NULL && strstr(t->text, "admitted") != NULL);
  CHECK(says(t, "s.requests", "in flight"));
  CHECK(says(t, "s:result().requests", "successful"));
}

static void changes(terminal *t)
{
  CHECK(says(t, "s:set(\"engine.max_num_seqs\", 64)", "quickstart: t = "));
  CHECK(says(t, "s.scenario.engine.max_num_seqs", "64"));
  CHECK(says(t, "s:set(\"engine.block_size\", 32)", "oracle: engine.block_size cannot change"));
  CHECK(says(t, "s:set(\"engine.max_num_seq\", 32)", "did you mean max_num_seqs?"));
  CHECK(says(t, "f = s:fork()", ""));
  CHECK(says(t, "f.now == s.now", "true"));
  CHECK(says(t, "a = s:run()", ""));
  CHECK(says(t, "b = f:run()", ""));
  CHECK(says(t, "j = oracle.summary.json", ""));
  CHECK(says(t, "j(a) == j(b)", "true"));
  CHECK(says(t, "s:rewind(30)", "t = 30.000000 s"));
  CHECK(says(t, "s.scenario.engine.max_num_seqs == nil", "true"));
  CHECK(says(t, "j(s:run()) == j(run \"scenarios/quickstart.lua\")", "true"));
}

static void reloads(terminal *t, const char *folder)
{
  char line[2 * PATH_MAX];
  write_policy(folder, "first", "");
  CHECK(says(t, "c = load \"scenarios/quickstart.lua\"", ""));
  snprintf(line, sizeof line, "c.batching = \"%s/policy.lua\"", folder);
  CHECK(says(t, line, ""));
  CHECK(says(t, "p = sim(c)", ""));
  CHECK(says(t, "p:run_until(10).replicas[0].state.name", "first"));
  CHECK(says(t, "calls = p.replicas[0].state.calls", ""));
  write_policy(folder, "second", "if b:now() > 20 then error 'boom' end");
  CHECK(says(t, "p:reload():run_until(11).replicas[0].state.name", "second"));
  CHECK(says(t, "p.replicas[0].state.calls > calls", "true"));
  CHECK(says(t, "p:run()", "oracle: at t=20."));
  CHECK(strstr(t->text, "replica 0") != NULL && strstr(t->text, "boom") != NULL);
  write_policy(folder, "third", "");
  CHECK(says(t, "p:rewind(15):reload():run().requests.successful", "2463"));
}

static void asks(terminal *t)
{
  CHECK(says(t, "s:rewind(60)", "t = 60.000000 s"));
  CHECK(says(t, "what_if { s, [\"engine.max_num_seqs\"] = { 8, 32 } }", "take effect at t = 60"));
  CHECK(strstr(t->text, "ttft.p99") != NULL);
  CHECK(says(t, "plot(what_if { s, [\"engine.max_num_seqs\"] = { 8, 32 } }, \"tpot.mean\")",
             "engine.max_num_seqs"));
  CHECK(says(t, "what_if { s, replicas = 2, router = \"least_loaded\" }", "from the start"));
  CHECK(says(t, "plot(s)", "requests waiting (requests)"));
  CHECK(strstr(t->text, "t (s)") != NULL);
  CHECK(says(t, "plot { 1, 4, 9, 16 }", "16 "));
  CHECK(says(t, "hist(s, \"tpot\")", "values, mean"));
  CHECK(says(t, "hist { 1, 2, 2, 3 }", "4 values, mean 2"));
  CHECK(says(t, "compare(a, s)", "vs 1"));
  CHECK(says(t, "compare { few = a, many = b }", "vs few"));
  CHECK(says(t, "help()", "s:rewind(30)"));
}

static void survives(terminal *t)
{
  CHECK(says(t, "nil + 1", "oracle: prompt:1: attempt to perform arithmetic on a nil value"));
  CHECK(says(t, "x = = 1", "unexpected symbol"));
  CHECK(says(t, "s.quue", "did you mean queue?"));
  CHECK(says(t, "error({})", "oracle: table"));
  type(t, "y = {\n");
  CHECK(await(t, "\n>> "));
  CHECK(says(t, "  40 + 2 }", ""));
  CHECK(says(t, "y[1]", "42"));
  CHECK(gives_up(t, "x = {\n"));
  CHECK(says(t, "6 * 7", "42"));
  CHECK(says(t, "#s.repl\t", "1"));
  CHECK(says(t, "s:run_u\t(61).now", "61"));
  CHECK(says(t, "s.replicas[0].kv.bl\t", "16"));
  CHECK(says(t, "6 * s.quue\t7", "did you mean queue?")); /* nothing to add */
  CHECK(chooses(t, "s.re\t", "> s.re"));
  CHECK(strstr(t->text, "replicas") != NULL && strstr(t->text, "  requests") != NULL);
  CHECK(says(t, "quests\t", "in flight"));
  CHECK(interrupted(t, "while true do end", "oracle: interrupted"));
  CHECK(says(t, "c = load \"scenarios/quickstart.lua\"", ""));
  CHECK(says(t, "c.workload.duration = 1e7", ""));
  CHECK(says(t, "long = sim(c)", ""));
  CHECK(interrupted(t, "long:run()", "oracle: interrupted at t = "));
  CHECK(says(t, "long.now > 0 and not long.over", "true"));
  CHECK(says(t, "long:run_for(1)", " running"));
  CHECK(interrupted(t, "long:run_until(function() while true do end end)", "oracle: "));
  CHECK(interrupted(t, "run(c)", "oracle: interrupted at t = "));
  CHECK(says(t, "q = load \"scenarios/quickstart.lua\"", ""));
  CHECK(interrupted(t, "for i = 1, 100000 do run(q) end", "oracle: interrupted"));
  CHECK(says(t, "1 + 1", "2"));
}

/* Whether whoever listens at the port answers a client within two seconds. */
static bool answers(int port)
{
  static const char ask[] = "GET /health HTTP/1.1\r\nconnection: close\r\n\r\n";
  static const char good[] = "HTTP/1.1 200 ";
  char got[sizeof good] = { 0 };
  const struct sockaddr_in at = { .sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr = { .s_addr = htonl(INADDR_LOOPBACK) } };
  const struct timeval patience = { .tv_sec = 2 };
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  const bool answered = connect(fd, (const struct sockaddr *)&at, sizeof at) == 0 &&
                        send(fd, ask, sizeof ask - 1, MSG_NOSIGNAL) > 0 &&
                        recv(fd, got, sizeof got - 1, MSG_WAITALL) > 0 && strcmp(got, good) == 0;
  close(fd);
  return answered;
}

static void serves(char *program, const char *folder)
{
  char *server[] = { program, "serve", "scenarios/quickstart.lua", "--port", "0", "--repl", NULL };
  terminal t = start(server, folder);
  CHECK(await(&t, prompt));
  const char *port = strstr(t.text, "http://127.0.0.1:");
  const int number = port != NULL ? (int)strtol(port + 17, NULL, 10) : 0;
  CHECK(answers(number));
  CHECK(says(&t, "6 * 7", "42"));
  type(&t, "half a l");
  CHECK(answers(number));
  type(&t, "\025"); /* Ctrl-U */
  CHECK(interrupted(&t, "while true do end", "oracle: interrupted"));
  CHECK(answers(number));
  CHECK(leave(&t) == 0);
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

int main(int argc, char **argv)
{
  char folder[] = "/tmp/oracle-prompt-XXXXXX", program[PATH_MAX], command[2 * PATH_MAX];
  (void)argc;
  if (mkdtemp(folder) == NULL) return 1;
  setenv("ORACLE_HOME", ".", 1);
  char *plain[] = { binary(argv[0], program), NULL };
  terminal t = start(plain, folder);
  CLAIM("the prompt starts, and ends with status 0");
  CHECK(await(&t, prompt));
  CLAIM("it runs a scenario and looks into it");
  runs_and_looks(&t);
  CLAIM("it changes, branches and rewinds a simulation");
  changes(&t);
  CLAIM("it takes a policy up that was edited");
  reloads(&t, folder);
  CLAIM("it answers what-if, plots and compares");
  asks(&t);
  CLAIM("it survives errors and interrupts, and completes names");
  survives(&t);
  CLAIM("the prompt starts, and ends with status 0");
  CHECK(leave(&t) == 0);
  char *with[] = { program, "repl", "scenarios/quickstart.lua", "--set", "replicas=2", NULL };
  t = start(with, folder);
  CHECK(await(&t, prompt));
  CLAIM("it takes a scenario from the command line, and the last session's lines");
  CHECK(says(&t, "#s.replicas", "2"));
  CHECK(says(&t, "\020\020", "2")); /* Ctrl-P twice: the last line of the session before */
  CHECK(leave(&t) == 0);
  CLAIM("a server beside it answers its clients while one types");
  serves(program, folder);
  snprintf(command, sizeof command, "rm -rf '%s'", folder);
  CHECK(system(command) == 0);
  return DONE();
}
