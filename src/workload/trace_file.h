/*
** trace_file.h - requests of production traces, told apart by how the file begins.
*/
#ifndef ORC_WORKLOAD_TRACE_FILE_H
#define ORC_WORKLOAD_TRACE_FILE_H

#include "base/base.h"
#include "workload/source.h"

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
} orc_trace_options;

/*
** Requests of a trace file, plain or .gz, read as a stream. The format is told from how it begins:
** CSV by its header (Azure LLM, BurstGPT, Vidur, Splitwise), Mooncake by '{', ShareGPT by '['.
** Every row is checked; the first bad one ends the source with file, line and field in the error.
** False when the file cannot be opened or its header is unknown.
*/
bool orc_source_trace(orc_source *out, const char *path, const orc_trace_options *o, orc_error *e);

#endif
