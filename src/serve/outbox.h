/*
** outbox.h - what is sent to one client: at once, by one system call; what its socket does not take waits and
** goes when there is room. How much may wait is for the caller to say.
*/
#ifndef ORC_SERVE_OUTBOX_H
#define ORC_SERVE_OUTBOX_H

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

struct evbuffer;

/* Its owner is told of what happens while nobody sends. */
typedef struct orc_outbox {
  struct event_base *base;
  int fd;                     /* non-blocking */
  void (*emptied)(void *own); /* nothing waits any more */
  void (*broken)(void *own);  /* the client takes nothing more: close it */
  void *own;
  struct evbuffer *kept; /* NULL: nothing ever had to wait */
  struct event *writable;
} orc_outbox;

/* Bytes that the client has not taken. */
size_t orc_outbox_unsent(const orc_outbox *o);

/* Send parts in their order; what waits goes first. false: the client takes nothing more, or memory is short. */
bool orc_outbox_send(orc_outbox *o, struct iovec *parts, int count);

/* Nothing more is sent; before its descriptor is closed. What waits is kept until it is freed. */
void orc_outbox_close(orc_outbox *o);
void orc_outbox_free(orc_outbox *o);

#endif
