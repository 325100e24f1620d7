/*
** serve.c - laws 1 to 5 and 9 of the design over random small deployments: tiny KV caches, bursts,
** time-outs, odd knobs, and policies that do random things.
*/
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cluster/cluster.h"
#include "cluster/control.h"
#include "cluster/snapshot.h"
#include "replica/attribution.h"
#include "replica/usage.h"
#include "workload/synthetic.h"

#include "books.h"
#include "policies.h"
#include "scenarios.h"
#include "test.h"

enum { SCENARIOS = 400 };

typedef struct outcome {
  uint64_t total, ended, steps, hits, evictions, misses;
  uint64_t fetched, lowered; /* blocks brought back from lower tiers, and passed on by them */
  uint64_t moved, failures;
  orc_time end, last_end; /* busy times and latencies added up; when the last request ended, ns */
  orc_delay_sums delays;  /* of all requests that were answered */
  bool good;
  bool doomed; /* it ended in an error that the scenario asks for */
  size_t bytes;
  char *csv;
} outcome;

static char *slurp(const char *path, size_t *n)
{
  FILE *f = fopen(path, "rb");
  fseek(f, 0, SEEK_END);
  *n = (size_t)ftell(f);
  rewind(f);
  char *s = orc_alloc(*n + 1, 1);
  *n = fread(s, 1, *n, f);
  fclose(f);
  return s;
}

/* How a run is driven; all of them end in the same. */
typedef enum way {
  AT_ONCE,
  STEPPED,     /* runs off */
  SAMPLED,     /* with a time series, which must change nothing */
  ATTRIBUTED,  /* the time of requests told, which must change nothing and add up */
  SLICED,      /* back to the caller at every event, where everything is checked */
  PAUSED,      /* moment by moment, as whoever looks at a paused run goes on */
  INTERRUPTED, /* at every arrival, as by Ctrl-C, and brought to rest */
  WAYS
} way;

/* No replica is ahead of the clock, and nothing up to its time is left to do. */
static bool at_rest(const orc_cluster *c)
{
  bool good = orc_engine_next(&c->engine) > c->engine.now;
  for (int i = 0; i < c->replica_count; i++)
    good = good && c->replicas[i].now <= c->engine.now;
  return good || (c->requests.live == 0 && c->expected == 0);
}

static bool go_on_interrupted(orc_cluster *c, volatile sig_atomic_t *stop, orc_error *e)
{
  const bool good = orc_cluster_run(c, ORC_NEVER, e);
  if (!good || !c->interrupted) return good;
  *stop = 0;
  return orc_control_settle(c, e) && at_rest(c);
}

static bool go_on(orc_cluster *c, way how, orc_error *e)
{
  if (how == PAUSED) return orc_control_instant(c, ORC_NEVER, e) != ORC_INSTANT_FAILED;
  return orc_cluster_run(c, how == SLICED ? orc_engine_next(&c->engine) : ORC_NEVER, e);
}

/* A replica on its own may be ahead of the last event. */
static orc_time end_of(const orc_cluster *c)
{
  return c->last_end > c->engine.now ? c->last_end : c->engine.now;
}

/* Shares are shares, and those of a replica add up to the time it worked. */
static bool samples_add_up(const orc_cluster *c, const orc_snapshot *s)
{
  const orc_series *t = c->series;
  const uint64_t count = t->count + (s->last != NULL);
  bool good = count > 0;
  for (int r = 0; r < t->replicas; r++) {
    double busy = 0.0;
    for (uint64_t i = 0; i < count; i++) {
      const orc_sample *a =
          i == t->count ? &s->last[r] : &t->at[i * (uint64_t)t->replicas + (uint64_t)r];
      const orc_time before = i > 0 ? t->of[i - 1].time : 0,
                     time = i == t->count ? s->end : t->of[i].time;
      good = good && a->busy >= 0.0F && a->busy < 1.0001F && a->kv >= 0.0F && a->kv <= 1.0F &&
             a->waiting >= 0 && a->running >= 0;
      busy += (double)a->busy * (double)(time - before);
    }
    const double worked = (double)orc_usage_busy(&c->replicas[r], end_of(c));
    good = good && fabs(busy - worked) <= 1e-5 * worked + 1.0;
  }
  return good;
}

/* What is known of requests that ended, of a replica or of all together. */
static void add_observed(outcome *o, const orc_observed *of)
{
  for (int p = 0; p < 2; p++) {
    const orc_metrics *m = &of->metrics[p];
    o->hits += m->cached_tokens;
    o->misses += m->prefix_events[ORC_PREFIX_CONVERSATIONAL_MISS];
    o->total += m->total - m->by_status[ORC_PENDING];
    o->end += (orc_time)m->e2e.sum;
  }
  o->end += (orc_time)of->gaps.sum;
}

/* Samples as far apart as they may be in a long run: a series has room for 10 million of them. */
static orc_time sample_interval(const scenario *s, orc_time lasts)
{
  const orc_time drawn = (orc_time)(1 + s->seed % 7) * 400000;
  return drawn > lasts / 100000 ? drawn : lasts / 100000;
}

/* `lasts`: ns that it is known to take; 0: not yet. */
static outcome simulate(const scenario *s, way how, orc_time lasts)
{
  static const char *const profiles[] = { "a", "b" };
  char path[] = "/tmp/oracle-laws-XXXXXX";
  close(mkstemp(path));
  orc_error e = { 0 };
  orc_source sources[2];
  for (int i = 0; i < s->sources; i++)
    sources[i] = source(s, i);
  orc_rng chaos = orc_rng_stream(s->seed, ORC_FOR_POLICY, 0);
  orc_batching batching = orc_batching_chunked;
  if (s->policy == 1) batching.step = prefill_first;
  if (s->policy == 2) batching.order = shortest_first;
  if (s->policy == 3) batching.every_step = true;
  if (s->policy == 5) batching.step = no_evict;
  if (s->policy == 4) {
    batching = (orc_batching){ .name = "wild", .self = &chaos, .step = wild, .every_step = true };
  }
  batching.victim = s->victim;
  int room = 0;
  for (int i = 0; i < s->pools; i++)
    room += s->pool[i].room;
  const orc_outage outage = { .at = ORC_SECOND / 50,
                              .lasts = ORC_SECOND / 100,
                              .replica = (uint16_t)(s->seed % (uint64_t)room) };
  orc_lifecycle_config lifecycle = { .mtbf = s->mtbf, .mttr = 0.01 };
  if (s->mtbf > 0.0) {
    lifecycle.outages = &outage;
    lifecycle.outage_count = 1;
  }
  volatile sig_atomic_t stop = 0;
  union {
    volatile sig_atomic_t *in;
    void *out;
  } interrupt = { .in = &stop };
  orc_csv *csv = orc_csv_open(path, profiles, 2, &e);
  orc_topology *topology = NULL;
  if (s->network > 0)
    topology = orc_topology_build(s->network == 1 ? "nvlink_mesh" : "pcie",
                                  &(orc_topology_shape){ .hosts = s->network == 1 ? 1 : 8,
                                                         .gpus = s->network == 1 ? 32 : 4,
                                                         .bandwidth = s->bandwidth,
                                                         .nic_bandwidth = s->bandwidth },
                                  &e);
  int devices[DEVICES];
  for (int i = 0; i < DEVICES; i++) /* on servers, neighbours are on different ones */
    devices[i] = s->network == 2 ? i % 8 * 4 + i / 8 : i;
  orc_pool_config pools[2];
  for (int i = 0; i < s->pools; i++) {
    pools[i] = s->pool[i];
    pools[i].kind.cost = &s->cost[i];
  }
  orc_attribution *told = how == ATTRIBUTED ? orc_attribution_new(NULL, 0) : NULL;
  orc_cluster *c = orc_cluster_new(
      &(orc_cluster_config){ .pools = pools,
                             .pool_count = s->pools,
                             .layerwise = s->layerwise,
                             .topology = topology,
                             .devices = devices,
                             .batching = batching,
                             .router = { .name = s->seed % 3 == 1 ? "load" : "least",
                                         .tracks = s->seed % 3 == 1,
                                         .route = s->seed % 3 == 1 ? route_by_load : least,
                                         .decode = s->seed % 3 == 1 ? decode_by_load : NULL,
                                         .self = how == INTERRUPTED ? interrupt.out : NULL },
                             .stop = &stop,
                             .admission = { .admit = s->picky ? picky : NULL },
                             .eviction = { .grade = s->seed % 3 == 0 ? by_number : NULL },
                             .lifecycle = lifecycle,
                             .sources = sources,
                             .source_count = s->sources,
                             .profile_count = 2,
                             .warm_up = s->warm_up,
                             .slo = { ORC_NEVER, ORC_NEVER, ORC_NEVER },
                             .runs = how != STEPPED,
                             .observed_together = how == STEPPED && s->pools == 1,
                             .lod = s->lod,
                             .seed = s->seed,
                             .request_overhead = s->seed % 3 == 0 ? 1e-4 : 0.0,
                             .token_overhead = s->seed % 5 == 0 ? 1e-6 : 0.0,
                             .stream_interval = s->seed % 4 == 1 ? 1.5 : 0.0,
                             .attribution = told,
                             .sample_interval = how == SAMPLED ? sample_interval(s, lasts) : 0,
                             .csv = csv });
  outcome o = { .good = true };
  while (o.good && (c->requests.live > 0 || c->expected > 0)) {
    o.good = how == INTERRUPTED ? go_on_interrupted(c, &stop, &e) : go_on(c, how, &e);
    /* Some failures come faster than the slowest servers answer: a run that says so is right. */
    o.doomed = !o.good && strstr(e.msg, "leaves no time to serve one") != NULL;
    if (!o.good && !o.doomed) printf("scenario %llu: %s\n", (unsigned long long)s->seed, e.msg);
    if (how >= SLICED) o.good = o.good && consistent(c);
  }
  if (c->series != NULL) {
    orc_snapshot at = orc_snapshot_take(c, end_of(c));
    o.good = o.good && samples_add_up(c, &at);
    orc_snapshot_done(&at);
  }
  for (int i = 0; i < c->replica_count; i++) {
    const orc_replica *r = &c->replicas[i];
    /* What came from another pool may have to give its blocks up before it runs. */
    o.good = o.good && (s->policy != 5 || s->pools > 1 || r->usage.preemptions == 0);
    o.good = o.good && c->loads[i].tokens == 0 && c->loads[i].blocks == 0 &&
             c->loads[i].prompts->prefix.cached == 0;
    o.good = o.good && r->host_free == s->knobs.swap_blocks;
    o.good = o.good && orc_kv_available(&r->kv) == r->kv.total && r->running == 0;
    for (int l = 0; l < r->microbatch_count; l++) {
      const orc_decode_set *d = &r->microbatches[l].decode;
      o.good = o.good && d->n == 0 && d->context == 0 && d->window == 0 && d->growing == 0;
    }
    if (i == 0 || c->observed == NULL) add_observed(&o, r->observed);
    o.steps += r->usage.steps;
    o.evictions += r->kv.evictions;
    for (int t = 0; t < r->tiers.count; t++) {
      o.fetched += r->tiers.at[t].hits;
      o.lowered += r->tiers.at[t].evictions;
    }
  }
  for (int p = 0; p < 2; p++)
    o.total += c->without_replica[p].total - c->without_replica[p].by_status[ORC_PENDING];
  o.last_end = c->last_end;
  o.moved = c->kv_transfers.moved;
  o.failures = c->lifecycle.failures;
  o.good = o.good && c->kv_transfers.moving == 0;
  for (int i = 0; i < c->replica_count; i++)
    o.end += c->replicas[i].usage.busy;
  o.good = orc_csv_close(csv, &e) && o.good;
  if (told != NULL) {
    if (told->wrong > 0)
      printf("scenario %llu: delays of %llu requests do not add up\n", (unsigned long long)s->seed,
             (unsigned long long)told->wrong);
    o.good = o.good && told->wrong == 0;
    o.delays = told->e2e;
  }
  orc_cluster_free(c);
  orc_attribution_free(told);
  orc_topology_free(topology);
  o.csv = slurp(path, &o.bytes);
  remove(path);
  return o;
}

/* The first row that differs, of both. */
static void show_difference(const outcome *a, const outcome *b)
{
  const char *x = a->csv, *y = b->csv;
  for (;;) {
    const size_t n = strcspn(x, "\n"), m = strcspn(y, "\n");
    if (n != m || memcmp(x, y, n) != 0) {
      printf("  %.*s\n  %.*s\n", (int)n, x, (int)m, y);
      return;
    }
    if (x[n] == '\0') break;
    x += n + 1;
    y += m + 1;
  }
  printf("  their rows are equal\n");
}

static bool same(const outcome *a, const outcome *b)
{
  return a->total == b->total && a->steps == b->steps && a->hits == b->hits &&
         a->evictions == b->evictions && a->fetched == b->fetched && a->lowered == b->lowered &&
         a->moved == b->moved && a->failures == b->failures && a->end == b->end &&
         a->bytes == b->bytes && memcmp(a->csv, b->csv, a->bytes) == 0;
}

/* arrival <= scheduled <= first token <= completion in every row; one of the known states. */
static bool causal(const outcome *o)
{
  bool good = true;
  for (const char *line = strchr(o->csv, '\n'); line != NULL && line[1] != '\0';
       line = strchr(line + 1, '\n')) {
    double arrival, first = -1, end = -1;
    char status[16] = "";
    const char *p = line + 1;
    for (int i = 0; i < 6; i++)
      p = strchr(p, ',') + 1;
    arrival = strtod(p, NULL);
    p = strchr(p, ',') + 1;
    if (*p != ',') first = strtod(p, NULL);
    p = strchr(p, ',') + 1;
    if (*p != ',') end = strtod(p, NULL);
    p = strchr(p, ',') + 1;
    sscanf(p, "%15[A-Z]", status);
    const bool done = strcmp(status, "SUCCESS") == 0;
    good = good && (first < 0 || first > arrival) && end >= arrival;
    good = good && (!done || (first > arrival && end >= first));
    good = good && strcmp(status, "PENDING") != 0;
  }
  return good;
}

/* A field of a row of the CSV, by its place; -1 where it is empty. */
static long field(const char *line, int place)
{
  const char *p = line;
  for (int i = 0; i < place && p != NULL; i++) {
    p = strchr(p, ',');
    if (p != NULL) p++;
  }
  return p == NULL || *p == ',' ? -1 : strtol(p, NULL, 10);
}

/* Each token of a prompt that was answered came from the cache or was computed, and what was computed beyond that was
** lost before. Returns the tokens computed again; -1 where that is not so. */
static long recomputed(const outcome *o)
{
  enum { PROMPT = 3, STATUS = 9, CACHED = 14, PREFILLED = 15, RECOMPUTED = 21 };
  long all = 0;
  for (const char *line = strchr(o->csv, '\n'); line != NULL && line[1] != '\0';
       line = strchr(line + 1, '\n')) {
    const char *row = line + 1, *status = row;
    for (int i = 0; i < STATUS; i++)
      status = strchr(status, ',') + 1;
    const long again = field(row, RECOMPUTED);
    const long more = field(row, CACHED) + field(row, PREFILLED) - field(row, PROMPT);
    const bool answered = strncmp(status, "SUCCESS", 7) == 0;
    if (again < 0 || (answered ? more != again : more > again)) return -1;
    all += again;
  }
  return all;
}

/* Seeds of scenarios that broke a law once. */
static const uint64_t FOUND[] = { 7379,   7715,   22073,  22584,  34938,  41242,  46687,
                                  20271,  25331,  36032,  119483, 209537, 118368, 109578,
                                  314897, 418274, 102338, 109787, 114587, 439545 };

/* usage: serve [FIRST LAST]   seeds of the scenarios; 1 to SCENARIOS without, which are known to
** reach everything, and those of FOUND */
int main(int argc, char **argv)
{
  const bool chosen = argc > 2;
  const uint64_t first = chosen ? strtoull(argv[1], NULL, 10) : 1;
  const uint64_t last = chosen ? strtoull(argv[2], NULL, 10) : SCENARIOS;
  int different = 0, broken = 0, acausal = 0;
  long again = 0;
  orc_delay_sums delays = { .count = 0 };
  uint64_t hits = 0, evictions = 0, misses = 0, fetched = 0, lowered = 0, moved = 0, failures = 0;
  const uint64_t in_order = last + 1 - first;
  const uint64_t count = in_order + (chosen ? 0 : sizeof FOUND / sizeof *FOUND);
  for (uint64_t nth = 0; nth < count; nth++) {
    const uint64_t seed = nth < in_order ? first + nth : FOUND[nth - in_order];
    const scenario s = draw(seed);
    if (chosen) fprintf(stderr, "\rscenario %llu ", (unsigned long long)seed);
    const outcome run = simulate(&s, AT_ONCE, 0);
    bool good = run.good || run.doomed, equal = true;
    for (way how = STEPPED; how < WAYS; how++) {
      const outcome other = simulate(&s, how, run.last_end);
      const bool alike = same(&run, &other);
      if ((!other.good && !other.doomed) || !alike)
        printf("scenario %llu (policy %d), way %d: good %d, equal %d\n", (unsigned long long)seed,
               s.policy, (int)how, other.good, alike);
      if (!alike) show_difference(&run, &other);
      for (int i = 0; i < ORC_DELAYS; i++)
        delays.at[i] += other.delays.at[i];
      for (int i = 0; i < ORC_BINDINGS; i++)
        delays.by[i] += other.delays.by[i];
      good = good && (other.good || (run.doomed && other.doomed));
      equal = equal && alike;
      free(other.csv);
    }
    broken += !good;
    different += !equal;
    acausal += !causal(&run);
    CLAIM("requests end once, blocks add up, no step exceeds its budget");
    CHECK(good);
    CLAIM("a run gives the same bytes in every way it can go on");
    CHECK(equal);
    CLAIM("a request arrives, is scheduled, begins to answer and ends, in this order");
    CHECK(causal(&run));
    CLAIM("the tokens of a prompt are cached, computed, or computed again for a reason");
    const long more = recomputed(&run);
    CHECK(more >= 0);
    if (more < 0) printf("scenario %llu: its books do not balance\n", (unsigned long long)seed);
    again += more;
    free(run.csv);
    hits += run.hits;
    evictions += run.evictions;
    misses += run.misses;
    fetched += run.fetched;
    lowered += run.lowered;
    moved += run.moved;
    if (s.pools > 1) failures += run.failures;
  }
  if (chosen) return DONE();
  CLAIM("the scenarios reach the prefix cache, tiers and pools that fail");
  CHECK(hits > 10000 && evictions > 1000 && misses > 0);
  CHECK(fetched > 1000 && lowered > 1000);
  CHECK(moved > 1000 && failures > 100 && again > 10000);
  CLAIM("time goes into everything that it can go into, and is bound by everything");
  for (int i = 0; i < ORC_DELAYS; i++) {
    if (i == ORC_DELAY_DRAFTS) continue; /* nothing proposes here */
    if (delays.at[i] == 0.0) printf("nothing went into %s\n", orc_delay_name((orc_delay)i));
    CHECK(delays.at[i] > 0.0);
  }
  for (int i = 0; i < ORC_BINDINGS; i++)
    CHECK(delays.by[i] > 0.0);
  printf("%d scenarios: %d broken, %d different, %d acausal\n", SCENARIOS, broken, different,
         acausal);
  printf("%llu requests handed over, %llu failures in pools\n", (unsigned long long)moved,
         (unsigned long long)failures);
  printf("%llu tokens hit, %llu blocks evicted, %llu fetched, %llu passed on\n",
         (unsigned long long)hits, (unsigned long long)evictions, (unsigned long long)fetched,
         (unsigned long long)lowered);
  return DONE();
}
