/* Working the report out. How it looks is in plan_print.c. */
#include "coordinator/spec/plan_report.h"

#include <inttypes.h>
#include <jansson.h>

#include "common/limits.h"
#include "common/text.h"

/* ---- Jobs ---- */

/* Jobs are sized by time: about PLAN_JOB_TARGET_MS each, at least one a cell. Before a duration is
 * known, by the size of a first attempt. */
static uint64_t jobs_of(uint64_t missing, const struct plan_done *done, bool *is_bound)
{
    if (missing == 0)
        return 0;
    if (done->rows == 0) {
        *is_bound = true;
        return (missing + PLAN_PROBE_INSTANCES - 1) / PLAN_PROBE_INSTANCES;
    }
    double ms = (double)missing * (double)done->micros / (double)done->rows / 1000;
    uint64_t jobs = (uint64_t)(ms / PLAN_JOB_TARGET_MS) + 1;
    return jobs < missing ? jobs : missing;
}

static void count_cell(struct plan_counts *c, uint32_t wanted, const struct plan_done *done)
{
    uint64_t missing = wanted - (done->ended < wanted ? done->ended : wanted);
    c->tasks++;
    c->instances += wanted;
    c->done += wanted - missing;
    c->missing += missing;
    c->jobs += jobs_of(missing, done, &c->jobs_are_bound);
    if (done->rows > 0)
        c->missing_ms += (double)missing * (double)done->micros / (double)done->rows / 1000;
}

static void add_counts(struct plan_counts *to, const struct plan_counts *from)
{
    to->tasks += from->tasks;
    to->instances += from->instances;
    to->done += from->done;
    to->missing += from->missing;
    to->jobs += from->jobs;
    to->missing_ms += from->missing_ms;
    to->jobs_are_bound |= from->jobs_are_bound;
}

/* ---- Obstacles ---- */

/* A GPU that is too small, or of another type than those that the model may run on. */
static const char *gpu_obstacle(const struct spec_gpus *need, const struct plan_machine *machine,
                                struct arena *arena)
{
    if (machine->gpu_memory_bytes != 0 && need->memory_bytes > machine->gpu_memory_bytes)
        return arena_format(
            arena, "a replica needs GPUs of %" PRIu64 " MiB each, the largest has %" PRIu64,
            need->memory_bytes >> 20, machine->gpu_memory_bytes >> 20);
    bool is_allowed = need->type_count == 0 || !machine->gpu_type;
    for (size_t i = 0; i < need->type_count && !is_allowed; i++)
        is_allowed = text_has_words(span_str(machine->gpu_type), need->types[i]);
    return is_allowed ? NULL
                      : arena_format(arena, "its gpu_types do not name %s", machine->gpu_type);
}

static const char *who_has(uint32_t slots, uint32_t each)
{
    return slots == 1 || each == 0 ? "a slot has" : "all slots that it may take together have";
}

static const char *obstacle_of(const struct spec_model *model, const struct plan_machine *machine,
                               struct arena *arena)
{
    const struct model_resources *need = &model->definition.resources;
    if (!machine)
        return NULL;
    uint32_t slots = machine->slots < GANG_SLOTS_MAX ? machine->slots : GANG_SLOTS_MAX;
    slots = slots > 0 ? slots : 1;
    if (need->gpus > slots * machine->gpus_per_slot)
        return arena_format(arena, "a replica needs %u GPUs, %s %u", need->gpus,
                            who_has(slots, machine->gpus_per_slot), slots * machine->gpus_per_slot);
    if (need->cpus > slots * machine->cores_per_slot)
        return arena_format(arena, "a replica needs %u cores, %s %u", need->cpus,
                            who_has(slots, machine->cores_per_slot),
                            slots * machine->cores_per_slot);
    if (machine->memory_bytes != 0 && need->memory_bytes > slots * machine->memory_bytes)
        return arena_format(arena, "a replica needs %" PRIu64 " MiB of memory, %s %" PRIu64,
                            need->memory_bytes >> 20, who_has(slots, 1),
                            slots * machine->memory_bytes >> 20);
    const char *gpus = gpu_obstacle(&model->gpus, machine, arena);
    return gpus ? gpus : machine->slots == 0 ? "there is no slot" : NULL;
}

/* ---- Earlier results ---- */

/* What is at hand while the store lists the identities of one name. */
struct listing {
    struct plan_report *report;
    struct plan_report_model *model;
    json_t *record; /* the present one */
};

static void add_change(struct plan_outdated *o, const char *key)
{
    if (o->changed_count < PLAN_CHANGES_MAX)
        o->changed[o->changed_count++] = key;
}

/* "precision", "decoding.temperature", "files.models/ocr.py". prefix: "" or "decoding." */
static void find_changes(struct plan_outdated *o, struct arena *arena, const char *prefix,
                         json_t *was, json_t *is)
{
    const char *key;
    json_t *value;
    json_object_foreach(was, key, value)
    {
        json_t *now = json_object_get(is, key);
        const char *path = arena_format(arena, "%s%s", prefix, key);
        if (json_is_object(value) && json_is_object(now))
            find_changes(o, arena, arena_format(arena, "%s.", path), value, now);
        else if (!json_equal(value, now))
            add_change(o, path);
    }
    json_object_foreach(is, key, value)
    {
        if (!json_object_get(was, key))
            add_change(o, arena_format(arena, "%s%s", prefix, key));
    }
}

static void on_earlier(void *owner, const struct plan_earlier *earlier)
{
    struct listing *l = owner;
    struct arena *arena = &l->report->arena;
    if (digest_equal(&earlier->identity, &l->model->model->identity) || earlier->results == 0)
        return;
    struct plan_outdated *o = arena_alloc(arena, sizeof(*o));
    digest_hex(&earlier->identity, o->identity);
    o->results = earlier->results;
    json_t *was = json_loadb((const char *)earlier->record.data, earlier->record.len, 0, NULL);
    const char *revision = json_string_value(json_object_get(was, "revision"));
    if (revision)
        o->revision = arena_strdup(arena, revision);
    if (was) /* else nobody can say */
        find_changes(o, arena, "", was, l->record);
    json_decref(was);
    struct plan_outdated **last = &l->model->outdated;
    while (*last)
        last = &(*last)->next;
    *last = o;
}

static void list_earlier(struct plan_report *r, struct plan_report_model *m,
                         const struct plan_store *store)
{
    struct span record = m->model->record;
    struct listing l = { r, m, json_loadb((const char *)record.data, record.len, 0, NULL) };
    store->earlier(store->owner, m->model->spec->definition.name, on_earlier, &l);
    json_decref(l.record);
}

/* ---- The report ---- */

static void report_model(struct plan_report *r, size_t index, const struct plan_machine *machine,
                         const struct plan_store *store)
{
    const struct plan *plan = r->plan;
    const struct plan_model *model = &plan->models[index];
    struct plan_report_model *m = &r->models[index];
    m->model = model;
    for (size_t i = 0; i < model->cell_count; i++) {
        const struct plan_task *task = &plan->tasks[plan->cells[model->first_cell + i].task];
        struct plan_done done = { 0 };
        if (store && store->done)
            store->done(store->owner, model, task, &done);
        count_cell(&m->counts, task->wanted_count, &done);
    }
    for (size_t i = 0; i < model->gap_count; i++)
        m->gaps[plan->gaps[model->first_gap + i].reason]++;
    m->obstacle = obstacle_of(model->spec, machine, &r->arena);
    if (store && store->earlier)
        list_earlier(r, m, store);
    if (m->obstacle)
        r->blocked += m->counts.missing;
    else
        add_counts(&r->total, &m->counts);
}

void plan_report_make(const struct plan *plan, const struct plan_machine *machine,
                      const struct plan_store *store, struct plan_report *out)
{
    *out = (struct plan_report){ .plan = plan, .slots = machine ? machine->slots : 0 };
    out->models = arena_alloc(&out->arena, (plan->model_count + 1) * sizeof(*out->models));
    for (size_t i = 0; i < plan->model_count; i++)
        report_model(out, i, machine, store);
}

void plan_report_release(struct plan_report *r)
{
    arena_release(&r->arena);
    *r = (struct plan_report){ 0 };
}
