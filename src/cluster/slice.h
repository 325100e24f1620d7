/*
** slice.h - one simulation in several threads. Each thread has a cluster of its own, a slice: it draws
** and routes all requests, as every other does, and serves those of its replicas alone (their index
** modulo the number of slices). In between nothing is exchanged, so this is for simulations in which
** replicas never meet (orc_slice_obstacle). At the end the first slice shows the replicas of all.
*/
#ifndef ORC_CLUSTER_SLICE_H
#define ORC_CLUSTER_SLICE_H

#include <pthread.h>
#include <stdatomic.h>

#include "cluster/state.h"

/* What the slices of a simulation have in common. */
typedef struct orc_slices {
  pthread_mutex_t lock;
  pthread_cond_t moved;
  orc_slice *at; /* [count] */
  int count;
  bool joined;        /* the first shows the replicas of all */
  atomic_bool failed; /* one of them did, or may not be one: all end */
  pthread_mutex_t csv_lock;
} orc_slices;

struct orc_slice {
  orc_slices *of;
  orc_cluster *cluster;
  int index;
  const char *unlike; /* why it was none after all: "its router looks at replicas"; NULL: it was */
  uint64_t told;      /* a hash of all requests and where they went: the same in all slices */
  uint64_t arrived;   /* under the lock: requests so far; UINT64_MAX: it has ended */
  orc_time ended;     /* when its last request did, ns */
};

/* Why the replicas of a simulation may meet, or be watched in their order, so that it is no slice:
** "its requests follow answers"; NULL: they never do. Before it runs. */
const char *orc_slice_obstacle(const orc_cluster *c);

void orc_slices_init(orc_slices *s, int count);
void orc_slices_done(orc_slices *s);

/* A cluster that has not run is the slice of this index from now on. */
void orc_slice_begin(orc_slices *s, int index, orc_cluster *c);

/* A request of the cluster goes to `replica`: whether it is this slice's to serve; else it is gone. */
bool orc_slice_serves(orc_cluster *c, const orc_replica *replica, orc_slot slot);

/* A policy that is asked about requests looks at replicas, some of which are another slice's. */
void orc_slice_look(const orc_cluster *c);

/* One more request is there: waits for slices that are far behind, whose rows those of this one
** would have to wait for. */
void orc_slice_pace(orc_cluster *c);

/* The slice runs no more, and failed or not. From its thread. */
void orc_slice_end(orc_slice *s, bool failed);

/* Why slices that have all ended were not the same simulation; NULL: they were, or one failed. */
const char *orc_slices_differ(const orc_slices *s);

/* The first slice shows what all did (snapshot.h), and does so no more: before they are freed. */
void orc_slices_join(orc_slices *s);
void orc_slices_part(orc_slices *s);

#endif
