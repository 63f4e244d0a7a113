#include "tests/sim/shrink.h"

#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/check.h"
#include "common/io/clock.h"
#include "tests/sim/run.h"

enum { TRIAL_SECONDS_MAX = 20 };

/* How a run went; shared with the child that runs it. */
struct trial {
    uint64_t hits[FAULT_COUNT];
    int64_t virtual_ns;
};

struct shrinker {
    uint64_t seed;
    struct trial *trial;
    char failure[256]; /* the sentence of the run that is shrunk, without its numbers */
    int64_t ends_mono_ns;
    unsigned trials;
};

static struct trial *shared; /* for the handler in the child */

static void on_abort(int signal_number)
{
    (void)signal_number;
    sim_running(shared->hits, &shared->virtual_ns);
    _exit(1);
}

static void run_child(const struct sim_options *o, uint64_t seed, int message_fd)
{
    struct sim_outcome out;
    (void)dup2(message_fd, STDERR_FILENO);
    (void)signal(SIGABRT, on_abort);
    (void)signal(SIGALRM, SIG_DFL);
    (void)alarm(TRIAL_SECONDS_MAX);
    sim_run(o, seed, &out);
    _exit(0);
}

/* "two leases on instance 0/1/4" and "... 0/1/7" are the same failure. */
static void strip_numbers(char *text)
{
    char *to = text;
    for (const char *from = text; *from && *from != '\n'; from++)
        if (!isxdigit((unsigned char)*from) && *from != '.' && *from != '#')
            *to++ = *from;
    *to = '\0';
}

/* Whether it fails; what it said, without numbers. */
static bool fails(struct shrinker *s, const struct sim_options *o, char said[256])
{
    int fds[2];
    check(pipe(fds) == 0);
    shared = s->trial;
    s->trials++;
    pid_t child = fork();
    check(child >= 0);
    if (child == 0)
        run_child(o, s->seed, fds[1]);
    close(fds[1]);
    ssize_t len = read(fds[0], said, 255);
    said[len > 0 ? len : 0] = '\0';
    close(fds[0]);
    int how = 0;
    check(waitpid(child, &how, 0) == child);
    strip_numbers(said);
    return !WIFEXITED(how) || WEXITSTATUS(how) != 0;
}

static bool has_time(const struct shrinker *s)
{
    return clock_mono_ns() < s->ends_mono_ns;
}

static bool keep_if_it_fails(struct shrinker *s, struct sim_options *o,
                             const struct sim_options *smaller)
{
    char said[256];
    if (!has_time(s) || !fails(s, smaller, said) || strcmp(said, s->failure) != 0)
        return false;
    *o = *smaller;
    return true;
}

static void shorten(struct shrinker *s, struct sim_options *o, uint32_t horizon_ms)
{
    for (uint32_t step = horizon_ms / 2; step > 200; step /= 2) {
        struct sim_options smaller = *o;
        smaller.horizon_ms = horizon_ms - step;
        if (keep_if_it_fails(s, o, &smaller))
            horizon_ms -= step;
    }
}

static void switch_off(struct shrinker *s, struct sim_options *o)
{
    for (int f = 0; f < FAULT_COUNT; f++) {
        struct sim_options smaller = *o;
        smaller.off |= 1u << f;
        if (smaller.off != o->off)
            keep_if_it_fails(s, o, &smaller);
    }
}

/* These change what the seed draws: another small run that fails in the same way will do. */
static void lessen(struct shrinker *s, struct sim_options *o)
{
    for (uint32_t machines = 1; machines <= 5; machines++) {
        struct sim_options smaller = *o;
        smaller.machines_max = machines;
        if (keep_if_it_fails(s, o, &smaller))
            break;
    }
    for (uint32_t instances = 2; instances <= 64; instances *= 2) {
        struct sim_options smaller = *o;
        smaller.instances_max = instances;
        if (keep_if_it_fails(s, o, &smaller))
            break;
    }
}

static bool is_skipped(const struct sim_options *o, int f, uint64_t number)
{
    for (size_t i = 0; i < o->suppressed_count; i++)
        if (o->suppressed[i].fault == (enum fault)f && o->suppressed[i].number == number)
            return true;
    return false;
}

/* Injections of a class, in chunks that get smaller. */
static void thin_out(struct shrinker *s, struct sim_options *o, int f, uint64_t hits)
{
    for (uint64_t chunk = hits; chunk >= 1; chunk /= 2)
        for (uint64_t from = 1; from <= hits; from += chunk) {
            struct sim_options smaller = *o;
            for (uint64_t n = from; n < from + chunk && n <= hits; n++)
                if (!is_skipped(&smaller, f, n) && smaller.suppressed_count < SUPPRESSED_MAX)
                    smaller.suppressed[smaller.suppressed_count++] =
                        (struct suppressed){ (enum fault)f, n };
            if (smaller.suppressed_count > o->suppressed_count)
                keep_if_it_fails(s, o, &smaller);
        }
}

bool shrink(struct sim_options *o, uint64_t seed, int seconds_max)
{
    struct shrinker s = { .seed = seed };
    s.ends_mono_ns = clock_mono_ns() + seconds_max * 1000000000ll;
    s.trial =
        mmap(NULL, sizeof(*s.trial), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    check(s.trial != MAP_FAILED);
    if (!fails(&s, o, s.failure))
        return false;
    lessen(&s, o);
    switch_off(&s, o);
    char said[256];
    check(fails(&s, o, said));
    shorten(&s, o, (uint32_t)(s.trial->virtual_ns / 1000000));
    check(fails(&s, o, said));
    uint64_t hits[FAULT_COUNT];
    memcpy(hits, s.trial->hits, sizeof(hits));
    for (int f = 0; f < FAULT_COUNT; f++)
        if (!(o->off >> f & 1) && hits[f] > 0)
            thin_out(&s, o, f, hits[f]);
    printf("shrunk in %u runs\n", s.trials);
    (void)munmap(s.trial, sizeof(*s.trial));
    return true;
}
