/*
** content.h - what the KV blocks of a request are known by: the prompt it is made of, and whose
** blocks count as equal to its own.
*/
#ifndef ORC_REPLICA_CONTENT_H
#define ORC_REPLICA_CONTENT_H

#include "replica/request.h"
#include "replica/server.h"

/* What its prompt is made of, as far as this replica's cache may share it; NULL: nothing. */
const orc_prompt *orc_content_shared(const orc_replica *r, const orc_request *q);

/* What its blocks are known by; NULL: nothing. Valid until the next call for a prompt unlike any
** other, which is known once its request has been preempted (orc_block_table_know). */
const orc_prompt *orc_content_known_as(const orc_replica *r, const orc_request *q);

/* The same where every prompt has an identity: one unlike any other, of its own. */
const orc_prompt *orc_content_identity(const orc_replica *r, const orc_request *q);

/* What stands for all before its first block (orc_prefix_find): where sessions are kept apart, the
** same text in two of them is not the same prefix. */
uint64_t orc_content_root(const orc_replica *r, const orc_request *q);

#endif
