/* Opening the store: who may have it, what lasts, ids and named values. */
#include "tests/io/store_fixture.h"

#include <dirent.h>

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

/* Who may open it. */

static void a_fresh_store_is_empty(void **state)
{
    struct store *s = fixture_open(*state);
    struct store_info info;
    store_info(s, &info);
    assert_int_equal(info.epoch, 1);
    assert_int_equal(info.model_count, 0);
    assert_int_equal(info.task_count, 0);
    assert_true(info.was_clean);
    struct fsck_summary sum = fixture_clean(s);
    assert_int_equal(sum.cells, 0);
    store_close(s);
}

static void a_store_is_three_files(void **state)
{
    struct store *s = fixture_open(*state);
    struct dirent **entries;
    const char *const names[] = { ".", "..", "data.mdb", "lock.mdb", "muster.lock" };
    int count = scandir(*state, &entries, NULL, alphasort);
    assert_int_equal(count, 5);
    for (int i = 0; i < count; i++) {
        assert_string_equal(entries[i]->d_name, names[i]);
        free(entries[i]);
    }
    free(entries);
    store_close(s);
}

static void reopening_raises_the_epoch_and_keeps_the_rest(void **state)
{
    struct store_info before, after;
    struct store *s = fixture_open(*state);
    fixture_ids(s, 2, 3, 100);
    store_info(s, &before);
    store_close(s);
    s = fixture_open(*state);
    store_info(s, &after);
    assert_int_equal(after.epoch, before.epoch + 1);
    assert_true(digest_equal(&after.uuid, &before.uuid));
    assert_int_equal(after.model_count, 2);
    assert_int_equal(after.task_count, 3);
    fixture_ids(s, 2, 3, 100); /* the same ids again */
    store_close(s);
}

static void a_store_that_was_not_closed_is_not_clean(void **state)
{
    pid_t child = fork();
    if (child == 0) {
        struct store *s = fixture_open(*state);
        _exit(s == NULL);
    }
    fixture_join(child);
    for (int i = 0; i < 2; i++) {
        struct store *s = fixture_open(*state);
        struct store_info info;
        store_info(s, &info);
        assert_int_equal(info.was_clean, i == 1);
        store_close(s);
    }
}

static void a_second_coordinator_is_told_who_is_there(void **state)
{
    struct store *s = fixture_open(*state);
    pid_t child = fork();
    if (child == 0) {
        struct store_config config = { .path = *state, .allow_network_fs = true };
        struct store *second;
        struct errmsg msg = { "" };
        char pid[32];
        snprintf(pid, sizeof(pid), "%d", (int)getppid());
        err e = store_open(&config, &second, &msg);
        _exit(e == ERR_BUSY && strstr(msg.text, pid) ? 0 : 1);
    }
    fixture_join(child);
    store_close(s);
}

static void reading_goes_on_beside_a_coordinator(void **state)
{
    struct store *s = fixture_open(*state);
    fixture_ids(s, 1, 1, 100);
    pid_t child = fork();
    if (child == 0) {
        struct store *reader = fixture_open_to_read(*state);
        struct store_info info;
        store_info(reader, &info);
        struct digest model = fixture_digest("model", 1);
        _exit(info.epoch == 1 && store_find_model(reader, &model) == 1 ? 0 : 1);
    }
    fixture_join(child);
    struct store_batch *b = store_batch_new();
    fixture_block(b, 1, 1, 100, 0, 1, 10, STATUS_OK);
    fixture_commit(s, b); /* the epoch was not raised */
    store_batch_free(b);
    store_close(s);
}

static void reading_makes_no_store(void **state)
{
    struct store_config config = { .path = *state, .read_only = true, .allow_network_fs = true };
    struct store *s;
    struct errmsg msg = { "" };
    assert_int_equal(store_open(&config, &s, &msg), ERR_NOT_FOUND);
    assert_non_null(strstr(msg.text, config.path));
    char *nowhere = file_join(*state, "nowhere");
    config.path = nowhere;
    assert_int_equal(store_open(&config, &s, &msg), ERR_NOT_FOUND);
    assert_non_null(strstr(msg.text, nowhere));
    assert_false(file_exists(nowhere));
    free(nowhere);
}

/* `gone`: files of the store that somebody removes while the older one has it. */
static void assert_the_older_cannot_commit(const char *dir, const char *const *gone, size_t count,
                                           const char *words)
{
    int to_child[2], from_child[2];
    char byte = 0;
    assert_int_equal(pipe(to_child), 0);
    assert_int_equal(pipe(from_child), 0);
    pid_t child = fork();
    if (child == 0) {
        struct store *s = fixture_open(dir);
        fixture_ids(s, 1, 1, 100);
        struct store_batch *b = store_batch_new();
        fixture_block(b, 1, 1, 100, 0, 1, 10, STATUS_OK);
        check(write(from_child[1], "", 1) == 1);
        check(read(to_child[0], &byte, 1) == 1);
        struct errmsg msg = { "" };
        err e = store_commit(s, b, &msg);
        _exit(e == ERR_STALE && strstr(msg.text, words) ? 0 : 1);
    }
    assert_int_equal(read(from_child[0], &byte, 1), 1);
    for (size_t i = 0; i < count; i++) {
        char *path = file_join(dir, gone[i]);
        assert_int_equal(unlink(path), 0);
        free(path);
    }
    struct store *s = fixture_open(dir);
    assert_int_equal(write(to_child[1], "", 1), 1);
    fixture_join(child);
    struct fsck_summary sum = fixture_clean(s);
    assert_int_equal(sum.rows, 0);
    store_close(s);
    for (int i = 0; i < 2; i++) {
        close(to_child[i]);
        close(from_child[i]);
    }
}

/* With the lock gone two can open it; then the younger one has it. */
static void the_older_of_two_coordinators_cannot_commit(void **state)
{
    assert_the_older_cannot_commit(*state, (const char *const[]){ "muster.lock" }, 1, "epoch 2");
}

/* Then LMDB keeps the two of them no more apart than the lock does: each would write over the
 * other's pages. */
static void nor_where_the_lock_of_lmdb_is_gone_too(void **state)
{
    assert_the_older_cannot_commit(*state, (const char *const[]){ "muster.lock", "lock.mdb" }, 2,
                                   "somebody else wrote to");
}

static void children_inherit_no_descriptor(void **state)
{
    struct store *s = fixture_open(*state);
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        execl("/bin/ls", "ls", "-l", "/proc/self/fd", (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    char text[8192];
    size_t len = 0;
    ssize_t got;
    while ((got = read(ends[0], text + len, sizeof(text) - 1 - len)) > 0)
        len += (size_t)got;
    text[len] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_non_null(strstr(text, "/proc/"));
    assert_null(strstr(text, *state));
    store_close(s);
}

static void a_foreign_file_is_refused(void **state)
{
    char *path = file_join(*state, "data.mdb");
    char text[16384];
    memset(text, 'x', sizeof(text));
    assert_int_equal(file_write_atomic(path, span_of(text, sizeof(text)), 0600, NULL), OK);
    struct store_config config = { .path = *state, .allow_network_fs = true };
    struct store *s;
    struct errmsg msg = { "" };
    assert_int_equal(store_open(&config, &s, &msg), ERR_CORRUPT);
    assert_non_null(strstr(msg.text, "data.mdb"));
    free(path);
}

/* What was made halfway, before it was given its name, is thrown away. */
static void a_start_that_was_cut_short_leaves_no_trace(void **state)
{
    char *path = file_join(*state, "data.mdb.new");
    assert_int_equal(file_write_atomic(path, span_str("half"), 0600, NULL), OK);
    struct store *s = fixture_open(*state);
    assert_false(file_exists(path));
    fixture_clean(s);
    store_close(s);
    free(path);
}

/* Ids and values. */

static void an_unknown_identity_has_no_id(void **state)
{
    struct store *s = fixture_open(*state);
    fixture_ids(s, 1, 1, 100);
    struct digest known = fixture_digest("model", 1), other = fixture_digest("model", 2);
    assert_int_equal(store_find_model(s, &known), 1);
    assert_int_equal(store_find_model(s, &other), 0);
    assert_int_equal(store_find_task(s, &known), 0);
    store_close(s);
}

/* Some of what is named together is known already. */
static void what_is_known_keeps_its_id(void **state)
{
    struct store *s = fixture_open(*state);
    fixture_ids(s, 1, 2, 100);
    struct store_naming namings[4] = {
        { .is_task = true, .identity = fixture_digest("task", 2), .size = 100 },
        { .is_task = true, .identity = fixture_digest("task", 3), .size = 100 },
        { .identity = fixture_digest("model", 2) },
        { .identity = fixture_digest("model", 1) },
    };
    uint32_t ids[4];
    assert_int_equal(store_ids(s, namings, 4, ids, NULL), OK);
    assert_int_equal(ids[0], 2);
    assert_int_equal(ids[1], 3);
    assert_int_equal(ids[2], 2);
    assert_int_equal(ids[3], 1);
    struct store_info info;
    store_info(s, &info);
    assert_int_equal(info.task_count, 3);
    assert_int_equal(info.model_count, 2);
    store_close(s);
}

static void a_task_keeps_its_size(void **state)
{
    struct store *s = fixture_open(*state);
    fixture_ids(s, 0, 1, 100);
    struct digest digest = fixture_digest("task", 1);
    uint32_t id = 77;
    struct errmsg msg = { "" };
    assert_int_equal(store_task_id(s, &digest, 101, span_str("{}"), &id, &msg), ERR_INVALID);
    assert_non_null(strstr(msg.text, "100"));
    assert_int_equal(id, 77);
    store_close(s);
}

static void values_last(void **state)
{
    struct store *s = fixture_open(*state);
    struct store_batch *b = store_batch_new();
    store_batch_meta(b, "sweep", span_str("first"));
    store_batch_meta(b, "empty", span_str(""));
    fixture_commit(s, b);
    store_batch_meta(b, "sweep", span_str("second"));
    fixture_commit(s, b);
    store_batch_free(b);
    store_close(s);
    s = fixture_open(*state);
    struct buf value = { 0 };
    assert_int_equal(store_meta(s, "sweep", &value, NULL), OK);
    assert_true(span_equal(buf_span(&value), span_str("second")));
    buf_clear(&value);
    assert_int_equal(store_meta(s, "empty", &value, NULL), OK);
    assert_int_equal(value.len, 0);
    assert_int_equal(store_meta(s, "other", &value, NULL), ERR_NOT_FOUND);
    buf_release(&value);
    store_close(s);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_fresh_store_is_empty),
        T(a_store_is_three_files),
        T(reopening_raises_the_epoch_and_keeps_the_rest),
        T(a_store_that_was_not_closed_is_not_clean),
        T(a_second_coordinator_is_told_who_is_there),
        T(reading_goes_on_beside_a_coordinator),
        T(reading_makes_no_store),
        T(the_older_of_two_coordinators_cannot_commit),
        T(nor_where_the_lock_of_lmdb_is_gone_too),
        T(children_inherit_no_descriptor),
        T(a_foreign_file_is_refused),
        T(a_start_that_was_cut_short_leaves_no_trace),
        T(an_unknown_identity_has_no_id),
        T(what_is_known_keeps_its_id),
        T(a_task_keeps_its_size),
        T(values_last),
    };
    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
