/*
** refusal.h - why a request is turned down.
*/
#ifndef ORC_SERVE_REFUSAL_H
#define ORC_SERVE_REFUSAL_H

#include "serve/text.h"

/* All zeroes: it is not. */
typedef struct orc_refusal {
  int status;       /* of HTTP; 0: it is not */
  const char *type; /* "BadRequestError" */
  orc_text message;
} orc_refusal;

void orc_refusal_done(orc_refusal *r);

/* Fill *r as printf does; returns false. */
bool orc_refuse(orc_refusal *r, int status, const char *type, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
