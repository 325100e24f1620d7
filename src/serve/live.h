/*
** live.h - what the page of a server shows of the moment, as JSON.
*/
#ifndef ORC_SERVE_LIVE_H
#define ORC_SERVE_LIVE_H

#include "serve/state.h"

void orc_live_text(const orc_service *s, orc_text *into);

#endif
