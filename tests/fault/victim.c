#include "tests/fault/victim.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/check.h"
#include "coordinator/exit_code.h"
#include "tests/fault/folder.h"

enum { FULL_TRIES = 3 }; /* a disk that stays full ends this life: there is nobody to make room */

static const struct digest *oracle(void)
{
    static struct digest digests[VICTIM_STEPS + 1];
    static bool known;
    if (!known) {
        char *dir = folder_make("oracle", true);
        life_oracle(dir, VICTIM_STEPS, digests);
        folder_remove(dir);
        known = true;
    }
    return digests;
}

/* ---- The child ---- */

/* Tells the parent; through a pipe, which is no file. */
struct witness {
    uint32_t steps;
    uint64_t points, deeds, allocations;
};

static int witness_fd;

static void tell(uint32_t steps)
{
    struct witness w = { steps, shim_points(), shim_deeds(), shim_memory_count() };
    check(write(witness_fd, &w, sizeof(w)) == sizeof(w));
}

static _Noreturn void give_up(const char *doing, const struct errmsg *msg)
{
    fprintf(stderr, "cannot %s: %s\n", doing, msg->text);
    tell(UINT32_MAX);
    _exit(EXIT_STORE_FAILED);
}

static void one_step(struct store *s, uint32_t step)
{
    struct errmsg msg = { "" };
    err e = ERR_FULL;
    for (int i = 0; e == ERR_FULL && i < FULL_TRIES; i++)
        e = life_step(s, step, &msg);
    if (e)
        give_up("commit", &msg);
    tell(step + 1);
}

static void session(const char *dir)
{
    struct store *s;
    struct errmsg msg = { "" };
    uint32_t step;
    if (life_open(dir, &s, &msg))
        give_up("open", &msg);
    if (life_next(s, &step, &msg))
        give_up("read", &msg);
    uint32_t until = step + VICTIM_SESSION_STEPS;
    for (; step < until && step < VICTIM_STEPS; step++)
        one_step(s, step);
    store_close(s);
}

static _Noreturn void child(const char *dir, victim_arm_f *arm, const void *plan, bool loud)
{
    if (!loud) {
        int quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);
        check(quiet >= 0 && dup2(quiet, STDERR_FILENO) >= 0);
    }
    arm(plan, dir);
    for (int i = 0; i < VICTIM_STEPS / VICTIM_SESSION_STEPS; i++)
        session(dir);
    tell(UINT32_MAX);
    _exit(0);
}

/* ---- The parent ---- */

struct victim victim_live(const char *dir, victim_arm_f *arm, const void *plan, bool loud)
{
    struct victim v = { 0 };
    int ends[2];
    (void)oracle(); /* before the fork, once for all */
    check(pipe(ends) == 0);
    (void)fflush(stdout);
    pid_t pid = fork();
    check(pid >= 0);
    if (pid == 0) {
        check(close(ends[0]) == 0);
        witness_fd = ends[1];
        child(dir, arm, plan, loud);
    }
    check(close(ends[1]) == 0);
    for (struct witness w; read(ends[0], &w, sizeof(w)) == sizeof(w);) {
        if (w.steps != UINT32_MAX)
            v.promised = w.steps;
        v.points = w.points;
        v.deeds = w.deeds;
        v.allocations = w.allocations;
    }
    check(close(ends[0]) == 0 && waitpid(pid, &v.ended, 0) == pid);
    return v;
}

static const char *look(const char *dir, uint32_t promised, struct errmsg *msg)
{
    struct store *s;
    struct digest now;
    uint32_t next;
    if (life_open(dir, &s, msg))
        return "cannot be opened";
    if (life_next(s, &next, msg) || life_fsck(s, msg) || life_digest(s, &now, msg))
        return "cannot be read";
    if (next < promised)
        return "lost";
    if (!digest_equal(&now, &oracle()[next]))
        return "not what was written";
    for (; next < VICTIM_STEPS; next++)
        if (life_step(s, next, msg))
            return "does not go on";
    if (life_fsck(s, msg) || life_digest(s, &now, msg) || !digest_equal(&now, &oracle()[next]))
        return "ends as something else";
    store_close(s);
    return NULL;
}

const char *victim_check(const char *dir, uint32_t promised)
{
    (void)oracle();
    (void)fflush(stdout);
    pid_t pid = fork();
    check(pid >= 0);
    if (pid == 0) {
        struct errmsg msg = { "" };
        const char *wrong = look(dir, promised, &msg);
        if (wrong)
            printf("%s: %s\n", wrong, msg.text);
        (void)fflush(stdout);
        _exit(wrong ? (wrong[0] == 'l' ? 2 : 1) : 0);
    }
    int ended;
    check(waitpid(pid, &ended, 0) == pid);
    if (!WIFEXITED(ended))
        return "killed by a signal";
    return WEXITSTATUS(ended) == 0 ? NULL : WEXITSTATUS(ended) == 2 ? "lost" : "wrong";
}
