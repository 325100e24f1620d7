/*
** hardware.h - one accelerator and the links it has. Peak figures, as the data sheet gives them.
*/
#ifndef ORC_COST_HARDWARE_H
#define ORC_COST_HARDWARE_H

#include "base/base.h"
#include "cost/model.h"

typedef struct orc_link {
  double bandwidth; /* B/s in one direction, > 0 */
  double latency;   /* s per message, >= 0 */
} orc_link;

typedef struct orc_hardware {
  double flops[ORC_DTYPES]; /* dense FLOP/s by compute dtype; 0 where the chip lacks the format */
  double memory;            /* B of HBM as the driver reports it, > 0 */
  double bandwidth;         /* B/s of HBM, > 0 */
  orc_link nvlink;          /* between GPUs of one server; bandwidth 0: none, PCIe carries it */
  orc_link pcie;
  double idle_watts, tdp_watts;
  double usd_per_hour;      /* list price of one GPU; 0 unknown */
} orc_hardware;

/* FLOP/s for weights and activations of the given formats: the native rate where the chip has it,
** else that of the next wider format it computes in (int4 and fp4 weight-only: 16 bit). */
double orc_hardware_flops(const orc_hardware *h, orc_dtype compute);

/* The link that joins the GPUs of a tensor-parallel group: NVLink where there is one, else PCIe. */
const orc_link *orc_hardware_peer_link(const orc_hardware *h);

bool orc_hardware_check(const orc_hardware *h, orc_error *e);

#endif
