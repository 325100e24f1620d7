/*
** key.h - the key that clients show.
*/
#ifndef ORC_SERVE_KEY_H
#define ORC_SERVE_KEY_H

#include <stdbool.h>

/* Whether "Bearer KEY" shows `key`, compared in a time that does not tell how far it is right. key NULL: nobody
** needs one. */
bool orc_key_allows(const char *key, const char *authorization);

#endif
