/*
** router_load.h - what a router knows of a replica: of the requests it sent there and that have not
** ended, waiting ones too, the prompt tokens still to be computed and the KV blocks of their
** prompts.
**
** Counted as NVIDIA Dynamo's router does (ai-dynamo/dynamo v0.8, lib/llm/src/kv_router/sequence.rs,
** ActiveSequences): a prompt's tokens that were not cached when it was sent count until its first
** token, and then no longer; full blocks of a prompt count until the request ends, a block that
** several prompts share once; blocks of answers do not count.
*/
#ifndef ORC_CLUSTER_ROUTER_LOAD_H
#define ORC_CLUSTER_ROUTER_LOAD_H

#include "base/base.h"
#include "replica/request.h"
#include "replica/server.h"

/* Blocks of prompts that others may have too, which their requests hold; room for any number. */
typedef struct orc_router_load_prompts {
  orc_kv kv;
  orc_prefix prefix;
} orc_router_load_prompts;

typedef struct orc_router_load {
  int64_t tokens;     /* to compute of prompts without a token yet */
  int64_t blocks;     /* of all prompts, each once */
  int32_t block_size; /* its replica's */
  const orc_replica *of;
  orc_router_load_prompts *prompts;
} orc_router_load;

/* The loads of `count` replicas, in order of their index; they must stay in place. `starts` is told which have blocks
 * that begin prompts. */
orc_router_load *orc_router_load_new(const orc_replica *replicas, int count, orc_starts *starts);
void orc_router_load_free(orc_router_load *loads, int count);

/*
** A request was sent to the replica of this load.
**   tokens   of its prompt to compute there, >= 0
*/
void orc_router_load_add(orc_router_load *l, orc_request *q, int32_t tokens);

/* Its prompt is computed: the first token is there. Nothing happens to a request that is counted
** nowhere. */
void orc_router_load_begun(orc_router_load *loads, orc_request *q);

/* It has left the replica it was sent to. The same holds. */
void orc_router_load_end(orc_router_load *loads, orc_request *q);

/* A router that wants to know takes over: requests in flight that are counted nowhere are, from
** now. */
void orc_router_load_catch_up(orc_router_load *loads, orc_requests *requests);

/* Blocks of a prompt that are not among those of the replica. */
int64_t orc_router_load_fresh(const orc_router_load *l, const orc_request *q);

#endif
