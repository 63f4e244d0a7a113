/* The whole store against itself. Structure first, without LMDB: what fails there could end LMDB by
 * a signal. Then every record; then, cell by cell, whether what is kept twice agrees (fsck_cell.c).
 */
#include "coordinator/store/fsck.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/check.h"
#include "common/mem.h"
#include "coordinator/store/pages.h"

void store_fsck_say(struct fsck *f, const char *format, ...)
{
    char sentence[ERRMSG_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, sizeof(sentence), format, args);
    va_end(args);
    f->sum->violations++;
    f->each(f->owner, sentence);
}

err store_fsck_note(struct fsck *f, err e)
{
    if (e != ERR_CORRUPT && e != ERR_UNSUPPORTED)
        return e;
    store_fsck_say(f, "%s", f->said.text);
    return OK;
}

bool store_fsck_next(struct fsck *f, struct store_cursor *c)
{
    while (!store_cursor_next(c)) {
        if (c->failure == OK || f->txn->rc != 0) /* the end, or LMDB itself gave up */
            return false;
        c->failure = store_fsck_note(f, c->failure);
        check(c->failure == OK); /* a record that cannot be read, and no more */
    }
    return true;
}

static err check_structure(struct fsck *f)
{
    struct store *s = f->txn->store;
    return store_pages_check(s->data_fd, s->data_path, store_txn_id(f->txn), true, &f->sum->bytes,
                             &f->said);
}

/* Every record, for its checksum's sake; `check_one` looks into it. */
typedef err check_record_f(struct fsck *f, const struct store_cursor *c, void *context);

static err check_table(struct fsck *f, enum store_table table, check_record_f *check_one,
                       void *context)
{
    struct store_cursor c;
    struct store_key from = { 0 };
    err e = store_cursor_open(&c, f->txn, table, &from, 0, &f->said);
    while (!e && store_fsck_next(f, &c))
        e = check_one(f, &c, context);
    return store_cursor_close(&c, e);
}

static err check_seal(struct fsck *f, const struct store_cursor *c, void *context)
{
    (void)f, (void)c, (void)context; /* that it could be read is all */
    return OK;
}

struct ids {
    enum store_table table;
    struct bitmap met; /* bit id - 1 */
};

static err check_identity(struct fsck *f, const struct store_cursor *c, void *context)
{
    struct ids *ids = context;
    struct store_identity identity;
    char place[STORE_KEY_TEXT_BYTES];
    store_key_text(ids->table, c->key, place);
    if (c->key.len != DIGEST_BYTES || !store_identity_decode(c->payload, &identity)) {
        store_fsck_say(f, "%s cannot be read", place);
        return OK;
    }
    if (identity.id > ids->met.bits || !bitmap_set(&ids->met, identity.id - 1)) {
        store_fsck_say(f, "%s has the id %u, which was never given or is another's", place,
                       identity.id);
        return OK;
    }
    if (ids->table == TABLE_MODEL)
        return OK;
    if (identity.size == 0 || identity.size > TASK_INSTANCES_MAX)
        store_fsck_say(f, "%s has %u instances", place, identity.size);
    else
        f->task_sizes[identity.id] = identity.size;
    return OK;
}

/* Identities have the ids 1 to `count`, each once. */
static err check_identities(struct fsck *f, enum store_table table, uint32_t count)
{
    struct ids ids = { .table = table };
    bitmap_init(&ids.met, count);
    err e = check_table(f, table, check_identity, &ids);
    uint32_t missing = count - bitmap_count(&ids.met);
    if (!e && missing > 0)
        store_fsck_say(f, "%u of %u ids of table '%s' have no record, the first of them %u",
                       missing, count, store_table_name(table), bitmap_next_clear(&ids.met, 0) + 1);
    bitmap_release(&ids.met);
    return e;
}

static err check_cell(struct fsck *f, const struct store_cursor *c)
{
    struct store_place place;
    struct store_cell_state state;
    char text[STORE_KEY_TEXT_BYTES];
    store_key_text(TABLE_TALLY, c->key, text);
    if (!store_key_parse(TABLE_TALLY, c->key, &place) ||
        !store_cell_state_decode(c->payload, &state)) {
        store_fsck_say(f, "%s cannot be read", text);
        return OK;
    }
    const struct store_head *head = &f->txn->head;
    if (place.model == 0 || place.model > head->model_count || place.task == 0 ||
        place.task > head->task_count) {
        store_fsck_say(f, "%s belongs to ids that were never given", text);
        return OK;
    }
    if (state.size != f->task_sizes[place.task]) {
        store_fsck_say(f, "%s has %u instances, its task %u", text, state.size,
                       f->task_sizes[place.task]);
        return OK;
    }
    f->sum->cells++;
    return store_fsck_cell(f, place.model, place.task, &state);
}

static err check_cells(struct fsck *f)
{
    struct store_cursor c;
    struct store_key from = { 0 };
    err e = store_cursor_open(&c, f->txn, TABLE_TALLY, &from, 0, &f->said);
    while (!e && store_fsck_next(f, &c))
        e = check_cell(f, &c);
    return store_cursor_close(&c, e);
}

/* *found: there is a sound record of this key. One that is not was told when its table was read. */
static err find(struct fsck *f, enum store_table table, const struct store_key *key,
                struct span *payload, bool *found)
{
    err e = store_get(f->txn, table, key, payload, &f->said);
    *found = !e;
    return f->txn->rc != 0 ? e : OK; /* LMDB itself gave up */
}

static err check_orphan(struct fsck *f, const struct store_cursor *c, void *context)
{
    (void)context;
    struct store_place place;
    char text[STORE_KEY_TEXT_BYTES];
    store_key_text(c->table, c->key, text);
    if (!store_key_parse(c->table, c->key, &place)) {
        store_fsck_say(f, "%s has a key of odd length", text);
        return OK;
    }
    struct store_key key = store_key_place(TABLE_TALLY, place.model, place.task, 0);
    struct span tally;
    bool found;
    err e = find(f, TABLE_TALLY, &key, &tally, &found);
    if (!e && !found)
        store_fsck_say(f, "%s belongs to no tally", text);
    return e;
}

/* Records of cells were met there; what is left over belongs to none. */
static err check_orphans(struct fsck *f)
{
    static const enum store_table tables[] = { TABLE_BLOCK, TABLE_DONE, TABLE_FAILURE,
                                               TABLE_REOPENED };
    err e = OK;
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]) && !e; i++) {
        uint64_t count;
        e = store_count(f->txn, tables[i], &count, &f->said);
        if (!e && count != f->in_cells[tables[i]])
            e = check_table(f, tables[i], check_orphan, NULL);
    }
    return e;
}

static err has_ended(struct fsck *f, const struct store_place *place, bool *out)
{
    struct store_key key = store_key_place(TABLE_DONE, place->model, place->task,
                                           place->number / STORE_PAGE_INSTANCES);
    uint32_t bit = (uint32_t)(place->number % STORE_PAGE_INSTANCES);
    struct span bits;
    bool found;
    err e = find(f, TABLE_DONE, &key, &bits, &found);
    *out = !e && found && bit / 8 < bits.len && (bits.data[bit / 8] >> bit % 8 & 1);
    return e;
}

static err check_strike(struct fsck *f, const struct store_cursor *c, void *context)
{
    (void)context;
    const struct store_head *head = &f->txn->head;
    struct store_place place;
    struct strike strike;
    bool ended = false;
    err e = OK;
    char text[STORE_KEY_TEXT_BYTES];
    store_key_text(TABLE_STRIKE, c->key, text);
    f->sum->strikes++;
    if (!store_key_parse(TABLE_STRIKE, c->key, &place) || !store_strike_decode(c->payload, &strike))
        store_fsck_say(f, "%s cannot be read", text);
    else if (place.model == 0 || place.model > head->model_count || place.task == 0 ||
             place.task > head->task_count)
        store_fsck_say(f, "%s belongs to ids that were never given", text);
    else if (place.number >= f->task_sizes[place.task])
        store_fsck_say(f, "%s is behind its task's end", text);
    else
        e = has_ended(f, &place, &ended);
    if (ended)
        store_fsck_say(f, "%s is of an instance that has ended", text);
    return e;
}

static err check_records(struct fsck *f)
{
    const struct store_head *head = &f->txn->head;
    f->sum->models = head->model_count;
    f->sum->tasks = head->task_count;
    f->task_sizes = xcalloc((size_t)head->task_count + 1, sizeof(f->task_sizes[0]));
    err e = check_table(f, TABLE_META, check_seal, NULL);
    if (!e)
        e = check_identities(f, TABLE_MODEL, head->model_count);
    if (!e)
        e = check_identities(f, TABLE_TASK, head->task_count);
    if (!e)
        e = check_cells(f);
    if (!e)
        e = check_orphans(f);
    if (!e)
        e = check_table(f, TABLE_STRIKE, check_strike, NULL);
    free(f->task_sizes);
    return e;
}

static err check_all(struct fsck *f)
{
    err e = check_structure(f);
    if (e != OK && e != ERR_AGAIN)
        return store_fsck_note(f, e); /* LMDB must not walk such a file: no more can be said */
    return e ? e : check_records(f);
}

err store_fsck(struct store *s, store_violation_f *each, void *owner, struct fsck_summary *out,
               struct errmsg *msg)
{
    err e;
    do { /* again if the coordinator was faster than the first look */
        struct store_txn t;
        e = store_read_begin(s, &t, msg);
        if (e)
            return e;
        *out = (struct fsck_summary){ 0 };
        struct fsck f = { .txn = &t, .each = each, .owner = owner, .sum = out };
        e = check_all(&f);
        store_read_end(&t);
        if (e && e != ERR_AGAIN)
            (void)err_say(msg, e, "%s", f.said.text);
    } while (e == ERR_AGAIN);
    return e;
}
