/* A disk with a volatile cache, fed from a recording (power_log.h): what is durable, and what a
 * power cut may or may not take.
 *
 * The rules are those that every file system keeps, and no more: a sync makes a file's bytes and
 * size durable, or a folder's names; a write through O_DSYNC its own bytes. Everything else may
 * have reached the disk or not, sector by sector, in any order; a file that grew may have grown or
 * not; each change of a name may be there or not. A rename is there or not as one. */
#ifndef MUSTER_TESTS_FAULT_POWER_DISK_H
#define MUSTER_TESTS_FAULT_POWER_DISK_H

#include "common/buf.h"
#include "common/rng.h"
#include "tests/fault/power_log.h"

struct power_disk;

/* root: the inode of the folder that the recording was made in; it was empty. */
struct power_disk *power_disk_new(uint64_t root);
void power_disk_free(struct power_disk *d);

/* The operation was begun: its effects may be on the disk from now on. `bytes` is borrowed until
 * the disk is freed. */
void power_disk_begin(struct power_disk *d, const struct power_head *op, const uint8_t *bytes);
/* It has returned: what it promises is durable. */
void power_disk_end(struct power_disk *d, const struct power_head *op);

/* Whether a power cut now can leave more than one state. */
bool power_disk_is_open(const struct power_disk *d);

enum power_mode {
    POWER_ALL,     /* everything reached the disk: a killed process */
    POWER_NOTHING, /* only what is durable */
    POWER_PREFIX,  /* everything up to some moment */
    POWER_SECTORS, /* any sectors of 512 bytes, any names */
    POWER_PAGES,   /* any pages of 4,096 bytes, any names */
    POWER_MODES
};

/* Build in the empty folder `into` one state that a power cut now may leave. */
void power_disk_build(struct power_disk *d, enum power_mode mode, struct rng *rng,
                      const char *into);

#endif
