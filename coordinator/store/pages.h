/* The pages of LMDB's data file, read without LMDB.
 *
 * LMDB trusts its file: a cut or damaged one ends the reader by a signal, or sends it to the wrong
 * page without a word. So this looks first, with read(2) and bounds: every page that the newest
 * state reaches must lie inside the file, carry its own number, be well formed, keep the order of
 * keys and be reached once; no page is both in use and free. What the pages hold is not its
 * business: records carry their own checksums (record.h).
 *
 * A file may be shorter than its last page without being damaged: pages that were taken and given
 * back in one transaction are never written. Only reading what is reachable tells the two apart.
 *
 * Format: LMDB 0.9, data version 1, written by this machine (byte order, word size); STORAGE.md. */
#ifndef MUSTER_COORDINATOR_STORE_PAGES_H
#define MUSTER_COORDINATOR_STORE_PAGES_H

#include "common/err.h"
#include "common/span.h"

/* Only the two meta pages: enough that LMDB can open the file. ERR_CORRUPT: damaged, cut, or no
 * such file. */
err store_pages_check_metas(int fd, const char *path, struct errmsg *msg);

/* Everything that the state of transaction `txn_id` reaches. It must stay in place meanwhile: by a
 * read transaction, or because nobody writes. deep: also read the head of every overflow run; the
 * pages of large values are otherwise only checked to lie inside the file. out_used_bytes: of all
 * pages reached. */
err store_pages_check(int fd, const char *path, uint64_t txn_id, bool deep,
                      uint64_t *out_used_bytes, struct errmsg *msg);

#endif
