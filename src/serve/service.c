#include "serve/service.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "serve/chunk.h"
#include "serve/completion.h"
#include "serve/routes.h"
#include "serve/state.h"

enum {
  TURN_NS = 20000000, /* wall time after which clients are looked at, however far behind it is */
  BLOCK_MOST = 512,   /* tokens that content is known by, at most */
  FULL = 1 << 18, /* bytes that wait for a client: at max speed the simulation waits for it, too, */
  STUCK_SECONDS = 5, /* but not longer for one that does not read */
  CHUNK = 1 << 10,   /* bytes that a chunk seldom exceeds */
};
static const double SLIP = 1.0; /* s of wall time the simulation may be behind and still catch up */

/* ---- time ---- */

static bool unbounded(const orc_service *s)
{
  return isinf(s->o.speed);
}

orc_time orc_service_now(const orc_service *s)
{
  if (unbounded(s)) return s->latest;
  const orc_time now = orc_wall_clock_time(&s->clock, orc_wall_now());
  return now > s->cluster->engine.now ? now : s->cluster->engine.now;
}

/* The next moment at which anything is to be done, ns; ORC_NEVER. */
static orc_time next_moment(const orc_service *s)
{
  orc_time next = orc_engine_next(&s->cluster->engine);
  const orc_time told = orc_feed_next(s->feed);
  const orc_time due = s->host.due != NULL ? s->host.due(s->host.self) : ORC_NEVER;
  if (told < next) next = told;
  return due < next ? due : next;
}

static bool advance(orc_service *s, orc_time until)
{
  if (s->failure.code != 0) return false;
  if (!s->host.advance(s->host.self, until, &s->failure)) return false;
  orc_completion_begin_fresh(s);
  orc_feed_deliver(s->feed, until);
  return true;
}

/* The simulation cannot keep up: from now on the clock goes on from where it is. */
static void slip(orc_service *s, int64_t wall, orc_time behind)
{
  s->slipped += (double)behind * 1e-9 / s->o.speed;
  orc_wall_clock_set(&s->clock, wall, s->cluster->engine.now);
  if (!s->said_slow)
    fprintf(
        stderr,
        "oracle: warning: the simulation fell behind the wall clock, and its clock waits for it; "
        "a lower --speed expected\n");
  s->said_slow = true;
}

/* Up to the time of the wall clock, in steps short enough that clients do not wait. */
static void turn_with_clock(orc_service *s)
{
  const int64_t wall = orc_wall_now(), stop = wall + TURN_NS;
  const orc_time now = orc_wall_clock_time(&s->clock, wall);
  for (;;) {
    orc_time next = next_moment(s);
    if (next > now) next = now;
    if (next < s->cluster->engine.now) next = s->cluster->engine.now;
    if (!advance(s, next) || next >= now) return;
    if (orc_wall_now() > stop) break;
  }
  const orc_time behind = now - s->cluster->engine.now;
  if ((double)behind > SLIP * 1e9 * s->o.speed) slip(s, orc_wall_now(), behind);
}

/* Bytes that wait for a client and are many: well below those for which it is dropped. */
static size_t full(const orc_service *s)
{
  const size_t most = s->o.limits.unsent / 4;
  return most < FULL ? most : FULL;
}

/* Whether the simulation waits for a client that has much to read. */
static bool waits_for_reader(orc_service *s)
{
  if (orc_connections_unsent(s->connections) <= full(s)) {
    s->full_since = 0;
    return false;
  }
  const int64_t wall = orc_wall_now();
  if (s->full_since == 0) s->full_since = wall;
  return wall - s->full_since < STUCK_SECONDS * ORC_SECOND;
}

/* As far as it gets, as long as a client waits for it. */
static void turn_at_once(orc_service *s)
{
  const int64_t stop = orc_wall_now() + TURN_NS;
  uint64_t chunks = s->counts.chunks + full(s) / CHUNK;
  if (waits_for_reader(s)) return;
  for (int i = 1; s->under_way > 0 && s->left == NULL; i++) {
    const orc_time next = next_moment(s);
    if (next == ORC_NEVER) return;
    if (next > s->latest) s->latest = next;
    if (!advance(s, s->latest)) return;
    if (i % 64 != 0 && s->counts.chunks < chunks) continue;
    if (orc_wall_now() > stop || orc_connections_unsent(s->connections) > full(s)) return;
    chunks = s->counts.chunks + full(s) / CHUNK;
  }
}

/* When it is to be looked at again, in ns of the wall clock from now; -1: when a client comes. */
static int64_t pause_of(const orc_service *s)
{
  if (unbounded(s)) {
    if (s->under_way == 0 || next_moment(s) == ORC_NEVER) return -1;
    return orc_connections_unsent(s->connections) > full(s) ? 1000000 : 0;
  }
  const int64_t when = orc_wall_clock_when(&s->clock, next_moment(s));
  if (when == INT64_MAX) return -1;
  const int64_t pause = when - orc_wall_now();
  return pause > 0 ? pause : 0;
}

/* ---- clients ---- */

void orc_service_refuse(orc_service *s, orc_connection *c, int status, const char *type,
                        const char *message)
{
  s->counts.refused++;
  orc_text_clear(&s->scratch);
  orc_chunk_error(&s->scratch, status, type, message, strlen(message));
  orc_connection_reply(c, status, "application/json", status == 503 ? "retry-after: 1\r\n" : "",
                       s->scratch.at, s->scratch.length);
}

static void on_request(void *self, orc_connection *c, const orc_http_request *r)
{
  orc_routes_answer(self, c, r);
}

static void on_gone(void *self, void *answering)
{
  (void)self;
  orc_completion_gone(answering);
}

static void on_tokens(void *self, void *owner, int place, int32_t first, int32_t count,
                      orc_time due)
{
  orc_service *s = self;
  orc_completion_tokens(owner, place, first, count, due);
  if (unbounded(s)) return;
  const int64_t late = orc_wall_now() - orc_wall_clock_when(&s->clock, due);
  orc_hist_add(&s->late, late > 0 ? late : 0, (uint64_t)count);
}

static void on_ended(void *self, void *owner, int place, const orc_feed_end *end)
{
  (void)self;
  orc_completion_ended(owner, place, end);
}

static void on_first(void *self, const orc_request *q, orc_time at)
{
  const orc_service *s = self;
  orc_metrics_board_first(s->metrics, q, at);
}

static void on_gap(void *self, orc_time gap)
{
  orc_service *s = self;
  orc_recent_add(&s->itl, gap);
}

static void on_any_end(void *self, const orc_record *r)
{
  orc_service *s = self;
  orc_metrics_board_ended(s->metrics, r);
  if (r->status != ORC_SUCCESS) return;
  orc_recent_add(&s->ttft, orc_record_ttft(r));
  orc_recent_add(&s->tpot, orc_record_tpot(r));
  orc_recent_add(&s->e2e, orc_record_e2e(r));
}

static void on_outcome(void *self, const orc_outcome *of)
{
  orc_service *s = self;
  if (s->record != NULL) orc_trace_record_put(s->record, of, orc_feed_prompts(s->feed));
}

/* ---- its life ---- */

static void free_event(struct event *e)
{
  if (e != NULL) event_free(e);
}

static void stop_listening(orc_service *s)
{
  orc_listener_close(s->listener);
  s->listener = NULL;
}

/* Nobody waits for anything. */
static bool all_told(const orc_service *s)
{
  return s->under_way == 0 && orc_connections_unsent(s->connections) == 0;
}

/* It ends once what is under way has and is read, the second time at once. */
static void on_end(evutil_socket_t fd, short what, void *self)
{
  orc_service *s = self;
  (void)fd;
  (void)what;
  if (s->draining) {
    s->stopped = true;
    return;
  }
  s->draining = true;
  stop_listening(s);
  orc_connections_drain(s->connections);
  if (all_told(s)) {
    s->stopped = true;
    return;
  }
  fprintf(stderr, "oracle: %d requests under way end first; once more ends at once\n",
          s->under_way);
  const struct timeval patience = { .tv_sec = (time_t)s->o.drain_seconds, .tv_usec = 1 };
  event_add(s->patience, &patience);
}

/* The time that requests had to end is over. */
static void on_patience(evutil_socket_t fd, short what, void *self)
{
  orc_service *s = self;
  (void)fd;
  (void)what;
  s->stopped = true;
}

static void on_sweep(evutil_socket_t fd, short what, void *self)
{
  orc_service *s = self;
  (void)fd;
  (void)what;
  orc_connections_sweep(s->connections, orc_wall_now());
}

static void on_nothing(evutil_socket_t fd, short what, void *self)
{
  (void)fd;
  (void)what;
  (void)self;
}

/* Tokens that content is told by: what divides the blocks of all replicas. */
static int32_t block_of(const orc_cluster *c)
{
  int32_t block = 0;
  for (int i = 0; i < c->replica_count; i++) {
    int32_t a = c->replicas[i].knobs.block_size;
    while (a != 0) {
      const int32_t rest = block % a;
      block = a;
      a = rest;
    }
  }
  return block <= BLOCK_MOST ? block : 1;
}

static bool make_events(orc_service *s)
{
  struct event_config *config = event_config_new();
  if (config == NULL) return false;
  event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
  event_config_set_flag(config, EVENT_BASE_FLAG_NO_CACHE_TIME);
  s->base = event_base_new_with_config(config);
  event_config_free(config);
  if (s->base == NULL) return false;
  s->timer = evtimer_new(s->base, on_nothing, s);
  s->patience = evtimer_new(s->base, on_patience, s);
  s->sweep = event_new(s->base, -1, EV_PERSIST, on_sweep, s);
  s->terminate = evsignal_new(s->base, SIGTERM, on_end, s);
  s->interrupt = evsignal_new(s->base, SIGINT, on_end, s);
  return s->timer != NULL && s->patience != NULL && s->sweep != NULL && s->terminate != NULL &&
         s->interrupt != NULL;
}

static bool start(orc_service *s, orc_error *e)
{
  const struct timeval second = { .tv_sec = 1 };
  const orc_http_handler handler = { .self = s, .request = on_request, .gone = on_gone };
  if (!make_events(s)) return orc_fail(e, "the event loop cannot be made: %s", strerror(errno));
  orc_listener_fit(&s->o.limits);
  s->connections = orc_connections_new(s->base, &s->o.limits, &handler);
  s->listener = orc_listener_open(s->base, s->o.host, s->o.port, s->connections, e);
  if (s->listener == NULL) return false;
  if (s->o.record != NULL && (s->record = orc_trace_record_open(s->o.record, e)) == NULL)
    return false;
  event_add(s->sweep, &second);
  event_add(s->terminate, NULL);
  event_add(s->interrupt, NULL);
  return true;
}

int orc_service_port(const orc_service *s)
{
  return s->listener != NULL ? orc_listener_port(s->listener) : 0;
}

orc_service *orc_service_new(const orc_service_options *o, const orc_service_host *host,
                             orc_cluster *c, uint32_t source, orc_error *e)
{
  orc_service *s = orc_alloc(1, sizeof *s);
  s->o = *o;
  s->host = *host;
  s->cluster = c;
  s->feed = orc_feed_of(&c->sources[source]);
  s->block = block_of(c);
  s->metrics = orc_metrics_board_new(o->families, o->family_count, c->replica_count);
  const orc_feed_client client = { .self = s,
                                   .tokens = on_tokens,
                                   .ended = on_ended,
                                   .outcome = on_outcome,
                                   .gap = on_gap,
                                   .first = on_first,
                                   .ended_any = on_any_end };
  orc_feed_attach(s->feed, c, source, &client);
  if (!start(s, e)) {
    orc_service_free(s);
    return NULL;
  }
  s->clock = orc_wall_clock_begin(o->speed);
  return s;
}

void orc_service_free(orc_service *s)
{
  if (s == NULL) return;
  orc_error ignored = { 0 };
  if (s->connections != NULL) orc_completion_abort_all(s);
  orc_completion_reap(s);
  stop_listening(s);
  orc_connections_free(s->connections);
  orc_completion_reap(s);
  free_event(s->timer);
  free_event(s->patience);
  free_event(s->sweep);
  free_event(s->terminate);
  free_event(s->interrupt);
  if (s->base != NULL) event_base_free(s->base);
  orc_feed_detach(s->feed);
  orc_metrics_board_free(s->metrics);
  orc_trace_record_close(s->record, &ignored);
  orc_hist_done(&s->late);
  orc_text_done(&s->scratch);
  orc_text_done(&s->spelled);
  free(s);
}

static void turn(orc_service *s)
{
  if (unbounded(s))
    turn_at_once(s);
  else
    turn_with_clock(s);
  orc_completion_reap(s);
  orc_connections_sweep(s->connections, 0);
}

/* One look at the simulation, and a wait for whoever comes next. */
static void look(orc_service *s)
{
  turn(s);
  if (s->draining && all_told(s)) s->stopped = true;
  if (s->stopped || s->failure.code != 0) return;
  const int64_t pause = pause_of(s);
  if (pause < 0) {
    evtimer_del(s->timer);
  } else {
    const struct timeval wait = { .tv_sec = pause / ORC_SECOND,
                                  .tv_usec = (pause % ORC_SECOND + 999) / 1000 };
    evtimer_add(s->timer, &wait);
  }
  event_base_loop(s->base, EVLOOP_ONCE);
}

static void on_watched(evutil_socket_t fd, short what, void *self)
{
  (void)fd;
  (void)what;
  *(bool *)self = true;
}

bool orc_service_run(orc_service *s, int watch, orc_error *e)
{
  bool seen = false;
  struct event *watched = NULL;
  if (watch >= 0) {
    event_add(s->interrupt, NULL);
    watched = event_new(s->base, watch, EV_READ, on_watched, &seen);
  }
  if (watched != NULL && event_add(watched, NULL) != 0) seen = true; /* a file is always ready */
  while (!seen && !s->stopped && s->failure.code == 0)
    look(s);
  free_event(watched);
  if (watch >= 0) event_del(s->interrupt); /* what is done meanwhile is not the server's */
  if (s->failure.code == 0) return true;
  *e = s->failure;
  return false;
}

void orc_service_sleep(orc_service *s, bool asleep)
{
  s->asleep = asleep;
}

bool orc_service_over(const orc_service *s)
{
  return s->stopped || s->failure.code != 0;
}

bool orc_service_close(orc_service *s, orc_error *e)
{
  orc_completion_abort_all(s);
  orc_completion_reap(s);
  /* What was cancelled ends with the step it is in, and is written. */
  bool good = true;
  orc_time next = orc_service_now(s);
  for (; good && s->failure.code == 0 && orc_feed_live(s->feed) > 0 && next != ORC_NEVER;
       next = next_moment(s))
    good = advance(s, next > s->cluster->engine.now ? next : s->cluster->engine.now);
  if (!good) *e = s->failure;
  orc_error why = { 0 };
  if (!orc_trace_record_close(s->record, &why) && good) {
    *e = why;
    good = false;
  }
  s->record = NULL;
  return good;
}

orc_service_totals orc_service_totals_of(orc_service *s)
{
  const orc_connection_counts c = orc_connections_counts(s->connections);
  return (orc_service_totals){ .requests = s->counts.requests,
                               .refused = s->counts.refused,
                               .aborted = s->counts.aborted,
                               .tokens = s->counts.tokens,
                               .chunks = s->counts.chunks,
                               .accepted = c.accepted,
                               .dropped = c.dropped,
                               .late_p50 = orc_hist_quantile(&s->late, 0.5) * 1e-9,
                               .late_p99 = orc_hist_quantile(&s->late, 0.99) * 1e-9,
                               .late_most = (double)s->late.max * 1e-9,
                               .slipped = s->slipped };
}
