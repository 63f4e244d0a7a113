/* Key files: what is read, what is refused, and that no sentence gives a secret away. */
#include "tests/lib/test.h"

#include <sys/stat.h>

#include "common/io/file.h"
#include "common/io/key.h"
#include "common/mem.h"

struct fixture {
    char *dir, *path;
    struct key_file key; /* what lies at path */
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct errmsg msg;
    f->dir = test_dir();
    f->path = file_join(f->dir, "node7.key");
    struct key_file coordinator;
    key_make(KEY_COORDINATOR, "coordinator", &coordinator);
    key_make(KEY_WORKER, "node7", &f->key);
    memcpy(f->key.coordinator, coordinator.public_key, KEY_TEXT_BYTES);
    assert_int_equal(key_write(f->path, &f->key, &msg), OK);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    test_rm_rf(f->dir);
    free(f->path);
    free(f);
    return 0;
}

static void what_is_written_is_read(void **state)
{
    struct fixture *f = *state;
    struct key_file key;
    struct errmsg msg;
    assert_int_equal(key_read_for(KEY_WORKER, f->path, &key, &msg), OK);
    assert_int_equal(key.role, KEY_WORKER);
    assert_string_equal(key.name, "node7");
    assert_string_equal(key.public_key, f->key.public_key);
    assert_string_equal(key.secret_key, f->key.secret_key);
    assert_string_equal(key.coordinator, f->key.coordinator);
    struct stat st;
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
}

static void two_keys_differ(void **state)
{
    (void)state;
    struct key_file a, b;
    key_make(KEY_WORKER, "a", &a);
    key_make(KEY_WORKER, "a", &b);
    assert_string_not_equal(a.public_key, b.public_key);
    assert_string_not_equal(a.secret_key, b.secret_key);
}

static void a_key_is_never_overwritten(void **state)
{
    struct fixture *f = *state;
    struct key_file other, still;
    struct errmsg msg;
    key_make(KEY_WORKER, "other", &other);
    assert_int_equal(key_write(f->path, &other, &msg), ERR_EXISTS);
    assert_non_null(strstr(msg.text, f->path));
    assert_int_equal(key_read(f->path, &still, &msg), OK);
    assert_string_equal(still.public_key, f->key.public_key);
}

static void a_file_that_others_may_open_is_refused(void **state)
{
    struct fixture *f = *state;
    const mode_t modes[] = { 0640, 0604, 0620, 0602, 0601, 0666, 0777 };
    struct key_file key;
    struct errmsg msg;
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        assert_int_equal(chmod(f->path, modes[i]), 0);
        assert_int_equal(key_read(f->path, &key, &msg), ERR_DENIED);
        assert_non_null(strstr(msg.text, "chmod 600"));
        assert_non_null(strstr(msg.text, f->path));
    }
    assert_int_equal(chmod(f->path, 0400), 0);
    assert_int_equal(key_read(f->path, &key, &msg), OK);
}

static void somebody_elses_key_is_refused(void **state)
{
    struct fixture *f = *state;
    struct key_file key;
    struct errmsg msg;
    if (geteuid() != 0)
        skip(); /* only root can give a file away */
    assert_int_equal(chown(f->path, 12345, 12345), 0);
    assert_int_equal(key_read(f->path, &key, &msg), ERR_DENIED);
}

static void a_key_for_something_else_is_refused(void **state)
{
    struct fixture *f = *state;
    struct key_file key;
    struct errmsg msg;
    assert_int_equal(key_read_for(KEY_OPERATOR, f->path, &key, &msg), ERR_INVALID);
    assert_non_null(strstr(msg.text, "key of a worker"));
    assert_non_null(strstr(msg.text, "key of an operator is needed"));
    char *path = file_join(f->dir, "operator.key");
    struct key_file operator;
    key_make(KEY_OPERATOR, "boss", &operator);
    assert_int_equal(key_write(path, &operator, & msg), OK);
    assert_int_equal(key_read_for(KEY_WORKER, path, &key, &msg), ERR_INVALID);
    assert_non_null(strstr(msg.text, "key of an operator, and the key of a worker is needed"));
    assert_int_equal(remove(path), 0);
    assert_int_equal(key_read_for(KEY_WORKER, path, &key, &msg), ERR_NOT_FOUND);
    assert_non_null(strstr(msg.text, path));
    free(path);
}

static void without_the_coordinators_key_it_says_where_that_is(void **state)
{
    struct fixture *f = *state;
    char *path = file_join(f->dir, "half.key");
    struct key_file half, key;
    struct errmsg msg;
    key_make(KEY_WORKER, "half", &half);
    assert_int_equal(key_write(path, &half, &msg), OK);
    assert_int_equal(key_read(path, &key, &msg), OK);
    assert_int_equal(key_read_for(KEY_WORKER, path, &key, &msg), ERR_INVALID);
    assert_non_null(strstr(msg.text, "coordinator.pub"));
    free(path);
}

/* The file at path, with the first `from` replaced: parsed. */
static err parse_changed(struct fixture *f, const char *from, const char *to, struct errmsg *msg)
{
    struct buf text = { 0 }, changed = { 0 };
    struct key_file key;
    assert_int_equal(file_read(f->path, KEY_FILE_BYTES_MAX, &text, msg), OK);
    const char *all = buf_cstr(&text), *at = strstr(all, from);
    assert_non_null(at);
    buf_append(&changed, all, (size_t)(at - all));
    buf_append_str(&changed, to);
    buf_append_str(&changed, at + strlen(from));
    err e = key_parse(buf_span(&changed), "FILE", &key, msg);
    buf_release(&text);
    buf_release(&changed);
    return e;
}

static void a_broken_line_is_told_without_what_stands_there(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *from, *to, *said;
    } cases[] = {
        { "role worker", "role boss", "line 2: expected worker, operator" },
        { "role worker\n", "", "no line \"role" },
        { "name node7", "name ../node7", "line 3: expected a name" },
        { "name node7", "name", "line 3: expected a name" },
        { "name node7", "nom node7", "line 3: expected one of role" },
        { "public ", "public x", "line 4: expected a key of 40 characters" },
        { "secret ", "secret x", "line 5: expected a key of 40 characters" },
        { "secret", "# secret", "no line \"secret" },
        { "coordinator ", "coordinator", "expected one of role" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct errmsg msg = { "" };
        assert_int_equal(parse_changed(f, cases[i].from, cases[i].to, &msg), ERR_INVALID);
        if (!strstr(msg.text, cases[i].said))
            fail_msg("case %zu: \"%s\"", i, msg.text);
        assert_null(strstr(msg.text, f->key.secret_key));
    }
}

/* As editors leave them: blanks and ends of other systems, and no end at the end. */
static void blanks_and_line_ends_do_not_matter(void **state)
{
    struct fixture *f = *state;
    struct key_file key;
    char *text = xformat("\n# mine\r\nrole\tworker \t\r\nname  node7\n\npublic %s\nsecret\t %s \n"
                         "coordinator %s",
                         f->key.public_key, f->key.secret_key, f->key.coordinator);
    struct errmsg msg = { "" };
    if (key_parse(span_str(text), "FILE", &key, &msg) != OK)
        fail_msg("%s", msg.text);
    assert_memory_equal(&key, &f->key, sizeof(key));
    free(text);
}

static void a_key_has_40_characters_of_its_alphabet(void **state)
{
    struct fixture *f = *state;
    char text[KEY_TEXT_BYTES];
    memcpy(text, f->key.public_key, sizeof(text));
    assert_true(key_is_valid(span_of(text, KEY_CHARS)));
    assert_false(key_is_valid(span_of(text, KEY_CHARS - 1)));
    static const char bad[] = { '\0', '"', ' ', '\x7f' };
    for (size_t i = 0; i < sizeof(bad); i++) {
        text[20] = bad[i];
        assert_false(key_is_valid(span_of(text, KEY_CHARS)));
    }
}

static void a_public_key_of_another_secret_is_refused(void **state)
{
    struct fixture *f = *state;
    struct errmsg msg = { "" };
    assert_int_equal(parse_changed(f, f->key.public_key, f->key.coordinator, &msg), ERR_INVALID);
    assert_non_null(strstr(msg.text, "does not belong"));
}

static void names_that_would_leave_a_folder_are_none(void **state)
{
    (void)state;
    static const char *const good[] = { "a", "node-7.gpu_2", "0", "Z9" };
    static const char *const bad[] = { "",    ".",        "..",  "-a",  "_a",  "a/b",
                                       "a b", "\xc3\xa4", "a\n", "a:b", "a[b", "a{b" };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(key_name_is_valid(span_str(good[i])));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(key_name_is_valid(span_str(bad[i])));
    char longest[KEY_NAME_BYTES_MAX + 2];
    memset(longest, 'a', sizeof(longest));
    assert_true(key_name_is_valid(span_of(longest, KEY_NAME_BYTES_MAX)));
    assert_false(key_name_is_valid(span_of(longest, KEY_NAME_BYTES_MAX + 1)));
}

static void a_forgotten_secret_is_gone(void **state)
{
    struct fixture *f = *state;
    char secret[KEY_TEXT_BYTES];
    memcpy(secret, f->key.secret_key, sizeof(secret));
    key_forget(&f->key);
    assert_null(memmem(&f->key, sizeof(f->key), secret, KEY_CHARS));
}

int main(void)
{
#define WITH_KEY(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_KEY(what_is_written_is_read),
        WITH_KEY(two_keys_differ),
        WITH_KEY(a_key_is_never_overwritten),
        WITH_KEY(a_file_that_others_may_open_is_refused),
        WITH_KEY(somebody_elses_key_is_refused),
        WITH_KEY(a_key_for_something_else_is_refused),
        WITH_KEY(without_the_coordinators_key_it_says_where_that_is),
        WITH_KEY(a_broken_line_is_told_without_what_stands_there),
        WITH_KEY(blanks_and_line_ends_do_not_matter),
        WITH_KEY(a_key_has_40_characters_of_its_alphabet),
        WITH_KEY(a_public_key_of_another_secret_is_refused),
        WITH_KEY(names_that_would_leave_a_folder_are_none),
        WITH_KEY(a_forgotten_secret_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
