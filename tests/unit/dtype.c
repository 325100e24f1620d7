#include "cost/dtype.h"

#include <string.h>

#include "cost/hardware.h"
#include "test.h"

/* int4: 0.5 + (2 + 0.5) / 128; NVFP4: 0.5 + 1 / 16; MXFP4: 4.25 bits (arXiv:2508.10925). */
static void bytes_hold_the_scales(void)
{
  CHECK(orc_dtype_bytes(ORC_FP32) == 4.0 && orc_dtype_bytes(ORC_INT4) == 0.5);
  CHECK(orc_dtype_weight_bytes(ORC_INT4) == 0.51953125);
  CHECK(orc_dtype_weight_bytes(ORC_FP4) == 0.5625);
  CHECK(orc_dtype_weight_bytes(ORC_FP8) == 1.0);
  CHECK(orc_dtype_weight_bytes(ORC_MXFP4) * 8.0 == 4.25);
  CHECK(orc_dtype_weight_bytes(ORC_MXFP6) * 8.0 == 6.25);
  CHECK(orc_dtype_weight_bytes(ORC_MXFP8) * 8.0 == 8.25);
  CHECK(orc_dtype_weight_bytes(ORC_FP6) * 8.0 == 6.0);
}

static void names_are_found_again(void)
{
  for (int i = 0; i < ORC_DTYPES; i++) {
    orc_dtype d = ORC_DTYPES;
    CHECK(orc_dtype_find(orc_dtype_name((orc_dtype)i), &d) && (int)d == i);
  }
  orc_dtype d = ORC_FP8;
  CHECK(!orc_dtype_find("bf61", &d) && d == ORC_FP8);
}

/* A name means one format, wherever it is used. */
static void no_name_means_two_formats(void)
{
  int count;
  const orc_dtype_alias *a = orc_dtype_aliases(&count);
  for (int i = 0; i < count; i++) {
    orc_dtype d = a[i].is;
    CHECK(a[i].used != 0);
    CHECK(!orc_dtype_find(a[i].name, &d) || d == a[i].is);
    for (int k = 0; k < i; k++)
      CHECK(strcmp(a[i].name, a[k].name) != 0);
  }
}

/* What has no rate of its own has that of another which has one. */
static void rates_are_those_of_the_peak(void)
{
  orc_hardware h = { .flops = { [ORC_BF16] = 1e15, [ORC_FP8] = 2e15, [ORC_FP4] = 4e15 } };
  for (int i = 0; i < ORC_DTYPES; i++)
    CHECK(orc_dtype_has_peak(orc_dtype_of((orc_dtype)i)->peak));
  CHECK(orc_hardware_flops(&h, ORC_MXFP8) == 2e15 && orc_hardware_flops(&h, ORC_FP6) == 2e15);
  CHECK(orc_hardware_flops(&h, ORC_MXFP4) == 4e15);
  h.flops[ORC_FP4] = 0.0;
  CHECK(orc_hardware_flops(&h, ORC_MXFP4) == 1e15);
}

int main(void)
{
  RUN(bytes_hold_the_scales);
  RUN(names_are_found_again);
  RUN(no_name_means_two_formats);
  RUN(rates_are_those_of_the_peak);
  return DONE();
}
