/*
** feed.h - between clients and a simulation that runs: requests go in at their moment, and their
** tokens come out at the times the simulation gives them, as their clients see them. It is a source of
** the cluster (workload/source.h) and listens to its replicas.
*/
#ifndef ORC_SERVE_FEED_H
#define ORC_SERVE_FEED_H

#include "base/ladder.h"
#include "cluster/state.h"
#include "workload/source.h"

typedef uint32_t orc_feed_id; /* of a request, from 1; 0: none. Used again once it has ended. */

/* How a request of the feed ended. Times in ns. */
typedef struct orc_feed_end {
  orc_status status;
  orc_time arrival, first_token, ended; /* first_token -1: none came */
  int32_t prompt, generated, cached;
  uint16_t replica;
} orc_feed_end;

/* Who is told. `owner` and `place` are those of the request. */
typedef struct orc_feed_client {
  void *self;
  /* `count` >= 1 tokens, from the first-th (0: the first) on, are seen at `due` */
  void (*tokens)(void *self, void *owner, int place, int32_t first, int32_t count, orc_time due);
  /* nothing more comes; the id is free again */
  void (*ended)(void *self, void *owner, int place, const orc_feed_end *end);
  /* a request of the feed has ended, whose owner may be gone: for records; NULL: for none */
  void (*outcome)(void *self, const orc_outcome *of);
  /* a token, or several at once, of a request of the feed came `gap` ns after the one before */
  void (*gap)(void *self, orc_time gap);
  /* any request, other sources' too, has its first token at `at`; */
  void (*first)(void *self, const orc_request *q, orc_time at);
  /* has ended */
  void (*ended_any)(void *self, const orc_record *r);
} orc_feed_client;

typedef struct orc_feed orc_feed;

/* A source whose requests come by orc_feed_send. `profile` is theirs; their clients hang up `timeout` ns
** after they arrived (ORC_NEVER: never). */
orc_source orc_feed_source(uint16_t profile, orc_time timeout);
orc_feed *orc_feed_of(const orc_source *s);

/* Begin to listen to the cluster that the source belongs to, as its source `index`. */
void orc_feed_attach(orc_feed *f, orc_cluster *c, uint32_t index, const orc_feed_client *client);

/* It listens no more. */
void orc_feed_detach(orc_feed *f);

/* Where its prompts are told. */
orc_prompts *orc_feed_prompts(orc_feed *f);

/*
** A request arrives at `a->time`, or right after the one before, whichever is later: no two arrive at
** one time. Of *a the fields that are the cluster's are set here. 0: none comes any more.
*/
orc_feed_id orc_feed_send(orc_feed *f, const orc_arrival *a, void *owner, int place);

/* Whether the cluster has it by now. */
bool orc_feed_arrived(const orc_feed *f, orc_feed_id id);

/* Its client is gone at `now` (ns): it is cancelled a ns later, and nobody is told of it any more. */
void orc_feed_cancel(orc_feed *f, orc_feed_id id, orc_time now);

/* What happens next, ns; ORC_NEVER: nothing. */
orc_time orc_feed_next(const orc_feed *f);

/* Tell of all that is due by `now` (ns). */
void orc_feed_deliver(orc_feed *f, orc_time now);

/* Requests that have not ended. */
uint32_t orc_feed_live(const orc_feed *f);

#endif
