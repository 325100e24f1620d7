/*
** host.h - the opaque handle that main.c and repl.c have of Lua: a state with oracle inside. Knows
** no lua.h, so that nothing outside bind/ needs it.
*/
#ifndef ORC_BIND_HOST_HOST_H
#define ORC_BIND_HOST_HOST_H

#include "base/base.h"

typedef struct orc_host orc_host;

/*
** A line editor, for the prompt. Owned by the caller and alive as long as the host.
**   read      shows `prompt`, returns the line without its end, valid until the next call; NULL at
**             the end of input. Sets *abandoned when the user gave the line up (Ctrl-C).
**   remember  adds `entry` (it may hold several lines) to the history
*/
typedef struct orc_editor {
  void *self;
  const char *(*read)(void *self, const char *prompt, bool *abandoned);
  void (*remember)(void *self, const char *entry);
} orc_editor;

/*
** A Lua state whose modules come from `home` (the folder that holds lua/ and models/), with lpeg,
** oracle.core and oracle.host inside; `home` must outlive it. The editor may have a NULL `read`:
** then there is no prompt. Never NULL: without memory the program ends.
*/
orc_host *orc_host_new(const char *home, const orc_editor *editor);

/* End the program: what was opened is closed, threads are joined, files that are not whole go. */
_Noreturn void orc_host_end(orc_host *h, int status);

/* Write home/build/lua/image, which later runs begin with (bind/host/image.h). */
bool orc_host_write_image(const char *home, orc_error *e);

/* Do what a command line says (lua/oracle/cli.lua). Words without the program's name; returns the
 * exit status. */
int orc_host_main(orc_host *h, int count, char **words);

/*
** What could stand where `text` ends, asked by an editor inside its read: calls each(context,
** candidate) for every candidate, in order. Returns how many bytes at the end of `text` every
** candidate completes; 0 also when there is none.
*/
size_t orc_host_complete(orc_host *h, const char *text, size_t length,
                         void (*each)(void *context, const char *candidate), void *context);

/* Before a key is read at the prompt: what goes on meanwhile does, until there is one. False: there will be none. */
bool orc_host_wait(orc_host *h);

/*
** The user wants to stop: a running simulation ends with what it has. May be called by a signal
** handler; the second time it ends the program with status 130, unless it is at its prompt.
**   ends   the program is to end, its prompt too
*/
void orc_host_interrupt(bool ends);

/* Whether the user's wish to stop is still to be answered. */
bool orc_host_interrupted(void);

/* End the program at once with `status`; files that are not whole go. For a signal handler. */
_Noreturn void orc_host_abandon(int status);

#endif
