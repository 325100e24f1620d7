#include "serve/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void orc_text_done(orc_text *t)
{
  free(t->at);
  *t = (orc_text){ 0 };
}

/* Room for `more` bytes. */
static char *reserve(orc_text *t, size_t more)
{
  if (t->room - t->length < more) {
    size_t room = t->room < 256 ? 256 : t->room;
    while (room - t->length < more)
      room *= 2;
    t->at = orc_resize(t->at, room, 1);
    t->room = room;
  }
  return t->at + t->length;
}

void orc_text_bytes(orc_text *t, const void *bytes, size_t length)
{
  if (length == 0) return;
  memcpy(reserve(t, length), bytes, length);
  t->length += length;
}

void orc_text_put(orc_text *t, const char *terminated)
{
  orc_text_bytes(t, terminated, strlen(terminated));
}

void orc_text_format(orc_text *t, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  char *at = reserve(t, 128);
  int n = vsnprintf(at, t->room - t->length, format, args);
  va_end(args);
  if (n < 0) return;
  if ((size_t)n >= t->room - t->length) {
    at = reserve(t, (size_t)n + 1);
    va_start(args, format);
    n = vsnprintf(at, t->room - t->length, format, args);
    va_end(args);
  }
  t->length += (size_t)n;
}

static bool continues(const char *at, size_t length, size_t i, unsigned char low,
                      unsigned char high)
{
  return i < length && (unsigned char)at[i] >= low && (unsigned char)at[i] <= high;
}

size_t orc_text_character(const char *at, size_t length)
{
  const unsigned char c = (unsigned char)at[0];
  if (c < 0x80) return 1;
  if (c < 0xc2 || c > 0xf4) return 0;
  /* Of the second byte: no overlong form, no surrogate, nothing beyond U+10FFFF. */
  const unsigned char low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
  const unsigned char high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
  if (!continues(at, length, 1, low, high)) return 0;
  const size_t size = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
  for (size_t i = 2; i < size; i++)
    if (!continues(at, length, i, 0x80, 0xbf)) return 0;
  return size;
}

static void escape(orc_text *t, unsigned char c)
{
  switch (c) {
  case '"':
    orc_text_put(t, "\\\"");
    break;
  case '\\':
    orc_text_put(t, "\\\\");
    break;
  case '\n':
    orc_text_put(t, "\\n");
    break;
  default:
    orc_text_format(t, "\\u%04x", c);
  }
}

void orc_text_json(orc_text *t, const char *bytes, size_t length)
{
  orc_text_bytes(t, "\"", 1);
  size_t plain = 0; /* most texts have nothing to escape */
  while (plain < length && (unsigned char)bytes[plain] >= 0x20 &&
         (unsigned char)bytes[plain] < 0x80 && bytes[plain] != '"' && bytes[plain] != '\\')
    plain++;
  orc_text_bytes(t, bytes, plain);
  for (size_t i = plain; i < length;) {
    const unsigned char c = (unsigned char)bytes[i];
    const size_t size = orc_text_character(bytes + i, length - i);
    if (c < 0x20 || c == '"' || c == '\\')
      escape(t, c);
    else if (size > 0)
      orc_text_bytes(t, bytes + i, size);
    else
      orc_text_put(t, "\xef\xbf\xbd");
    i += size > 0 ? size : 1;
  }
  orc_text_bytes(t, "\"", 1);
}
