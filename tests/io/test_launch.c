/* muster-launch: what a model finds when it starts. */
#include "tests/lib/test.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

enum { OUTPUT_BYTES = 8192, WORDS_MAX = 32, DEADLINE_MS = 10000 };

struct outcome {
    int status; /* exit status; -1: killed */
    char out[OUTPUT_BYTES], err[OUTPUT_BYTES];
};

static void read_all(int fd, char *out)
{
    size_t len = 0;
    ssize_t got;
    while ((got = read(fd, out + len, OUTPUT_BYTES - 1 - len)) > 0)
        len += (size_t)got;
    out[len] = '\0';
    close(fd);
}

/* Run the launcher with these words behind its name (a list ended by NULL). `prepare`, if not NULL,
 * runs in the new process first. */
static struct outcome launch(void (*prepare)(void), char *const *words)
{
    struct outcome o = { .status = -1 };
    int out[2], err[2], wait_status = 0;
    char *argv[WORDS_MAX + 2] = { strdup("muster-launch") };
    for (size_t i = 0; words[i] && i < WORDS_MAX; i++)
        argv[i + 1] = words[i];
    assert_int_equal(pipe2(out, O_CLOEXEC) | pipe2(err, O_CLOEXEC), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(out[1], STDOUT_FILENO);
        dup2(err[1], STDERR_FILENO);
        if (prepare)
            prepare();
        execv(LAUNCHER, argv);
        _exit(99);
    }
    close(out[1]);
    close(err[1]);
    read_all(out[0], o.out);
    read_all(err[0], o.err);
    assert_int_equal(waitpid(pid, &wait_status, 0), pid);
    if (WIFEXITED(wait_status))
        o.status = WEXITSTATUS(wait_status);
    free(argv[0]);
    return o;
}

#define LAUNCH(prepare, ...) launch((prepare), (char *[]){ __VA_ARGS__, NULL })

#define SH "sh", "-c"

static void expect_fine(const struct outcome *o, const char *out)
{
    assert_string_equal(o->err, "");
    assert_string_equal(o->out, out);
    assert_int_equal(o->status, 0);
}

/* --- the command --- */

static void arguments_arrive_as_they_are(void **state)
{
    (void)state;
    struct outcome o = LAUNCH(NULL, "--", "printf", "<%s>\n", "two words", "it's", "\"q\"", "$HOME",
                              "*", "", "a;b|c", "--help");
    expect_fine(&o, "<two words>\n<it's>\n<\"q\">\n<$HOME>\n<*>\n<>\n<a;b|c>\n<--help>\n");
}

static void options_end_at_the_command(void **state)
{
    (void)state;
    struct outcome o = LAUNCH(NULL, "printf", "%s", "--cpus");
    expect_fine(&o, "--cpus");
}

static void the_exit_status_is_the_commands(void **state)
{
    (void)state;
    struct outcome o = LAUNCH(NULL, SH, "exit 42");
    assert_int_equal(o.status, 42);
}

static void a_command_that_is_not_there_is_127(void **state)
{
    (void)state;
    struct outcome o = LAUNCH(NULL, "no-such-command");
    assert_int_equal(o.status, 127);
    assert_non_null(
        strstr(o.err, "muster-launch: cannot start no-such-command: not found in PATH="));
    o = LAUNCH(NULL, "/no/such/command");
    assert_int_equal(o.status, 127);
    assert_string_equal(
        o.err, "muster-launch: cannot start /no/such/command: No such file or directory\n");
}

static void no_shell_looks_at_the_command(void **state)
{
    (void)state;
    struct outcome o = LAUNCH(NULL, "true; echo hacked");
    assert_int_equal(o.status, 127);
    assert_string_equal(o.out, "");
}

static void what_cannot_be_run_is_126(void **state)
{
    (void)state;
    struct outcome o = LAUNCH(NULL, "/etc/passwd");
    assert_int_equal(o.status, 126);
    assert_string_equal(o.err, "muster-launch: cannot start /etc/passwd: Permission denied\n");
}

/* execvp would have handed it to the shell. */
static void a_script_without_a_first_line_is_refused(void **state)
{
    (void)state;
    char *dir = test_dir();
    char path[512];
    snprintf(path, sizeof path, "%s/script", dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs("echo hello\n", f);
    fclose(f);
    chmod(path, 0700);
    struct outcome o = LAUNCH(NULL, path);
    assert_int_equal(o.status, 126);
    assert_non_null(strstr(o.err, "needs a first line such as #!/bin/sh"));
    test_rm_rf(dir);
}

static void bad_command_lines_are_126_with_one_line(void **state)
{
    (void)state;
    static const struct {
        char *words[4], *line;
    } cases[] = {
        { { NULL }, "no command; see --help" },
        { { "--cpus", "1" }, "no command; see --help" },
        { { "--frob", "true" }, "--frob: unknown option, or its value is missing" },
        { { "--cwd" }, "--cwd: unknown option, or its value is missing" },
        { { "--cpus", "", "true" }, "--cpus: \"\" is no value for it" },
        { { "--cpus", "0-", "true" }, "--cpus: \"0-\" is no value for it" },
        { { "--cpus", "3-1", "true" }, "--cpus: \"3-1\" is no value for it" },
        { { "--cpus", "0,,1", "true" }, "--cpus: \"0,,1\" is no value for it" },
        { { "--cpus", "8192", "true" }, "--cpus: \"8192\" is no value for it" },
        { { "--nodes", "-1", "true" }, "--nodes: \"-1\" is no value for it" },
        { { "--nofile", "12x", "true" }, "--nofile: \"12x\" is no value for it" },
        { { "--fsize", "99999999999999999999", "true" },
          "--fsize: \"99999999999999999999\" is no value for it" },
        { { "--nice", "20", "true" }, "--nice: \"20\" is no value for it" },
        { { "--ppid", "0", "true" }, "--ppid: \"0\" is no value for it" },
        { { "--cwd", "/no/such", "true" },
          "cannot change to folder /no/such: No such file or directory" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char line[256];
        struct outcome o = launch(NULL, cases[i].words);
        snprintf(line, sizeof line, "muster-launch: %s\n", cases[i].line);
        assert_string_equal(o.err, line);
        assert_int_equal(o.status, 126);
    }
}

/* --- the process --- */

static unsigned last_cpu(void)
{
    cpu_set_t set;
    unsigned last = 0;
    assert_int_equal(sched_getaffinity(0, sizeof set, &set), 0);
    for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++)
        last = CPU_ISSET(cpu, &set) ? cpu : last;
    return last;
}

static void it_runs_on_its_cpus(void **state)
{
    (void)state;
    char cpu[16], wanted[64];
    snprintf(cpu, sizeof cpu, "%u", last_cpu());
    snprintf(wanted, sizeof wanted, "Cpus_allowed_list:\t%s\n", cpu);
    struct outcome o = LAUNCH(NULL, "--cpus", cpu, "cat", "/proc/self/status");
    assert_int_equal(o.status, 0);
    assert_non_null(strstr(o.out, wanted));
    assert_string_equal(o.err, "");
}

static void cpus_that_are_not_there_cost_only_a_line(void **state)
{
    (void)state;
    struct outcome o = LAUNCH(NULL, "--cpus", "8191", "echo", "on");
    assert_int_equal(o.status, 0);
    assert_string_equal(o.out, "on\n");
    assert_string_equal(o.err, "muster-launch: not bound to its cpus: Invalid argument\n");
}

static void memory_comes_from_its_nodes(void **state)
{
    (void)state;
    if (access("/proc/self/numa_maps", R_OK))
        skip();
    struct outcome o = LAUNCH(NULL, "--nodes", "0", "cat", "/proc/self/numa_maps");
    assert_int_equal(o.status, 0);
    assert_true(strstr(o.out, " prefer:0 ") || *o.err); /* or a container that refuses */
    o = LAUNCH(NULL, "--nodes", "0", "--strict-nodes", "cat", "/proc/self/numa_maps");
    assert_true(strstr(o.out, " bind:0 ") || *o.err);
}

/* Answer two system calls as an old kernel or a strict container does. */
static void refuse_calls(void)
{
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_close_range, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_set_mempolicy, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = { sizeof program / sizeof program[0], program };
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter))
        _exit(98);
}

static void open_descriptors(void)
{
    if (dup2(STDOUT_FILENO, 3) < 0 || dup2(STDOUT_FILENO, 9) < 0 || dup2(STDOUT_FILENO, 200) < 0)
        _exit(97);
}

static void open_descriptors_and_refuse(void)
{
    open_descriptors();
    refuse_calls();
}

/* Of those behind the standard ones; by name, since listing the folder opens one more. */
#define LIST_DESCRIPTORS                                                                           \
    "for fd in $(seq 3 255); do if test -e /proc/$$/fd/$fd; then echo $fd; fi; done"

static void only_four_descriptors_stay_open(void **state)
{
    (void)state;
    struct outcome o = LAUNCH(open_descriptors, SH, LIST_DESCRIPTORS);
    expect_fine(&o, "3\n");
}

static void old_kernels_and_strict_containers_are_coped_with(void **state)
{
    (void)state;
    struct outcome o = LAUNCH(open_descriptors_and_refuse, "--nodes", "0", SH, LIST_DESCRIPTORS);
    assert_string_equal(o.out, "3\n");
    assert_string_equal(
        o.err, "muster-launch: memory not placed beside its cpus: Operation not permitted\n");
    assert_int_equal(o.status, 0);
}

static void close_standard_input(void)
{
    close(STDIN_FILENO);
}

static void a_closed_standard_descriptor_becomes_dev_null(void **state)
{
    (void)state;
    struct outcome o = LAUNCH(close_standard_input, "readlink", "/proc/self/fd/0");
    expect_fine(&o, "/dev/null\n");
}

static void change_signals(void)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGRTMIN + 3, SIG_IGN);
}

static void signals_are_as_new(void **state)
{
    (void)state;
    struct outcome o = LAUNCH(change_signals, "cat", "/proc/self/status");
    assert_non_null(strstr(o.out, "SigBlk:\t0000000000000000\n"));
    assert_non_null(strstr(o.out, "SigIgn:\t0000000000000000\n"));
}

static void no_new_privileges_can_be_had(void **state)
{
    (void)state;
    struct outcome o = LAUNCH(NULL, "cat", "/proc/self/status");
    assert_non_null(strstr(o.out, "NoNewPrivs:\t1\n"));
}

static void it_leads_a_session_and_carries_its_mark(void **state)
{
    (void)state;
    struct outcome o = LAUNCH(NULL, SH,
                              "set -- $(cat /proc/$$/stat); echo $(( $5 == $$ && $6 == $$ && "
                              "MUSTER_HOST == $$ ))");
    expect_fine(&o, "1\n");
    o = LAUNCH(NULL, SH, "set -- $(grep 'file locks' /proc/$$/limits); echo $(( $4 == $$ ))");
    expect_fine(&o, "1\n");
}

static void files_it_makes_are_its_own(void **state)
{
    (void)state;
    char *dir = test_dir();
    char wanted[600];
    snprintf(wanted, sizeof wanted, "%s\n0077\n", dir);
    struct outcome o = LAUNCH(NULL, "--cwd", dir, SH, "pwd; umask");
    expect_fine(&o, wanted);
    test_rm_rf(dir);
}

static void a_command_with_a_folder_is_found_from_its_own_folder(void **state)
{
    (void)state;
    struct outcome o = LAUNCH(NULL, "--cwd", "/bin", "./echo", "here");
    expect_fine(&o, "here\n");
}

static void limits_are_set_for_good(void **state)
{
    (void)state;
    struct outcome o = LAUNCH(NULL, "--nofile", "64", "--core", "0", "--fsize", "1048576",
                              "--memory", "1073741824", SH,
                              "ulimit -n; ulimit -Hn; ulimit -c; ulimit -Hc; ulimit -f; "
                              "ulimit -d");
    expect_fine(&o, "64\n64\n0\n0\n2048\n1048576\n");
}

static void limit_open_files(void)
{
    struct rlimit limit = { 50, 50 };
    setrlimit(RLIMIT_NOFILE, &limit);
}

static void a_stricter_limit_stays(void **state)
{
    (void)state;
    struct outcome o = LAUNCH(limit_open_files, "--nofile", "64", SH, "ulimit -n");
    expect_fine(&o, "50\n");
}

static void it_can_be_made_nicer(void **state)
{
    (void)state;
    int nice_now = getpriority(PRIO_PROCESS, 0);
    char nice[16], wanted[20];
    snprintf(nice, sizeof nice, "%d", nice_now < 15 ? nice_now + 4 : 19);
    snprintf(wanted, sizeof wanted, "%s\n", nice);
    struct outcome o = LAUNCH(NULL, "--nice", nice, "nice");
    expect_fine(&o, wanted);
}

/* --- life and death --- */

static void another_parent_is_refused(void **state)
{
    (void)state;
    char pid[16];
    snprintf(pid, sizeof pid, "%ld", (long)getppid());
    struct outcome o = LAUNCH(NULL, "--ppid", pid, "echo", "alive");
    assert_int_equal(o.status, 126);
    assert_string_equal(o.out, "");
    assert_non_null(strstr(o.err, "has gone"));
}

static void its_own_parent_is_fine(void **state)
{
    (void)state;
    char pid[16];
    snprintf(pid, sizeof pid, "%ld", (long)getpid());
    struct outcome o = LAUNCH(NULL, "--ppid", pid, "echo", "alive");
    expect_fine(&o, "alive\n");
}

/* Start a parent that launches a sleeper; both hold `out`. Returns the parent. */
static pid_t start_family(int out)
{
    pid_t parent = fork();
    assert_true(parent >= 0);
    if (parent)
        return parent;
    char ppid[16];
    snprintf(ppid, sizeof ppid, "%ld", (long)getpid());
    char *argv[] = { "muster-launch", "--ppid", ppid, SH, "echo up; exec sleep 30", NULL };
    pid_t child = fork();
    if (child == 0) {
        dup2(out, STDOUT_FILENO);
        execv(LAUNCHER, argv);
        _exit(99);
    }
    for (;;)
        pause();
}

static void it_dies_with_its_parent(void **state)
{
    (void)state;
    int out[2];
    char text[8] = "";
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    pid_t parent = start_family(out[1]);
    close(out[1]);
    assert_int_equal(read(out[0], text, sizeof text), 3); /* "up\n" */
    kill(parent, SIGKILL);
    assert_int_equal(waitpid(parent, NULL, 0), parent);
    /* The pipe ends when the last who could write to it has gone: the sleeper. */
    struct pollfd fd = { .fd = out[0], .events = POLLIN };
    assert_int_equal(poll(&fd, 1, DEADLINE_MS), 1);
    assert_int_equal(read(out[0], text, sizeof text), 0);
    close(out[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arguments_arrive_as_they_are),
        cmocka_unit_test(options_end_at_the_command),
        cmocka_unit_test(the_exit_status_is_the_commands),
        cmocka_unit_test(a_command_that_is_not_there_is_127),
        cmocka_unit_test(no_shell_looks_at_the_command),
        cmocka_unit_test(what_cannot_be_run_is_126),
        cmocka_unit_test(a_script_without_a_first_line_is_refused),
        cmocka_unit_test(bad_command_lines_are_126_with_one_line),
        cmocka_unit_test(it_runs_on_its_cpus),
        cmocka_unit_test(cpus_that_are_not_there_cost_only_a_line),
        cmocka_unit_test(memory_comes_from_its_nodes),
        cmocka_unit_test(only_four_descriptors_stay_open),
        cmocka_unit_test(old_kernels_and_strict_containers_are_coped_with),
        cmocka_unit_test(a_closed_standard_descriptor_becomes_dev_null),
        cmocka_unit_test(signals_are_as_new),
        cmocka_unit_test(no_new_privileges_can_be_had),
        cmocka_unit_test(it_leads_a_session_and_carries_its_mark),
        cmocka_unit_test(files_it_makes_are_its_own),
        cmocka_unit_test(a_command_with_a_folder_is_found_from_its_own_folder),
        cmocka_unit_test(limits_are_set_for_good),
        cmocka_unit_test(a_stricter_limit_stays),
        cmocka_unit_test(it_can_be_made_nicer),
        cmocka_unit_test(another_parent_is_refused),
        cmocka_unit_test(its_own_parent_is_fine),
        cmocka_unit_test(it_dies_with_its_parent),
    };
    return cmocka_run_group_tests_name("launch", tests, NULL, NULL);
}
