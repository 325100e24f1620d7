#include "cost/hardware.h"

#include <math.h>
#include <string.h>

#include "cases.h"
#include "test.h"

static void native_rates(void)
{
  CHECK(orc_hardware_flops(&a100, ORC_BF16) == 312e12);
  CHECK(orc_hardware_flops(&a100, ORC_INT8) == 624e12);
  CHECK(orc_hardware_flops(&h100, ORC_FP8) == 1979e12);
}

/* A100 has no fp8: weights expand to 16 bit in registers. int4 weight-only does so everywhere. */
static void fallback_rates(void)
{
  CHECK(orc_hardware_flops(&a100, ORC_FP8) == 312e12);
  CHECK(orc_hardware_flops(&h100, ORC_INT4) == 989e12);
  CHECK(orc_hardware_flops(&h100, ORC_FP4) == 989e12);
  CHECK(orc_hardware_flops(&a100, ORC_FP32) == 19.5e12);
  orc_hardware narrow = { .flops = { [ORC_FP16] = 65e12 } }; /* a data sheet without fp32 */
  CHECK(orc_hardware_flops(&narrow, ORC_FP32) == 65e12);
  narrow.flops[ORC_BF16] = 60e12;
  CHECK(orc_hardware_flops(&narrow, ORC_FP32) == 60e12);
  const orc_hardware wide = { .flops = { [ORC_FP32] = 10e12 } };
  CHECK(orc_hardware_flops(&wide, ORC_BF16) == 10e12 &&
        orc_hardware_flops(&wide, ORC_FP8) == 10e12);
  const orc_hardware volta = { .flops = { [ORC_FP32] = 15.7e12, [ORC_FP16] = 125e12 } };
  CHECK(orc_hardware_flops(&volta, ORC_BF16) == 125e12);
  const orc_hardware plain = { .flops = { [ORC_FP32] = 10e12 } };
  CHECK(orc_hardware_flops(&plain, ORC_BF16) == 10e12);
}

static void peers_meet_over_nvlink_or_pcie(void)
{
  CHECK(orc_hardware_peer_link(&a100) == &a100.nvlink);
  orc_hardware h = a100;
  h.nvlink.bandwidth = 0.0;
  CHECK(orc_hardware_peer_link(&h) == &h.pcie);
}

static bool refused(orc_hardware h, const char *because)
{
  orc_error e = { .code = 0 };
  return !orc_hardware_check(&h, &e) && strstr(e.msg, because) != NULL;
}

static void wrong_figures_are_named(void)
{
  orc_error e = { .code = 0 };
  CHECK(orc_hardware_check(&a100, &e) && orc_hardware_check(&h100, &e));
  orc_hardware h = a100;
  h.bandwidth = 0.0;
  CHECK(refused(h, "bandwidth = 0"));
  h = a100;
  h.memory = INFINITY;
  CHECK(refused(h, "memory = inf"));
  h = a100;
  h.flops[ORC_FP8] = -1.0;
  CHECK(refused(h, "flops.fp8 = -1"));
  h = a100;
  h.flops[ORC_FP32] = h.flops[ORC_BF16] = h.flops[ORC_FP16] = 0.0;
  CHECK(refused(h, "no rate"));
  h = a100;
  h.nvlink.latency = NAN;
  CHECK(refused(h, "nvlink.latency"));
  h = a100;
  h.idle_watts = 500.0;
  CHECK(refused(h, "idle_watts = 500"));
}

static void power_goes_by_shares_of_the_peaks(void)
{
  orc_hardware h = a100;                           /* 60 W idle, 400 W at most */
  CHECK(orc_hardware_watts(&h, 1.0, 1.0) == 60.0); /* nothing is known of it at work */
  h.power = (orc_power){ .active = 0.25, .memory = 0.5, .compute = 1.5 };
  CHECK(orc_hardware_watts(&h, 0.0, 0.0) == 100.0);
  CHECK(orc_hardware_watts(&h, 0.8, 0.0) == 0.65 * 400.0);
  CHECK(fabs(orc_hardware_watts(&h, 0.5, 0.2) - 0.8 * 400.0) < 1e-9);
  CHECK(orc_hardware_watts(&h, 0.5, 0.5) == 400.0);
  h.power.active = NAN;
  CHECK(refused(h, "power.active"));
}

int main(void)
{
  RUN(native_rates);
  RUN(fallback_rates);
  RUN(peers_meet_over_nvlink_or_pcie);
  RUN(wrong_figures_are_named);
  RUN(power_goes_by_shares_of_the_peaks);
  return DONE();
}
