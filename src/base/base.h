/*
** base.h - the vocabulary every file shares. Includes no other project file.
*/
#ifndef ORC_BASE_BASE_H
#define ORC_BASE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef int64_t orc_time; /* ns of simulated time since the run began */

#define ORC_NEVER INT64_MAX     /* a time that does not come */
#define ORC_END (ORC_NEVER - 1) /* where the clock ends, after 292 years: no event lies beyond */
#define ORC_SECOND ((orc_time)1000000000)

/* What went wrong, for a person. Owned by the caller; msg is always terminated. */
typedef struct orc_error {
  int code; /* 0: nothing */
  char msg[508];
} orc_error;

/* It says nothing now. The text stays: to clear half a KiB takes longer than most events do. */
static inline void orc_error_clear(orc_error *e)
{
  e->code = 0;
  e->msg[0] = '\0';
}

/* Always on: a broken assertion is a defect of the program, never of its input. */
#define ORC_ASSERT(x) ((x) ? (void)0 : orc_panic(#x, __FILE__, __LINE__))

__attribute__((cold)) _Noreturn void orc_panic(const char *what, const char *file, int line);

/*
** Fill *e (NULL is allowed: the reason is then dropped) as printf does; too long a text is cut.
** e->code becomes 1. Returns false, so a failing function ends in `return orc_fail(e, ...)`.
*/
bool orc_fail(orc_error *e, const char *format, ...) __attribute__((cold, format(printf, 2, 3)));

/*
** Memory that is there or ends the program with one clear line ("out of memory ..."): simulations
** bound what they take beforehand, so exhaustion is not a case a caller could mend.
**   count, size   an overflowing product counts as exhaustion; 0 gives NULL (and frees `old`)
** Release with free().
*/
void *orc_alloc(size_t count, size_t size); /* zeroed */

void *orc_resize(void *old, size_t count, size_t size); /* as realloc; new part not zeroed */

/* Twice the room, `least` where there was none. Places are numbered with 32 bits, and tables are twice as large as what is in
** them: more than 2^30 places are more than there is memory for. */
uint32_t orc_more_room(uint32_t room, uint32_t least);

/* What they do without memory: the last act, one line, exit status 1. size 0: how much was asked for is not known. */
__attribute__((cold)) _Noreturn void orc_exhausted(size_t count, size_t size);

/* What is done before that, such as removing files that are not whole. It may not allocate. NULL: nothing. */
void orc_on_exhausted(void (*act)(void));

/*
** Zeroes of which only the pages that are touched become real, for tables used here and there:
** malloc would clear all of what it has handed out before. Release with orc_free_sparse and the
** same count and size; NULL is allowed there.
*/
void *orc_alloc_sparse(size_t count, size_t size);
void orc_free_sparse(void *p, size_t count, size_t size);

/* As orc_alloc but not zeroed, and its address a multiple of `align` (a power of two >= 8). */
void *orc_alloc_aligned(size_t align, size_t count, size_t size);

/*
** Seconds to ns, rounded to nearest once (halves up); saturates at ORC_NEVER.
**   seconds   >= 0, +inf allowed; what is no number never comes
** Inline because every simulated step ends in it.
*/
static inline orc_time orc_time_of(double seconds)
{
  ORC_ASSERT(!(seconds < 0.0));
  const double ns = seconds * 1e9;
  if (!(ns < 0x1p63)) return ORC_NEVER;
  const orc_time whole = (orc_time)ns; /* ns - whole is exact, so nothing is rounded twice */
  return whole + (ns - (double)whole >= 0.5);
}

/* The same of 1 to 2^51 ns, cheaper: what half a nanosecond more is rounded by there is cut off. */
static inline orc_time orc_time_of_some(double seconds)
{
  return (orc_time)(seconds * 1e9 + 0.5);
}

/* `delay` after `from`, both >= 0; what would be beyond the end of the clock is there. */
static inline orc_time orc_time_after(orc_time from, orc_time delay)
{
  return delay < ORC_END - from ? from + delay : ORC_END;
}

#endif
