/*
** listener.h - the socket that clients connect to.
*/
#ifndef ORC_SERVE_LISTENER_H
#define ORC_SERVE_LISTENER_H

#include "serve/connection.h"

typedef struct orc_listener orc_listener;

/* Descriptors for so many connections, or as many as there may be: limits->connections is then fewer. */
void orc_listener_fit(orc_limits *limits);

/* Listen at an address and a port (0: any that is free); connections go to *to. NULL with *e. */
orc_listener *orc_listener_open(struct event_base *base, const char *host, int port,
                                orc_connections *to, orc_error *e);
void orc_listener_close(orc_listener *l); /* NULL is allowed */

int orc_listener_port(const orc_listener *l);

#endif
