#include "tests/sim/host.h"

#include <string.h>

#include "common/check.h"
#include "tests/sim/oracle.h"

/* What comes of an instance that is asked for. Of a run of them, what is last in this list comes of
 * the request. */
enum outcome {
    OUTCOME_ANSWER,
    OUTCOME_FAILS,    /* a row says so */
    OUTCOME_UNSCORED, /* an answer whose scorer fails */
    OUTCOME_HANGS,
    OUTCOME_DIES,    /* with the host */
    OUTCOME_UNSERVED /* the data of the task cannot be read here */
};

struct part {
    uint32_t instance;
    enum outcome outcome;
    enum host_end end;
    status status;
    uint64_t run; /* the number of this run, which its answer carries */
};

/* A request on its way to its rows. */
struct job {
    struct sim_host *host;
    uint64_t request, attempt;
    uint32_t task, count;
    struct part parts[SIM_RUN_MAX];
    const struct part *worst; /* what comes of all of it */
};

static bool is_safe(const struct sim_host *h)
{
    return h->worker->machine == SAFE_MACHINE;
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
    e.as.host_hello.run_max = w->load.models[h->model].run_max;
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
    const struct sim_machine *m = &w->load.machines[k->machine];
    const struct sim_model *needs = &w->load.models[h->model];
    uint32_t gpus = 0;
    uint64_t memory_bytes = 0;
    for (uint32_t i = 0; i < SIM_SLOTS_MAX; i++) {
        if (k->hosts[i] && (k->hosts[i]->holds & h->holds))
            world_fail(w, "%s#%u: a second host in slot %u", k->name, k->serial, i);
        gpus += (h->holds >> i & 1) * m->gpus;
        memory_bytes += (h->holds >> i & 1) * m->memory_bytes;
    }
    if (m->memory_bytes > 0 && memory_bytes < needs->memory_bytes)
        world_fail(w, "%s#%u slot %u: model %u has %llu bytes, too few", k->name, k->serial,
                   h->slot, h->model, (unsigned long long)memory_bytes);
    if (gpus < needs->gpus)
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

static void fill_row(struct world *w, const struct job *j, const struct part *p, struct result *row)
{
    const struct sim_task *t = &w->load.tasks[j->task];
    static const status of[] = { [OUTCOME_ANSWER] = STATUS_OK, [OUTCOME_UNSCORED] = STATUS_SCORER };
    *row = (struct result){ .instance = p->instance,
                            .status = p->outcome == OUTCOME_FAILS ? p->status : of[p->outcome],
                            .micros = (uint32_t)world_below(w, 100000) };
    bool is_ok = row->status == STATUS_OK;
    for (uint32_t k = 0; is_ok && k < t->stat_count; k++)
        row->stats[k] = workload_stat(&w->load, j->host->model, j->task, p->instance, k);
    /* The answer says which run it is of: the oracle wants to see it again in the right row. */
    const char *text =
        is_ok ? arena_format(&w->arena, "%llu", (unsigned long long)p->run) : "it did not work";
    row->answer = span_str(text);
    if (is_ok && is_planted(w, PLANT_ANSWERS_SWAPPED) && world_below(w, 50) == 0)
        row->stats[0]++;
}

static void post_rows(struct world *w, const struct job *j)
{
    struct result *rows = arena_alloc(&w->arena, j->count * sizeof(*rows));
    for (uint32_t i = 0; i < j->count; i++)
        fill_row(w, j, &j->parts[i], &rows[i]);
    struct agent_event e = { .kind = AGENT_ON_ROWS };
    e.as.rows.slot = j->host->slot;
    e.as.rows.request = j->request;
    e.as.rows.rows = rows;
    e.as.rows.count = j->count;
    worker_post(w, j->host->worker, &e);
}

static void on_scored(struct world *w, void *owner, uint64_t unused)
{
    (void)unused;
    post_rows(w, owner);
}

/* Who is to blame for the row that there will be. */
static void accuse(struct world *w, const struct job *j)
{
    for (uint32_t i = 0; i < j->count; i++) {
        const struct part *p = &j->parts[i];
        if (p->outcome == OUTCOME_FAILS || p->outcome == OUTCOME_UNSCORED)
            oracle_failed(w, j->attempt, j->host->model, j->task, p->instance,
                          p->outcome == OUTCOME_FAILS ? p->status : STATUS_SCORER);
    }
}

static void answer(struct world *w, struct job *j)
{
    struct sim_host *h = j->host;
    accuse(w, j);
    if (!w->load.tasks[j->task].is_scored || j->worst->outcome == OUTCOME_FAILS) {
        post_rows(w, j);
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

/* A bug of the shell: what was at the host beside the culprit is told to have crashed as well. */
static void blame_all(struct world *w, struct sim_host *h, uint64_t culprit)
{
    for (uint32_t i = 0; i < SIM_INFLIGHT_MAX; i++) {
        const struct sim_request *r = &h->open[i];
        if (r->id == 0 || r->id == culprit)
            continue;
        struct job j = { .host = h, .request = r->id, .task = r->task, .count = r->count };
        for (uint32_t k = 0; k < r->count; k++)
            j.parts[k] = (struct part){ .instance = r->instance + k,
                                        .outcome = OUTCOME_FAILS,
                                        .status = STATUS_CRASH };
        post_rows(w, &j);
    }
}

static void die_of(struct world *w, struct job *j)
{
    struct sim_host *h = j->host;
    struct part *p = &j->parts[j->worst - j->parts];
    oracle_failed(w, j->attempt, h->model, j->task, p->instance, p->status);
    if (is_planted(w, PLANT_CRASH_AS_OK)) {
        p->outcome = OUTCOME_ANSWER;
        post_rows(w, j);
    }
    if (is_planted(w, PLANT_BLAME_ALL))
        blame_all(w, h, j->request);
    die(w, h, p->end, end_texts[p->end]);
}

static void on_due(struct world *w, void *owner, uint64_t unused)
{
    (void)unused;
    struct job *j = owner;
    struct sim_host *h = j->host;
    struct sim_request *open = find_open(h, j->request);
    if (h->is_dead || !open)
        return;
    if (j->worst->outcome == OUTCOME_DIES) {
        die_of(w, j);
        return;
    }
    open->id = 0;
    h->open_count--;
    switch (j->worst->outcome) {
    case OUTCOME_ANSWER:
    case OUTCOME_FAILS:
    case OUTCOME_UNSCORED: answer(w, j); break;
    case OUTCOME_UNSERVED: post_unserved(w, j); break;
    case OUTCOME_DIES:
    case OUTCOME_HANGS: check(!"it has no reply");
    }
}

static void decide_by_nature(struct world *w, const struct job *j, struct part *p)
{
    p->status = workload_status(&w->load, j->host->model, j->task, p->instance);
    switch (workload_nature(&w->load, j->host->model, j->task, p->instance)) {
    case NATURE_CRASH: p->outcome = OUTCOME_DIES; break;
    case NATURE_OOM:
        p->outcome = OUTCOME_DIES;
        p->end = HOST_END_OOM;
        break;
    case NATURE_PROTOCOL:
        p->outcome = OUTCOME_DIES;
        p->end = HOST_END_PROTOCOL;
        break;
    case NATURE_HANG: p->outcome = OUTCOME_HANGS; break;
    case NATURE_SCORER: p->outcome = OUTCOME_UNSCORED; break;
    case NATURE_ERROR:
    case NATURE_REFUSED:
    case NATURE_TOO_LONG:
    case NATURE_INVALID: p->outcome = OUTCOME_FAILS; break;
    case NATURE_SOUND:
    case NATURE_COUNT: p->outcome = OUTCOME_ANSWER; break;
    }
}

/* A sound instance that fails now may do so once less often than it takes to give it up. */
static void decide_by_luck(struct world *w, const struct job *j, struct part *p)
{
    const struct sim_host *h = j->host;
    if (!oracle_may_fail(w, h->model, j->task, p->instance))
        return;
    if (fault_strikes(&w->faults, FAULT_REQUEST_CRASH)) {
        p->outcome = OUTCOME_DIES;
        p->status = STATUS_CRASH;
    } else if (fault_strikes(&w->faults, FAULT_REQUEST_HANG)) {
        p->outcome = OUTCOME_HANGS;
        p->status = STATUS_TIMEOUT;
    } else if (fault_strikes(&w->faults, FAULT_REQUEST_ERROR)) {
        p->outcome = OUTCOME_FAILS;
        p->status = STATUS_ERROR;
    } else {
        return;
    }
    oracle_will_fail(w, h->model, j->task, p->instance);
}

double machine_slowness(const struct world *w, uint32_t machine)
{
    double level = w->faults.classes[FAULT_MACHINE_SLOW].level;
    uint64_t luck = rng_mix(w->seed, 10, machine, 0);
    if (machine == SAFE_MACHINE || rng_unit_of(luck) >= 0.4 * level)
        return 1;
    return 1 + 9 * rng_unit_of(rng_mix(w->seed, 10, machine, 1));
}

/* Never so long that a sound instance were late: those of a run are worked on together. */
static int64_t duration_ns(struct world *w, const struct job *j)
{
    const struct sim_host *h = j->host;
    double factor = machine_slowness(w, h->worker->machine);
    double most = 0.8 * (double)w->load.models[h->model].timeout_ns, ns = 0;
    for (uint32_t i = 0; i < j->count; i++) {
        int64_t one = workload_duration_ns(&w->load, h->model, j->task, j->parts[i].instance);
        ns = factor * (double)one > ns ? factor * (double)one : ns;
    }
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
static void decide_by_place(struct world *w, struct part *p)
{
    bool dies = world_below(w, 2) == 0;
    p->outcome = dies ? OUTCOME_DIES : OUTCOME_FAILS;
    p->status = dies ? STATUS_CRASH : STATUS_ERROR;
}

static void decide(struct world *w, const struct job *j, struct part *p, bool is_unserved)
{
    decide_by_nature(w, j, p);
    if (is_unserved)
        p->outcome = OUTCOME_UNSERVED;
    else if (p->outcome == OUTCOME_ANSWER && is_bad_place(w, j->host))
        decide_by_place(w, p);
    else if (p->outcome == OUTCOME_ANSWER)
        decide_by_luck(w, j, p);
}

static struct job *new_job(struct world *w, struct sim_host *h, const struct agent_effect *e)
{
    struct job *j = arena_alloc(&w->arena, sizeof(*j));
    *j = (struct job){ .host = h,
                       .request = e->as.request.request,
                       .attempt = e->as.request.attempt,
                       .task = catalog_task_index(&w->load.catalog, e->as.request.task),
                       .count = e->as.request.count };
    if (j->count > w->load.models[h->model].run_max)
        world_fail(w, "%s#%u: more instances a request than the host takes", h->worker->name,
                   h->worker->serial);
    bool is_unserved = never_reads(w, h, j->task) ||
                       (!is_safe(h) && fault_strikes(&w->faults, FAULT_DATA_MISSING));
    j->worst = j->parts;
    for (uint32_t i = 0; i < j->count; i++) {
        struct part *p = &j->parts[i];
        p->instance = e->as.request.instance + i;
        p->run = oracle_run(w, h->worker, j->attempt, h->model, j->task, p->instance);
        decide(w, j, p, is_unserved);
        j->worst = p->outcome > j->worst->outcome ? p : j->worst;
    }
    return j;
}

void host_request(struct world *w, struct sim_host *h, const struct agent_effect *e)
{
    if (!h || h->is_dead)
        return; /* into a closed pipe; its exit is on its way */
    struct job *j = new_job(w, h, e);
    if (h->open_count >= w->load.models[h->model].inflight)
        world_fail(w, "%s#%u: more requests at once than the host asked for", h->worker->name,
                   h->worker->serial);
    for (uint32_t i = 0; i < SIM_INFLIGHT_MAX; i++)
        if (h->open[i].id == 0) {
            h->open[i] = (struct sim_request){ j->request, j->attempt, j->task,
                                               e->as.request.instance, j->count };
            break;
        }
    h->open_count++;
    if (j->worst->outcome == OUTCOME_HANGS)
        oracle_failed(w, j->attempt, h->model, j->task, j->worst->instance, STATUS_TIMEOUT);
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
    const struct sim_request *only = h->open;
    while (h->open_count == 1 && only->id == 0)
        only++;
    if (h->open_count == 1 && only->count == 1) { /* the agent cannot but blame it */
        if (!oracle_may_fail(w, h->model, only->task, only->instance))
            return;
        oracle_will_fail(w, h->model, only->task, only->instance);
        oracle_failed(w, only->attempt, h->model, only->task, only->instance, STATUS_CRASH);
    }
    die(w, h, HOST_END_GONE, "killed by signal 9");
}
