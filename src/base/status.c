#include "base/status.h"

#include "base/base.h"

const char *orc_status_name(orc_status s)
{
  static const char *const names[ORC_STATUSES] = { "PENDING",  "SUCCESS", "FAILED",
                                                   "REJECTED", "TIMEOUT", "CANCELLED" };
  ORC_ASSERT(s < ORC_STATUSES);
  return names[s];
}
