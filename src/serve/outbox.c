#include "serve/outbox.h"

#include <errno.h>
#include <event2/buffer.h>
#include <sys/socket.h>

size_t orc_outbox_unsent(const orc_outbox *o)
{
  return o->kept != NULL ? evbuffer_get_length(o->kept) : 0;
}

static void on_writable(evutil_socket_t fd, short what, void *self)
{
  orc_outbox *o = self;
  (void)what;
  while (orc_outbox_unsent(o) > 0) {
    const int n = evbuffer_write(o->kept, fd);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) {
      o->broken(o->own);
      return;
    }
  }
  event_del(o->writable);
  o->emptied(o->own);
}

/* What could not be sent waits: all but the first `sent` bytes. */
static bool keep(orc_outbox *o, const struct iovec *parts, int count, size_t sent)
{
  if (o->kept == NULL) o->kept = evbuffer_new();
  if (o->writable == NULL)
    o->writable = event_new(o->base, o->fd, EV_WRITE | EV_PERSIST, on_writable, o);
  if (o->kept == NULL || o->writable == NULL) return false;
  for (int i = 0; i < count; i++) {
    const size_t skip = sent < parts[i].iov_len ? sent : parts[i].iov_len;
    sent -= skip;
    if (evbuffer_add(o->kept, (const char *)parts[i].iov_base + skip, parts[i].iov_len - skip) != 0)
      return false;
  }
  return event_add(o->writable, NULL) == 0;
}

bool orc_outbox_send(orc_outbox *o, struct iovec *parts, int count)
{
  size_t length = 0, sent = 0;
  for (int i = 0; i < count; i++)
    length += parts[i].iov_len;
  if (orc_outbox_unsent(o) == 0) {
    const struct msghdr m = { .msg_iov = parts, .msg_iovlen = (size_t)count };
    const ssize_t n = sendmsg(o->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN && errno != EINTR) return false;
    if (n > 0) sent = (size_t)n;
  }
  return sent >= length || keep(o, parts, count, sent);
}

void orc_outbox_close(orc_outbox *o)
{
  if (o->writable != NULL) event_free(o->writable);
  o->writable = NULL;
}

void orc_outbox_free(orc_outbox *o)
{
  orc_outbox_close(o);
  if (o->kept != NULL) evbuffer_free(o->kept);
  o->kept = NULL;
}
