/* Records that are garbage, each under its right key and with its right checksum, or under a key
 * that is none: whoever comes by one says so and names it, and the check of the whole store does.
 */
#include "tests/io/store_uses.h"

#include <lmdb.h>

#include "common/crc.h"
#include "coordinator/store/table.h"

enum { SIZE = FIXTURE_SOUND_SIZE, VALUE_BYTES_MAX = 1024 };

/* ---- What is planted ---- */

struct garbage {
    enum store_table table;
    const char *identity; /* "model 1"; NULL: of a cell, */
    uint32_t model, task; /* ... this one */
    uint64_t number;
    int key_more;      /* bytes that the key has too many, or too few */
    const char *bytes; /* the payload; NULL: there is to be no record */
    size_t len;
    uint8_t version; /* of the record; 0: as it is written today */
};

static struct store_key key_of(const struct garbage *g)
{
    struct store_key key;
    if (g->table == TABLE_META) {
        key = store_key_head();
    } else if (g->identity) {
        struct digest digest = digest_of(span_str(g->identity));
        key = store_key_digest(&digest);
    } else {
        key = store_key_place(g->table, g->model, g->task, g->number);
    }
    key.len += (size_t)g->key_more;
    return key;
}

/* Returns its length. Of another version it is sealed here: the store seals none but its own. */
static size_t seal(const struct garbage *g, struct span key, uint8_t out[VALUE_BYTES_MAX])
{
    size_t len = STORE_SEAL_BYTES + g->len;
    assert_true(len <= VALUE_BYTES_MAX);
    store_record_seal(g->table, key, span_of(g->bytes, g->len), out);
    if (g->version == 0)
        return len;
    out[4] = g->version;
    uint32_t crc = crc32c(crc32c(0, key.data, key.len), out + 4, len - 4);
    for (unsigned i = 0; i < 4; i++)
        out[i] = (uint8_t)(crc >> (8 * i));
    return len;
}

static err plant(struct store_txn *t, void *context, struct errmsg *msg)
{
    const struct garbage *g = context;
    struct store_key key = key_of(g);
    unsigned table = t->store->table[g->table];
    MDB_val k = { .mv_data = key.bytes, .mv_size = key.len };
    (void)msg;
    if (!g->bytes) {
        assert_int_equal(mdb_del(t->mdb, table, &k, NULL), 0);
        return OK;
    }
    uint8_t value[VALUE_BYTES_MAX];
    MDB_val v = { .mv_data = value, .mv_size = seal(g, store_key_span(&key), value) };
    assert_int_equal(mdb_put(t->mdb, table, &k, &v, 0), 0);
    return OK;
}

/* ---- Who comes by it ---- */

static err load(struct store *s, struct errmsg *msg)
{
    return use_cell(s, SIZE, msg);
}

static err recount(struct store *s, struct errmsg *msg)
{
    return use_recount(s, SIZE, msg);
}

static err model_id(struct store *s, struct errmsg *msg)
{
    uint32_t id;
    struct digest digest = fixture_digest("model", 1);
    return store_model_id(s, &digest, span_str("{}"), &id, msg);
}

/* Of instance 600, in the first page of cell (1, 1). */
static err commit(struct store *s, struct errmsg *msg)
{
    struct store_batch *b = store_batch_new();
    fixture_block(b, 1, 1, SIZE, 600, 1, 1, STATUS_OK);
    return use_commit(s, b, msg);
}

static err retry(struct store *s, struct errmsg *msg)
{
    return use_retry(s, 1, 1, msg);
}

/* ---- That it is said ---- */

struct found {
    const char *wanted;
    bool met;
    struct buf all;
};

static void note(void *owner, const char *sentence)
{
    struct found *found = owner;
    found->met |= strstr(sentence, found->wanted) != NULL;
    buf_printf(&found->all, "%s\n", sentence);
}

struct garbage_case {
    struct garbage garbage;
    const char *violation; /* that fsck finds, among others; NULL: none */
    struct {
        store_use_f *run;
        const char *words; /* NULL: it does not come by */
    } uses[4];
};

static void assert_found(struct store *s, const char *violation)
{
    struct found found = { .wanted = violation ? violation : "nothing" };
    struct fsck_summary sum;
    struct errmsg msg = { "" };
    if (store_fsck(s, note, &found, &sum, &msg) != OK)
        fail_msg("fsck: %s", msg.text);
    if (found.met != (violation != NULL) || (sum.violations > 0) != (violation != NULL))
        fail_msg("expected '%s', found: %s", found.wanted, buf_cstr(&found.all));
    buf_release(&found.all);
}

static void assert_uses(struct store *s, const struct garbage_case *c)
{
    for (size_t i = 0; i < 4 && c->uses[i].run; i++) {
        struct errmsg msg = { "" };
        const char *words = c->uses[i].words;
        err e = c->uses[i].run(s, &msg);
        err expected = !words ? OK : c->garbage.version ? ERR_UNSUPPORTED : ERR_CORRUPT;
        if (e != expected || (words && (!strstr(msg.text, words) || !strstr(msg.text, "data.mdb"))))
            fail_msg("use %zu: expected '%s', got %s: '%s'", i, words ? words : "", err_text(e),
                     msg.text);
    }
}

static void try_all(const struct garbage_case cases[], size_t count_of_cases)
{
    for (size_t i = 0; i < count_of_cases; i++) {
        char *dir = test_dir();
        struct store *s = fixture_sound(dir);
        struct garbage garbage = cases[i].garbage;
        assert_int_equal(store_write(s, STORE_NEED_SMALL, plant, &garbage, NULL), OK);
        assert_found(s, cases[i].violation);
        assert_uses(s, &cases[i]);
        store_close(s);
        test_rm_rf(dir);
    }
}

#define TRY_ALL(cases) try_all(cases, sizeof(cases) / sizeof((cases)[0]))

#define BYTES(text) .bytes = (text), .len = sizeof(text) - 1
#define DIGEST      "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define SIZE_VARINT "\xa1\x9c\x01"                   /* 20001 */
#define EMPTY_TALLY SIZE_VARINT "\0" DIGEST "\0\0\0" /* sound, without a result */

static void garbage_among_identities_is_named(void **state)
{
    (void)state;
    static const struct garbage_case cases[] = {
        { { TABLE_MODEL, .identity = "model 1", BYTES("\1") },
          "model",
          { { use_models, "cannot be read" }, { model_id, "cannot be read" } } },
        { { TABLE_MODEL, .identity = "model 3", BYTES("\7\0{}") },
          "has the id 7, which was never given or is another's",
          { { use_models, NULL } } },
        { { TABLE_MODEL, .identity = "model 3", .key_more = -1, BYTES("\1\0{}") },
          "cannot be read",
          { { use_models, "cannot be read" } } },
        { { TABLE_MODEL, .identity = "model 1", BYTES("\1\0{}"), .version = 2 },
          "was written by a newer muster",
          { { use_models, "was written by a newer muster" },
            { model_id, "was written by a newer muster" } } },
        { { TABLE_TASK, .identity = "task 1", BYTES("\1\0{}") }, "has 0 instances", { { 0 } } },
        { { TABLE_TASK, .identity = "task 1", BYTES("\1\xff\xff\xff\xff\x0f{}") },
          "has 4294967295 instances",
          { { 0 } } },
    };
    TRY_ALL(cases);
}

static void garbage_among_tallies_is_named(void **state)
{
    (void)state;
    static const struct garbage_case cases[] = {
        { { TABLE_TALLY, NULL, 1, 1, 0, 0, BYTES("") },
          "tally (model 1, task 1) cannot be read",
          { { load, "tally (model 1, task 1) cannot be read" },
            { use_count, "cannot be read" },
            { use_results, "cannot be read" },
            { commit, "cannot be read" } } },
        { { TABLE_TALLY, NULL, 1, 1, 0, 1, BYTES(EMPTY_TALLY) },
          "tally 000000010000000100 cannot be read",
          { { load, NULL }, { commit, NULL } } },
        { { TABLE_TALLY, NULL, 0, 1, 0, 0, BYTES(EMPTY_TALLY) },
          "never given",
          { { load, NULL } } },
        { { TABLE_TALLY, NULL, 3, 1, 0, 0, BYTES(EMPTY_TALLY) },
          "never given",
          { { load, NULL } } },
        { { TABLE_TALLY, NULL, 1, 0, 0, 0, BYTES(EMPTY_TALLY) },
          "never given",
          { { load, NULL } } },
        { { TABLE_TALLY, NULL, 1, 3, 0, 0, BYTES(EMPTY_TALLY) },
          "never given",
          { { load, NULL } } },
        { { TABLE_TALLY, NULL, 1, 2, 0, 0, BYTES("\5\0" DIGEST "\0\0\0") },
          "tally (model 1, task 2) has 5 instances, its task 20001",
          { { 0 } } },
        { { TABLE_TALLY, NULL, 1, 1, 0, 0, .bytes = NULL },
          "belongs to no tally",
          { { load, "disagrees with its results" },
            { retry, "tally (model 1, task 1) is missing" } } },
    };
    TRY_ALL(cases);
}

static void garbage_among_blocks_is_named(void **state)
{
    (void)state;
    static const struct garbage_case cases[] = {
        { { TABLE_BLOCK, NULL, 1, 1, 4, 0, BYTES("MBK1") },
          "block (model 1, task 1, 4) cannot be read",
          { { recount, "block (model 1, task 1, 4) cannot be read" },
            { use_results, "cannot be read" },
            { commit, "is there, but is not counted" } } },
        { { TABLE_BLOCK, NULL, 1, 1, 1, 0, BYTES("MBN1") },
          "block (model 1, task 1, 1) cannot be read",
          { { recount, "cannot be read" },
            { use_results, "cannot be read" },
            { commit, "block (model 1, task 1, 1) does not end with the newest block" } } },
        { { TABLE_BLOCK, NULL, 1, 1, 1, 0, BYTES("MBN1\4MBK1\4MBK1\377MBK1") },
          "cannot be read",
          { { recount, "cannot be read" } } },
        { { TABLE_BLOCK, NULL, 1, 1, 3, 1, BYTES("MBK1") },
          "cannot be read",
          { { recount, "cannot be read" }, { commit, "has an odd key" } } },
        { { TABLE_BLOCK, NULL, 1, 1, 4, 1, BYTES("MBK1") },
          "cannot be read",
          { { recount, "cannot be read" }, { load, NULL } } },
        { { TABLE_BLOCK, NULL, 2, 1, 1, -1, BYTES("MBK1") },
          "has a key of odd length",
          { { load, NULL } } },
        { { TABLE_BLOCK, NULL, 1, 1, 1, 0, BYTES("MBK1"), .version = 4 },
          "was written by a newer muster",
          { { recount, "was written by a newer muster" },
            { use_results, "was written by a newer muster" },
            { commit, "was written by a newer muster" } } },
    };
    TRY_ALL(cases);
}

/* A record of version 2 is one block; it takes more from today on. */
static void a_block_of_an_earlier_version_is_read_and_joined(void **state)
{
    (void)state;
    static char block[VALUE_BYTES_MAX];
    char *dir = test_dir();
    struct store *s = fixture_sound(dir);
    struct garbage earlier = { TABLE_BLOCK, NULL, 2, 2, 1, 0, .bytes = block, .version = 2 };
    struct store_txn t;
    struct store_key key = key_of(&earlier);
    struct span payload;
    assert_int_equal(store_read_begin(s, &t, NULL), OK);
    assert_int_equal(store_get(&t, TABLE_BLOCK, &key, &payload, NULL), OK);
    assert_true(payload.len <= sizeof(block));
    memcpy(block, payload.data, payload.len);
    earlier.len = payload.len;
    store_read_end(&t);
    assert_int_equal(store_write(s, STORE_NEED_SMALL, plant, &earlier, NULL), OK);
    fixture_clean(s);
    struct store_batch *b = store_batch_new();
    fixture_block(b, 2, 2, SIZE, 0, 1, 10, STATUS_OK);
    fixture_commit(s, b);
    store_batch_free(b);
    assert_int_equal(fixture_clean(s).rows, 125);
    uint64_t records;
    assert_int_equal(store_read_begin(s, &t, NULL), OK);
    assert_int_equal(store_count(&t, TABLE_BLOCK, &records, NULL), OK);
    store_read_end(&t);
    assert_int_equal(records, 2); /* one a cell */
    store_close(s);
    test_rm_rf(dir);
}

static void garbage_among_pages_is_named(void **state)
{
    (void)state;
    static const struct garbage_case cases[] = {
        { { TABLE_DONE, NULL, 1, 1, 0, 0, BYTES("abc") },
          "model 1, task 1: a page of the bitmap has 3 bytes",
          { { load, "done (model 1, task 1, 0) has another length than its task" },
            { commit, "done (model 1, task 1, 0) has another length than its task" },
            { retry, "has another length than its task" } } },
        { { TABLE_DONE, NULL, 1, 1, 1, 0, BYTES("") },
          "a page of the bitmap has 0 bytes",
          { { load, "has another length than its task" } } },
        { { TABLE_DONE, NULL, 1, 1, 1, 1, BYTES("abc") },
          "a page of the bitmap has 3 bytes",
          { { load, "has another length than its task" } } },
        { { TABLE_DONE, NULL, 2, 0, 0, -8, BYTES("abc") }, /* less than the number of a model */
          "has a key of odd length",
          { { load, NULL } } },
    };
    TRY_ALL(cases);
}

/* The task's last page has 453 bytes; its last bit that may be set is bit 0 of the last byte. */
static void a_bit_behind_the_end_of_the_task_is_named(void **state)
{
    (void)state;
    static char page[453];
    page[452] = 0x02;
    const struct garbage_case cases[] = {
        { { TABLE_DONE, NULL, 1, 1, 2, 0, .bytes = page, .len = sizeof(page) },
          "the bitmap has instance 20001, behind the task's end",
          { { load, "disagrees with its results" } } },
    };
    TRY_ALL(cases);
}

/* status, micros, block, reason */
static void garbage_among_failures_is_named(void **state)
{
    (void)state;
    static const struct garbage_case cases[] = {
        { { TABLE_FAILURE, NULL, 1, 1, 102, 0, BYTES("\1") },
          "model 1, task 1: a failure of 1 bytes cannot be read",
          { { use_failures, "failure (model 1, task 1, 102) cannot be read" },
            { retry, "failure (model 1, task 1, 102) cannot be read" } } },
        { { TABLE_FAILURE, NULL, 1, 1, 102, 1, BYTES("\3\0\3why") },
          "cannot be read",
          { { use_failures, "cannot be read" }, { retry, "cannot be read" } } },
        { { TABLE_FAILURE, NULL, 1, 1, 9000, 0, BYTES("\3\0\3why") },
          "instance 9000 is listed as a failure, but did not fail",
          { { use_failures, NULL }, { retry, "failure (model 1, task 1, 9000) is not counted" } } },
        { { TABLE_FAILURE, NULL, 1, 1, 50, 0, BYTES("\4\0\3why") },
          "instance 50 is listed as a failure, but did not fail",
          { { retry, "failure (model 1, task 1, 50) is not counted" } } },
        { { TABLE_FAILURE, NULL, 1, 1, 50, 0, BYTES("\3\xff\xff\xff\xff\x0f\3why") },
          "instance 50 is listed as a failure, but did not fail",
          { { retry, "failure (model 1, task 1, 50) is not counted" } } },
        { { TABLE_FAILURE, NULL, 1, 1, SIZE, 0, BYTES("\3\0\3why") },
          "instance 20001 is listed as a failure, but did not fail",
          { { retry, "failure (model 1, task 1, 20001) is behind its task's end" } } },
    };
    TRY_ALL(cases);
}

/* status, strikes, attempt, reason */
static void garbage_among_strikes_is_named(void **state)
{
    (void)state;
    static const struct garbage_case cases[] = {
        { { TABLE_STRIKE, NULL, 1, 1, 600, 0, BYTES("\1") },
          "strike (model 1, task 1, 600) cannot be read",
          { { use_strikes, "strike (model 1, task 1, 600) cannot be read" } } },
        { { TABLE_STRIKE, NULL, 1, 1, 600, 1, BYTES("\1\1\1why") },
          "cannot be read",
          { { use_strikes, "cannot be read" }, { commit, "has an odd key" } } },
        { { TABLE_STRIKE, NULL, 0, 1, 600, 0, BYTES("\1\1\1why") },
          "never given",
          { { use_strikes, NULL } } },
        { { TABLE_STRIKE, NULL, 3, 1, 600, 0, BYTES("\1\1\1why") },
          "never given",
          { { use_strikes, NULL } } },
        { { TABLE_STRIKE, NULL, 1, 0, 600, 0, BYTES("\1\1\1why") },
          "never given",
          { { use_strikes, NULL } } },
        { { TABLE_STRIKE, NULL, 1, 3, 600, 0, BYTES("\1\1\1why") },
          "never given",
          { { use_strikes, NULL } } },
        { { TABLE_STRIKE, NULL, 1, 1, 500, 0, BYTES("\1\1\1why"), .version = 7 },
          "was written by a newer muster",
          { { use_strikes, "was written by a newer muster" } } },
    };
    TRY_ALL(cases);
}

static void garbage_among_what_was_opened_again_is_named(void **state)
{
    (void)state;
    static const struct garbage_case cases[] = {
        { { TABLE_REOPENED, NULL, 1, 1, 103, 0, BYTES("") },
          "reopened (model 1, task 1, 103) cannot be read",
          { { recount, "reopened (model 1, task 1, 103) cannot be read" },
            { use_results, "cannot be read" },
            { load, NULL } } },
        { { TABLE_REOPENED, NULL, 1, 1, 103, 1, BYTES("\2") },
          "cannot be read",
          { { recount, "cannot be read" } } },
    };
    TRY_ALL(cases);
}

/* Everything in a transaction begins with the head. */
static void a_store_without_a_sound_head_is_not_used(void **state)
{
    (void)state;
    static const struct {
        struct garbage garbage;
        err expected;
        const char *words;
    } cases[] = {
        { { TABLE_META, .bytes = NULL }, ERR_CORRUPT, "is no store of muster: it has no head" },
        { { TABLE_META, BYTES("\1\1") }, ERR_CORRUPT, "cannot be read" },
        { { TABLE_META, BYTES("\2\1" DIGEST "\1\0\0") },
          ERR_UNSUPPORTED,
          "has schema 2, made by a newer muster; this one reads up to 1" },
        { { TABLE_META, BYTES("\1\1" DIGEST "\1\0\0"), .version = 2 },
          ERR_UNSUPPORTED,
          "was written by a newer muster" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *dir = test_dir();
        struct store *s = fixture_sound(dir);
        struct garbage garbage = cases[i].garbage;
        assert_int_equal(store_write(s, STORE_NEED_SMALL, plant, &garbage, NULL), OK);
        store_use_f *const uses[] = { load, commit };
        for (size_t k = 0; k < 2; k++) {
            struct errmsg msg = { "" };
            assert_int_equal(uses[k](s, &msg), cases[i].expected);
            assert_non_null(strstr(msg.text, cases[i].words));
        }
        store_close(s);
        struct errmsg msg = { "" };
        struct store_config config = { .path = dir, .allow_network_fs = true };
        assert_int_equal(store_open(&config, &s, &msg), cases[i].expected);
        assert_non_null(strstr(msg.text, cases[i].words));
        test_rm_rf(dir);
    }
}

/* Its epoch is higher than ours, and it has not closed the store. */
static void a_commit_beside_a_later_coordinator_is_refused(void **state)
{
    (void)state;
    char *dir = test_dir();
    struct store *s = fixture_sound(dir);
    struct garbage later = { TABLE_META, BYTES("\1\x63" DIGEST "\0\2\2") };
    assert_int_equal(store_write(s, STORE_NEED_SMALL, plant, &later, NULL), OK);
    struct errmsg msg = { "" };
    assert_int_equal(load(s, &msg), OK);
    assert_int_equal(commit(s, &msg), ERR_STALE);
    assert_non_null(strstr(msg.text, "another coordinator took over"));
    assert_non_null(strstr(msg.text, "epoch 99, ours is 1"));
    store_close(s);
    s = fixture_open(dir);
    struct store_info info;
    store_info(s, &info);
    assert_int_equal(info.epoch, 100);
    assert_false(info.was_clean);
    store_close(s);
    test_rm_rf(dir);
}

/* An environment of LMDB, fresh, or with a table of somebody else's. */
static void make_foreign(const char *path, bool has_table)
{
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi table;
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_set_maxdbs(env, 1), 0);
    assert_int_equal(mdb_env_open(env, path, MDB_NOSUBDIR, 0600), 0);
    if (has_table) {
        assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
        assert_int_equal(mdb_dbi_open(txn, "theirs", MDB_CREATE, &table), 0);
        assert_int_equal(mdb_txn_commit(txn), 0);
    }
    mdb_env_close(env);
}

static void a_file_of_lmdb_without_our_tables_is_no_store(void **state)
{
    (void)state;
    for (int has_table = 0; has_table < 2; has_table++) {
        char *dir = test_dir(), *path = file_join(dir, "data.mdb");
        struct store_config config = { .path = dir, .allow_network_fs = true };
        struct store *s;
        struct errmsg msg = { "" };
        make_foreign(path, has_table);
        assert_int_equal(store_open(&config, &s, &msg), ERR_CORRUPT);
        assert_non_null(strstr(msg.text, "is no store of muster: it has no table 'meta'"));
        free(path);
        test_rm_rf(dir);
    }
}

static err delete_what_is_not_there(struct store_txn *t, void *context, struct errmsg *msg)
{
    (void)context;
    struct store_key key = store_key_place(TABLE_FAILURE, 1, 1, 50);
    return store_delete(t, TABLE_FAILURE, &key, msg);
}

static void a_record_that_should_have_been_there_is_named(void **state)
{
    (void)state;
    char *dir = test_dir();
    struct store *s = fixture_sound(dir);
    struct errmsg msg = { "" };
    assert_int_equal(store_write(s, STORE_NEED_SMALL, delete_what_is_not_there, NULL, &msg),
                     ERR_CORRUPT);
    assert_non_null(strstr(msg.text, "failure (model 1, task 1, 50) is missing"));
    fixture_clean(s);
    store_close(s);
    test_rm_rf(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(garbage_among_identities_is_named),
        cmocka_unit_test(garbage_among_tallies_is_named),
        cmocka_unit_test(garbage_among_blocks_is_named),
        cmocka_unit_test(a_block_of_an_earlier_version_is_read_and_joined),
        cmocka_unit_test(garbage_among_pages_is_named),
        cmocka_unit_test(a_bit_behind_the_end_of_the_task_is_named),
        cmocka_unit_test(garbage_among_failures_is_named),
        cmocka_unit_test(garbage_among_strikes_is_named),
        cmocka_unit_test(garbage_among_what_was_opened_again_is_named),
        cmocka_unit_test(a_store_without_a_sound_head_is_not_used),
        cmocka_unit_test(a_commit_beside_a_later_coordinator_is_refused),
        cmocka_unit_test(a_file_of_lmdb_without_our_tables_is_no_store),
        cmocka_unit_test(a_record_that_should_have_been_there_is_named),
    };
    return cmocka_run_group_tests_name("store_garbage", tests, NULL, NULL);
}
