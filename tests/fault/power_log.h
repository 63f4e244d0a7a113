/* The recording of a life on disk, as shim_record.c writes it and power_cut reads it: a head, then
 * `len` bytes, again and again. */
#ifndef MUSTER_TESTS_FAULT_POWER_LOG_H
#define MUSTER_TESTS_FAULT_POWER_LOG_H

#include <stdint.h>

enum power_kind {
    POWER_WRITE,  /* `inode`, at `offset`: the bytes. FLAG_SYNCED: durable when it returned */
    POWER_SIZE,   /* `inode` has `offset` bytes now; FLAG_SHRINK: or fewer */
    POWER_SYNC,   /* all of `inode`, a file or a folder */
    POWER_CREATE, /* "folder inode" u64, then the name: it is `inode` now, and empty */
    POWER_MKDIR,  /* the same for a folder */
    POWER_RENAME, /* u64 folder from, u64 folder to, name from, 0, name to */
    POWER_UNLINK, /* u64 folder, name */
    POWER_MARK    /* `offset`: the kind of mark; what was promised to others by now */
};

enum { POWER_SYNCED = 1, POWER_SHRINK = 2 };

struct power_head {
    uint32_t kind, flags;
    uint64_t inode, offset;
    uint64_t len;
};

#endif
