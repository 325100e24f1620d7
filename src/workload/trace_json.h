/*
** trace_json.h - just enough JSON to read traces as a stream: values are pulled from the file one
** after the other, and nothing but the current one is in memory. Strict (RFC 8259) in what it
** reads.
*/
#ifndef ORC_WORKLOAD_TRACE_JSON_H
#define ORC_WORKLOAD_TRACE_JSON_H

#include "workload/trace.h"

/* The first byte of what comes next, blanks left out; -1 at the end of the file or on an error. */
int orc_json_peek(orc_trace *t, orc_error *e);

/* Take the character `c`; an error that says it was expected where it is not next. */
bool orc_json_take(orc_trace *t, int c, orc_error *e);

/*
** In an object or a list: whether a further member follows. `first` is true before the first one
** and becomes false; `close` ('}' or ']') is taken. False at the end of it or, with e->code set, on
** an error.
*/
bool orc_json_more(orc_trace *t, bool *first, char close, orc_error *e);

/*
** Take a string.
**   into, room   its bytes, terminated and cut to room; escapes above ASCII become '?'. May be
**                NULL, 0
**   characters   how many Unicode characters it has; may be NULL
*/
bool orc_json_string(orc_trace *t, char *into, size_t room, int64_t *characters, orc_error *e);

/* Take "key": of an object. */
bool orc_json_key(orc_trace *t, char *into, size_t room, orc_error *e);

/* Take a number; `field` is named when it is none, or not from 0 to `most`. */
bool orc_json_number(orc_trace *t, const char *field, double most, double *out, orc_error *e);

/* The same for a whole number. */
bool orc_json_count(orc_trace *t, const char *field, int64_t most, int64_t *out, orc_error *e);

/* Take a value of any kind and forget it. */
bool orc_json_skip(orc_trace *t, orc_error *e);

#endif
