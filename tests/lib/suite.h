/* Small suites, written file by file into a folder of the test's own. */
#ifndef MUSTER_TESTS_LIB_SUITE_H
#define MUSTER_TESTS_LIB_SUITE_H

#include <sys/stat.h>

#include "common/io/file.h"
#include "common/suite/suite.h"
#include "tests/lib/test.h"

/* dir/name with this text; folders in between are made. */
static inline void test_put(const char *dir, const char *name, const char *text)
{
    char *path = file_join(dir, name), *parent = file_dir_of(path);
    assert_int_equal(file_make_dir(parent, 0700, NULL), OK);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    free(parent);
    free(path);
}

static inline struct suite_config test_config(const char *kind, const char *path)
{
    return (struct suite_config){ .name = "small", .kind = kind, .path = path };
}

/* The suite must open. */
static inline struct suite test_open(const struct suite_config *config)
{
    struct suite s;
    struct errmsg msg = { 0 };
    if (suite_open(config, &s, &msg))
        fail_msg("%s", msg.text);
    return s;
}

/* The suite must not open, and the sentence must hold these words. */
static inline void test_refuse(const struct suite_config *config, const char *const *words)
{
    struct suite s;
    struct errmsg msg = { 0 };
    assert_int_not_equal(suite_open(config, &s, &msg), OK);
    assert_null(s.tasks);
    for (; *words; words++) {
        if (!strstr(msg.text, *words))
            fail_msg("no '%s' in: %s", *words, msg.text);
    }
}

#define test_refuse_with(config, ...)                                                              \
    test_refuse(config, (const char *const[]){ __VA_ARGS__, NULL })

#endif
