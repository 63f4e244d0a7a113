/* Enough descriptors, or a sentence that says what to do. */
#include "tests/lib/test.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

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

/* In a child, since the test itself has to say how it went: 0, or what was wrong. */
static int what_is_wrong_after_filling(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        (void)close(fd);
    descriptors_fill();
    int next = open("/dev/null", O_RDONLY);
    if (next <= STDERR_FILENO)
        return 1;
    if (write(STDOUT_FILENO, "x", 1) != -1)
        return 2;
    return write(STDERR_FILENO, "x", 1) == 1 ? 0 : 3;
}

static void no_file_takes_the_number_of_a_closed_standard_stream(void **state)
{
    (void)state;
    int status = 0;
    pid_t child = fork();
    if (child == 0)
        _exit(what_is_wrong_after_filling());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void open_standard_streams_stay_as_they_are(void **state)
{
    (void)state;
    int pair[2], kept = dup(STDIN_FILENO);
    char got = 0;
    assert_int_equal(pipe(pair), 0);
    assert_int_equal(dup2(pair[0], STDIN_FILENO), STDIN_FILENO);
    descriptors_fill();
    assert_int_equal(write(pair[1], "y", 1), 1);
    assert_int_equal(read(STDIN_FILENO, &got, 1), 1);
    assert_int_equal(got, 'y');
    if (kept >= 0)
        assert_int_equal(dup2(kept, STDIN_FILENO), STDIN_FILENO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_file_takes_the_number_of_a_closed_standard_stream),
        cmocka_unit_test(open_standard_streams_stay_as_they_are),
        cmocka_unit_test(the_limit_is_raised_as_far_as_it_may_be),
        cmocka_unit_test(too_few_are_refused_with_both_numbers), /* last: hard limits stay down */
    };
    return cmocka_run_group_tests_name("descriptors", tests, NULL, NULL);
}
