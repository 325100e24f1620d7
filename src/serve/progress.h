/*
** progress.h - whether a batching policy gets anywhere.
*/
#ifndef ORC_SERVE_PROGRESS_H
#define ORC_SERVE_PROGRESS_H

#include "serve/replica.h"

/*
** After a step was formed: false with *e, which names the policy, when it computes tokens and
** forgets them again or asks to be called again and forms nothing, without end.
*/
bool orc_progress_check(const orc_replica *r, orc_error *e);

#endif
