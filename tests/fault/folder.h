/* Folders of a test's own. A failure ends the process. */
#ifndef MUSTER_TESTS_FAULT_FOLDER_H
#define MUSTER_TESTS_FAULT_FOLDER_H

#include <stdbool.h>

/* in_memory: where that is possible, for tests that imagine the disk. The caller frees. */
char *folder_make(const char *name, bool in_memory);
/* The folder itself stays. */
void folder_empty(const char *path);
/* Frees the name too. */
void folder_remove(char *path);

#endif
