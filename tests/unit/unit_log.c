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

static void is_in_order_of_time(void)
{
  static const orc_unit_event said[] = {
    { 10, 0, ORC_UNIT_DRAINING }, { 10, 1, ORC_UNIT_DRAINING }, { 30, 1, ORC_UNIT_OFF },
    { 20, 2, ORC_UNIT_OFF },      { 20, 0, ORC_UNIT_OFF },      { 40, 2, ORC_UNIT_STARTING }
  };
  static const int order[] = { 0, 1, 4, 3, 2, 5 };
  orc_unit_log l = { 0 };
  for (int i = 0; i < 6; i++)
    orc_unit_log_note(&l, said[i].time, said[i].replica, (orc_unit_change)said[i].what);
  for (int i = 0; i < 6; i++) {
    const orc_unit_event *is = &l.at[i], *expected = &said[order[i]];
    CHECK(is->time == expected->time && is->replica == expected->replica &&
          is->what == expected->what);
  }
  orc_unit_log_done(&l);
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
  RUN(is_in_order_of_time);
  RUN(tells_failures_from_scaling);
  return DONE();
}
