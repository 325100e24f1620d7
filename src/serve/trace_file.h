/*
** trace_file.h - requests of production traces, told apart by how the file begins.
*/
#ifndef ORC_SERVE_TRACE_FILE_H
#define ORC_SERVE_TRACE_FILE_H

#include "base/base.h"
#include "serve/source.h"

/* How a trace is read. */
typedef struct orc_trace_options {
  double scale;    /* arrivals come this many times faster, > 0; 1 */
  double from, to; /* window of the trace in its own seconds from its first row; 0, INFINITY */
  int64_t count;   /* at most so many requests; INT64_MAX */
  double timeout;  /* s; INFINITY: never */
  uint16_t profile;
} orc_trace_options;

/*
** Requests of a trace file, plain or .gz, read as a stream; the format is told from the header.
** Every row is checked; the first bad one ends the source with file, line and field in the error.
** False when the file cannot be opened or its header is unknown.
*/
bool orc_source_trace(orc_source *out, const char *path, const orc_trace_options *o, orc_error *e);

#endif
