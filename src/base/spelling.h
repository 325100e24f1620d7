/*
** spelling.h - the name that a person most likely meant.
*/
#ifndef ORC_BASE_SPELLING_H
#define ORC_BASE_SPELLING_H

/*
** The nearest of the `count` names to what was typed, by edit distance; of equals the first. A name
** that begins with what was typed counts as near. NULL where none is: more than a third of the letters,
** and more than two (one of three or fewer typed), would have to change.
*/
const char *orc_spelling_nearest(const char *typed, const char *const *names, int count);

#endif
