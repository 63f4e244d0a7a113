/* The scorer of a slot with programs that do not do what they should. Its timers, of minutes, run
 * four thousand times as fast as in life. */
#include "tests/lib/test.h"

#include <dlfcn.h>
#include <uv.h>

#include "common/mem.h"
#include "worker/child/reap.h"
#include "worker/scorer.h"

enum { JOB = 17, HASTE = 4000, TURNS_MAX = 100000 };

int uv_timer_start(uv_timer_t *timer, uv_timer_cb cb, uint64_t timeout, uint64_t repeat)
{
    static int (*real)(uv_timer_t *, uv_timer_cb, uint64_t, uint64_t);
    if (!real)
        *(void **)(&real) = dlsym(RTLD_NEXT, "uv_timer_start");
    return real(timer, cb, (timeout + HASTE - 1) / HASTE, repeat);
}

struct bench {
    uv_loop_t loop;
    char *dir, *log;
    struct host_family family;
    struct host_place place;
    const char *command[4];
    struct task_definition task;
    struct scorer *scorer;
    unsigned unable;
    char *text;
};

static bool on_ask(void *owner, uint64_t job, struct host_request *out)
{
    (void)owner;
    (void)out;
    fail_msg("job %llu was asked of a program that never said hello", (unsigned long long)job);
    return false;
}

static void on_scored(void *owner, uint64_t job, const struct host_reply *reply)
{
    (void)owner;
    (void)reply;
    fail_msg("job %llu was scored", (unsigned long long)job);
}

static void on_unable(void *owner, uint64_t job, const char *text)
{
    struct bench *b = owner;
    assert_int_equal(job, JOB);
    b->unable++;
    b->text = xstrdup(text);
}

static int setup(void **state)
{
    struct bench *b = xcalloc(1, sizeof *b);
    assert_int_equal(uv_loop_init(&b->loop), 0);
    assert_int_equal(reap_init(NULL), OK);
    b->dir = test_dir();
    b->log = xformat("%s/scorer.log", b->dir);
    b->place = (struct host_place){
        .launcher = LAUNCHER, .work_dir = b->dir, .log_path = b->log, .family = &b->family
    };
    b->scorer = scorer_new(&(struct scorer_config){
        .loop = &b->loop,
        .place = &b->place,
        .owner = b,
        .on_ask = on_ask,
        .on_scored = on_scored,
        .on_unable = on_unable,
    });
    *state = b;
    return 0;
}

static void run_until_idle(struct bench *b)
{
    for (int turns = 0; !scorer_is_idle(b->scorer); turns++) {
        assert_true(turns < TURNS_MAX);
        uv_run(&b->loop, UV_RUN_ONCE);
    }
}

static int teardown(void **state)
{
    struct bench *b = *state;
    scorer_stop(b->scorer, true);
    run_until_idle(b);
    scorer_free(b->scorer);
    uv_run(&b->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&b->loop), 0);
    host_family_release(&b->family);
    test_rm_rf(b->dir);
    free(b->log);
    free(b->text);
    free(b);
    return 0;
}

/* As one that waits for weights that do not come. Each try costs ten minutes: three are enough. */
static void test_one_that_never_says_hello_is_given_up(void **state)
{
    struct bench *b = *state;
    b->command[0] = "/bin/sleep";
    b->command[1] = "1000";
    b->task = (struct task_definition){
        .task = { .path = "nlp/Shout", .scorer = "[\"sleep\"]" },
        .scorer = b->command,
        .scorer_count = 2,
    };
    scorer_submit(b->scorer, &b->task, JOB);
    for (int turns = 0; b->unable == 0; turns++) {
        assert_true(turns < TURNS_MAX);
        uv_run(&b->loop, UV_RUN_ONCE);
    }
    assert_non_null(strstr(b->text, "no hello within 600 s"));
    run_until_idle(b);
    assert_int_equal(b->unable, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_one_that_never_says_hello_is_given_up, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
