/* What survives a crash of the coordinator: the epoch, rows and strikes, changed one whole batch
 * at a time. It stands in for coordinator/store, with the same rules: rows are recorded once, and
 * the row of an instance ends its strikes. */
#ifndef MUSTER_TESTS_SIM_DISK_H
#define MUSTER_TESTS_SIM_DISK_H

#include "common/digest.h"
#include "coordinator/core/core.h"
#include "coordinator/store/batch.h"
#include "tests/sim/world.h"

struct disk_instance {
    bool is_ended;
    uint8_t status;
    uint32_t strikes;
    uint64_t attempt; /* of the newest strike */
    int64_t stats[STATS_MAX];
};

struct disk {
    uint64_t epoch;
    struct disk_instance *instances[SIM_MODELS_MAX][SIM_TASKS_MAX];
};

void disk_init(struct world *w);
void disk_release(struct world *w);

/* Raises the epoch, durably. */
uint64_t disk_open(struct world *w);
void disk_apply(struct world *w, const struct store_batch *batch);
/* A core with everything in it that the disk remembers. */
struct core *disk_restore(struct world *w, const struct core_config *config);

/* Statuses and sums of statistics, cell by cell. */
struct digest disk_report(const struct world *w);
/* The same, worked out from the seed alone. */
struct digest disk_report_expected(const struct world *w);

#endif
