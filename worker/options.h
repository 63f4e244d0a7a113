/* The command line of muster-worker. */
#ifndef MUSTER_WORKER_OPTIONS_H
#define MUSTER_WORKER_OPTIONS_H

#include "common/err.h"
#include "common/io/log.h"

#include <stdbool.h>
#include <stdint.h>

struct worker_options {
    const char *connect;  /* NULL only with plan, help or version */
    const char *key;      /* file; NULL: none */
    const char *name;     /* NULL: the machine's */
    const char *state;    /* NULL: see worker_state_dir */
    const char *media;    /* NULL: in the state folder */
    const char *topology; /* NULL: this machine */
    const char *log;      /* NULL: stderr */
    enum log_level log_level;
    unsigned slots; /* 0: as many as there are */
    unsigned gpus_per_slot, cores_per_slot;
    bool has_memory;       /* what follows was given */
    uint64_t memory_bytes; /* of all slots together; 0: not limited */
    int64_t lifetime_ms;   /* 0: no end in sight */
    int nice;
    bool plan, json, die_with_parent, help, version;
    unsigned parent; /* with die_with_parent: its pid; 0: not told */
};

extern const char worker_usage[];

/* Borrows from argv. ERR_INVALID: msg names the option and what was expected. */
err worker_options_parse(int argc, char **argv, struct worker_options *out, struct errmsg *msg);

#endif
