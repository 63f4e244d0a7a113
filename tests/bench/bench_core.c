/* What the scheduler's decisions cost, and what it keeps in memory.
 *
 *     bench_core             100, 1,000 and 10,000 workers on 100 models x 325,544 instances
 *     bench_core small       100 workers on 10 models: whether it runs at all
 *
 * Workers have 8 slots. They are as many structs of this program and do what workers do: say hello,
 * beat and name what they hold, report their attempts row by row and end them. Time is virtual: an
 * attempt takes 30 s with 15 beats in it, so its rows are those of 75 instances of 400 ms, in
 * messages of 15. Timed is core_step alone, TURN events at a time, as the coordinator's loop has
 * it, in CPU time; making events and following effects is the workers' part and is not. Memory is
 * what malloc has handed out. */
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "common/arena.h"
#include "common/check.h"
#include "common/io/clock.h"
#include "common/io/file.h"
#include "common/limits.h"
#include "common/mem.h"
#include "coordinator/core/core.h"
#include "coordinator/spec/plan.h"

enum {
    TASKS = 699,
    INSTANCES = 325544, /* of all tasks: General-Bench */
    SLOTS = 8,
    QUEUE_MAX = 8,
    ROWS = 15, /* of a message */
    BEATS = 15,
    CYCLES = 4, /* the first one teaches the core how long things take */
    TURN = 256,
};

#define MS 1000000ll

static const struct core_config config = { .epoch = 1,
                                           .seed = 1,
                                           .beat_ns = 1000 * MS,
                                           .lease_ns = 15000 * MS,
                                           .job_target_ns = 30000 * MS,
                                           .probe_ns = 5000 * MS,
                                           .backoff_ns = 500 * MS,
                                           .strikes_max = 3 };

struct held {
    uint64_t id;
    uint32_t model, task, first, count;
};

struct virtual_slot {
    struct held held[QUEUE_MAX]; /* in the order they run */
    uint32_t count;
};

struct virtual_worker {
    uint64_t session, seq;
    struct virtual_slot slots[SLOTS];
};

/* What one kind of event has cost so far. */
struct cost {
    uint64_t events, parts; /* parts: attempts named, rows reported */
    int64_t ns;
};

struct bench {
    struct core *core;
    struct core_effects effects;
    struct virtual_worker *workers;
    uint32_t worker_count;
    int64_t now_ns;
    struct core_event turn[TURN]; /* events to come */
    uint32_t turn_count;
    struct arena turn_arena;
    struct cost *cost; /* theirs */
    struct cost hello, beat, results, ended;
    uint64_t grants;
};

/* ---- The loop's turn ---- */

static struct virtual_worker *worker_of(struct bench *b, uint64_t session)
{
    return &b->workers[(uint32_t)session - 1]; /* sessions are counted from 1 in their lower half */
}

static void follow(struct bench *b, const struct core_effect *e)
{
    struct virtual_worker *w = e->session ? worker_of(b, e->session) : NULL;
    if (e->kind == EFFECT_WELCOME) {
        check(e->as.welcome.peer == (uint32_t)e->session);
        *w = (struct virtual_worker){ .session = e->session, .seq = 1 };
    } else if (e->kind == EFFECT_GRANT) {
        struct virtual_slot *s = &w->slots[e->as.grant.slot];
        check(s->count < QUEUE_MAX && e->as.grant.skip.len == 0);
        s->held[s->count++] = (struct held){ .id = e->as.grant.attempt,
                                             .model = e->as.grant.model,
                                             .task = e->as.grant.task,
                                             .first = e->as.grant.first,
                                             .count = e->as.grant.count };
        b->grants++;
    } else {
        check(e->kind != EFFECT_REJECT && e->kind != EFFECT_REVOKE);
    }
}

static void take_turn(struct bench *b)
{
    int64_t start_ns = clock_cpu_ns();
    for (uint32_t i = 0; i < b->turn_count; i++)
        core_step(b->core, &b->turn[i], &b->effects);
    b->cost->ns += clock_cpu_ns() - start_ns;
    b->cost->events += b->turn_count;
    for (size_t i = 0; i < b->effects.count; i++)
        follow(b, &b->effects.items[i]);
    core_effects_clear(&b->effects);
    arena_clear(&b->turn_arena);
    b->turn_count = 0;
}

/* The next event of the turn, of the same kind as the others. */
static struct core_event *next_event(struct bench *b, struct cost *cost, enum core_event_kind kind,
                                     uint64_t session)
{
    if (b->turn_count == TURN)
        take_turn(b);
    b->cost = cost;
    struct core_event *e = &b->turn[b->turn_count++];
    *e = (struct core_event){ .kind = kind, .now_mono_ns = b->now_ns, .session = session };
    return e;
}

/* ---- What workers do ---- */

static void hello(struct bench *b, uint32_t worker)
{
    struct msg_slot *slots = arena_alloc(&b->turn_arena, SLOTS * sizeof(*slots));
    uint8_t *id = arena_alloc(&b->turn_arena, WORKER_ID_BYTES);
    for (uint32_t i = 0; i < SLOTS; i++)
        slots[i] = (struct msg_slot){ .gpus = 1, .cpus = 8, .gpu_type = span_str("H100") };
    memcpy(id, &(uint32_t){ worker + 1 }, sizeof(worker));
    struct core_event *e = next_event(b, &b->hello, CORE_HELLO, 0);
    e->as.hello.peer = worker + 1;
    e->as.hello.next_seq = 1;
    e->as.hello.name = span_str(arena_format(&b->turn_arena, "node-%05u", worker));
    e->as.hello.worker_id = id;
    e->as.hello.slots = slots;
    e->as.hello.slot_count = SLOTS;
}

static void beat(struct bench *b, const struct virtual_worker *w)
{
    struct core_event *e = next_event(b, &b->beat, CORE_BEAT, w->session);
    struct msg_beat *beat = arena_alloc(&b->turn_arena, sizeof(*beat));
    uint32_t *models = arena_alloc(&b->turn_arena, SLOTS * sizeof(*models));
    beat->slots = arena_alloc(&b->turn_arena, SLOTS * sizeof(*beat->slots));
    beat->slot_count = SLOTS;
    beat->attempts = arena_alloc(&b->turn_arena, SLOTS * QUEUE_MAX * sizeof(*beat->attempts));
    for (uint32_t i = 0; i < SLOTS; i++) {
        const struct virtual_slot *s = &w->slots[i];
        beat->slots[i].state = s->count > 0 ? SLOT_RUNNING : SLOT_IDLE;
        models[i] = s->count > 0 ? s->held[0].model : UINT32_MAX;
        for (uint32_t k = 0; k < s->count; k++)
            beat->attempts[beat->attempt_count++].attempt = s->held[k].id;
    }
    e->as.beat.beat = beat;
    e->as.beat.models = models;
    b->beat.parts += beat->attempt_count;
}

static void results(struct bench *b, struct virtual_worker *w, const struct held *h, uint32_t from,
                    uint32_t rows)
{
    struct core_event *e = next_event(b, &b->results, CORE_RESULTS, w->session);
    uint32_t *instance = arena_alloc(&b->turn_arena, rows * sizeof(*instance));
    for (uint32_t i = 0; i < rows; i++)
        instance[i] = h->first + from + i;
    e->as.results.seq = w->seq++;
    e->as.results.attempt = h->id;
    e->as.results.model = h->model;
    e->as.results.task = h->task;
    e->as.results.instance = instance;
    e->as.results.status = arena_alloc(&b->turn_arena, rows); /* STATUS_OK */
    e->as.results.rows = rows;
    b->results.parts += rows;
}

static void report_head(struct bench *b, struct virtual_worker *w, const struct virtual_slot *s)
{
    const struct held *h = &s->held[0];
    for (uint32_t from = 0; s->count > 0 && from < h->count; from += ROWS)
        results(b, w, h, from, h->count - from < ROWS ? h->count - from : ROWS);
}

static void end_head(struct bench *b, struct virtual_worker *w, struct virtual_slot *s)
{
    if (s->count == 0)
        return;
    struct core_event *e = next_event(b, &b->ended, CORE_ENDED, w->session);
    e->as.ended.seq = w->seq++;
    e->as.ended.attempt = s->held[0].id;
    e->as.ended.reason = ENDED_DONE;
    memmove(s->held, s->held + 1, --s->count * sizeof(s->held[0]));
}

static void run_attempts(struct bench *b, int64_t takes_ns)
{
    for (uint32_t k = 0; k < BEATS; k++) {
        b->now_ns += takes_ns / BEATS;
        for (uint32_t i = 0; i < b->worker_count; i++)
            beat(b, &b->workers[i]);
        take_turn(b);
    }
    for (uint32_t i = 0; i < b->worker_count; i++)
        for (uint32_t k = 0; k < SLOTS; k++)
            report_head(b, &b->workers[i], &b->workers[i].slots[k]);
    take_turn(b);
    for (uint32_t i = 0; i < b->worker_count; i++)
        for (uint32_t k = 0; k < SLOTS; k++)
            end_head(b, &b->workers[i], &b->workers[i].slots[k]);
    take_turn(b);
}

/* ---- The sweep ---- */

static size_t allocated(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static double ms_since(int64_t start_ns)
{
    return (double)(clock_cpu_ns() - start_ns) / 1e6;
}

static void put_file(const char *dir, const char *name, const struct buf *text)
{
    struct errmsg msg = { "" };
    char *path = file_join(dir, name);
    if (file_write_atomic(path, buf_span(text), 0600, &msg)) {
        fprintf(stderr, "bench_core: %s\n", msg.text);
        exit(1);
    }
    free(path);
}

/* As somebody would write it: a table of tasks, a line a model. */
static void write_sweep(const char *dir, uint32_t models)
{
    struct buf table = { 0 }, sweep = { 0 };
    buf_append_str(&table, "sheet,task_name,metric,sota,instances\n");
    for (uint32_t i = 0; i < TASKS; i++)
        buf_printf(&table, "Image-Comprehension,Task %u,ACC,80,%u\n", i,
                   INSTANCES / TASKS + (i < INSTANCES % TASKS));
    put_file(dir, "tasks.csv", &table);
    buf_append_str(&sweep, "name: bench\nsuites: [{name: s, kind: synthetic, path: tasks.csv}]\n"
                           "models:\n");
    for (uint32_t i = 0; i < models; i++)
        buf_printf(&sweep, "  - {name: model-%u, host: sim, resources: {gpus: 1}}\n", i);
    put_file(dir, "sweep.yaml", &sweep);
    buf_release(&table);
    buf_release(&sweep);
}

static void refuse(const struct problems *problems)
{
    struct buf text = { 0 };
    problems_format(problems, &text);
    fprintf(stderr, "bench_core: %s\n", buf_cstr(&text));
    exit(1);
}

static struct core *core_of(const struct plan *plan)
{
    struct core *core = core_new(&config);
    for (size_t i = 0; i < plan->model_count; i++)
        core_add_model(core, &(struct core_need){ .gpus = 1, .cpus = 1 });
    for (size_t i = 0; i < plan->task_count; i++)
        core_add_task(core, plan->tasks[i].task->size);
    for (size_t i = 0; i < plan->cell_count; i++) {
        const struct plan_task *t = &plan->tasks[plan->cells[i].task];
        struct bitmap ended;
        bitmap_init(&ended, t->task->size);
        core_add_cell(core, plan->cells[i].model, plan->cells[i].task, &t->wanted, &ended, 0);
        bitmap_release(&ended);
    }
    return core;
}

/* From the files to a core that could grant; the store's part is bench_store's. */
static struct core *submit(const char *dir, bool says)
{
    struct spec spec;
    struct plan plan;
    struct problems problems = { 0 };
    char *path = file_join(dir, "sweep.yaml");
    int64_t start_ns = clock_cpu_ns();
    if (spec_load(path, (struct spec_env){ 0 }, &spec, &problems))
        refuse(&problems);
    double spec_ms = ms_since(start_ns);
    start_ns = clock_cpu_ns();
    if (plan_open(&spec, &plan, &problems))
        refuse(&problems);
    double plan_ms = ms_since(start_ns);
    size_t before = allocated();
    start_ns = clock_cpu_ns();
    struct core *core = core_of(&plan);
    double core_ms = ms_since(start_ns);
    size_t bytes = allocated() - before, bits = plan.model_count * (INSTANCES / 8);
    if (says)
        printf("submit of %zu models x %u instances of %zu tasks: %.1f ms (spec %.1f, plan %.1f, "
               "core %.1f)\n  core: %.1f MiB, of them bitmaps %.1f MiB; %.0f bytes a cell "
               "with its bits\n",
               plan.model_count, INSTANCES, plan.task_count, spec_ms + plan_ms + core_ms, spec_ms,
               plan_ms, core_ms, (double)bytes / (1 << 20), (double)bits / (1 << 20),
               (double)bytes / (double)plan.cell_count);
    plan_release(&plan);
    spec_release(&spec);
    free(path);
    return core;
}

/* ---- A line ---- */

static double each_ns(const struct cost *cost)
{
    return cost->events ? (double)cost->ns / (double)cost->events : 0;
}

static double part_ns(const struct cost *cost)
{
    return cost->parts ? (double)cost->ns / (double)cost->parts : 0;
}

static void run_line(const char *dir, uint32_t workers)
{
    struct bench b = { .core = submit(dir, false), .worker_count = workers, .now_ns = 1000 * MS };
    b.workers = xcalloc(workers, sizeof(*b.workers));
    size_t before = allocated();
    for (uint32_t i = 0; i < workers; i++)
        hello(&b, i);
    take_turn(&b);
    uint64_t live = b.grants;
    double kept = (double)(allocated() - before);
    run_attempts(&b, 6400 * MS); /* 16 instances, before a duration is known: 400 ms each */
    b.beat = b.results = b.ended = (struct cost){ 0 };
    b.grants = 0;
    for (int i = 1; i < CYCLES; i++)
        run_attempts(&b, 30000 * MS);
    struct cost all = { .events = b.beat.events + b.results.events + b.ended.events,
                        .ns = b.beat.ns + b.results.ns + b.ended.ns };
    printf("%8u %8u %9.0f %8.0f %8.1f %9.0f %7.1f %13.0f %11.2f %9.0f %10.0f\n", workers,
           workers * SLOTS, each_ns(&b.hello), each_ns(&b.beat), part_ns(&b.beat),
           each_ns(&b.results), part_ns(&b.results), each_ns(&b.ended),
           b.ended.events ? (double)b.grants / (double)b.ended.events : 0, each_ns(&all),
           kept / workers);
    printf("%17s %" PRIu64 " attempts granted at the start, %" PRIu64 " job events timed\n", "",
           live, all.events);
    fflush(stdout);
    core_free(b.core);
    core_effects_release(&b.effects);
    arena_release(&b.turn_arena);
    free(b.workers);
}

static void print_conditions(void)
{
    struct utsname host;
    uname(&host);
    printf("One thread, %s; virtual time; %d slots a worker; %d events a turn; attempts of 30 s,\n"
           "75 instances in 5 messages of %d rows; %d beats in it. ns are CPU time of core_step.\n",
           host.machine, SLOTS, TURN, ROWS, BEATS);
}

int main(int argc, char **argv)
{
    static const uint32_t full[] = { 100, 1000, 10000 }, small[] = { 100 };
    bool is_small = argc > 1 && strcmp(argv[1], "small") == 0;
    char dir[] = "/tmp/bench_core.XXXXXX";
    if (!mkdtemp(dir)) {
        perror("bench_core: mkdtemp");
        return 1;
    }
    write_sweep(dir, is_small ? 10 : 100);
    print_conditions();
    core_free(submit(dir, true));
    printf("\n workers    slots  ns hello  ns beat  attempt  ns result     row"
           "  ns end+grant  grants/end  ns event  B a worker\n");
    const uint32_t *workers = is_small ? small : full;
    for (size_t i = 0; i < (is_small ? 1 : 3); i++)
        run_line(dir, workers[i]);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("\n%.0f MiB at most\n", (double)usage.ru_maxrss / 1024);
    for (const char *const *name = (const char *const[]){ "sweep.yaml", "tasks.csv", NULL }; *name;
         name++) {
        char *path = file_join(dir, *name);
        unlink(path);
        free(path);
    }
    rmdir(dir);
    return 0;
}
