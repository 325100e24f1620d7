#include "replica/knobs.h"

#include <string.h>

static const char *const onload_modes[] = {
  [ORC_ONLOAD_FIRST] = "blocking",
  [ORC_ONLOAD_LAYERED] = "layerwise",
  [ORC_ONLOAD_AHEAD] = "async",
  [ORC_ONLOAD_MODES] = NULL,
};

#define NONE (-1.0)
#define LIVE NULL
#define LAID_OUT "the KV cache was laid out when it started"
#define STARTED "the engine was started with it"

/* The field of a row, by which its C type is known. */
#define FIELD(name) (((orc_engine_knobs *)NULL)->name)

/* clang-format off */
#define TYPE(name)                                                                                 \
  _Generic(FIELD(name), int32_t: ORC_KNOB_INT32, int64_t: ORC_KNOB_INT64, bool: ORC_KNOB_BOOL,     \
           double: ORC_KNOB_DOUBLE, orc_onload_mode: ORC_KNOB_ONLOAD)
#define VALUES(name) _Generic(FIELD(name), orc_onload_mode: onload_modes, default: NULL)
/* clang-format on */

#define ROW(c_type, c_name, by, low, high, absent, unit, why, knob, text)                          \
  { .name = #c_name,                                                                               \
    .type = TYPE(c_name),                                                                          \
    .offset = offsetof(orc_engine_knobs, c_name),                                                  \
    .size = sizeof FIELD(c_name),                                                                  \
    .giver = ORC_KNOB_##by,                                                                        \
    .least = (low),                                                                                \
    .most = (high),                                                                                \
    .otherwise = (absent),                                                                         \
    .dimension = (unit),                                                                           \
    .fixed = (why),                                                                                \
    .needs = (knob),                                                                               \
    .doc = (text),                                                                                 \
    .values = VALUES(c_name) },

static const orc_knob rows[] = { ORC_KNOBS(ROW) };

/* A set of rows is the bits of a word. */
_Static_assert(sizeof rows / sizeof *rows <= 64, "too many knobs for a word");

const orc_knob *orc_knobs(int *count)
{
  *count = (int)(sizeof rows / sizeof *rows);
  return rows;
}

orc_engine_knobs orc_knobs_default(void)
{
  orc_engine_knobs k = { 0 };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    if (rows[i].otherwise >= rows[i].least) orc_knob_set(&k, &rows[i], rows[i].otherwise);
  return k;
}

void orc_knob_set(orc_engine_knobs *k, const orc_knob *row, double value)
{
  void *field = (char *)k + row->offset;
  ORC_ASSERT(value >= row->least && value <= row->most);
  switch (row->type) {
  case ORC_KNOB_INT32:
    *(int32_t *)field = (int32_t)value;
    break;
  case ORC_KNOB_INT64:
    *(int64_t *)field = (int64_t)value;
    break;
  case ORC_KNOB_BOOL:
    *(bool *)field = value != 0.0;
    break;
  case ORC_KNOB_DOUBLE:
    *(double *)field = value;
    break;
  case ORC_KNOB_ONLOAD:
    *(orc_onload_mode *)field = (orc_onload_mode)value;
    break;
  }
}

void orc_knob_copy(orc_engine_knobs *to, const orc_engine_knobs *from, const orc_knob *row)
{
  memcpy((char *)to + row->offset, (const char *)from + row->offset, row->size);
}
