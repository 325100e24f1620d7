/*
** trace_options.h - which part of a trace is read, and how fast its requests come.
*/
#ifndef ORC_WORKLOAD_TRACE_OPTIONS_H
#define ORC_WORKLOAD_TRACE_OPTIONS_H

#include "base/base.h"

/* How a trace is read. */
typedef struct orc_trace_options {
  double scale;    /* arrivals come this many times faster, > 0; 1 */
  double from, to; /* window of the trace in its own seconds from its first row; 0, INFINITY */
  int64_t count;   /* at most so many requests; INT64_MAX */
  double timeout;  /* s; INFINITY: never */
  uint16_t profile;
  bool told;    /* prompts have identities though the file tells none: each is unlike the others */
  int64_t pool; /* prompts are those of the first so many rows again; 0: each row has its own */
  uint64_t seed;
  double rate;                 /* requests/s of files without times; 0: none given */
  double characters_per_token; /* > 0, of files with text and no counts */
  /* Names of a CSV's columns, used only while it is opened; NULL: the header tells the format. Then
  ** rows may stand in any order. */
  const char *time, *prompt, *output;
  double time_unit; /* s that 1 in the column of the time means, > 0 */
} orc_trace_options;

#endif
