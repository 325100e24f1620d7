/*
** repl.h - line editing for the prompt, by libedit: history, completion, Ctrl-C gives a line up.
*/
#ifndef ORC_REPL_H
#define ORC_REPL_H

#include "bind/host/host.h"

typedef struct orc_repl orc_repl;

/* Costs next to nothing until the first line is read. */
orc_repl *orc_repl_new(void);
void orc_repl_free(orc_repl *r); /* saves the history; NULL is allowed */

/* The editor to give to orc_host_new; valid as long as the repl. */
orc_editor orc_repl_editor(orc_repl *r);

/* The host that completes its lines; until then Tab does nothing. */
void orc_repl_serve(orc_repl *r, orc_host *h);

#endif
