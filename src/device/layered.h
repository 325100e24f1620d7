/*
** layered.h - the high level of detail: what each device of a stage does layer by layer, and each
** message of its collectives, as events in order of time.
**
** This is for devices whose links no other traffic uses: the events of a step then concern no other replica
** and need no place in the engine's queue. contended.h is for the others.
*/
#ifndef ORC_DEVICE_LAYERED_H
#define ORC_DEVICE_LAYERED_H

#include "base/base.h"
#include "cost/step.h"
#include "device/messages.h"

/* What one step is made of on a stage; s, on every device. */
typedef struct orc_layered_work {
  double attention; /* per layer: QKV, attention proper, output, half of what only moves bytes */
  double mlp;       /* per layer: the rest */
  double last;      /* once, at the end: LM head, overheads of the step */
  double message;   /* B all-reduced after each of the first two; 0: nothing is */
  orc_exchange exchange; /* before that, in the last exchange.layers layers */
} orc_layered_work;

/*
** The parts of a step of this shape, which takes `t` on the stage that c describes. Matrix products
** are divided between attention and MLP by the bytes of their weights, and every layer gets the
** same: all parts together are t.total less t.collective and t.exchange. What goes by a calibration's
** latency is no messages but time of the parts it follows.
*/
orc_layered_work orc_layered_work_of(const orc_step_cost *c, const orc_step_time *t,
                                     const orc_step_shape *shape);

/*
** One device: it computes a part of a layer, then exchanges what it found with the others. In a
** ring each goes on as soon as its own messages are there; other algorithms go round by round.
*/
typedef struct orc_device {
  int part;     /* attention and MLP of the layers in turn; 2 x layers: the last one */
  int round;    /* messages of the present all-reduce it has begun to send */
  int landed;   /* of them, those that have come in at their receiver */
  int received; /* messages that have come in here: of this all-reduce, or early ones of the next */
  bool computed;
} orc_device;

/* Something that is to come. */
typedef struct orc_layered_event {
  double time;   /* s since the step entered the stage */
  uint32_t from; /* the device that computes or sends */
  uint32_t to;   /* the receiver of its message; the sender itself: it has computed */
} orc_layered_event;

typedef struct orc_layered {
  int ranks;  /* devices */
  int layers; /* of the stage */
  const orc_all_reduce *reduce;
  orc_messages all_reduce;   /* after each part but the last; */
  orc_messages exchange;     /* before it, after the MLP of layers with experts that are shared */
  orc_device *devices;       /* [ranks] */
  orc_layered_event *events; /* [room] by time: what is under way */
  int head, tail, room;
  int ready;         /* devices that have computed a part after which they go round by round, */
  int phase;         /* which of its collectives is on: exchanges, then the all-reduce, */
  int round;         /* the round of it that comes next, */
  int pending;       /* and messages of the present one still under way */
  uint64_t executed; /* events so far */
} orc_layered;

/* The devices of a stage, whose cost stays in place. Memory is taken at the first step. */
void orc_layered_init(orc_layered *d, const orc_step_cost *stage);
void orc_layered_done(orc_layered *d);

/* Carry one step out. Returns the s it takes: the time of its last event. */
double orc_layered_run(orc_layered *d, const orc_layered_work *w);

/* Every device sends a message, which takes `time` s, to its peer on the next stage. Returns when
 * all are there. A step was carried out before. */
double orc_layered_send(orc_layered *d, double time);

#endif
