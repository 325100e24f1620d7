/*
** spec_text.h - texts of a workload by name.
*/
#ifndef ORC_BIND_SIM_SPEC_TEXT_H
#define ORC_BIND_SIM_SPEC_TEXT_H

#include <stdint.h>

/* FNV-1a (Fowler, Noll and Vo; draft-eastlake-fnv), 64 bit: a name as the identity of a text. */
static inline uint64_t orc_bind_text_of(const char *name)
{
  uint64_t hash = 0xcbf29ce484222325u;
  for (; *name != '\0'; name++)
    hash = (hash ^ (unsigned char)*name) * 0x100000001b3u;
  return hash;
}

#endif
