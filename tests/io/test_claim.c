/* One run a state folder, and what a killed one leaves behind. */
#include "tests/lib/test.h"

#include <poll.h>

#include "common/io/file.h"
#include "common/mem.h"
#include "coordinator/exit_code.h"
#include "ops/cli/claim.h"

enum { BRIEF_MS = 100, LONG_MS = 20000 };

struct folder {
    char *state;
    struct claim first, second;
};

static int setup(void **state)
{
    struct folder *f = xcalloc(1, sizeof(*f));
    f->state = test_dir();
    f->second = (struct claim){ -1, -1 };
    assert_int_equal(claim_take(f->state, 0, &f->first), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct folder *f = *state;
    claim_release(&f->first);
    claim_release(&f->second);
    test_rm_rf(f->state);
    free(f);
    return 0;
}

/* As after kill -9: the coordinator has inherited its lock. */
static void kill_run(struct folder *f)
{
    (void)close(f->first.run_fd);
    f->first.run_fd = -1;
}

static void test_a_second_run_is_refused_at_once(void **state)
{
    struct folder *f = *state;
    assert_int_equal(claim_take(f->state, LONG_MS, &f->second), EXIT_STATE_HELD);
    assert_int_equal(f->second.run_fd, -1);
}

static void test_a_run_that_has_ended_leaves_nothing(void **state)
{
    struct folder *f = *state;
    claim_release(&f->first);
    assert_int_equal(claim_take(f->state, 0, &f->second), 0);
}

static void test_the_coordinator_of_a_killed_run_is_waited_for(void **state)
{
    struct folder *f = *state;
    kill_run(f);
    pid_t coordinator = fork(); /* it inherits the lock: only its end gives it back */
    assert_true(coordinator >= 0);
    if (coordinator == 0) {
        (void)poll(NULL, 0, BRIEF_MS);
        _exit(0);
    }
    claim_release(&f->first);
    assert_int_equal(claim_take(f->state, LONG_MS, &f->second), 0);
    assert_int_equal(waitpid(coordinator, NULL, 0), coordinator);
}

static void test_one_that_stays_is_waited_for_no_longer_than_told(void **state)
{
    struct folder *f = *state;
    kill_run(f);
    assert_int_equal(claim_take(f->state, BRIEF_MS, &f->second), EXIT_STATE_HELD);
    assert_int_equal(f->second.run_fd, -1); /* and nobody is kept out by who gave up */
    claim_release(&f->first);
    assert_int_equal(claim_take(f->state, 0, &f->second), 0);
}

static void test_a_folder_that_cannot_be_locked_is_told(void **state)
{
    struct folder *f = *state;
    char *absent = file_join(f->state, "absent");
    assert_int_equal(claim_take(absent, LONG_MS, &f->second), EXIT_INFRASTRUCTURE);
    free(absent);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_a_second_run_is_refused_at_once),
        CASE(test_a_run_that_has_ended_leaves_nothing),
        CASE(test_the_coordinator_of_a_killed_run_is_waited_for),
        CASE(test_one_that_stays_is_waited_for_no_longer_than_told),
        CASE(test_a_folder_that_cannot_be_locked_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
