/*
** usage.h - the books of a replica: time at work, KV blocks over time, work done. Steps that no
** event has ended yet count as far as they got; looking changes nothing.
*/
#ifndef ORC_REPLICA_USAGE_H
#define ORC_REPLICA_USAGE_H

#include "replica/server.h"

/* Bring the usage of a stepwise replica up to `now` (ns). Before steps begin or end. */
void orc_usage_count(orc_replica *r, orc_time now);

/* ns in steps up to `now`, which no event of this replica has passed. */
orc_time orc_usage_busy(const orc_replica *r, orc_time now);

/* What a step that goes on adds or leaves out: usage at a moment, ns and block ns. */
typedef struct orc_usage_cut {
  orc_time busy;
  unsigned __int128 block_time;
} orc_usage_cut;

/* The usage if the replica stopped at `end` (ns). */
orc_usage_cut orc_usage_until(const orc_replica *r, orc_time end);

/* ns that a stage of it was at work if it stopped at `end` (ns). */
orc_time orc_usage_stage_until(const orc_replica *r, int stage, orc_time end);

/* The replica stops at `end` (ns) for good or for now: its books are closed there. */
void orc_usage_cut_at(orc_replica *r, orc_time end);

/* What one GPU of a stage drew at work so far. */
typedef struct orc_usage_energy {
  double joules; /* beyond what it idles at */
  double
      peak_watts; /* of the step, or the steps alike in a row, that drew most on average; 0: it did not work */
} orc_usage_energy;

orc_usage_energy orc_usage_energy_of(const orc_replica *r, int stage);

/* Where the time of the steps begun so far went on one GPU of a stage. */
orc_time_split orc_usage_split_of(const orc_replica *r, int stage);

#endif
