/* All results of one cell in the order of their instances: a merge of its blocks, each of which is
 * ordered by itself. A first pass notes where each block begins; the second has only those open
 * that overlap. */
#include <stdlib.h>

#include "common/check.h"
#include "common/heap.h"
#include "common/mem.h"
#include "common/pack/pack.h"
#include "coordinator/store/scan.h"
#include "coordinator/store/table.h"

struct source {
    struct heap_node node; /* key: the instance of the next row; tie: the block's number */
    uint32_t first;        /* instance of its first row */
    uint64_t number;
    uint64_t record;    /* the number of its record, */
    size_t at, len;     /* where in it the block lies */
    struct block block; /* while it is open */
    uint32_t row;       /* the next one */
};

struct merge {
    struct store_txn *txn;
    struct errmsg *msg;
    uint32_t model, task;
    struct store_cell_state state;
    struct store_voids voids;
    struct source *sources; /* by first instance */
    size_t count, capacity;
    size_t opened; /* sources before this one are open or done */
    struct heap heap;
    int64_t last; /* the instance given last */
    uint64_t given;
};

static err note_source(void *owner, struct store_cursor *c, const struct store_scanned *scanned)
{
    struct merge *m = owner;
    struct store_place place;
    check(store_key_parse(TABLE_BLOCK, c->key, &place)); /* it was scanned */
    if (scanned->block->rows == 0)
        return OK;
    m->sources = xgrow(m->sources, &m->capacity, m->count + 1, sizeof(m->sources[0]));
    m->sources[m->count++] = (struct source){
        .first = scanned->block->instance[0],
        .number = scanned->number,
        .record = place.number,
        .at = (size_t)(scanned->bytes.data - c->payload.data),
        .len = scanned->bytes.len,
    };
    return OK;
}

static int by_first(const void *a, const void *b)
{
    const struct source *x = a, *y = b;
    if (x->first != y->first)
        return x->first < y->first ? -1 : 1;
    return (x->number > y->number) - (x->number < y->number);
}

static err note_sources(struct merge *m)
{
    struct store_cursor c;
    struct store_key from = store_key_place(TABLE_BLOCK, m->model, m->task, 0);
    err e = store_cursor_open(&c, m->txn, TABLE_BLOCK, &from, STORE_CELL_KEY_BYTES, m->msg);
    while (!e && store_cursor_next(&c))
        e = store_scan_record(&c, m->state.size, note_source, m);
    e = store_cursor_close(&c, e);
    if (m->count > 1)
        qsort(m->sources, m->count, sizeof(m->sources[0]), by_first);
    return e;
}

static err open_source(struct merge *m, struct source *source)
{
    struct store_key key = store_key_place(TABLE_BLOCK, m->model, m->task, source->record);
    struct span payload;
    err e = store_get(m->txn, TABLE_BLOCK, &key, &payload, m->msg);
    if (e)
        return e;
    struct span bytes = span_of(payload.data + source->at, source->len);
    check(pack_decode(bytes, &source->block) == OK); /* as in the first pass */
    source->node.key = source->first;
    source->node.tie = source->number;
    heap_push(&m->heap, &source->node);
    return OK;
}

/* Open every source that may hold the next row. */
static err open_sources(struct merge *m)
{
    err e = OK;
    while (!e && m->opened < m->count) {
        struct heap_node *top = heap_top(&m->heap);
        if (top && top->key < m->sources[m->opened].first)
            break;
        e = open_source(m, &m->sources[m->opened++]);
    }
    return e;
}

static void advance(struct merge *m, struct source *source)
{
    source->row++;
    if (source->row < source->block.rows) {
        heap_rekey(&m->heap, &source->node, source->block.instance[source->row]);
        return;
    }
    heap_remove(&m->heap, &source->node);
    block_release(&source->block);
}

static err give_row(struct merge *m, const struct source *source, store_result_f *each, void *owner,
                    bool *more)
{
    struct result result;
    block_row(&source->block, source->row, &result);
    if (store_voids_has(&m->voids, result.instance, source->number))
        return OK;
    if (result.instance == m->last) {
        struct store_key key = store_key_place(TABLE_BLOCK, m->model, m->task, source->record);
        return store_damaged(m->txn, TABLE_BLOCK, store_key_span(&key), "records an instance again",
                             m->msg);
    }
    m->last = result.instance;
    m->given++;
    *more = each(owner, &result);
    return OK;
}

static err merge_rows(struct merge *m, store_result_f *each, void *owner)
{
    bool more = true;
    err e = open_sources(m);
    while (!e && more && heap_top(&m->heap)) {
        struct heap_node *top = heap_top(&m->heap);
        struct source *source = container_of(top, struct source, node);
        e = give_row(m, source, each, owner, &more);
        advance(m, source);
        if (!e)
            e = open_sources(m);
    }
    if (!e && more)
        e = store_state_agrees(m->txn, m->model, m->task, &m->state, m->given, m->msg);
    return e;
}

static void merge_release(struct merge *m)
{
    for (size_t i = 0; i < m->count; i++)
        block_release(&m->sources[i].block);
    heap_release(&m->heap); /* before its nodes, which lie in the sources */
    free(m->sources);
    store_voids_release(&m->voids);
}

static err each_result(struct merge *m, store_result_f *each, void *owner)
{
    err e = store_state_read(m->txn, m->model, m->task, &m->state, m->msg);
    if (e == ERR_NOT_FOUND)
        e = OK; /* then there must be no block either */
    if (!e)
        e = store_voids_read(m->txn, m->model, m->task, &m->voids, m->msg);
    if (!e)
        e = note_sources(m);
    if (!e)
        e = merge_rows(m, each, owner);
    merge_release(m);
    return e;
}

err store_each_result(struct store *s, uint32_t model, uint32_t task, store_result_f *each,
                      void *owner, struct errmsg *msg)
{
    struct store_txn t;
    err e = store_read_begin(s, &t, msg);
    if (e)
        return e;
    struct merge m = {
        .txn = &t,
        .msg = msg,
        .model = model,
        .task = task,
        .last = -1,
    };
    e = each_result(&m, each, owner);
    store_read_end(&t);
    return e;
}
