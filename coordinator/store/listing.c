/* Strikes and failures, one by one. */
#include "coordinator/store/table.h"

static err read_strike(const struct store_cursor *c, struct strike *out)
{
    struct store_place place;
    if (!store_strike_decode(c->payload, out) || !store_key_parse(TABLE_STRIKE, c->key, &place))
        return store_damaged(c->txn, TABLE_STRIKE, c->key, "cannot be read", c->msg);
    out->model = place.model;
    out->task = place.task;
    out->instance = (uint32_t)place.number;
    return OK;
}

static err each_strike(struct store_txn *t, store_strike_f *each, void *owner, struct errmsg *msg)
{
    struct store_cursor c;
    struct store_key from = { 0 };
    err e = store_cursor_open(&c, t, TABLE_STRIKE, &from, 0, msg);
    while (!e && store_cursor_next(&c)) {
        struct strike strike;
        e = read_strike(&c, &strike);
        if (!e)
            each(owner, &strike);
    }
    return store_cursor_close(&c, e);
}

err store_each_strike(struct store *s, store_strike_f *each, void *owner, struct errmsg *msg)
{
    struct store_txn t;
    err e = store_read_begin(s, &t, msg);
    if (e)
        return e;
    e = each_strike(&t, each, owner, msg);
    store_read_end(&t);
    return e;
}

static err read_failure(const struct store_cursor *c, struct strike *out)
{
    struct store_place place;
    struct store_failure failure;
    if (!store_failure_decode(c->payload, &failure) ||
        !store_key_parse(TABLE_FAILURE, c->key, &place))
        return store_damaged(c->txn, TABLE_FAILURE, c->key, "cannot be read", c->msg);
    *out = (struct strike){
        .model = place.model,
        .task = place.task,
        .instance = (uint32_t)place.number,
        .status = failure.status,
        .reason = failure.reason,
    };
    return OK;
}

static err each_failure(struct store_txn *t, uint32_t model, const struct strike *after, size_t max,
                        store_strike_f *each, void *owner, size_t *given, struct errmsg *msg)
{
    struct store_key last =
        store_key_place(TABLE_FAILURE, after->model, after->task, after->instance);
    struct store_key first = store_key_place(TABLE_FAILURE, model, 0, 0);
    if (model != 0 && after->model > model)
        return OK;
    struct store_key *from = memcmp(last.bytes, first.bytes, last.len) < 0 ? &first : &last;
    struct store_cursor c;
    err e = store_cursor_open(&c, t, TABLE_FAILURE, from, model ? STORE_MODEL_KEY_BYTES : 0, msg);
    while (!e && *given < max && store_cursor_next(&c)) {
        struct strike failure;
        if (span_equal(c.key, store_key_span(&last)))
            continue; /* given before */
        e = read_failure(&c, &failure);
        if (e)
            break;
        ++*given;
        each(owner, &failure);
    }
    return store_cursor_close(&c, e);
}

err store_each_failure(struct store *s, uint32_t model, struct strike after, size_t max,
                       store_strike_f *each, void *owner, size_t *out_given, struct errmsg *msg)
{
    struct store_txn t;
    *out_given = 0;
    err e = store_read_begin(s, &t, msg);
    if (e)
        return e;
    e = each_failure(&t, model, &after, max, each, owner, out_given, msg);
    store_read_end(&t);
    return e;
}
