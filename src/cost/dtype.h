/*
** dtype.h - the number formats of weights, activations, KV and matrix units: one row each in
** dtype.c, with what else they are called. Scenarios, help and JSON read
** their names there; which of them a checkpoint has is told in lua/oracle/models/quantization.lua.
*/
#ifndef ORC_COST_DTYPE_H
#define ORC_COST_DTYPE_H

#include "base/base.h"

/* In the order in which they are listed. */
typedef enum orc_dtype {
  ORC_FP32,
  ORC_BF16,
  ORC_FP16,
  ORC_FP8,       /* e4m3 or e5m2 */
  ORC_FP8_BLOCK, /* the same, a scale for each block of weights */
  ORC_INT8,
  ORC_FP4, /* NVFP4 */
  ORC_INT4,
  ORC_MXFP8,
  ORC_MXFP6,
  ORC_FP6,
  ORC_MXFP4,
  ORC_DTYPES /* how many there are */
} orc_dtype;

typedef struct orc_dtype_row {
  const char *name;
  double bits;                  /* of one value alone */
  int group;                    /* weights that share what is stored beside them; 0: too many */
  double scale_bits, zero_bits; /* of that group: its scale, its zero point */
  orc_dtype peak;               /* the rate of the chip that matrix work in this format has */
  bool floating;                /* has an exponent */
  bool weight_only;             /* weights are unpacked to the format of the activations */
} orc_dtype_row;

/* Where a name is used; of several, their sum. */
enum {
  ORC_NAMES_ACTIVATIONS = 1, /* a server's format of activations and plain weights */
  ORC_NAMES_KV = 2,          /* its format of the KV cache */
  ORC_NAMES_WEIGHTS = 4,     /* its quantisation */
  ORC_NAMES_TENSORS = 8,     /* torch_dtype of a checkpoint */
  ORC_NAMES_METHOD = 16,     /* quantisation method of a checkpoint */
};

typedef struct orc_dtype_alias {
  const char *name;
  orc_dtype is;
  unsigned used;
} orc_dtype_alias;

const orc_dtype_row *orc_dtype_of(orc_dtype d);

/* What formats are called, in the order in which choices are listed: *count of them. */
const orc_dtype_alias *orc_dtype_aliases(int *count);

/* Bytes of one value alone. */
double orc_dtype_bytes(orc_dtype d);

/* Bytes of one weight with its part of the scale and the zero point stored beside it. */
double orc_dtype_weight_bytes(orc_dtype d);

/* "fp32", "bf16", ... */
const char *orc_dtype_name(orc_dtype d);

/* Whether a chip has a rate of its own for matrix work in that format. */
bool orc_dtype_has_peak(orc_dtype d);

/* The format of that name (no alias) into *d; false, *d untouched, where there is none. */
bool orc_dtype_find(const char *name, orc_dtype *d);

#endif
