/* The failures of a sweep that does not run: from its file and its store, in the form in which a
 * coordinator would tell them. */
#ifndef MUSTER_OPS_CLI_STORED_FAILURES_H
#define MUSTER_OPS_CLI_STORED_FAILURES_H

#include <jansson.h>
#include <stddef.h>

/* Append to the list until it has `max`. model: only this one's; NULL: of all. An exit code; what
 * went wrong is printed. */
int stored_failures(const char *sweep_file, const char *state, const char *model, size_t max,
                    json_t *list);

#endif
