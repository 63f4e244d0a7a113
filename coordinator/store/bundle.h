/* What a record of TABLE_BLOCK holds: one block as it came, or several, one behind the other.
 *
 *   a block (common/block.h, common/pack/pack.h)
 *   or: "MBN1" u32, little endian | a length, varint, and a block of so many bytes; again and again
 *
 * A large value takes whole pages of LMDB, and of small ones only few fit a page: blocks of a few
 * rows would take a multiple of their bytes. So the newest record of a cell takes more of them,
 * until it is as long as a few pages. A record is written anew with each block that it takes, hence
 * the bound; the blocks in it stay as they came. They have consecutive numbers, the first one that
 * of the record's key. */
#ifndef MUSTER_COORDINATOR_STORE_BUNDLE_H
#define MUSTER_COORDINATOR_STORE_BUNDLE_H

#include "common/buf.h"
#include "common/varint.h"

/* With its seal and LMDB's head of 16 bytes it fills four pages of 4 KiB. A record of one block may
 * be longer. */
enum { STORE_BUNDLE_BYTES_MAX = 4 * 4096 - 16 - 5 };

/* Whether the record may take this block too; a block that is longer than the bound is a record
 * alone. */
bool store_bundle_takes(const struct buf *bundle, struct span block);
void store_bundle_add(struct buf *bundle, struct span block);

/* The blocks of a record, in their order:
 *
 *     struct store_bundle b = store_bundle_of(payload);
 *     while (store_bundle_next(&b, &block)) ...
 *
 * They borrow from the payload. What cannot be taken apart ends with a block that is cut short, at
 * worst to nothing: no decoder takes that. */
struct store_bundle {
    struct cursor left;
    bool is_one; /* a block as it came */
    bool is_over;
};
struct store_bundle store_bundle_of(struct span payload);
bool store_bundle_next(struct store_bundle *b, struct span *block);

#endif
