/* Who comes by records of a store: each reads some of cell (1, 1), or of model 1, and forgets it.
 */
#ifndef MUSTER_TESTS_IO_STORE_USES_H
#define MUSTER_TESTS_IO_STORE_USES_H

#include "tests/io/store_fixture.h"

typedef err store_use_f(struct store *s, struct errmsg *msg);

static inline err use_cell(struct store *s, uint32_t size, struct errmsg *msg)
{
    struct bitmap ended;
    struct tally tally;
    err e = store_load_cell(s, 1, 1, size, &ended, &tally, msg);
    if (!e)
        bitmap_release(&ended);
    return e;
}

static inline err use_recount(struct store *s, uint32_t size, struct errmsg *msg)
{
    struct tally tally;
    return store_recount(s, 1, 1, size, NULL, &tally, msg);
}

static inline bool use_ignore_result(void *owner, const struct result *result)
{
    (void)owner, (void)result;
    return true;
}

static inline err use_results(struct store *s, struct errmsg *msg)
{
    return store_each_result(s, 1, 1, use_ignore_result, NULL, msg);
}

static inline err use_count(struct store *s, struct errmsg *msg)
{
    uint64_t count;
    return store_count_results(s, 1, &count, msg);
}

static inline void use_ignore_strike(void *owner, const struct strike *strike)
{
    (void)owner, (void)strike;
}

static inline err use_strikes(struct store *s, struct errmsg *msg)
{
    return store_each_strike(s, use_ignore_strike, NULL, msg);
}

static inline err use_failures(struct store *s, struct errmsg *msg)
{
    size_t given;
    return store_each_failure(s, 1, (struct strike){ 0 }, SIZE_MAX, use_ignore_strike, NULL, &given,
                              msg);
}

static inline void use_ignore_model(void *owner, uint32_t id, const struct digest *identity,
                                    uint32_t size, struct span record)
{
    (void)owner, (void)id, (void)identity, (void)size, (void)record;
}

static inline err use_models(struct store *s, struct errmsg *msg)
{
    return store_each_model(s, use_ignore_model, NULL, msg);
}

/* The batch is gone then. */
static inline err use_commit(struct store *s, struct store_batch *b, struct errmsg *msg)
{
    err e = store_commit(s, b, msg);
    store_batch_free(b);
    return e;
}

static inline err use_retry(struct store *s, uint32_t model, uint32_t task, struct errmsg *msg)
{
    struct store_batch *b = store_batch_new();
    store_batch_retry(b, model, task);
    return use_commit(s, b, msg);
}

#endif
