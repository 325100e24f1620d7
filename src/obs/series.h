/*
** series.h - what replicas did over time: one sample per replica at every interval. It observes and
** never decides. A series may be bounded: when it is full every second sample goes and the interval
** doubles, so that it always covers the whole run.
*/
#ifndef ORC_OBS_SERIES_H
#define ORC_OBS_SERIES_H

#include "base/base.h"

/* A replica at the moment of a sample. */
typedef struct orc_sample {
  float busy;               /* share of the time since the last sample that went into steps, 0..1 */
  float kv;                 /* share of the KV blocks in use now, 0..1 */
  int32_t waiting, running; /* requests now */
} orc_sample;

/* The whole deployment at the moment of a sample. */
typedef struct orc_series_moment {
  orc_time time;           /* ns */
  uint64_t arrived, ended; /* requests since the run began */
  int32_t ready;           /* replicas that take requests */
} orc_series_moment;

typedef struct orc_series {
  orc_time interval; /* ns, > 0 */
  int replicas;
  uint64_t most;         /* samples kept, even; 0: all, as many as it may hold */
  uint64_t count, room;  /* samples so far, each of all replicas; allocated */
  orc_series_moment *of; /* [count] */
  orc_sample *at;        /* [count x replicas] */
  orc_time *busy;        /* [replicas] ns in steps at the last sample */
} orc_series;

/* An empty series of `replicas` >= 1; `most` as above. */
orc_series *orc_series_new(orc_time interval, int replicas, uint64_t most);
void orc_series_free(orc_series *s); /* NULL is allowed */

/*
** A sample of all replicas begins: false when the series holds as much as it may (10 million
** values). It is part of the series once it ends, at a time later than the last one.
*/
bool orc_series_begin(orc_series *s);
void orc_series_end(orc_series *s, const orc_series_moment *of);

/* Whether it holds as much as it may, or has a sample at `time` or later. */
bool orc_series_has(const orc_series *s, orc_time time);

/*
** What the next sample of a replica would be at `time`, later than the last one.
**   busy   ns in steps since the run began
**   kv     share of its KV blocks in use
*/
orc_sample orc_series_next(const orc_series *s, orc_time time, int replica, orc_time busy,
                           double kv);

/* One replica's part of the sample begun; `busy` as orc_series_next's. */
void orc_series_put(orc_series *s, int replica, orc_time busy, orc_sample sample);

#endif
