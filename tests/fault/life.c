#include "tests/fault/life.h"

#include <stdio.h>
#include <string.h>

#include "common/check.h"
#include "common/rng.h"

enum {
    MODELS = 2,
    TASKS = 3,
    CELLS = MODELS * TASKS,
    SIZE = 4000,
    ROWS = 48,       /* of a step */
    FAILED_EVERY = 5 /* steps; their last rows fail */
};

static struct digest identity(const char *what, uint32_t number)
{
    char text[32];
    int len = snprintf(text, sizeof(text), "%s %u", what, number);
    return digest_of(span_of(text, (size_t)len));
}

static err make_ids(struct store *s, struct errmsg *msg)
{
    struct store_naming namings[MODELS + TASKS];
    uint32_t ids[MODELS + TASKS];
    for (uint32_t i = 0; i < MODELS + TASKS; i++) {
        bool is_task = i >= MODELS;
        namings[i] = (struct store_naming){ .is_task = is_task,
                                            .identity = identity(is_task ? "task" : "model", i),
                                            .size = SIZE,
                                            .record = span_str("{}") };
    }
    return store_ids(s, namings, MODELS + TASKS, ids, msg);
}

err life_open(const char *dir, struct store **out, struct errmsg *msg)
{
    struct store_config config = { .path = dir,
                                   .map_bytes = LIFE_MAP_BYTES,
                                   .allow_network_fs = true };
    err e = store_open(&config, out, msg);
    if (e)
        return e;
    e = make_ids(*out, msg);
    if (e)
        store_close(*out);
    return e;
}

err life_next(struct store *s, uint32_t *out, struct errmsg *msg)
{
    struct buf value = { 0 };
    *out = 0;
    err e = store_meta(s, "step", &value, msg);
    if (e == ERR_NOT_FOUND)
        e = OK;
    else if (!e && value.len == sizeof(*out))
        memcpy(out, value.data, sizeof(*out));
    else if (!e)
        e = err_say(msg, ERR_CORRUPT, "the number of the step has %zu bytes", value.len);
    buf_release(&value);
    return e;
}

/* Rows that do not compress, so that the file grows. */
static struct result make_row(uint32_t step, uint32_t instance, bool failed, char text[64])
{
    uint64_t mixed = rng_mix(step, instance, 1, 0), more = rng_mix(step, instance, 2, 0);
    int len =
        snprintf(text, 64, "%016llx%016llx", (unsigned long long)mixed, (unsigned long long)more);
    struct result row = { .instance = instance,
                          .status = failed ? STATUS_TIMEOUT : STATUS_OK,
                          .micros = (uint32_t)(mixed % 1000000),
                          .answer = span_of(text, (size_t)len) };
    if (!failed)
        row.stats[0] = (int64_t)(mixed % 100);
    return row;
}

static void add_block(struct store_batch *b, uint32_t step, uint32_t first)
{
    struct block_builder builder;
    struct buf bytes = { 0 };
    block_builder_init(&builder, 1);
    for (uint32_t i = 0; i < ROWS; i++) {
        char text[64];
        bool failed = step % FAILED_EVERY == 0 && i >= ROWS - 4;
        struct result row = make_row(step, first + i, failed, text);
        block_builder_add(&builder, &row);
    }
    block_builder_encode(&builder, &bytes);
    uint32_t cell = step % CELLS;
    store_batch_block(b, cell % MODELS + 1, cell / MODELS + 1, SIZE, buf_span(&bytes));
    block_builder_release(&builder);
    buf_release(&bytes);
}

err life_step(struct store *s, uint32_t step, struct errmsg *msg)
{
    check(step < LIFE_STEPS_MAX);
    struct store_batch *b = store_batch_new();
    uint32_t next = step + 1, cell = step % CELLS, first = step / CELLS * (ROWS + 2);
    /* Every seventh step opens again what failed before. */
    if (step % 7 == 6)
        store_batch_retry(b, cell % MODELS + 1, 0);
    store_batch_strike(b, &(struct strike){ .model = cell % MODELS + 1,
                                            .task = cell / MODELS + 1,
                                            .instance = first + ROWS,
                                            .count = 1 + step % 3,
                                            .status = STATUS_OOM,
                                            .reason = span_str("out of memory"),
                                            .attempt = step });
    add_block(b, step, first);
    store_batch_meta(b, "step", span_of(&next, sizeof(next)));
    err e = store_commit(s, b, msg);
    store_batch_free(b);
    return e;
}

/* ---- What it comes to ---- */

static bool add_result(void *owner, const struct result *r)
{
    struct digester *d = owner;
    digester_add_u64(d, r->instance);
    digester_add_u64(d, (uint64_t)r->status << 32 | r->micros);
    digester_add(d, span_of(r->stats, sizeof(r->stats)));
    digester_add(d, r->answer);
    return true;
}

static void add_strike(void *owner, const struct strike *s)
{
    struct digester *d = owner;
    digester_add_u64(d, (uint64_t)s->model << 32 | s->task);
    digester_add_u64(d, (uint64_t)s->instance << 32 | s->count);
    digester_add_u64(d, (uint64_t)s->status);
    digester_add(d, s->reason);
}

static err add_cell(struct store *s, uint32_t model, uint32_t task, struct digester *d,
                    struct errmsg *msg)
{
    struct bitmap ended;
    struct tally tally;
    err e = store_load_cell(s, model, task, SIZE, &ended, &tally, msg);
    if (e)
        return e;
    digester_add(d, span_of(ended.words, (SIZE + 63) / 64 * 8));
    digester_add(d, span_of(&tally, sizeof(tally)));
    bitmap_release(&ended);
    return store_each_result(s, model, task, add_result, d, msg);
}

err life_digest(struct store *s, struct digest *out, struct errmsg *msg)
{
    struct digester *d = digester_new();
    size_t given;
    err e = OK;
    for (uint32_t i = 0; i < CELLS && !e; i++)
        e = add_cell(s, i % MODELS + 1, i / MODELS + 1, d, msg);
    if (!e)
        e = store_each_strike(s, add_strike, d, msg);
    if (!e)
        e = store_each_failure(s, 0, (struct strike){ 0 }, SIZE, add_strike, d, &given, msg);
    *out = digester_take(d);
    return e;
}

static void note_violation(void *owner, const char *sentence)
{
    struct errmsg *first = owner;
    if (!first->text[0])
        (void)err_say(first, ERR_CORRUPT, "%s", sentence);
}

err life_fsck(struct store *s, struct errmsg *msg)
{
    struct fsck_summary sum;
    struct errmsg first = { "" };
    err e = store_fsck(s, note_violation, &first, &sum, msg);
    return !e && sum.violations ? err_say(msg, ERR_CORRUPT, "%s", first.text) : e;
}

void life_oracle(const char *dir, uint32_t steps, struct digest digests[])
{
    struct store *s;
    check(life_open(dir, &s, NULL) == OK);
    for (uint32_t step = 0; step < steps; step++) {
        check(life_digest(s, &digests[step], NULL) == OK);
        check(life_step(s, step, NULL) == OK);
    }
    check(life_digest(s, &digests[steps], NULL) == OK);
    check(life_fsck(s, NULL) == OK);
    store_close(s);
}
