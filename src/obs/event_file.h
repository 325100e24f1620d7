/*
** event_file.h - a file of trace events as chrome://tracing and Perfetto read them (Google, "Trace
** Event Format": the JSON object format): slices, counters, flows, names of tracks. Written as they
** come, so that memory does not grow with their number.
*/
#ifndef ORC_OBS_EVENT_FILE_H
#define ORC_OBS_EVENT_FILE_H

#include <stdio.h>

#include "base/base.h"

typedef struct orc_event_file {
  FILE *out;
  uint64_t count, most; /* events written; how many there may be */
  bool failed;          /* a write failed: no more is written */
} orc_event_file;

/* Where an event stands: a process of the trace and a thread of it, from 1 on. */
typedef struct orc_track {
  uint32_t process, thread;
} orc_track;

/* Create the file and write its beginning. False, with the reason: it cannot be written. */
bool orc_event_file_open(orc_event_file *f, const char *path, uint64_t most, orc_error *e);

/* Write the end and close. False when any write failed (disk full). `note`: of otherData, or NULL. */
bool orc_event_file_close(orc_event_file *f, const char *note, orc_error *e);

/* Whether another event may be written. */
bool orc_event_file_has_room(const orc_event_file *f);

/*
** A slice from start to end (ns). `args` is JSON without the braces around it, or NULL; `name` needs
** no escapes. The same of the next ones.
*/
void orc_event_file_slice(orc_event_file *f, orc_track at, const char *name, orc_time start,
                          orc_time end, const char *args);

/* A moment of the whole process. */
void orc_event_file_instant(orc_event_file *f, orc_track at, const char *name, orc_time time);

/* Counters of a process; `args` is "name": value, ... */
void orc_event_file_counter(orc_event_file *f, uint32_t process, const char *name, orc_time time,
                            const char *args);

/* An arrow through slices: step 's' begins it, 't' goes on, 'f' ends it, each in the slice that is
** open on its track then. */
void orc_event_file_flow(orc_event_file *f, orc_track at, char step, uint64_t id, orc_time time);

/* Names and places of tracks; thread 0: of the process. */
void orc_event_file_name(orc_event_file *f, orc_track at, const char *name);

#endif
