/*
** partial_files.h - files that are not whole yet, such as `.out.csv.partial`: they go when a signal
** handler ends the program on the spot.
*/
#ifndef ORC_BIND_HOST_PARTIAL_FILES_H
#define ORC_BIND_HOST_PARTIAL_FILES_H

/* Note a file; beyond a few at a time, or with a very long path, it is not noted and would stay. */
void orc_partial_files_add(const char *path);

/* It is whole, or gone. */
void orc_partial_files_drop(const char *path);

/* Remove what is noted. May be called by a signal handler. */
void orc_partial_files_remove(void);

#endif
