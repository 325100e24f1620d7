/*
** heap.h - the memory of one Lua state: small blocks are cut from large pieces and go back to a list of their size, so
** that a short run spends no time in malloc and free for each string. Under AddressSanitizer every block is malloc's.
*/
#ifndef ORC_BIND_HOST_HEAP_H
#define ORC_BIND_HOST_HEAP_H

#include <stddef.h>

typedef struct orc_heap orc_heap;

/* An empty heap, for one state and one thread at a time. NULL: no memory. */
orc_heap *orc_heap_new(void);

/*
** A lua_Alloc; `heap` is an orc_heap. Returns NULL where there is no memory, except for a block that shrinks, which
** then stays where it is. The heap ends with its last block: with lua_close, which frees the state itself last.
*/
void *orc_heap_allocate(void *heap, void *block, size_t before, size_t after);

#endif
