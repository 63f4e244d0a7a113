/* The store when things go wrong: killed processes, damaged and cut files, full disks, full maps.
 */
#include "tests/io/store_fixture.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "common/mem.h"
#include "tests/fault/counters.h"

enum { SIZE = 60000, CELLS = 6 };

static int setup(void **state)
{
    *state = test_dir();
    return 0;
}

static int teardown(void **state)
{
    test_rm_rf(*state);
    return 0;
}

/* Kill -9. A child commits batch after batch and says when it begins and when it has the store's
 * word. Batch n is one block in cell n % CELLS of the next 16 instances. */

enum { KILLS = 100, BATCH_ROWS = 16 };

static uint32_t batches_in(struct store *s)
{
    uint32_t rows = 0;
    for (uint32_t cell = 0; cell < CELLS; cell++) {
        struct bitmap ended;
        struct tally tally;
        assert_int_equal(store_load_cell(s, 1, cell + 1, SIZE, &ended, &tally, NULL), OK);
        rows += bitmap_count(&ended);
        assert_int_equal(bitmap_next_clear(&ended, 0), bitmap_count(&ended)); /* without a gap */
        bitmap_release(&ended);
    }
    assert_int_equal(rows % BATCH_ROWS, 0);
    return rows / BATCH_ROWS;
}

static _Noreturn void commit_for_ever(const char *dir, int report)
{
    struct store *s = fixture_open(dir);
    struct store_batch *b = store_batch_new();
    for (uint32_t n = batches_in(s);; n++) {
        status outcome = n % 5 == 0 ? STATUS_TIMEOUT : STATUS_OK;
        fixture_block(b, 1, n % CELLS + 1, SIZE, n / CELLS * BATCH_ROWS, 1, BATCH_ROWS, outcome);
        check(write(report, "b", 1) == 1);
        fixture_commit(s, b);
        check(write(report, "e", 1) == 1);
    }
}

struct kill_count {
    uint32_t acknowledged, in_commit;
};

/* Read what the child says, one event at a time; false at the end. */
static bool hear(int report, struct kill_count *count, char *last)
{
    if (read(report, last, 1) != 1)
        return false;
    count->acknowledged += *last == 'e';
    return true;
}

static void kill_one(const char *dir, struct rng *rng, struct kill_count *count)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        commit_for_ever(dir, ends[1]);
    }
    close(ends[1]);
    char last = 0;
    for (uint64_t events = 3 + rng_below(rng, 20); events > 0; events--)
        assert_true(hear(ends[0], count, &last));
    usleep((useconds_t)rng_below(rng, 1000));
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    while (hear(ends[0], count, &last))
        ;
    count->in_commit += last == 'b';
    close(ends[0]);
}

static void what_was_acknowledged_survives_kill_9(void **state)
{
    struct rng rng;
    rng_seed(&rng, 9);
    struct store *s = fixture_open(*state);
    fixture_ids(s, 1, CELLS, SIZE);
    store_close(s);
    struct kill_count count = { 0 };
    for (int i = 0; i < KILLS; i++) {
        kill_one(*state, &rng, &count);
        s = fixture_open_to_read(*state);
        uint32_t present = batches_in(s);
        /* At most the one in flight is there without having been acknowledged. */
        assert_true(present >= count.acknowledged && present <= count.acknowledged + 1);
        count.acknowledged = present;
        fixture_clean(s);
        store_close(s);
    }
    assert_true(count.in_commit > KILLS / 5); /* or the test did not test */
    assert_true(count.acknowledged > KILLS);
}

/* A look at a store whose state moves on meanwhile is neither damage nor an error. */
static void a_busy_store_can_be_read(void **state)
{
    struct store *s = fixture_open(*state);
    fixture_ids(s, 1, CELLS, SIZE);
    store_close(s);
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0)
        commit_for_ever(*state, ends[1]);
    char byte;
    uint32_t first = 0, last = 0;
    assert_int_equal(read(ends[0], &byte, 1), 1);
    for (int i = 0; i < 100 || (last == first && i < 20000); i++) {
        s = fixture_open_to_read(*state);
        last = batches_in(s);
        if (i == 0)
            first = last;
        if (i % 10 == 0)
            fixture_clean(s);
        store_close(s);
    }
    assert_true(last > first); /* it was busy */
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    close(ends[0]);
    close(ends[1]);
}

/* Damage. Everything that can be read of a store, as text; its digest is what must not change. */

static bool dump_result(void *owner, const struct result *r)
{
    struct buf *out = owner;
    buf_printf(out, "%u %d %u %d ", r->instance, (int)r->status, r->micros, r->is_media);
    for (int i = 0; i < STATS_MAX; i++)
        buf_printf(out, "%lld ", (long long)r->stats[i]);
    buf_append_span(out, r->answer);
    return true;
}

static void dump_strike(void *owner, const struct strike *s)
{
    struct buf *out = owner;
    buf_printf(out, "%u %u %u %u %d ", s->model, s->task, s->instance, s->count, (int)s->status);
    buf_append_span(out, s->reason);
}

static err dump_cell(struct store *s, uint32_t task, struct buf *out, struct errmsg *msg)
{
    struct bitmap ended;
    struct tally tallies[2];
    err e = store_load_cell(s, 1, task, SIZE, &ended, &tallies[0], msg);
    if (e)
        return e;
    buf_append(out, ended.words, (ended.bits + 63) / 64 * 8);
    bitmap_release(&ended);
    e = store_recount(s, 1, task, SIZE, NULL, &tallies[1], msg);
    if (!e)
        buf_append(out, tallies, sizeof(tallies));
    return e ? e : store_each_result(s, 1, task, dump_result, out, msg);
}

static err dump(struct store *s, struct buf *out, struct errmsg *msg)
{
    struct store_info info;
    size_t given;
    store_info(s, &info);
    buf_printf(out, "%u %u ", info.model_count, info.task_count);
    err e = store_meta(s, "name", out, msg);
    for (uint32_t task = 1; task <= CELLS && !e; task++) {
        struct digest digest = fixture_digest("task", task);
        buf_printf(out, "%u ", store_find_task(s, &digest));
        e = dump_cell(s, task, out, msg);
    }
    if (!e)
        e = store_each_strike(s, dump_strike, out, msg);
    if (!e)
        e = store_each_failure(s, 0, (struct strike){ 0 }, SIZE, dump_strike, out, &given, msg);
    return e;
}

/* A store with something in every table, closed; returns its file. */
static void make_sample(const char *dir, struct buf *file, struct buf *content)
{
    struct store *s = fixture_open(dir);
    fixture_ids(s, 1, CELLS, SIZE);
    struct store_batch *b = store_batch_new();
    store_batch_meta(b, "name", span_str("value"));
    for (uint32_t n = 0; n < 40; n++) {
        uint32_t first = n / CELLS * 300;
        fixture_block(b, 1, n % CELLS + 1, SIZE, first, 1, 200, STATUS_OK);
        fixture_block(b, 1, n % CELLS + 1, SIZE, first + 200, 3, 10,
                      n % 2 ? STATUS_CRASH : STATUS_OK);
        store_batch_strike(b, &(struct strike){ .model = 1,
                                                .task = 1,
                                                .instance = 50000 + n,
                                                .count = 1,
                                                .status = STATUS_OOM,
                                                .reason = span_str("out of memory") });
        if (n % 8 == 0)
            fixture_commit(s, b);
    }
    store_batch_retry(b, 1, 2);
    fixture_block(b, 1, 2, SIZE, 200, 3, 5, STATUS_OK);
    fixture_commit(s, b);
    store_batch_free(b);
    fixture_clean(s);
    store_close(s);
    s = fixture_open_to_read(dir);
    assert_int_equal(dump(s, content, NULL), OK);
    store_close(s);
    char *path = file_join(dir, "data.mdb");
    assert_int_equal(file_read(path, 64 << 20, file, NULL), OK);
    free(path);
}

enum verdict { SAME, REFUSED, WRONG, SIGNAL };

static void note_violation(void *owner, const char *sentence)
{
    (void)sentence;
    *(bool *)owner = true;
}

/* In a child: read all of it and check it. */
static _Noreturn void judge(const char *dir, const struct buf *content, const char *expect)
{
    struct store_config config = { .path = dir, .read_only = true, .allow_network_fs = true };
    struct store *s;
    struct errmsg msg = { "" };
    struct buf now = { 0 };
    bool damaged = false;
    struct fsck_summary sum;
    (void)signal(SIGABRT, SIG_DFL);
    err e = store_open(&config, &s, &msg);
    if (!e && store_fsck(s, note_violation, &damaged, &sum, &msg) != OK)
        damaged = true;
    if (!e)
        e = dump(s, &now, &msg);
    if (e)
        _exit(!msg.text[0] || (expect && !strstr(msg.text, expect)) ? WRONG : REFUSED);
    /* What fsck finds in a copy that reads the same lies in what is seldom read. */
    _exit(span_equal(buf_span(&now), buf_span(content)) ? (damaged ? REFUSED : SAME) : WRONG);
}

static enum verdict verdict_on(const char *dir, struct span file, const struct buf *content,
                               const char *expect)
{
    char *path = file_join(dir, "data.mdb");
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, file.data, file.len), file.len); /* not synced: for speed */
    close(fd);
    free(path);
    pid_t child = fork();
    if (child == 0)
        judge(dir, content, expect);
    int ended;
    assert_int_equal(waitpid(child, &ended, 0), child);
    return WIFEXITED(ended) ? (enum verdict)WEXITSTATUS(ended) : SIGNAL;
}

/* The bytes of the file up to its last page that is not empty: behind it is room set aside. */
static size_t used_bytes(const struct buf *file)
{
    size_t used = file->len;
    while (used > 0 && file->data[used - 1] == 0)
        used--;
    return (used + 4095) / 4096 * 4096;
}

static void flipped_bits_are_noticed_or_harmless(void **state)
{
    const int flips = counters_full() ? 3000 : 400;
    struct buf file = { 0 }, content = { 0 };
    make_sample(*state, &file, &content);
    size_t used = used_bytes(&file);
    file.len = used;
    struct rng rng;
    rng_seed(&rng, 1);
    size_t verdicts[4] = { 0 };
    for (int i = 0; i < flips; i++) {
        size_t at = rng_below(&rng, used);
        uint8_t bit = (uint8_t)(1u << rng_below(&rng, 8));
        file.data[at] ^= bit;
        enum verdict v = verdict_on(*state, buf_span(&file), &content, NULL);
        file.data[at] ^= bit;
        verdicts[v]++;
        if (v == WRONG || v == SIGNAL)
            print_message("byte %zu (page %zu, offset %zu) bit %u: %s\n", at, at / 4096, at % 4096,
                          bit, v == WRONG ? "silently wrong" : "killed by a signal");
    }
    print_message("%d flips in %zu bytes: %zu harmless, %zu noticed\n", flips, used, verdicts[SAME],
                  verdicts[REFUSED]);
    assert_true(
        counters_tell(&(struct counters){ .fault = "F9",
                                          .what = "store: a bit is flipped",
                                          .injected = (uint64_t)flips,
                                          .needed = (uint64_t)flips,
                                          .states = (uint64_t)flips,
                                          .violations = verdicts[WRONG] + verdicts[SIGNAL] }));
    assert_true(verdicts[REFUSED] > (size_t)flips / 10); /* or they hit nothing */
    buf_release(&file);
    buf_release(&content);
}

/* A model is found by its digest alone: damaged, it would silently be another one. */
static void a_damaged_identity_is_noticed_at_opening(void **state)
{
    struct buf file = { 0 }, content = { 0 };
    make_sample(*state, &file, &content);
    struct digest digest = fixture_digest("model", 1);
    size_t found = 0;
    for (size_t i = 0; i + DIGEST_BYTES <= file.len; i++) {
        if (memcmp(file.data + i, digest.bytes, DIGEST_BYTES) == 0) {
            file.data[i + DIGEST_BYTES - 1] ^= 1;
            found++;
        }
    }
    assert_true(found > 0);
    char *path = file_join(*state, "data.mdb");
    assert_int_equal(file_write_atomic(path, buf_span(&file), 0600, NULL), OK);
    free(path);
    struct store_config config = { .path = *state, .allow_network_fs = true };
    struct store *s;
    struct errmsg msg = { "" };
    assert_int_equal(store_open(&config, &s, &msg), ERR_CORRUPT);
    assert_non_null(strstr(msg.text, "the record model "));
    buf_release(&file);
    buf_release(&content);
}

static void a_cut_file_is_refused(void **state)
{
    struct buf file = { 0 }, content = { 0 };
    make_sample(*state, &file, &content);
    size_t used = used_bytes(&file), cuts = 0, verdicts[4] = { 0 };
    for (size_t len = 0; len < used; len += 4096 + 512 * (len % 3), cuts++) {
        enum verdict v = verdict_on(*state, span_of(file.data, len), &content, "cut short");
        verdicts[v]++;
    }
    assert_true(
        counters_tell(&(struct counters){ .fault = "F9",
                                          .what = "store: the file is cut short",
                                          .injected = cuts,
                                          .needed = 40,
                                          .states = cuts,
                                          .violations = verdicts[WRONG] + verdicts[SIGNAL] }));
    assert_true(verdicts[SAME] < cuts / 10); /* the last pages may be free ones */
    /* The room set aside behind is no loss. */
    assert_int_equal(verdict_on(*state, span_of(file.data, used), &content, NULL), SAME);
    buf_release(&file);
    buf_release(&content);
}

/* No room. */

static void set_file_limit(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static off_t file_bytes(const char *dir)
{
    char *path = file_join(dir, "data.mdb");
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    free(path);
    return st.st_size;
}

static void a_batch_that_found_no_room_commits_later(void **state)
{
    enum { LARGE = 1 << 20 };
    struct store *s = fixture_open(*state);
    fixture_ids(s, 1, 1, LARGE);
    struct store_batch *b = store_batch_new();
    uint32_t next = 0;
    for (int rounds = 0; rounds < 3; rounds++) {
        set_file_limit((rlim_t)file_bytes(*state));
        struct errmsg msg = { "" };
        err e = OK;
        while (!e) { /* fill what was set aside */
            for (int i = 0; i < 8; i++, next += 1024)
                fixture_block(b, 1, 1, LARGE, next, 1, 1024, STATUS_OK);
            e = store_commit(s, b, &msg);
            if (!e)
                store_batch_clear(b);
        }
        assert_int_equal(e, ERR_FULL);
        assert_non_null(strstr(msg.text, "data.mdb"));
        assert_int_equal(store_commit(s, b, &msg), ERR_FULL);
        uint64_t rows = fixture_clean(s).rows; /* reading goes on, and nothing of it is there */
        assert_int_equal(rows + store_batch_rows(b), next);
        set_file_limit(RLIM_INFINITY);
        fixture_commit(s, b);
        assert_int_equal(fixture_clean(s).rows, next);
    }
    store_batch_free(b);
    store_close(s);
}

static void a_full_disk_does_not_spoil_a_clean_end(void **state)
{
    struct store *s = fixture_open(*state);
    fixture_ids(s, 1, 1, SIZE);
    struct store_batch *b = store_batch_new();
    for (uint32_t i = 0; i < 8; i++)
        fixture_block(b, 1, 1, SIZE, i * 4096, 1, 4096, STATUS_OK);
    set_file_limit((rlim_t)file_bytes(*state));
    assert_int_equal(store_commit(s, b, NULL), ERR_FULL);
    set_file_limit(RLIM_INFINITY);
    store_close(s);
    s = fixture_open(*state);
    struct store_info info;
    store_info(s, &info);
    assert_true(info.was_clean);
    store_batch_free(b);
    store_close(s);
}

/* The map grows while another thread reads. */

struct reader {
    struct store *store;
    bool stop;
    size_t rounds;
};

static void *read_all_the_time(void *context)
{
    struct reader *r = context;
    while (!__atomic_load_n(&r->stop, __ATOMIC_ACQUIRE)) {
        struct bitmap ended;
        struct tally tally;
        check(store_load_cell(r->store, 1, 1, SIZE, &ended, &tally, NULL) == OK);
        check(bitmap_count(&ended) == tally.count[STATUS_OK]);
        bitmap_release(&ended);
        r->rounds++;
    }
    return NULL;
}

static void a_small_map_grows(void **state)
{
    struct store *s = fixture_open_as(
        (struct store_config){ .path = *state, .map_bytes = 128 << 10, .allow_network_fs = true });
    fixture_ids(s, 1, 1, SIZE);
    struct reader reader = { .store = s };
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, read_all_the_time, &reader), 0);
    struct store_batch *b = store_batch_new();
    for (uint32_t first = 0; first < SIZE; first += 1000) {
        fixture_block(b, 1, 1, SIZE, first, 1, 1000, STATUS_OK);
        fixture_commit(s, b);
    }
    __atomic_store_n(&reader.stop, true, __ATOMIC_RELEASE);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(reader.rounds > 0);
    assert_true(file_bytes(*state) > 3 << 20);
    assert_int_equal(fixture_clean(s).rows, SIZE);
    store_batch_free(b);
    store_close(s);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(what_was_acknowledged_survives_kill_9),
        T(a_busy_store_can_be_read),
        T(flipped_bits_are_noticed_or_harmless),
        T(a_damaged_identity_is_noticed_at_opening),
        T(a_cut_file_is_refused),
        T(a_batch_that_found_no_room_commits_later),
        T(a_full_disk_does_not_spoil_a_clean_end),
        T(a_small_map_grows),
    };
    return cmocka_run_group_tests_name("store_faults", tests, NULL, NULL);
}
