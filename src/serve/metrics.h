/*
** metrics.h - what /metrics answers: the families of a vLLM server, for each replica as an engine of its
** own, from what the simulation counts and from every request that ends.
*/
#ifndef ORC_SERVE_METRICS_H
#define ORC_SERVE_METRICS_H

#include "cluster/state.h"
#include "serve/options.h"
#include "serve/text.h"

typedef struct orc_metrics_board orc_metrics_board;

/* All at 0. The families' texts are borrowed. */
orc_metrics_board *orc_metrics_board_new(const orc_metric_family *families, int count, int engines);
void orc_metrics_board_free(orc_metrics_board *b); /* NULL is allowed */

/* A request of any client has its first token at `at` (ns). */
void orc_metrics_board_first(orc_metrics_board *b, const orc_request *q, orc_time at);

/* One has ended. */
void orc_metrics_board_ended(orc_metrics_board *b, const orc_record *r);

/* The text of it, with what the cluster is doing now. Families with samples, in their order. */
void orc_metrics_board_text(orc_metrics_board *b, const orc_cluster *c, const char *model,
                            orc_text *into);

#endif
