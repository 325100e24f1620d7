#include "replica/content.h"

const orc_prompt *orc_content_shared(const orc_replica *r, const orc_request *q)
{
  if (q->in.prompt_id == 0 || !r->knobs.enable_prefix_caching) return NULL;
  if (!r->knobs.enable_cross_request_caching && q->in.session == 0) return NULL;
  return r->host->prompt(r->host->self, q);
}

/* Kinds of texts (orc_prompt_text): a prompt unlike any other, and its answer; what stands before a
** prompt whose KV an adapter made. */
enum { OWN_PROMPT = 201, OWN_ANSWER = 202, ADAPTED = 203 };

/* What no other prompt begins with. Valid until the next call. */
static const orc_prompt *own_content(const orc_replica *r, const orc_request *q)
{
  orc_own_prompt *own = r->own;
  own->span = (orc_span){ .text = orc_prompt_text(OWN_PROMPT, q->number, 0), .end = q->in.prompt };
  own->prompt = (orc_prompt){ .spans = &own->span,
                              .count = 1,
                              .answer = orc_prompt_text(OWN_ANSWER, q->number, 0) };
  return &own->prompt;
}

const orc_prompt *orc_content_known_as(const orc_replica *r, const orc_request *q)
{
  return q->finds_own && r->knobs.enable_prefix_caching ? own_content(r, q)
                                                        : orc_content_shared(r, q);
}

const orc_prompt *orc_content_identity(const orc_replica *r, const orc_request *q)
{
  const orc_prompt *c = orc_content_shared(r, q);
  return c != NULL ? c : own_content(r, q);
}

uint64_t orc_content_root(const orc_replica *r, const orc_request *q)
{
  const uint64_t root =
      r->knobs.enable_cross_request_caching ? 0 : orc_prompt_text(0, q->in.source, q->in.session);
  return q->in.adapter == 0 ? root : orc_prompt_text(ADAPTED, q->in.adapter, root);
}
