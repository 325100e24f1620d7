/*
** main.c - finds oracle's home, gives the command line to Lua, and ends with the status it returns.
*/
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "bind/host/host.h"
#include "repl.h"

static bool is_home(const char *folder)
{
  char file[PATH_MAX];
  const int n = snprintf(file, sizeof file, "%s/lua/oracle/init.lua", folder);
  return n > 0 && (size_t)n < sizeof file && access(file, R_OK) == 0;
}

/* Where the program is, with links followed; of a system without /proc what it was started as. */
static bool find_program(char *program)
{
  const ssize_t length = readlink("/proc/self/exe", program, PATH_MAX - 1);
  if (length >= 0) {
    program[length] = '\0';
    return true;
  }
  union {
    unsigned long in;
    const char *out;
  } started = { .in = getauxval(AT_EXECFN) }; /* an address, as a number */
  return started.in != 0 && realpath(started.out, program) != NULL;
}

/*
** $ORACLE_HOME, else the folder of the program (a checkout), else ../share/oracle from there (an
** installation). Writes it to home[PATH_MAX].
*/
static bool find_home(char *home, orc_error *e)
{
  const char *named = getenv("ORACLE_HOME");
  if (named != NULL && named[0] != '\0') {
    const int n = snprintf(home, PATH_MAX, "%s", named);
    if (n > 0 && n < PATH_MAX && is_home(home)) return true;
    return orc_fail(e, "ORACLE_HOME=%s: no lua/oracle/init.lua in it", named);
  }
  char program[PATH_MAX];
  if (!find_program(program))
    return orc_fail(e, "cannot tell where the program is; set ORACLE_HOME");
  const char *folder = dirname(program);
  if (is_home(folder)) {
    snprintf(home, PATH_MAX, "%s", folder);
    return true;
  }
  const int n = snprintf(home, PATH_MAX, "%s/../share/oracle", folder);
  if (n > 0 && n < PATH_MAX && is_home(home)) return true;
  return orc_fail(e, "no lua/oracle/init.lua in %s or %s/../share/oracle; set ORACLE_HOME", folder,
                  folder);
}

static void on_signal(int number)
{
  orc_host_interrupt(number != SIGINT);
}

/* Who read our output has gone: so do we, without a word, as programs do. */
static void on_pipe(int number)
{
  orc_host_abandon(128 + number);
}

/* Without SA_RESTART, so that a script that waits for its input notices. */
static void catch_signals(void)
{
  struct sigaction action = { .sa_handler = on_signal };
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
  struct sigaction before;
  if (sigaction(SIGHUP, NULL, &before) == 0 && before.sa_handler != SIG_IGN) /* nohup */
    sigaction(SIGHUP, &action, NULL);
  const struct sigaction gone = { .sa_handler = on_pipe };
  sigaction(SIGPIPE, &gone, NULL);
  signal(SIGXFSZ, SIG_IGN); /* a file at its limit is an error of its writer, as a full disk is */
}

int main(int argc, char **argv)
{
  orc_error e = { 0 };
  char home[PATH_MAX];
  if (!find_home(home, &e)) {
    fprintf(stderr, "oracle: %s\n", e.msg);
    return EXIT_FAILURE;
  }
  if (argc == 2 && strcmp(argv[1], "--write-image") == 0) { /* of make */
    if (orc_host_write_image(home, &e)) return EXIT_SUCCESS;
    fprintf(stderr, "oracle: %s\n", e.msg);
    return EXIT_FAILURE;
  }
  catch_signals();
  orc_repl *repl = orc_repl_new();
  const orc_editor editor = orc_repl_editor(repl);
  orc_host *host = orc_host_new(home, &editor);
  orc_repl_serve(repl, host);
  const int status =
      argc > 1 ? orc_host_main(host, argc - 1, argv + 1) : orc_host_main(host, 0, NULL);
  orc_repl_free(repl);
  orc_host_end(host, status);
}
