/* What is kept of a sweep, by its name, from one start of the coordinator to the next. Of no
 * account to results. */
#ifndef MUSTER_COORDINATOR_SUBMISSION_H
#define MUSTER_COORDINATOR_SUBMISSION_H

#include "coordinator/store/store.h"

struct submission {
    int64_t submitted_wall_ms; /* the start that found it new, or over; 0: not known */
    bool is_over;              /* since then all that it asks for was recorded */
    bool is_one_of_several;    /* in the newest run: its report has a folder of its name */
};

void submission_store(struct store_batch *b, const char *sweep,
                      const struct submission *submission);
/* All 0 if nothing is stored, as by earlier builds, or nothing that makes sense. */
err submission_load(struct store *s, const char *sweep, struct submission *out, struct errmsg *msg);

#endif
