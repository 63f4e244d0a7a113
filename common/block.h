/* A block: the results of up to BLOCK_ROWS_MAX instances of one (model, task), column by column.
 * It is what a worker sends and what the store keeps, byte for byte. It says nothing about
 * workers, jobs or time of day.
 *
 *   magic u32 'MBK1' | rows varint | stats varint (per row) | flags u8 (bit 0: every status is OK)
 *   instance   varint each: the distance to the one before (the first: to 0), strictly ascending
 *   status     a byte each; absent if flag bit 0
 *   micros     varint each: how long the model took, rounded to microseconds
 *   stat 0..   zigzag varint each, one column a statistic (common/score); rows without OK carry 0
 *   kind+len   varint each: answer length << 1 | is_media
 *   answers    the bytes, one behind the other (for is_media: digest, size, file name as text)
 *   crc        u32, CRC32C of everything before it
 */
#ifndef MUSTER_COMMON_BLOCK_H
#define MUSTER_COMMON_BLOCK_H

#include "common/bitmap.h"
#include "common/buf.h"
#include "common/err.h"
#include "common/limits.h"

/* X(name, text, is_final): what an instance came to. Values are on the wire and on disk: append
 * only. Final statuses end an instance at once; the others are strikes, and end it (quarantine)
 * when the strikes are used up. */
#define STATUS_LIST(X)                                                                             \
    X(STATUS_OK, "ok", 1)                                                                          \
    X(STATUS_ERROR, "error", 0)       /* the model said so */                                      \
    X(STATUS_CRASH, "crash", 0)       /* the host died while this instance alone ran */            \
    X(STATUS_TIMEOUT, "timeout", 0)   /* no answer within the instance's time */                   \
    X(STATUS_OOM, "oom", 0)           /* killed for memory, or the model said so */                \
    X(STATUS_PROTOCOL, "protocol", 0) /* garbage or a flood instead of an answer */                \
    X(STATUS_TOO_LONG, "too_long", 1) /* the answer is over ANSWER_BYTES_MAX or the model's */     \
    X(STATUS_REFUSED, "refused", 1)   /* the model declines to answer */                           \
    X(STATUS_INVALID, "invalid", 1)   /* the instance itself cannot be read: data at fault */      \
    X(STATUS_SCORER, "scorer", 0)     /* the answer came, its scorer failed */

typedef enum status {
#define X(name, text, is_final) name,
    STATUS_LIST(X)
#undef X
        STATUS_COUNT
} status;

const char *status_text(status s);
bool status_is_final(status s);

struct result {
    uint32_t instance;
    status status;
    uint32_t micros;
    bool is_media; /* the answer is "digest size name" of a file in the media folder */
    int64_t stats[STATS_MAX];
    struct span answer; /* for a status other than OK: the reason, for people */
};

/* Collects rows, in any order of instances, and encodes them ascending. */
struct block_row;
struct block_builder {
    struct block_row *rows;
    int64_t *stats; /* stat_count a row */
    size_t count, capacity, stat_capacity;
    struct buf answers; /* of all rows, as they came */
    struct buf encoded; /* the newest block; its memory is kept for the next */
    uint8_t stat_count;
};

void block_builder_init(struct block_builder *b, uint8_t stat_count);
/* Copies the answer; the statistics of a row without OK count as 0. The caller keeps the bounds: at
 * most BLOCK_ROWS_MAX rows, no instance twice, block_builder_bytes within BLOCK_BYTES_MAX. */
void block_builder_add(struct block_builder *b, const struct result *row);
/* What it encodes to, or a bit more. O(rows). */
size_t block_builder_bytes(const struct block_builder *b);
void block_builder_encode(struct block_builder *b, struct buf *out); /* appends; empties b */
/* Of an empty one: for other rows from now on, with the memory that it has. */
void block_builder_restart(struct block_builder *b, uint8_t stat_count);
void block_builder_release(struct block_builder *b);

/* A validated block, decoded into columns for reading. Answers borrow from the bytes given. */
struct block {
    uint32_t rows;
    uint8_t stat_count;
    uint32_t *instance; /* strictly ascending */
    uint8_t *status;
    uint32_t *micros;
    int64_t *stats; /* row-major: stats[row * stat_count + k] */
    uint32_t *answer_at, *answer_len;
    uint8_t *is_media;
    const uint8_t *answers;
    uint8_t *unpacked; /* owned: what the answers lie in, if the block came packed (common/pack) */
    size_t unpacked_len; /* 0: it did not */
};

/* Checks everything: magic, counts against the bytes left before anything is allocated, order,
 * statuses, lengths, the CRC, no byte left over. ERR_CORRUPT otherwise, `out` empty. */
err block_decode(struct span bytes, struct block *out);
void block_row(const struct block *b, uint32_t row, struct result *out); /* answer borrows */
void block_release(struct block *b);

/* Appends a block of the rows whose bit is set in `keep` (one bit a row). */
void block_filter(const struct block *b, const struct bitmap *keep, struct buf *out);

#endif
