/* Who did what when: the spans of an outcome that kept them. */
#ifndef MUSTER_COORDINATOR_SIMULATE_TIMELINE_H
#define MUSTER_COORDINATOR_SIMULATE_TIMELINE_H

#include "common/buf.h"
#include "coordinator/simulate/outcome.h"

enum { TIMELINE_ROWS_MAX = 200 }; /* of the picture: with more slots, that many of them */

/* slot,worker,gpu,model,kind,start_seconds,end_seconds; a line a span, by slot and time. Sorts the
 * outcome's spans. */
void timeline_csv(struct outcome *o, struct buf *out);
/* One page that needs nothing else: slots as rows, time to the right, a colour a model. Sorts the
 * outcome's spans. */
void timeline_html(struct outcome *o, const char *title, struct buf *out);

#endif
