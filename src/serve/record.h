/*
** record.h - requests written to a file as they end, so that they can be asked again: a trace with the
** ns of each arrival, its lengths, and what its prompt and answer are made of (workload/trace_recorded.c
** reads it).
*/
#ifndef ORC_SERVE_RECORD_H
#define ORC_SERVE_RECORD_H

#include "workload/outcome.h"
#include "workload/prompt.h"

typedef struct orc_trace_record orc_trace_record;

/* A new file, or an empty one in place of what was there. NULL with *e. */
orc_trace_record *orc_trace_record_open(const char *path, orc_error *e);

/* A request has ended. */
void orc_trace_record_put(orc_trace_record *r, const orc_outcome *of, const orc_prompts *prompts);

/* All is written. False with *e: some was not. NULL is allowed. */
bool orc_trace_record_close(orc_trace_record *r, orc_error *e);

#endif
