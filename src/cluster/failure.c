#include "cluster/failure.h"

void orc_failure(orc_cluster *c, const orc_error *e)
{
  if (c->failure.code == 0) c->failure = *e;
  if (c->failure.code == 0) c->failure.code = 1;
}

void orc_failure_at(orc_cluster *c, const orc_replica *r, const orc_error *e)
{
  orc_error where;
  orc_fail(&where, "at t=%.6f s, replica %u, step %llu: %s", (double)r->now * 1e-9, r->index,
           (unsigned long long)r->usage.steps, e->msg);
  orc_failure(c, &where);
}

void orc_failure_about(orc_cluster *c, const char *doing, const orc_request *q, const orc_error *e)
{
  orc_error where;
  orc_fail(&where, "at t=%.6f s, %s request %llu: %s", (double)c->engine.now * 1e-9, doing,
           (unsigned long long)q->number + 1, e->msg);
  orc_failure(c, &where);
}
