/* The ceiling to stand beside: the least that a coordinator and a worker over ZeroMQ and LMDB can
 * do and still keep the promise that an acknowledged result is durable. No leases, no grants, no
 * checksums, no compression, no report: one worker process sends blocks of columns, the coordinator
 * looks at every row, stores each block as a record, commits with LMDB's default flags (full sync)
 * and only then acknowledges.
 *
 *     bench_bare [--transport ipc|tcp|curve] [--results N] [--rows N a block] [--window blocks]
 *                [--dir FOLDER on the disk to be measured]
 *
 * One line of JSON: results a second, CPU a result on both sides, time from a block's sending to
 * its acknowledgement. A result is an instance, a status, a score, a time and 32 bytes of answer.
 * bench_ingest runs it in turn with the product. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#include "common/bitmap.h"
#include "common/check.h"
#include "common/histogram.h"
#include "common/io/clock.h"
#include "common/io/file.h"
#include "common/mem.h"
#include "common/rng.h"

enum { ANSWER_BYTES = 32, HEAD_BYTES = 16, COMMIT_ROWS = 65536, SECONDS_MAX = 300 };

static const char *transport = "tcp", *parent = ".";
static uint64_t results = 4 << 20;
static uint32_t rows = 1024, window = 64;
static char server_public[41], server_secret[41], client_public[41], client_secret[41];

/* A block: number u64, first instance u32, rows u32; then columns of status u8, score i64, time
 * u32, and the answers. */
static size_t block_bytes(void)
{
    return HEAD_BYTES + (size_t)rows * (1 + 8 + 4 + ANSWER_BYTES);
}

static void *socket_of(void *context, int type, bool is_server)
{
    void *socket = zmq_socket(context, type);
    int mark = 100000, yes = 1;
    check(socket && zmq_setsockopt(socket, ZMQ_SNDHWM, &mark, sizeof mark) == 0 &&
          zmq_setsockopt(socket, ZMQ_RCVHWM, &mark, sizeof mark) == 0);
    if (strcmp(transport, "curve") != 0)
        return socket;
    if (is_server)
        check(zmq_setsockopt(socket, ZMQ_CURVE_SERVER, &yes, sizeof yes) == 0 &&
              zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, server_secret, 41) == 0);
    else
        check(zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, server_public, 41) == 0 &&
              zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, client_public, 41) == 0 &&
              zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, client_secret, 41) == 0);
    return socket;
}

static uint64_t cpu_ns(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000 +
           (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000;
}

/* ---- The worker ---- */

struct worker_report {
    uint64_t cpu_ns, ack_us_p50, ack_us_p99;
};

static void fill_block(uint8_t *block, uint64_t number)
{
    uint32_t first = (uint32_t)(number * rows);
    memcpy(block, &number, 8);
    memcpy(block + 8, &first, 4);
    memcpy(block + 12, &rows, 4);
    uint8_t *status = block + HEAD_BYTES, *score = status + rows, *micros = score + 8 * rows,
            *answer = micros + 4 * (size_t)rows;
    memset(status, 0, rows);
    for (uint32_t i = 0; i < rows; i++) {
        uint64_t mixed[4] = { rng_mix(1, first + i, 0, 0), first + i, 0, number };
        uint32_t time = (uint32_t)(mixed[0] & 0xFFFFF);
        memcpy(score + 8 * (size_t)i, mixed, 8);
        memcpy(micros + 4 * (size_t)i, &time, 4);
        memcpy(answer + (size_t)ANSWER_BYTES * i, mixed, ANSWER_BYTES);
    }
}

static void take_ack(void *socket, int flags, const int64_t *sent_ns, uint64_t *acked,
                     struct histogram *latency)
{
    uint64_t number;
    if (zmq_recv(socket, &number, sizeof number, flags) != sizeof number)
        return;
    int64_t now = clock_mono_ns();
    for (; *acked <= number; ++*acked)
        histogram_add(latency, (uint64_t)(now - sent_ns[*acked % window]) / 1000);
}

static void work(const char *endpoint, int report_fd)
{
    void *context = zmq_ctx_new(), *socket = socket_of(context, ZMQ_DEALER, false);
    check(zmq_connect(socket, endpoint) == 0);
    uint8_t *block = xmalloc(block_bytes());
    int64_t *sent_ns = xcalloc(window, sizeof *sent_ns);
    struct histogram latency = { { 0 }, 0, 0 };
    uint64_t blocks = results / rows, acked = 0;
    for (uint64_t sent = 0; acked < blocks;) {
        if (sent == blocks || sent - acked == window) {
            take_ack(socket, 0, sent_ns, &acked, &latency);
            continue;
        }
        fill_block(block, sent);
        sent_ns[sent % window] = clock_mono_ns();
        check(zmq_send(socket, block, block_bytes(), 0) >= 0);
        sent++;
        take_ack(socket, ZMQ_DONTWAIT, sent_ns, &acked, &latency);
    }
    struct worker_report report = { cpu_ns(), histogram_share(&latency, 0.5),
                                    histogram_share(&latency, 0.99) };
    check(write(report_fd, &report, sizeof report) == sizeof report);
    zmq_close(socket);
    zmq_ctx_term(context);
}

/* ---- The coordinator ---- */

struct bare {
    MDB_env *env;
    MDB_dbi dbi;
    MDB_txn *txn;
    struct bitmap done;
    int64_t score_sum;
    uint64_t micros_sum, pending, commits;
    uint8_t peer[256];
    size_t peer_len;
};

static void open_store(struct bare *b, const char *dir)
{
    MDB_txn *txn;
    check(mdb_env_create(&b->env) == 0 && mdb_env_set_mapsize(b->env, (size_t)64 << 30) == 0 &&
          mdb_env_open(b->env, dir, 0, 0600) == 0 && mdb_txn_begin(b->env, NULL, 0, &txn) == 0 &&
          mdb_dbi_open(txn, NULL, 0, &b->dbi) == 0 && mdb_txn_commit(txn) == 0);
    bitmap_init(&b->done, (uint32_t)results);
}

/* Every row is looked at: its bit, its status, its sums. */
static void take_rows(struct bare *b, const uint8_t *block, size_t len, uint64_t *number)
{
    uint32_t first, count;
    check(len == block_bytes());
    memcpy(number, block, 8);
    memcpy(&first, block + 8, 4);
    memcpy(&count, block + 12, 4);
    check(count == rows && first <= results - count);
    const uint8_t *status = block + HEAD_BYTES, *score = status + count,
                  *micros = score + 8 * (size_t)count;
    for (uint32_t i = 0; i < count; i++) {
        int64_t value;
        uint32_t time;
        memcpy(&value, score + 8 * (size_t)i, 8);
        memcpy(&time, micros + 4 * (size_t)i, 4);
        check(status[i] < 16 && bitmap_set(&b->done, first + i));
        b->score_sum = (int64_t)((uint64_t)b->score_sum + (uint64_t)value);
        b->micros_sum += time;
    }
}

static uint64_t store_block(struct bare *b, zmq_msg_t *m)
{
    uint64_t number;
    take_rows(b, zmq_msg_data(m), zmq_msg_size(m), &number);
    if (!b->txn)
        check(mdb_txn_begin(b->env, NULL, 0, &b->txn) == 0);
    uint64_t key_number = __builtin_bswap64(number);
    MDB_val key = { sizeof key_number, &key_number }, value = { zmq_msg_size(m), zmq_msg_data(m) };
    check(mdb_put(b->txn, b->dbi, &key, &value, MDB_APPEND) == 0);
    b->pending += rows;
    return number;
}

static void commit(struct bare *b, void *socket, uint64_t number)
{
    check(mdb_txn_commit(b->txn) == 0);
    b->txn = NULL;
    b->pending = 0;
    b->commits++;
    check(zmq_send(socket, b->peer, b->peer_len, ZMQ_SNDMORE) >= 0 &&
          zmq_send(socket, &number, sizeof number, 0) >= 0);
}

/* Takes what has arrived, commits, acknowledges. Returns when all is durable. */
static int64_t serve(struct bare *b, void *socket)
{
    zmq_msg_t m;
    check(zmq_msg_init(&m) == 0);
    int64_t began_ns = 0;
    uint64_t number = 0, blocks = results / rows;
    for (uint64_t got = 0; got < blocks || b->pending > 0;) {
        int len = zmq_recv(socket, b->peer, sizeof b->peer, b->pending ? ZMQ_DONTWAIT : 0);
        if (len < 0) {
            if (errno == EAGAIN)
                commit(b, socket, number);
            continue;
        }
        b->peer_len = (size_t)len;
        check(zmq_msg_recv(&m, socket, 0) >= 0);
        if (got++ == 0)
            began_ns = clock_mono_ns();
        number = store_block(b, &m);
        if (b->pending >= COMMIT_ROWS)
            commit(b, socket, number);
    }
    int64_t took_ns = clock_mono_ns() - began_ns;
    zmq_msg_close(&m);
    return took_ns;
}

static void remove_store(const char *dir)
{
    static const char *const files[] = { "data.mdb", "lock.mdb" };
    for (size_t i = 0; i < 2; i++) {
        char *path = xformat("%s/%s", dir, files[i]);
        (void)unlink(path);
        free(path);
    }
    (void)rmdir(dir);
}

static void say(const struct bare *b, int64_t took_ns, const struct worker_report *worker)
{
    MDB_envinfo info;
    check(mdb_env_info(b->env, &info) == 0);
    double count = (double)(results / rows * rows);
    printf(
        "{\"rate\": %.0f, \"coordinator_ns\": %.1f, \"worker_ns\": %.1f, \"ack_us_p50\": %" PRIu64
        ", \"ack_us_p99\": %" PRIu64 ", \"commits\": %" PRIu64 ", \"bytes\": %.1f}\n",
        count / (double)took_ns * 1e9, (double)cpu_ns() / count, (double)worker->cpu_ns / count,
        worker->ack_us_p50, worker->ack_us_p99, b->commits,
        (double)(info.me_last_pgno + 1) * 4096 / count);
}

static void coordinate(void)
{
    struct bare b = { 0 };
    char *dir = xformat("%s/bench-bare-XXXXXX", parent);
    check(mkdtemp(dir));
    open_store(&b, dir);
    void *context = zmq_ctx_new(), *socket = socket_of(context, ZMQ_ROUTER, true);
    char *ipc = xformat("ipc://%s/socket", dir);
    bool is_ipc = strcmp(transport, "ipc") == 0;
    check(zmq_bind(socket, is_ipc ? ipc : "tcp://127.0.0.1:*") == 0);
    char endpoint[256];
    size_t len = sizeof endpoint;
    check(zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, endpoint, &len) == 0);
    int report[2];
    check(pipe(report) == 0);
    pid_t worker = fork();
    check(worker >= 0);
    if (worker == 0) { /* a context does not survive a fork: it makes its own */
        check(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
        work(endpoint, report[1]);
        _exit(0);
    }
    int64_t took_ns = serve(&b, socket);
    struct worker_report worker_report;
    check(read(report[0], &worker_report, sizeof worker_report) == sizeof worker_report);
    check(waitpid(worker, NULL, 0) == worker);
    say(&b, took_ns, &worker_report);
    zmq_close(socket);
    zmq_ctx_term(context);
    mdb_env_close(b.env);
    bitmap_release(&b.done);
    char *socket_path = xformat("%s/socket", dir);
    (void)unlink(socket_path);
    remove_store(dir);
    free(socket_path);
    free(ipc);
    free(dir);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        { "transport", required_argument, NULL, 't' }, { "results", required_argument, NULL, 'n' },
        { "rows", required_argument, NULL, 'r' },      { "window", required_argument, NULL, 'w' },
        { "dir", required_argument, NULL, 'd' },       { NULL, 0, NULL, 0 }
    };
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
        case 't': transport = optarg; break;
        case 'n': results = strtoull(optarg, NULL, 10); break;
        case 'r': rows = (uint32_t)strtoul(optarg, NULL, 10); break;
        case 'w': window = (uint32_t)strtoul(optarg, NULL, 10); break;
        case 'd': parent = optarg; break;
        default: return 2;
        }
    }
    if (rows == 0 || rows > 65536 || window == 0 || window > 65536 || results < rows ||
        results > UINT32_MAX) {
        fprintf(stderr, "bench_bare: these numbers make no sense together\n");
        return 2;
    }
    alarm(SECONDS_MAX);
    if (strcmp(transport, "curve") == 0)
        check(zmq_curve_keypair(server_public, server_secret) == 0 &&
              zmq_curve_keypair(client_public, client_secret) == 0);
    coordinate();
    return 0;
}
