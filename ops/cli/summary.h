/* The summary of a report, on the screen. */
#ifndef MUSTER_OPS_CLI_SUMMARY_H
#define MUSTER_OPS_CLI_SUMMARY_H

#include <stdint.h>

#include "common/err.h"

/* dir: the folder of a report. Prints its summary, and where the rest of it is. ERR_NOT_FOUND:
 * there is none yet. */
err summary_print(const char *dir, struct errmsg *msg);

/* Another one whenever the report is written; 0: there is none. */
uint64_t summary_version(const char *dir);

#endif
