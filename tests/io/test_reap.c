/* Whole trees end, however they hide; other trees live on. */
#include "tests/lib/test.h"

#include "worker/child/process.h"
#include "worker/child/reap.h"

#include <errno.h>
#include <time.h>

enum { DEADLINE_MS = 10000, MEMBERS_MAX = 12 };

/* --- trees --- */

/* A host (a session leader, as muster-launch makes it) and what it started, all asleep. */
struct tree {
    pid_t host;
    pid_t members[MEMBERS_MAX];
    size_t count;
    int pids; /* members write their pids here when they are up */
};

static _Noreturn void sleep_for_ever(void)
{
    for (;;)
        pause();
}

static _Noreturn void report_and_sleep(int pids)
{
    pid_t self = getpid();
    if (write(pids, &self, sizeof self) != (ssize_t)sizeof self)
        _exit(1);
    sleep_for_ever();
}

/* A child that does what `act` says and then reports; it never returns here. */
static void start_member(void (*act)(int pids), int pids)
{
    if (fork() == 0) {
        act(pids);
        report_and_sleep(pids);
    }
}

static void stay(int pids)
{
    (void)pids;
}

static void ignore_signals(int pids)
{
    (void)pids;
    for (int sig = 1; sig < NSIG; sig++)
        (void)signal(sig, SIG_IGN);
}

static void start_group(int pids)
{
    (void)pids;
    setpgid(0, 0);
}

static void start_session(int pids)
{
    (void)pids;
    setsid();
}

static void have_a_child(int pids)
{
    start_member(stay, pids);
}

/* As daemons do: the parent ends, and the child is an orphan. */
static void detach(int pids)
{
    (void)pids;
    if (fork())
        _exit(0);
}

static void detach_in_own_session(int pids)
{
    setsid();
    detach(pids);
}

static void detach_with_a_child_in_a_session(int pids)
{
    detach(pids);
    start_member(start_session, pids);
}

static void detach_and_leave_the_session_to_a_child(int pids)
{
    detach(pids);
    start_member(start_group, pids);
    setsid();
}

typedef void act_f(int pids);

/* members: how many report, besides the host; some acts make more than one. */
static struct tree start_tree(act_f *const *acts, size_t count, size_t members)
{
    struct tree tree = { .count = members + 1 };
    int pids[2];
    assert_int_equal(pipe2(pids, O_CLOEXEC), 0);
    tree.host = fork();
    assert_true(tree.host >= 0);
    if (tree.host == 0) {
        setsid();
        for (size_t i = 0; i < count; i++)
            start_member(acts[i], pids[1]);
        report_and_sleep(pids[1]);
    }
    close(pids[1]);
    for (size_t i = 0; i < tree.count; i++)
        assert_int_equal(read(pids[0], &tree.members[i], sizeof(pid_t)), sizeof(pid_t));
    close(pids[0]);
    return tree;
}

/* Zombies do not count: who has to wait for them is another question. */
static bool is_alive(pid_t pid)
{
    struct process_table table = { 0 };
    assert_int_equal(process_table_read(&table, NULL), OK);
    const struct process *p = process_find(&table, pid);
    bool alive = p && !p->is_zombie;
    process_table_release(&table);
    return alive;
}

static bool is_there(pid_t pid)
{
    return kill(pid, 0) == 0 || errno != ESRCH;
}

static size_t count_alive(const struct tree *tree)
{
    size_t count = 0;
    for (size_t i = 0; i < tree->count; i++)
        count += is_alive(tree->members[i]) ? 1 : 0;
    return count;
}

static void wait_a_little(int *waited_ms)
{
    struct timespec ms5 = { .tv_nsec = 5000000 };
    nanosleep(&ms5, NULL);
    *waited_ms += 5;
    assert_true(*waited_ms < DEADLINE_MS);
}

/* As the worker does it: SIGKILL until nobody is left, then wait for the host. */
static void kill_tree(struct tree *tree)
{
    size_t left = 1;
    for (int waited_ms = 0; left; wait_a_little(&waited_ms))
        assert_int_equal(reap_tree(tree->host, SIGKILL, &left, NULL), OK);
    assert_int_equal(waitpid(tree->host, NULL, 0), tree->host);
}

static void kill_stragglers(const pid_t *hosts, size_t count)
{
    size_t left = 1;
    for (int waited_ms = 0; left; wait_a_little(&waited_ms))
        assert_int_equal(reap_stragglers(hosts, count, 0, &left, NULL), OK);
}

static int become_reaper(void **state)
{
    (void)state;
    return reap_init(NULL) == OK ? 0 : -1;
}

/* A test that failed half-way leaves nobody behind. */
static int leave_nobody(void **state)
{
    (void)state;
    kill_stragglers(NULL, 0);
    return 0;
}

/* --- one tree --- */

static void every_kind_of_member_is_killed(void **state)
{
    (void)state;
    static act_f *const acts[] = { stay,   ignore_signals, start_session,
                                   detach, have_a_child,   detach_with_a_child_in_a_session };
    struct tree tree = start_tree(acts, 6, 8);
    assert_int_equal(count_alive(&tree), 9);
    kill_tree(&tree);
    assert_int_equal(count_alive(&tree), 0);
    kill_stragglers(NULL, 0);
}

/* The session is the host's for as long as anybody is in it. */
static void a_child_below_a_runaway_is_known_by_its_session(void **state)
{
    (void)state;
    static act_f *const acts[] = { detach_and_leave_the_session_to_a_child };
    struct tree tree = start_tree(acts, 1, 2);
    kill_tree(&tree);
    assert_int_equal(count_alive(&tree), 1); /* the runaway, who left no trace */
    kill_stragglers(NULL, 0);
    assert_int_equal(count_alive(&tree), 0);
}

static void a_mild_signal_reaches_all_and_reports_who_was_there(void **state)
{
    (void)state;
    static act_f *const acts[] = { stay, start_session, ignore_signals };
    struct tree tree = start_tree(acts, 3, 3);
    size_t left = 0;
    assert_int_equal(reap_tree(tree.host, SIGTERM, &left, NULL), OK);
    assert_int_equal(left, 4);
    for (int waited_ms = 0; count_alive(&tree) > 1;)
        wait_a_little(&waited_ms); /* the one that ignores it stays */
    assert_int_equal(reap_tree(tree.host, SIGTERM, &left, NULL), OK);
    assert_int_equal(left, 1);
    kill_tree(&tree);
    assert_int_equal(count_alive(&tree), 0);
    kill_stragglers(NULL, 0);
}

/* The host dies by itself: its session and orphans are still found by its number. */
static void a_dead_hosts_tree_is_found(void **state)
{
    (void)state;
    static act_f *const acts[] = { stay, detach };
    struct tree tree = start_tree(acts, 2, 2);
    kill(tree.host, SIGKILL);
    assert_int_equal(waitpid(tree.host, NULL, 0), tree.host);
    size_t left = 1;
    for (int waited_ms = 0; left; wait_a_little(&waited_ms))
        assert_int_equal(reap_tree(tree.host, SIGKILL, &left, NULL), OK);
    assert_int_equal(count_alive(&tree), 0);
    kill_stragglers(NULL, 0);
}

static void the_dead_are_no_longer_there_to_kill(void **state)
{
    (void)state;
    size_t left = 1;
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(reap_tree(pid, SIGKILL, &left, NULL), OK);
    assert_int_equal(left, 0);
}

/* --- several trees --- */

static void other_hosts_live_on(void **state)
{
    (void)state;
    static act_f *const acts[] = { stay, start_session };
    struct tree one = start_tree(acts, 2, 2), other = start_tree(acts, 2, 2);
    kill_tree(&one);
    assert_int_equal(count_alive(&one), 0);
    assert_int_equal(count_alive(&other), 3);
    kill_tree(&other);
    kill_stragglers(NULL, 0);
}

static void processes_that_are_not_ours_live_on(void **state)
{
    (void)state;
    size_t left = 1;
    assert_int_equal(reap_tree(getppid(), SIGKILL, &left, NULL), OK);
    assert_int_equal(left, 0);
}

/* It detached into a session of its own, and lost every sign of where it is from. */
static void stragglers_are_those_of_no_live_host(void **state)
{
    (void)state;
    static act_f *const quiet[] = { stay, detach }, *const sly[] = { detach_in_own_session };
    struct tree live = start_tree(quiet, 2, 2), dead = start_tree(sly, 1, 1);
    kill_tree(&dead);
    assert_int_equal(count_alive(&dead), 1);
    kill_stragglers(&live.host, 1);
    assert_int_equal(count_alive(&dead), 0);
    assert_int_equal(count_alive(&live), 3);
    kill_tree(&live);
    kill_stragglers(NULL, 0);
}

static void adopted_zombies_are_waited_for_and_hosts_are_not(void **state)
{
    (void)state;
    static act_f *const acts[] = { stay, detach };
    struct tree tree = start_tree(acts, 2, 2);
    size_t left = 1;
    for (int waited_ms = 0; left; wait_a_little(&waited_ms))
        assert_int_equal(reap_tree(tree.host, SIGKILL, &left, NULL), OK);
    kill_stragglers(&tree.host, 1);
    for (size_t i = 0; i < tree.count; i++)
        assert_int_equal(is_there(tree.members[i]), tree.members[i] == tree.host);
    assert_int_equal(waitpid(tree.host, NULL, 0), tree.host);
}

static void orphans_of_a_host_that_lives_are_waited_for(void **state)
{
    (void)state;
    static act_f *const acts[] = { stay, detach, detach, detach };
    struct tree live = start_tree(acts, 4, 4);
    for (size_t i = 0; i < live.count; i++)
        if (getpgid(live.members[i]) == live.host && live.members[i] != live.host)
            kill(live.members[i], SIGKILL);
    size_t orphans = 0;
    for (int waited_ms = 0; orphans < 3; wait_a_little(&waited_ms)) {
        reap_orphans(&live.host, 1);
        orphans = 0;
        for (size_t i = 0; i < live.count; i++)
            orphans += !is_there(live.members[i]);
    }
    kill_tree(&live);
    reap_orphans(&live.host, 1);
    kill_stragglers(NULL, 0);
}

/* --- with the launcher's mark --- */

/* A host by muster-launch whose shell writes a line when all is up. */
static pid_t launch(char *script, int *out_up)
{
    int up[2];
    char *argv[] = { "muster-launch", "sh", "-c", script, NULL };
    assert_int_equal(pipe2(up, O_CLOEXEC), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(up[1], STDOUT_FILENO);
        execv(LAUNCHER, argv);
        _exit(99);
    }
    close(up[1]);
    *out_up = up[0];
    return pid;
}

/* The daemons of two hosts: each host takes its own along. */
static void expect_known(char *script)
{
    int up[2];
    pid_t hosts[2], daemons[2];
    for (int i = 0; i < 2; i++) {
        char line[16] = "";
        hosts[i] = launch(script, &up[i]);
        assert_true(read(up[i], line, sizeof line - 1) > 0);
        daemons[i] = (pid_t)strtol(line, NULL, 10);
        close(up[i]);
    }
    struct tree first = { .host = hosts[0] }, second = { .host = hosts[1] };
    kill_stragglers(hosts, 2); /* both are somebody's */
    kill_tree(&first);
    assert_false(is_alive(daemons[0]));
    assert_true(is_alive(daemons[1]));
    kill_tree(&second);
    assert_false(is_alive(daemons[1]));
    kill_stragglers(NULL, 0);
}

static void daemons_are_known_by_their_mark(void **state)
{
    (void)state;
    char kept[] = "(setsid sh -c 'echo $$; exec sleep 1000' &) ; exec sleep 1000";
    char cleared[] = "(env -i setsid sh -c 'echo $$; exec sleep 1000' &) ; exec sleep 1000";
    char unlimited[] = "(setsid sh -c 'prlimit --pid $$ --locks=unlimited; echo $$; exec sleep "
                       "1000' &) ; exec sleep 1000";
    expect_known(kept);
    expect_known(cleared);
    expect_known(unlimited);
}

/* It forks out of reach of the group's signal, while we look. One call is enough, since it looks
 * again: signal 0 only counts. */
static void a_tree_that_forks_all_the_time_is_killed_by_one_call(void **state)
{
    (void)state;
    char script[] = "setsid sh -c 'echo up; while :; do sleep 30 & done' & exec sleep 30";
    int up, waited_ms = 0;
    char line[8];
    size_t left = 0;
    pid_t host = launch(script, &up);
    assert_true(read(up, line, sizeof line) > 0);
    close(up);
    for (; left < 20; wait_a_little(&waited_ms))
        assert_int_equal(reap_tree(host, 0, &left, NULL), OK);
    assert_int_equal(reap_tree(host, SIGKILL, &left, NULL), OK);
    for (; left; wait_a_little(&waited_ms))
        assert_int_equal(reap_tree(host, 0, &left, NULL), OK);
    assert_int_equal(waitpid(host, NULL, 0), host);
    kill_stragglers(NULL, 0);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child of any kind, nor a zombie */
    assert_int_equal(errno, ECHILD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_member_is_killed),
        cmocka_unit_test(a_child_below_a_runaway_is_known_by_its_session),
        cmocka_unit_test(a_mild_signal_reaches_all_and_reports_who_was_there),
        cmocka_unit_test(a_dead_hosts_tree_is_found),
        cmocka_unit_test(the_dead_are_no_longer_there_to_kill),
        cmocka_unit_test(other_hosts_live_on),
        cmocka_unit_test(processes_that_are_not_ours_live_on),
        cmocka_unit_test(stragglers_are_those_of_no_live_host),
        cmocka_unit_test(adopted_zombies_are_waited_for_and_hosts_are_not),
        cmocka_unit_test(orphans_of_a_host_that_lives_are_waited_for),
        cmocka_unit_test(daemons_are_known_by_their_mark),
        cmocka_unit_test(a_tree_that_forks_all_the_time_is_killed_by_one_call),
    };
    return cmocka_run_group_tests_name("reap", tests, become_reaper, leave_nobody);
}
