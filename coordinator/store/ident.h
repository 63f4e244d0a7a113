/* Identities and named values are found by a key alone: one whose key is damaged would silently be
 * unknown. There are few, so opening reads them all. */
#ifndef MUSTER_COORDINATOR_STORE_IDENT_H
#define MUSTER_COORDINATOR_STORE_IDENT_H

#include "coordinator/store/table.h"

err store_ident_check(struct store_txn *t, struct errmsg *msg);

#endif
