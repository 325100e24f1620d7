/*
** trace_formats.h - the formats of traces: the CSVs are rows of a table in trace_csv.c, each other
** format has a file. A new one is its row, or its file, a line here, and how it is told from the
** others in trace_file.c.
**
** Each function looks at how the file begins and sets t->format, which reads the rows from then on;
** false with *e where it begins otherwise.
*/
#ifndef ORC_WORKLOAD_TRACE_FORMATS_H
#define ORC_WORKLOAD_TRACE_FORMATS_H

#include "workload/trace.h"

/* Azure LLM, BurstGPT, Vidur, Splitwise, the CSV of requests that oracle writes; or of the options' columns */
bool orc_trace_csv_begin(orc_trace *t, orc_error *e);
bool orc_trace_hashes_begin(orc_trace *t, orc_error *e);
bool orc_trace_sharegpt_begin(orc_trace *t, orc_error *e);

/* What `oracle serve --record` has written, which the buffer's first bytes tell. */
bool orc_trace_is_recorded(const orc_trace *t);
bool orc_trace_recorded_begin(orc_trace *t, orc_error *e);

/* From here on the rows come in order of time, those of one time as the file has them: all are read now. */
bool orc_trace_sort(orc_trace *t, orc_error *e);

/* What sorting holds. */
void orc_trace_sorted_done(orc_trace *t);

#endif
