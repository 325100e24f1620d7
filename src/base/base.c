#include "base/base.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

_Noreturn void orc_panic(const char *what, const char *file, int line)
{
  (void)fflush(stdout);
  (void)fprintf(stderr, "oracle: internal error: %s at %s:%d; please report it\n", what, file,
                line);
  abort();
}

bool orc_fail(orc_error *e, const char *format, ...)
{
  if (e == NULL) return false;
  va_list args;
  va_start(args, format);
  (void)vsnprintf(e->msg, sizeof e->msg, format, args);
  va_end(args);
  e->code = 1;
  return false;
}

/* Where there is no memory there is no one to hand this down to: it is the process's own, as the memory is. */
static void (*_Atomic last_act)(void);
static atomic_bool ending;

void orc_on_exhausted(void (*act)(void))
{
  atomic_store(&last_act, act);
}

/*
** _Exit, not exit: other threads may be running, and a half-written result must not look whole. The first of several
** threads ends all.
*/
_Noreturn void orc_exhausted(size_t count, size_t size)
{
  while (atomic_exchange(&ending, true))
    pause();
  void (*const act)(void) = atomic_load(&last_act);
  if (act != NULL) act();
  if (size == 0)
    (void)fprintf(stderr, "oracle: out of memory\n");
  else
    (void)fprintf(stderr, "oracle: out of memory: %zu x %zu bytes asked for\n", count, size);
  _Exit(1);
}

void *orc_alloc(size_t count, size_t size)
{
  if (count == 0 || size == 0) return NULL;
  if (count > SIZE_MAX / size) orc_exhausted(count, size);
  void *p = calloc(count, size);
  if (p == NULL) orc_exhausted(count, size);
  return p;
}

void *orc_alloc_sparse(size_t count, size_t size)
{
  ORC_ASSERT(count > 0 && size > 0);
  if (count > SIZE_MAX / size) orc_exhausted(count, size);
  void *p = mmap(NULL, count * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) orc_exhausted(count, size);
  return p;
}

void orc_free_sparse(void *p, size_t count, size_t size)
{
  if (p != NULL) (void)munmap(p, count * size);
}

void *orc_alloc_aligned(size_t align, size_t count, size_t size)
{
  if (count == 0 || size == 0) return NULL;
  if (count > (SIZE_MAX - align) / size) orc_exhausted(count, size);
  void *p = aligned_alloc(align, (count * size + align - 1) & ~(align - 1));
  if (p == NULL) orc_exhausted(count, size);
  return p;
}

uint32_t orc_more_room(uint32_t room, uint32_t least)
{
  if (room > UINT32_C(1) << 29) orc_exhausted(0, 0);
  return room == 0 ? least : 2 * room;
}

void *orc_resize(void *old, size_t count, size_t size)
{
  if (count == 0 || size == 0) {
    free(old);
    return NULL;
  }
  if (count > SIZE_MAX / size) orc_exhausted(count, size);
  void *p = realloc(old, count * size);
  if (p == NULL) orc_exhausted(count, size);
  return p;
}
