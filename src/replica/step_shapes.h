/*
** step_shapes.h - the steps that a replica took, put together by shape: what a run leaves behind
** for other prices. In a closed loop the schedule hardly depends on what a step takes, so a few
** weighted shapes tell what a mean TTFT or TPOT becomes under other parameters, without another run.
*/
#ifndef ORC_REPLICA_STEP_SHAPES_H
#define ORC_REPLICA_STEP_SHAPES_H

#include "cost/step.h"
#include "device/pipeline.h"

/* Steps that only decode by half octaves of their sequences, others by octaves of prompt tokens. */
enum { ORC_SHAPES_DECODE = 48, ORC_SHAPES_PREFILL = 32 };
enum { ORC_SHAPES = ORC_SHAPES_DECODE + ORC_SHAPES_PREFILL };

/* Sums over steps that are alike. */
typedef struct orc_steps_alike {
  int64_t steps;
  double time;        /* s they took */
  double answered;    /* requests that have their first token, summed over steps */
  double waiting;     /* requests that have none yet, summed over steps */
  orc_step_shape sum; /* of their shapes; all_tokens: 0 where no experts are shared */
} orc_steps_alike;

typedef struct orc_step_shapes {
  orc_steps_alike at[ORC_SHAPES];
} orc_step_shapes;

/* Requests beside the shape of a step. */
typedef struct orc_step_requests {
  int64_t answered, waiting; /* with and without their first token, >= 0 */
} orc_step_requests;

/* Add a step of `seconds`. */
void orc_step_shapes_add(orc_step_shapes *s, const orc_step_shape *shape, orc_step_requests of,
                         double seconds);

/* Add steps in which the same sequences decode (pipeline.h). */
void orc_step_shapes_add_run(orc_step_shapes *s, const orc_decode_span *run, orc_step_requests of);

/* Add all that *a holds. */
void orc_step_shapes_merge(orc_steps_alike *into, const orc_steps_alike *a);

/* The mean shape of steps that are alike, steps >= 1; counts round to whole numbers. */
orc_step_shape orc_step_shapes_mean(const orc_steps_alike *a);

#endif
