/*
** chrome_trace.h - a run as a trace that chrome://tracing and Perfetto open: a track per device of
** each replica with its steps, a lane per request in flight with what it waits for or does, arrows
** from a request to the steps that compute it, counters of queue and KV memory. It observes and
** never decides. Written as the run goes; what is kept grows with the requests in flight alone.
*/
#ifndef ORC_OBS_CHROME_TRACE_H
#define ORC_OBS_CHROME_TRACE_H

#include "base/base.h"
#include "obs/log.h"

typedef struct orc_chrome_trace orc_chrome_trace;

typedef struct orc_chrome_trace_options {
  const char *path;  /* created, or written over */
  orc_time from, to; /* ns: what overlaps them is written; to: ORC_NEVER, to the end */
  uint64_t most;     /* events at most */
} orc_chrome_trace_options;

/* Create the file; NULL with the reason when it cannot be. */
orc_chrome_trace *orc_chrome_trace_open(const orc_chrome_trace_options *o, orc_error *e);

/* The listener that writes it. */
orc_log orc_chrome_trace_log(orc_chrome_trace *t);

/* Something happened to a replica at `time` (ns) that is no step: `name` is a word. */
void orc_chrome_trace_instant(orc_chrome_trace *t, orc_time time, uint16_t replica,
                              const char *name);

/* What came of it. */
typedef struct orc_chrome_trace_outcome {
  uint64_t events;
  orc_time cut; /* ns: nothing later was written, for there were too many events; -1: all was */
} orc_chrome_trace_outcome;

/*
** The run ends at `end` (ns): requests in flight end here. Close the file and free all. False when
** any write failed (disk full).
*/
bool orc_chrome_trace_close(orc_chrome_trace *t, orc_time end, orc_chrome_trace_outcome *outcome,
                            orc_error *e);

#endif
