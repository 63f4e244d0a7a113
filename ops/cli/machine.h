/* The slots that `muster run` makes on this machine for a sweep. */
#ifndef MUSTER_OPS_CLI_MACHINE_H
#define MUSTER_OPS_CLI_MACHINE_H

#include "coordinator/spec/plan_report.h"

struct machine {
    struct plan_machine slots;
    char gpu_type[64]; /* slots.gpu_type, where it is known */
    /* What to ask a worker for: slots of which every replica of the sweep that this machine can
     * hold takes one or several. */
    uint32_t gpus_per_slot, cores_per_slot;
};

/* slots_max 0: as many as fit. */
err machine_of_this_host(const struct spec *specs, size_t spec_count, unsigned slots_max,
                         struct machine *out, struct errmsg *msg);

#endif
