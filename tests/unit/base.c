#include "base/base.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

static void fail_says_why_and_returns_false(void)
{
  orc_error e = { 0 };
  CHECK(!orc_fail(&e, "%s: line %d", "trace.csv", 7));
  CHECK(e.code != 0);
  CHECK(strcmp(e.msg, "trace.csv: line 7") == 0);
  CHECK(!orc_fail(NULL, "nobody asked"));
}

static void fail_cuts_what_is_too_long(void)
{
  orc_error e = { 0 };
  CHECK(!orc_fail(&e, "%0*d", 600, 1));
  CHECK(strlen(e.msg) == sizeof e.msg - 1);
}

/* Run `act` in a child; its wait status, and what it wrote to stderr. */
static int in_child(void (*act)(void), char *text, size_t room)
{
  int ends[2];
  if (pipe(ends) != 0) return -1;
  (void)fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    (void)dup2(ends[1], STDERR_FILENO);
    act();
    _exit(0);
  }
  (void)close(ends[1]);
  size_t length = 0;
  for (ssize_t n; length + 1 < room && (n = read(ends[0], text + length, room - 1 - length)) > 0;)
    length += (size_t)n;
  text[length] = '\0';
  (void)close(ends[0]);
  int status = -1;
  (void)waitpid(child, &status, 0);
  return status;
}

static void break_an_assertion(void)
{
  const int one = 1;
  ORC_ASSERT(one == 2);
}

static void ask_for_too_much(void)
{
  free(orc_alloc(SIZE_MAX, 2));
}

static void resize_to_too_much(void)
{
  free(orc_resize(NULL, SIZE_MAX / 2, 3));
}

static void make_room_for_too_much(void)
{
  (void)orc_more_room(UINT32_C(1) << 30, 8);
}

static void a_broken_assertion_aborts_with_its_place(void)
{
  char text[256];
  const int status = in_child(break_an_assertion, text, sizeof text);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
  CHECK(strncmp(text, "oracle: internal error: one == 2 at ", 36) == 0);
  CHECK(strstr(text, "base.c:") != NULL && strstr(text, "report") != NULL);
}

static void exhaustion_ends_with_one_line(void)
{
  char text[256];
  int status = in_child(ask_for_too_much, text, sizeof text);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 1);
  CHECK(strncmp(text, "oracle: out of memory", 21) == 0);
  CHECK(strchr(text, '\n') == text + strlen(text) - 1);
  status = in_child(resize_to_too_much, text, sizeof text);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 1);
}

/* 2^31 places and more: there is no memory for them. */
static void room_doubles_to_its_end(void)
{
  CHECK(orc_more_room(0, 12) == 12 && orc_more_room(12, 64) == 24);
  CHECK(orc_more_room(UINT32_C(1) << 29, 8) == UINT32_C(1) << 30);
  char text[256];
  const int status = in_child(make_room_for_too_much, text, sizeof text);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 1);
  CHECK(strcmp(text, "oracle: out of memory\n") == 0);
}

static void memory(void)
{
  unsigned char *p = orc_alloc(1000, 3);
  int sum = 0;
  for (int i = 0; i < 3000; i++)
    sum += p[i];
  CHECK(sum == 0);
  memset(p, 7, 3000);
  p = orc_resize(p, 6000, 1);
  CHECK(p[0] == 7 && p[2999] == 7);
  CHECK(orc_resize(p, 0, 1) == NULL);
  CHECK(orc_alloc(0, 8) == NULL);
  enum { WIDE = 1 << 20 };
  unsigned char *sparse = orc_alloc_sparse(WIDE, 2);
  CHECK(sparse[0] == 0 && sparse[WIDE] == 0 && sparse[2 * WIDE - 1] == 0);
  sparse[2 * WIDE - 1] = 1;
  orc_free_sparse(sparse, WIDE, 2);
  orc_free_sparse(NULL, WIDE, 2);
}

/* The argument is the double nearest to what is written; halves go up. */
static void seconds_to_nanoseconds(void)
{
  CHECK(orc_time_of(0.0) == 0);
  CHECK(orc_time_of(1.0) == ORC_SECOND);
  CHECK(orc_time_of(1.4e-9) == 1);
  CHECK(orc_time_of(0.0081) == 8100000);
  CHECK(orc_time_of(0x1p-10) == 976563); /* 976562.5 */
  CHECK(orc_time_of(0.49e-9) == 0);
  /* 2^52 + 1 ns is odd and has no room for a half: adding one would round it up. */
  CHECK(orc_time_of(4503599.627370497) == 4503599627370497);
  CHECK(orc_time_of(1e300) == ORC_NEVER);
  CHECK(orc_time_of(INFINITY) == ORC_NEVER);
}

/* Where both may be used they agree, near halves and powers of two above all. */
static void some_nanoseconds(void)
{
  for (int e = 0; e < 51; e++) {
    for (int i = -4; i <= 4; i++) {
      const double ns = ldexp(1.0, e) * (1.0 + 0x1p-40 * i) + 0.5 * i;
      if (ns < 1.0) continue;
      CHECK(orc_time_of_some(ns * 1e-9) == orc_time_of(ns * 1e-9));
      const double below = nextafter(ns * 1e-9, 0.0), above = nextafter(ns * 1e-9, 1e9);
      if (below * 1e9 >= 1.0) CHECK(orc_time_of_some(below) == orc_time_of(below));
      CHECK(orc_time_of_some(above) == orc_time_of(above));
    }
  }
}

int main(void)
{
  RUN(fail_says_why_and_returns_false);
  RUN(fail_cuts_what_is_too_long);
  RUN(a_broken_assertion_aborts_with_its_place);
  RUN(exhaustion_ends_with_one_line);
  RUN(room_doubles_to_its_end);
  RUN(memory);
  RUN(seconds_to_nanoseconds);
  RUN(some_nanoseconds);
  return DONE();
}
