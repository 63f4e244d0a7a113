/* What came of a simulation. */
#include "coordinator/simulate/outcome.h"

#include <stdlib.h>

#include "common/check.h"
#include "common/mem.h"

void outcome_init(struct outcome *o, const struct work *work, const struct fleet *fleet,
                  bool keeps_spans)
{
    *o = (struct outcome){ .work = work, .fleet = fleet, .keeps_spans = keeps_spans };
    o->models = xcalloc(work->model_count + 1, sizeof(*o->models));
    o->groups = xcalloc(fleet->cluster->group_count, sizeof(*o->groups));
    o->held = xcalloc(fleet->slot_count, sizeof(*o->held));
    o->newest = xcalloc(fleet->slot_count, sizeof(*o->newest));
    for (size_t i = 0; i < work->model_count; i++)
        o->models[i].first_ns = o->models[i].last_ns = -1;
    for (uint32_t i = 0; i < fleet->slot_count; i++) {
        o->held[i] = UINT32_MAX;
        o->newest[i].end_ns = -1;
    }
}

void outcome_release(struct outcome *o)
{
    free(o->models);
    free(o->groups);
    free(o->held);
    free(o->newest);
    free(o->spans);
    *o = (struct outcome){ 0 };
}

void outcome_load(struct outcome *o, uint32_t slot, uint32_t model, int64_t now_ns)
{
    if (o->held[slot] != UINT32_MAX)
        o->models[o->held[slot]].holders--;
    o->held[slot] = model;
    if (model == UINT32_MAX)
        return;
    struct outcome_model *m = &o->models[model];
    if (m->first_ns < 0)
        m->first_ns = now_ns;
    m->loads++;
    o->loads++;
    if (++m->holders > m->holders_max)
        m->holders_max = m->holders;
}

static void keep_newest(struct outcome *o, uint32_t slot)
{
    if (!o->keeps_spans || o->newest[slot].end_ns < 0)
        return;
    o->spans = xgrow(o->spans, &o->span_capacity, o->span_count + 1, sizeof(*o->spans));
    o->spans[o->span_count++] = o->newest[slot];
}

void outcome_add(struct outcome *o, uint32_t slot, uint32_t model, enum span_kind kind,
                 int64_t start_ns, int64_t end_ns)
{
    check(start_ns <= end_ns);
    struct outcome_group *g = &o->groups[fleet_worker_of(o->fleet, slot)->group];
    *(kind == SPAN_LOAD ? &g->load_ns : &g->run_ns) += (double)(end_ns - start_ns);
    struct outcome_span *last = &o->newest[slot];
    check(last->end_ns <= start_ns); /* a slot does one thing at a time */
    if (last->end_ns == start_ns && last->model == model && last->kind == kind) {
        last->end_ns = end_ns;
        return;
    }
    keep_newest(o, slot);
    *last = (struct outcome_span){ slot, model, kind, start_ns, end_ns };
}

void outcome_done(struct outcome *o, uint32_t model, uint64_t instances, int64_t now_ns)
{
    o->instances += instances;
    if (now_ns > o->models[model].last_ns)
        o->models[model].last_ns = now_ns;
    if (now_ns > o->makespan_ns)
        o->makespan_ns = now_ns;
}

void outcome_close(struct outcome *o, const char *why)
{
    check(why || o->instances == o->work->instances);
    o->is_complete = !why;
    o->why = why;
    for (uint32_t i = 0; i < o->fleet->slot_count; i++)
        keep_newest(o, i);
    for (uint32_t i = 0; i < o->fleet->worker_count; i++) {
        const struct fleet_worker *w = &o->fleet->workers[i];
        int64_t end = w->dies_ns < o->makespan_ns ? w->dies_ns : o->makespan_ns;
        o->groups[w->group].total_ns += (double)w->slot_count * (double)end;
    }
}
