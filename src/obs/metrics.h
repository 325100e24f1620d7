/*
** metrics.h - what a run measured: counts and distributions over requests. Observes, never decides.
*/
#ifndef ORC_OBS_METRICS_H
#define ORC_OBS_METRICS_H

#include "base/base.h"
#include "base/hist.h"
#include "obs/record.h"

/* Targets a request must meet to count as good; ORC_NEVER: not asked for. ns. */
typedef struct orc_slo {
  orc_time ttft, tpot, e2e;
} orc_slo;

/* What happened after the warm-up, to whichever request. */
typedef struct orc_window_counts {
  uint64_t successful, good;             /* that ended in it; good: within every target */
  uint64_t prompt_tokens, output_tokens; /* of prompts begun in it; generated in it */
} orc_window_counts;

/* Over the requests that arrived after warm-up. Histograms in ns. An empty one is all zeroes. */
typedef struct orc_metrics {
  uint64_t total, by_status[ORC_STATUSES];
  uint64_t good; /* successful and within every target */
  uint64_t prompt_tokens,
      output_tokens; /* prompts scheduled at least in part; tokens generated, by any request */
  uint64_t prefix_events[ORC_PREFIX_EVENTS];
  uint64_t streamed;                     /* of the total */
  uint64_t follow_ups;                   /* scheduled later turns of sessions */
  uint64_t cached_blocks, prompt_blocks; /* of scheduled prompts, KV blocks */
  uint64_t cached_tokens, prefilled_tokens, preemptions;
  orc_hist ttft, tpot, e2e, queue;
  orc_hist ttft_hit, ttft_miss; /* by what the prefix cache did */
  orc_window_counts window;     /* of all requests */
} orc_metrics;

void orc_metrics_done(orc_metrics *m);

/* A request's end (or the run's, for a PENDING one). Of a record that is not counted,
** only what happened after the warm-up is added. */
void orc_metrics_add(orc_metrics *m, const orc_record *r, const orc_slo *slo);

void orc_metrics_merge(orc_metrics *into, const orc_metrics *from);

/* What is known of the requests of a replica, or of all replicas together. */
typedef struct orc_observed {
  orc_hist gaps;         /* ns between tokens of a request (ITL) */
  orc_metrics metrics[]; /* [profiles] of those that ended */
} orc_observed;

orc_observed *orc_observed_new(int profiles);
void orc_observed_free(orc_observed *o, int profiles); /* NULL is allowed */

#endif
