/* Group commit: nothing leaves before what it depends on is durable, also when the disk is slow or
 * full. */
#include "tests/io/store_fixture.h"

#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "common/io/clock.h"
#include "common/pack/pack.h"
#include "coordinator/commit.h"
#include "coordinator/exit_code.h"
#include "proto/msg.h"

enum { TASK_SIZE = 1000000, DEADLINE_MS = 20000 };

struct bench {
    char *dir;
    uv_loop_t loop;
    struct store *store;
    struct commit *commit;
    unsigned landed;      /* turns that were said */
    uint64_t acked;       /* of the newest ack that left */
    uint32_t rows_at_ack; /* what the store held when it left */
};

static uint32_t rows_stored(struct store *s)
{
    struct bitmap ended;
    struct tally tally;
    assert_int_equal(store_load_cell(s, 1, 1, TASK_SIZE, &ended, &tally, NULL), OK);
    uint32_t rows = bitmap_count(&ended);
    bitmap_release(&ended);
    return rows;
}

static void on_done(void *owner, struct turn *turn)
{
    struct bench *b = owner;
    b->landed++;
    for (size_t i = 0; i < turn->count; i++) {
        struct arena arena = { 0 };
        struct msg m;
        struct span frame = span_of(turn->frames.data + turn->items[i].at, turn->items[i].len);
        assert_int_equal(msg_decode(frame, &arena, &m, NULL), OK);
        b->acked = m.as.ack.seq;
        b->rows_at_ack = rows_stored(b->store);
        arena_release(&arena);
    }
}

static void open_bench(struct bench *b, char *dir)
{
    *b = (struct bench){ .dir = dir };
    assert_int_equal(uv_loop_init(&b->loop), 0);
    b->store = fixture_open(dir);
    fixture_ids(b->store, 1, 1, TASK_SIZE);
    b->commit = commit_new(&b->loop, b->store, b, on_done);
}

static void close_bench(struct bench *b)
{
    commit_close(b->commit);
    uv_run(&b->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&b->loop), 0);
    store_close(b->store);
}

static int setup(void **state)
{
    struct bench *b = calloc(1, sizeof(*b));
    assert_non_null(b);
    open_bench(b, test_dir());
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    close_bench(b);
    test_rm_rf(b->dir);
    free(b);
    return 0;
}

/* Results of the instances [first, first + count), and their acknowledgement. */
static void record(struct bench *b, uint32_t first, uint32_t count, uint64_t seq)
{
    struct turn *turn = commit_open_turn(b->commit);
    fixture_block(turn->batch, 1, 1, TASK_SIZE, first, 1, count, STATUS_OK);
    struct msg ack = { .type = MSG_ACK, .as.ack.seq = seq };
    turn_say(turn, &(struct outbox_peer){ .len = 1 }, &ack);
}

/* Runs the loop until the condition holds; false: it did not in time. */
static bool wait_until(struct bench *b, bool (*holds)(const struct bench *b))
{
    int64_t end = clock_mono_ns() + DEADLINE_MS * 1000000ll;
    while (!holds(b) && clock_mono_ns() < end) {
        uv_run(&b->loop, UV_RUN_NOWAIT);
        (void)poll(NULL, 0, 1);
    }
    return holds(b);
}

static bool is_idle(const struct bench *b)
{
    return commit_is_idle(b->commit);
}

static bool is_blocked(const struct bench *b)
{
    return commit_blocked(b->commit) != NULL;
}

static void what_is_said_leaves_after_its_records(void **state)
{
    struct bench *b = *state;
    record(b, 0, 10, 5);
    assert_false(commit_is_idle(b->commit));
    commit_go(b->commit);
    assert_int_equal(b->landed, 0); /* in flight: on the work thread */
    assert_true(wait_until(b, is_idle));
    assert_int_equal(b->acked, 5);
    assert_int_equal(b->rows_at_ack, 10);
}

static void what_needs_no_record_leaves_at_once(void **state)
{
    struct bench *b = *state;
    struct msg ack = { .type = MSG_ACK, .as.ack.seq = 2 };
    turn_say(commit_open_turn(b->commit), &(struct outbox_peer){ .len = 1 }, &ack);
    commit_go(b->commit);
    assert_int_equal(b->acked, 2);
    assert_true(commit_is_idle(b->commit));
    commit_go(b->commit); /* nothing gathered: nothing happens */
    assert_int_equal(b->landed, 1);
}

static void what_comes_meanwhile_gathers_for_the_next_one(void **state)
{
    struct bench *b = *state;
    record(b, 0, 10, 1);
    commit_go(b->commit);
    for (uint32_t i = 1; i <= 20; i++) {
        record(b, 10 * i, 10, 1 + i);
        commit_go(b->commit); /* one in flight: it gathers */
    }
    assert_int_equal(b->landed, 0);
    assert_true(wait_until(b, is_idle));
    assert_int_equal(b->landed, 2);
    assert_int_equal(b->acked, 21);
    const struct commit_counters *counters = commit_counters(b->commit);
    assert_int_equal(counters->commits, 2);
    assert_int_equal(counters->rows, 210);
    assert_in_range(counters->last_us, 1, counters->max_us);
    fixture_clean(b->store);
}

/* An ack of what another turn records must not overtake it. */
static void what_needs_no_record_waits_behind_a_flight(void **state)
{
    struct bench *b = *state;
    record(b, 0, 10, 1);
    commit_go(b->commit);
    struct msg ack = { .type = MSG_ACK, .as.ack.seq = 2 };
    turn_say(commit_open_turn(b->commit), &(struct outbox_peer){ .len = 1 }, &ack);
    commit_go(b->commit);
    assert_int_equal(b->acked, 0);
    assert_true(wait_until(b, is_idle));
    assert_int_equal(b->acked, 2);
    assert_int_equal(b->rows_at_ack, 10);
}

static void much_that_waits_is_congestion(void **state)
{
    struct bench *b = *state;
    assert_false(commit_is_congested(b->commit));
    struct turn *turn = commit_open_turn(b->commit);
    for (uint32_t at = 0; store_batch_rows(turn->batch) <= 1 << 20; at += 4096)
        fixture_block(turn->batch, 1, 1, 1 << 24, at, 1, 4096, STATUS_OK);
    assert_true(commit_is_congested(b->commit));
    turn_clear(turn); /* of no use to the store, whose task is smaller */
    assert_false(commit_is_congested(b->commit));
}

/* A block of four rows with the longest answers that there are, as its worker sends it. */
static void record_long_answers(struct turn *turn, uint32_t first, struct packer *packer)
{
    static uint8_t answer[ANSWER_BYTES_MAX - 1024]; /* four fit a block */
    struct block_builder builder;
    struct buf bytes = { 0 };
    block_builder_init(&builder, FIXTURE_STATS);
    for (uint32_t i = 0; i < 4; i++)
        block_builder_add(&builder, &(struct result){ .instance = first + i,
                                                      .answer = span_of(answer, sizeof(answer)) });
    block_builder_encode(&builder, &bytes);
    if (packer)
        pack_block(packer, PACK_WELL, &bytes);
    store_batch_block(turn->batch, 1, 1, TASK_SIZE, buf_span(&bytes));
    block_builder_release(&builder);
    buf_release(&bytes);
}

/* However few rows they are, and however small they came: they are memory until they are durable,
 * which on a full disk may take hours. */
static void long_answers_that_wait_are_congestion(void **state)
{
    struct bench *b = *state;
    struct packer *packers[] = { NULL, packer_new() };
    for (size_t i = 0; i < 2; i++) {
        struct turn *turn = commit_open_turn(b->commit);
        for (uint32_t at = 0; at < 4 * 32; at += 4)
            record_long_answers(turn, at, packers[i]);
        assert_false(commit_is_congested(b->commit)); /* 32 MiB */
        for (uint32_t at = 4 * 32; at < 4 * 72; at += 4)
            record_long_answers(turn, at, packers[i]);
        assert_true(commit_is_congested(b->commit)); /* 72 MiB */
        turn_clear(turn);
        assert_false(commit_is_congested(b->commit));
    }
    packer_free(packers[1]);
}

/* Failures that may be tried again are no rows. */
static void many_strikes_that_wait_are_congestion(void **state)
{
    struct bench *b = *state;
    static char reason[4096];
    struct strike strike = { .model = 1, .task = 1, .count = 1, .status = STATUS_ERROR };
    struct turn *turn = commit_open_turn(b->commit);
    strike.reason = span_of(reason, sizeof(reason));
    for (; strike.instance < 20000; strike.instance++)
        store_batch_strike(turn->batch, &strike);
    assert_true(commit_is_congested(b->commit));
    turn_clear(turn);
}

/* ---- The disk is full: in a child, as the limit is a process's ---- */

static off_t file_bytes(const char *dir)
{
    char *path = file_join(dir, "data.mdb");
    struct stat st;
    check(stat(path, &st) == 0);
    free(path);
    return st.st_size;
}

static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    check(getrlimit(RLIMIT_FSIZE, &limit) == 0);
    limit.rlim_cur = bytes;
    check(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

static int live_through_a_full_disk(struct bench *b)
{
    (void)signal(SIGXFSZ, SIG_IGN);
    limit_files((rlim_t)file_bytes(b->dir) + 4096);
    for (uint32_t i = 0; i < 40; i++)
        record(b, 4096 * i, 4096, i + 1);
    commit_go(b->commit);
    if (!wait_until(b, is_blocked))
        return 1;
    if (b->landed || b->acked || commit_is_idle(b->commit))
        return 2; /* something left, or was forgotten */
    if (!strstr(commit_blocked(b->commit), b->dir))
        return 3;              /* the sentence says where */
    record(b, 200000, 10, 99); /* what comes meanwhile waits as well */
    commit_go(b->commit);
    if (b->landed || rows_stored(b->store))
        return 4;
    limit_files(RLIM_INFINITY);
    if (!wait_until(b, is_idle) || commit_blocked(b->commit))
        return 5;
    return b->acked == 99 && b->rows_at_ack == 40 * 4096 + 10 ? 0 : 6;
}

/* In a child process: its exit code. */
static int in_a_child(int (*live)(struct bench *b))
{
    char *dir = test_dir();
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);
        (void)dup2(quiet, STDERR_FILENO); /* the log */
        struct bench b;
        open_bench(&b, dir);
        int code = live(&b);
        if (code == 0)
            close_bench(&b);
        _exit(code);
    }
    int ended;
    assert_int_equal(waitpid(child, &ended, 0), child);
    assert_true(WIFEXITED(ended));
    test_rm_rf(dir);
    return WEXITSTATUS(ended);
}

static void a_full_disk_holds_acks_back_until_there_is_space(void **state)
{
    (void)state;
    assert_int_equal(in_a_child(live_through_a_full_disk), 0);
}

/* ---- The store fails for good ---- */

/* Somebody else opens the store, with its lock gone: this writer's epoch is over. */
static int lose_the_store(struct bench *b)
{
    char *lock = file_join(b->dir, "muster.lock");
    check(unlink(lock) == 0);
    free(lock);
    pid_t other = fork();
    if (other == 0) {
        fixture_open(b->dir);
        _exit(0);
    }
    int ended;
    check(waitpid(other, &ended, 0) == other && ended == 0);
    record(b, 0, 10, 1);
    commit_go(b->commit);
    (void)wait_until(b, is_idle);
    return 1; /* it should have ended */
}

static void a_store_that_fails_ends_the_process(void **state)
{
    (void)state;
    assert_int_equal(in_a_child(lose_the_store), EXIT_STORE_FAILED);
}

/* A new one in its place would begin with nothing, and its owner wonder. */
static int take_the_store_away(struct bench *b)
{
    char *path = file_join(b->dir, "data.mdb");
    check(unlink(path) == 0);
    free(path);
    record(b, 0, 10, 1);
    commit_go(b->commit);
    (void)wait_until(b, is_idle);
    return b->acked ? 2 : 1; /* it should have ended */
}

static void a_store_that_was_taken_away_is_not_begun_anew(void **state)
{
    (void)state;
    assert_int_equal(in_a_child(take_the_store_away), EXIT_INFRASTRUCTURE);
}

int main(void)
{
#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        /* First, as they fork: ThreadSanitizer lets no child of a process with threads start any.
         */
        cmocka_unit_test(a_full_disk_holds_acks_back_until_there_is_space),
        cmocka_unit_test(a_store_that_fails_ends_the_process),
        cmocka_unit_test(a_store_that_was_taken_away_is_not_begun_anew),
        WITH_STORE(what_is_said_leaves_after_its_records),
        WITH_STORE(what_needs_no_record_leaves_at_once),
        WITH_STORE(what_comes_meanwhile_gathers_for_the_next_one),
        WITH_STORE(what_needs_no_record_waits_behind_a_flight),
        WITH_STORE(much_that_waits_is_congestion),
        WITH_STORE(long_answers_that_wait_are_congestion),
        WITH_STORE(many_strikes_that_wait_are_congestion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
