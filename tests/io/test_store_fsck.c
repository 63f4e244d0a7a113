/* That the check finds what is wrong: each case plants one thing in a sound store, by the store's
 * own door, so that every checksum is right. */
#include "tests/io/store_fixture.h"

#include "common/crc.h"
#include "common/varint.h"
#include "coordinator/store/bundle.h"
#include "coordinator/store/table.h"

enum { SIZE = FIXTURE_SOUND_SIZE };

struct found {
    size_t count;
    char first[512];
};

static void note(void *owner, const char *sentence)
{
    struct found *found = owner;
    if (found->count++ == 0)
        snprintf(found->first, sizeof(found->first), "%s", sentence);
}

static err copy_record(struct store_txn *t, enum store_table table, const struct store_key *from,
                       const struct store_key *to)
{
    struct span payload;
    struct buf copy = { 0 };
    err e = store_get(t, table, from, &payload, NULL);
    if (!e) {
        buf_append_span(&copy, payload);
        e = store_put(t, table, to, buf_span(&copy), NULL);
    }
    buf_release(&copy);
    return e;
}

static err delete_at(struct store_txn *t, enum store_table table, uint32_t model, uint32_t task,
                     uint64_t number)
{
    struct store_key key = store_key_place(table, model, task, number);
    return store_delete(t, table, &key, NULL);
}

static err put_at(struct store_txn *t, enum store_table table, uint64_t number, struct span payload)
{
    struct store_key key = store_key_place(table, 1, 1, number);
    return store_put(t, table, &key, payload, NULL);
}

/* The planted things; each changes one record. */

static err lose_a_block(struct store_txn *t, void *context, struct errmsg *msg)
{
    (void)context, (void)msg;
    return delete_at(t, TABLE_BLOCK, 2, 2, 1);
}

static err repeat_a_block(struct store_txn *t, void *context, struct errmsg *msg)
{
    (void)context, (void)msg;
    struct store_key from = store_key_place(TABLE_BLOCK, 1, 1, 1);
    struct store_key to = store_key_place(TABLE_BLOCK, 1, 1, 4);
    return copy_record(t, TABLE_BLOCK, &from, &to);
}

/* In the cell that has one. */
static err repeat_the_only_block(struct store_txn *t, void *context, struct errmsg *msg)
{
    (void)context, (void)msg;
    struct store_key from = store_key_place(TABLE_BLOCK, 2, 2, 1);
    struct store_key to = store_key_place(TABLE_BLOCK, 2, 2, 2);
    return copy_record(t, TABLE_BLOCK, &from, &to);
}

static err leave_a_gap(struct store_txn *t, void *context, struct errmsg *msg)
{
    (void)context, (void)msg;
    struct store_key from = store_key_place(TABLE_BLOCK, 2, 2, 1);
    struct store_key to = store_key_place(TABLE_BLOCK, 2, 2, 5);
    return copy_record(t, TABLE_BLOCK, &from, &to);
}

/* The last one of those that lie in one record. */
static err lose_a_block_of_several(struct store_txn *t, void *context, struct errmsg *msg)
{
    (void)context, (void)msg;
    struct store_key key = store_key_place(TABLE_BLOCK, 1, 1, 1);
    struct span payload, block;
    struct buf fewer = { 0 };
    err e = store_get(t, TABLE_BLOCK, &key, &payload, NULL);
    check(!e);
    struct store_bundle bundle = store_bundle_of(payload);
    for (int i = 0; i < 2 && store_bundle_next(&bundle, &block); i++)
        store_bundle_add(&fewer, block);
    e = store_put(t, TABLE_BLOCK, &key, buf_span(&fewer), NULL);
    buf_release(&fewer);
    return e;
}

static err move_a_block(struct store_txn *t, void *context, struct errmsg *msg)
{
    (void)context, (void)msg;
    struct store_key from = store_key_place(TABLE_BLOCK, 2, 2, 1);
    struct store_key to = store_key_place(TABLE_BLOCK, 2, 1, 1);
    return copy_record(t, TABLE_BLOCK, &from, &to);
}

static err spoil_a_block(struct store_txn *t, void *context, struct errmsg *msg)
{
    (void)context, (void)msg;
    return put_at(t, TABLE_BLOCK, 1, span_str("MBK1, but then nonsense"));
}

/* A whole block, sealed as it should be, with the same rows and sums: but one answer is another. */
static err change_an_answer(struct store_txn *t, void *context, struct errmsg *msg)
{
    (void)context, (void)msg;
    struct store_key key = store_key_place(TABLE_BLOCK, 2, 2, 1);
    struct span payload;
    struct buf changed = { 0 };
    err e = store_get(t, TABLE_BLOCK, &key, &payload, NULL);
    check(!e);
    buf_append(&changed, payload.data, payload.len - 4);
    changed.data[changed.len - 1] ^= 1; /* the end of the last answer */
    put_u32(&changed, crc32c(0, changed.data, changed.len));
    e = store_put(t, TABLE_BLOCK, &key, buf_span(&changed), NULL);
    buf_release(&changed);
    return e;
}

static err lose_a_page(struct store_txn *t, void *context, struct errmsg *msg)
{
    (void)context, (void)msg;
    return delete_at(t, TABLE_DONE, 2, 2, 1);
}

static err add_a_page(struct store_txn *t, void *context, struct errmsg *msg)
{
    (void)context, (void)msg;
    uint8_t bits[STORE_PAGE_BYTES] = { 1 };
    return put_at(t, TABLE_DONE, 1, span_of(bits, sizeof(bits)));
}

static err add_a_page_behind_the_end(struct store_txn *t, void *context, struct errmsg *msg)
{
    (void)context, (void)msg;
    uint8_t bits[STORE_PAGE_BYTES] = { 0 };
    return put_at(t, TABLE_DONE, 3, span_of(bits, sizeof(bits)));
}

static err lose_a_tally(struct store_txn *t, void *context, struct errmsg *msg)
{
    (void)context, (void)msg;
    return delete_at(t, TABLE_TALLY, 2, 2, 0);
}

static err change_a_tally(struct store_txn *t, void *context, struct errmsg *msg)
{
    (void)context;
    struct store_key key = store_key_place(TABLE_TALLY, 1, 1, 0);
    struct store_cell_state state;
    struct span payload;
    struct buf changed = { 0 };
    err e = store_get(t, TABLE_TALLY, &key, &payload, msg);
    check(!e && store_cell_state_decode(payload, &state));
    state.tally.stats[1]++;
    store_cell_state_encode(&state, &changed);
    e = store_put(t, TABLE_TALLY, &key, buf_span(&changed), msg);
    buf_release(&changed);
    return e;
}

static err lose_a_failure(struct store_txn *t, void *context, struct errmsg *msg)
{
    (void)context, (void)msg;
    return delete_at(t, TABLE_FAILURE, 1, 1, 102);
}

static err add_a_failure(struct store_txn *t, void *context, struct errmsg *msg)
{
    (void)context, (void)msg;
    struct store_key from = store_key_place(TABLE_FAILURE, 1, 1, 102);
    struct store_key to = store_key_place(TABLE_FAILURE, 1, 1, 50);
    return copy_record(t, TABLE_FAILURE, &from, &to);
}

static err swap_a_failure(struct store_txn *t, void *context, struct errmsg *msg)
{
    (void)context, (void)msg;
    struct store_key from = store_key_place(TABLE_FAILURE, 1, 1, 102);
    struct store_key to = store_key_place(TABLE_FAILURE, 1, 1, 103);
    return copy_record(t, TABLE_FAILURE, &from, &to);
}

static err void_a_success(struct store_txn *t, void *context, struct errmsg *msg)
{
    (void)context, (void)msg;
    return put_at(t, TABLE_REOPENED, 50, span_of("\x01", 1));
}

static err void_a_row_that_is_not_there(struct store_txn *t, void *context, struct errmsg *msg)
{
    (void)context, (void)msg;
    return put_at(t, TABLE_REOPENED, 5000, span_of("\x01", 1));
}

static err lose_a_void(struct store_txn *t, void *context, struct errmsg *msg)
{
    (void)context, (void)msg;
    return delete_at(t, TABLE_REOPENED, 1, 1, 103);
}

static err strike_what_has_ended(struct store_txn *t, void *context, struct errmsg *msg)
{
    (void)context, (void)msg;
    struct store_key from = store_key_place(TABLE_STRIKE, 1, 1, 500);
    struct store_key to = store_key_place(TABLE_STRIKE, 1, 1, 50);
    return copy_record(t, TABLE_STRIKE, &from, &to);
}

static err strike_behind_the_end(struct store_txn *t, void *context, struct errmsg *msg)
{
    (void)context, (void)msg;
    struct store_key from = store_key_place(TABLE_STRIKE, 1, 1, 500);
    struct store_key to = store_key_place(TABLE_STRIKE, 1, 1, SIZE);
    return copy_record(t, TABLE_STRIKE, &from, &to);
}

static err strike_an_unknown_model(struct store_txn *t, void *context, struct errmsg *msg)
{
    (void)context, (void)msg;
    struct store_key from = store_key_place(TABLE_STRIKE, 1, 1, 500);
    struct store_key to = store_key_place(TABLE_STRIKE, 3, 1, 500);
    return copy_record(t, TABLE_STRIKE, &from, &to);
}

static err give_an_id_twice(struct store_txn *t, void *context, struct errmsg *msg)
{
    (void)context, (void)msg;
    struct digest one = fixture_digest("model", 1), other = fixture_digest("model", 2);
    struct store_key from = store_key_digest(&one), to = store_key_digest(&other);
    return copy_record(t, TABLE_MODEL, &from, &to);
}

static err lose_a_model(struct store_txn *t, void *context, struct errmsg *msg)
{
    (void)context, (void)msg;
    struct digest digest = fixture_digest("model", 2);
    struct store_key key = store_key_digest(&digest);
    return store_delete(t, TABLE_MODEL, &key, NULL);
}

static err resize_a_task(struct store_txn *t, void *context, struct errmsg *msg)
{
    (void)context, (void)msg;
    struct digest digest = fixture_digest("task", 2);
    struct store_key key = store_key_digest(&digest);
    struct buf payload = { 0 };
    store_identity_encode(&(struct store_identity){ .id = 2, .size = SIZE + 1 }, &payload);
    err e = store_put(t, TABLE_TASK, &key, buf_span(&payload), NULL);
    buf_release(&payload);
    return e;
}

static void each_planted_thing_is_found(void **state)
{
    static const struct {
        store_apply_f *plant;
        const char *expect; /* of the first sentence */
    } cases[] = {
        { lose_a_block, "model 2, task 2: there are 0 blocks, 1 were recorded" },
        { repeat_a_block, "model 1, task 1: instance 0 is recorded again in block 4" },
        { leave_a_gap, "model 2, task 2: block 5 follows block 1" },
        { lose_a_block_of_several,
          "model 1, task 1: instance 100 is listed as a failure, but did not fail" },
        { move_a_block, "block (model 2, task 1, 1) belongs to no tally" },
        { spoil_a_block, "block (model 1, task 1, 1) cannot be read" },
        { change_an_answer, "model 2, task 2: the 1 blocks are not those that were recorded" },
        { lose_a_page,
          "model 2, task 2: the bitmap differs from a recount, first in instance 9000" },
        { add_a_page,
          "model 1, task 1: the bitmap differs from a recount, first in instance 8192" },
        { add_a_page_behind_the_end, "model 1, task 1: a page of the bitmap has 1024 bytes" },
        { lose_a_tally, "block (model 2, task 2, 1) belongs to no tally" },
        { change_a_tally, "model 1, task 1: the tally has 105 instances and other sums" },
        { lose_a_failure, "model 1, task 1: instance 102 failed, but is not listed" },
        { add_a_failure, "model 1, task 1: instance 50 is listed as a failure, but did not fail" },
        { swap_a_failure,
          "model 1, task 1: the failure of instance 103 is not what its block says" },
        { void_a_success,
          "model 1, task 1: a retry took back instance 50 of block 1, which did not" },
        { void_a_row_that_is_not_there,
          "model 1, task 1: a retry took back instance 5000 of block 1, which is not there" },
        { lose_a_void, "model 1, task 1: instance 103 is recorded again in block 3" },
        { strike_what_has_ended, "strike (model 1, task 1, 50) is of an instance that has ended" },
        { strike_behind_the_end, "strike (model 1, task 1, 20001) is behind its task's end" },
        { strike_an_unknown_model, "strike (model 3, task 1, 500) belongs to ids" },
        { give_an_id_twice, "has the id 1, which was never given or is another's" },
        { lose_a_model, "1 of 2 ids of table 'model' have no record, the first of them 2" },
        { resize_a_task, "tally (model 2, task 2) has 20001 instances, its task 20002" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *dir = test_dir();
        struct store *s = fixture_sound(dir);
        assert_int_equal(store_write(s, STORE_NEED_SMALL, cases[i].plant, NULL, NULL), OK);
        struct found found = { 0 };
        struct fsck_summary sum;
        assert_int_equal(store_fsck(s, note, &found, &sum, NULL), OK);
        if (found.count == 0 || !strstr(found.first, cases[i].expect))
            fail_msg("case %zu: expected '%s', got '%s'", i, cases[i].expect, found.first);
        assert_int_equal(sum.violations, found.count);
        store_close(s);
        test_rm_rf(dir);
    }
}

/* A failure beside its block: each of its fields, when it is another than in the block. */
static err change_a_failure(struct store_txn *t, void *context, struct errmsg *msg)
{
    const unsigned *field = context;
    struct store_key key = store_key_place(TABLE_FAILURE, 1, 1, 102);
    struct store_failure failure;
    struct span payload;
    struct buf changed = { 0 };
    err e = store_get(t, TABLE_FAILURE, &key, &payload, msg);
    check(!e && store_failure_decode(payload, &failure));
    switch (*field) {
    case 0: failure.status = STATUS_OOM; break;
    case 1: failure.micros++; break;
    case 2: failure.block--; break;
    default: failure.reason.len--;
    }
    store_failure_encode(&failure, &changed);
    e = store_put(t, TABLE_FAILURE, &key, buf_span(&changed), msg);
    buf_release(&changed);
    return e;
}

static void a_failure_is_what_its_block_says(void **state)
{
    (void)state;
    for (unsigned field = 0; field < 4; field++) {
        char *dir = test_dir();
        struct store *s = fixture_sound(dir);
        assert_int_equal(store_write(s, STORE_NEED_SMALL, change_a_failure, &field, NULL), OK);
        struct found found = { 0 };
        struct fsck_summary sum;
        assert_int_equal(store_fsck(s, note, &found, &sum, NULL), OK);
        assert_int_equal(found.count, 1);
        assert_non_null(strstr(found.first, "the failure of instance 102 is not what its block"));
        store_close(s);
        test_rm_rf(dir);
    }
}

/* A block without rows is none that the store would write, but it takes nothing away. */
static err add_an_empty_block(struct store_txn *t, void *context, struct errmsg *msg)
{
    (void)context;
    struct block_builder builder;
    struct buf bytes = { 0 };
    block_builder_init(&builder, FIXTURE_STATS);
    block_builder_encode(&builder, &bytes);
    struct store_key key = store_key_place(TABLE_BLOCK, 2, 2, 2);
    err e = store_put(t, TABLE_BLOCK, &key, buf_span(&bytes), msg);
    block_builder_release(&builder);
    buf_release(&bytes);
    return e;
}

/* Without a check, too: what is lost must not read as "no results". */
static err load(struct store *s)
{
    struct bitmap ended;
    struct tally tally;
    err e = store_load_cell(s, 2, 2, SIZE, &ended, &tally, NULL);
    if (!e)
        bitmap_release(&ended);
    return e;
}

static err recount(struct store *s)
{
    struct tally tally;
    return store_recount(s, 2, 2, SIZE, NULL, &tally, NULL);
}

static bool take(void *owner, const struct result *result)
{
    (void)owner;
    (void)result;
    return true;
}

static err list(struct store *s)
{
    return store_each_result(s, 2, 2, take, NULL, NULL);
}

static err commit_more(struct store *s)
{
    struct store_batch *b = store_batch_new();
    fixture_block(b, 1, 1, SIZE, 15000, 1, 1, STATUS_OK);
    err e = store_commit(s, b, NULL);
    store_batch_free(b);
    return e;
}

static void reading_and_writing_notice_what_is_lost(void **state)
{
    static const struct {
        store_apply_f *plant;
        err (*use)(struct store *s);
    } cases[] = {
        { lose_a_page, load },           { lose_a_tally, load },
        { lose_a_block, recount },       { lose_a_tally, recount },
        { lose_a_block, list },          { lose_a_tally, list },
        { repeat_a_block, commit_more }, { repeat_the_only_block, recount },
        { repeat_the_only_block, list }, { lose_a_block_of_several, commit_more },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *dir = test_dir();
        struct store *s = fixture_sound(dir);
        assert_int_equal(cases[i].use(s), OK);
        store_close(s);
        test_rm_rf(dir);
        dir = test_dir();
        s = fixture_sound(dir);
        assert_int_equal(store_write(s, STORE_NEED_SMALL, cases[i].plant, NULL, NULL), OK);
        assert_int_equal(cases[i].use(s), ERR_CORRUPT);
        store_close(s);
        test_rm_rf(dir);
    }
}

static void a_block_without_rows_is_not_counted(void **state)
{
    (void)state;
    char *dir = test_dir();
    struct store *s = fixture_sound(dir);
    assert_int_equal(store_write(s, STORE_NEED_SMALL, add_an_empty_block, NULL, NULL), OK);
    assert_int_equal(recount(s), OK);
    assert_int_equal(list(s), OK);
    struct found found = { 0 };
    struct fsck_summary sum;
    assert_int_equal(store_fsck(s, note, &found, &sum, NULL), OK);
    assert_non_null(strstr(found.first, "there are 2 blocks, 1 were recorded"));
    store_close(s);
    test_rm_rf(dir);
}

static void a_sound_store_is_summed_up(void **state)
{
    (void)state;
    char *dir = test_dir();
    struct store *s = fixture_sound(dir);
    struct fsck_summary sum = fixture_clean(s);
    assert_int_equal(sum.models, 2);
    assert_int_equal(sum.tasks, 2);
    assert_int_equal(sum.cells, 2);
    assert_int_equal(sum.blocks, 4);
    assert_int_equal(sum.rows, 115);
    assert_int_equal(sum.failures, 5);
    assert_int_equal(sum.strikes, 1);
    assert_true(sum.bytes > 0 && sum.bytes % 4096 == 0);
    assert_true(sum.block_bytes > 0 && sum.block_bytes < sum.bytes);
    store_close(s);
    test_rm_rf(dir);
}

/* A record of a later version says so, and is not called damaged. */
static void records_are_bound_to_their_key_and_version(void **state)
{
    (void)state;
    struct span key = span_str("key"), other = span_str("kez"), payload = span_str("value"), out;
    uint8_t value[STORE_SEAL_BYTES + 5];
    store_record_seal(TABLE_META, key, payload, value);
    assert_int_equal(store_record_open(TABLE_META, key, span_of(value, sizeof(value)), &out), OK);
    assert_true(span_equal(out, payload));
    assert_int_equal(store_record_open(TABLE_META, other, span_of(value, sizeof(value)), &out),
                     ERR_CORRUPT);
    for (size_t bit = 0; bit < 8 * sizeof(value); bit++) {
        value[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(store_record_open(TABLE_META, key, span_of(value, sizeof(value)), &out),
                         ERR_CORRUPT);
        value[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t len = 0; len < sizeof(value); len++)
        assert_int_equal(store_record_open(TABLE_META, key, span_of(value, len), &out),
                         ERR_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_planted_thing_is_found),
        cmocka_unit_test(a_failure_is_what_its_block_says),
        cmocka_unit_test(a_block_without_rows_is_not_counted),
        cmocka_unit_test(reading_and_writing_notice_what_is_lost),
        cmocka_unit_test(a_sound_store_is_summed_up),
        cmocka_unit_test(records_are_bound_to_their_key_and_version),
    };
    return cmocka_run_group_tests_name("store_fsck", tests, NULL, NULL);
}
