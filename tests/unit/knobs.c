#include "replica/knobs.h"

#include "test.h"

static void a_default_lies_in_its_range(void)
{
  int count;
  const orc_knob *rows = orc_knobs(&count);
  for (int i = 0; i < count; i++) {
    const orc_knob *row = &rows[i];
    CHECK(row->least <= row->most && row->least >= 0.0 && row->otherwise <= row->most);
    CHECK(row->type != ORC_KNOB_BOOL || (row->least == 0.0 && row->most == 1.0));
    CHECK((row->type == ORC_KNOB_ONLOAD) == (row->values != NULL));
    CHECK(row->doc[0] != '\0');
  }
  const orc_engine_knobs k = orc_knobs_default();
  CHECK(k.block_size == 16 && k.enable_prefix_caching && k.enable_cross_request_caching);
  CHECK(k.max_num_seqs == 0 && !k.swap && k.tier_count == 0);
}

/* What a knob needs is another row, a boolean. */
static void a_needed_knob_is_there(void)
{
  int count, needing = 0;
  const orc_knob *rows = orc_knobs(&count);
  for (int i = 0; i < count; i++) {
    if (rows[i].needs == NULL) continue;
    needing++;
    bool found = false;
    for (int j = 0; j < count; j++)
      found = found ||
              (j != i && strcmp(rows[j].name, rows[i].needs) == 0 && rows[j].type == ORC_KNOB_BOOL);
    CHECK(found);
  }
  CHECK(needing > 0);
}

/* Setting and copying one knob touches its own field and no other. */
static void a_row_is_one_field(void)
{
  int count;
  const orc_knob *rows = orc_knobs(&count);
  for (int i = 0; i < count; i++) {
    orc_engine_knobs a = { 0 }, b = { 0 };
    const orc_engine_knobs zero = { 0 };
    orc_knob_set(&a, &rows[i], rows[i].most);
    CHECK(memcmp(&a, &zero, sizeof a) != 0);
    for (int j = 0; j < count; j++)
      if (j != i) orc_knob_copy(&b, &a, &rows[j]);
    CHECK(memcmp(&b, &zero, sizeof b) == 0);
    orc_knob_copy(&b, &a, &rows[i]);
    CHECK(memcmp(&b, &a, sizeof b) == 0);
  }
}

int main(void)
{
  RUN(a_default_lies_in_its_range);
  RUN(a_needed_knob_is_there);
  RUN(a_row_is_one_field);
  return DONE();
}
