/* F4, power cuts. A life is recorded with everything that it does to files; at every moment of it
 * disks are built as a power cut may leave them, and opened by the real store in a child: nothing
 * that was promised may be missing, nothing half done may be seen, and life goes on from there.
 *
 * Besides the store the life writes a report after each session, as the coordinator does. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/check.h"
#include "common/io/file.h"
#include "common/mem.h"
#include "tests/fault/counters.h"
#include "tests/fault/folder.h"
#include "tests/fault/life.h"
#include "tests/fault/power_disk.h"
#include "tests/fault/shim.h"

enum {
    STEPS = 60,
    SESSION_STEPS = 10, /* between opening and closing */
    LOG_BYTES_MAX = 256 << 20,
    STATES_QUICK = 2000,
    STATES_FULL = 100000,
    COMPLAINTS_MAX = 10
};

enum mark { MARK_EPOCH, MARK_STEP, MARK_REPORT };

/* What was promised up to a moment. */
struct promises {
    uint32_t steps;
    uint64_t epoch;
    uint32_t report; /* steps in it; 0: none was written */
};

enum verdict {
    GOOD,
    NO_OPENING,
    LOST,
    OLD_EPOCH,
    WRONG,
    REPORT_TORN,
    NO_GOING_ON,
    SIGNAL,
    VERDICTS
};

static const char *const verdict_text[VERDICTS] = {
    [GOOD] = "good",
    [NO_OPENING] = "cannot be opened",
    [LOST] = "a promised step is missing",
    [OLD_EPOCH] = "the epoch did not rise",
    [WRONG] = "something else than what was written",
    [REPORT_TORN] = "a report is missing or torn",
    [NO_GOING_ON] = "the next step fails",
    [SIGNAL] = "killed by a signal",
};

static struct digest digests[STEPS + 2];

/* ---- The life that is recorded ---- */

static void format_report(uint32_t steps, struct buf *out)
{
    for (uint32_t i = 0; i < 64; i++)
        buf_printf(out, "after %u steps: line %u of 64\n", steps, i + 1);
}

static void write_report(const char *dir, uint32_t steps)
{
    char *folder = file_join(dir, "state/report"), *path = file_join(folder, "report.md");
    struct buf text = { 0 };
    format_report(steps, &text);
    check(file_make_dir(folder, 0700, NULL) == OK);
    check(file_write_atomic(path, buf_span(&text), 0644, NULL) == OK);
    buf_release(&text);
    free(folder);
    free(path);
}

static void live(const char *dir)
{
    char *store = file_join(dir, "state/store");
    for (uint32_t step = 0; step < STEPS;) {
        struct store *s;
        struct store_info info;
        check(life_open(store, &s, NULL) == OK);
        store_info(s, &info);
        shim_mark(MARK_EPOCH, &info.epoch, sizeof(info.epoch));
        for (uint32_t until = step + SESSION_STEPS; step < until;) {
            check(life_step(s, step, NULL) == OK);
            step++;
            shim_mark(MARK_STEP, &step, sizeof(step));
        }
        store_close(s);
        write_report(dir, step);
        shim_mark(MARK_REPORT, &step, sizeof(step));
    }
    free(store);
}

/* Returns the inode of the folder it was made in. */
static uint64_t record(const char *log_path)
{
    char *dir = folder_make("life", true);
    struct stat st;
    check(stat(dir, &st) == 0);
    pid_t child = fork();
    check(child >= 0);
    if (child == 0) {
        shim_set(&(struct shim_plan){ .under = dir, .record = log_path });
        live(dir);
        _exit(0);
    }
    int ended;
    check(waitpid(child, &ended, 0) == child && ended == 0);
    folder_remove(dir);
    return st.st_ino;
}

/* ---- Looking at a state ---- */

static bool report_is_whole(const char *dir, uint32_t promised)
{
    char *path = file_join(dir, "state/report/report.md");
    struct buf text = { 0 }, expected = { 0 };
    err e = file_read(path, 1 << 20, &text, NULL);
    unsigned steps = 0;
    bool whole = e == ERR_NOT_FOUND && promised == 0;
    if (e == OK && sscanf(buf_cstr(&text), "after %u steps", &steps) == 1) {
        format_report(steps, &expected);
        whole = steps >= promised && span_equal(buf_span(&text), buf_span(&expected));
    }
    free(path);
    return whole;
}

static enum verdict look(struct store *s, const struct promises *p, struct errmsg *msg)
{
    struct store_info info;
    struct digest now;
    uint32_t next;
    store_info(s, &info);
    if (info.epoch <= p->epoch)
        return OLD_EPOCH;
    if (life_next(s, &next, msg))
        return WRONG;
    if (next < p->steps)
        return LOST;
    if (next > p->steps + 1 || life_fsck(s, msg) || life_digest(s, &now, msg) ||
        !digest_equal(&now, &digests[next]))
        return WRONG;
    if (life_step(s, next, msg) || life_digest(s, &now, msg) ||
        !digest_equal(&now, &digests[next + 1]))
        return NO_GOING_ON;
    return GOOD;
}

/* In a child. */
static _Noreturn void judge(const char *dir, const struct promises *p)
{
    char *path = file_join(dir, "state/store");
    struct errmsg msg = { "" };
    struct store *s;
    enum verdict v = NO_OPENING;
    if (!report_is_whole(dir, p->report))
        v = REPORT_TORN;
    else if (life_open(path, &s, &msg) == OK)
        v = look(s, p, &msg);
    if (v != GOOD)
        printf("%s: %s\n", verdict_text[v], msg.text);
    (void)fflush(stdout);
    _exit((int)v);
}

static enum verdict verdict_on(const char *dir, const struct promises *p)
{
    (void)fflush(stdout);
    pid_t child = fork();
    check(child >= 0);
    if (child == 0)
        judge(dir, p);
    int ended;
    check(waitpid(child, &ended, 0) == child);
    return WIFEXITED(ended) ? (enum verdict)WEXITSTATUS(ended) : SIGNAL;
}

/* ---- All moments ---- */

/* What the states of one process came to: in memory that all of them see. */
struct outcome {
    uint64_t states, seen[VERDICTS];
};

/* One of several processes, each of which looks at every so-many-th moment. */
struct replay {
    uint64_t root; /* the folder's inode when it was recorded */
    struct span log;
    uint64_t share, shares;
    uint64_t a_moment; /* states; 1 where all is on the disk */
    char *dir;
    struct power_disk *disk;
    struct promises promises;
    struct outcome *out;
};

static const uint8_t *next_op(struct span log, size_t *at, struct power_head *op)
{
    check(log.len - *at >= sizeof(*op));
    memcpy(op, log.data + *at, sizeof(*op));
    const uint8_t *bytes = log.data + *at + sizeof(*op);
    *at += sizeof(*op) + op->len;
    check(*at <= log.len);
    return bytes;
}

static void keep_promise(struct promises *p, const struct power_head *op, const uint8_t *bytes)
{
    switch ((enum mark)op->offset) {
    case MARK_EPOCH: memcpy(&p->epoch, bytes, sizeof(p->epoch)); break;
    case MARK_STEP: memcpy(&p->steps, bytes, sizeof(p->steps)); break;
    case MARK_REPORT: memcpy(&p->report, bytes, sizeof(p->report)); break;
    }
}

static void try_state(struct replay *r, uint64_t moment, uint64_t i, enum power_mode mode,
                      struct rng *rng)
{
    power_disk_build(r->disk, mode, rng, r->dir);
    enum verdict v = verdict_on(r->dir, &r->promises);
    folder_empty(r->dir);
    r->out->states++;
    r->out->seen[v]++;
    if (v != GOOD && r->out->states - r->out->seen[GOOD] <= COMPLAINTS_MAX)
        printf("moment %" PRIu64 ", state %" PRIu64 " (mode %d), %u steps, epoch %" PRIu64
               ", report %u promised: %s\n",
               moment, i, mode, r->promises.steps, r->promises.epoch, r->promises.report,
               verdict_text[v]);
}

/* The draws are the moment's own: the states are the same however many processes share them. */
static void try_moment(struct replay *r, uint64_t moment)
{
    struct rng rng;
    rng_seed(&rng, rng_mix(4, moment, 0, 0));
    uint64_t count = power_disk_is_open(r->disk) ? r->a_moment : 1;
    for (uint64_t i = 0; i < count; i++) {
        enum power_mode mode =
            i < POWER_PREFIX && count > POWER_MODES
                ? (enum power_mode)i
                : (enum power_mode)(POWER_PREFIX + rng_below(&rng, POWER_MODES - POWER_PREFIX));
        try_state(r, moment, i, mode, &rng);
    }
}

static void replay(struct replay *r)
{
    uint64_t moment = 0;
    r->disk = power_disk_new(r->root);
    for (size_t at = 0; at < r->log.len; moment++) {
        struct power_head op;
        const uint8_t *bytes = next_op(r->log, &at, &op);
        power_disk_begin(r->disk, &op, bytes);
        if (op.kind == POWER_MARK)
            keep_promise(&r->promises, &op, bytes);
        else if (moment % r->shares == r->share)
            try_moment(r, moment);
        power_disk_end(r->disk, &op);
    }
    if (r->share == 0)
        try_moment(r, moment);
    power_disk_free(r->disk);
}

/* Moments at which a power cut may take something, and those at which all is on the disk. */
static void count_moments(uint64_t root, struct span log, uint64_t *open, uint64_t *closed)
{
    struct power_disk *disk = power_disk_new(root);
    *open = 0, *closed = 1; /* the end */
    for (size_t at = 0; at < log.len;) {
        struct power_head op;
        power_disk_begin(disk, &op, next_op(log, &at, &op));
        if (op.kind != POWER_MARK)
            ++*(power_disk_is_open(disk) ? open : closed);
        power_disk_end(disk, &op);
    }
    power_disk_free(disk);
}

/* In as many processes as there are processors. */
static struct outcome replay_all(uint64_t root, struct span log, uint64_t a_moment)
{
    long shares = sysconf(_SC_NPROCESSORS_ONLN);
    check(shares > 0);
    struct outcome sum = { 0 };
    size_t size = (size_t)shares * sizeof(sum);
    struct outcome *all =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    check(all != MAP_FAILED);
    (void)fflush(stdout);
    for (long i = 0; i < shares; i++) {
        pid_t child = fork();
        check(child >= 0);
        if (child > 0)
            continue;
        struct replay r = { .root = root,
                            .log = log,
                            .share = (uint64_t)i,
                            .shares = (uint64_t)shares,
                            .a_moment = a_moment,
                            .dir = folder_make("cut", true),
                            .out = &all[i] };
        replay(&r);
        folder_remove(r.dir);
        (void)fflush(stdout);
        _exit(0);
    }
    for (int ended; wait(&ended) > 0;)
        check(ended == 0);
    for (long i = 0; i < shares; i++) {
        sum.states += all[i].states;
        for (int v = 0; v < VERDICTS; v++)
            sum.seen[v] += all[i].seen[v];
    }
    check(munmap(all, size) == 0);
    return sum;
}

int main(void)
{
    uint64_t wanted = counters_full() ? STATES_FULL : STATES_QUICK;
    char *dir = folder_make("oracle", true);
    life_oracle(dir, STEPS + 1, digests);
    folder_remove(dir);

    char *log_dir = folder_make("log", true), *log_path = file_join(log_dir, "power.log");
    uint64_t root = record(log_path), open, closed;
    struct buf log = { 0 };
    check(file_read(log_path, LOG_BYTES_MAX, &log, NULL) == OK);
    folder_remove(log_dir);
    count_moments(root, buf_span(&log), &open, &closed);
    printf("%" PRIu64 " moments, %" PRIu64 " of them with something to lose; %zu bytes\n",
           open + closed, open, log.len);
    check(open > 0);
    struct outcome out = replay_all(root, buf_span(&log), 1 + wanted / open);

    struct counters c = { .fault = "F4",
                          .what = "power cuts: store, epoch, reports",
                          .injected = out.states,
                          .needed = wanted,
                          .states = out.states,
                          .acknowledged = STEPS,
                          .lost = out.seen[LOST] };
    for (int v = GOOD + 1; v < VERDICTS; v++) {
        if (out.seen[v])
            printf("%" PRIu64 " states: %s\n", out.seen[v], verdict_text[v]);
        c.violations += v == LOST ? 0 : out.seen[v];
    }
    free(log_path);
    buf_release(&log);
    return counters_tell(&c) ? 0 : 1;
}
