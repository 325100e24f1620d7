/*
** functions.c - which functions of the engine ran, in the build that is asked (make REACH=1) alone: the compiler calls what
** stands here at the beginning and the end of each. It is linked into the shared library that the engine is there.
**
** Where $ORACLE_REACH names a file, it has a byte for each address of the library, 1 where a function begins that ran. It is
** mapped and shared, so processes add to each other's and how one ends does not matter. tools/mutate/reach.lua reads it.
*/
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SIZE = 8 << 20 }; /* more than the library has bytes of code */

void __gcov_dump(void);
void __cyg_profile_func_enter(void *function, void *site);
void __cyg_profile_func_exit(void *function, void *site);

extern const char __ehdr_start __attribute__((visibility("hidden"))); /* where the library lies */

static unsigned char none[SIZE];
static unsigned char *ran = none;

__attribute__((constructor)) static void open_marks(void)
{
  const char *path = getenv("ORACLE_REACH");
  const int file = path != NULL ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644) : -1;
  if (file < 0) return;
  void *bytes = MAP_FAILED;
  if (ftruncate(file, SIZE) == 0)
    bytes = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (bytes != MAP_FAILED) ran = bytes;
}

void __cyg_profile_func_enter(void *function, void *site)
{
  (void)site;
  const size_t at = (size_t)((uintptr_t)function - (uintptr_t)&__ehdr_start);
  if (at < SIZE) ran[at] = 1; /* else a function of the program itself */
}

/* lines.c asks for it; nothing is counted here. */
void __gcov_dump(void)
{
}

void __cyg_profile_func_exit(void *function, void *site)
{
  (void)function;
  (void)site;
}
