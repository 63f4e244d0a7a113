/* Every call of the store to LMDB and to the system fails once, in every operation of the store:
 * what fails says so, by the name of its file, leaves no trace in the store and nothing behind in
 * memory; and the same operation done again later succeeds. */
#include "tests/io/store_uses.h"

#include <errno.h>
#include <lmdb.h>

#include "coordinator/store/table.h"
#include "tests/fault/folder.h"
#include "tests/fault/life.h"
#include "tests/io/failing.h"

enum {
    STEPS = 20, /* of the life so far: failures, strikes and retries among them */
    MODELS = 2, /* of a life */
    TASKS = 3,
    SIZE = 4000
};

struct sample {
    char *root, *dir;     /* the folder of the store, two below */
    struct buf file;      /* the store after STEPS steps, closed cleanly */
    struct digest before; /* of what can be read of it, */
    struct digest after;  /* and with one step more */
};

static char *data_path(const struct sample *f)
{
    return file_join(f->dir, "data.mdb");
}

/* The store as it was made, whatever happened to it. */
static void restore(const struct sample *f)
{
    folder_empty(f->dir);
    char *path = data_path(f);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, f->file.data, f->file.len), f->file.len);
    assert_int_equal(close(fd), 0);
    free(path);
}

static struct digest digest_now(struct store *s)
{
    struct digest now;
    struct errmsg msg = { "" };
    if (life_digest(s, &now, &msg) != OK)
        fail_msg("cannot be read: %s", msg.text);
    return now;
}

static int setup(void **state)
{
    struct sample *f = calloc(1, sizeof(*f));
    struct store *s;
    f->root = folder_make("failures", true);
    f->dir = file_join(f->root, "state/store");
    assert_int_equal(life_open(f->dir, &s, NULL), OK);
    for (uint32_t step = 0; step < STEPS; step++)
        assert_int_equal(life_step(s, step, NULL), OK);
    f->before = digest_now(s);
    store_close(s);
    char *path = data_path(f);
    assert_int_equal(file_read(path, 64 << 20, &f->file, NULL), OK);
    free(path);
    assert_int_equal(life_open(f->dir, &s, NULL), OK);
    assert_int_equal(life_step(s, STEPS, NULL), OK);
    f->after = digest_now(s);
    assert_false(digest_equal(&f->before, &f->after));
    store_close(s);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct sample *f = *state;
    free(f->dir);
    folder_remove(f->root);
    buf_release(&f->file);
    free(f);
    return 0;
}

/* Sound, and with the contents of `expected`. */
static void assert_contents(const struct sample *f, const struct digest *expected)
{
    struct store *s = fixture_open_to_read(f->dir);
    fixture_clean(s);
    struct digest now = digest_now(s);
    if (!digest_equal(&now, expected))
        fail_msg("other contents, after a failed %s", failing_name());
    store_close(s);
}

/* ---- The operations ---- */

static err get_model_id(struct store *s, struct errmsg *msg)
{
    uint32_t id;
    struct digest identity = fixture_digest("failing model", 1);
    return store_model_id(s, &identity, span_str("{}"), &id, msg);
}

static err get_task_id(struct store *s, struct errmsg *msg)
{
    uint32_t id;
    struct digest identity = fixture_digest("failing task", 1);
    return store_task_id(s, &identity, SIZE, span_str("{}"), &id, msg);
}

static err get_ids(struct store *s, struct errmsg *msg)
{
    uint32_t ids[4];
    struct store_naming namings[4];
    for (uint32_t i = 0; i < 4; i++)
        namings[i] = (struct store_naming){ .is_task = i > 0,
                                            .identity = fixture_digest("failing naming", i),
                                            .size = SIZE,
                                            .record = span_str("{}") };
    return store_ids(s, namings, 4, ids, msg);
}

static err next_step(struct store *s, struct errmsg *msg)
{
    return life_step(s, STEPS, msg);
}

static err retry_all(struct store *s, struct errmsg *msg)
{
    return use_retry(s, 0, 0, msg);
}

/* Rows that end strikes, that failed, and on two pages of the bitmap. */
static err end_strikes(struct store *s, struct errmsg *msg)
{
    struct store_batch *b = store_batch_new();
    uint32_t id;
    struct digest identity = fixture_digest("large task", 1);
    err e = store_task_id(s, &identity, 20000, span_str("{}"), &id, msg);
    if (!e) {
        for (uint32_t i = 0; i < 4; i++)
            store_batch_strike(
                b,
                &(struct strike){ .model = 1, .task = id, .instance = 8190 + 2 * i, .count = 1 });
        fixture_block(b, 1, id, 20000, 8190, 1, 4, STATUS_CRASH);
        e = store_commit(s, b, msg);
    }
    store_batch_free(b);
    return e;
}

static err load_cell(struct store *s, struct errmsg *msg)
{
    return use_cell(s, SIZE, msg);
}

static err recount(struct store *s, struct errmsg *msg)
{
    return use_recount(s, SIZE, msg);
}

static err read_step(struct store *s, struct errmsg *msg)
{
    uint32_t step;
    return life_next(s, &step, msg);
}

/* It must not take a store that cannot be read for a damaged one, either. */
static err check_all(struct store *s, struct errmsg *msg)
{
    struct fsck_summary sum = { 0 };
    err e = store_fsck(s, fixture_say, NULL, &sum, msg);
    if (sum.violations > 0)
        fail_msg("a failed %s passes for a violation", failing_name());
    return e;
}

static const struct operation {
    const char *name;
    store_use_f *run;
    bool writes;
} operations[] = {
    { "model id", get_model_id, true }, { "task id", get_task_id, true },
    { "ids", get_ids, true },           { "step", next_step, true },
    { "retry", retry_all, true },       { "rows that end strikes", end_strikes, true },
    { "models", use_models, false },    { "count", use_count, false },
    { "cell", load_cell, false },       { "recount", recount, false },
    { "strikes", use_strikes, false },  { "failures", use_failures, false },
    { "results", use_results, false },  { "value", read_step, false },
    { "fsck", check_all, false },
};
enum { OPERATIONS = sizeof(operations) / sizeof(operations[0]) };

static void assert_said(const struct operation *op, err e, err expected, const struct errmsg *msg,
                        const char *words)
{
    if (e != expected || !strstr(msg->text, "data.mdb") || !strstr(msg->text, words))
        fail_msg("%s: a failed %s gives %s: '%s'", op->name, failing_name(), err_text(e),
                 msg->text);
}

/* The n-th of the calls fails in the operation. False: it has not so many. */
static bool fail_once(const struct sample *f, const struct operation *op, const char *calls,
                      uint64_t nth)
{
    struct errmsg msg = { "" };
    struct store *s = fixture_open(f->dir);
    failing_set(&(struct failing){ .calls = calls, .nth = nth, .code = EIO });
    err e = op->run(s, &msg);
    if (failing_end() == 0) {
        assert_int_equal(e, OK);
        store_close(s);
        return false;
    }
    assert_said(op, e, ERR_IO, &msg, strerror(EIO));
    if (!op->writes && op->run(s, NULL) != OK)
        fail_msg("%s: cannot be done after a failed %s", op->name, failing_name());
    store_close(s);
    return true;
}

static void each_call_to_lmdb_that_fails_is_told(void **state)
{
    const struct sample *f = *state;
    for (size_t i = 0; i < OPERATIONS; i++) {
        const struct operation *op = &operations[i];
        uint64_t nth = 1;
        restore(f);
        for (; fail_once(f, op, "mdb_*", nth); nth++)
            if (op->writes && op->run != end_strikes) /* which has a task to itself */
                assert_contents(f, &f->before);
        assert_true(nth > 2);
    }
}

/* fsck reads the file beside LMDB. */
static void each_look_at_the_file_that_fails_is_told(void **state)
{
    static const char *const calls[] = { "pread", "fstat" };
    static const struct operation fsck = { "fsck", check_all, false };
    const struct sample *f = *state;
    restore(f);
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        uint64_t nth = 1;
        while (fail_once(f, &fsck, calls[i], nth))
            nth++;
        assert_true(nth > 1);
    }
}

/* Under a (model, task) that has no tally. */
static err plant_an_orphan(struct store_txn *t, void *context, struct errmsg *msg)
{
    (void)context;
    struct store_key key = store_key_place(TABLE_BLOCK, MODELS, TASKS + 1, 1);
    return store_put(t, TABLE_BLOCK, &key, span_str("MBK1"), msg);
}

static void count_violation(void *owner, const char *sentence)
{
    size_t *count = owner;
    *count += strstr(sentence, "belongs to no tally") != NULL;
}

static void a_failed_look_for_the_owner_of_a_record_is_told(void **state)
{
    const struct sample *f = *state;
    restore(f);
    struct store *s = fixture_open(f->dir);
    assert_int_equal(store_write(s, STORE_NEED_SMALL, plant_an_orphan, NULL, NULL), OK);
    err e = ERR_IO;
    uint64_t met = 0;
    for (uint64_t nth = 1; e; nth++) {
        struct fsck_summary sum = { 0 };
        size_t orphans = 0;
        failing_set(&(struct failing){ .calls = "mdb_get", .nth = nth, .code = EIO });
        e = store_fsck(s, count_violation, &orphans, &sum, NULL);
        assert_int_equal(e, failing_end() ? ERR_IO : OK);
        assert_int_equal(sum.violations, orphans); /* a failure is no violation */
        met += orphans;
    }
    assert_true(met > 0);
    store_close(s);
}

/* ---- Full and moving maps ---- */

/* The step is taken as if nothing had been, though the n-th of the calls fails. False: it has not
 * so many. */
static bool step_goes_on(const struct sample *f, const char *calls, uint64_t nth, int code)
{
    restore(f);
    struct errmsg msg = { "" };
    struct store *s = fixture_open(f->dir);
    failing_set(&(struct failing){ .calls = calls, .nth = nth, .code = code });
    err e = life_step(s, STEPS, &msg);
    bool failed = failing_end() > 0;
    if (e != OK || msg.text[0])
        fail_msg("step: a failed %s gives %s: '%s'", failing_name(), err_text(e), msg.text);
    store_close(s);
    assert_contents(f, &f->after);
    return failed;
}

static void a_map_that_is_full_at_any_call_of_a_commit_grows(void **state)
{
    static const char *const calls[] = { "mdb_put", "mdb_del", "mdb_txn_commit" };
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        uint64_t nth = 1;
        while (step_goes_on(*state, calls[i], nth, MDB_MAP_FULL))
            nth++;
        assert_true(nth > 1);
    }
}

static void a_map_that_another_process_has_grown_is_followed(void **state)
{
    const struct sample *f = *state;
    uint64_t nth = 1;
    while (step_goes_on(f, "mdb_txn_begin", nth, MDB_MAP_RESIZED))
        nth++;
    assert_true(nth > 2); /* to read how much room it needs, and to write */
    struct store *s = fixture_open(f->dir);
    failing_set(&(struct failing){
        .calls = "mdb_txn_begin", .nth = 1, .times = 2, .code = MDB_MAP_RESIZED });
    struct digest now = digest_now(s);
    assert_int_equal(failing_end(), 2);
    assert_true(digest_equal(&now, &f->after));
    store_close(s);
}

static void a_map_that_cannot_grow_is_told(void **state)
{
    const struct sample *f = *state;
    static const struct failing no_map = { .calls = "mdb_env_set_mapsize",
                                           .nth = 1,
                                           .code = ENOMEM };
    static const struct {
        const char *calls;
        int code;
        store_use_f *run;
    } cases[] = {
        { "mdb_txn_begin", MDB_MAP_RESIZED, load_cell },
        { "mdb_txn_begin", MDB_MAP_RESIZED, next_step },
        { "mdb_put", MDB_MAP_FULL, next_step },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        restore(f);
        struct errmsg msg = { "" };
        struct store *s = fixture_open(f->dir);
        failing_set(&(struct failing){
            .calls = cases[i].calls, .nth = 1, .code = cases[i].code, .then = &no_map });
        assert_int_equal(cases[i].run(s, &msg), ERR_IO);
        assert_int_equal(failing_end(), 2);
        assert_non_null(strstr(msg.text, "cannot map"));
        store_close(s);
        assert_contents(f, &f->before);
    }
}

/* ---- What a failure is called ---- */

static void each_code_of_lmdb_has_its_name(void **state)
{
    static const struct {
        int code;
        err expected;
    } cases[] = {
        { ENOSPC, ERR_FULL },
        { EDQUOT, ERR_FULL },
        { EFBIG, ERR_FULL },
        { MDB_CORRUPTED, ERR_CORRUPT },
        { MDB_PAGE_NOTFOUND, ERR_CORRUPT },
        { MDB_INVALID, ERR_CORRUPT },
        { MDB_INCOMPATIBLE, ERR_CORRUPT },
        { MDB_VERSION_MISMATCH, ERR_UNSUPPORTED },
        { ENOMEM, ERR_IO },
        { MDB_READERS_FULL, ERR_IO },
    };
    const struct sample *f = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        restore(f);
        struct errmsg msg = { "" };
        struct store *s = fixture_open(f->dir);
        failing_set(&(struct failing){ .calls = "mdb_put", .nth = 2, .code = cases[i].code });
        err e = life_step(s, STEPS, &msg);
        assert_int_equal(failing_end(), 1);
        assert_said(&operations[3], e, cases[i].expected, &msg, mdb_strerror(cases[i].code));
        /* Room may come back; everything else is final, and is not called a clean end. */
        bool is_full = cases[i].expected == ERR_FULL;
        if (is_full)
            assert_int_equal(life_step(s, STEPS, NULL), OK);
        store_close(s);
        assert_contents(f, is_full ? &f->after : &f->before);
        s = fixture_open(f->dir);
        struct store_info info;
        store_info(s, &info);
        assert_int_equal(info.was_clean, is_full);
        store_close(s);
    }
}

/* A write that the disk cuts short is an EIO to LMDB. */
static void a_commit_cut_short_for_lack_of_room_can_be_done_again(void **state)
{
    const struct sample *f = *state;
    restore(f);
    struct errmsg msg = { "" };
    struct store *s = fixture_open(f->dir);
    const struct failing no_room = { .calls = "fallocate", .nth = 1, .times = 2, .code = ENOSPC };
    failing_set(
        &(struct failing){ .calls = "mdb_txn_commit", .nth = 1, .code = EIO, .then = &no_room });
    assert_int_equal(life_step(s, STEPS, &msg), ERR_FULL);
    assert_true(failing_end() >= 2);
    assert_non_null(strstr(msg.text, "make room for it"));
    assert_int_equal(life_step(s, STEPS, NULL), OK);
    store_close(s);
    assert_contents(f, &f->after);
}

/* ---- Opening ---- */

enum way { WAY_NEW, WAY_EXISTING, WAY_READ_ONLY, WAYS };

static bool may_fail_unseen(const char *call)
{
    /* A folder may be there already; room is asked for generously first; no limit is none. */
    return strcmp(call, "mkdir") == 0 || strcmp(call, "fallocate") == 0 ||
           strcmp(call, "getrlimit") == 0;
}

/* False: opening has not so many calls. */
static bool open_fails_once(const struct sample *f, enum way way, const char *calls, uint64_t nth)
{
    if (way == WAY_NEW)
        folder_empty(f->dir);
    else
        restore(f);
    char *path = file_join(f->dir, way == WAY_NEW ? "new/store" : "");
    struct store_config config = { .path = path, .read_only = way == WAY_READ_ONLY };
    struct errmsg msg = { "" };
    struct store *s = NULL;
    failing_set(&(struct failing){ .calls = calls, .nth = nth, .code = EIO });
    err e = store_open(&config, &s, &msg);
    bool failed = failing_end() > 0;
    if (!e)
        store_close(s);
    if (failed && e &&
        (e != ERR_IO || !strstr(msg.text, f->root) || !strstr(msg.text, strerror(EIO))))
        fail_msg("way %d: a failed %s gives %s: '%s'", way, failing_name(), err_text(e), msg.text);
    if (!failed != !e && !may_fail_unseen(failing_name()))
        fail_msg("way %d: a failed %s is not seen: '%s'", way, failing_name(), msg.text);
    config.read_only = false;
    assert_int_equal(store_open(&config, &s, NULL), OK); /* what was left behind is no hindrance */
    struct digest now = digest_now(s);
    assert_true(way == WAY_NEW || digest_equal(&now, &f->before));
    fixture_clean(s);
    store_close(s);
    free(path);
    return failed;
}

static void each_call_of_opening_that_fails_is_told(void **state)
{
    static const char *const calls[] = { "mdb_*",  "open",      "fsync",     "fstat",
                                         "pread",  "pwrite",    "ftruncate", "mkdir",
                                         "rename", "fallocate", "getrlimit" };
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        for (enum way way = 0; way < WAYS; way++) {
            uint64_t nth = 1;
            while (open_fails_once(*state, way, calls[i], nth))
                nth++;
            assert_true(nth > 1 || way != WAY_NEW);
        }
    }
}

/* A store is made where there is none: not where the disk does not say. */
static void a_store_that_cannot_be_examined_is_not_made_anew(void **state)
{
    const struct sample *f = *state;
    struct store_config config = { .path = f->dir, .allow_network_fs = true };
    uint64_t nth = 1;
    for (bool failed = true; failed; nth++) {
        restore(f);
        struct store *s;
        failing_set(&(struct failing){ .calls = "stat", .nth = nth, .code = EIO });
        err e = store_open(&config, &s, NULL);
        failed = failing_end() > 0;
        if (!e)
            store_close(s);
        assert_contents(f, &f->before);
    }
    assert_true(nth > 3);
}

/* ---- A state that moves while it is looked at ---- */

static void looking_is_done_again_while_the_state_moves(void **state)
{
    enum { LOOKS = 100 };
    const struct sample *f = *state;
    restore(f);
    struct store_config config = { .path = f->dir, .read_only = true, .allow_network_fs = true };
    struct errmsg msg = { "" };
    struct store *s;
    failing_set(&(struct failing){ .calls = "moving", .nth = 1, .times = LOOKS });
    assert_int_equal(store_open(&config, &s, &msg), ERR_AGAIN);
    assert_int_equal(failing_end(), LOOKS);
    assert_non_null(strstr(msg.text, "data.mdb is being written faster than it can be read"));
    failing_set(&(struct failing){ .calls = "moving", .nth = 1, .times = LOOKS - 1 });
    s = fixture_open_to_read(f->dir);
    assert_int_equal(failing_end(), LOOKS - 1);
    failing_set(&(struct failing){ .calls = "moving", .nth = 1, .times = LOOKS });
    fixture_clean(s); /* looks as often as it takes */
    assert_int_equal(failing_end(), LOOKS);
    store_close(s);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(each_call_to_lmdb_that_fails_is_told),
        T(each_look_at_the_file_that_fails_is_told),
        T(a_failed_look_for_the_owner_of_a_record_is_told),
        T(a_map_that_is_full_at_any_call_of_a_commit_grows),
        T(a_map_that_another_process_has_grown_is_followed),
        T(a_map_that_cannot_grow_is_told),
        T(each_code_of_lmdb_has_its_name),
        T(a_commit_cut_short_for_lack_of_room_can_be_done_again),
        T(each_call_of_opening_that_fails_is_told),
        T(a_store_that_cannot_be_examined_is_not_made_anew),
        T(looking_is_done_again_while_the_state_moves),
    };
    return cmocka_run_group_tests_name("store_failures", tests, NULL, NULL);
}
