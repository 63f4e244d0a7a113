/* The scorer of a slot with programs that do not do what they should. Its timers of minutes run
 * four thousand times as fast as in life; those of seconds, in which processes have to end, twenty.
 */
#include "tests/lib/test.h"

#include <dlfcn.h>
#include <signal.h>
#include <sys/syscall.h>
#include <uv.h>

#include "common/mem.h"
#include "tests/lib/spared_process.h"
#include "worker/child/reap.h"
#include "worker/scorer.h"

enum { JOB = 17, MINUTE_MS = 60000, TURNS_MAX = 100000 };

int uv_timer_start(uv_timer_t *timer, uv_timer_cb cb, uint64_t timeout, uint64_t repeat)
{
    static int (*real)(uv_timer_t *, uv_timer_cb, uint64_t, uint64_t);
    if (!real)
        *(void **)(&real) = dlsym(RTLD_NEXT, "uv_timer_start");
    uint64_t haste = timeout >= MINUTE_MS ? 4000 : 20;
    return real(timer, cb, (timeout + haste - 1) / haste, repeat);
}

/* What a worker kills with beside that. */
int kill(pid_t pid, int sig)
{
    bool is_lost = spared && (pid == spared || pid == -spared);
    return is_lost ? 0 : (int)syscall(SYS_kill, pid, sig);
}

struct bench {
    uv_loop_t loop;
    char *dir, *log;
    struct host_family family;
    struct host_place place;
    const char *command[4];
    struct task_definition task;
    struct scorer *scorer;
    unsigned asked, failed, unable;
    char *text; /* of the last that it was unable to do */
};

static bool on_ask(void *owner, uint64_t job, struct host_request *out)
{
    static const struct instance instance = { .id = "1", .request = { (const uint8_t *)"{}", 2 } };
    struct bench *b = owner;
    b->asked++;
    *out = (struct host_request){ .id = job, .instance = &instance, .is_scoring = true };
    return true;
}

static void on_scored(void *owner, uint64_t job, const struct host_reply *reply)
{
    struct bench *b = owner;
    assert_int_equal(job, JOB);
    assert_int_equal(reply->status, STATUS_SCORER);
    b->failed++;
}

static void on_unable(void *owner, uint64_t job, const char *text)
{
    struct bench *b = owner;
    (void)job;
    b->unable++;
    free(b->text);
    b->text = xstrdup(text);
}

static void use_shell(struct bench *b, const char *script)
{
    b->command[0] = "/bin/sh";
    b->command[1] = "-c";
    b->command[2] = script;
    b->task = (struct task_definition){
        .task = { .path = "nlp/Shout", .scorer = "[\"sh\"]" },
        .scorer = b->command,
        .scorer_count = 3,
    };
}

static void run_until_unable(struct bench *b, unsigned count)
{
    for (int turns = 0; b->unable < count; turns++) {
        assert_true(turns < TURNS_MAX);
        uv_run(&b->loop, UV_RUN_ONCE);
    }
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
    use_shell(b, "exec sleep 1000");
    scorer_submit(b->scorer, &b->task, JOB);
    run_until_unable(b, 1);
    assert_non_null(strstr(b->text, "no hello within 600 s"));
    run_until_idle(b);
    assert_int_equal(b->unable, 1);
    assert_int_equal(b->asked, 0);
}

/* What it had costs its instance; what waits, and what comes until it is gone, is not done here. */
static void test_one_that_cannot_be_killed_keeps_nothing_waiting(void **state)
{
    struct bench *b = *state;
    use_shell(b, "echo '{\"hello\":1}' >&3; exec sleep 1000");
    scorer_submit(b->scorer, &b->task, JOB);
    scorer_submit(b->scorer, &b->task, JOB + 1);
    while (b->family.count == 0)
        uv_run(&b->loop, UV_RUN_ONCE);
    pid_t pid = spared = b->family.pids[0];
    run_until_unable(b, 1);
    assert_int_equal(b->failed, 1);
    assert_non_null(strstr(b->text, "does not die of SIGKILL"));
    scorer_submit(b->scorer, &b->task, JOB + 2);
    run_until_unable(b, 2);
    assert_int_equal(b->asked, 1);
    spared = 0;
    assert_int_equal(kill(pid, SIGKILL), 0);
    run_until_idle(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_one_that_never_says_hello_is_given_up, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_one_that_cannot_be_killed_keeps_nothing_waiting, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
