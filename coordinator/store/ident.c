/* Ids of identities, and small named values. */
#include "coordinator/store/ident.h"

#include "common/check.h"

static err check_table(struct store_txn *t, enum store_table table, struct errmsg *msg)
{
    struct store_cursor c;
    struct store_key from = { 0 };
    err e = store_cursor_open(&c, t, table, &from, 0, msg);
    while (!e && store_cursor_next(&c))
        ;
    return store_cursor_close(&c, e);
}

err store_ident_check(struct store_txn *t, struct errmsg *msg)
{
    static const enum store_table tables[] = { TABLE_META, TABLE_MODEL, TABLE_TASK };
    err e = OK;
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]) && !e; i++)
        e = check_table(t, tables[i], msg);
    return e;
}

struct request {
    enum store_table table; /* TABLE_MODEL or TABLE_TASK */
    struct store_key key;
    struct store_identity identity; /* id: the answer */
};

/* ERR_NOT_FOUND: not known yet. */
static err find(struct store_txn *t, struct request *r, struct errmsg *msg)
{
    struct span payload;
    err e = store_get(t, r->table, &r->key, &payload, msg);
    if (e)
        return e;
    struct store_identity known;
    if (!store_identity_decode(payload, &known))
        return store_damaged(t, r->table, store_key_span(&r->key), "cannot be read", msg);
    if (known.size != r->identity.size)
        return err_say(msg, ERR_INVALID,
                       "%s: task %u is stored with %u instances, not %u: its data changed, but not "
                       "its identity",
                       t->store->data_path, known.id, known.size, r->identity.size);
    r->identity.id = known.id;
    return OK;
}

static err give(struct store_txn *t, void *context, struct errmsg *msg)
{
    struct request *r = context;
    uint32_t *count = r->table == TABLE_MODEL ? &t->head.model_count : &t->head.task_count;
    check(*count < UINT32_MAX);
    r->identity.id = ++*count;
    struct buf *payload = &t->store->scratch;
    buf_clear(payload);
    store_identity_encode(&r->identity, payload);
    err e = store_put(t, r->table, &r->key, buf_span(payload), msg);
    return e ? e : store_put_head(t, msg);
}

static err find_or_give(struct store *s, struct request *r, uint32_t *out_id, struct errmsg *msg)
{
    struct store_txn t;
    err e = store_read_begin(s, &t, msg);
    if (!e) {
        e = find(&t, r, msg);
        store_read_end(&t);
    }
    if (e == ERR_NOT_FOUND) {
        e = store_write(s, STORE_NEED_SMALL + 2 * r->identity.record.len, give, r, msg);
        if (!e && r->table == TABLE_MODEL)
            s->info.model_count = r->identity.id;
        if (!e && r->table == TABLE_TASK)
            s->info.task_count = r->identity.id;
    }
    if (!e)
        *out_id = r->identity.id;
    return e;
}

err store_model_id(struct store *s, const struct digest *identity, struct span record,
                   uint32_t *out_id, struct errmsg *msg)
{
    struct request r = {
        .table = TABLE_MODEL,
        .key = store_key_digest(identity),
        .identity = { .record = record },
    };
    return find_or_give(s, &r, out_id, msg);
}

err store_task_id(struct store *s, const struct digest *identity, uint32_t size, struct span record,
                  uint32_t *out_id, struct errmsg *msg)
{
    check(size > 0 && size <= TASK_INSTANCES_MAX);
    struct request r = {
        .table = TABLE_TASK,
        .key = store_key_digest(identity),
        .identity = { .size = size, .record = record },
    };
    return find_or_give(s, &r, out_id, msg);
}

struct namings {
    const struct store_naming *list;
    size_t count;
    uint32_t *ids; /* 0: not known yet */
    size_t unknown;
};

static struct request request_of(const struct store_naming *n)
{
    return (struct request){
        .table = n->is_task ? TABLE_TASK : TABLE_MODEL,
        .key = store_key_digest(&n->identity),
        .identity = { .size = n->is_task ? n->size : 0, .record = n->record },
    };
}

static err find_all(struct store_txn *t, struct namings *n, struct errmsg *msg)
{
    for (size_t i = 0; i < n->count; i++) {
        struct request r = request_of(&n->list[i]);
        err e = find(t, &r, msg);
        if (e && e != ERR_NOT_FOUND)
            return e;
        n->ids[i] = e ? 0 : r.identity.id;
        n->unknown += e ? 1 : 0;
    }
    return OK;
}

/* Finds again, too: the same identity may be named twice, and the map may have grown meanwhile, so
 * that this runs once more on a fresh transaction. */
static err give_all(struct store_txn *t, void *context, struct errmsg *msg)
{
    struct namings *n = context;
    err e = OK;
    for (size_t i = 0; i < n->count && !e; i++) {
        struct request r = request_of(&n->list[i]);
        e = find(t, &r, msg);
        if (e == ERR_NOT_FOUND)
            e = give(t, &r, msg);
        n->ids[i] = r.identity.id;
    }
    return e;
}

err store_ids(struct store *s, const struct store_naming *namings, size_t count, uint32_t *out_ids,
              struct errmsg *msg)
{
    struct namings n = { .list = namings, .count = count, .ids = out_ids };
    struct store_txn t;
    err e = store_read_begin(s, &t, msg);
    if (e)
        return e;
    e = find_all(&t, &n, msg);
    store_read_end(&t);
    if (e || n.unknown == 0)
        return e;
    uint64_t need = STORE_NEED_SMALL;
    for (size_t i = 0; i < count; i++)
        need += 2 * (namings[i].record.len + sizeof(struct store_key));
    e = store_write(s, need, give_all, &n, msg);
    for (size_t i = 0; i < count && !e; i++) {
        uint32_t *known = namings[i].is_task ? &s->info.task_count : &s->info.model_count;
        if (out_ids[i] > *known)
            *known = out_ids[i];
    }
    return e;
}

/* Opening has read every identity, so that failing now means failing memory or disk: the store must
 * not pass for one that does not know, and the process ends. */
static uint32_t find_id(struct store *s, enum store_table table, const struct digest *identity)
{
    struct store_txn t;
    struct store_key key = store_key_digest(identity);
    struct store_identity known = { 0 };
    struct span payload;
    check(store_read_begin(s, &t, NULL) == OK);
    err e = store_get(&t, table, &key, &payload, NULL);
    check(e == ERR_NOT_FOUND || (e == OK && store_identity_decode(payload, &known)));
    store_read_end(&t);
    return known.id;
}

uint32_t store_find_model(struct store *s, const struct digest *identity)
{
    return find_id(s, TABLE_MODEL, identity);
}

uint32_t store_find_task(struct store *s, const struct digest *identity)
{
    return find_id(s, TABLE_TASK, identity);
}

err store_meta(struct store *s, const char *key, struct buf *out, struct errmsg *msg)
{
    struct store_key name = store_key_meta(key);
    struct store_txn t;
    struct span payload;
    err e = store_read_begin(s, &t, msg);
    if (e)
        return e;
    e = store_get(&t, TABLE_META, &name, &payload, msg);
    if (!e)
        buf_append_span(out, payload);
    if (e == ERR_NOT_FOUND)
        e = err_say(msg, e, "%s: nothing is kept under the name '%s'", s->data_path, key);
    store_read_end(&t);
    return e;
}

static err each_of(struct store_txn *t, enum store_table table, store_identity_f *each, void *owner,
                   struct errmsg *msg)
{
    struct store_cursor c;
    struct store_key from = { 0 };
    err e = store_cursor_open(&c, t, table, &from, 0, msg);
    while (!e && store_cursor_next(&c)) {
        struct store_identity known;
        struct digest identity;
        if (!store_identity_decode(c.payload, &known) || c.key.len != sizeof(identity.bytes)) {
            e = store_damaged(t, table, c.key, "cannot be read", msg);
            continue;
        }
        memcpy(identity.bytes, c.key.data, sizeof(identity.bytes));
        each(owner, known.id, &identity, known.size, known.record);
    }
    return store_cursor_close(&c, e);
}

static err each_in(struct store *s, enum store_table table, store_identity_f *each, void *owner,
                   struct errmsg *msg)
{
    struct store_txn t;
    err e = store_read_begin(s, &t, msg);
    if (e)
        return e;
    e = each_of(&t, table, each, owner, msg);
    store_read_end(&t);
    return e;
}

err store_each_model(struct store *s, store_identity_f *each, void *owner, struct errmsg *msg)
{
    return each_in(s, TABLE_MODEL, each, owner, msg);
}

err store_each_task(struct store *s, store_identity_f *each, void *owner, struct errmsg *msg)
{
    return each_in(s, TABLE_TASK, each, owner, msg);
}
