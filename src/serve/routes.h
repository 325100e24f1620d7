/*
** routes.h - which path answers what.
*/
#ifndef ORC_SERVE_ROUTES_H
#define ORC_SERVE_ROUTES_H

#include "serve/state.h"

/* Answer a request, or begin to. */
void orc_routes_answer(orc_service *s, orc_connection *c, const orc_http_request *r);

#endif
