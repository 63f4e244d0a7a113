/* The reports of a sweep: what everything that is stored comes to.
 *
 * A report is a function of the plan and the results alone: the same sweep gives the same bytes,
 * however it was run, interrupted and resumed. So nothing of time, workers, attempts or folders is
 * in it. */
#ifndef MUSTER_COORDINATOR_REPORT_REPORT_H
#define MUSTER_COORDINATOR_REPORT_REPORT_H

#include "common/err.h"
#include "coordinator/spec/plan.h"
#include "coordinator/store/store.h"

/* Write report.md, report.csv, report.json, summary.txt (for the screen) and, where specialists
 * give the reference, sota.csv (sota-SUITE.csv for each of several suites) into the folder (made if
 * absent), each replaced whole; a sota.csv that is no longer true is removed. Reads the store.
 * Whoever else writes into the folder is waited for, ten seconds at most: the one that ends last
 * has looked at the store last. */
err report_write(const struct plan *plan, struct store *store, const char *dir, struct errmsg *msg);

/* Is a file of this name in such a folder one of the tables of references? */
bool report_is_sota(const char *name);

#endif
