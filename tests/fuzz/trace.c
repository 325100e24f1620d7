/* trace.c - any bytes as a trace file, plain or compressed: rows in order of time, or a message. */
#define _GNU_SOURCE /* memfd_create */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "workload/trace_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROWS_MOST = 20000 };

static void read_all(const char *path, const orc_trace_options *o)
{
  orc_source s = { 0 };
  orc_error e = { 0 };
  if (!orc_source_trace(&s, path, o, &e)) {
    ORC_ASSERT(e.code != 0 && e.msg[0] != '\0');
    return;
  }
  orc_arrival a;
  orc_time before = 0;
  for (int i = 0; i < ROWS_MOST && s.next(s.self, &a, &e); i++) {
    ORC_ASSERT(a.time >= before && a.prompt >= 1 && a.output >= 1 && a.max_output >= a.output);
    before = a.time;
    if (s.prompts != NULL && a.prompt_id != 0) orc_prompts_drop(s.prompts, a.prompt_id);
  }
  s.done(s.self);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  const int file = memfd_create("trace", 0);
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", file);
  if (file < 0 || write(file, data, size) != (ssize_t)size) return 0;
  orc_trace_options o = { .scale = 1.0,
                          .to = INFINITY,
                          .count = INT64_MAX,
                          .timeout = INFINITY,
                          .characters_per_token = 4.0 };
  read_all(path, &o); /* files with times */
  o.rate = 10.0;
  read_all(path, &o); /* and without */
  o.rate = 0.0;
  o.told = true;
  o.pool = 3;
  o.scale = 0.5;
  o.from = 1.0;
  read_all(path, &o);
  close(file);
  return 0;
}
