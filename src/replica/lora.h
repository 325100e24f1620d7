/*
** lora.h - the LoRA adapters of one server: which requests' run here, which are in the GPU's slots and
** which in host memory, each the least recently used first to go (vLLM lora/worker_manager.py,
** LRUCacheWorkerLoRAManager). Only for replicas that have slots.
*/
#ifndef ORC_REPLICA_LORA_H
#define ORC_REPLICA_LORA_H

#include "base/base.h"
#include "cost/step.h"

enum { ORC_ADAPTERS_MOST = 65535 };

typedef struct orc_lora_plan {
  int32_t adapters;    /* that there are: numbers 1 .. adapters; 0: no LoRA */
  int32_t slots;       /* on the GPU: different ones that may run at a time */
  int32_t host;        /* in host memory, those in slots included */
  double slot_seconds; /* s to bring one from the host into a slot */
  double load_seconds; /* s to bring one from storage into host memory */
} orc_lora_plan;

typedef struct orc_loras {
  orc_lora_plan plan;
  int32_t *running;        /* [adapters + 1] requests here that run with each */
  uint64_t *used;          /* the step that used each last; 0: none did */
  uint8_t *place;          /* orc_lora_place */
  uint64_t step;           /* steps so far */
  int32_t in_step;         /* adapters that the newest step uses */
  int32_t distinct;        /* adapters that run */
  int32_t held[2];         /* in host memory, in slots */
  uint64_t loads, fetches; /* into slots; of these, from storage */
  double seconds;          /* that these took */
} orc_loras;

void orc_loras_init(orc_loras *l, const orc_lora_plan *plan);
void orc_loras_done(orc_loras *l);

/* A request with an adapter (0: none) begins or ends to run here. */
void orc_loras_begin(orc_loras *l, uint16_t adapter);
void orc_loras_end(orc_loras *l, uint16_t adapter);

/* Whether one may begin: its adapter runs, or another may (vLLM v1/core/sched/scheduler.py, "the
** max_loras constraint"). */
bool orc_loras_admit(const orc_loras *l, uint16_t adapter);

/* A step begins: adapters used from now on are its own. */
void orc_loras_begin_step(orc_loras *l);

/* The step uses an adapter. Returns s until it is there. */
double orc_loras_use(orc_loras *l, uint16_t adapter);

/* The memory of the server is gone. */
void orc_loras_clear(orc_loras *l);

#endif
