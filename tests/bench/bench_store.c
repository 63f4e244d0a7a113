/* How many results a second the store makes durable, and how long a start takes afterwards.
 *
 *     bench_store [folder, on the disk to be measured; default .] [millions of rows a line; 4]
 *
 * Blocks of a worker's usual size come in turn from 16 models, as in a sweep; a commit takes up to
 * 16,384 rows. Timed is what the coordinator pays: filling the batch and committing it, with full
 * sync. Making the blocks is the workers' part and is not. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <ftw.h>

#include "common/check.h"
#include "common/io/clock.h"
#include "common/io/file.h"
#include "common/mem.h"
#include "common/rng.h"
#include "coordinator/store/store.h"

enum { MODELS = 16, TASK_ROWS = 4 << 20, STATS = 2, ANSWER_BYTES = 44 };

struct line {
    uint32_t block_rows, commit_rows;
};

static const struct line lines[] = {
    { 16, 1024 }, { 64, 4096 }, { 256, 4096 }, { 256, 16384 }, { 1024, 16384 }, { 4096, 16384 },
};

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
    (void)st, (void)type, (void)walk;
    return remove(path);
}

static struct store *open_store(const char *dir)
{
    struct store *s;
    struct errmsg msg = { "" };
    struct store_config config = { .path = dir, .allow_network_fs = true };
    if (store_open(&config, &s, &msg) != OK) {
        fprintf(stderr, "bench_store: %s\n", msg.text);
        exit(1);
    }
    return s;
}

static void give_ids(struct store *s)
{
    for (uint32_t i = 0; i < MODELS; i++) {
        struct digest digest = digest_of(span_of(&i, sizeof(i)));
        uint32_t id;
        check(store_model_id(s, &digest, span_str("{}"), &id, NULL) == OK && id == i + 1);
        if (i == 0)
            check(store_task_id(s, &digest, TASK_ROWS, span_str("{}"), &id, NULL) == OK);
    }
}

/* A row of about 57 bytes: an instance, a time, two statistics, an answer. */
static void make_block(uint32_t first, uint32_t rows, struct buf *out)
{
    static const char answer[ANSWER_BYTES + 1] = "The answer is (B), since the sky is blue now";
    struct block_builder builder;
    block_builder_init(&builder, STATS);
    for (uint32_t i = 0; i < rows; i++) {
        uint64_t mixed = rng_mix(1, first + i, 0, 0);
        block_builder_add(&builder, &(struct result){ .instance = first + i,
                                                      .micros = (uint32_t)(mixed % 5000000),
                                                      .stats = { (int64_t)(mixed & 1), 1 << 20 },
                                                      .answer = span_of(answer, ANSWER_BYTES) });
    }
    block_builder_encode(&builder, out);
    block_builder_release(&builder);
}

static int by_time(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* One commit of blocks from each model in turn; returns its time. */
static int64_t commit_one(struct store *s, struct store_batch *b, const struct line *line,
                          uint32_t *next_block)
{
    struct buf block = { 0 };
    int64_t spent_ns = 0;
    for (uint32_t rows = 0; rows < line->commit_rows; rows += line->block_rows, ++*next_block) {
        buf_clear(&block);
        make_block(*next_block / MODELS * line->block_rows, line->block_rows, &block);
        int64_t start_ns = clock_mono_ns();
        store_batch_block(b, *next_block % MODELS + 1, 1, TASK_ROWS, buf_span(&block));
        spent_ns += clock_mono_ns() - start_ns;
    }
    int64_t start_ns = clock_mono_ns();
    struct errmsg msg = { "" };
    if (store_commit(s, b, &msg) != OK) {
        fprintf(stderr, "bench_store: %s\n", msg.text);
        exit(1);
    }
    spent_ns += clock_mono_ns() - start_ns;
    store_batch_clear(b);
    buf_release(&block);
    return spent_ns;
}

/* Open it again and load every cell, as a start does. */
static double restart_ms(const char *dir)
{
    int64_t start_ns = clock_mono_ns();
    struct store *s = open_store(dir);
    for (uint32_t model = 1; model <= MODELS; model++) {
        struct bitmap ended;
        struct tally tally;
        check(store_load_cell(s, model, 1, TASK_ROWS, &ended, &tally, NULL) == OK);
        bitmap_release(&ended);
    }
    double ms = (double)(clock_mono_ns() - start_ns) / 1e6;
    store_close(s);
    return ms;
}

static void run_line(const char *dir, const struct line *line, size_t rows)
{
    struct store *s = open_store(dir);
    give_ids(s);
    size_t commits = rows / line->commit_rows;
    int64_t *times_ns = xcalloc(commits, sizeof(times_ns[0])), total_ns = 0;
    struct store_batch *b = store_batch_new();
    uint32_t next_block = 0;
    for (size_t i = 0; i < commits; i++)
        total_ns += times_ns[i] = commit_one(s, b, line, &next_block);
    qsort(times_ns, commits, sizeof(times_ns[0]), by_time);
    struct fsck_summary sum;
    check(store_fsck(s, NULL, NULL, &sum, NULL) == OK && sum.violations == 0);
    double recorded = (double)(commits * line->commit_rows);
    check((double)sum.rows == recorded);
    store_batch_free(b);
    store_close(s);
    printf("%10u %11u %10.2f %9lld %9lld %10.1f %11.1f\n", line->block_rows, line->commit_rows,
           recorded / (double)total_ns * 1e3, (long long)times_ns[commits / 2] / 1000,
           (long long)times_ns[commits * 99 / 100] / 1000, (double)sum.bytes / recorded,
           restart_ms(dir));
    free(times_ns);
}

int main(int argc, char **argv)
{
    const char *parent = argc > 1 ? argv[1] : ".";
    size_t rows = (argc > 2 ? strtoul(argv[2], NULL, 10) : 4) << 20;
    struct utsname system;
    check(rows > 0 && uname(&system) == 0);
    printf("%s %s, %ld cores; %zu rows a line, %d models in turn, full sync, under %s\n",
           system.sysname, system.release, sysconf(_SC_NPROCESSORS_ONLN), rows, MODELS, parent);
    printf("rows/block rows/commit   M rows/s   p50 us    p99 us  bytes/row  restart ms\n");
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        char *dir = xformat("%s/bench-store-XXXXXX", parent);
        check(mkdtemp(dir));
        run_line(dir, &lines[i], rows);
        check(nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0);
        free(dir);
    }
    return 0;
}
