/* Where a sweep's sockets are, and when that place is refused. */
#include "tests/lib/test.h"

#include <sys/stat.h>

#include "common/io/file.h"
#include "common/mem.h"
#include "coordinator/endpoints.h"

enum { UNIX_PATH_BYTES_MAX = 107 }; /* sun_path without its NUL */

static int setup(void **state)
{
    *state = test_dir();
    return 0;
}

static int teardown(void **state)
{
    unsetenv("XDG_RUNTIME_DIR");
    test_rm_rf(*state);
    return 0;
}

static struct endpoints find(const char *state)
{
    struct endpoints e;
    struct errmsg msg = { "" };
    if (endpoints_of(state, &e, &msg) != OK)
        fail_msg("%s", msg.text);
    return e;
}

/* The folder of an endpoint. The caller frees. */
static char *dir_of(const char *endpoint)
{
    assert_int_equal(strncmp(endpoint, "ipc://", 6), 0);
    return file_dir_of(endpoint + 6);
}

static mode_t mode_of(const char *path)
{
    struct stat st;
    assert_int_equal(lstat(path, &st), 0);
    return st.st_mode & 07777;
}

/* A state folder with a path of at least this many bytes. The caller frees. */
static char *long_state(const char *dir, size_t bytes)
{
    char *path = xstrdup(dir);
    while (strlen(path) < bytes) {
        char *longer = file_join(path, "a-folder-with-a-long-name");
        free(path);
        path = longer;
    }
    assert_int_equal(file_make_dir(path, 0700, NULL), OK);
    return path;
}

static void the_sockets_lie_in_the_state_folder(void **state)
{
    struct endpoints e = find(*state);
    char *run = file_join(*state, "run"), *real = realpath(run, NULL), *dir = dir_of(e.workers);
    assert_string_equal(dir, real);
    assert_string_equal(e.workers + strlen(e.workers) - 8, "/workers");
    assert_string_equal(e.operators + strlen(e.operators) - 10, "/operators");
    assert_int_equal(mode_of(run), 0700);
    free(dir);
    free(real);
    free(run);
}

static void another_way_to_the_same_folder_finds_the_same_sockets(void **state)
{
    char *real = file_join(*state, "sweep.muster"), *other = file_join(*state, "link");
    assert_int_equal(mkdir(real, 0700), 0);
    assert_int_equal(symlink(real, other), 0);
    struct endpoints a = find(real), b = find(other);
    assert_string_equal(a.workers, b.workers);
    assert_string_equal(a.operators, b.operators);
    free(other);
    free(real);
}

static void a_long_path_gets_a_short_folder_below_the_runtime_folder(void **state)
{
    char *runtime = file_join(*state, "rt"), *deep = long_state(*state, 300);
    char *other = file_join(deep, "other");
    assert_int_equal(mkdir(runtime, 0700), 0);
    assert_int_equal(mkdir(other, 0700), 0);
    assert_int_equal(setenv("XDG_RUNTIME_DIR", runtime, 1), 0);
    struct endpoints e = find(deep), again = find(deep), of_other = find(other);
    char *dir = dir_of(e.workers), *parent = file_dir_of(dir);
    assert_string_equal(parent, runtime);
    assert_in_range(strlen(e.operators) - 6, 1, UNIX_PATH_BYTES_MAX);
    assert_string_equal(again.workers, e.workers);
    assert_string_not_equal(of_other.workers, e.workers);
    assert_int_equal(mode_of(dir), 0700);
    free(parent);
    free(dir);
    free(other);
    free(deep);
    free(runtime);
}

static void no_length_of_path_gives_a_socket_that_cannot_be_bound(void **state)
{
    assert_int_equal(setenv("XDG_RUNTIME_DIR", *state, 1), 0);
    for (size_t bytes = strlen(*state) + 2; bytes < 130; bytes++) {
        char *path = xmalloc(bytes + 1);
        size_t len = strlen(*state);
        memcpy(path, *state, len);
        path[len] = '/';
        memset(path + len + 1, 'x', bytes - len - 1);
        path[bytes] = '\0';
        assert_int_equal(mkdir(path, 0700), 0);
        struct endpoints e = find(path);
        assert_in_range(strlen(e.workers) - 6, 1, UNIX_PATH_BYTES_MAX);
        assert_in_range(strlen(e.operators) - 6, 1, UNIX_PATH_BYTES_MAX);
        free(path);
    }
}

static void refuse(const char *state, err expected)
{
    struct endpoints e;
    struct errmsg msg = { "" };
    assert_int_equal(endpoints_of(state, &e, &msg), expected);
    assert_non_null(strstr(msg.text, state));
}

static void a_folder_that_others_may_enter_is_refused(void **state)
{
    char *run = file_join(*state, "run");
    const mode_t open_modes[] = { 0755, 0710, 0701, 0720 };
    assert_int_equal(mkdir(run, 0700), 0);
    for (size_t i = 0; i < sizeof(open_modes) / sizeof(open_modes[0]); i++) {
        assert_int_equal(chmod(run, open_modes[i]), 0);
        refuse(*state, ERR_DENIED);
    }
    assert_int_equal(chmod(run, 0700), 0);
    find(*state);
    free(run);
}

static void somebody_elses_folder_is_refused(void **state)
{
    if (geteuid() != 0)
        skip(); /* only root can give a folder away */
    char *run = file_join(*state, "run");
    assert_int_equal(mkdir(run, 0700), 0);
    assert_int_equal(chown(run, 12345, 12345), 0);
    refuse(*state, ERR_DENIED);
    free(run);
}

/* In a folder that all may write to, somebody could lay a link to a folder of the victim. */
static void a_link_in_place_of_the_folder_is_refused(void **state)
{
    char *run = file_join(*state, "run"), *target = file_join(*state, "elsewhere");
    assert_int_equal(mkdir(target, 0700), 0);
    assert_int_equal(symlink(target, run), 0);
    struct endpoints e;
    struct errmsg msg = { "" };
    assert_int_not_equal(endpoints_of(*state, &e, &msg), OK);
    assert_non_null(strstr(msg.text, "run"));
    free(target);
    free(run);
}

static void a_state_folder_that_is_not_there_is_said(void **state)
{
    char *absent = file_join(*state, "absent");
    refuse(absent, ERR_NOT_FOUND);
    free(absent);
}

int main(void)
{
#define WITH_DIR(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH_DIR(the_sockets_lie_in_the_state_folder),
        WITH_DIR(another_way_to_the_same_folder_finds_the_same_sockets),
        WITH_DIR(a_long_path_gets_a_short_folder_below_the_runtime_folder),
        WITH_DIR(no_length_of_path_gives_a_socket_that_cannot_be_bound),
        WITH_DIR(a_folder_that_others_may_enter_is_refused),
        WITH_DIR(somebody_elses_folder_is_refused),
        WITH_DIR(a_link_in_place_of_the_folder_is_refused),
        WITH_DIR(a_state_folder_that_is_not_there_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
