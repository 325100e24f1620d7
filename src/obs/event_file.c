#include "obs/event_file.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

bool orc_event_file_open(orc_event_file *f, const char *path, uint64_t most, orc_error *e)
{
  *f = (orc_event_file){ .out = fopen(path, "w"), .most = most };
  if (f->out == NULL) return orc_fail(e, "%s: %s", path, strerror(errno));
  fputs("{\"traceEvents\":[", f->out);
  return true;
}

bool orc_event_file_close(orc_event_file *f, const char *note, orc_error *e)
{
  if (f->out == NULL) return true;
  fputs("\n],\"displayTimeUnit\":\"ms\"", f->out);
  if (note != NULL) fprintf(f->out, ",\"otherData\":{%s}", note);
  fputs("}\n", f->out);
  const bool good = !f->failed && fflush(f->out) == 0 && ferror(f->out) == 0;
  const int why = errno;
  const bool closed = fclose(f->out) == 0;
  f->out = NULL;
  if (good && closed) return true;
  return orc_fail(e, "the trace cannot be written: %s", strerror(good ? errno : why));
}

bool orc_event_file_has_room(const orc_event_file *f)
{
  return f->count < f->most && !f->failed;
}

/* Times are microseconds with the nanoseconds behind the point. */
static void put_time(orc_event_file *f, const char *key, orc_time ns)
{
  fprintf(f->out, ",\"%s\":%" PRId64 ".%03d", key, ns / 1000, (int)(ns % 1000));
}

/* What every event has; it is open. */
static bool put(orc_event_file *f, char phase, orc_track at)
{
  if (f->failed || f->out == NULL) return false;
  if (ferror(f->out) != 0) f->failed = true;
  fprintf(f->out, "%s\n{\"ph\":\"%c\",\"pid\":%" PRIu32 ",\"tid\":%" PRIu32,
          f->count == 0 ? "" : ",", phase, at.process, at.thread);
  f->count++;
  return true;
}

static void finish(orc_event_file *f, const char *args)
{
  if (args != NULL)
    fprintf(f->out, ",\"args\":{%s}}", args);
  else
    fputs("}", f->out);
}

void orc_event_file_slice(orc_event_file *f, orc_track at, const char *name, orc_time start,
                          orc_time end, const char *args)
{
  if (!put(f, 'X', at)) return;
  fprintf(f->out, ",\"name\":\"%s\"", name);
  put_time(f, "ts", start);
  put_time(f, "dur", end - start);
  finish(f, args);
}

void orc_event_file_instant(orc_event_file *f, orc_track at, const char *name, orc_time time)
{
  if (!put(f, 'i', at)) return;
  fprintf(f->out, ",\"name\":\"%s\",\"s\":\"p\"", name);
  put_time(f, "ts", time);
  finish(f, NULL);
}

void orc_event_file_counter(orc_event_file *f, uint32_t process, const char *name, orc_time time,
                            const char *args)
{
  if (!put(f, 'C', (orc_track){ process, 0 })) return;
  fprintf(f->out, ",\"name\":\"%s\"", name);
  put_time(f, "ts", time);
  finish(f, args);
}

void orc_event_file_flow(orc_event_file *f, orc_track at, char step, uint64_t id, orc_time time)
{
  if (!put(f, step, at)) return;
  fprintf(f->out, ",\"name\":\"request\",\"cat\":\"request\",\"id\":%" PRIu64, id);
  if (step == 'f') fputs(",\"bp\":\"e\"", f->out);
  put_time(f, "ts", time);
  finish(f, NULL);
}

void orc_event_file_name(orc_event_file *f, orc_track at, const char *name)
{
  if (!put(f, 'M', at)) return;
  fprintf(f->out, ",\"name\":\"%s\",\"args\":{\"name\":\"%s\"}}",
          at.thread == 0 ? "process_name" : "thread_name", name);
  if (!put(f, 'M', at)) return;
  fprintf(f->out, ",\"name\":\"%s\",\"args\":{\"sort_index\":%" PRIu32 "}}",
          at.thread == 0 ? "process_sort_index" : "thread_sort_index",
          at.thread == 0 ? at.process : at.thread);
}
