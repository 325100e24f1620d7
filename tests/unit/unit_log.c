/* unit_log.c - what is kept of replicas that come and go. */
#include "cluster/unit_log.h"

#include <string.h>

#include "test.h"

static void keeps_the_first(void)
{
  orc_unit_log l = { 0 };
  for (int i = 0; i < ORC_UNIT_LOG_MOST + 7; i++)
    orc_unit_log_note(&l, i, (uint16_t)(i % 3), i % 2 == 0 ? ORC_UNIT_FAILED : ORC_UNIT_RECOVERED);
  CHECK(l.count == ORC_UNIT_LOG_MOST);
  CHECK(l.left_out == 7);
  for (uint32_t i = 0; i < l.count; i++)
    CHECK(l.at[i].time == (orc_time)i && l.at[i].replica == i % 3);
  orc_unit_log_done(&l);
  CHECK(l.at == NULL && l.count == 0);
}

static void tells_failures_from_scaling(void)
{
  int failures = 0;
  for (int what = ORC_UNIT_STARTING; what <= ORC_UNIT_RECOVERED; what++) {
    failures += orc_unit_change_is_failure((orc_unit_change)what);
    CHECK(strlen(orc_unit_change_name((orc_unit_change)what)) > 2);
  }
  CHECK(failures == 2);
  CHECK(strcmp(orc_unit_change_name(ORC_UNIT_DRAINING), "draining") == 0);
}

int main(void)
{
  RUN(keeps_the_first);
  RUN(tells_failures_from_scaling);
  return DONE();
}
