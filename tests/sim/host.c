#include "tests/sim/host.h"

#include <string.h>

#include "common/check.h"
#include "tests/sim/oracle.h"

/* What comes of a request. */
enum outcome {
    OUTCOME_ANSWER,
    OUTCOME_DIES, /* with the host */
    OUTCOME_HANGS,
    OUTCOME_FAILS,    /* a row says so */
    OUTCOME_UNSCORED, /* an answer whose scorer fails */
    OUTCOME_UNSERVED  /* the data of the task cannot be read here */
};

/* A request on its way to its row. */
struct job {
    struct sim_host *host;
    uint64_t request, attempt;
    uint32_t task, instance;
    enum outcome outcome;
    enum host_end end;
    status status;
    uint64_t run; /* the number of this run, which its answer carries */
};

static bool is_safe(const struct sim_host *h)
{
    return h->worker->machine == 0;
}

/* ---- Coming and going ---- */

static void post_exit(struct world *w, struct sim_host *h, enum host_end end, const char *text)
{
    struct agent_event e = { .kind = AGENT_ON_HOST_EXITED };
    e.as.host_exited.slot = h->slot;
    e.as.host_exited.end = end;
    e.as.host_exited.text = span_str(text);
    worker_post(w, h->worker, &e);
}

static void die(struct world *w, struct sim_host *h, enum host_end end, const char *text)
{
    if (h->is_dead)
        return;
    h->is_dead = true;
    trace(w, "host: of %s#%u slot %u model %u: %s", h->worker->name, h->worker->serial, h->slot,
          h->model, text);
    post_exit(w, h, end, text);
}

static void on_exit(struct world *w, void *owner, uint64_t unused)
{
    (void)unused;
    die(w, owner, HOST_END_GONE, "exited");
}

static void on_loaded(struct world *w, void *owner, uint64_t unused)
{
    (void)unused;
    struct sim_host *h = owner;
    if (h->is_dead || h->is_killed)
        return;
    h->is_loaded = true;
    struct agent_event e = { .kind = AGENT_ON_HOST_HELLO };
    e.as.host_hello.slot = h->slot;
    e.as.host_hello.inflight = w->load.models[h->model].inflight;
    e.as.host_hello.run_max = 1;
    worker_post(w, h->worker, &e);
}

/* Whether this model starts on this machine at all: drawn once a pair. */
static bool never_starts(const struct world *w, const struct sim_host *h)
{
    if (is_safe(h) || w->faults.classes[FAULT_HOST_NEVER].level <= 0)
        return false;
    uint64_t luck = rng_mix(w->seed, 6, h->worker->machine, h->model);
    return rng_unit_of(luck) < 0.25 * w->faults.classes[FAULT_HOST_NEVER].level;
}

static uint32_t slots_of(const struct agent_effect *e)
{
    uint32_t slots = 1u << e->as.start_host.slot;
    for (uint32_t i = 0; i < e->as.start_host.member_count; i++)
        slots |= 1u << e->as.start_host.members[i];
    return slots;
}

/* What it runs on is its own, and enough. */
static void check_slots(struct world *w, const struct sim_host *h)
{
    const struct sim_worker *k = h->worker;
    uint32_t gpus = 0;
    for (uint32_t i = 0; i < SIM_SLOTS_MAX; i++) {
        if (k->hosts[i] && (k->hosts[i]->holds & h->holds))
            world_fail(w, "%s#%u: a second host in slot %u", k->name, k->serial, i);
        gpus += (h->holds >> i & 1) * w->load.machines[k->machine].gpus;
    }
    if (gpus < w->load.models[h->model].gpus)
        world_fail(w, "%s#%u slot %u: model %u has %u GPUs, too few", k->name, k->serial, h->slot,
                   h->model, gpus);
}

/* Whether the data of this task is missing on this machine: drawn once a pair. */
static bool never_reads(struct world *w, const struct sim_host *h, uint32_t task)
{
    struct fault_class *class = &w->faults.classes[FAULT_DATA_MISSING];
    if (is_safe(h) || class->level <= 0)
        return false;
    uint64_t luck = rng_mix(w->seed, 9, h->worker->machine, task);
    bool never = rng_unit_of(luck) < 0.25 * class->level;
    class->done += never;
    return never;
}

void host_start(struct world *w, struct sim_worker *worker, const struct agent_effect *e)
{
    struct sim_host *h = arena_alloc(&w->arena, sizeof(*h));
    *h = (struct sim_host){ .worker = worker,
                            .slot = e->as.start_host.slot,
                            .model = catalog_model_index(&w->load.catalog, e->as.start_host.model),
                            .holds = slots_of(e) };
    check_slots(w, h);
    worker->hosts[h->slot] = h;
    const struct sim_model *m = &w->load.models[h->model];
    int64_t load = m->load_ns / 2 + world_delay_ns(w, m->load_ns / 4);
    if (load > m->load_timeout_ns - SIM_SECOND)
        load = m->load_timeout_ns - SIM_SECOND;
    bool fails = never_starts(w, h);
    w->faults.classes[FAULT_HOST_NEVER].done += fails;
    if (!fails)
        fails = !is_safe(h) && fault_strikes(&w->faults, FAULT_HOST_NO_START);
    if (!is_safe(h) && fault_strikes(&w->faults, FAULT_HOST_SLOW_START))
        load += m->load_timeout_ns;
    world_at(w, w->now + (fails ? load / 4 : load), fails ? on_exit : on_loaded, h, 0);
}

void host_ask_to_go(struct world *w, struct sim_host *h)
{
    if (!h || h->is_dead)
        return; /* its exit is on its way */
    h->is_asked_to_go = true;
    int64_t wait = world_delay_ns(w, 100 * SIM_MS);
    if (fault_strikes(&w->faults, FAULT_HOST_UNDEAD))
        return; /* it does not listen */
    world_at(w, w->now + wait, on_exit, h, 0);
}

void host_kill(struct world *w, struct sim_host *h)
{
    if (!h || h->is_dead)
        return;
    h->is_killed = true; /* no reply comes any more, nor a hello */
    h->open_count = 0;
    for (uint32_t i = 0; i < SIM_INFLIGHT_MAX; i++)
        h->open[i].id = 0;
    int64_t wait = world_delay_ns(w, 10 * SIM_MS);
    if (!is_safe(h) && fault_strikes(&w->faults, FAULT_HOST_UNDEAD))
        wait += fault_draw_ns(&w->faults, FAULT_HOST_UNDEAD, SIM_SECOND, 60 * SIM_SECOND);
    world_at(w, w->now + wait, on_exit, h, 0);
}

void host_is_reaped(struct sim_worker *worker, uint32_t slot)
{
    worker->hosts[slot] = NULL;
}

/* ---- Requests ---- */

static struct sim_request *find_open(struct sim_host *h, uint64_t request)
{
    for (uint32_t i = 0; i < SIM_INFLIGHT_MAX; i++)
        if (h->open[i].id == request && request != 0)
            return &h->open[i];
    return NULL;
}

static void post_row(struct world *w, const struct job *j, status status_of)
{
    const struct sim_host *h = j->host;
    const struct sim_task *t = &w->load.tasks[j->task];
    struct result *row = arena_alloc(&w->arena, sizeof(*row));
    row->instance = j->instance;
    row->status = status_of;
    row->micros = (uint32_t)world_below(w, 100000);
    for (uint32_t k = 0; status_of == STATUS_OK && k < t->stat_count; k++)
        row->stats[k] = workload_stat(&w->load, h->model, j->task, j->instance, k);
    /* The answer says which run it is of: the oracle wants to see it again in the right row. */
    const char *text = status_of == STATUS_OK
                           ? arena_format(&w->arena, "%llu", (unsigned long long)j->run)
                           : "it did not work";
    row->answer = span_str(text);
    if (status_of == STATUS_OK && is_planted(w, PLANT_ANSWERS_SWAPPED) && world_below(w, 50) == 0)
        row->stats[0]++;
    struct agent_event e = { .kind = AGENT_ON_ROWS };
    e.as.rows.slot = h->slot;
    e.as.rows.request = j->request;
    e.as.rows.rows = row;
    e.as.rows.count = 1;
    worker_post(w, h->worker, &e);
}

static void on_scored(struct world *w, void *owner, uint64_t unused)
{
    (void)unused;
    const struct job *j = owner;
    post_row(w, j, j->outcome == OUTCOME_UNSCORED ? STATUS_SCORER : STATUS_OK);
}

static void answer(struct world *w, struct job *j)
{
    struct sim_host *h = j->host;
    if (!w->load.tasks[j->task].is_scored) {
        post_row(w, j, STATUS_OK);
        return;
    }
    struct agent_event e = { .kind = AGENT_ON_ANSWERED };
    e.as.answered.slot = h->slot;
    e.as.answered.request = j->request;
    worker_post(w, h->worker, &e);
    world_at(w, w->now + world_delay_ns(w, 50 * SIM_MS), on_scored, j, 0);
}

static void post_unserved(struct world *w, const struct job *j)
{
    struct agent_event e = { .kind = AGENT_ON_UNSERVED };
    e.as.unserved.slot = j->host->slot;
    e.as.unserved.request = j->request;
    e.as.unserved.text = span_str("the data of the task cannot be read here");
    worker_post(w, j->host->worker, &e);
}

static const char *const end_texts[] = {
    [HOST_END_GONE] = "killed by signal 11",
    [HOST_END_OOM] = "killed for memory",
    [HOST_END_PROTOCOL] = "wrote garbage",
};

static void on_due(struct world *w, void *owner, uint64_t unused)
{
    (void)unused;
    struct job *j = owner;
    struct sim_host *h = j->host;
    struct sim_request *open = find_open(h, j->request);
    if (h->is_dead || !open)
        return;
    if (j->outcome == OUTCOME_DIES) {
        oracle_failed(w, j->attempt, h->model, j->task, j->instance, j->status);
        if (is_planted(w, PLANT_CRASH_AS_OK))
            post_row(w, j, STATUS_OK);
        if (is_planted(w, PLANT_BLAME_ALL))
            for (uint32_t i = 0; i < SIM_INFLIGHT_MAX; i++)
                if (h->open[i].id != 0 && h->open[i].id != j->request)
                    post_row(w,
                             &(struct job){ .host = h,
                                            .request = h->open[i].id,
                                            .task = h->open[i].task,
                                            .instance = h->open[i].instance },
                             STATUS_CRASH);
        die(w, h, j->end, end_texts[j->end]);
        return;
    }
    open->id = 0;
    h->open_count--;
    switch (j->outcome) {
    case OUTCOME_UNSCORED:
        oracle_failed(w, j->attempt, h->model, j->task, j->instance, STATUS_SCORER);
        answer(w, j);
        break;
    case OUTCOME_ANSWER: answer(w, j); break;
    case OUTCOME_FAILS:
        oracle_failed(w, j->attempt, h->model, j->task, j->instance, j->status);
        post_row(w, j, j->status);
        break;
    case OUTCOME_UNSERVED: post_unserved(w, j); break;
    case OUTCOME_DIES:
    case OUTCOME_HANGS: check(!"it has no reply");
    }
}

static void decide_by_nature(struct world *w, struct job *j)
{
    j->status = workload_status(&w->load, j->host->model, j->task, j->instance);
    switch (workload_nature(&w->load, j->host->model, j->task, j->instance)) {
    case NATURE_CRASH: j->outcome = OUTCOME_DIES; break;
    case NATURE_OOM:
        j->outcome = OUTCOME_DIES;
        j->end = HOST_END_OOM;
        break;
    case NATURE_PROTOCOL:
        j->outcome = OUTCOME_DIES;
        j->end = HOST_END_PROTOCOL;
        break;
    case NATURE_HANG: j->outcome = OUTCOME_HANGS; break;
    case NATURE_SCORER: j->outcome = OUTCOME_UNSCORED; break;
    case NATURE_ERROR:
    case NATURE_REFUSED:
    case NATURE_TOO_LONG:
    case NATURE_INVALID: j->outcome = OUTCOME_FAILS; break;
    case NATURE_SOUND:
    case NATURE_COUNT: j->outcome = OUTCOME_ANSWER; break;
    }
}

/* A sound instance that fails now may do so once less often than it takes to give it up. */
static void decide_by_luck(struct world *w, struct job *j)
{
    struct sim_host *h = j->host;
    if (!oracle_may_fail(w, h->model, j->task, j->instance))
        return;
    if (fault_strikes(&w->faults, FAULT_REQUEST_CRASH)) {
        j->outcome = OUTCOME_DIES;
        j->status = STATUS_CRASH;
    } else if (fault_strikes(&w->faults, FAULT_REQUEST_HANG)) {
        j->outcome = OUTCOME_HANGS;
        j->status = STATUS_TIMEOUT;
    } else if (fault_strikes(&w->faults, FAULT_REQUEST_ERROR)) {
        j->outcome = OUTCOME_FAILS;
        j->status = STATUS_ERROR;
    } else {
        return;
    }
    oracle_will_fail(w, h->model, j->task, j->instance);
}

/* How many times longer everything takes on this machine: drawn once. */
static double slowness(const struct world *w, const struct sim_host *h)
{
    double level = w->faults.classes[FAULT_MACHINE_SLOW].level;
    uint64_t luck = rng_mix(w->seed, 10, h->worker->machine, 0);
    if (is_safe(h) || rng_unit_of(luck) >= 0.4 * level)
        return 1;
    return 1 + 9 * rng_unit_of(rng_mix(w->seed, 10, h->worker->machine, 1));
}

/* Never so long that a sound instance were late. */
static int64_t duration_ns(struct world *w, const struct job *j)
{
    const struct sim_host *h = j->host;
    double factor = slowness(w, h);
    double most = 0.8 * (double)w->load.models[h->model].timeout_ns;
    double ns = factor * (double)workload_duration_ns(&w->load, h->model, j->task, j->instance);
    w->faults.classes[FAULT_MACHINE_SLOW].done += factor > 1;
    return (int64_t)(ns < most ? ns : most);
}

/* Once all the others are there: before, an instance could not be tried elsewhere. The second
 * machine is the bad one; the first model fails on the type that the first machine is not of. */
static bool is_bad_place(struct world *w, const struct sim_host *h)
{
    if (w->now < 10 * SIM_SECOND || is_safe(h))
        return false;
    if (h->worker->machine == 1 && w->faults.classes[FAULT_WORKER_BAD].level > 0) {
        w->faults.classes[FAULT_WORKER_BAD].done++;
        return true;
    }
    bool is_on_type =
        h->model == 0 && strcmp(w->load.machines[h->worker->machine].gpu_type, "B") == 0;
    if (!is_on_type || w->faults.classes[FAULT_MODEL_ON_TYPE].level <= 0)
        return false;
    w->faults.classes[FAULT_MODEL_ON_TYPE].done++;
    return true;
}

/* As often as it is tried here: nothing is left to luck, and no failure is spared. */
static void decide_by_place(struct world *w, struct job *j)
{
    bool dies = world_below(w, 2) == 0;
    j->outcome = dies ? OUTCOME_DIES : OUTCOME_FAILS;
    j->status = dies ? STATUS_CRASH : STATUS_ERROR;
}

void host_request(struct world *w, struct sim_host *h, const struct agent_effect *e)
{
    if (!h || h->is_dead)
        return; /* into a closed pipe; its exit is on its way */
    struct job *j = arena_alloc(&w->arena, sizeof(*j));
    *j = (struct job){ .host = h,
                       .request = e->as.request.request,
                       .attempt = e->as.request.attempt,
                       .task = catalog_task_index(&w->load.catalog, e->as.request.task),
                       .instance = e->as.request.instance };
    j->run = oracle_run(w, h->worker, j->attempt, h->model, j->task, j->instance);
    decide_by_nature(w, j);
    if (never_reads(w, h, j->task) ||
        (!is_safe(h) && fault_strikes(&w->faults, FAULT_DATA_MISSING)))
        j->outcome = OUTCOME_UNSERVED;
    else if (j->outcome == OUTCOME_ANSWER && is_bad_place(w, h))
        decide_by_place(w, j);
    else if (j->outcome == OUTCOME_ANSWER)
        decide_by_luck(w, j);
    if (h->open_count >= w->load.models[h->model].inflight)
        world_fail(w, "%s#%u: more requests at once than the host asked for", h->worker->name,
                   h->worker->serial);
    for (uint32_t i = 0; i < SIM_INFLIGHT_MAX; i++)
        if (h->open[i].id == 0) {
            h->open[i] = (struct sim_request){ j->request, j->attempt, j->task, j->instance };
            break;
        }
    h->open_count++;
    if (j->outcome == OUTCOME_HANGS)
        oracle_failed(w, j->attempt, h->model, j->task, j->instance, STATUS_TIMEOUT);
    else
        world_at(w, w->now + duration_ns(w, j), on_due, j, 0);
}

void host_dies(struct world *w, struct sim_host *h)
{
    if (!h->is_loaded || h->is_asked_to_go || h->is_killed || h->is_dead)
        return;
    /* Idle deaths in a row count as a model that does not start here. And while the worker stands
     * still, an answer may lie in the pipe, behind which the agent will ask for more: it could not
     * know that this request never reached the host. */
    if (h->open_count == 0 && (is_safe(h) || h->worker->is_paused))
        return;
    if (h->open_count == 1) { /* the agent cannot but blame the only request */
        const struct sim_request *only = h->open;
        while (only->id == 0)
            only++;
        if (!oracle_may_fail(w, h->model, only->task, only->instance))
            return;
        oracle_will_fail(w, h->model, only->task, only->instance);
        oracle_failed(w, only->attempt, h->model, only->task, only->instance, STATUS_CRASH);
    }
    die(w, h, HOST_END_GONE, "killed by signal 9");
}
