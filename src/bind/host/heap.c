#include "bind/host/heap.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
  GRAIN = 16,       /* bytes; malloc's alignment on the machines this runs on */
  SMALL = 512,      /* bytes of the largest block that is cut from a piece */
  PIECE = 64 << 10, /* bytes; below malloc's own threshold for mmap */
};

#if defined(__SANITIZE_ADDRESS__)
static const size_t small_most = 0;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
static const size_t small_most = 0;
#else
static const size_t small_most = SMALL;
#endif
#else
static const size_t small_most = SMALL;
#endif

/* A block that is free, and a piece, begin with the next one. */
typedef struct link {
  struct link *next;
} link;

/* A larger block of an image that was given back. */
typedef struct hole {
  struct hole *next;
  size_t size; /* in grains */
} hole;

struct orc_heap {
  link *free[SMALL / GRAIN + 1]; /* by size in grains */
  link *pieces;
  char *at, *end;  /* what is left of the newest piece */
  size_t blocks;   /* that the state has */
  char *from, *to; /* where an image is; NULL: there is none */
  bool open;       /* the image is being filled */
  hole *holes;     /* in it */
};

orc_heap *orc_heap_new(void)
{
  return calloc(1, sizeof(orc_heap));
}

orc_heap *orc_heap_between(void *from, void *to)
{
  orc_heap *h = from;
  *h = (orc_heap){ .from = from, .to = to, .open = true };
  h->at = (char *)from + (sizeof *h + GRAIN - 1) / GRAIN * GRAIN;
  h->end = to;
  return h;
}

void *orc_heap_seal(orc_heap *h)
{
  h->open = false;
  h->to = h->at;
  h->end = h->at;
  return h->to;
}

static bool is_within(const orc_heap *h, const void *block)
{
  return (const char *)block >= h->from && (const char *)block < h->to;
}

static void release(orc_heap *h)
{
  if (h->from != NULL) return;
  while (h->pieces != NULL) {
    link *next = h->pieces->next;
    free(h->pieces);
    h->pieces = next;
  }
  free(h);
}

/* What is left of a piece goes to the list of its size: it is smaller than what was asked for, and so is small. */
static bool add_piece(orc_heap *h)
{
  link *piece = malloc(PIECE);
  if (piece == NULL) return false;
  const size_t left = (size_t)(h->end - h->at) / GRAIN;
  if (left > 0) {
    link *rest = (link *)(void *)h->at;
    rest->next = h->free[left];
    h->free[left] = rest;
  }
  piece->next = h->pieces;
  h->pieces = piece;
  h->at = (char *)piece + GRAIN;
  h->end = (char *)piece + PIECE;
  return true;
}

static void keep_small(orc_heap *h, void *block, size_t grains)
{
  link *freed = block;
  freed->next = h->free[grains];
  h->free[grains] = freed;
}

/* The end of a hole. NULL: none is as large. */
static void *cut_hole(orc_heap *h, size_t grains)
{
  for (hole **at = &h->holes; *at != NULL; at = &(*at)->next) {
    hole *found = *at;
    if (found->size < grains) continue;
    const size_t left = found->size - grains;
    found->size = left;
    if (left <= SMALL / GRAIN) {
      *at = found->next;
      if (left > 0) keep_small(h, found, left);
    }
    return (char *)found + left * GRAIN;
  }
  return NULL;
}

static void *take(orc_heap *h, size_t size)
{
  const size_t grains = (size + GRAIN - 1) / GRAIN;
  if (size > small_most) {
    if (!h->open) return malloc(size);
  } else {
    link *block = h->free[grains];
    if (block != NULL) {
      h->free[grains] = block->next;
      return block;
    }
  }
  void *reused = h->open ? cut_hole(h, grains) : NULL;
  if (reused != NULL) return reused;
  if ((size_t)(h->end - h->at) < grains * GRAIN && (h->open || !add_piece(h))) return NULL;
  void *cut = h->at;
  h->at += grains * GRAIN;
  return cut;
}

static void give(orc_heap *h, void *block, size_t size)
{
  const size_t grains = (size + GRAIN - 1) / GRAIN;
  if (h->open) memset(block, 0, size);
  if (size <= small_most) {
    keep_small(h, block, grains);
  } else if (h->open) {
    hole *left = block;
    *left = (hole){ .next = h->holes, .size = grains };
    h->holes = left;
  } else if (!is_within(h, block)) {
    free(block);
  }
}

static void *resize(orc_heap *h, void *block, size_t before, size_t after)
{
  if (before > small_most && after > small_most && !is_within(h, block)) {
    void *moved = realloc(block, after);
    return moved == NULL && after <= before ? block : moved;
  }
  if (after <= small_most && before <= small_most &&
      (before + GRAIN - 1) / GRAIN == (after + GRAIN - 1) / GRAIN) {
    if (h->open && after < before) memset((char *)block + after, 0, before - after);
    return block;
  }
  void *moved = take(h, after);
  if (moved == NULL) return after <= before ? block : NULL;
  memcpy(moved, block, before < after ? before : after);
  give(h, block, before);
  return moved;
}

void *orc_heap_allocate(void *heap, void *block, size_t before, size_t after)
{
  orc_heap *h = heap;
  if (block == NULL) { /* `before` is then the kind of object */
    if (after == 0) return NULL;
    void *taken = take(h, after);
    if (taken != NULL) h->blocks++;
    return taken;
  }
  if (after > 0) return resize(h, block, before, after);
  give(h, block, before);
  if (--h->blocks == 0) release(h);
  return NULL;
}
