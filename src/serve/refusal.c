#include "serve/refusal.h"

#include <stdarg.h>
#include <stdio.h>

void orc_refusal_done(orc_refusal *r)
{
  orc_text_done(&r->message);
}

bool orc_refuse(orc_refusal *r, int status, const char *type, const char *format, ...)
{
  char text[1024];
  va_list args;
  if (r->status != 0) return false;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  r->status = status;
  r->type = type;
  orc_text_clear(&r->message);
  orc_text_put(&r->message, text);
  return false;
}
