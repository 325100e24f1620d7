/*
** excerpt.h - the requests of a run that a report shows, whose number is bounded however many there
** are: a sample of all, the slowest ones, and those of a window of time. It observes and never
** decides.
*/
#ifndef ORC_OBS_EXCERPT_H
#define ORC_OBS_EXCERPT_H

#include "base/base.h"
#include "obs/record.h"

/* Why a record was kept; it may be kept for more than one reason. */
typedef enum orc_excerpt_part {
  ORC_EXCERPT_SAMPLE, /* drawn by a hash of its number: each request is as likely, every run the same */
  ORC_EXCERPT_SLOWEST, /* the longest from arrival to completion */
  ORC_EXCERPT_WINDOW,  /* the first by arrival that were there between two times */
  ORC_EXCERPT_PARTS
} orc_excerpt_part;

/* Records of least key, in a heap whose first has the greatest. */
typedef struct orc_excerpt_heap {
  struct orc_excerpt_entry *at; /* [count] */
  uint32_t count, room;
} orc_excerpt_heap;

typedef struct orc_excerpt {
  orc_excerpt_heap parts[ORC_EXCERPT_PARTS];
  orc_time from, to; /* ns: the window; to: ORC_NEVER, it is open */
  uint64_t seen;     /* records in all */
} orc_excerpt;

/*
** An empty excerpt.
**   room   records of each part at most, >= 1
**   from, to   ns: requests that arrived before `to` and had not ended at `from` are of the window
*/
orc_excerpt *orc_excerpt_new(const uint32_t room[ORC_EXCERPT_PARTS], orc_time from, orc_time to);
void orc_excerpt_free(orc_excerpt *x); /* NULL is allowed */

/* A request's end, or the run's for a PENDING one: each request once. */
void orc_excerpt_put(orc_excerpt *x, const orc_record *r);

/*
** The records that were kept, each once, by number.
**   reasons   set to [count] sums of 1 << orc_excerpt_part
** Both lists are the caller's to free. The excerpt stays as it is.
*/
orc_record *orc_excerpt_take(const orc_excerpt *x, size_t *count, uint8_t **reasons);

#endif
