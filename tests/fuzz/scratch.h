/* A folder for targets whose code reads files by name: made at the first input, removed at the exit
 * of a run that ended well. */
#ifndef MUSTER_TESTS_FUZZ_SCRATCH_H
#define MUSTER_TESTS_FUZZ_SCRATCH_H

#include "common/span.h"

/* Where it is; the same each time. In TMPDIR, else /tmp. */
const char *scratch_dir(void);

/* Write folder/name anew; the folders of the name are made. */
void scratch_put(const char *name, struct span bytes);

#endif
