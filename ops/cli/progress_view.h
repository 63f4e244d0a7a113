/* Progress for a person, from the coordinator's status: redrawn in place on a terminal, a plain
 * line now and then anywhere else. */
#ifndef MUSTER_OPS_CLI_PROGRESS_VIEW_H
#define MUSTER_OPS_CLI_PROGRESS_VIEW_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct progress_view {
    bool terminal;
    unsigned lines_drawn; /* to go up again */
    int64_t last_line_ns; /* plain: when the newest line was printed; 0: none yet */
    int64_t last_done;
    bool last_blocked;
};

void progress_view_init(struct progress_view *v);
void progress_view_show(struct progress_view *v, const json_t *status, int64_t now_ns);
/* Before other output: leave what is drawn where it is. */
void progress_view_end(struct progress_view *v);

#endif
