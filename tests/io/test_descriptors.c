/* Enough descriptors, or a sentence that says what to do. */
#include "tests/lib/test.h"

#include <sys/resource.h>

#include "common/io/descriptors.h"

static void set_limit(rlim_t soft, rlim_t hard)
{
    struct rlimit limit = { soft, hard };
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void the_limit_is_raised_as_far_as_it_may_be(void **state)
{
    (void)state;
    set_limit(32, 200);
    assert_int_equal(descriptors_raise(64, NULL), OK);
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(limit.rlim_cur, 200);
}

static void too_few_are_refused_with_both_numbers(void **state)
{
    (void)state;
    struct errmsg msg = { "" };
    set_limit(40, 40);
    assert_int_equal(descriptors_raise(64, &msg), ERR_LIMIT);
    assert_non_null(strstr(msg.text, "40"));
    assert_non_null(strstr(msg.text, "64"));
    assert_non_null(strstr(msg.text, "ulimit -n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_limit_is_raised_as_far_as_it_may_be),
        cmocka_unit_test(too_few_are_refused_with_both_numbers), /* last: hard limits stay down */
    };
    return cmocka_run_group_tests_name("descriptors", tests, NULL, NULL);
}
