#include <inttypes.h>
#include <stdlib.h>

#include "common/mem.h"
#include "coordinator/store/fsck.h"
#include "coordinator/store/scan.h"

struct failed_row {
    uint32_t instance;
    struct store_failure failure; /* without its reason */
    struct digest reason;         /* a packed block is gone by the time it is compared */
};

struct cell_check {
    struct fsck *f;
    uint32_t model, task;
    const struct store_cell_state *state;
    struct store_voids voids;
    bool *void_met;            /* a bool a void: its failed row was found */
    uint64_t blocks;           /* the number of the last one */
    struct digest chain;       /* of their bytes */
    struct bitmap counted;     /* instances whose row counts */
    struct tally tally;        /* of those */
    struct failed_row *failed; /* those of them that failed, later by instance */
    size_t failed_count, failed_capacity;
    size_t failed_next;  /* the first that no record was seen of */
    struct bitmap ended; /* as the store has it */
};

#define SAY(c, format, ...)                                                                        \
    store_fsck_say((c)->f, "model %u, task %u: " format, (c)->model, (c)->task, __VA_ARGS__)

/* A void row must be a failed one; the newest one of an instance is what its record points at. */
static void check_void_row(struct cell_check *c, const struct block *block, uint32_t row,
                           uint64_t number)
{
    if (block->status[row] == STATUS_OK)
        SAY(c, "a retry took back instance %u of block %" PRIu64 ", which did not fail",
            block->instance[row], number);
    const struct store_void *found = store_voids_find(&c->voids, block->instance[row]);
    if (found->block == number)
        c->void_met[found - c->voids.items] = true;
}

static void note_failed_row(struct cell_check *c, const struct block *block, uint32_t row,
                            uint64_t number)
{
    struct span reason = span_of(block->answers + block->answer_at[row], block->answer_len[row]);
    c->failed = xgrow(c->failed, &c->failed_capacity, c->failed_count + 1, sizeof(c->failed[0]));
    c->failed[c->failed_count++] = (struct failed_row){
        .instance = block->instance[row],
        .failure = { .status = (status)block->status[row],
                     .micros = block->micros[row],
                     .block = number },
        .reason = digest_of(store_reason_cut(reason)),
    };
}

static void check_row(struct cell_check *c, const struct block *block, uint32_t row,
                      uint64_t number)
{
    uint32_t instance = block->instance[row];
    if (store_voids_has(&c->voids, instance, number)) {
        check_void_row(c, block, row, number);
        return;
    }
    if (!bitmap_set(&c->counted, instance))
        SAY(c, "instance %u is recorded again in block %" PRIu64, instance, number);
    c->f->sum->rows++;
    store_tally_add(&c->tally, block, row);
    if (block->status[row] != STATUS_OK)
        note_failed_row(c, block, row, number);
}

static err check_block(void *owner, struct store_cursor *cursor,
                       const struct store_scanned *scanned)
{
    (void)cursor;
    struct cell_check *c = owner;
    if (scanned->number != c->blocks + 1)
        SAY(c, "block %" PRIu64 " follows block %" PRIu64, scanned->number, c->blocks);
    c->blocks = scanned->number;
    c->f->sum->block_bytes += scanned->bytes.len;
    store_chain_add(&c->chain, scanned->bytes);
    for (uint32_t row = 0; row < scanned->block->rows; row++)
        check_row(c, scanned->block, row, scanned->number);
    return OK;
}

static err check_blocks(struct cell_check *c, struct store_cursor *cursor)
{
    err e = store_scan_record(cursor, c->state->size, check_block, c);
    return e ? store_fsck_note(c->f, e) : OK;
}

static err check_page(struct cell_check *c, struct store_cursor *cursor)
{
    struct store_place place;
    if (!store_key_parse(TABLE_DONE, cursor->key, &place) || cursor->payload.len == 0 ||
        cursor->payload.len != store_page_bytes(c->state->size, place.number)) {
        SAY(c, "a page of the bitmap has %zu bytes", cursor->payload.len);
        return OK;
    }
    uint32_t first = (uint32_t)place.number * STORE_PAGE_INSTANCES;
    for (uint32_t bit = 0; bit < 8 * cursor->payload.len; bit++) {
        if (!(cursor->payload.data[bit / 8] >> bit % 8 & 1))
            continue;
        if (first + bit < c->state->size)
            bitmap_set(&c->ended, first + bit);
        else
            SAY(c, "the bitmap has instance %u, behind the task's end", first + bit);
    }
    return OK;
}

static bool is_failure_of(const struct failed_row *row, const struct store_failure *b)
{
    const struct store_failure *a = &row->failure;
    struct digest reason = digest_of(b->reason);
    return a->status == b->status && a->micros == b->micros && a->block == b->block &&
           digest_equal(&row->reason, &reason);
}

static void say_unlisted(struct cell_check *c, uint64_t before)
{
    for (; c->failed_next < c->failed_count; c->failed_next++) {
        uint32_t instance = c->failed[c->failed_next].instance;
        if (instance >= before)
            return;
        SAY(c, "instance %u failed, but is not listed as a failure", instance);
    }
}

static err check_failure(struct cell_check *c, struct store_cursor *cursor)
{
    struct store_place place;
    struct store_failure failure;
    c->f->sum->failures++;
    if (!store_key_parse(TABLE_FAILURE, cursor->key, &place) ||
        !store_failure_decode(cursor->payload, &failure)) {
        SAY(c, "a failure of %zu bytes cannot be read", cursor->payload.len);
        return OK;
    }
    say_unlisted(c, place.number);
    const struct failed_row *row =
        c->failed_next < c->failed_count ? &c->failed[c->failed_next] : NULL;
    if (!row || row->instance != place.number) {
        SAY(c, "instance %" PRIu64 " is listed as a failure, but did not fail", place.number);
        return OK;
    }
    if (!is_failure_of(row, &failure))
        SAY(c, "the failure of instance %" PRIu64 " is not what its block says", place.number);
    c->failed_next++;
    return OK;
}

/* Each record of one table in this cell. */
typedef err check_one_f(struct cell_check *c, struct store_cursor *cursor);

static err check_each(struct cell_check *c, enum store_table table, check_one_f *check_one)
{
    struct store_cursor cursor;
    struct store_key from = store_key_place(table, c->model, c->task, 0);
    err e = store_cursor_open(&cursor, c->f->txn, table, &from, STORE_CELL_KEY_BYTES, &c->f->said);
    while (!e && store_fsck_next(c->f, &cursor)) {
        c->f->in_cells[table]++;
        e = check_one(c, &cursor);
    }
    return store_cursor_close(&cursor, e);
}

static int by_instance(const void *a, const void *b)
{
    const struct failed_row *x = a, *y = b;
    return (x->instance > y->instance) - (x->instance < y->instance);
}

static void check_voids(struct cell_check *c)
{
    for (size_t i = 0; i < c->voids.count; i++) {
        if (!c->void_met[i])
            SAY(c, "a retry took back instance %u of block %" PRIu64 ", which is not there",
                c->voids.items[i].instance, c->voids.items[i].block);
    }
}

/* What is kept beside the blocks must be what they come to. */
static void compare(struct cell_check *c)
{
    if (c->blocks != c->state->blocks)
        SAY(c, "there are %" PRIu64 " blocks, %" PRIu64 " were recorded", c->blocks,
            c->state->blocks);
    else if (!digest_equal(&c->chain, &c->state->chain))
        SAY(c, "the %" PRIu64 " blocks are not those that were recorded, or in another order",
            c->blocks);
    if (!store_tally_equal(&c->tally, &c->state->tally))
        SAY(c,
            "the tally has %" PRIu64 " instances and other sums than a recount, which has %" PRIu64,
            store_tally_rows(&c->state->tally), store_tally_rows(&c->tally));
    for (uint32_t i = 0; i < c->counted.bits; i++) {
        if (bitmap_get(&c->counted, i) == bitmap_get(&c->ended, i))
            continue;
        SAY(c, "the bitmap differs from a recount, first in instance %u", i);
        break;
    }
    say_unlisted(c, UINT64_MAX);
    check_voids(c);
}

static err check_all(struct cell_check *c)
{
    err e = check_each(c, TABLE_BLOCK, check_blocks);
    if (c->failed_count > 1)
        qsort(c->failed, c->failed_count, sizeof(c->failed[0]), by_instance);
    if (!e)
        e = check_each(c, TABLE_DONE, check_page);
    if (!e)
        e = check_each(c, TABLE_FAILURE, check_failure);
    if (!e)
        compare(c);
    return e;
}

err store_fsck_cell(struct fsck *f, uint32_t model, uint32_t task,
                    const struct store_cell_state *state)
{
    struct cell_check c = { .f = f, .model = model, .task = task, .state = state };
    err e = store_voids_read(f->txn, model, task, &c.voids, &f->said);
    if (e)
        return store_fsck_note(f, e); /* which rows count is not known */
    f->in_cells[TABLE_REOPENED] += c.voids.count;
    c.void_met = xcalloc(c.voids.count + 1, sizeof(c.void_met[0]));
    bitmap_init(&c.counted, state->size);
    bitmap_init(&c.ended, state->size);
    e = check_all(&c);
    f->sum->blocks += c.blocks;
    bitmap_release(&c.counted);
    bitmap_release(&c.ended);
    free(c.failed);
    free(c.void_met);
    store_voids_release(&c.voids);
    return e;
}
