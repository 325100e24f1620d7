/*
** terminal.h - a program behind a pseudo-terminal, as a person has it: type, and read what appears.
** Colours and cursor movements are taken out of what is read.
*/
#ifndef ORC_TERMINAL_H
#define ORC_TERMINAL_H

#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum { SCREEN = 1 << 20, PATIENCE_MS = 60000 };

typedef struct terminal {
  int fd;
  pid_t pid;
  char *text; /* what has appeared since the last thing typed */
  size_t length;
  int escape; /* inside an escape sequence: 0 no, 1 after ESC, 2 after ESC [ */
} terminal;

/* Keep what a person would see of `c`. */
static void show(terminal *t, char c)
{
  if (t->escape == 1) {
    t->escape = c == '[' ? 2 : 0;
  } else if (t->escape == 2) {
    if (c >= '@' && c <= '~') t->escape = 0;
  } else if (c == 27) {
    t->escape = 1;
  } else if (c == '\b') {
    if (t->length > 0) t->length--;
  } else if (c != '\r' && c != '\a' && t->length + 1 < SCREEN) {
    t->text[t->length++] = c;
  }
  t->text[t->length] = '\0';
}

static bool ends_with(const terminal *t, const char *end)
{
  const size_t n = strlen(end);
  return t->length >= n && memcmp(t->text + t->length - n, end, n) == 0;
}

/* Read until the screen ends with `end`; false when it does not come. */
static bool await(terminal *t, const char *end)
{
  char buffer[4096];
  while (!ends_with(t, end)) {
    struct pollfd p = { .fd = t->fd, .events = POLLIN };
    if (poll(&p, 1, PATIENCE_MS) <= 0) return false;
    const ssize_t n = read(t->fd, buffer, sizeof buffer);
    if (n <= 0) return false;
    for (ssize_t i = 0; i < n; i++)
      show(t, buffer[i]);
  }
  return true;
}

static void type(terminal *t, const char *keys)
{
  t->length = 0;
  t->text[0] = '\0';
  size_t left = strlen(keys);
  while (left > 0) {
    const ssize_t n = write(t->fd, keys, left);
    if (n <= 0) return;
    keys += n;
    left -= (size_t)n;
  }
}

/*
** Start a program; `home` is where it may keep its history. The environment is otherwise our own. Without a terminal
** the test ends here: a process -1 that is sent a signal is every process.
*/
static terminal start(char *const *command, const char *home)
{
  terminal t = { .text = calloc(SCREEN + 1, 1) };
  const struct winsize size = { .ws_row = 50, .ws_col = 250 };
  t.pid = forkpty(&t.fd, NULL, NULL, &size);
  if (t.pid < 0) {
    perror("forkpty");
    exit(1);
  }
  if (t.pid == 0) {
    setenv("TERM", "xterm", 1);
    setenv("LC_ALL", "C.UTF-8", 1);
    setenv("XDG_STATE_HOME", home, 1);
    execv(command[0], command);
    _exit(127);
  }
  return t;
}

/* Wait until the terminal gives its program whole lines, or not. */
static void await_lines(const terminal *t, bool whole)
{
  struct termios mode;
  for (int i = 0; i < PATIENCE_MS; i++) {
    if (tcgetattr(t->fd, &mode) != 0 || ((mode.c_lflag & ICANON) != 0) == whole) return;
    usleep(1000);
  }
}

/* The line editor reads key by key: what comes before, the terminal takes for itself. */
static inline void await_editing(const terminal *t)
{
  await_lines(t, false);
}

/* The line has been read and is being obeyed: from here Ctrl-C is a signal. */
static inline void await_running(const terminal *t)
{
  await_lines(t, true);
}

/* End it with Ctrl-D: its exit status, or -1. */
static inline int leave(terminal *t)
{
  int status = -1;
  await_editing(t);
  type(t, "\004");
  for (int i = 0; i < 100; i++) {
    char buffer[4096];
    struct pollfd p = { .fd = t->fd, .events = POLLIN };
    if (poll(&p, 1, 100) > 0 && read(t->fd, buffer, sizeof buffer) <= 0) break;
  }
  for (int i = 0; i < 100 && waitpid(t->pid, &status, WNOHANG) == 0; i++) {
    if (i == 99) {
      kill(t->pid, SIGKILL);
      waitpid(t->pid, &status, 0);
    }
    usleep(50000);
  }
  close(t->fd);
  free(t->text);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#endif
