/*
** router_load.h - what a router knows of a replica: of the requests it sent there and that have not ended,
** waiting ones too, the prompt tokens still to be computed and the KV blocks of their prompts.
**
** Counted as NVIDIA Dynamo's router does (ai-dynamo/dynamo v0.8, lib/llm/src/kv_router/sequence.rs,
** ActiveSequences): a prompt's tokens that were not cached when it was sent count until its first
** token, and then no longer; full blocks of a prompt count until the request ends, a block that
** several prompts share once; blocks of answers do not count.
*/
#ifndef ORC_CLUSTER_ROUTER_LOAD_H
#define ORC_CLUSTER_ROUTER_LOAD_H

#include "base/base.h"
#include "replica/policy.h"
#include "replica/request.h"

typedef struct orc_replica orc_replica;

typedef struct orc_router_load_block {
  uint64_t hash;
  uint32_t requests; /* whose prompts have it; 0: an empty place */
} orc_router_load_block;

typedef struct orc_router_load {
  int64_t tokens;            /* to compute of prompts without a token yet */
  int64_t blocks;            /* of all prompts, each once */
  orc_router_load_block *at; /* [room] shared ones by hash: open addressing */
  uint32_t room;             /* power of two, at least twice `named` */
  uint32_t named;            /* blocks in the table */
} orc_router_load;

void orc_router_load_done(orc_router_load *l);

/*
** A request was sent to this replica.
**   tokens   of its prompt to compute here, >= 0
*/
void orc_router_load_add(orc_replica *r, orc_request *q, int32_t tokens);

/* Its prompt is computed: the first token is there. Nothing happens to one that is counted nowhere.
 */
void orc_router_load_begun(orc_cluster *c, orc_request *q);

/* It has left the replica it was sent to. The same holds. */
void orc_router_load_end(orc_cluster *c, orc_request *q);

/* A router that wants to know takes over: those in flight that are counted nowhere are, from now.
 */
void orc_router_load_catch_up(orc_cluster *c);

/* Blocks of a prompt that are not among those of the replica. */
int64_t orc_router_load_fresh(const orc_replica *r, const orc_request *q);

#endif
