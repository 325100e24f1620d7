#include "serve/live.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/phases.h"

/* "name": {"p50":, "p90":, "p99":} in ms, null where nothing was seen. */
static void put_quantiles(orc_text *t, const char *name, const orc_recent *l)
{
  orc_time at[3];
  if (orc_recent_quantiles(l, at))
    orc_text_format(t, "\"%s\":{\"p50\":%.3f,\"p90\":%.3f,\"p99\":%.3f},", name,
                    (double)at[0] * 1e-6, (double)at[1] * 1e-6, (double)at[2] * 1e-6);
  else
    orc_text_format(t, "\"%s\":null,", name);
}

static const char *phase_of(const orc_cluster *c, int i)
{
  static const char *const names[] = { "ready", "off", "starting", "draining", "failed" };
  return names[c->lifecycle.units[i].phase];
}

static void put_replica(orc_text *t, const orc_cluster *c, int i, int64_t *rented)
{
  const orc_replica *r = &c->replicas[i];
  if (!orc_phases_seen(&c->lifecycle, i)) return;
  *rented += c->lifecycle.units[i].phase != ORC_PHASE_OFF;
  orc_text_format(t,
                  "%s{\"id\":%d,\"pool\":%d,\"phase\":\"%s\",\"running\":%d,\"waiting\":%" PRIu32
                  ",\"kv\":%.4f,\"preemptions\":%" PRIu64 ",\"hits\":%" PRIu64
                  ",\"queries\":%" PRIu64 ",\"tokens\":%" PRIu64 ",\"steps\":%" PRIu64 "}",
                  t->at[t->length - 1] == '[' ? "" : ",", i, r->pool, phase_of(c, i), r->running,
                  r->queue.count + (uint32_t)r->loads.count,
                  r->kv.total > 0 ? (double)orc_kv_used(&r->kv) / (double)r->kv.total : 0.0,
                  r->usage.preemptions, r->usage.prefix.hits, r->usage.prefix.queries,
                  r->usage.answered.firsts + r->observed->gaps.count, r->usage.steps);
}

void orc_live_text(const orc_service *s, orc_text *into)
{
  const orc_cluster *c = s->cluster;
  const orc_connection_counts connections = orc_connections_counts(s->connections);
  int64_t rented = 0;
  orc_text_format(into, "{\"time\":%.6f,\"wall\":%.6f,\"speed\":%s",
                  (double)orc_service_now(s) * 1e-9, (double)orc_wall_now() * 1e-9,
                  isinf(s->o.speed) ? "null" : "");
  if (!isinf(s->o.speed)) orc_text_format(into, "%.9g", s->o.speed);
  orc_text_put(into, ",\"model\":");
  orc_text_json(into, s->o.model, strlen(s->o.model));
  orc_text_format(
      into,
      ",\"admin\":%s,\"asleep\":%s,\"draining\":%s,\"under_way\":%d,"
      "\"connections\":%d,\"requests\":%" PRIu64 ",\"refused\":%" PRIu64 ",\"aborted\":%" PRIu64
      ",\"dropped\":%" PRIu64 ",\"tokens\":%" PRIu64 ",\"arrived\":%" PRIu64 ",\"live\":%" PRIu64
      ",\"unrouted\":%" PRIu32 ",\"slipped\":%.3f,",
      s->o.admin ? "true" : "false", s->asleep ? "true" : "false", s->draining ? "true" : "false",
      s->under_way, connections.open, s->counts.requests, s->counts.refused, s->counts.aborted,
      connections.dropped, s->counts.tokens, c->requests.next_number, c->requests.live,
      c->lifecycle.unrouted_count, s->slipped);
  put_quantiles(into, "ttft_ms", &s->ttft);
  put_quantiles(into, "tpot_ms", &s->tpot);
  put_quantiles(into, "itl_ms", &s->itl);
  put_quantiles(into, "e2e_ms", &s->e2e);
  orc_text_put(into, "\"replicas\":[");
  for (int i = 0; i < c->replica_count; i++)
    put_replica(into, c, i, &rented);
  orc_text_put(into, "],\"usd_per_hour\":");
  if (isfinite(s->o.usd_per_hour))
    orc_text_format(into, "%.4f}", s->o.usd_per_hour * (double)rented);
  else
    orc_text_put(into, "null}");
}
