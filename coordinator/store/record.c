#include "coordinator/store/record.h"

#include "common/check.h"
#include "common/crc.h"
#include "common/varint.h"

/* The versions that are read: the last one is written. */
static const struct {
    uint8_t first, last;
} table_versions[TABLE_COUNT] = {
    [TABLE_META] = { 1, 1 },    [TABLE_MODEL] = { 1, 1 },  [TABLE_TASK] = { 1, 1 },
    [TABLE_BLOCK] = { 1, 3 },   [TABLE_DONE] = { 1, 1 },   [TABLE_TALLY] = { 2, 2 },
    [TABLE_FAILURE] = { 1, 1 }, [TABLE_STRIKE] = { 1, 1 }, [TABLE_REOPENED] = { 1, 1 },
};

static uint32_t seal_crc(struct span key, uint8_t version, struct span payload)
{
    uint32_t crc = crc32c(0, key.data, key.len);
    crc = crc32c(crc, &version, 1);
    return crc32c(crc, payload.data, payload.len);
}

void store_record_seal(enum store_table table, struct span key, struct span payload, uint8_t *out)
{
    uint8_t version = table_versions[table].last;
    uint32_t crc = seal_crc(key, version, payload);
    for (unsigned i = 0; i < 4; i++)
        *out++ = (uint8_t)(crc >> (8 * i));
    *out++ = version;
    if (payload.len > 0)
        memcpy(out, payload.data, payload.len);
}

err store_record_open(enum store_table table, struct span key, struct span value,
                      struct span *payload)
{
    if (value.len < STORE_SEAL_BYTES)
        return ERR_CORRUPT;
    struct cursor c = cursor_of(value);
    uint32_t crc = cursor_u32(&c);
    uint8_t version = cursor_u8(&c);
    struct span rest = cursor_bytes(&c, cursor_left(&c));
    if (crc != seal_crc(key, version, rest))
        return ERR_CORRUPT;
    if (version < table_versions[table].first || version > table_versions[table].last)
        return ERR_UNSUPPORTED;
    *payload = rest;
    return OK;
}

static struct span rest_of(struct cursor *c)
{
    return cursor_bytes(c, cursor_left(c));
}

static bool is_whole(const struct cursor *c)
{
    return !c->failed && cursor_left(c) == 0;
}

/* A varint that must fit 32 bits. */
static uint32_t cursor_id(struct cursor *c)
{
    uint64_t value = cursor_varint(c);
    if (value > UINT32_MAX)
        c->failed = true;
    return (uint32_t)value;
}

static status cursor_status(struct cursor *c)
{
    uint8_t value = cursor_u8(c);
    if (value >= STATUS_COUNT)
        c->failed = true;
    return c->failed ? STATUS_OK : (status)value;
}

void store_head_encode(const struct store_head *head, struct buf *out)
{
    put_varint(out, head->schema);
    put_varint(out, head->epoch);
    buf_append(out, head->uuid.bytes, sizeof(head->uuid.bytes));
    buf_append_byte(out, head->clean);
    put_varint(out, head->model_count);
    put_varint(out, head->task_count);
}

bool store_head_decode(struct span payload, struct store_head *out)
{
    struct cursor c = cursor_of(payload);
    out->schema = cursor_id(&c);
    out->epoch = cursor_varint(&c);
    struct span uuid = cursor_bytes(&c, sizeof(out->uuid.bytes));
    out->clean = cursor_u8(&c) != 0;
    out->model_count = cursor_id(&c);
    out->task_count = cursor_id(&c);
    if (!is_whole(&c))
        return false;
    memcpy(out->uuid.bytes, uuid.data, sizeof(out->uuid.bytes));
    return true;
}

void store_identity_encode(const struct store_identity *identity, struct buf *out)
{
    put_varint(out, identity->id);
    put_varint(out, identity->size);
    buf_append_span(out, identity->record);
}

bool store_identity_decode(struct span payload, struct store_identity *out)
{
    struct cursor c = cursor_of(payload);
    out->id = cursor_id(&c);
    out->size = cursor_id(&c);
    out->record = rest_of(&c);
    return is_whole(&c) && out->id > 0;
}

void store_cell_state_encode(const struct store_cell_state *state, struct buf *out)
{
    put_varint(out, state->size);
    put_varint(out, state->blocks);
    buf_append(out, state->chain.bytes, sizeof(state->chain.bytes));
    put_varint(out, state->tally.micros);
    /* The lengths come along, so that a later status or a wider STATS_MAX needs no new version. */
    put_varint(out, STATUS_COUNT);
    for (unsigned i = 0; i < STATUS_COUNT; i++)
        put_varint(out, state->tally.count[i]);
    put_varint(out, STATS_MAX);
    for (unsigned i = 0; i < STATS_MAX; i++)
        put_zigzag(out, state->tally.stats[i]);
}

bool store_cell_state_decode(struct span payload, struct store_cell_state *out)
{
    *out = (struct store_cell_state){ 0 };
    struct cursor c = cursor_of(payload);
    out->size = cursor_id(&c);
    out->blocks = cursor_varint(&c);
    struct span chain = cursor_bytes(&c, sizeof(out->chain.bytes));
    if (c.failed)
        return false;
    memcpy(out->chain.bytes, chain.data, chain.len);
    out->tally.micros = cursor_varint(&c);
    uint64_t statuses = cursor_varint(&c);
    if (statuses > STATUS_COUNT)
        return false;
    for (unsigned i = 0; i < statuses; i++)
        out->tally.count[i] = cursor_varint(&c);
    uint64_t stats = cursor_varint(&c);
    if (stats > STATS_MAX)
        return false;
    for (unsigned i = 0; i < stats; i++)
        out->tally.stats[i] = cursor_zigzag(&c);
    return is_whole(&c);
}

void store_failure_encode(const struct store_failure *failure, struct buf *out)
{
    buf_append_byte(out, (uint8_t)failure->status);
    put_varint(out, failure->micros);
    put_varint(out, failure->block);
    buf_append_span(out, failure->reason);
}

bool store_failure_decode(struct span payload, struct store_failure *out)
{
    struct cursor c = cursor_of(payload);
    out->status = cursor_status(&c);
    out->micros = cursor_id(&c);
    out->block = cursor_varint(&c);
    out->reason = rest_of(&c);
    return is_whole(&c);
}

void store_strike_encode(const struct strike *strike, struct buf *out)
{
    buf_append_byte(out, (uint8_t)strike->status);
    put_varint(out, strike->count);
    put_varint(out, strike->attempt);
    buf_append_span(out, strike->reason);
}

bool store_strike_decode(struct span payload, struct strike *out)
{
    struct cursor c = cursor_of(payload);
    out->status = cursor_status(&c);
    out->count = cursor_id(&c);
    out->attempt = cursor_varint(&c);
    out->reason = rest_of(&c);
    return is_whole(&c);
}

void store_reopened_encode(uint64_t block, struct buf *out)
{
    put_varint(out, block);
}

bool store_reopened_decode(struct span payload, uint64_t *out_block)
{
    struct cursor c = cursor_of(payload);
    *out_block = cursor_varint(&c);
    return is_whole(&c);
}

size_t store_page_bytes(uint32_t size, uint64_t page)
{
    uint64_t first = page * STORE_PAGE_INSTANCES;
    if (page > UINT32_MAX || first >= size)
        return 0;
    uint64_t instances = size - first;
    return instances < STORE_PAGE_INSTANCES ? (size_t)(instances + 7) / 8 : STORE_PAGE_BYTES;
}

struct span store_reason_cut(struct span reason)
{
    if (reason.len <= STORE_REASON_BYTES_MAX)
        return reason;
    size_t len = STORE_REASON_BYTES_MAX;
    while (len > 0 && (reason.data[len] & 0xC0) == 0x80)
        len--;
    return span_of(reason.data, len);
}

void store_chain_add(struct digest *chain, struct span block)
{
    struct digest links[2] = { *chain, digest_of(block) };
    *chain = digest_of(span_of(links, sizeof(links)));
}

void store_tally_add(struct tally *tally, const struct block *block, uint32_t row)
{
    tally->count[block->status[row]]++;
    tally->micros += block->micros[row];
    const int64_t *stats = &block->stats[(size_t)row * block->stat_count];
    for (unsigned k = 0; k < block->stat_count; k++) /* rows without OK carry 0 */
        tally->stats[k] = (int64_t)((uint64_t)tally->stats[k] + (uint64_t)stats[k]);
}

bool store_tally_equal(const struct tally *a, const struct tally *b)
{
    return memcmp(a->count, b->count, sizeof(a->count)) == 0 &&
           memcmp(a->stats, b->stats, sizeof(a->stats)) == 0 && a->micros == b->micros;
}

uint64_t store_tally_rows(const struct tally *tally)
{
    uint64_t rows = 0;
    for (unsigned i = 0; i < STATUS_COUNT; i++)
        rows += tally->count[i];
    return rows;
}
