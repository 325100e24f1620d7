/*
** session.h - conversations: which requests open one, whether another turn follows an answer, when,
** and what is added. All draws are keyed by the session and its turn, so no policy moves them.
*/
#ifndef ORC_WORKLOAD_SESSION_H
#define ORC_WORKLOAD_SESSION_H

#include "base/base.h"
#include "base/dist.h"

typedef struct orc_session_plan {
  double probability; /* that a request opens a session; 0: none does */
  bool has_turns;     /* their number is drawn, else each turn is followed by chance */
  orc_dist turns;
  double again;      /* probability that another turn follows an answer */
  bool comes_back;   /* the second turn follows the first answer for sure */
  int32_t max_turns; /* >= 1 */
  orc_dist think;    /* s from an answer to the next turn */
  bool has_input;    /* what the user adds has a distribution of its own */
  orc_dist input;    /* tokens */
  bool accumulate;   /* a prompt holds all earlier turns and their answers */
} orc_session_plan;

void orc_session_plan_done(orc_session_plan *s);

/* Whether the request known by `key` opens a session. */
bool orc_session_opens(const orc_session_plan *s, uint64_t seed, uint64_t key);

/*
** Whether turn `turn` + 1 follows the answer to `turn` (from 1) of the session known by `key`; then
** *think is how long after it, in s >= 0.
*/
bool orc_session_goes_on(const orc_session_plan *s, uint64_t seed, uint64_t key, int32_t turn,
                         double *think);

#endif
