#define _GNU_SOURCE
#include "repl.h"

#include <errno.h>
#include <histedit.h>
#include <limits.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>

enum { HISTORY_ENTRIES = 1000 };

struct orc_repl {
  orc_host *host;
  EditLine *el; /* NULL until the first line is read */
  History *history;
  char *prompt;
  char *line; /* the last one read */
  bool abandoned;
  char file[PATH_MAX]; /* of the history; empty: none */
};

/* What the candidates of a completion have in common. */
typedef struct choice {
  char common[256];
  int count;
  bool print;
  size_t column, width; /* where the cursor is, and how wide the terminal is */
} choice;

static char *prompt_of(EditLine *el)
{
  orc_repl *r = NULL;
  el_get(el, EL_CLIENTDATA, &r);
  return r->prompt;
}

static void look_at(void *context, const char *candidate)
{
  choice *c = context;
  if (c->print) {
    const size_t length = strlen(candidate);
    const bool fits = c->count > 0 && c->column + 2 + length < c->width;
    printf("%s%s", fits ? "  " : "\n", candidate);
    c->column = fits ? c->column + 2 + length : length;
  } else if (c->count == 0) {
    snprintf(c->common, sizeof c->common, "%s", candidate);
  } else {
    size_t n = 0;
    while (c->common[n] != '\0' && c->common[n] == candidate[n])
      n++;
    c->common[n] = '\0';
  }
  c->count++;
}

/* Tab: add what all candidates share; where that is nothing, show them. */
static unsigned char complete(EditLine *el, wint_t key)
{
  (void)key;
  orc_repl *r = NULL;
  el_get(el, EL_CLIENTDATA, &r);
  const LineInfo *line = el_line(el);
  const size_t length = (size_t)(line->cursor - line->buffer);
  if (r->host == NULL) return CC_ERROR;
  choice c = { .print = false };
  const size_t stem = orc_host_complete(r->host, line->buffer, length, look_at, &c);
  if (c.count == 0) return CC_ERROR;
  if (strlen(c.common) > stem) {
    el_insertstr(el, c.common + stem);
    return CC_REFRESH;
  }
  if (c.count == 1) return CC_NORM;
  struct winsize size = { 0 };
  choice all = { .print = true, .width = 80 };
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) all.width = size.ws_col;
  orc_host_complete(r->host, line->buffer, length, look_at, &all);
  printf("\n");
  fflush(stdout);
  return CC_REDISPLAY;
}

/*
** Wait for a byte of the terminal, or for a signal; false: the user asked to stop. The signals are let in while it waits
** alone, so that none can come between looking and waiting and be slept through.
*/
static bool await_byte(void)
{
  sigset_t ours, before;
  sigemptyset(&ours);
  sigaddset(&ours, SIGINT);
  sigaddset(&ours, SIGTERM);
  sigaddset(&ours, SIGHUP);
  sigprocmask(SIG_BLOCK, &ours, &before);
  struct pollfd keys = { .fd = STDIN_FILENO, .events = POLLIN };
  int ready = 0;
  while (!orc_host_interrupted() && ready <= 0)
    if ((ready = ppoll(&keys, 1, NULL, &before)) < 0 && errno != EINTR)
      ready = 1; /* reading tells */
  const bool asked = orc_host_interrupted();
  sigprocmask(SIG_SETMASK, &before, NULL);
  return !asked;
}

/* libedit's way to read a character, while others may be served: 1, 0 at the end of input or of the server, -1 where
** the line is given up. */
static int read_key(EditLine *el, wchar_t *key)
{
  orc_repl *r = NULL;
  el_get(el, EL_CLIENTDATA, &r);
  mbstate_t state = { 0 };
  for (;;) {
    char byte = 0;
    if (r->host != NULL && !orc_host_wait(r->host)) return 0;
    if (!await_byte()) {
      r->abandoned = true;
      return -1;
    }
    const ssize_t n = read(STDIN_FILENO, &byte, 1);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n <= 0) return 0;
    const size_t whole = mbrtowc(key, &byte, 1, &state);
    if (whole == (size_t)-1) {
      memset(&state, 0, sizeof state); /* no character of this locale: the byte as it is */
      *key = (unsigned char)byte;
    }
    if (whole != (size_t)-2) return 1;
  }
}

/* $XDG_STATE_HOME/oracle_history, else ~/.oracle_history. */
static void name_history(orc_repl *r)
{
  const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
  int n = -1;
  if (state != NULL && state[0] == '/') {
    mkdir(state, 0700); /* the base directory specification lets programs make it; exists: fine */
    n = snprintf(r->file, sizeof r->file, "%s/oracle_history", state);
  } else if (home != NULL && home[0] == '/') {
    n = snprintf(r->file, sizeof r->file, "%s/.oracle_history", home);
  }
  if (n < 0 || (size_t)n >= sizeof r->file) r->file[0] = '\0';
}

static bool start(orc_repl *r)
{
  HistEvent event;
  setlocale(LC_CTYPE, ""); /* so that a character is a character, not its bytes */
  r->el = el_init("oracle", stdin, stdout, stderr);
  if (r->el == NULL) return false;
  r->history = history_init();
  el_set(r->el, EL_CLIENTDATA, r);
  el_set(r->el, EL_PROMPT, prompt_of);
  el_set(r->el, EL_EDITOR, "emacs");
  /* libedit keeps the names; given as plain strings it would copy and never free them */
  el_wset(r->el, EL_ADDFN, L"oracle-complete", L"complete what stands before the cursor", complete);
  el_source(r->el, NULL);
  /* Ctrl-C is a signal, while a line is edited too: as a key it would be lost between editing and running. */
  el_set(r->el, EL_GETCFN, read_key);
  /* Of its own the terminal throws away what was printed but not yet seen, the prompt after a Ctrl-C among it. */
  el_set(r->el, EL_SETTY, "-d", "noflsh", NULL);
  el_set(r->el, EL_SETTY, "-x", "noflsh", NULL);
  el_set(r->el, EL_BIND, "^I", "oracle-complete", NULL);
  if (r->history != NULL) {
    history(r->history, &event, H_SETSIZE, HISTORY_ENTRIES);
    history(r->history, &event, H_SETUNIQUE, 1);
    el_set(r->el, EL_HIST, history, r->history);
    name_history(r);
    if (r->file[0] != '\0') history(r->history, &event, H_LOAD, r->file);
  }
  return true;
}

static const char *read_line(void *self, const char *prompt, bool *abandoned)
{
  orc_repl *r = self;
  if (r->el == NULL && !start(r)) return NULL;
  int length = 0;
  free(r->prompt);
  r->prompt = strdup(prompt); /* libedit wants char * */
  if (r->prompt == NULL) return NULL;
  r->abandoned = false;
  const char *text = el_gets(r->el, &length);
  *abandoned = r->abandoned;
  if (*abandoned) {
    printf("^C\n");
    fflush(stdout);
    return NULL;
  }
  if (text == NULL || length <= 0) return NULL;
  free(r->line);
  r->line = strndup(text, strcspn(text, "\r\n"));
  return r->line;
}

static void remember(void *self, const char *entry)
{
  orc_repl *r = self;
  HistEvent event;
  if (r->history == NULL || entry[0] == '\0') return;
  history(r->history, &event, H_ENTER, entry);
}

orc_repl *orc_repl_new(void)
{
  return orc_alloc(1, sizeof(orc_repl));
}

void orc_repl_free(orc_repl *r)
{
  if (r == NULL) return;
  HistEvent event;
  if (r->history != NULL && r->file[0] != '\0') history(r->history, &event, H_SAVE, r->file);
  if (r->el != NULL) el_end(r->el);
  if (r->history != NULL) history_end(r->history);
  free(r->prompt);
  free(r->line);
  free(r);
}

orc_editor orc_repl_editor(orc_repl *r)
{
  return (orc_editor){ .self = r, .read = read_line, .remember = remember };
}

void orc_repl_serve(orc_repl *r, orc_host *h)
{
  r->host = h;
}
