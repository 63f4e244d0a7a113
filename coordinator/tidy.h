/* What processes that were killed in the middle of a write have left in the state folder. */
#ifndef MUSTER_COORDINATOR_TIDY_H
#define MUSTER_COORDINATOR_TIDY_H

/* Remove it, from the folders of logs and media; what cannot be removed stays. For whoever holds
 * the store's lock, which keeps others out of the logs. Workers that outlived their coordinator may
 * be writing media: there only what is long abandoned goes. */
void tidy_state(const char *state);

#endif
