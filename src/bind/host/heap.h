/*
** heap.h - the memory of one Lua state: small blocks are cut from large pieces and go back to a list of their size, so
** that a short run spends no time in malloc and free for each string. Under AddressSanitizer every block is malloc's.
*/
#ifndef ORC_BIND_HOST_HEAP_H
#define ORC_BIND_HOST_HEAP_H

#include <stdbool.h>
#include <stddef.h>

typedef struct orc_heap orc_heap;

/* An empty heap, for one state and one thread at a time. NULL: no memory. */
orc_heap *orc_heap_new(void);

/*
** An empty heap that lies with all of its blocks between `from` and `to`, whose bytes are zero: for an image
** (bind/host/image.h). What it has given back is zero again.
*/
orc_heap *orc_heap_between(void *from, void *to);

/* From now on what is new is malloc's, though older blocks stay where they are. -> the end of those */
void *orc_heap_seal(orc_heap *h);

/*
** A lua_Alloc; `heap` is an orc_heap. Returns NULL where there is no memory, except for a block that shrinks, which
** then stays where it is. The heap ends with its last block: with lua_close, which frees the state itself last; one of
** an image stays.
*/
void *orc_heap_allocate(void *heap, void *block, size_t before, size_t after);

#endif
