/* What LMDB does not look after: where the store may lie, and room on the disk. */
#include "tests/io/store_fixture.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/mem.h"
#include "coordinator/store/guard.h"
#include "tests/io/failing.h"

/* A store, closed. */
static int setup(void **state)
{
    *state = test_dir();
    store_close(fixture_open(*state));
    return 0;
}

static int teardown(void **state)
{
    test_rm_rf(*state);
    return 0;
}

/* ---- The place ---- */

static void a_folder_above_that_must_not_be_read_is_left_alone(void **state)
{
    struct store_config config = { .path = *state };
    struct store *s;
    for (uint64_t nth = 1; nth <= 4; nth++) { /* the lock, the folder, and the two above it */
        failing_set(&(struct failing){ .calls = "open", .nth = nth, .code = EACCES });
        err e = store_open(&config, &s, NULL);
        assert_int_equal(failing_end(), 1);
        assert_int_equal(e, nth <= 2 ? ERR_DENIED : OK);
        if (!e)
            store_close(s);
    }
}

/* Else who looks takes what others have recorded for nothing. */
static void a_store_that_cannot_be_examined_is_not_an_absent_one(void **state)
{
    char *path = xformat("%s/loop", (const char *)*state);
    struct store_config config = { .path = path, .read_only = true };
    struct store *s;
    struct errmsg msg = { "" };
    assert_int_equal(store_open(&config, &s, &msg), ERR_NOT_FOUND);
    assert_int_equal(symlink("loop", path), 0);
    assert_int_equal(store_open(&config, &s, &msg), ERR_DENIED);
    assert_non_null(strstr(msg.text, "cannot examine the store"));
    free(path);
}

static void a_network_file_system_is_refused_unless_allowed(void **state)
{
    struct store_config config = { .path = *state };
    struct store *s;
    for (int i = 0; i < 2; i++) {
        config.read_only = i == 1;
        struct errmsg msg = { "" };
        failing_set(&(struct failing){ .calls = "network", .nth = 1 });
        assert_int_equal(store_open(&config, &s, &msg), ERR_UNSUPPORTED);
        assert_int_equal(failing_end(), 1);
        assert_non_null(strstr(msg.text, "network file system (NFS)"));
    }
    config.allow_network_fs = true;
    failing_set(&(struct failing){ .calls = "network", .nth = 1 });
    assert_int_equal(store_open(&config, &s, NULL), OK);
    assert_int_equal(failing_end(), 0); /* it did not ask */
    store_close(s);
}

static void a_map_too_large_for_the_address_space_is_told(void **state)
{
    struct store_config config = { .path = *state };
    struct store *s;
    struct errmsg msg = { "" };
    failing_set(&(struct failing){ .calls = "mdb_env_open", .nth = 1, .code = ENOMEM });
    assert_int_equal(store_open(&config, &s, &msg), ERR_IO);
    assert_int_equal(failing_end(), 1);
    assert_non_null(strstr(msg.text, "cannot map 274877906944 bytes"));
    assert_non_null(strstr(msg.text, "ulimit -v"));
}

/* ---- A store that is taken away while it is in use ---- */

static void remove_it(const char *path)
{
    assert_int_equal(unlink(path), 0);
}

static void move_it(const char *path)
{
    char *there = xformat("%s.moved", path);
    assert_int_equal(rename(path, there), 0);
    free(there);
}

static void replace_it(const char *path)
{
    struct buf bytes = { 0 };
    assert_int_equal(file_read(path, 64 << 20, &bytes, NULL), OK);
    assert_int_equal(file_write_atomic(path, buf_span(&bytes), 0600, NULL), OK);
    buf_release(&bytes);
}

static void put_a_file_in_place_of_its_folder(const char *path)
{
    char *folder = file_dir_of(path), *there = xformat("%s.moved", folder);
    assert_int_equal(rename(folder, there), 0);
    assert_int_equal(file_write_atomic(folder, span_str("x"), 0600, NULL), OK);
    test_rm_rf(there);
    free(folder);
}

static void cut_it(const char *path)
{
    assert_int_equal(truncate(path, 8192), 0);
}

/* As a backup that is restored, or a sync of folders, does. */
static void put_its_beginning_over_it(const char *path)
{
    static struct buf beginning; /* of the file: taken at the first call, put back at the second */
    if (beginning.len == 0) {
        assert_int_equal(file_read(path, 64 << 20, &beginning, NULL), OK);
        return;
    }
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(write(fd, beginning.data, beginning.len), beginning.len);
    assert_int_equal(close(fd), 0);
    buf_release(&beginning);
}

/* Nobody may be told that something is durable in a file that nobody will find. */
static void a_store_that_was_taken_away_takes_no_more(void **state)
{
    static const struct {
        void (*before)(const char *path), (*take)(const char *path);
        err expected;
        const char *words;
    } cases[] = {
        { NULL, remove_it, ERR_NOT_FOUND, "was removed, moved away or replaced" },
        { NULL, move_it, ERR_NOT_FOUND, "was removed, moved away or replaced" },
        { NULL, replace_it, ERR_NOT_FOUND, "was removed, moved away or replaced" },
        { NULL, put_a_file_in_place_of_its_folder, ERR_NOT_FOUND, "begin anew" },
        { NULL, cut_it, ERR_CORRUPT, "bytes to 8192; restore it from a backup" },
        { put_its_beginning_over_it, put_its_beginning_over_it, ERR_STALE, "somebody else wrote" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *dir = test_dir(), *path = file_join(dir, "data.mdb");
        struct store *s = fixture_open(dir);
        struct store_batch *b = store_batch_new();
        fixture_ids(s, 1, 1, 100);
        if (cases[i].before)
            cases[i].before(path);
        fixture_block(b, 1, 1, 100, 0, 1, 10, STATUS_OK);
        fixture_commit(s, b);
        cases[i].take(path);
        struct errmsg msg = { "" };
        store_batch_clear(b);
        fixture_block(b, 1, 1, 100, 10, 1, 10, STATUS_OK);
        err e = store_commit(s, b, &msg);
        if (e != cases[i].expected || !strstr(msg.text, cases[i].words) || !strstr(msg.text, path))
            fail_msg("case %zu: %s: '%s'", i, err_text(e), msg.text);
        store_batch_free(b);
        store_close(s);
        test_rm_rf(dir);
        free(path);
    }
}

static void a_store_that_cannot_be_looked_at_is_not_given_up(void **state)
{
    struct store *s = fixture_open(*state);
    struct store_batch *b = store_batch_new();
    fixture_ids(s, 1, 1, 100);
    fixture_block(b, 1, 1, 100, 0, 1, 10, STATUS_OK);
    failing_set(&(struct failing){ .calls = "stat", .nth = 1, .code = EACCES });
    fixture_commit(s, b);
    assert_int_equal(failing_end(), 1);
    failing_set(&(struct failing){ .calls = "fstat", .nth = 1, .code = EIO });
    struct errmsg msg = { "" };
    store_batch_clear(b);
    store_batch_meta(b, "name", span_str("value"));
    assert_int_equal(store_commit(s, b, &msg), ERR_IO);
    assert_int_equal(failing_end(), 1);
    assert_non_null(strstr(msg.text, "cannot examine"));
    store_batch_free(b);
    store_close(s);
}

/* ---- Room on the disk ---- */

static void room_is_asked_for_in_every_way_there_is(void **state)
{
    static const struct failing blind = { .calls = "fstatvfs", .nth = 1, .code = EIO };
    static const struct {
        struct failing plan;
        uint64_t need;
        err expected;
        const char *words;
    } cases[] = {
        { { .calls = "fallocate", .nth = 1, .code = EINTR }, 4 << 20, OK, "" },
        { { .calls = "fallocate", .nth = 1, .code = EOPNOTSUPP }, 4 << 20, OK, "" },
        { { .calls = "fallocate", .nth = 1, .code = ENOSYS }, 4 << 20, OK, "" },
        { { .calls = "fallocate", .nth = 1, .code = EOPNOTSUPP },
          (uint64_t)1 << 60,
          ERR_FULL,
          "cannot grow by 1152921504606846976 bytes: No space left on device; make room for it" },
        { { .calls = "fallocate", .nth = 1, .code = EOPNOTSUPP, .then = &blind },
          4 << 20,
          ERR_IO,
          "cannot examine" },
        { { .calls = "fallocate", .nth = 1, .code = ENOSPC }, 4 << 20, ERR_FULL, "No space left" },
        { { .calls = "fallocate", .nth = 1, .code = EDQUOT }, 4 << 20, ERR_FULL, "quota" },
        { { .calls = "fallocate", .nth = 1, .code = EFBIG }, 4 << 20, ERR_FULL, "too large" },
        { { .calls = "fallocate", .nth = 1, .code = EIO }, 4 << 20, ERR_IO, "cannot extend" },
        { { .calls = "getrlimit", .nth = 1 }, 4 << 20, OK, "" },
        { { .calls = "fstat", .nth = 1, .code = EIO }, 4 << 20, ERR_IO, "cannot examine" },
    };
    char *path = file_join(*state, "data.mdb");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        struct errmsg msg = { "" };
        failing_set(&cases[i].plan);
        err e = store_guard_reserve(fd, path, 8192, cases[i].need, &msg);
        assert_true(failing_end() > 0);
        if (e != cases[i].expected || !strstr(msg.text, cases[i].words) ||
            (e && !strstr(msg.text, path)))
            fail_msg("case %zu: %s: '%s'", i, err_text(e), msg.text);
        close(fd);
    }
    free(path);
}

/* The file may be shorter than what is in use of it: pages taken and given back. */
static void room_is_set_aside_behind_what_is_in_use(void **state)
{
    enum { USED = 40960, NEED = 8 << 20 };
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &(struct rlimit){ 1 << 30, before.rlim_max }), 0);
    char *path = file_join(*state, "data.mdb");
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_int_equal(store_guard_reserve(fd, path, USED, NEED, NULL), OK);
    assert_int_equal(lseek(fd, 0, SEEK_END), USED + NEED);
    close(fd);
    free(path);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
}

static off_t data_bytes(const char *dir)
{
    struct stat st;
    char *path = file_join(dir, "data.mdb");
    assert_int_equal(stat(path, &st), 0);
    free(path);
    return st.st_size;
}

/* A run with --retry-failures asks for it of each pair: 100 models on 700 tasks set a gigabyte
 * aside for ever, or could not start where there was less. */
static void a_retry_of_what_has_not_failed_needs_no_room(void **state)
{
    enum { TASKS = 2000, SIZE = 10 };
    struct store *s = fixture_open(*state);
    struct store_batch *b = store_batch_new();
    fixture_ids(s, 1, 3, SIZE);
    for (uint32_t task = 1; task <= 3; task++)
        fixture_block(b, 1, task, SIZE, 0, 1, SIZE, task == 2 ? STATUS_REFUSED : STATUS_OK);
    fixture_commit(s, b);
    off_t before = data_bytes(*state);
    for (uint32_t i = 0; i < TASKS; i++)
        store_batch_retry(b, 1, 1 + i);
    fixture_commit(s, b);
    assert_in_range(data_bytes(*state), before, before + (4 << 20));
    store_batch_free(b);
    assert_int_equal(fixture_clean(s).rows, 2 * SIZE); /* and what had failed is open again */
    store_close(s);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_folder_above_that_must_not_be_read_is_left_alone),
        T(a_store_that_cannot_be_examined_is_not_an_absent_one),
        T(a_network_file_system_is_refused_unless_allowed),
        T(a_map_too_large_for_the_address_space_is_told),
        T(a_store_that_was_taken_away_takes_no_more),
        T(a_store_that_cannot_be_looked_at_is_not_given_up),
        T(room_is_asked_for_in_every_way_there_is),
        T(room_is_set_aside_behind_what_is_in_use),
        T(a_retry_of_what_has_not_failed_needs_no_room),
    };
    return cmocka_run_group_tests_name("store_guard", tests, NULL, NULL);
}
