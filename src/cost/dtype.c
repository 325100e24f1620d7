#include "cost/dtype.h"

#include <string.h>

/*
** Scales and zero points:
**   fp8, int8   one scale per channel or tensor is nothing that counts
**   fp8_block   a 32-bit scale for 128 x 128 weights counts neither; its kernels run at a rate of their own
**               (DeepSeek-V3, arXiv:2412.19437, section 3.3.2)
**   int4        a group of 128 shares a 16-bit scale and a 4-bit zero point (the usual GPTQ and AWQ
**               checkpoint; AWQ, arXiv:2306.00978, section 5)
**   fp4         a block of 16 shares an FP8 scale (NVFP4; NVIDIA technical blog "Introducing
**               NVFP4", 2025-06-24)
**   mx...       a block of 32 shares an 8-bit exponent (OCP Microscaling Formats (MX) Specification
**               v1.0, 2023, table 1); gpt-oss calls its 4.25 bits (arXiv:2508.10925, section 2.1)
**   fp6         one scale per channel; unpacked to 16 bits (FP6-LLM, arXiv:2401.14112, section 5)
** Rates: a Blackwell chip multiplies 6 bits as fast as 8 (NVIDIA Blackwell data sheet 3384703,
** 2025); an FP4 rate is one for NVFP4 and for MXFP4.
*/
static const orc_dtype_row rows[ORC_DTYPES] = {
  [ORC_FP32] = { .name = "fp32", .bits = 32, .peak = ORC_FP32, .floating = true },
  [ORC_BF16] = { .name = "bf16", .bits = 16, .peak = ORC_BF16, .floating = true },
  [ORC_FP16] = { .name = "fp16", .bits = 16, .peak = ORC_FP16, .floating = true },
  [ORC_FP8] = { .name = "fp8", .bits = 8, .peak = ORC_FP8, .floating = true },
  [ORC_FP8_BLOCK] = { .name = "fp8_block", .bits = 8, .peak = ORC_FP8, .floating = true },
  [ORC_INT8] = { .name = "int8", .bits = 8, .peak = ORC_INT8 },
  [ORC_FP4] = { .name = "fp4",
                .bits = 4,
                .group = 16,
                .scale_bits = 8,
                .peak = ORC_FP4,
                .floating = true },
  [ORC_INT4] = { .name = "int4",
                 .bits = 4,
                 .group = 128,
                 .scale_bits = 16,
                 .zero_bits = 4,
                 .peak = ORC_INT4,
                 .weight_only = true },
  [ORC_MXFP8] = { .name = "mxfp8",
                  .bits = 8,
                  .group = 32,
                  .scale_bits = 8,
                  .peak = ORC_FP8,
                  .floating = true },
  [ORC_MXFP6] = { .name = "mxfp6",
                  .bits = 6,
                  .group = 32,
                  .scale_bits = 8,
                  .peak = ORC_FP8,
                  .floating = true },
  [ORC_FP6] = { .name = "fp6", .bits = 6, .peak = ORC_FP8, .floating = true, .weight_only = true },
  [ORC_MXFP4] = { .name = "mxfp4",
                  .bits = 4,
                  .group = 32,
                  .scale_bits = 8,
                  .peak = ORC_FP4,
                  .floating = true,
                  .weight_only = true },
};

enum {
  ACTIVATIONS = ORC_NAMES_ACTIVATIONS,
  KV = ORC_NAMES_KV,
  WEIGHTS = ORC_NAMES_WEIGHTS,
  TENSORS = ORC_NAMES_TENSORS,
  METHOD = ORC_NAMES_METHOD
};

/* Names as in vLLM (--dtype, --kv-cache-dtype, --quantization), torch and Hugging Face's files. */
static const orc_dtype_alias aliases[] = {
  { "bfloat16", ORC_BF16, ACTIVATIONS | KV | TENSORS },
  { "float16", ORC_FP16, ACTIVATIONS | KV | TENSORS },
  { "float32", ORC_FP32, ACTIVATIONS | KV | TENSORS },
  { "half", ORC_FP16, ACTIVATIONS | TENSORS },
  { "float", ORC_FP32, ACTIVATIONS | TENSORS },
  { "fp8", ORC_FP8, KV | WEIGHTS | METHOD },
  { "fp8_e4m3", ORC_FP8, KV },
  { "fp8_e5m2", ORC_FP8, KV },
  { "float8_e4m3fn", ORC_FP8, TENSORS },
  { "float8_e5m2", ORC_FP8, TENSORS },
  { "fbgemm_fp8", ORC_FP8, METHOD },
  { "fp8_block", ORC_FP8_BLOCK, WEIGHTS },
  { "int8", ORC_INT8, KV | WEIGHTS },
  { "w8a8_int8", ORC_INT8, METHOD },
  { "int4", ORC_INT4, KV | WEIGHTS },
  { "fp4", ORC_FP4, WEIGHTS },
  { "awq", ORC_INT4, WEIGHTS },
  { "gptq", ORC_INT4, WEIGHTS },
  { "nvfp4", ORC_FP4, WEIGHTS | METHOD },
  { "modelopt_fp4", ORC_FP4, METHOD },
  { "mxfp4", ORC_MXFP4, WEIGHTS | METHOD },
  { "mxfp8", ORC_MXFP8, WEIGHTS },
  { "mxfp6", ORC_MXFP6, WEIGHTS },
  { "fp6", ORC_FP6, WEIGHTS },
};

const orc_dtype_row *orc_dtype_of(orc_dtype d)
{
  ORC_ASSERT((unsigned)d < ORC_DTYPES);
  return &rows[d];
}

const orc_dtype_alias *orc_dtype_aliases(int *count)
{
  *count = (int)(sizeof aliases / sizeof *aliases);
  return aliases;
}

double orc_dtype_bytes(orc_dtype d)
{
  return orc_dtype_of(d)->bits / 8.0;
}

double orc_dtype_weight_bytes(orc_dtype d)
{
  const orc_dtype_row *f = orc_dtype_of(d);
  if (f->group == 0) return f->bits / 8.0;
  return (f->bits + (f->scale_bits + f->zero_bits) / f->group) / 8.0;
}

const char *orc_dtype_name(orc_dtype d)
{
  return orc_dtype_of(d)->name;
}

bool orc_dtype_has_peak(orc_dtype d)
{
  return orc_dtype_of(d)->peak == d;
}

bool orc_dtype_find(const char *name, orc_dtype *d)
{
  for (int i = 0; i < ORC_DTYPES; i++) {
    if (strcmp(rows[i].name, name) == 0) {
      *d = (orc_dtype)i;
      return true;
    }
  }
  return false;
}
