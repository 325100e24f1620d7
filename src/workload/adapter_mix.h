/*
** adapter_mix.h - which LoRA adapter the requests of a source have, by shares.
*/
#ifndef ORC_WORKLOAD_ADAPTER_MIX_H
#define ORC_WORKLOAD_ADAPTER_MIX_H

#include "base/base.h"
#include "workload/arrival.h"

/* Of a list in which up_to grows. */
typedef struct orc_adapter_share {
  double up_to;     /* the sum of the shares of this one and those before it, of a total of 1 */
  uint16_t adapter; /* 0: the model itself */
} orc_adapter_share;

typedef struct orc_adapter_mix {
  orc_adapter_share *at; /* [count]; its own */
  int count;             /* 0: no request has one */
} orc_adapter_mix;

void orc_adapter_mix_done(orc_adapter_mix *m);

/* That of a request (its number), the same for all turns of a session. */
uint16_t orc_adapter_mix_draw(const orc_adapter_mix *m, uint64_t seed, const orc_arrival *a,
                              uint64_t number);

#endif
