/* The folder of keys when the disk fails: each call once. What fails says so by the name of a file;
 * no key that was given out is lost or replaced, and the next start makes what is missing. */
#include "tests/lib/test.h"

#include <errno.h>
#include <sys/stat.h>

#include "common/io/file.h"
#include "common/mem.h"
#include "coordinator/access/allowed.h"
#include "coordinator/access/keys.h"
#include "tests/io/failing.h"

struct fixture {
    char *root, *dir; /* the folder of keys, below */
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->root = test_dir();
    f->dir = keys_dir(NULL, f->root);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    free(f->dir);
    test_rm_rf(f->root);
    free(f);
    return 0;
}

static const char *const calls[] = { "open",   "read",  "write", "fsync",
                                     "rename", "mkdir", "stat",  "fstat" };
enum { CALLS = sizeof(calls) / sizeof(calls[0]) };

/* The bytes of a file; the caller frees. */
static char *content(const struct fixture *f, const char *name)
{
    char *path = keys_path(f->dir, name);
    struct buf text = { 0 };
    struct errmsg msg = { "" };
    if (file_read(path, 1 << 20, &text, &msg) != OK)
        fail_msg("%s", msg.text);
    char *copy = xstrdup(buf_cstr(&text));
    buf_release(&text);
    free(path);
    return copy;
}

static void assert_told(err e, const struct errmsg *msg)
{
    if (e == OK || !strchr(msg->text, '/'))
        fail_msg("a failed %s gives %s: '%s'", failing_name(), err_text(e), msg->text);
}

/* ---- Beginning ---- */

/* What there is in the end is whole: keys that belong to each other, and both in the list. */
static void assert_whole(const struct fixture *f)
{
    static const struct {
        enum key_role role;
        const char *file;
    } issued[] = { { KEY_WORKER, "worker.key" }, { KEY_OPERATOR, "operator.key" } };
    struct key_file own;
    struct allowed list;
    struct errmsg msg = { "" };
    if (keys_prepare(f->dir, &own, &msg) != OK)
        fail_msg("after a failed %s: %s", failing_name(), msg.text);
    char *path = keys_path(f->dir, "allowed");
    assert_int_equal(allowed_read(path, &list, &msg), OK);
    assert_int_equal(list.count, 2);
    free(path);
    for (size_t i = 0; i < 2; i++) {
        struct key_file key;
        path = keys_path(f->dir, issued[i].file);
        assert_int_equal(key_read_for(issued[i].role, path, &key, &msg), OK);
        assert_string_equal(key.coordinator, own.public_key);
        assert_non_null(allowed_find(&list, key.public_key));
        free(path);
    }
    char *line = xformat("coordinator %s\n", own.public_key), *public_line;
    public_line = content(f, "coordinator.pub");
    assert_string_equal(public_line, line);
    free(public_line);
    free(line);
    allowed_release(&list);
}

static bool first_start_fails_once(const struct fixture *f, const char *call, uint64_t nth)
{
    struct key_file own;
    struct errmsg msg = { "" };
    failing_set(&(struct failing){ .calls = call, .nth = nth, .code = EIO });
    err e = keys_prepare(f->dir, &own, &msg);
    bool failed = failing_end() > 0;
    if (failed && e)
        assert_told(e, &msg);
    assert_true(failed || !e);
    assert_whole(f);
    return failed;
}

static void a_first_start_that_fails_is_begun_again(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < CALLS; i++) {
        for (uint64_t nth = 1; first_start_fails_once(f, calls[i], nth); nth++) {
            test_rm_rf(f->dir);
            f->dir = keys_dir(NULL, f->root);
        }
        test_rm_rf(f->dir);
        f->dir = keys_dir(NULL, f->root);
    }
}

/* ---- Later ---- */

static bool later_start_fails_once(const struct fixture *f, const char *call, uint64_t nth)
{
    static const char *const files[] = { "allowed", "worker.key", "operator.key", "coordinator.key",
                                         "coordinator.pub" };
    enum { FILES = sizeof(files) / sizeof(files[0]) };
    char *before[FILES];
    for (size_t i = 0; i < FILES; i++)
        before[i] = content(f, files[i]);
    struct key_file own;
    struct errmsg msg = { "" };
    failing_set(&(struct failing){ .calls = call, .nth = nth, .code = EIO });
    err e = keys_prepare(f->dir, &own, &msg);
    bool failed = failing_end() > 0;
    if (failed && e)
        assert_told(e, &msg);
    for (size_t i = 0; i < FILES; i++) {
        char *after = content(f, files[i]);
        if (strcmp(before[i], after) != 0)
            fail_msg("a failed %s changed %s", call, files[i]);
        free(after);
        free(before[i]);
    }
    return failed;
}

static void a_later_start_that_fails_changes_no_key(void **state)
{
    const struct fixture *f = *state;
    struct key_file own;
    assert_int_equal(keys_prepare(f->dir, &own, NULL), OK);
    for (size_t i = 0; i < CALLS; i++) {
        uint64_t nth = 1;
        while (later_start_fails_once(f, calls[i], nth))
            nth++;
    }
}

/* A key is given out once it is in the list; else there is none. */
static bool issuing_fails_once(const struct fixture *f, const char *call, uint64_t nth,
                               unsigned *number)
{
    char *list = keys_path(f->dir, "allowed"), *name = xformat("node%u", ++*number);
    char *path = keys_path(f->dir, name);
    struct errmsg msg = { "" };
    failing_set(&(struct failing){ .calls = call, .nth = nth, .code = EIO });
    err e = keys_issue(f->dir, KEY_WORKER, name, path, &msg);
    bool failed = failing_end() > 0;
    assert_true(failed || !e);
    if (e)
        assert_told(e, &msg);
    struct allowed allowed;
    assert_int_equal(allowed_read(list, &allowed, NULL), OK);
    bool is_listed = false;
    for (size_t i = 0; i < allowed.count; i++)
        is_listed |= strcmp(allowed.keys[i].name, name) == 0;
    /* A list whose folder could not be synced has the line, perhaps; its key is gone then. */
    assert_int_equal(file_exists(path), e == OK);
    assert_true(is_listed || e);
    allowed_release(&allowed);
    free(path);
    free(name);
    free(list);
    return failed;
}

static void a_key_is_there_only_if_its_line_is(void **state)
{
    const struct fixture *f = *state;
    struct key_file own;
    unsigned number = 0;
    assert_int_equal(keys_prepare(f->dir, &own, NULL), OK);
    for (size_t i = 0; i < CALLS; i++) {
        uint64_t nth = 1;
        while (issuing_fails_once(f, calls[i], nth, &number))
            nth++;
    }
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_first_start_that_fails_is_begun_again),
        T(a_later_start_that_fails_changes_no_key),
        T(a_key_is_there_only_if_its_line_is),
    };
    return cmocka_run_group_tests_name("access_failures", tests, NULL, NULL);
}
