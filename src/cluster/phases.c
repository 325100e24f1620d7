#include "cluster/phases.h"

#include "cluster/least.h"

static const orc_pool *pool_of(const orc_cluster *c, int replica)
{
  return &c->pools[c->replicas[replica].pool];
}

int orc_phases_first(const orc_cluster *c, int replica)
{
  const orc_pool *p = pool_of(c, replica);
  return p->first + (replica - p->first) / p->group * p->group;
}

int orc_phases_end(const orc_cluster *c, int first)
{
  return first + pool_of(c, first)->group;
}

void orc_phases_list(orc_cluster *c)
{
  orc_lifecycle *f = &c->lifecycle;
  f->ready_count = 0;
  orc_least_forget(c);
  for (int i = 0; i < c->replica_count; i++)
    if (f->units[i].phase == ORC_PHASE_READY && c->replicas[i].role != ORC_ROLE_DECODE)
      f->ready[f->ready_count++] = (uint16_t)i;
  f->decode_count = 0;
  for (int i = 0; i < c->replica_count; i++)
    if (f->units[i].phase == ORC_PHASE_READY && c->replicas[i].role == ORC_ROLE_DECODE)
      f->ready[f->ready_count + f->decode_count++] = (uint16_t)i;
}

void orc_phases_set(orc_cluster *c, int first, orc_phase phase)
{
  for (int i = first; i < orc_phases_end(c, first); i++)
    c->lifecycle.units[i].phase = phase;
  orc_phases_list(c);
}

void orc_phases_switch_off(orc_cluster *c, int first, orc_time now)
{
  for (int i = first; i < orc_phases_end(c, first); i++) {
    orc_unit *u = &c->lifecycle.units[i];
    u->phase = ORC_PHASE_OFF;
    u->rented += now - u->since;
  }
  orc_unit_log_note(&c->lifecycle.log, now, (uint16_t)first, ORC_UNIT_OFF);
}

void orc_phases_drain(orc_cluster *c, int first)
{
  orc_phases_set(c, first, ORC_PHASE_DRAINING);
  orc_unit_log_note(&c->lifecycle.log, c->engine.now, (uint16_t)first, ORC_UNIT_DRAINING);
  orc_phases_drained(c, (uint16_t)first, c->engine.now);
}

void orc_phases_drained(orc_cluster *c, uint16_t replica, orc_time now)
{
  if (c->lifecycle.units[replica].phase != ORC_PHASE_DRAINING) return;
  const int first = orc_phases_first(c, replica);
  if (orc_phases_load(c, first) == 0) orc_phases_switch_off(c, first, now);
}

int64_t orc_phases_load(const orc_cluster *c, int first)
{
  int64_t n = 0;
  for (int i = first; i < orc_phases_end(c, first); i++) {
    const orc_replica *r = &c->replicas[i];
    n += orc_replica_in_flight(r) + r->inbound + r->outbound;
  }
  return n;
}

int orc_phases_units(const orc_cluster *c, const orc_pool *pool, orc_phase a, orc_phase b)
{
  int n = 0;
  for (int i = pool->first; i < pool->first + pool->count; i += pool->group)
    n += c->lifecycle.units[i].phase == a || c->lifecycle.units[i].phase == b;
  return n;
}

double orc_phases_rented(const orc_lifecycle *f, int index, orc_time now)
{
  const orc_unit *u = &f->units[index];
  orc_time time = u->rented;
  if (u->phase != ORC_PHASE_OFF && now > u->since) time += now - u->since;
  return (double)time * 1e-9;
}

double orc_phases_down(const orc_lifecycle *f, int index, orc_time now)
{
  const orc_unit *u = &f->units[index];
  orc_time time = u->down;
  if (u->phase == ORC_PHASE_FAILED && now > u->failed) time += now - u->failed;
  return (double)time * 1e-9;
}
