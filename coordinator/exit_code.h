/* What the programs' exit codes mean. `muster help` prints the same. */
#ifndef MUSTER_COORDINATOR_EXIT_CODE_H
#define MUSTER_COORDINATOR_EXIT_CODE_H

enum {
    EXIT_DONE = 0,
    EXIT_BAD_INPUT = 2,   /* usage, sweep file, data: nothing was run */
    EXIT_SOME_FAILED = 3, /* everything ran; some instances failed for good */
    EXIT_INFRASTRUCTURE =
        4,            /* instances are missing: no worker could run them, or something broke */
    EXIT_STOPPED = 5, /* stopped early, by a person or a signal: run again to go on */
    EXIT_STORE_FAILED = 74, /* as EX_IOERR of sysexits.h */
    EXIT_STATE_HELD = 75    /* as EX_TEMPFAIL: another run or coordinator has the state */
};

#endif
