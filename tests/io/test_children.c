/* The processes of a local run: started again when they die, given up when that leads nowhere. */
#include "tests/lib/test.h"

#include <signal.h>

#include "common/io/file.h"
#include "common/mem.h"
#include "ops/cli/children.h"

enum { DEADLINE_MS = 20000, SECOND_CHILD = 1 };

static const char TRUE[] = "exit 0", WAITING[] = "exec sleep 60"; /* no grandchild: it would stay */

/* A run of shell scripts. An exit code is final if it is one of these. */
struct run {
    char *dir, *count_file;
    uv_loop_t loop;
    uv_timer_t deadline;
    struct children children;
    int final[2];
    unsigned changes;
    bool late;
    bool progresses; /* every start counts as progress */
};

static bool is_final(void *owner, const struct child *child, int exit_code)
{
    struct run *r = owner;
    (void)child;
    if (r->progresses)
        children_progressed(&r->children);
    return exit_code == r->final[0] || exit_code == r->final[1];
}

static void on_changed(void *owner)
{
    struct run *r = owner;
    r->changes++;
    uv_stop(&r->loop);
}

static void on_deadline(uv_timer_t *timer)
{
    struct run *r = timer->data;
    r->late = true;
    uv_stop(&r->loop);
}

static int setup(void **state)
{
    struct run *r = xcalloc(1, sizeof(*r));
    r->dir = test_dir();
    r->count_file = file_join(r->dir, "starts");
    assert_int_equal(uv_loop_init(&r->loop), 0);
    assert_int_equal(uv_timer_init(&r->loop, &r->deadline), 0);
    assert_int_equal(uv_timer_start(&r->deadline, on_deadline, DEADLINE_MS, 0), 0);
    r->deadline.data = r;
    children_init(&r->children, &r->loop, r, is_final, on_changed);
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    struct run *r = *state;
    uv_close((uv_handle_t *)&r->deadline, NULL);
    children_close(&r->children);
    assert_int_equal(uv_loop_close(&r->loop), 0);
    test_rm_rf(r->dir);
    free(r->count_file);
    free(r);
    return 0;
}

/* A shell that appends a byte to the file of starts, then runs this. */
static void start(struct run *r, const char *title, const char *script)
{
    char *line = xformat("printf x >> '%s'; %s", r->count_file, script);
    children_start(&r->children, title, (const char *const[]){ "/bin/sh", "-c", line }, 3, -1);
    free(line);
}

static size_t starts(const struct run *r)
{
    struct buf text = { 0 };
    (void)file_read(r->count_file, 1 << 20, &text, NULL); /* absent: none */
    size_t count = text.len;
    buf_release(&text);
    return count;
}

static void wait_for_change(struct run *r)
{
    unsigned before = r->changes;
    while (r->changes == before && !r->late)
        uv_run(&r->loop, UV_RUN_DEFAULT);
    assert_false(r->late);
}

static void wait_for_starts(struct run *r, size_t count)
{
    while (starts(r) < count && !r->late)
        uv_run(&r->loop, UV_RUN_ONCE);
    assert_false(r->late);
}

static void a_final_exit_ends_a_child_and_keeps_its_code(void **state)
{
    struct run *r = *state;
    r->final[1] = 3;
    start(r, "coordinator", "exit 3");
    assert_int_equal(children_running(&r->children), 1);
    wait_for_change(r);
    assert_true(r->children.list[0].finished);
    assert_int_equal(r->children.list[0].exit_code, 3);
    assert_int_equal(children_running(&r->children), 0);
    assert_int_equal(starts(r), 1);
    assert_false(r->children.given_up);
}

static void a_killed_child_is_started_again(void **state)
{
    struct run *r = *state;
    char *once = xformat("test $(wc -c < '%s') -gt 1 && exit 0; kill -9 $$", r->count_file);
    start(r, "worker local-1", once);
    free(once);
    wait_for_change(r);
    assert_int_equal(starts(r), 2);
    assert_true(r->children.list[0].finished);
    assert_int_equal(r->children.list[0].exit_code, 0);
}

static void an_unexpected_code_is_started_again(void **state)
{
    struct run *r = *state;
    char *once = xformat("test $(wc -c < '%s') -gt 1 && exit 0; exit 74", r->count_file);
    start(r, "coordinator", once);
    free(once);
    wait_for_change(r);
    assert_int_equal(starts(r), 2);
    assert_true(r->children.list[0].finished);
}

static void a_child_that_keeps_dying_is_given_up(void **state)
{
    struct run *r = *state;
    start(r, "coordinator", "exit 74");
    wait_for_change(r);
    assert_true(r->children.given_up);
    assert_int_equal(starts(r), 6); /* five restarts */
    assert_string_equal(r->children.error.text,
                        "the coordinator ended with exit code 74, 6 times without progress");
    assert_false(r->children.list[0].finished);
}

static void a_signal_is_named_when_given_up(void **state)
{
    struct run *r = *state;
    start(r, "worker local-1", "kill -9 $$");
    wait_for_change(r);
    assert_string_equal(r->children.error.text,
                        "the worker local-1 was killed by signal 9, 6 times without progress");
    assert_int_equal(r->children.list[0].exit_code, 128 + SIGKILL);
}

static void progress_forgives_deaths(void **state)
{
    struct run *r = *state;
    r->progresses = true;
    start(r, "worker local-1", "exit 1");
    wait_for_starts(r, 8);
    assert_false(r->children.given_up);
    children_signal(&r->children, SIGKILL);
    r->final[1] = 128 + SIGKILL;
    r->children.given_up = true; /* nothing is started again from here on */
    while (children_running(&r->children) > 0 && !r->late)
        uv_run(&r->loop, UV_RUN_ONCE);
    assert_false(r->late);
}

static void a_program_that_cannot_be_started_is_said(void **state)
{
    struct run *r = *state;
    children_start(&r->children, "coordinator", (const char *const[]){ "/absent/program" }, 1, -1);
    assert_true(r->children.given_up);
    assert_int_equal(r->changes, 1);
    assert_non_null(strstr(r->children.error.text, "/absent/program"));
    assert_int_equal(children_running(&r->children), 0);
}

/* Otherwise it would be running when everything is closed. */
static void nothing_is_started_after_giving_up(void **state)
{
    struct run *r = *state;
    children_start(&r->children, "coordinator", (const char *const[]){ "/absent/program" }, 1, -1);
    start(r, "worker local-1", WAITING);
    assert_int_equal(children_running(&r->children), 0);
    assert_int_equal(starts(r), 0);
}

static void a_signal_reaches_all_and_stops_restarts(void **state)
{
    struct run *r = *state;
    r->final[1] = 128 + SIGKILL;
    start(r, "coordinator", WAITING);
    start(r, "worker local-1", "exit 1"); /* dies at once, and waits for its restart */
    struct child *second = &r->children.list[SECOND_CHILD];
    while (second->deaths < 4 && !r->late) /* a wait of 400 ms */
        uv_run(&r->loop, UV_RUN_ONCE);
    assert_false(second->running);
    size_t before = starts(r);
    children_signal(&r->children, SIGKILL);
    wait_for_change(r);
    assert_true(r->children.list[0].finished);
    assert_false(uv_is_active((uv_handle_t *)&second->again));
    assert_int_equal(starts(r), before);
}

static void an_argument_can_be_forgotten_for_the_next_start(void **state)
{
    struct run *r = *state;
    const char *const args[] = { "/bin/sh", "-c", TRUE, "--retry-failures", "last" };
    children_start(&r->children, "coordinator", args, 5, -1);
    struct child *child = &r->children.list[0];
    child_forget_arg(child, "--retry-failures");
    assert_string_equal(child->args[3], "last");
    assert_null(child->args[4]);
    child_forget_arg(child, "--retry-failures"); /* gone already */
    assert_string_equal(child->args[3], "last");
    wait_for_change(r);
}

int main(void)
{
#define IN_A_RUN(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        IN_A_RUN(a_final_exit_ends_a_child_and_keeps_its_code),
        IN_A_RUN(a_killed_child_is_started_again),
        IN_A_RUN(an_unexpected_code_is_started_again),
        IN_A_RUN(a_child_that_keeps_dying_is_given_up),
        IN_A_RUN(a_signal_is_named_when_given_up),
        IN_A_RUN(progress_forgives_deaths),
        IN_A_RUN(a_program_that_cannot_be_started_is_said),
        IN_A_RUN(nothing_is_started_after_giving_up),
        IN_A_RUN(a_signal_reaches_all_and_stops_restarts),
        IN_A_RUN(an_argument_can_be_forgotten_for_the_next_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
