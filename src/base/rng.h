/*
** rng.h - random streams keyed by (seed, purpose, index), so that adding a replica or a policy
** moves no other draw. Same key, same numbers, on every machine.
*/
#ifndef ORC_BASE_RNG_H
#define ORC_BASE_RNG_H

#include "base/base.h"

/* What a stream is for. The value is part of the key: never renumber, only append. */
typedef enum orc_purpose {
  ORC_FOR_ARRIVALS = 1,  /* index: profile */
  ORC_FOR_LENGTHS = 2,   /* index: request number */
  ORC_FOR_ROUTING = 3,   /* index: 0 */
  ORC_FOR_SESSIONS = 4,  /* index: session number */
  ORC_FOR_PREFIXES = 5,  /* index: request number */
  ORC_FOR_POLICY = 6,    /* index: replica */
  ORC_FOR_TESTS = 7,     /* index: the test's own */
  ORC_FOR_FAILURES = 8,  /* index: replica */
  ORC_FOR_DES = 9,       /* index: hash of the name of a stream of processes */
  ORC_FOR_SCRIPTS = 10,  /* index: source, and which answer (bind/workload/generator.c) */
  ORC_FOR_DRAFTS = 11,   /* index: request number; the place of the drafts is in the seed */
  ORC_FOR_ADAPTERS = 12, /* index: request number, or a hash of its session */
  ORC_FOR_EXCERPTS = 13, /* index: request number */
  ORC_FOR_ANSWERS = 14,  /* index: hash of the prompt that a client sent (serve/completion.c) */
  ORC_FOR_FILES =
      15, /* of a scenario's file, while it runs; index: 0, or what it gives math.randomseed */
} orc_purpose;

typedef struct orc_rng {
  uint64_t s[4];
} orc_rng;

/*
** The stream of a key: xoshiro256** (Blackman and Vigna, ACM TOMS 47(4), 2021), its state filled by
** splitmix64 (Steele, Lea and Flood, OOPSLA 2014) from the mixed key, so that neighbouring seeds or
** indices share nothing. Costs about ten nanoseconds: one per request is fine.
*/
orc_rng orc_rng_stream(uint64_t seed, orc_purpose purpose, uint64_t index);

uint64_t orc_rng_next(orc_rng *r);              /* 64 random bits */
double orc_rng_uniform(orc_rng *r);             /* in [0, 1), 53 bits */
uint64_t orc_rng_below(orc_rng *r, uint64_t n); /* in [0, n) without bias; n >= 1 */
double orc_rng_exponential(orc_rng *r);         /* mean 1, > 0; by inversion: one draw */
double orc_rng_normal(orc_rng *r); /* mean 0, standard deviation 1; by inversion: one draw */
double orc_rng_gamma(orc_rng *r, double shape); /* scale 1; shape > 0 */

#endif
