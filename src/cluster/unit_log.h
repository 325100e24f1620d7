/*
** unit_log.h - when units of replicas started, served, drained, failed and came back, for those who
** read the result. It observes and never decides.
*/
#ifndef ORC_CLUSTER_UNIT_LOG_H
#define ORC_CLUSTER_UNIT_LOG_H

#include "base/base.h"

typedef enum orc_unit_change {
  ORC_UNIT_STARTING,  /* rented; its weights are being loaded */
  ORC_UNIT_READY,     /* takes requests, after a start or a drain that was called off */
  ORC_UNIT_DRAINING,  /* takes no more */
  ORC_UNIT_OFF,       /* not rented any more */
  ORC_UNIT_FAILED,    /* lost all it had */
  ORC_UNIT_RECOVERED, /* takes requests again after a failure */
} orc_unit_change;

const char *orc_unit_change_name(orc_unit_change what); /* "starting", "ready", ... */

/* Whether it belongs to a failure, not to scaling. */
bool orc_unit_change_is_failure(orc_unit_change what);

typedef struct orc_unit_event {
  orc_time time;    /* ns */
  uint16_t replica; /* the unit's first */
  uint8_t what;     /* orc_unit_change */
} orc_unit_event;

/* Changes kept at most; of those beyond, only how many there were. */
enum { ORC_UNIT_LOG_MOST = 10000 };

typedef struct orc_unit_log {
  orc_unit_event *at; /* [count], in order of time; owned */
  uint32_t count, room;
  uint64_t left_out;
} orc_unit_log;

void orc_unit_log_note(orc_unit_log *l, orc_time time, uint16_t replica, orc_unit_change what);
void orc_unit_log_done(orc_unit_log *l);

#endif
