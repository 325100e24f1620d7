/*
** hardware.h - one accelerator and the links it has. Peak figures, as the data sheet gives them.
*/
#ifndef ORC_COST_HARDWARE_H
#define ORC_COST_HARDWARE_H

#include "base/base.h"
#include "cost/dtype.h"

typedef struct orc_link {
  double bandwidth; /* B/s in one direction, > 0 */
  double latency;   /* s per message, >= 0 */
} orc_link;

/* What a chip at work draws, as shares of its TDP. */
typedef struct orc_power {
  double active;          /* whatever it does */
  double memory, compute; /* more at the full rate of the memory, and of the matrix units */
} orc_power;

typedef struct orc_hardware {
  double
      flops[ORC_DTYPES]; /* dense FLOP/s of those with a peak; 0 where the chip lacks the format */
  double memory;         /* B of HBM as the driver reports it, > 0 */
  double bandwidth;      /* B/s of HBM, > 0 */
  orc_link nvlink;       /* between GPUs of one server; bandwidth 0: none, PCIe carries it */
  orc_link pcie;
  double idle_watts, tdp_watts;
  orc_power power;
  double usd_per_hour; /* list price of one GPU; 0 unknown */
} orc_hardware;

/*
** FLOP/s of matrix work in that format: the native rate (orc_dtype_row.peak) where the chip has it,
** else that of the format its kernels fall back to - 16 bit for all below (weight-only kernels
** expand in registers), the other 16-bit format for bf16 and fp16, and fp32 at last.
** Returns > 0 for hardware that passes orc_hardware_check.
*/
double orc_hardware_flops(const orc_hardware *h, orc_dtype compute);

/* The link that joins the GPUs of a tensor-parallel group: NVLink where there is one, else PCIe. */
const orc_link *orc_hardware_peer_link(const orc_hardware *h);

/*
** W that it draws while it works at these shares of its peaks: active + memory x share + compute x
** share of the TDP, at least what it idles at and at most the TDP.
**   memory    B/s of HBM over the peak
**   compute   FLOP/s over the peak of the format
*/
double orc_hardware_watts(const orc_hardware *h, double memory, double compute);

/*
** Check the figures: false with the field, its value and what was expected. Memory, bandwidth and
** one rate of 16 bits or more must be > 0, all others >= 0, all finite; idle_watts <= tdp_watts.
*/
bool orc_hardware_check(const orc_hardware *h, orc_error *e);

#endif
