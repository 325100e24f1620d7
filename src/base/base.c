#include "base/base.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

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

/* _Exit, not exit: other threads may be running, and a half-written result must not look whole. */
_Noreturn static void exhausted(size_t count, size_t size)
{
  (void)fprintf(stderr, "oracle: out of memory: %zu x %zu bytes asked for\n", count, size);
  _Exit(1);
}

void *orc_alloc(size_t count, size_t size)
{
  if (count == 0 || size == 0) return NULL;
  if (count > SIZE_MAX / size) exhausted(count, size);
  void *p = calloc(count, size);
  if (p == NULL) exhausted(count, size);
  return p;
}

void *orc_alloc_sparse(size_t count, size_t size)
{
  ORC_ASSERT(count > 0 && size > 0);
  if (count > SIZE_MAX / size) exhausted(count, size);
  void *p = mmap(NULL, count * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) exhausted(count, size);
  return p;
}

void orc_free_sparse(void *p, size_t count, size_t size)
{
  if (p != NULL) (void)munmap(p, count * size);
}

void *orc_alloc_aligned(size_t align, size_t count, size_t size)
{
  if (count == 0 || size == 0) return NULL;
  if (count > (SIZE_MAX - align) / size) exhausted(count, size);
  void *p = aligned_alloc(align, (count * size + align - 1) & ~(align - 1));
  if (p == NULL) exhausted(count, size);
  return p;
}

void *orc_resize(void *old, size_t count, size_t size)
{
  if (count == 0 || size == 0) {
    free(old);
    return NULL;
  }
  if (count > SIZE_MAX / size) exhausted(count, size);
  void *p = realloc(old, count * size);
  if (p == NULL) exhausted(count, size);
  return p;
}
