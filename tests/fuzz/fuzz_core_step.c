/* Bytes as the life of a sweep: models, tasks and what is recorded of them; then workers that come,
 * work, lie, repeat themselves, lose messages and go, operators who give orders, and time that runs
 * or jumps. core_witness.h says what must hold after every step.
 *
 * With CORE_TRACE=1 in the environment the life is told on stderr.
 *
 * In the end the faults stop: one honest worker with large slots does whatever it is granted, and
 * unless the sweep was told to stop, every instance must end within a bounded number of steps. */
#include "tests/fuzz/core_witness.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

#include "common/mem.h"

enum {
    MS = 1000000,
    STEPS_MAX = 400, /* hostile ones; longer inputs add nothing new */
    HONEST_STEPS_MAX = 4000,
    HONEST = WITNESS_WORKERS - 1, /* this worker's name is kept for the end */
    PROCESSES = 3                 /* ids that a worker may come with */
};

struct life {
    struct choices in;
    struct witness w;
    struct arena arena; /* of the event at hand */
};

/* ---- the sweep ---- */

static void choose_bits(struct choices *in, struct bitmap *bits)
{
    uint8_t pattern = choose_byte(in);
    for (uint32_t i = 0; i < bits->bits; i++)
        if (pattern >> (i % 8) & 1)
            (void)bitmap_set(bits, i);
}

static void add_cell(struct life *l, uint32_t model, uint32_t task, uint32_t size)
{
    struct witness_cell *cell = &l->w.cells[model][task];
    struct bitmap wanted, ended;
    bool some = choose(&l->in, 2);
    bitmap_init(&wanted, size);
    bitmap_init(&ended, size);
    if (some)
        choose_bits(&l->in, &wanted);
    else
        bitmap_fill(&wanted);
    if (choose(&l->in, 2))
        choose_bits(&l->in, &ended);
    cell->size = size;
    uint32_t recorded = 0;
    for (uint32_t i = 0; i < size; i++) {
        cell->wanted[i] = bitmap_get(&wanted, i);
        cell->closed[i] = bitmap_get(&ended, i);
        recorded += cell->wanted[i] && cell->closed[i];
    }
    uint32_t failed = choose(&l->in, recorded < 255 ? recorded + 1 : 256);
    l->w.ended += recorded;
    l->w.failed += failed;
    core_add_cell(l->w.core, model, task, some ? &wanted : NULL, &ended, failed);
    bitmap_release(&wanted);
    bitmap_release(&ended);
}

static void make_sweep(struct life *l)
{
    struct witness *w = &l->w;
    w->config = (struct core_config){ .epoch = 5,
                                      .seed = choose_byte(&l->in),
                                      .beat_ns = 1000ll * MS,
                                      .lease_ns = 10000ll * MS,
                                      .job_target_ns = 30000ll * MS,
                                      .probe_ns = 1000ll * MS,
                                      .backoff_ns = 1000ll * MS,
                                      .strikes_max = 1 + choose(&l->in, 3),
                                      .copy_share = 4 };
    w->now_ns = 1000ll * MS;
    w->core = core_new(&w->config);
    w->model_count = 1 + choose(&l->in, WITNESS_MODELS_MAX);
    w->task_count = 1 + choose(&l->in, WITNESS_TASKS_MAX);
    for (uint32_t m = 0; m < w->model_count; m++) {
        w->needs[m] = (struct core_need){ .gpus = choose(&l->in, 3),
                                          .cpus = choose(&l->in, 3),
                                          .memory_bytes = choose(&l->in, 2) };
        core_add_model(w->core, &w->needs[m]);
    }
    uint32_t sizes[WITNESS_TASKS_MAX];
    for (uint32_t t = 0; t < w->task_count; t++) {
        sizes[t] = 1 + choose(&l->in, WITNESS_INSTANCES_MAX);
        core_add_task(w->core, sizes[t]);
    }
    uint8_t left_out = choose_byte(&l->in);
    for (uint32_t m = 0; m < w->model_count; m++)
        for (uint32_t t = 0; t < w->task_count; t++)
            if ((m + t) == 0 || !(left_out >> ((m * WITNESS_TASKS_MAX + t) % 8) & 1))
                add_cell(l, m, t, sizes[t]);
    for (uint32_t strikes = choose(&l->in, 3); strikes > 0; strikes--)
        core_add_strike(w->core, choose(&l->in, w->model_count), choose(&l->in, w->task_count),
                        choose(&l->in, 128), 1 + choose(&l->in, w->config.strikes_max),
                        UINT64_C(4) << 32 | choose_byte(&l->in));
    witness_start(w);
}

/* ---- one event each ---- */

/* Mostly an attempt that there was, of late; sometimes a number out of the air: of an earlier
 * epoch, of the next grant, of a later epoch. */
static uint64_t choose_attempt(struct life *l, struct witness_attempt *out)
{
    const struct witness *w = &l->w;
    uint32_t pick = choose(&l->in, 16);
    *out = (struct witness_attempt){ 0 };
    if (pick < 12 && w->attempt_count > 0) {
        size_t back = pick % w->attempt_count;
        *out = w->attempts[w->attempt_count - 1 - back];
        return out->id;
    }
    uint64_t epoch = 3 + pick % 4;
    return epoch << 32 | ((w->last_granted & 0xff) + choose(&l->in, 4));
}

/* Mostly the session of this worker; sometimes one that never was. */
static uint64_t choose_session(struct life *l, uint32_t worker)
{
    uint64_t session = l->w.workers[worker].session;
    return choose(&l->in, 16) ? session : session + 1 + choose(&l->in, 8);
}

/* The next in order, mostly; else one that was, or one behind a gap. */
static uint64_t choose_seq(struct life *l, uint32_t worker)
{
    uint64_t next = l->w.workers[worker].next_seq;
    uint32_t pick = choose(&l->in, 16);
    return pick < 12 || next < 4 ? next : pick < 14 ? next - 1 - pick % 3 : next + 1;
}

/* An index, or now and then none: what translate makes of an id that this sweep does not know. */
static uint32_t choose_index(struct life *l, uint32_t count, uint32_t usual)
{
    uint32_t pick = choose(&l->in, 16);
    return pick < 12 ? usual : pick < 14 ? choose(&l->in, count) : UINT32_MAX;
}

static const struct msg_slot *slots_of(struct life *l, uint32_t worker, uint8_t process,
                                       uint32_t *count)
{
    struct msg_slot *slots = arena_alloc(&l->arena, WITNESS_SLOTS_MAX * sizeof(*slots));
    uint32_t kind = worker * PROCESSES + process; /* a process has the same slots each time */
    *count = worker == HONEST ? 2 : kind % (WITNESS_SLOTS_MAX + 1);
    for (uint32_t i = 0; i < *count; i++) {
        slots[i] = (struct msg_slot){ .gpus = (kind + i) % 2,
                                      .cpus = 1 + i % 2,
                                      .memory_bytes = kind % 3 };
        if (worker == HONEST)
            slots[i] = (struct msg_slot){ .gpus = 1, .cpus = 2 };
    }
    return slots;
}

static struct core_event hello_of(struct life *l, uint32_t worker, uint8_t process)
{
    uint8_t *id = arena_alloc(&l->arena, WORKER_ID_BYTES);
    id[0] = (uint8_t)(worker + 1);
    id[1] = process;
    struct core_event e = { .kind = CORE_HELLO };
    e.as.hello.peer = 1 + worker;
    e.as.hello.next_seq = 1;
    e.as.hello.name = span_str(l->w.workers[worker].name);
    e.as.hello.worker_id = id;
    e.as.hello.takes_cuts = process % 2 == 0;
    e.as.hello.slots = slots_of(l, worker, process, &e.as.hello.slot_count);
    return e;
}

static void say_hello(struct life *l, uint32_t worker)
{
    enum { HELD = 4 };
    struct core_event e = hello_of(l, worker, (uint8_t)choose(&l->in, PROCESSES));
    struct core_held *held = arena_alloc(&l->arena, HELD * sizeof(*held));
    uint32_t count = 0;
    for (uint32_t n = choose(&l->in, HELD + 1); n > 0; n--) {
        struct witness_attempt a;
        uint64_t id = choose_attempt(l, &a);
        bool twice = false;
        for (uint32_t i = 0; i < count; i++)
            twice |= held[i].attempt == id;
        if (twice)
            continue;
        bool lies = choose(&l->in, 4) == 0;
        held[count++] = (struct core_held){
            .attempt = id,
            .slot = lies ? choose(&l->in, WITNESS_SLOTS_MAX + 2) : a.slot,
            .model = lies ? choose_index(l, l->w.model_count, a.model) : a.model,
            .task = lies ? choose_index(l, l->w.task_count, a.task) : a.task,
            .first = lies ? choose(&l->in, 128) : a.first,
            .count = lies ? choose(&l->in, 128) : a.count,
        };
    }
    e.as.hello.held = held;
    e.as.hello.held_count = count;
    e.as.hello.next_seq = 1 + choose(&l->in, 8);
    witness_step(&l->w, worker, &e);
}

static void say_beat(struct life *l, uint32_t worker)
{
    enum { NAMED = 4 };
    struct msg_slot_beat *slots = arena_alloc(&l->arena, 6 * sizeof(*slots));
    uint32_t *models = arena_alloc(&l->arena, 6 * sizeof(*models));
    struct msg_progress *attempts = arena_alloc(&l->arena, NAMED * sizeof(*attempts));
    struct msg_beat *beat = arena_alloc(&l->arena, sizeof(*beat));
    *beat = (struct msg_beat){ .slots = slots, .attempts = attempts };
    beat->slot_count = choose(&l->in, 6);
    for (uint32_t i = 0; i < beat->slot_count; i++) {
        slots[i].state = (uint8_t)choose(&l->in, SLOT_STATE_COUNT);
        models[i] = choose_index(l, l->w.model_count, UINT32_MAX);
    }
    beat->attempt_count = choose(&l->in, NAMED + 1);
    for (uint32_t i = 0; i < beat->attempt_count; i++) {
        struct witness_attempt a;
        attempts[i].attempt = choose_attempt(l, &a);
        attempts[i].done = choose_byte(&l->in);
    }
    beat->draining = choose(&l->in, 32) == 31;
    struct core_event e = { .kind = CORE_BEAT, .session = choose_session(l, worker) };
    e.as.beat.beat = beat;
    e.as.beat.models = models;
    witness_step(&l->w, worker, &e);
}

/* Rows in and around the range of an attempt, ascending. */
static void say_results(struct life *l, uint32_t worker)
{
    enum { ROWS = 24 };
    uint32_t *instance = arena_alloc(&l->arena, ROWS * sizeof(*instance));
    uint8_t *statuses = arena_alloc(&l->arena, ROWS);
    struct witness_attempt a;
    struct core_event e = { .kind = CORE_RESULTS, .session = choose_session(l, worker) };
    e.as.results.attempt = choose_attempt(l, &a);
    e.as.results.seq = choose_seq(l, worker);
    e.as.results.model = choose_index(l, l->w.model_count, a.model);
    e.as.results.task = choose_index(l, l->w.task_count, a.task);
    e.as.results.instance = instance;
    e.as.results.status = statuses;
    e.as.results.rows = choose(&l->in, ROWS + 1);
    uint32_t next = a.first + choose(&l->in, 4);
    uint8_t how = choose_byte(&l->in);
    for (uint32_t i = 0; i < e.as.results.rows; i++) {
        instance[i] = next;
        next += how & 1 ? 1 + choose(&l->in, 3) : 1;
        statuses[i] = how & 2 ? (uint8_t)choose(&l->in, STATUS_COUNT) : (uint8_t)STATUS_OK;
    }
    witness_step(&l->w, worker, &e);
}

static void say_ended(struct life *l, uint32_t worker)
{
    struct witness_attempt a;
    struct core_event e = { .kind = CORE_ENDED, .session = choose_session(l, worker) };
    e.as.ended.attempt = choose_attempt(l, &a);
    e.as.ended.seq = choose_seq(l, worker);
    e.as.ended.reason = (enum ended)choose(&l->in, ENDED_COUNT);
    uint32_t how = choose(&l->in, 4);
    e.as.ended.text = span_str(how & 1 ? "because" : "");
    if (how & 2)
        e.as.ended.from = a.first + choose(&l->in, 16);
    witness_step(&l->w, worker, &e);
}

static void say_host(struct life *l, uint32_t worker)
{
    struct core_event e = { .kind = CORE_HOST, .session = choose_session(l, worker) };
    e.as.host.slot = choose(&l->in, WITNESS_SLOTS_MAX + 2);
    e.as.host.model = choose_index(l, l->w.model_count, 0);
    e.as.host.ready = choose(&l->in, 2);
    e.as.host.load_ns = (int64_t)choose_byte(&l->in) * 100 * MS;
    e.as.host.text = span_str("no such device");
    witness_step(&l->w, worker, &e);
}

static void say_goodbye(struct life *l, uint32_t worker)
{
    struct core_event e = { .kind = CORE_GOODBYE, .session = choose_session(l, worker) };
    witness_step(&l->w, worker, &e);
}

static void order(struct life *l, uint32_t worker)
{
    static const enum core_event_kind kinds[] = { CORE_PAUSE_MODEL,  CORE_RESUME_MODEL,
                                                  CORE_RESUME_MODEL, CORE_DRAIN_WORKER,
                                                  CORE_PAUSE_MODEL,  CORE_RESUME_MODEL,
                                                  CORE_RESUME_MODEL, CORE_DRAIN };
    struct core_event e = { .kind = kinds[choose(&l->in, 8)] };
    e.as.order.model = choose(&l->in, l->w.model_count);
    e.as.order.worker = span_str(l->w.workers[worker].name);
    witness_step(&l->w, worker, &e);
}

/* Some time, up to what is due, or far beyond it: a coordinator that stood still. */
static void let_time_pass(struct life *l)
{
    static const int64_t steps_ms[] = { 0, 1, 300, 1000, 4000, 9999, 10000, 60000 };
    uint32_t pick = choose(&l->in, 16);
    int64_t due = core_deadline_mono_ns(l->w.core);
    if (pick < 8)
        l->w.now_ns += steps_ms[pick] * MS;
    else if (due != INT64_MAX && due > l->w.now_ns)
        l->w.now_ns = due;
    struct core_event e = { .kind = CORE_TIME };
    witness_step(&l->w, 0, &e);
}

static void live_one_step(struct life *l)
{
    uint8_t byte = choose_byte(&l->in);
    uint32_t worker = byte % HONEST; /* 0, 1, 2 */
    switch (byte / HONEST % 16) {
    case 0: say_hello(l, worker); return;
    case 1: say_goodbye(l, worker); return;
    case 2: order(l, worker); return;
    case 3: say_host(l, worker); return;
    case 4:
    case 5: say_beat(l, worker); return;
    case 6:
    case 7:
    case 8: say_ended(l, worker); return;
    case 9:
    case 10: let_time_pass(l); return;
    default:
        if (l->w.workers[worker].session)
            say_results(l, worker);
        else
            say_hello(l, worker);
        return;
    }
}

/* ---- and then the faults stop ---- */

/* The oldest live attempt of the honest worker, all of it answered and ended. */
static bool do_granted_work(struct life *l, size_t *from)
{
    struct witness *w = &l->w;
    while (*from < w->attempt_count && w->attempts[*from].worker != HONEST)
        (*from)++;
    if (*from == w->attempt_count)
        return false;
    const struct witness_attempt a = w->attempts[(*from)++];
    const struct witness_cell *cell = &w->cells[a.model][a.task];
    uint32_t *instance = arena_alloc(&l->arena, a.count * sizeof(*instance)), rows = 0;
    uint8_t *statuses = arena_alloc(&l->arena, a.count); /* all OK */
    for (uint32_t i = a.first; i < a.first + a.count; i++)
        if (cell->wanted[i] && !cell->closed[i])
            instance[rows++] = i;
    struct core_event e = { .kind = CORE_RESULTS, .session = w->workers[HONEST].session };
    e.as.results.seq = w->workers[HONEST].next_seq;
    e.as.results.attempt = a.id;
    e.as.results.model = a.model;
    e.as.results.task = a.task;
    e.as.results.instance = instance;
    e.as.results.status = statuses;
    e.as.results.rows = rows;
    witness_step(w, HONEST, &e);
    e = (struct core_event){ .kind = CORE_ENDED, .session = w->workers[HONEST].session };
    e.as.ended.seq = w->workers[HONEST].next_seq;
    e.as.ended.attempt = a.id;
    e.as.ended.reason = ENDED_DONE;
    witness_step(w, HONEST, &e);
    return true;
}

/* Nothing to do now: a beat, and the next deadline. */
static void wait_a_beat(struct life *l)
{
    struct witness *w = &l->w;
    int64_t due = core_deadline_mono_ns(w->core), beat = w->now_ns + w->config.beat_ns;
    w->now_ns = due < beat ? due : beat;
    if (due <= w->now_ns) {
        struct core_event time = { .kind = CORE_TIME };
        witness_step(w, HONEST, &time);
    }
    const struct msg_beat nothing = { 0 };
    struct core_event e = { .kind = CORE_BEAT, .session = w->workers[HONEST].session };
    e.as.beat.beat = &nothing;
    witness_step(w, HONEST, &e);
}

static void check_it_ends(struct life *l)
{
    struct witness *w = &l->w;
    if (w->stopping)
        return;
    for (uint32_t m = 0; m < w->model_count; m++) {
        struct core_event e = { .kind = CORE_RESUME_MODEL };
        e.as.order.model = m;
        witness_step(w, HONEST, &e);
    }
    size_t from = w->attempt_count;
    struct core_event hello = hello_of(l, HONEST, 0);
    witness_step(w, HONEST, &hello);
    for (uint32_t step = 0; step < HONEST_STEPS_MAX; step++) {
        struct core_totals t;
        core_totals(w->core, &t);
        if (t.state == SWEEP_DONE)
            return;
        if (!do_granted_work(l, &from))
            wait_a_beat(l);
        arena_clear(&l->arena);
    }
    check(!"with an honest worker everything ends");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct life l = { .in = choices_of(data, size) };
    l.w.trace = getenv("CORE_TRACE") ? stderr : NULL;
    make_sweep(&l);
    for (uint32_t step = 0; step < STEPS_MAX && choices_left(&l.in); step++) {
        live_one_step(&l);
        arena_clear(&l.arena);
    }
    check_it_ends(&l);
    witness_release(&l.w);
    arena_release(&l.arena);
    return 0;
}
