/*
** text.h - a text that grows as it is written: replies, events of a stream, what is scraped.
*/
#ifndef ORC_SERVE_TEXT_H
#define ORC_SERVE_TEXT_H

#include "base/base.h"

/* All zeroes: empty. `at` is not terminated. */
typedef struct orc_text {
  char *at;
  size_t length, room;
} orc_text;

void orc_text_done(orc_text *t);

/* Empty again; its memory is kept. */
static inline void orc_text_clear(orc_text *t)
{
  t->length = 0;
}

void orc_text_bytes(orc_text *t, const void *bytes, size_t length);
void orc_text_put(orc_text *t, const char *terminated);
void orc_text_format(orc_text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A JSON string, with its quotes. What is not UTF-8 becomes U+FFFD. */
void orc_text_json(orc_text *t, const char *bytes, size_t length);

/* Bytes of the character of UTF-8 (RFC 3629) at `at`, of which `length` >= 1 are there; 0: it is none. */
size_t orc_text_character(const char *at, size_t length);

#endif
