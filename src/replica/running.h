/*
** running.h - the lists of a replica's running requests: all by admission, and prompts begun.
*/
#ifndef ORC_REPLICA_RUNNING_H
#define ORC_REPLICA_RUNNING_H

#include "replica/server.h"

/* Put a request behind those that run, or take it out of the list. */
void orc_running_add(orc_replica *r, orc_slot slot);
void orc_running_remove(orc_replica *r, orc_slot slot);

/* Put a running request on, or take it off, the list of prompts begun and not done. */
void orc_running_begin(orc_replica *r, orc_slot slot);
void orc_running_leave(orc_replica *r, orc_slot slot);

/* A running request stops decoding or computing its prompt, and runs no more. Between its steps. */
void orc_running_halt(orc_replica *r, orc_slot slot);

#endif
