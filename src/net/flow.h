/*
** flow.h - transfers on the clock: each takes its route's latency, then its bytes flow at the
** max-min fair share of the links it crosses, and the sender's function is called.
**
** The fluid model of concurrent transfers: the bottleneck shares its bandwidth evenly, at once.
** Source: Casanova, Giersch, Legrand, Quinson and Suter, J. Parallel Distrib. Comput. 74(10), 2014.
**
** A transfer whose links carry no other costs one event and no solving, and what is decided then is
** taken back when another comes to share a link. Ends are exact: see orc_net_rest.
*/
#ifndef ORC_NET_FLOW_H
#define ORC_NET_FLOW_H

#include "base/base.h"
#include "net/topology.h"
#include "sim/engine.h"

typedef struct orc_net orc_net;

/* Called when a transfer's last byte has come in, at that time. May send. */
typedef void orc_net_done(void *ctx, uint64_t arg);

/*
** A network without traffic.
**   topology   not owned, outlives the network; no node or link may be added any more
**   kind       the kind of event this engine gives to the network alone
*/
orc_net *orc_net_new(orc_topology *topology, orc_engine *engine, uint32_t kind);
void orc_net_free(orc_net *n); /* NULL is allowed; transfers under way are dropped */

/*
** Send over a route, from now on.
**   route   of this network's topology (orc_topology_route, which is where a missing one shows)
**   bytes   B, >= 0
**   done    called with ctx and arg when all has come in: never inside this call, also for 0 hops
*/
void orc_net_send(orc_net *n, const orc_route *route, double bytes, orc_net_done *done, void *ctx,
                  uint64_t arg);

/*
** Transfers that were sent with these three go no further, since an end of theirs has failed:
** no sender is told, and others have their links from now on. Not from within a `done`.
*/
void orc_net_drop(orc_net *n, orc_net_done *done, const void *ctx, uint64_t arg);

/*
** The clock is in whole ns; a transfer's exact end is that and a rest, in -0.5 .. 0.5 ns. Inside
** `done` this is the rest of the transfer that came in, and what is sent there begins at the
** exact time. So a chain of a thousand short transfers is as exact as one. 0 outside.
*/
double orc_net_rest(const orc_net *n);

/* Until the event now handled is over, what is sent begins `rest` ns (-0.5 .. 0.5) after now. */
void orc_net_carry_rest(orc_net *n, double rest);

orc_topology *orc_net_topology(const orc_net *n);
orc_engine *orc_net_engine(const orc_net *n);

/* What has happened so far. Bytes count whole transfers, when they have come in. */
typedef struct orc_net_count {
  uint64_t sent, arrived, dropped; /* transfers; what is left of those sent is under way */
  double sent_bytes, arrived_bytes, dropped_bytes;
  uint64_t solved; /* times that rates were sought */
} orc_net_count;

orc_net_count orc_net_counted(const orc_net *n);

/* B that whole transfers brought over one link. */
double orc_net_carried(const orc_net *n, int link);

/* Whether two transfers have shared a link since the start: whether contention played a part. */
bool orc_net_contended(const orc_net *n);

#endif
