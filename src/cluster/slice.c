#include "cluster/slice.h"

#include <stdlib.h>
#include <time.h>

#include "base/steady.h"
#include "cluster/failure.h"

enum {
  PACE = 1 << 8,      /* requests between two looks at the others, */
  AHEAD = 1 << 16,    /* and how many more a slice may have seen than another */
  PATIENCE = 20000000 /* ns between two looks whether a slice that waits is to stop */
};

static const char *obstacle_of_sources(const orc_cluster *c)
{
  for (int i = 0; i < c->source_count; i++) {
    if (c->sources[i].follow != NULL) return "its requests follow answers";
    if (c->sources[i].open) return "its requests are sent while it runs";
  }
  return NULL;
}

static const char *obstacle_of_pools(const orc_cluster *c)
{
  for (int i = 0; i < c->pool_count; i++) {
    const orc_pool *p = &c->pools[i];
    if (p->is.autoscaler.scale != NULL) return "its replicas come and go";
    if (p->cost->own != NULL) return "its cost model is a function";
  }
  for (int i = 0; i < c->replica_count; i++) {
    if (c->replicas[i].role != ORC_ROLE_ALL) return "its replicas hand requests over";
    if (c->replicas[i].lockstep) return "its replicas step together";
  }
  return c->net != NULL ? "its replicas share links" : NULL;
}

static const char *obstacle_of_watchers(const orc_cluster *c)
{
  const bool watched = c->log != NULL || c->life != NULL || c->latencies != NULL ||
                       c->excerpt != NULL || c->series != NULL || c->host.attribution != NULL ||
                       c->host.tokens != NULL;
  if (watched) return "what happens is watched in its order";
  /* Rows that went out cannot be taken back where one thread has to begin again. */
  const bool out = c->csv != NULL && !orc_csv_in_file(c->csv);
  return out ? "its rows go to a terminal or a pipe" : NULL;
}

const char *orc_slice_obstacle(const orc_cluster *c)
{
  if (c->replica_count < 2) return "it has one replica";
  if (c->lifecycle.mtbf > 0.0 || c->lifecycle.outages != NULL) return "its replicas fail";
  if (c->admission.admit != NULL) return "its admission policy may look at replicas";
  if (c->eviction.grade != NULL) return "its replicas share an eviction policy";
  if (c->router.tracks) return "its router looks at replicas";
  const char *why = obstacle_of_sources(c);
  if (why == NULL) why = obstacle_of_pools(c);
  return why != NULL ? why : obstacle_of_watchers(c);
}

void orc_slices_init(orc_slices *s, int count)
{
  *s = (orc_slices){ .count = count, .at = orc_alloc((size_t)count, sizeof *s->at) };
  pthread_mutex_init(&s->lock, NULL);
  pthread_mutex_init(&s->csv_lock, NULL);
  orc_steady_init(&s->moved);
  for (int i = 0; i < count; i++)
    s->at[i] = (orc_slice){ .of = s, .index = i, .ended = 0 };
}

void orc_slices_done(orc_slices *s)
{
  pthread_cond_destroy(&s->moved);
  pthread_mutex_destroy(&s->csv_lock);
  pthread_mutex_destroy(&s->lock);
  free(s->at);
}

void orc_slice_begin(orc_slices *s, int index, orc_cluster *c)
{
  s->at[index].cluster = c;
  c->slice = &s->at[index];
}

static void give_up(orc_cluster *c)
{
  orc_error e;
  orc_fail(&e, "a slice was given up");
  orc_failure(c, &e);
}

static bool is_of(const orc_slice *s, int replica)
{
  return replica % s->of->count == s->index;
}

/* The multiplier of FNV-1a, of whole words: what differs anywhere differs in the end. */
static uint64_t mix(uint64_t told, uint64_t more)
{
  return ((told ^ more) * 0x100000001b3) ^ (told >> 29);
}

bool orc_slice_serves(orc_cluster *c, const orc_replica *replica, orc_slot slot)
{
  orc_slice *s = c->slice;
  orc_request *q = &c->requests.at[slot];
  if (s->unlike != NULL) {
    atomic_store(&s->of->failed, true);
    give_up(c);
  }
  s->told = mix(mix(s->told, (uint64_t)q->in.time),
                (uint64_t)q->in.prompt << 40 ^ (uint64_t)q->in.output << 16 ^ replica->index);
  if (is_of(s, replica->index)) return true;
  if (q->in.prompt_id != 0) orc_prompts_drop(c->sources[q->in.source].prompts, q->in.prompt_id);
  q->state = ORC_DONE;
  orc_requests_drop(&c->requests, slot);
  return false;
}

void orc_slice_look(const orc_cluster *c)
{
  if (c->slice != NULL) c->slice->unlike = "its router looks at replicas";
}

/* Whether another slice has seen far fewer requests. Under the lock. */
static bool is_ahead(const orc_slice *s)
{
  for (int i = 0; i < s->of->count; i++)
    if (s->of->at[i].arrived < s->arrived && s->arrived - s->of->at[i].arrived > AHEAD) return true;
  return false;
}

static void wait_a_while(orc_slices *s)
{
  struct timespec end;
  clock_gettime(CLOCK_MONOTONIC, &end);
  end.tv_nsec += PATIENCE;
  end.tv_sec += end.tv_nsec / 1000000000;
  end.tv_nsec %= 1000000000;
  pthread_cond_timedwait(&s->moved, &s->lock, &end);
}

void orc_slice_pace(orc_cluster *c)
{
  orc_slice *s = c->slice;
  if (c->requests.next_number % PACE != 0) return;
  pthread_mutex_lock(&s->of->lock);
  s->arrived = c->requests.next_number;
  pthread_cond_broadcast(&s->of->moved);
  while (is_ahead(s) && !atomic_load(&s->of->failed) && (c->stop == NULL || *c->stop == 0))
    wait_a_while(s->of);
  pthread_mutex_unlock(&s->of->lock);
  if (atomic_load(&s->of->failed)) give_up(c);
}

void orc_slice_end(orc_slice *s, bool failed)
{
  if (failed) atomic_store(&s->of->failed, true);
  pthread_mutex_lock(&s->of->lock);
  s->arrived = UINT64_MAX;
  pthread_cond_broadcast(&s->of->moved);
  pthread_mutex_unlock(&s->of->lock);
}

const char *orc_slices_differ(const orc_slices *s)
{
  for (int i = 0; i < s->count; i++)
    if (s->at[i].unlike != NULL) return s->at[i].unlike;
  const orc_cluster *first = s->at[0].cluster;
  for (int i = 1; i < s->count; i++) {
    const orc_cluster *c = s->at[i].cluster;
    if (c == NULL || atomic_load(&s->failed)) return NULL;
    if (c->replica_count != first->replica_count || s->at[i].told != s->at[0].told ||
        c->requests.next_number != first->requests.next_number)
      return "its file says something else each time it is read";
  }
  return NULL;
}

static void swap_replicas(orc_cluster *a, orc_cluster *b, const orc_slice *of)
{
  for (int i = of->index; i < a->replica_count; i += of->of->count) {
    const orc_replica r = a->replicas[i];
    a->replicas[i] = b->replicas[i];
    b->replicas[i] = r;
    if (a->window.marks == NULL || b->window.marks == NULL) continue;
    const orc_window_mark m = a->window.marks[i];
    a->window.marks[i] = b->window.marks[i];
    b->window.marks[i] = m;
  }
}

static void add(orc_cluster *into, const orc_cluster *c)
{
  into->requests.live += c->requests.live;
  into->engine.executed += c->engine.executed;
  into->window.waiting_at_mark += c->window.waiting_at_mark;
  into->window.waiting_at_next += c->window.waiting_at_next;
  into->window.waiting_at_last += c->window.waiting_at_last;
  into->interrupted = into->interrupted || c->interrupted;
  if (c->engine.now > into->engine.now) into->engine.now = c->engine.now;
  if (c->last_end > into->last_end) into->last_end = c->last_end;
}

void orc_slices_join(orc_slices *s)
{
  for (int i = 1; i < s->count; i++) {
    swap_replicas(s->at[0].cluster, s->at[i].cluster, &s->at[i]);
    add(s->at[0].cluster, s->at[i].cluster);
  }
  s->joined = true;
}

void orc_slices_part(orc_slices *s)
{
  for (int i = 1; s->joined && i < s->count; i++)
    swap_replicas(s->at[0].cluster, s->at[i].cluster, &s->at[i]);
  s->joined = false;
}
