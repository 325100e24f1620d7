/*
** service.h - a simulated deployment as a server of OpenAI's API that real clients talk to: the
** simulation's clock follows the wall clock, requests arrive at their moment, and each token is written at
** the time the simulation gives it. One thread does all: the simulation needs a fraction of a
** core, and what it decides needs no lock.
*/
#ifndef ORC_SERVE_SERVICE_H
#define ORC_SERVE_SERVICE_H

#include "base/base.h"
#include "cluster/state.h"
#include "serve/options.h"

/* It listens from now. The cluster has a source that is a feed (feed.h), number `source`. NULL with *e.
*/
orc_service *orc_service_new(const orc_service_options *o, const orc_service_host *host,
                             orc_cluster *c, uint32_t source, orc_error *e);
void orc_service_free(orc_service *s); /* NULL is allowed */

/* The port it listens at. */
int orc_service_port(const orc_service *s);

/*
** Serve until it is told to end, or until the descriptor `watch` can be read (-1: none is watched).
** False with *e when the simulation failed.
*/
bool orc_service_run(orc_service *s, int watch, orc_error *e);

/* It takes no requests for completions, or takes them again. */
void orc_service_sleep(orc_service *s, bool asleep);

/* Whether it has been told to end, and has. */
bool orc_service_over(const orc_service *s);

/* Nobody is served any more: what is under way is cancelled, and what is recorded is whole. False with
** *e: not all could be written. */
bool orc_service_close(orc_service *s, orc_error *e);

/* What it has done so far. */
typedef struct orc_service_totals {
  uint64_t requests, refused, aborted, tokens, chunks, accepted, dropped;
  double late_p50, late_p99, late_most; /* s between a token's moment and its sending */
  double slipped; /* s that the simulation fell behind the wall clock in all */
} orc_service_totals;

orc_service_totals orc_service_totals_of(orc_service *s);

#endif
