/* What many workers cost a live coordinator: all connecting, beating, and starting again at once.
 *
 *     bench_fleet [workers; default 1,000]
 *
 * The coordinator is the real program, on a Unix socket. Workers are real ZeroMQ peers, one socket
 * each, all in this process and on one thread of it: they say hello with 8 slots, keep what they
 * are granted, name it in a beat each second, and report nothing. So what is measured is the fleet
 * and no results. Before each line but the first everything is as the line above left it. CPU time
 * is the coordinator's, of all its threads, from /proc. Ends with 1 if some worker was not
 * welcomed. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ftw.h>
#include <zmq.h>

#include "common/check.h"
#include "common/io/clock.h"
#include "common/io/file.h"
#include "common/mem.h"
#include "common/text.h"
#include "coordinator/endpoints.h"
#include "proto/msg.h"

enum {
    SLOTS = 8,
    HELD = 64, /* attempts that a worker is ever granted here */
    WORKERS_DEFAULT = 1000,
    MODELS = 20,
    TASKS = 699,
    BEATS_S = 10,
    POLL_MS = 5,
};

#define SECOND 1000000000ll

static const int64_t HELLO_AGAIN_NS = 2 * SECOND, GIVE_UP_NS = 120 * SECOND;

struct peer {
    void *socket;
    uint8_t id[WORKER_ID_BYTES];
    uint64_t session; /* 0: not welcomed yet */
    int64_t hello_ns, beat_ns;
    struct msg_held held[HELD];
    uint32_t held_count;
    bool is_waiting; /* for the reply to its beat */
};

struct fleet {
    void *context;
    struct peer *peers;
    zmq_pollitem_t *items;
    uint32_t count, welcomed;
    char endpoint[ENDPOINT_BYTES];
    pid_t coordinator;
    struct buf out;
    uint64_t beats, grants;
    int64_t *replies_ns; /* how long each reply to a beat took */
    size_t reply_count, reply_capacity;
};

static void fail(const char *what)
{
    fprintf(stderr, "bench_fleet: %s\n", what);
    exit(1);
}

/* ---- The coordinator ---- */

static void start_coordinator(struct fleet *f, const char *dir)
{
    char *bin = file_program_dir(), *program = file_join(bin, "../bin/muster-coordinator");
    char *sweep = file_join(dir, "sweep.yaml"), *state = file_join(dir, "state");
    f->coordinator = fork();
    if (f->coordinator == 0) {
        int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        dup2(null, STDOUT_FILENO);
        execl(program, program, "--sweep", sweep, "--state", state, "--lease", "60s",
              "--die-with-parent", (char *)NULL);
        _exit(127);
    }
    check(f->coordinator > 0);
    free(bin);
    free(program);
    free(sweep);
    free(state);
}

static void end_coordinator(struct fleet *f, int signal)
{
    kill(f->coordinator, signal);
    waitpid(f->coordinator, NULL, 0);
}

static double cpu_s(const struct fleet *f)
{
    char *path = xformat("/proc/%d/stat", (int)f->coordinator);
    unsigned long user = 0, system = 0;
    FILE *file = fopen(path, "re");
    if (!file || fscanf(file, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                        &system) != 2)
        fail("the coordinator is gone; its log is in the folder that was named");
    fclose(file);
    free(path);
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static double private_mib(const struct fleet *f)
{
    char *path = xformat("/proc/%d/smaps_rollup", (int)f->coordinator), line[128];
    unsigned long kib, sum = 0;
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof(line), file))
        if (sscanf(line, "Private_Clean: %lu", &kib) == 1 ||
            sscanf(line, "Private_Dirty: %lu", &kib) == 1)
            sum += kib;
    if (file)
        fclose(file);
    free(path);
    return (double)sum / 1024;
}

/* ---- Workers ---- */

static void send_msg(struct fleet *f, struct peer *p, const struct msg *m)
{
    buf_clear(&f->out);
    msg_encode(m, &f->out);
    zmq_send(p->socket, f->out.data, f->out.len, ZMQ_DONTWAIT); /* lost ones are said again */
}

static void say_hello(struct fleet *f, struct peer *p)
{
    char name[24];
    struct msg_slot slots[SLOTS];
    for (int i = 0; i < SLOTS; i++)
        slots[i] = (struct msg_slot){ .gpus = 1, .cpus = 8, .gpu_type = span_str("H100") };
    snprintf(name, sizeof(name), "node-%05u", (unsigned)(p - f->peers));
    struct msg m = { .type = MSG_HELLO, .seq = 1 };
    m.as.hello = (struct msg_hello){ .worker_name = span_str(name),
                                     .version = span_str("bench"),
                                     .host = span_str(name),
                                     .pid = 1,
                                     .slots = slots,
                                     .slot_count = SLOTS,
                                     .held = p->held,
                                     .held_count = p->held_count };
    memcpy(m.as.hello.worker_id, p->id, WORKER_ID_BYTES);
    send_msg(f, p, &m);
    p->hello_ns = clock_mono_ns();
}

static void say_beat(struct fleet *f, struct peer *p, int64_t now)
{
    struct msg_slot_beat slots[SLOTS] = { { .state = SLOT_IDLE } };
    struct msg_progress attempts[HELD];
    for (uint32_t i = 0; i < p->held_count; i++)
        attempts[i] = (struct msg_progress){ .attempt = p->held[i].attempt };
    struct msg m = { .type = MSG_BEAT, .session = p->session };
    m.as.beat = (struct msg_beat){
        .slots = slots, .slot_count = SLOTS, .attempts = attempts, .attempt_count = p->held_count
    };
    send_msg(f, p, &m);
    p->beat_ns = now;
    p->is_waiting = true;
    f->beats++;
}

static void forget_session(struct fleet *f, struct peer *p)
{
    f->welcomed -= p->session != 0;
    p->session = 0;
    p->is_waiting = false;
}

static void take_reply(struct fleet *f, struct peer *p)
{
    if (!p->is_waiting)
        return;
    f->replies_ns =
        xgrow(f->replies_ns, &f->reply_capacity, f->reply_count + 1, sizeof(*f->replies_ns));
    f->replies_ns[f->reply_count++] = clock_mono_ns() - p->beat_ns;
    p->is_waiting = false;
}

static void take_msg(struct fleet *f, struct peer *p, const struct msg *m)
{
    if (m->type == MSG_WELCOME) {
        f->welcomed += p->session == 0;
        p->session = m->as.welcome.session;
        /* the beats of many workers are spread over the second */
        p->beat_ns = clock_mono_ns() - SECOND * (p - f->peers) / f->count;
    } else if (m->type == MSG_GRANT && p->held_count < HELD) {
        const struct msg_grant *g = &m->as.grant;
        p->held[p->held_count++] =
            (struct msg_held){ g->attempt, g->slot, g->model, g->task, g->first, g->count };
        f->grants++;
    } else if (m->type == MSG_BEAT_REPLY) {
        take_reply(f, p);
    } else if (m->type == MSG_REJECT) {
        forget_session(f, p);
    }
}

static void listen_to(struct fleet *f, struct peer *p)
{
    zmq_msg_t frame;
    zmq_msg_init(&frame);
    while (zmq_msg_recv(&frame, p->socket, ZMQ_DONTWAIT) >= 0) {
        struct span parcel = span_of(zmq_msg_data(&frame), zmq_msg_size(&frame));
        do {
            struct arena arena = { 0 };
            struct msg m;
            if (msg_take(&parcel, &arena, &m, NULL))
                fail("the coordinator said something unreadable");
            take_msg(f, p, &m);
            arena_release(&arena);
        } while (parcel.len > 0);
    }
    zmq_msg_close(&frame);
}

static void turn(struct fleet *f, uint32_t count)
{
    zmq_poll(f->items, (int)count, POLL_MS);
    int64_t now = clock_mono_ns();
    for (uint32_t i = 0; i < count; i++) {
        struct peer *p = &f->peers[i];
        if (f->items[i].revents & ZMQ_POLLIN)
            listen_to(f, p);
        if (p->session == 0 && now - p->hello_ns > HELLO_AGAIN_NS)
            say_hello(f, p);
        else if (p->session != 0 && now - p->beat_ns > SECOND)
            say_beat(f, p, now);
    }
}

/* A new process under the old name. */
static void start_worker(struct fleet *f, uint32_t worker)
{
    struct peer *p = &f->peers[worker];
    int linger = 0;
    *p = (struct peer){ .socket = zmq_socket(f->context, ZMQ_DEALER) };
    check(p->socket);
    file_random(p->id, sizeof(p->id));
    zmq_setsockopt(p->socket, ZMQ_LINGER, &linger, sizeof(linger));
    check(zmq_connect(p->socket, f->endpoint) == 0);
    f->items[worker] = (zmq_pollitem_t){ .socket = p->socket, .events = ZMQ_POLLIN };
    say_hello(f, p);
}

static void until_welcomed(struct fleet *f, uint32_t count)
{
    int64_t until = clock_mono_ns() + GIVE_UP_NS;
    while (f->welcomed < count) {
        turn(f, count);
        if (clock_mono_ns() > until)
            fail("some workers are not welcomed after two minutes");
    }
}

/* ---- The lines ---- */

static void print_line(const struct fleet *f, const char *what, int64_t start_ns, double cpu)
{
    printf("%-34s %9.2f %9.2f %12.1f %10.1f\n", what, (double)(clock_mono_ns() - start_ns) / 1e9,
           cpu, 1e6 * cpu / f->count, private_mib(f));
    fflush(stdout);
}

static void connect_all(struct fleet *f, const char *dir)
{
    start_coordinator(f, dir);
    start_worker(f, 0);
    until_welcomed(f, 1); /* the coordinator is up */
    int64_t start_ns = clock_mono_ns();
    double before = cpu_s(f);
    for (uint32_t i = 1; i < f->count; i++)
        start_worker(f, i);
    until_welcomed(f, f->count);
    print_line(f, "all connect", start_ns, cpu_s(f) - before);
}

static void restart_workers(struct fleet *f)
{
    int64_t start_ns = clock_mono_ns();
    double before = cpu_s(f);
    for (uint32_t i = 0; i < f->count; i++) {
        zmq_close(f->peers[i].socket);
        start_worker(f, i);
    }
    f->welcomed = 0;
    until_welcomed(f, f->count);
    print_line(f, "all workers start again", start_ns, cpu_s(f) - before);
}

/* Their connections break, and their attempts go on. */
static void restart_coordinator(struct fleet *f, const char *dir)
{
    int64_t start_ns = clock_mono_ns();
    end_coordinator(f, SIGKILL);
    start_coordinator(f, dir);
    for (uint32_t i = 0; i < f->count; i++) {
        forget_session(f, &f->peers[i]);
        say_hello(f, &f->peers[i]);
    }
    until_welcomed(f, f->count);
    print_line(f, "the coordinator is killed", start_ns, cpu_s(f));
}

static int by_time(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void beat_for_a_while(struct fleet *f)
{
    int64_t start_ns = clock_mono_ns();
    double before = cpu_s(f);
    f->beats = f->reply_count = 0;
    while (clock_mono_ns() - start_ns < BEATS_S * SECOND)
        turn(f, f->count);
    double took_s = (double)(clock_mono_ns() - start_ns) / 1e9, cpu = cpu_s(f) - before;
    uint64_t held = 0;
    for (uint32_t i = 0; i < f->count; i++)
        held += f->peers[i].held_count;
    if (f->reply_count == 0 || f->beats == 0)
        fail("no beat was answered");
    qsort(f->replies_ns, f->reply_count, sizeof(*f->replies_ns), by_time);
    printf("  beats: %.0f a second, of %.1f attempts each: %.1f %% of a core, %.0f us a beat; "
           "answered in %.1f ms (p50), %.1f ms (p99)\n",
           (double)f->beats / took_s, (double)held / f->count, 100 * cpu / took_s,
           1e6 * cpu / (double)f->beats, (double)f->replies_ns[f->reply_count / 2] / 1e6,
           (double)f->replies_ns[f->reply_count - 1 - f->reply_count / 100] / 1e6);
    fflush(stdout);
}

/* ---- The sweep ---- */

static void put_file(const char *dir, const char *name, const struct buf *text)
{
    struct errmsg msg = { "" };
    char *path = file_join(dir, name);
    if (file_write_atomic(path, buf_span(text), 0600, &msg))
        fail(msg.text);
    free(path);
}

static void write_sweep(const char *dir)
{
    struct buf table = { 0 }, sweep = { 0 };
    buf_append_str(&table, "sheet,task_name,metric,sota,instances\n");
    for (int i = 0; i < TASKS; i++)
        buf_printf(&table, "Image-Comprehension,Task %d,ACC,80,466\n", i);
    put_file(dir, "tasks.csv", &table);
    buf_append_str(&sweep, "name: bench\nsuites: [{name: s, kind: synthetic, path: tasks.csv}]\n"
                           "models:\n");
    for (int i = 0; i < MODELS; i++)
        buf_printf(&sweep, "  - {name: model-%d, host: sim, resources: {gpus: 1}}\n", i);
    put_file(dir, "sweep.yaml", &sweep);
    buf_release(&table);
    buf_release(&sweep);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
    (void)st, (void)type, (void)walk;
    return remove(path);
}

static void open_fleet(struct fleet *f, const char *dir, uint32_t count)
{
    struct errmsg msg = { "" };
    struct endpoints endpoints;
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    write_sweep(dir);
    char *state = file_join(dir, "state");
    if (file_make_dir(state, 0700, &msg) || endpoints_of(state, &endpoints, &msg))
        fail(msg.text);
    free(state);
    *f = (struct fleet){ .context = zmq_ctx_new(), .count = count };
    zmq_ctx_set(f->context, ZMQ_MAX_SOCKETS, 2 * (int)count + 16); /* closed ones take a while */
    memcpy(f->endpoint, endpoints.workers, sizeof(f->endpoint));
    f->peers = xcalloc(count, sizeof(*f->peers));
    f->items = xcalloc(count, sizeof(*f->items));
}

static void close_fleet(struct fleet *f)
{
    for (uint32_t i = 0; i < f->count; i++)
        zmq_close(f->peers[i].socket);
    zmq_ctx_term(f->context);
    buf_release(&f->out);
    free(f->replies_ns);
    free(f->peers);
    free(f->items);
}

int main(int argc, char **argv)
{
    long count = argc > 1 ? strtol(argv[1], NULL, 10) : WORKERS_DEFAULT;
    if (count < 1 || count > WORKERS_MAX)
        fail("expected a number of workers, up to 16384");
    char dir[] = "/tmp/bench_fleet.XXXXXX";
    if (!mkdtemp(dir))
        fail("no folder could be made in /tmp");
    struct fleet f;
    open_fleet(&f, dir, (uint32_t)count);
    printf(
        "%ld workers of %d slots on a Unix socket; %ld cores, shared with the workers; a sweep of "
        "%d models x %d tasks\n",
        count, SLOTS, sysconf(_SC_NPROCESSORS_ONLN), MODELS, TASKS);
    printf("%-34s %9s %9s %12s %10s\n", "until all are welcomed", "s", "cpu s", "us a worker",
           "MiB");
    connect_all(&f, dir);
    beat_for_a_while(&f);
    restart_workers(&f);
    restart_coordinator(&f, dir);
    beat_for_a_while(&f);
    end_coordinator(&f, SIGKILL);
    close_fleet(&f);
    nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}
