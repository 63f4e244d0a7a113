/* What stands behind a key: records sealed by a checksum, and the encodings of their payloads.
 *
 *   crc u32 (CRC32C over key, version and payload) | version u8 | payload
 *
 * The key is under the checksum, so a whole record that turns up in the wrong place is found too.
 * Payloads are varints and bytes (common/varint.h). To change one: give its table a new version in
 * record.c, keep reading the old one, and describe both in STORAGE.md. Raise STORE_SCHEMA only if
 * an older program would misread the store. */
#ifndef MUSTER_COORDINATOR_STORE_RECORD_H
#define MUSTER_COORDINATOR_STORE_RECORD_H

#include "common/buf.h"
#include "coordinator/store/store.h"
#include "coordinator/store/store_key.h"

enum {
    STORE_SCHEMA = 1,
    STORE_SEAL_BYTES = 5,          /* before every payload */
    STORE_REASON_BYTES_MAX = 1024, /* kept of a reason beside its block, which has all of it */
    /* A page of the done bitmap: three records fit a leaf of LMDB. A larger one would become an
     * overflow page, written whole for one bit. */
    STORE_PAGE_BYTES = 1024,
    STORE_PAGE_INSTANCES = 8 * STORE_PAGE_BYTES
};

/* Write the seal in front of a payload: `out` has room for STORE_SEAL_BYTES + payload.len. */
void store_record_seal(enum store_table table, struct span key, struct span payload, uint8_t *out);
/* ERR_CORRUPT: checksum. ERR_UNSUPPORTED: a version this program does not know. */
err store_record_open(enum store_table table, struct span key, struct span value,
                      struct span *payload);

/* The head, in TABLE_META: what is read and compared in every transaction. */
struct store_head {
    uint32_t schema;
    uint64_t epoch;
    struct digest uuid;
    bool clean;
    uint32_t model_count, task_count; /* ids given so far */
};

struct store_identity { /* TABLE_MODEL and TABLE_TASK */
    uint32_t id;
    uint32_t size;      /* 0 for a model */
    struct span record; /* JSON, for people */
};

struct store_cell_state { /* TABLE_TALLY */
    uint32_t size;        /* instances of the task */
    uint64_t blocks;      /* of this cell; they are numbered from 1 without a gap */
    struct digest chain;  /* of its blocks' bytes, in their order: store_chain_add */
    struct tally tally;
};

struct store_failure { /* TABLE_FAILURE: what a retry must take back */
    status status;
    uint32_t micros;
    uint64_t block; /* the number of the block that holds the row */
    struct span reason;
};

/* Encoders append to `out`. Decoders return false unless the payload is exactly one such record;
 * spans in it borrow from the payload. */
void store_head_encode(const struct store_head *head, struct buf *out);
bool store_head_decode(struct span payload, struct store_head *out);
void store_identity_encode(const struct store_identity *identity, struct buf *out);
bool store_identity_decode(struct span payload, struct store_identity *out);
void store_cell_state_encode(const struct store_cell_state *state, struct buf *out);
bool store_cell_state_decode(struct span payload, struct store_cell_state *out);
void store_failure_encode(const struct store_failure *failure, struct buf *out);
bool store_failure_decode(struct span payload, struct store_failure *out);
/* model, task and instance are the key's. */
void store_strike_encode(const struct strike *strike, struct buf *out);
bool store_strike_decode(struct span payload, struct strike *out);
/* TABLE_REOPENED: rows of the instance in blocks up to this number do not count. */
void store_reopened_encode(uint64_t block, struct buf *out);
bool store_reopened_decode(struct span payload, uint64_t *out_block);

/* The bytes of page `page` of the done bitmap of a task of `size` instances; 0 behind its end. */
size_t store_page_bytes(uint32_t size, uint64_t page);

/* At most STORE_REASON_BYTES_MAX bytes of a reason, cut between UTF-8 characters. */
struct span store_reason_cut(struct span reason);

/* Go on to the next block: digest of (chain so far, digest of the bytes). From all zeros. */
void store_chain_add(struct digest *chain, struct span block);

/* Merging is addition; sums wrap around like unsigned numbers, never undefined. */
void store_tally_add(struct tally *tally, const struct block *block, uint32_t row);
bool store_tally_equal(const struct tally *a, const struct tally *b);
uint64_t store_tally_rows(const struct tally *tally);

#endif
