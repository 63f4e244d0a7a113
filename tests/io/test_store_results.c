/* What batches come to: results, failures, strikes and retries. */
#include "tests/io/store_fixture.h"

static int setup(void **state)
{
    *state = test_dir();
    return 0;
}

static int teardown(void **state)
{
    test_rm_rf(*state);
    return 0;
}

static void a_cell_without_results_is_empty(void **state)
{
    struct store *s = fixture_open(*state);
    fixture_ids(s, 1, 1, 100);
    struct bitmap ended;
    struct tally tally;
    assert_int_equal(store_load_cell(s, 1, 1, 100, &ended, &tally, NULL), OK);
    assert_int_equal(ended.bits, 100);
    assert_int_equal(bitmap_count(&ended), 0);
    assert_true(fixture_same_tally(&tally, &(struct tally){ 0 }));
    bitmap_release(&ended);
    store_close(s);
}

static void a_batch_is_there_after_reopening(void **state)
{
    enum { SIZE = 20000 }; /* more than two pages of the bitmap */
    struct store *s = fixture_open(*state);
    fixture_ids(s, 2, 1, SIZE);
    struct store_batch *b = store_batch_new();
    assert_true(store_batch_empty(b));
    fixture_block(b, 1, 1, SIZE, 8000, 1, 400, STATUS_OK); /* over a page's end */
    fixture_block(b, 2, 1, SIZE, 19990, 1, 10, STATUS_REFUSED);
    fixture_block(b, 1, 1, SIZE, 0, 2, 100, STATUS_OK);
    assert_int_equal(store_batch_rows(b), 510);
    fixture_commit(s, b);
    assert_true(store_batch_empty(b));
    store_batch_free(b);
    store_close(s);

    s = fixture_open_to_read(*state);
    struct bitmap ended;
    struct tally tally, recounted;
    assert_int_equal(store_load_cell(s, 1, 1, SIZE, &ended, &tally, NULL), OK);
    assert_int_equal(bitmap_count(&ended), 500);
    assert_int_equal(bitmap_count_range(&ended, 8000, 400), 400);
    assert_true(bitmap_get(&ended, 198) && !bitmap_get(&ended, 199));
    assert_int_equal(tally.count[STATUS_OK], 500);
    bitmap_release(&ended);
    assert_int_equal(store_recount(s, 1, 1, SIZE, NULL, &recounted, NULL), OK);
    assert_true(fixture_same_tally(&tally, &recounted));
    assert_int_equal(store_load_cell(s, 2, 1, SIZE, &ended, &tally, NULL), OK);
    assert_int_equal(bitmap_next_set(&ended, 0), 19990);
    assert_int_equal(tally.count[STATUS_REFUSED], 10);
    bitmap_release(&ended);
    struct fsck_summary sum = fixture_clean(s);
    assert_int_equal(sum.rows, 510);
    assert_int_equal(sum.blocks, 3);
    assert_int_equal(sum.failures, 10);
    store_close(s);
}

static void a_cell_of_another_size_is_refused(void **state)
{
    struct store *s = fixture_open(*state);
    fixture_ids(s, 1, 1, 100);
    struct store_batch *b = store_batch_new();
    fixture_block(b, 1, 1, 100, 0, 1, 10, STATUS_OK);
    fixture_commit(s, b);
    struct bitmap ended;
    struct tally tally;
    struct errmsg msg = { "" };
    assert_int_equal(store_load_cell(s, 1, 1, 90, &ended, &tally, &msg), ERR_INVALID);
    assert_non_null(strstr(msg.text, "100"));
    store_batch_free(b);
    store_close(s);
}

static const char *aborting_dir;

static void record_twice_in_two_batches(void)
{
    struct store *s = fixture_open(aborting_dir);
    fixture_ids(s, 1, 1, 100);
    struct store_batch *b = store_batch_new();
    fixture_block(b, 1, 1, 100, 5, 1, 1, STATUS_OK);
    fixture_commit(s, b);
    fixture_block(b, 1, 1, 100, 0, 1, 10, STATUS_OK);
    (void)store_commit(s, b, NULL);
}

static void record_twice_in_one_batch(void)
{
    struct store *s = fixture_open(aborting_dir);
    fixture_ids(s, 1, 1, 100);
    struct store_batch *b = store_batch_new();
    fixture_block(b, 1, 1, 100, 5, 1, 1, STATUS_CRASH);
    fixture_block(b, 1, 1, 100, 5, 1, 1, STATUS_OK);
    (void)store_commit(s, b, NULL);
}

static void record_behind_the_end(void)
{
    struct store *s = fixture_open(aborting_dir);
    fixture_ids(s, 1, 1, 100);
    struct store_batch *b = store_batch_new();
    fixture_block(b, 1, 1, 100, 100, 1, 1, STATUS_OK);
    (void)store_commit(s, b, NULL);
}

static void record_for_an_unknown_model(void)
{
    struct store *s = fixture_open(aborting_dir);
    fixture_ids(s, 1, 1, 100);
    struct store_batch *b = store_batch_new();
    fixture_block(b, 2, 1, 100, 0, 1, 1, STATUS_OK);
    (void)store_commit(s, b, NULL);
}

static void bugs_of_the_caller_end_the_process(void **state)
{
    void (*const bugs[])(void) = { record_twice_in_two_batches, record_twice_in_one_batch,
                                   record_behind_the_end, record_for_an_unknown_model };
    aborting_dir = *state;
    for (size_t i = 0; i < sizeof(bugs) / sizeof(bugs[0]); i++) {
        assert_true(test_aborts(bugs[i]));
        test_rm_rf(strdup(*state));
        assert_int_equal(mkdir(*state, 0700), 0);
    }
}

/* A sample counts only some of what is stored. */
static void a_recount_counts_what_is_wanted(void **state)
{
    struct store *s = fixture_open(*state);
    fixture_ids(s, 1, 1, 1000);
    struct store_batch *b = store_batch_new();
    fixture_block(b, 1, 1, 1000, 0, 1, 500, STATUS_OK);
    fixture_block(b, 1, 1, 1000, 500, 1, 100, STATUS_TIMEOUT);
    fixture_commit(s, b);
    struct bitmap wanted;
    bitmap_init(&wanted, 1000);
    struct tally expected = { 0 }, tally;
    for (uint32_t i = 0; i < 1000; i += 7) {
        bitmap_set(&wanted, i);
        char text[64];
        struct result row = fixture_row(1001, i, i < 500 ? STATUS_OK : STATUS_TIMEOUT, text);
        if (i >= 600)
            continue;
        expected.count[row.status]++;
        expected.micros += row.micros;
        for (int k = 0; k < FIXTURE_STATS; k++)
            expected.stats[k] += row.stats[k];
    }
    assert_int_equal(store_recount(s, 1, 1, 1000, &wanted, &tally, NULL), OK);
    assert_true(fixture_same_tally(&tally, &expected));
    bitmap_release(&wanted);
    store_batch_free(b);
    store_close(s);
}

struct identities {
    uint32_t ids[4];
    size_t count;
};

static void note_task(void *owner, uint32_t id, const struct digest *identity, uint32_t size,
                      struct span record)
{
    struct identities *tasks = owner;
    struct digest expected = fixture_digest("task", id);
    assert_true(digest_equal(identity, &expected));
    assert_true(span_equal(record, span_str("{}")));
    assert_int_equal(size, 100);
    tasks->ids[tasks->count++] = id;
}

static void note_model(void *owner, uint32_t id, const struct digest *identity, uint32_t size,
                       struct span record)
{
    struct identities *models = owner;
    assert_int_equal(size, 0);
    struct digest expected = fixture_digest("model", id);
    assert_true(digest_equal(identity, &expected));
    assert_true(span_equal(record, span_str("{}")));
    models->ids[models->count++] = id;
}

static void models_and_their_results_are_counted(void **state)
{
    struct store *s = fixture_open(*state);
    fixture_ids(s, 3, 2, 100);
    struct store_batch *b = store_batch_new();
    fixture_block(b, 2, 1, 100, 0, 1, 10, STATUS_OK);
    fixture_block(b, 2, 2, 100, 0, 1, 5, STATUS_CRASH);
    fixture_block(b, 3, 1, 100, 0, 1, 1, STATUS_OK);
    fixture_commit(s, b);
    struct identities models = { 0 };
    assert_int_equal(store_each_model(s, note_model, &models, NULL), OK);
    assert_int_equal(models.count, 3);
    struct identities tasks = { 0 };
    assert_int_equal(store_each_task(s, note_task, &tasks, NULL), OK);
    assert_int_equal(tasks.count, 2);
    static const uint64_t expected[] = { 0, 15, 1 };
    for (uint32_t id = 1; id <= 3; id++) {
        uint64_t results = 77;
        assert_int_equal(store_count_results(s, id, &results, NULL), OK);
        assert_int_equal(results, expected[id - 1]);
    }
    store_batch_free(b);
    store_close(s);
}

struct order {
    uint32_t next, step, given, stop_after;
};

static bool expect_in_order(void *owner, const struct result *result)
{
    struct order *order = owner;
    char text[64];
    struct result row = fixture_row(1001, order->next, STATUS_OK, text);
    assert_int_equal(result->instance, row.instance);
    assert_int_equal(result->micros, row.micros);
    assert_memory_equal(result->stats, row.stats, sizeof(row.stats));
    assert_true(span_equal(result->answer, row.answer));
    order->next += order->step;
    order->given++;
    return order->given != order->stop_after;
}

/* Blocks come in any order and overlap; results come out by instance. */
static void results_come_in_order(void **state)
{
    struct store *s = fixture_open(*state);
    fixture_ids(s, 1, 1, 1000);
    struct store_batch *b = store_batch_new();
    fixture_block(b, 1, 1, 1000, 700, 1, 300, STATUS_OK);
    fixture_block(b, 1, 1, 1000, 1, 2, 350, STATUS_OK);
    fixture_commit(s, b);
    fixture_block(b, 1, 1, 1000, 0, 2, 350, STATUS_OK);
    fixture_commit(s, b);
    struct order all = { .step = 1 }, some = { .step = 1, .stop_after = 10 };
    assert_int_equal(store_each_result(s, 1, 1, expect_in_order, &all, NULL), OK);
    assert_int_equal(all.given, 1000);
    assert_int_equal(store_each_result(s, 1, 1, expect_in_order, &some, NULL), OK);
    assert_int_equal(some.given, 10);
    store_batch_free(b);
    store_close(s);
}

/* Failures, strikes, retries. */

struct list {
    struct strike items[64];
    char reasons[64][32];
    size_t count;
};

static void append_to_list(void *owner, const struct strike *strike)
{
    struct list *list = owner;
    assert_true(list->count < 64);
    snprintf(list->reasons[list->count], 32, "%.*s", (int)strike->reason.len,
             (const char *)strike->reason.data);
    list->items[list->count++] = *strike;
}

static void failures_are_listed_in_pages(void **state)
{
    struct store *s = fixture_open(*state);
    fixture_ids(s, 2, 2, 300);
    struct store_batch *b = store_batch_new();
    fixture_block(b, 2, 1, 300, 255, 1, 2,
                  STATUS_CRASH); /* a carry into the next byte of the key */
    fixture_block(b, 1, 2, 300, 3, 1, 1, STATUS_OOM);
    fixture_block(b, 1, 1, 300, 0, 1, 4, STATUS_ERROR);
    fixture_block(b, 1, 1, 300, 4, 1, 4, STATUS_OK);
    fixture_commit(s, b);
    static const struct {
        uint32_t model, task, instance;
        status outcome;
    } expected[] = {
        { 1, 1, 0, STATUS_ERROR },   { 1, 1, 1, STATUS_ERROR }, { 1, 1, 2, STATUS_ERROR },
        { 1, 1, 3, STATUS_ERROR },   { 1, 2, 3, STATUS_OOM },   { 2, 1, 255, STATUS_CRASH },
        { 2, 1, 256, STATUS_CRASH },
    };
    struct list list = { 0 };
    struct strike after = { 0 };
    size_t given;
    do {
        assert_int_equal(store_each_failure(s, 0, after, 2, append_to_list, &list, &given, NULL),
                         OK);
        after = list.items[list.count - 1];
    } while (given == 2);
    assert_int_equal(given, 1);
    assert_int_equal(list.count, sizeof(expected) / sizeof(expected[0]));
    for (size_t i = 0; i < list.count; i++) {
        assert_int_equal(list.items[i].model, expected[i].model);
        assert_int_equal(list.items[i].task, expected[i].task);
        assert_int_equal(list.items[i].instance, expected[i].instance);
        assert_int_equal(list.items[i].status, expected[i].outcome);
        assert_memory_equal(list.reasons[i], status_text(expected[i].outcome), 3);
    }
    struct list of_model = { 0 };
    assert_int_equal(
        store_each_failure(s, 2, (struct strike){ 0 }, 64, append_to_list, &of_model, &given, NULL),
        OK);
    assert_int_equal(given, 2);
    assert_int_equal(of_model.items[0].instance, 255);
    /* Behind the last one of a model there is nothing, nor behind the last key that could be. */
    const struct strike last = { .model = UINT32_MAX, .task = UINT32_MAX, .instance = UINT32_MAX };
    for (uint32_t model = 0; model < 2; model++) {
        assert_int_equal(
            store_each_failure(s, model, last, 64, append_to_list, &of_model, &given, NULL), OK);
        assert_int_equal(given, 0);
    }
    store_batch_free(b);
    store_close(s);
}

static void strike(struct store_batch *b, uint32_t instance, uint32_t count, const char *reason)
{
    store_batch_strike(b, &(struct strike){ .model = 1,
                                            .task = 1,
                                            .instance = instance,
                                            .count = count,
                                            .status = STATUS_CRASH,
                                            .reason = span_str(reason) });
}

static void strikes_survive_a_restart(void **state)
{
    struct store *s = fixture_open(*state);
    fixture_ids(s, 1, 1, 100);
    struct store_batch *b = store_batch_new();
    strike(b, 7, 1, "first");
    strike(b, 9, 1, "only");
    fixture_commit(s, b);
    strike(b, 7, 2, "second");
    fixture_commit(s, b);
    store_batch_free(b);
    store_close(s);
    s = fixture_open(*state);
    struct list list = { 0 };
    assert_int_equal(store_each_strike(s, append_to_list, &list, NULL), OK);
    assert_int_equal(list.count, 2);
    assert_int_equal(list.items[0].instance, 7);
    assert_int_equal(list.items[0].count, 2);
    assert_int_equal(list.items[0].status, STATUS_CRASH);
    assert_string_equal(list.reasons[0], "second");
    assert_int_equal(list.items[1].instance, 9);
    assert_int_equal(fixture_clean(s).strikes, 2);
    store_close(s);
}

static void strikes_end_with_their_row(void **state)
{
    struct store *s = fixture_open(*state);
    fixture_ids(s, 1, 1, 100);
    struct store_batch *b = store_batch_new();
    for (uint32_t i = 0; i < 20; i++)
        strike(b, i, 1, "x");
    fixture_commit(s, b);
    strike(b, 4, 2, "in the same batch as its row");
    fixture_block(b, 1, 1, 100, 2, 2, 8, STATUS_OK); /* 2, 4, .. 16 */
    fixture_commit(s, b);
    struct list list = { 0 };
    assert_int_equal(store_each_strike(s, append_to_list, &list, NULL), OK);
    assert_int_equal(list.count, 12);
    for (size_t i = 0; i < list.count; i++) {
        uint32_t instance = list.items[i].instance;
        assert_true(instance % 2 == 1 || instance == 0 || instance > 16);
    }
    fixture_clean(s);
    store_batch_free(b);
    store_close(s);
}

static void a_retry_opens_what_failed(void **state)
{
    struct store *s = fixture_open(*state);
    fixture_ids(s, 1, 1, 100);
    struct store_batch *b = store_batch_new();
    fixture_block(b, 1, 1, 100, 0, 1, 10, STATUS_OK);
    fixture_block(b, 1, 1, 100, 10, 1, 10, STATUS_CRASH);
    fixture_commit(s, b);
    store_batch_retry(b, 1, 1);
    fixture_commit(s, b);
    struct bitmap ended;
    struct tally tally, recounted;
    assert_int_equal(store_load_cell(s, 1, 1, 100, &ended, &tally, NULL), OK);
    assert_int_equal(bitmap_count(&ended), 10);
    assert_int_equal(bitmap_next_clear(&ended, 0), 10);
    assert_int_equal(tally.count[STATUS_CRASH], 0);
    assert_int_equal(store_recount(s, 1, 1, 100, NULL, &recounted, NULL), OK);
    assert_true(fixture_same_tally(&tally, &recounted));
    bitmap_release(&ended);
    struct order order = { .step = 1 };
    assert_int_equal(store_each_result(s, 1, 1, expect_in_order, &order, NULL), OK);
    assert_int_equal(order.given, 10);
    assert_int_equal(fixture_clean(s).failures, 0);
    store_batch_free(b);
    store_close(s);
}

/* As many pages as the bytes of all blocks need, and a few for the rest, however they came. */
static void small_blocks_share_their_pages(void **state)
{
    enum { ROWS = 2000, PAGES_OF_THE_REST = 24 };
    struct store *s = fixture_open(*state);
    fixture_ids(s, 1, 2, ROWS);
    struct store_batch *b = store_batch_new();
    for (uint32_t i = 0; i < ROWS; i++) {
        fixture_block(b, 1, 1 + i % 2, ROWS, i / 2, 1, 1, i % 14 == 1 ? STATUS_CRASH : STATUS_OK);
        if (i % 100 == 99)
            fixture_commit(s, b);
    }
    struct order order = { .step = 1 };
    assert_int_equal(store_each_result(s, 1, 1, expect_in_order, &order, NULL), OK);
    assert_int_equal(order.given, ROWS / 2);
    struct fsck_summary sum = fixture_clean(s);
    assert_int_equal(sum.blocks, ROWS);
    assert_true(sum.bytes < sum.block_bytes + sum.block_bytes / 20 + 4096 * PAGES_OF_THE_REST);
    store_batch_free(b);
    store_close(s);
}

/* Failing, being retried, failing again and succeeding at last leaves one result: the last. */
static void a_retried_instance_counts_once(void **state)
{
    struct store *s = fixture_open(*state);
    fixture_ids(s, 1, 1, 100);
    struct store_batch *b = store_batch_new();
    fixture_block(b, 1, 1, 100, 0, 1, 10, STATUS_CRASH);
    fixture_commit(s, b);
    store_batch_retry(b, 0, 0);
    fixture_block(b, 1, 1, 100, 0, 1, 10, STATUS_TIMEOUT); /* in one batch with its retry */
    store_batch_retry(b, 0, 1);
    fixture_commit(s, b);
    fixture_block(b, 1, 1, 100, 0, 1, 10, STATUS_OK);
    fixture_commit(s, b);
    store_batch_retry(b, 1, 0); /* nothing failed any more */
    fixture_commit(s, b);
    struct tally tally, recounted;
    struct bitmap ended;
    assert_int_equal(store_load_cell(s, 1, 1, 100, &ended, &tally, NULL), OK);
    assert_int_equal(bitmap_count(&ended), 10);
    assert_int_equal(tally.count[STATUS_OK], 10);
    assert_int_equal(store_recount(s, 1, 1, 100, NULL, &recounted, NULL), OK);
    assert_true(fixture_same_tally(&tally, &recounted));
    bitmap_release(&ended);
    struct order order = { .step = 1 };
    assert_int_equal(store_each_result(s, 1, 1, expect_in_order, &order, NULL), OK);
    assert_int_equal(order.given, 10);
    struct fsck_summary sum = fixture_clean(s);
    assert_int_equal(sum.rows, 10);
    assert_int_equal(sum.blocks, 3);
    store_batch_free(b);
    store_close(s);
}

static void a_retry_keeps_to_its_model_and_task(void **state)
{
    static const struct {
        uint32_t model, task;
        size_t left;
    } cases[] = { { 1, 1, 3 }, { 1, 0, 2 }, { 0, 2, 2 }, { 0, 0, 0 } };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *dir = test_dir();
        struct store *s = fixture_open(dir);
        fixture_ids(s, 2, 2, 100);
        struct store_batch *b = store_batch_new();
        for (uint32_t cell = 0; cell < 4; cell++)
            fixture_block(b, 1 + cell / 2, 1 + cell % 2, 100, 5, 1, 1, STATUS_SCORER);
        fixture_commit(s, b);
        store_batch_retry(b, cases[i].model, cases[i].task);
        fixture_commit(s, b);
        assert_int_equal(fixture_clean(s).failures, cases[i].left);
        store_batch_free(b);
        store_close(s);
        test_rm_rf(dir);
    }
    (void)state;
}

/* Long reasons are cut where they are listed, between characters; the block has all of them. */
static void a_long_reason_is_cut_in_the_list(void **state)
{
    struct store *s = fixture_open(*state);
    fixture_ids(s, 1, 1, 100);
    struct buf reason = { 0 }, bytes = { 0 };
    buf_append_str(&reason, "x");
    while (reason.len < 5000)
        buf_append_str(&reason, "\xc3\xa4");
    struct block_builder builder;
    block_builder_init(&builder, 0);
    block_builder_add(
        &builder,
        &(struct result){ .instance = 3, .status = STATUS_ERROR, .answer = buf_span(&reason) });
    block_builder_encode(&builder, &bytes);
    struct store_batch *b = store_batch_new();
    store_batch_block(b, 1, 1, 100, buf_span(&bytes));
    fixture_commit(s, b);
    struct list list = { 0 };
    size_t given;
    assert_int_equal(
        store_each_failure(s, 0, (struct strike){ 0 }, 1, append_to_list, &list, &given, NULL), OK);
    assert_int_equal(list.items[0].reason.len, 1023); /* 1 + 511 pairs */
    fixture_clean(s);
    block_builder_release(&builder);
    buf_release(&reason);
    buf_release(&bytes);
    store_batch_free(b);
    store_close(s);
}

/* Sums that a worker makes up may overflow: they wrap, and a recount wraps alike. */
static void sums_wrap_around(void **state)
{
    struct store *s = fixture_open(*state);
    fixture_ids(s, 1, 1, 100);
    struct block_builder builder;
    struct buf bytes = { 0 };
    block_builder_init(&builder, 1);
    for (uint32_t i = 0; i < 3; i++)
        block_builder_add(&builder, &(struct result){ .instance = i, .stats = { INT64_MAX } });
    block_builder_encode(&builder, &bytes);
    struct store_batch *b = store_batch_new();
    store_batch_block(b, 1, 1, 100, buf_span(&bytes));
    fixture_commit(s, b);
    struct tally tally;
    assert_int_equal(store_recount(s, 1, 1, 100, NULL, &tally, NULL), OK);
    assert_int_equal(tally.stats[0], INT64_MAX - 2);
    fixture_clean(s);
    block_builder_release(&builder);
    buf_release(&bytes);
    store_batch_free(b);
    store_close(s);
}

/* A random life of a few cells: at the end, what was kept on the way equals a recount. */
struct life {
    struct bitmap open[4], failed[4];
    struct rng rng;
};

static void live_once(struct life *life, struct store_batch *b)
{
    uint32_t cell = (uint32_t)rng_below(&life->rng, 4);
    uint32_t model = 1 + cell / 2, task = 1 + cell % 2;
    if (rng_below(&life->rng, 20) == 0) {
        store_batch_retry(b, model, task);
        bitmap_or(&life->open[cell], &life->failed[cell]);
        bitmap_andnot(&life->failed[cell], &life->failed[cell]);
        return;
    }
    struct block_builder builder;
    struct buf bytes = { 0 };
    block_builder_init(&builder, FIXTURE_STATS);
    uint32_t instance = (uint32_t)rng_below(&life->rng, 9000);
    for (int i = 0; i < 40; i++) {
        instance = bitmap_next_set(&life->open[cell], instance);
        if (instance == 9000)
            break;
        bool fails = rng_below(&life->rng, 8) == 0;
        char text[64];
        struct result row = fixture_row(cell, instance, fails ? STATUS_TIMEOUT : STATUS_OK, text);
        block_builder_add(&builder, &row);
        bitmap_clear(&life->open[cell], instance);
        if (fails)
            bitmap_set(&life->failed[cell], instance);
    }
    block_builder_encode(&builder, &bytes);
    store_batch_block(b, model, task, 9000, buf_span(&bytes));
    block_builder_release(&builder);
    buf_release(&bytes);
}

static void a_random_life_adds_up(void **state)
{
    struct store *s = fixture_open(*state);
    fixture_ids(s, 2, 2, 9000);
    struct life life;
    rng_seed(&life.rng, 20);
    for (int i = 0; i < 4; i++) {
        bitmap_init(&life.open[i], 9000);
        bitmap_fill(&life.open[i]);
        bitmap_init(&life.failed[i], 9000);
    }
    struct store_batch *b = store_batch_new();
    for (int i = 0; i < 600; i++) {
        live_once(&life, b);
        if (rng_below(&life.rng, 6) == 0)
            fixture_commit(s, b);
    }
    fixture_commit(s, b);
    for (uint32_t i = 0; i < 4; i++) {
        struct bitmap ended;
        struct tally tally, recounted;
        uint32_t model = 1 + i / 2, task = 1 + i % 2;
        assert_int_equal(store_load_cell(s, model, task, 9000, &ended, &tally, NULL), OK);
        assert_int_equal(store_recount(s, model, task, 9000, NULL, &recounted, NULL), OK);
        assert_true(fixture_same_tally(&tally, &recounted));
        bitmap_or(&ended, &life.open[i]);
        assert_int_equal(bitmap_count(&ended), 9000); /* each instance is one or the other */
        assert_int_equal(tally.count[STATUS_TIMEOUT], bitmap_count(&life.failed[i]));
        bitmap_release(&ended);
        bitmap_release(&life.open[i]);
        bitmap_release(&life.failed[i]);
    }
    fixture_clean(s);
    store_batch_free(b);
    store_close(s);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_cell_without_results_is_empty),
        T(a_batch_is_there_after_reopening),
        T(a_cell_of_another_size_is_refused),
        T(bugs_of_the_caller_end_the_process),
        T(a_recount_counts_what_is_wanted),
        T(models_and_their_results_are_counted),
        T(results_come_in_order),
        T(failures_are_listed_in_pages),
        T(strikes_survive_a_restart),
        T(strikes_end_with_their_row),
        T(a_retry_opens_what_failed),
        T(a_retried_instance_counts_once),
        T(small_blocks_share_their_pages),
        T(a_retry_keeps_to_its_model_and_task),
        T(a_long_reason_is_cut_in_the_list),
        T(sums_wrap_around),
        T(a_random_life_adds_up),
    };
    return cmocka_run_group_tests_name("store_results", tests, NULL, NULL);
}
