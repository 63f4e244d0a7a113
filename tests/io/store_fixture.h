/* What the tests of the store share: a store in a folder of its own, and blocks of made-up rows. */
#ifndef MUSTER_TESTS_IO_STORE_FIXTURE_H
#define MUSTER_TESTS_IO_STORE_FIXTURE_H

#include "tests/lib/test.h"

#include "common/check.h"
#include "common/io/file.h"
#include "common/rng.h"
#include "coordinator/store/store.h"

enum { FIXTURE_STATS = 2 };

static inline struct digest fixture_digest(const char *what, uint32_t number)
{
    char text[64];
    snprintf(text, sizeof(text), "%s %u", what, number);
    return digest_of(span_str(text));
}

static inline struct store *fixture_open_as(struct store_config config)
{
    struct store *s = NULL;
    struct errmsg msg = { "" };
    if (store_open(&config, &s, &msg) != OK)
        fail_msg("store_open: %s", msg.text);
    return s;
}

static inline struct store *fixture_open(const char *dir)
{
    return fixture_open_as((struct store_config){ .path = dir, .allow_network_fs = true });
}

static inline struct store *fixture_open_to_read(const char *dir)
{
    return fixture_open_as(
        (struct store_config){ .path = dir, .read_only = true, .allow_network_fs = true });
}

/* The child must exit with 0. */
static inline void fixture_join(pid_t child)
{
    int ended;
    assert_int_equal(waitpid(child, &ended, 0), child);
    assert_int_equal(ended, 0);
}

/* Ids 1 to `models` and 1 to `tasks`, the tasks of `size` instances each. */
static inline void fixture_ids(struct store *s, uint32_t models, uint32_t tasks, uint32_t size)
{
    uint32_t id;
    for (uint32_t i = 1; i <= models; i++) {
        struct digest digest = fixture_digest("model", i);
        assert_int_equal(store_model_id(s, &digest, span_str("{}"), &id, NULL), OK);
        assert_int_equal(id, i);
    }
    for (uint32_t i = 1; i <= tasks; i++) {
        struct digest digest = fixture_digest("task", i);
        assert_int_equal(store_task_id(s, &digest, size, span_str("{}"), &id, NULL), OK);
        assert_int_equal(id, i);
    }
}

/* A row whose every value follows from (salt, instance, outcome). */
static inline struct result fixture_row(uint32_t salt, uint32_t instance, status outcome,
                                        char text[64])
{
    uint64_t mixed = rng_mix(salt, instance, 0, 0);
    int len = snprintf(text, 64, "%s %u %016llx", status_text(outcome), instance,
                       (unsigned long long)mixed);
    struct result row = {
        .instance = instance,
        .status = outcome,
        .micros = (uint32_t)(mixed % 1000000),
        .answer = span_of(text, (size_t)len),
    };
    if (outcome == STATUS_OK) {
        row.stats[0] = (int64_t)(mixed % 2);
        row.stats[1] = -(int64_t)(mixed % 1000);
    }
    return row;
}

/* Add to the batch a block of the instances first, first + step, ... (count of them), all with one
 * outcome. */
static inline void fixture_block(struct store_batch *b, uint32_t model, uint32_t task,
                                 uint32_t size, uint32_t first, uint32_t step, uint32_t count,
                                 status outcome)
{
    struct block_builder builder;
    struct buf bytes = { 0 };
    block_builder_init(&builder, FIXTURE_STATS);
    for (uint32_t i = 0; i < count; i++) {
        char text[64];
        struct result row = fixture_row(model * 1000 + task, first + i * step, outcome, text);
        block_builder_add(&builder, &row);
    }
    block_builder_encode(&builder, &bytes);
    store_batch_block(b, model, task, size, buf_span(&bytes));
    block_builder_release(&builder);
    buf_release(&bytes);
}

/* Commit, which must succeed, and empty the batch. */
static inline void fixture_commit(struct store *s, struct store_batch *b)
{
    struct errmsg msg = { "" };
    if (store_commit(s, b, &msg) != OK)
        fail_msg("store_commit: %s", msg.text);
    store_batch_clear(b);
}

static inline void fixture_say(void *owner, const char *sentence)
{
    (void)owner;
    print_message("violation: %s\n", sentence);
}

/* The store has no violation. */
static inline struct fsck_summary fixture_clean(struct store *s)
{
    struct fsck_summary sum;
    struct errmsg msg = { "" };
    if (store_fsck(s, fixture_say, NULL, &sum, &msg) != OK)
        fail_msg("store_fsck: %s", msg.text);
    assert_int_equal(sum.violations, 0);
    return sum;
}

/* Two models, two tasks; cell (1, 1) has successes, failures and a retry in 3 blocks, cell (2, 2)
 * one block of successes; a strike waits. The last page of a bitmap has bits behind the task's end.
 */
enum { FIXTURE_SOUND_SIZE = 20001 };

static inline struct store *fixture_sound(const char *dir)
{
    struct store *s = fixture_open(dir);
    fixture_ids(s, 2, 2, FIXTURE_SOUND_SIZE);
    struct store_batch *b = store_batch_new();
    fixture_block(b, 1, 1, FIXTURE_SOUND_SIZE, 0, 1, 100, STATUS_OK);
    fixture_block(b, 1, 1, FIXTURE_SOUND_SIZE, 100, 1, 10, STATUS_CRASH);
    fixture_block(b, 2, 2, FIXTURE_SOUND_SIZE, 9000, 1, 10, STATUS_OK);
    store_batch_retry(b, 1, 1);
    fixture_block(b, 1, 1, FIXTURE_SOUND_SIZE, 100, 1, 5, STATUS_TIMEOUT);
    store_batch_strike(b, &(struct strike){ .model = 1, .task = 1, .instance = 500, .count = 1 });
    fixture_commit(s, b);
    store_batch_free(b);
    fixture_clean(s);
    return s;
}

static inline bool fixture_same_tally(const struct tally *a, const struct tally *b)
{
    return memcmp(a->count, b->count, sizeof(a->count)) == 0 &&
           memcmp(a->stats, b->stats, sizeof(a->stats)) == 0 && a->micros == b->micros;
}

#endif
