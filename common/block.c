#include "common/block.h"

#include <stdlib.h>

#include "common/check.h"
#include "common/crc.h"
#include "common/mem.h"
#include "common/varint.h"

enum {
    BLOCK_MAGIC = 0x314B424D, /* "MBK1", little endian */
    FLAG_ALL_OK = 1,
    CRC_BYTES = 4,
    FRAME_BYTES_MAX = 4 + 2 + 1 + 1 + CRC_BYTES /* magic, rows, stats, flags, CRC */
};

static const struct {
    const char *text;
    bool is_final;
} statuses[STATUS_COUNT] = {
#define X(name, text, is_final) [name] = { text, is_final },
    STATUS_LIST(X)
#undef X
};

const char *status_text(status s)
{
    check((unsigned)s < STATUS_COUNT);
    return statuses[s].text;
}

bool status_is_final(status s)
{
    check((unsigned)s < STATUS_COUNT);
    return statuses[s].is_final;
}

/* A row, but for its statistics and its answer. */
struct block_row {
    uint64_t kind_and_len; /* of its answer, as it is encoded */
    size_t answer_at;
    uint32_t instance, micros;
    status status;
};

void block_builder_init(struct block_builder *b, uint8_t stat_count)
{
    check(stat_count <= STATS_MAX);
    *b = (struct block_builder){ .stat_count = stat_count };
}

/* What a row takes at most: its instance is encoded as the distance to the one before. */
static size_t row_bytes(const struct block_builder *b, size_t index)
{
    const struct block_row *row = &b->rows[index];
    size_t bytes = varint_bytes(row->instance) + 1 + varint_bytes(row->micros) +
                   varint_bytes(row->kind_and_len) + (size_t)(row->kind_and_len >> 1);
    for (unsigned k = 0; k < b->stat_count; k++)
        bytes += varint_bytes(zigzag(b->stats[index * b->stat_count + k]));
    return bytes;
}

/* Room for the statistics of as many rows as there is room for. */
static void grow_stats(struct block_builder *b)
{
    if (b->stat_count > 0)
        b->stats =
            xgrow(b->stats, &b->stat_capacity, b->capacity * b->stat_count, sizeof(b->stats[0]));
}

static void grow(struct block_builder *b)
{
    b->rows = xgrow(b->rows, &b->capacity, b->count + 1, sizeof(b->rows[0]));
    grow_stats(b);
}

void block_builder_restart(struct block_builder *b, uint8_t stat_count)
{
    check(b->count == 0 && stat_count <= STATS_MAX);
    b->stat_count = stat_count;
    grow_stats(b);
}

void block_builder_add(struct block_builder *b, const struct result *row)
{
    check(b->count < BLOCK_ROWS_MAX);
    check((unsigned)row->status < STATUS_COUNT);
    check(row->answer.len <= ANSWER_BYTES_MAX);
    if (b->count == b->capacity)
        grow(b);
    b->rows[b->count] =
        (struct block_row){ .kind_and_len = (uint64_t)row->answer.len << 1 | row->is_media,
                            .answer_at = b->answers.len,
                            .instance = row->instance,
                            .micros = row->micros,
                            .status = row->status };
    for (unsigned k = 0; k < b->stat_count; k++)
        b->stats[b->count * b->stat_count + k] = row->status == STATUS_OK ? row->stats[k] : 0;
    b->count++;
    buf_append_span(&b->answers, row->answer);
}

size_t block_builder_bytes(const struct block_builder *b)
{
    size_t bytes = FRAME_BYTES_MAX;
    for (size_t i = 0; i < b->count; i++)
        bytes += row_bytes(b, i);
    return bytes;
}

/* The same without a look at the rows: much more. */
static size_t room_needed(const struct block_builder *b)
{
    size_t row = 3 * VARINT_BYTES_MAX + 1 + (size_t)b->stat_count * VARINT_BYTES_MAX;
    return FRAME_BYTES_MAX + b->count * row + b->answers.len;
}

/* The rows in the order of their instances, each as (instance << 32 | row). `keys` has room for two
 * lists; the result is one of them. Rows mostly come ascending; if not, a radix sort by bytes needs
 * few passes, since instances are small numbers. */
static const uint64_t *sort_rows(const struct block_builder *b, uint64_t *keys)
{
    bool ascending = true;
    uint32_t largest = 0;
    for (size_t i = 0; i < b->count; i++) {
        uint32_t instance = b->rows[i].instance;
        keys[i] = (uint64_t)instance << 32 | i;
        ascending = ascending && (i == 0 || instance > largest);
        largest = instance > largest ? instance : largest;
    }
    uint64_t *sorted = keys + b->count;
    for (unsigned shift = 0; !ascending && shift < 32 && largest >> shift > 0; shift += 8) {
        size_t starts[257] = {
            0
        }; /* where the rows with this byte begin; one behind while counting */
        for (size_t i = 0; i < b->count; i++)
            starts[(keys[i] >> (32 + shift) & 0xFF) + 1]++;
        for (size_t byte = 1; byte < 256; byte++)
            starts[byte] += starts[byte - 1];
        for (size_t i = 0; i < b->count; i++)
            sorted[starts[keys[i] >> (32 + shift) & 0xFF]++] = keys[i];
        uint64_t *unsorted = keys;
        keys = sorted;
        sorted = unsorted;
    }
    return keys;
}

static const struct block_row *row_at(const struct block_builder *b, uint64_t key)
{
    return &b->rows[(uint32_t)key];
}

static uint8_t *write_u32(uint8_t *at, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        *at++ = (uint8_t)(value >> (8 * i));
    return at;
}

static uint8_t *write_instances(const struct block_builder *b, const uint64_t *order, uint8_t *at)
{
    uint32_t previous = 0;
    for (size_t i = 0; i < b->count; i++) {
        uint32_t instance = (uint32_t)(order[i] >> 32);
        check(i == 0 || instance > previous); /* no instance twice */
        at = varint_write(at, instance - previous);
        previous = instance;
    }
    return at;
}

static uint8_t *write_answers(const struct block_builder *b, const uint64_t *order, uint8_t *at)
{
    bool as_they_came = true;
    for (size_t i = 0; i < b->count; i++)
        as_they_came = as_they_came && (uint32_t)order[i] == i;
    if (as_they_came && b->answers.len > 0)
        memcpy(at, b->answers.data, b->answers.len);
    for (size_t i = 0; i < b->count && !as_they_came; i++) {
        const struct block_row *row = row_at(b, order[i]);
        size_t len = (size_t)(row->kind_and_len >> 1);
        if (len > 0)
            memcpy(at, b->answers.data + row->answer_at, len);
        at += len;
    }
    return as_they_came ? at + b->answers.len : at;
}

/* There is room_needed at `at`. */
static uint8_t *write_block(const struct block_builder *b, const uint64_t *order, uint8_t *at)
{
    bool all_ok = true;
    for (size_t i = 0; i < b->count; i++)
        all_ok = all_ok && b->rows[i].status == STATUS_OK;
    at = write_u32(at, BLOCK_MAGIC);
    at = varint_write(at, b->count);
    at = varint_write(at, b->stat_count);
    *at++ = all_ok ? FLAG_ALL_OK : 0;
    at = write_instances(b, order, at);
    for (size_t i = 0; i < b->count && !all_ok; i++)
        *at++ = (uint8_t)row_at(b, order[i])->status;
    for (size_t i = 0; i < b->count; i++)
        at = varint_write(at, row_at(b, order[i])->micros);
    for (unsigned k = 0; k < b->stat_count; k++) {
        for (size_t i = 0; i < b->count; i++)
            at = varint_write(at, zigzag(b->stats[(uint32_t)order[i] * b->stat_count + k]));
    }
    for (size_t i = 0; i < b->count; i++)
        at = varint_write(at, row_at(b, order[i])->kind_and_len);
    return write_answers(b, order, at);
}

void block_builder_encode(struct block_builder *b, struct buf *out)
{
    size_t room = room_needed(b);
    buf_clear(&b->encoded);
    buf_reserve(&b->encoded, room);
    uint64_t *keys = xmalloc(2 * b->count * sizeof(keys[0]));
    uint8_t *first = b->encoded.data;
    uint8_t *end = write_block(b, sort_rows(b, keys), first);
    free(keys);
    end = write_u32(end, crc32c(0, first, (size_t)(end - first)));
    size_t len = (size_t)(end - first);
    check(len <= room && len <= BLOCK_BYTES_MAX);
    buf_append(out, first, len);
    b->count = 0;
    buf_clear(&b->answers);
}

void block_builder_release(struct block_builder *b)
{
    free(b->rows);
    free(b->stats);
    buf_release(&b->answers);
    buf_release(&b->encoded);
    *b = (struct block_builder){ .stat_count = b->stat_count };
}

/* One allocation for all columns, the widest first; b->stats is its start. */
static void allocate_columns(struct block *b)
{
    const size_t rows = b->rows;
    const size_t stats_bytes = rows * b->stat_count * sizeof(b->stats[0]);
    const size_t word_bytes = rows * sizeof(uint32_t);
    uint8_t *at = xmalloc(stats_bytes + 4 * word_bytes + 2 * rows);
    b->stats = (int64_t *)(void *)at;
    at += stats_bytes;
    uint32_t **words[] = { &b->instance, &b->micros, &b->answer_at, &b->answer_len };
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++, at += word_bytes)
        *words[i] = (uint32_t *)(void *)at;
    b->status = at;
    b->is_media = at + rows;
}

static bool read_instances(struct cursor *c, struct block *b)
{
    uint64_t instance = 0;
    for (uint32_t row = 0; row < b->rows; row++) {
        uint64_t distance = cursor_varint(c);
        if ((row > 0 && distance == 0) || distance > UINT32_MAX - instance)
            return false;
        instance += distance;
        b->instance[row] = (uint32_t)instance;
    }
    return true;
}

static bool read_statuses(struct cursor *c, struct block *b, bool all_ok)
{
    if (all_ok) {
        memset(b->status, STATUS_OK, b->rows);
        return true;
    }
    struct span column = cursor_bytes(c, b->rows);
    uint8_t any = 0;
    for (size_t row = 0; row < column.len; row++) {
        if (column.data[row] >= STATUS_COUNT)
            return false;
        b->status[row] = column.data[row];
        any |= column.data[row];
    }
    return any != STATUS_OK; /* if all were, the flag would say so: one content, one form */
}

static bool read_micros(struct cursor *c, struct block *b)
{
    for (uint32_t row = 0; row < b->rows; row++) {
        uint64_t micros = cursor_varint(c);
        if (micros > UINT32_MAX)
            return false;
        b->micros[row] = (uint32_t)micros;
    }
    return true;
}

static bool read_stats(struct cursor *c, struct block *b)
{
    for (unsigned k = 0; k < b->stat_count; k++) {
        for (uint32_t row = 0; row < b->rows; row++) {
            int64_t stat = cursor_zigzag(c);
            if (stat != 0 && b->status[row] != STATUS_OK)
                return false;
            b->stats[(size_t)row * b->stat_count + k] = stat;
        }
    }
    return true;
}

/* The answers must fill what is left. */
static bool read_answers(struct cursor *c, struct block *b)
{
    uint32_t total = 0; /* no overflow: BLOCK_ROWS_MAX x ANSWER_BYTES_MAX is 1 GiB */
    for (uint32_t row = 0; row < b->rows; row++) {
        uint64_t coded = cursor_varint(c);
        if (coded >> 1 > ANSWER_BYTES_MAX)
            return false;
        b->is_media[row] = coded & 1;
        b->answer_at[row] = total;
        b->answer_len[row] = (uint32_t)(coded >> 1);
        total += b->answer_len[row];
    }
    b->answers = c->at;
    return total == cursor_left(c);
}

static bool read_columns(struct cursor *c, struct block *b, bool all_ok)
{
    return read_instances(c, b) && read_statuses(c, b, all_ok) && read_micros(c, b) &&
           read_stats(c, b) && read_answers(c, b) && !c->failed;
}

err block_decode(struct span bytes, struct block *out)
{
    *out = (struct block){ 0 };
    if (bytes.len < CRC_BYTES || bytes.len > BLOCK_BYTES_MAX)
        return ERR_CORRUPT;
    struct span content = span_of(bytes.data, bytes.len - CRC_BYTES);
    struct cursor crc = cursor_of(span_of(bytes.data + content.len, CRC_BYTES));
    if (crc32c(0, content.data, content.len) != cursor_u32(&crc))
        return ERR_CORRUPT;

    struct cursor c = cursor_of(content);
    uint32_t magic = cursor_u32(&c);
    uint64_t rows = cursor_varint(&c), stat_count = cursor_varint(&c);
    uint8_t flags = cursor_u8(&c);
    if (c.failed || magic != BLOCK_MAGIC || (flags & ~FLAG_ALL_OK) != 0)
        return ERR_CORRUPT;
    if (rows > BLOCK_ROWS_MAX || stat_count > STATS_MAX)
        return ERR_CORRUPT;
    /* Every row has at least a byte a column: a small message cannot ask for much memory. */
    bool all_ok = flags & FLAG_ALL_OK;
    uint64_t columns = 3 + stat_count + (all_ok ? 0 : 1);
    if (rows * columns > cursor_left(&c))
        return ERR_CORRUPT;

    struct block b = { .rows = (uint32_t)rows, .stat_count = (uint8_t)stat_count };
    allocate_columns(&b);
    if (!read_columns(&c, &b, all_ok)) {
        block_release(&b);
        return ERR_CORRUPT;
    }
    *out = b;
    return OK;
}

void block_row(const struct block *b, uint32_t row, struct result *out)
{
    check(row < b->rows);
    *out = (struct result){
        .instance = b->instance[row],
        .status = (status)b->status[row],
        .micros = b->micros[row],
        .is_media = b->is_media[row],
        .answer = span_of(b->answers + b->answer_at[row], b->answer_len[row]),
    };
    if (b->stat_count > 0)
        memcpy(out->stats, &b->stats[(size_t)row * b->stat_count],
               b->stat_count * sizeof(out->stats[0]));
}

void block_release(struct block *b)
{
    free(b->stats);
    free(b->unpacked);
    *b = (struct block){ 0 };
}

void block_filter(const struct block *b, const struct bitmap *keep, struct buf *out)
{
    check(keep->bits == b->rows);
    struct block_builder kept;
    block_builder_init(&kept, b->stat_count);
    for (uint32_t row = bitmap_next_set(keep, 0); row < b->rows;
         row = bitmap_next_set(keep, row + 1)) {
        struct result result;
        block_row(b, row, &result);
        block_builder_add(&kept, &result);
    }
    block_builder_encode(&kept, out);
    block_builder_release(&kept);
}
