/* The folder of keys and the list in it, as files. */
#include "tests/lib/test.h"

#include <sys/stat.h>

#include "common/buf.h"
#include "common/io/file.h"
#include "coordinator/access/allowed.h"
#include "coordinator/access/keys.h"

#define KEY "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7" /* of somebody */

static int set_up(void **state)
{
    *state = test_dir();
    return 0;
}

static int tear_down(void **state)
{
    test_rm_rf(*state);
    return 0;
}

static void write_list(const char *path, const char *text)
{
    assert_int_equal(file_write_atomic(path, span_str(text), 0600, NULL), OK);
}

static void append_keys(struct buf *text, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint8_t raw[KEY_RAW_BYTES] = { (uint8_t)i, (uint8_t)(i >> 8) };
        char key[KEY_TEXT_BYTES];
        key_format(raw, key);
        buf_printf(text, "worker n%u %s\n", i, key);
    }
}

static void a_list_has_an_end(void **state)
{
    (void)state;
    struct buf text = { 0 };
    struct allowed a;
    struct errmsg msg = { "" };
    append_keys(&text, ALLOWED_MAX);
    assert_int_equal(allowed_parse(buf_span(&text), "LIST", &a, &msg), OK);
    assert_int_equal(a.count, ALLOWED_MAX);
    allowed_release(&a);
    buf_append_str(&text, "worker more " KEY "\n");
    assert_int_equal(allowed_parse(buf_span(&text), "LIST", &a, &msg), ERR_LIMIT);
    assert_non_null(strstr(msg.text, "LIST: more than 20000 keys"));
    buf_release(&text);
}

/* What could not be read again is not written: nobody would be let in any more. */
static void a_full_list_takes_no_more(void **state)
{
    const char *dir = *state;
    struct buf text = { 0 };
    struct allowed a;
    struct errmsg msg = { "" };
    struct key_file own;
    assert_int_equal(keys_prepare(dir, &own, &msg), OK);
    append_keys(&text, ALLOWED_MAX);
    char *list = keys_path(dir, "allowed"), *key = keys_path(dir, "more.key");
    write_list(list, buf_cstr(&text));
    assert_int_equal(keys_issue(dir, KEY_WORKER, "more", key, &msg), ERR_LIMIT);
    assert_non_null(strstr(msg.text, "more than 20000 keys"));
    assert_true(file_is_absent(key));
    assert_int_equal(allowed_read(list, &a, &msg), OK);
    assert_int_equal(a.count, ALLOWED_MAX);
    allowed_release(&a);
    free(list);
    free(key);
    buf_release(&text);
}

/* Each gets its line, though all of them write the list anew; the first of them makes it. */
static void keys_that_are_made_at_once_are_all_allowed(void **state)
{
    enum { AT_ONCE = 12 };
    const char *dir = *state;
    pid_t children[AT_ONCE];
    for (int i = 0; i < AT_ONCE; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] > 0)
            continue;
        char name[16];
        snprintf(name, sizeof(name), "node%d", i);
        _exit(keys_issue(dir, KEY_WORKER, name, keys_path(dir, name), NULL) == OK ? 0 : 1);
    }
    for (int i = 0; i < AT_ONCE; i++) {
        int ended;
        assert_int_equal(waitpid(children[i], &ended, 0), children[i]);
        assert_int_equal(ended, 0);
    }
    struct allowed a;
    char *list = keys_path(dir, "allowed");
    assert_int_equal(allowed_read(list, &a, NULL), OK);
    assert_int_equal(a.count, AT_ONCE + 2); /* and those of the start */
    allowed_release(&a);
    free(list);
}

static void a_secret_that_a_killed_one_left_is_removed(void **state)
{
    const char *dir = *state;
    char *left = keys_path(dir, "worker.key.0123456789abcdef.tmp");
    struct key_file own;
    write_list(left, "half a key");
    assert_int_equal(keys_prepare(dir, &own, NULL), OK);
    key_forget(&own);
    assert_true(file_is_absent(left));
    free(left);
}

/* Who makes a key elsewhere copies it: that of another pair would let nobody in. */
static void the_public_key_is_that_of_the_secret_one(void **state)
{
    const char *dir = *state;
    static const char *const wrong[] = { NULL, "", "coordinator " KEY "\n" };
    char *path = keys_path(dir, "coordinator.pub");
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct key_file own;
        struct buf there = { 0 };
        assert_int_equal(keys_prepare(dir, &own, NULL), OK);
        key_forget(&own);
        assert_int_equal(remove(path), 0);
        if (wrong[i])
            write_list(path, wrong[i]);
        assert_int_equal(keys_prepare(dir, &own, NULL), OK);
        key_forget(&own);
        assert_int_equal(file_read(path, 1000, &there, NULL), OK);
        assert_int_equal(strncmp(buf_cstr(&there), "coordinator ", 12), 0);
        assert_int_equal(strncmp(buf_cstr(&there) + 12, own.public_key, KEY_CHARS), 0);
        buf_release(&there);
    }
    free(path);
}

/* By hand it may have been emptied, or its last line have no end. */
static void a_line_is_added_behind_what_is_there(void **state)
{
    const char *dir = *state;
    static const struct {
        const char *text;
        size_t keys;
    } before[] = { { "", 0 }, { "# nobody\n", 0 }, { "worker a " KEY, 1 } };
    char *path = keys_path(dir, "allowed");
    for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
        struct key_file key;
        struct allowed a;
        struct errmsg msg = { "" };
        write_list(path, before[i].text);
        key_make(KEY_OPERATOR, "boss", &key);
        assert_int_equal(allowed_add(path, &key, &msg), OK);
        assert_int_equal(allowed_read(path, &a, &msg), OK);
        assert_int_equal(a.count, before[i].keys + 1);
        assert_string_equal(allowed_find(&a, key.public_key)->name, "boss");
        allowed_release(&a);
        assert_int_equal(allowed_add(path, &key, &msg), ERR_EXISTS);
        assert_non_null(strstr(msg.text, "this key is in it already"));
        write_list(path, "worker\n");
        assert_int_equal(allowed_add(path, &key, &msg), ERR_INVALID);
        write_list(path, "");
        assert_int_equal(chmod(path, 0620), 0);
        assert_int_equal(allowed_add(path, &key, &msg), ERR_DENIED);
        assert_int_equal(remove(path), 0);
    }
    free(path);
}

static void a_folder_of_somebody_else_is_refused(void **state)
{
    const char *dir = *state;
    struct key_file own;
    struct errmsg msg = { "" };
    if (geteuid() != 0)
        skip(); /* only root can give a folder away */
    assert_int_equal(chown(dir, 12345, 12345), 0);
    assert_int_equal(keys_prepare(dir, &own, &msg), ERR_DENIED);
    assert_non_null(strstr(msg.text, "must belong to you"));
    assert_int_equal(chown(dir, 0, 0), 0);
}

static void a_file_in_place_of_the_folder_is_told(void **state)
{
    const char *dir = *state;
    struct key_file own;
    struct errmsg msg = { "" };
    char *path = keys_path(dir, "allowed");
    write_list(path, "");
    assert_int_equal(keys_issue(path, KEY_WORKER, "node7", "node7.key", &msg), ERR_EXISTS);
    assert_int_equal(keys_prepare(path, &own, &msg), ERR_EXISTS);
    assert_non_null(strstr(msg.text, path));
    free(path);
}

static void a_workers_key_is_not_the_coordinators(void **state)
{
    const char *dir = *state;
    struct key_file own, worker;
    struct errmsg msg = { "" };
    char *path = keys_path(dir, "coordinator.key");
    key_make(KEY_WORKER, "node7", &worker);
    assert_int_equal(key_write(path, &worker, &msg), OK);
    assert_int_equal(keys_prepare(dir, &own, &msg), ERR_INVALID);
    assert_non_null(strstr(msg.text, "expected a coordinator's key, found the key of a worker"));
    free(path);
}

static void the_folder_is_below_the_state_unless_it_is_given(void **state)
{
    (void)state;
    char *given = keys_dir("/elsewhere", "/state"), *own = keys_dir(NULL, "/state");
    assert_string_equal(given, "/elsewhere");
    assert_string_equal(own, "/state/keys");
    free(given);
    free(own);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_list_has_an_end),
        T(a_full_list_takes_no_more),
        T(keys_that_are_made_at_once_are_all_allowed),
        T(a_secret_that_a_killed_one_left_is_removed),
        T(the_public_key_is_that_of_the_secret_one),
        T(a_line_is_added_behind_what_is_there),
        T(a_folder_of_somebody_else_is_refused),
        T(a_file_in_place_of_the_folder_is_told),
        T(a_workers_key_is_not_the_coordinators),
        T(the_folder_is_below_the_state_unless_it_is_given),
    };
    return cmocka_run_group_tests_name("key_folder", tests, NULL, NULL);
}
