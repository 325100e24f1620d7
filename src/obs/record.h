/*
** record.h - what is remembered of one request, and the CSV it is written to.
*/
#ifndef ORC_OBS_RECORD_H
#define ORC_OBS_RECORD_H

#include "base/base.h"
#include "base/status.h"

/* What the prefix cache did for a request; names as in the CSV. NONE: the cache was off. */
typedef enum orc_prefix_event {
  ORC_PREFIX_NONE,
  ORC_PREFIX_CONVERSATIONAL_HIT,
  ORC_PREFIX_CROSS_REQUEST_HIT,
  ORC_PREFIX_MISS_FULL,
  ORC_PREFIX_FULL_HIT, /* the whole prompt: its last token or block is computed all the same */
  ORC_PREFIX_CONVERSATIONAL_MISS,
  ORC_PREFIX_EVENTS
} orc_prefix_event;

const char *orc_prefix_event_name(orc_prefix_event e); /* "" for NONE */

/* One request at its end. Times in ns since the run began, -1: did not happen. */
typedef struct orc_record {
  uint64_t number;  /* 0, 1, 2 ... in order of arrival */
  uint64_t session; /* 0: none */
  uint32_t client;
  uint16_t profile;
  uint16_t replica; /* the one that has it; ORC_NO_REPLICA: refused at the door, or without one */
  int32_t prompt, max_output, output; /* tokens; output as generated */
  int32_t cached, prefilled;          /* prompt tokens from the cache; computed */
  int32_t recomputed; /* tokens computed once more, after a preemption or failure took them: when it
                         has ended well, cached + prefilled = prompt + recomputed */
  int32_t cached_blocks, prompt_blocks; /* KV blocks from the cache; of the whole prompt */
  int32_t before;                       /* of output, before the end of the warm-up */
  int32_t preemptions, priority;
  orc_time arrival, scheduled, first_token, completion;
  uint8_t status;       /* orc_status */
  uint8_t prefix_event; /* orc_prefix_event */
  bool follows;         /* a later turn of a session; known where prefixes are cached */
  bool streamed;        /* its client got each token as it came */
  bool counted;         /* arrived after warm-up */
  orc_time window;      /* when the warm-up ends, ns */
} orc_record;

/* TTFT, TPOT, E2E, queue time of a record in ns; -1 where it has none. */
orc_time orc_record_ttft(const orc_record *r);
orc_time orc_record_tpot(const orc_record *r);
orc_time orc_record_e2e(const orc_record *r);
orc_time orc_record_queue(const orc_record *r);

/*
** A CSV file being written, one row per request in order of arrival; rows that finish early wait in
** memory for the older ones. A path that ends in .gz is compressed; "-" is the standard output.
*/
typedef struct orc_csv orc_csv;

/* Create the file and write the header; NULL with the reason when it cannot be.
**   profiles   names by profile index, for client ids; copied
*/
orc_csv *orc_csv_open(const char *path, const char *const *profiles, int profile_count,
                      orc_error *e);

/* Whether its rows lie in a file, where they can be written again; not so on a terminal or in a pipe. */
bool orc_csv_in_file(const orc_csv *c);

void orc_csv_put(orc_csv *c, const orc_record *r);

/* Write what is left (gaps are skipped), close and free. False when any write failed (disk full).
 */
bool orc_csv_close(orc_csv *c, orc_error *e);

#endif
