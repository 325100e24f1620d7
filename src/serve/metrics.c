#include "serve/metrics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/phases.h"

/* The families that are filled here; one that is not among them is not written. */
typedef enum family {
  RUNNING,
  WAITING,
  KV_USAGE,
  PREFIX_QUERIES,
  PREFIX_HITS,
  PREEMPTIONS,
  PROMPT_TOKENS,
  GENERATION_TOKENS,
  SUCCESS,
  REQUEST_PROMPT,
  REQUEST_GENERATION,
  REQUEST_MOST_GENERATION,
  REQUEST_N,
  REQUEST_MAX_TOKENS,
  REQUEST_COMPUTED,
  TTFT,
  ITL,
  TPOT,
  E2E,
  QUEUE,
  INFERENCE,
  PREFILL,
  DECODE,
  FAMILIES
} family;

static const char *const names[FAMILIES] = {
  "num_requests_running",
  "num_requests_waiting",
  "kv_cache_usage_perc",
  "prefix_cache_queries",
  "prefix_cache_hits",
  "num_preemptions",
  "prompt_tokens",
  "generation_tokens",
  "request_success",
  "request_prompt_tokens",
  "request_generation_tokens",
  "request_max_num_generation_tokens",
  "request_params_n",
  "request_params_max_tokens",
  "request_prefill_kv_computed_tokens",
  "time_to_first_token_seconds",
  "inter_token_latency_seconds",
  "request_time_per_output_token_seconds",
  "e2e_request_latency_seconds",
  "request_queue_time_seconds",
  "request_inference_time_seconds",
  "request_prefill_time_seconds",
  "request_decode_time_seconds",
};

/* How requests end, in vLLM's words (v1/engine/__init__.py, FinishReason). */
enum { STOP, LENGTH, ABORT, ERROR, REASONS };
static const char *const reasons[REASONS] = { "stop", "length", "abort", "error" };

typedef struct histogram {
  uint64_t *counts; /* [bounds] of each bucket by itself */
  uint64_t count;
  double sum;
} histogram;

typedef struct engine {
  histogram histograms[FAMILIES];
  double counters[FAMILIES];
  uint64_t ends[REASONS];
  orc_text labels; /* of its samples */
} engine;

struct orc_metrics_board {
  const orc_metric_family *families;
  int count, engines;
  const orc_metric_family *of[FAMILIES]; /* NULL: not asked for */
  engine *at;                            /* [engines] */
};

orc_metrics_board *orc_metrics_board_new(const orc_metric_family *families, int count, int engines)
{
  orc_metrics_board *b = orc_alloc(1, sizeof *b);
  b->families = families;
  b->count = count;
  b->engines = engines;
  b->at = orc_alloc((size_t)engines, sizeof *b->at);
  for (int f = 0; f < FAMILIES; f++) {
    for (int i = 0; i < count; i++)
      if (strcmp(families[i].name, names[f]) == 0) b->of[f] = &families[i];
    for (int e = 0; b->of[f] != NULL && e < engines; e++)
      b->at[e].histograms[f].counts =
          orc_alloc((size_t)b->of[f]->bound_count, sizeof *b->at[e].histograms[f].counts);
  }
  return b;
}

void orc_metrics_board_free(orc_metrics_board *b)
{
  if (b == NULL) return;
  for (int e = 0; e < b->engines; e++) {
    for (int f = 0; f < FAMILIES; f++)
      free(b->at[e].histograms[f].counts);
    orc_text_done(&b->at[e].labels);
  }
  free(b->at);
  free(b);
}

static void observe(orc_metrics_board *b, int at, family f, double value)
{
  const orc_metric_family *of = b->of[f];
  histogram *h = &b->at[at].histograms[f];
  if (of == NULL) return;
  int low = 0, high = of->bound_count;
  while (low < high) {
    const int middle = (low + high) / 2;
    if (value <= of->bounds[middle])
      high = middle;
    else
      low = middle + 1;
  }
  if (low < of->bound_count) h->counts[low]++;
  h->count++;
  h->sum += value;
}

void orc_metrics_board_first(orc_metrics_board *b, const orc_request *q, orc_time at)
{
  observe(b, q->replica, TTFT, (double)(at - q->in.time) * 1e-9);
  b->at[q->replica].counters[PROMPT_TOKENS] += q->in.prompt;
}

static int reason_of(const orc_record *r)
{
  if (r->status == ORC_FAILED) return ERROR;
  if (r->status != ORC_SUCCESS) return ABORT;
  return r->output == r->max_output ? LENGTH : STOP;
}

static void observe_time(orc_metrics_board *b, int at, family f, orc_time ns)
{
  if (ns >= 0) observe(b, at, f, (double)ns * 1e-9);
}

void orc_metrics_board_ended(orc_metrics_board *b, const orc_record *r)
{
  const int at = r->replica;
  if (r->replica == ORC_NO_REPLICA) return;
  const orc_time e2e = orc_record_e2e(r), ttft = orc_record_ttft(r);
  const orc_time queue = orc_record_queue(r) > 0 ? orc_record_queue(r) : 0;
  b->at[at].ends[reason_of(r)]++;
  observe(b, at, REQUEST_PROMPT, r->prompt);
  observe(b, at, REQUEST_GENERATION, r->output);
  observe(b, at, REQUEST_MOST_GENERATION, r->max_output);
  observe(b, at, REQUEST_MAX_TOKENS, r->max_output);
  observe(b, at, REQUEST_N, 1.0);
  observe(b, at, REQUEST_COMPUTED, r->prefilled);
  observe_time(b, at, TPOT, orc_record_tpot(r));
  if (e2e < 0) return;
  observe_time(b, at, E2E, e2e);
  observe_time(b, at, QUEUE, queue);
  observe_time(b, at, INFERENCE, e2e - queue);
  if (ttft < 0) return;
  observe_time(b, at, PREFILL, ttft > queue ? ttft - queue : 0);
  observe_time(b, at, DECODE, e2e > ttft ? e2e - ttft : 0);
}

/* ---- what the replicas count ---- */

static double value_of(const orc_metrics_board *b, const orc_replica *r, family f)
{
  switch (f) {
  case RUNNING:
    return r->running;
  case WAITING:
    return r->queue.count + (unsigned)r->loads.count;
  case KV_USAGE:
    return r->kv.total > 0 ? (double)orc_kv_used(&r->kv) / (double)r->kv.total : 0.0;
  case PREFIX_QUERIES:
    return (double)r->usage.prefix.queries;
  case PREFIX_HITS:
    return (double)r->usage.prefix.hits;
  case PREEMPTIONS:
    return (double)r->usage.preemptions;
  case GENERATION_TOKENS:
    return (double)(r->usage.answered.firsts + r->observed->gaps.count);
  default:
    return b->at[r->index].counters[f];
  }
}

/* Gaps between tokens are the engine's own distribution. */
static histogram gaps_of(const orc_replica *r, const orc_metric_family *of, uint64_t *counts)
{
  const orc_hist *h = &r->observed->gaps;
  uint64_t below = 0;
  for (int i = 0; i < of->bound_count; i++) {
    const uint64_t up_to = h->count > 0 ? orc_hist_count_to(h, orc_time_of(of->bounds[i])) : 0;
    counts[i] = up_to - below;
    below = up_to;
  }
  return (histogram){ .counts = counts, .count = h->count, .sum = (double)h->sum * 1e-9 };
}

/* ---- the text ---- */

/* Whose samples are written: a family of one replica, with its labels, without the closing brace. */
typedef struct sampled {
  const char *name;
  const orc_text *labels;
} sampled;

/* They are written some thousand times: once as a text. */
static void write_labels(orc_text *t, const char *model, int at)
{
  orc_text_clear(t);
  orc_text_format(t, "{engine=\"%d\",model_name=", at);
  orc_text_json(t, model, strlen(model)); /* its escapes are those of a label */
}

/* A whole number as Python's client writes it: "12.0". */
static void put_whole(orc_text *t, uint64_t v)
{
  char digits[24];
  int at = sizeof digits;
  digits[--at] = '0';
  digits[--at] = '.';
  do {
    digits[--at] = (char)('0' + v % 10);
    v /= 10;
  } while (v > 0);
  orc_text_bytes(t, digits + at, sizeof digits - (size_t)at);
}

static void put_number(orc_text *t, double v)
{
  if (isinf(v))
    orc_text_put(t, v > 0 ? "+Inf" : "-Inf");
  else if (v >= 0.0 && v == floor(v) && v < 1e15)
    put_whole(t, (uint64_t)v);
  else
    orc_text_format(t, "%.15g", v);
}

/* suffix: of the name; more: labels behind the common ones. */
static void put_sample(orc_text *t, const sampled *of, const char *suffix, const char *more,
                       double v)
{
  orc_text_bytes(t, "vllm:", 5);
  orc_text_put(t, of->name);
  orc_text_put(t, suffix);
  orc_text_bytes(t, of->labels->at, of->labels->length);
  orc_text_put(t, more);
  orc_text_bytes(t, "} ", 2);
  put_number(t, v);
  orc_text_put(t, "\n");
}

static void put_histogram(orc_text *t, const sampled *s, const orc_metric_family *of,
                          const histogram *h)
{
  uint64_t up_to = 0;
  for (int i = 0; i < of->bound_count; i++) {
    char le[48];
    up_to += h->counts[i];
    const double bound = of->bounds[i];
    snprintf(le, sizeof le, bound == floor(bound) ? ",le=\"%.1f\"" : ",le=\"%.15g\"", bound);
    put_sample(t, s, "_bucket", le, (double)up_to);
  }
  put_sample(t, s, "_bucket", ",le=\"+Inf\"", (double)h->count);
  put_sample(t, s, "_count", "", (double)h->count);
  put_sample(t, s, "_sum", "", h->sum);
}

static void put_engine(orc_metrics_board *b, family f, const orc_replica *r, const orc_text *labels,
                       orc_text *t)
{
  const orc_metric_family *of = b->of[f];
  const sampled whose = { .name = of->name, .labels = labels };
  const bool counter = strcmp(of->type, "counter") == 0;
  if (f == SUCCESS) {
    for (int i = 0; i < REASONS; i++) {
      char reason[48];
      snprintf(reason, sizeof reason, ",finished_reason=\"%s\"", reasons[i]);
      put_sample(t, &whose, "_total", reason, (double)b->at[r->index].ends[i]);
    }
  } else if (strcmp(of->type, "histogram") == 0) {
    histogram h = b->at[r->index].histograms[f];
    if (f == ITL) h = gaps_of(r, of, h.counts);
    put_histogram(t, &whose, of, &h);
  } else {
    put_sample(t, &whose, counter ? "_total" : "", "", value_of(b, r, f));
  }
}

void orc_metrics_board_text(orc_metrics_board *b, const orc_cluster *c, const char *model,
                            orc_text *into)
{
  for (int e = 0; e < b->engines; e++)
    if (b->at[e].labels.length == 0) write_labels(&b->at[e].labels, model, e);
  for (int i = 0; i < b->count; i++) {
    const orc_metric_family *of = &b->families[i];
    int f = 0;
    while (f < FAMILIES && b->of[f] != of)
      f++;
    if (f == FAMILIES) continue;
    const char *suffix = strcmp(of->type, "counter") == 0 ? "_total" : "";
    orc_text_format(into, "# HELP vllm:%s%s %s\n# TYPE vllm:%s%s %s\n", of->name, suffix, of->help,
                    of->name, suffix, of->type);
    for (int e = 0; e < b->engines && e < c->replica_count; e++)
      if (orc_phases_seen(&c->lifecycle, e))
        put_engine(b, (family)f, &c->replicas[e], &b->at[e].labels, into);
  }
}
