/*
** contended.h - the high level of detail on links that others use too: the devices of a stage
** compute layer by layer on the engine's clock, and every message of their collectives, and of a stage to
** the next, is a transfer that shares its links with whatever else is under way.
*/
#ifndef ORC_DEVICE_CONTENDED_H
#define ORC_DEVICE_CONTENDED_H

#include "device/layered.h"
#include "device/pipeline.h"
#include "net/rounds.h"
#include "sim/engine.h"

/* Whose steps go through a pipeline. */
typedef struct orc_contended_user {
  orc_pipeline *pipeline;                     /* whose stages have devices; stays in place */
  int microbatches;                           /* steps at a time, >= 1 */
  void (*landed)(void *self, int microbatch); /* its step has left the last stage now */
  void (*passed)(void *self, int microbatch,
                 int stage); /* it has left a stage; NULL: not watched */
  void *self;
} orc_contended_user;

typedef struct orc_contended orc_contended;

/* A pipeline on links of others. */
typedef struct orc_contended_pipeline {
  orc_contended *among;
  orc_contended_user of;
  orc_device_step *steps; /* [microbatches] the newest of each that was started */
  int first;              /* its first stage among all */
} orc_contended_pipeline;

/* One stage of one pipeline. */
typedef struct orc_contended_stage {
  orc_contended_pipeline *in;
  int index;      /* of the stage */
  int microbatch; /* whose step it works on; -1: none */
  int *waiting;   /* microbatches whose step comes next, in order */
  int waiting_count, waiting_room;
  int *sends; /* [microbatches] messages of a step still on their way to the next stage */
  orc_layered_work work; /* of the present step */
  int part;              /* attention and MLP of the layers in turn, then the last part */
  double rest;           /* ns between the clock and the exact time, in -0.5 .. 0.5 */
  orc_time begun;        /* the present step */
  double priced;         /* s of its operations, as they were priced */
  orc_rounds rounds;     /* of the present collective */
  orc_itinerary all_reduce;
  double planned; /* B that is for; -1: none yet */
  double barrier; /* s before its messages in which none flows: of a measured kernel; else 0 */
} orc_contended_stage;

struct orc_contended {
  orc_engine *engine;
  orc_net *net;
  uint32_t event;              /* kind of the engine's events "the devices have computed" */
  orc_contended_stage *stages; /* of all pipelines that are part of it */
  int count;
};

/*
** None yet, on this clock and these links, which outlive it.
**   event   orc_contended_computed handles the events of this kind
*/
void orc_contended_init(orc_contended *c, orc_engine *engine, orc_net *net, uint32_t event);
void orc_contended_done(orc_contended *c);

/* Bring in a pipeline, before the first step of any. Returns its first stage, for _start. */
int orc_contended_add(orc_contended *c, const orc_contended_user *user);

/*
** A step of the microbatch `microbatch` enters the pipeline whose first stage is `first` now; it is
** over when `landed` says so. The step is copied.
*/
void orc_contended_start(orc_contended *c, int first, int microbatch, const orc_device_step *step);

/* The devices of stage `subject` have computed. */
void orc_contended_computed(orc_contended *c, uint32_t subject);

#endif
