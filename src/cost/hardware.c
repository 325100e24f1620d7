#include "cost/hardware.h"

#include <math.h>

double orc_hardware_flops(const orc_hardware *h, orc_dtype compute)
{
  compute = orc_dtype_of(compute)->peak;
  if (h->flops[compute] > 0.0) return h->flops[compute];
  if (compute != ORC_FP32 && h->flops[ORC_BF16] > 0.0) return h->flops[ORC_BF16];
  if (compute != ORC_FP32 && h->flops[ORC_FP16] > 0.0) return h->flops[ORC_FP16];
  if (h->flops[ORC_FP32] > 0.0) return h->flops[ORC_FP32];
  /* A chip without fp32 figures: what is asked for in fp32 runs no faster than 16 bit. */
  return h->flops[ORC_BF16] > 0.0 ? h->flops[ORC_BF16] : h->flops[ORC_FP16];
}

const orc_link *orc_hardware_peer_link(const orc_hardware *h)
{
  return h->nvlink.bandwidth > 0.0 ? &h->nvlink : &h->pcie;
}

static bool field(const char *name, double value, bool positive, orc_error *e)
{
  if (isfinite(value) && (positive ? value > 0.0 : value >= 0.0)) return true;
  return orc_fail(e, "hardware: %s = %g, expected a finite number %s 0", name, value,
                  positive ? "above" : "of at least");
}

double orc_hardware_watts(const orc_hardware *h, double memory, double compute)
{
  const orc_power *p = &h->power;
  const double share = p->active + p->memory * memory + p->compute * compute;
  return fmax(h->idle_watts, fmin(1.0, share) * h->tdp_watts);
}

bool orc_hardware_check(const orc_hardware *h, orc_error *e)
{
  for (int i = 0; i < ORC_DTYPES; i++) {
    if (!isfinite(h->flops[i]) || h->flops[i] < 0.0)
      return orc_fail(e, "hardware: flops.%s = %g, expected FLOP/s of at least 0",
                      orc_dtype_name((orc_dtype)i), h->flops[i]);
  }
  if (h->flops[ORC_FP32] + h->flops[ORC_BF16] + h->flops[ORC_FP16] <= 0.0)
    return orc_fail(e, "hardware: flops: no rate for fp32, bf16 or fp16, at least one expected");
  if (!field("memory", h->memory, true, e) || !field("bandwidth", h->bandwidth, true, e) ||
      !field("nvlink.bandwidth", h->nvlink.bandwidth, false, e) ||
      !field("nvlink.latency", h->nvlink.latency, false, e) ||
      !field("pcie.bandwidth", h->pcie.bandwidth, false, e) ||
      !field("pcie.latency", h->pcie.latency, false, e) ||
      !field("idle_watts", h->idle_watts, false, e) ||
      !field("tdp_watts", h->tdp_watts, false, e) ||
      !field("power.active", h->power.active, false, e) ||
      !field("power.memory", h->power.memory, false, e) ||
      !field("power.compute", h->power.compute, false, e) ||
      !field("usd_per_hour", h->usd_per_hour, false, e))
    return false;
  if (h->idle_watts > h->tdp_watts)
    return orc_fail(e, "hardware: idle_watts = %g, expected at most tdp_watts = %g", h->idle_watts,
                    h->tdp_watts);
  return true;
}
