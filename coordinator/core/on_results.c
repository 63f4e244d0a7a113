/* Results, and the ends of attempts. */
#include "common/text.h"
#include "coordinator/core/fleet_internal.h"
#include "coordinator/core/policy_internal.h"
#include "coordinator/core/work_internal.h"

/* Reliable messages come in order, each once. False: this one changes nothing (a repetition, which
 * is acknowledged again, or behind a gap, after which the worker has to start over). */
static bool next_in_order(struct core *c, struct worker *w, uint64_t seq)
{
    worker_heard(c, w);
    if (seq == w->expected_seq) {
        w->expected_seq++;
        return true;
    }
    if (seq < w->expected_seq) {
        emit(c, EFFECT_ACK, w->session)->as.ack.seq = w->expected_seq - 1;
        return false;
    }
    struct core_effect *effect = emit(c, EFFECT_REJECT, w->session);
    effect->as.reject.code = REJECT_SESSION;
    effect->as.reject.text = "a message before this one was lost";
    return false;
}

/* An attempt is this worker's to report on only while it holds the lease. */
static struct attempt *leased_to(const struct core *c, const struct worker *w, uint64_t id)
{
    struct attempt *a = map_find(&c->attempt_of, id);
    return a && a->worker == w ? a : NULL;
}

/* Whose rows these are; NULL: of no cell that there is. Mostly its attempt knows it. */
static struct cell *cell_of_rows(const struct core *c, const struct core_event *e,
                                 const struct attempt *a)
{
    uint32_t model = e->as.results.model, task = e->as.results.task;
    bool is_of_attempt = a && a->cell->model == model && a->cell->task == task;
    return is_of_attempt ? a->cell : cell_find(c, model, task);
}

/* Whoever holds the lease learns that the instance is no longer its own. *owner is whose the row
 * before was: mostly, this one is as well. */
static void tell_owner(const struct cell *cell, uint32_t instance, struct attempt **owner)
{
    if (!*owner || !attempt_has(*owner, instance))
        *owner = attempt_owner(cell, instance);
    if (!*owner)
        return;
    (*owner)->open--;
    (*owner)->worker->slots[(*owner)->slot].spared = false;
}

/* It failed before, and is fine now: that says something of where it failed. */
static void clear(struct core *c, const struct worker *w, const struct cell *cell,
                  uint32_t instance, const struct attempt *a)
{
    struct strike *s = strike_find(c, cell, instance);
    if (!s || s->from_count == 0)
        return;
    struct strike was = *s;
    s->from_count = 0; /* nothing of it is withdrawn: it ends with this row */
    culprit_cleared(c, &was, w, w->slots[a->slot].gpu_type);
}

static void accept(struct core *c, struct worker *w, struct cell *cell, uint32_t instance,
                   bool failed, const struct attempt *a, struct attempt **owner)
{
    if (cell_is_taken(cell, instance))
        tell_owner(cell, instance, owner);
    if (c->strike_of.count > 0 && !failed && a)
        clear(c, w, cell, instance, a);
    copy_closed(c, cell, instance, a);
    strike_end(c, cell, instance);
    cell_close(c, cell, instance, failed);
    c->rows_accepted++;
    w->rows++;
    w->failures += failed;
}

/* A failure that may be tried again: true if it was the last allowed one. */
static bool strike_out(struct core *c, struct worker *w, const struct core_event *e, uint32_t row,
                       struct cell *cell, const struct attempt *a)
{
    uint32_t instance = e->as.results.instance[row];
    const struct core_rules *rules = &c->models[cell->model].rules;
    uint32_t strikes_max = rules->strikes_max ? rules->strikes_max : c->config.strikes_max;
    struct strike *s = strike_find(c, cell, instance);
    /* Told twice, across a restart. Of an attempt older than the newest strike's, which was taken
     * up again, it is not known whether this failure was counted: it is not counted now. */
    if (s && a->id <= s->attempt)
        return s->count >= strikes_max;
    s = strike_add(c, cell, instance);
    s->attempt = a->id;
    s->worker = w->index;
    s->status = (status)e->as.results.status[row];
    c->strikes++;
    uint32_t count = s->count;
    culprit_struck(c, w, w->slots[a->slot].gpu_type, s);
    if (s->count < count)
        return false; /* it was the place: that is recorded already */
    if (s->count >= strikes_max && strike_is_conclusive(c, s))
        return true;
    if (s->count >= strikes_max) {
        s->count = strikes_max - 1;
        strike_set_unresolved(c, s, true);
        return false;
    }
    struct core_effect *effect = emit(c, EFFECT_STRIKE, 0);
    effect->as.strike.model = cell->model;
    effect->as.strike.task = cell->task;
    effect->as.strike.instance = instance;
    effect->as.strike.count = s->count;
    effect->as.strike.attempt = a->id;
    effect->as.strike.status = (status)e->as.results.status[row];
    effect->as.strike.reason = e->as.results.reason ? e->as.results.reason[row] : span_of(NULL, 0);
    return false;
}

/* Whether this row is to be recorded. */
static bool take_row(struct core *c, struct worker *w, const struct core_event *e, uint32_t row,
                     struct cell *cell, const struct attempt *a, struct attempt **owner)
{
    uint32_t instance = e->as.results.instance[row];
    status st = (status)e->as.results.status[row];
    uint32_t answer = e->as.results.answer ? e->as.results.answer[row] : st;
    if (bitmap_get(&cell->closed, instance)) {
        c->rows_duplicate++;
        copy_answered(c, cell, instance, e->as.results.attempt, answer);
        return false;
    }
    /* A stale lease may fill an open instance, but not accuse it; neither may a copy. */
    bool may_accuse = a && !a->is_copy;
    if (!status_is_final(st) && (!may_accuse || !strike_out(c, w, e, row, cell, a)))
        return false;
    copy_answered(c, cell, instance, e->as.results.attempt, answer);
    accept(c, w, cell, instance, st != STATUS_OK, a, owner);
    return true;
}

static bool rows_are_valid(const struct core_event *e, const struct cell *cell)
{
    for (uint32_t i = 0; i < e->as.results.rows; i++)
        if (e->as.results.instance[i] >= cell->size)
            return false;
    return true;
}

/* The usual case at a cost that does not depend on the rows: all of them fine, side by side, and
 * still open in the attempt, while nothing has failed and nothing is copied. */
static bool take_all(struct core *c, struct worker *w, const struct core_event *e,
                     struct cell *cell, struct attempt *a)
{
    uint32_t rows = e->as.results.rows;
    if (!a || a->is_copy || rows == 0 || c->strike_of.count > 0 || !list_empty(&c->copies) ||
        core_compares_answers(c))
        return false;
    uint32_t first = e->as.results.instance[0], differs = 0;
    for (uint32_t i = 0; i < rows; i++)
        differs |=
            (e->as.results.instance[i] ^ (first + i)) | (e->as.results.status[i] ^ STATUS_OK);
    if (differs || first < a->first || first - a->first > a->count ||
        rows > a->count - (first - a->first) || !cell->taken.words ||
        bitmap_count_range(&cell->taken, first, rows) != rows)
        return false;
    a->open -= rows;
    w->slots[a->slot].spared = false;
    cell_close_run(c, cell, first, rows);
    c->rows_accepted += rows;
    w->rows += rows;
    return true;
}

/* Row by row; how many are to be recorded: their bits in `keep`. */
static uint32_t take_each(struct core *c, struct worker *w, const struct core_event *e,
                          struct cell *cell, struct attempt *a, struct bitmap *keep, bool *any_fine)
{
    struct attempt *owner = a && !a->is_copy ? a : NULL;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < e->as.results.rows; i++) {
        if (!take_row(c, w, e, i, cell, a, &owner))
            continue;
        bitmap_set(keep, i);
        kept++;
        *any_fine |= e->as.results.status[i] == STATUS_OK;
    }
    return kept;
}

static void record_rows(struct core *c, struct worker *w, const struct core_event *e)
{
    struct attempt *a = leased_to(c, w, e->as.results.attempt);
    struct cell *cell = cell_of_rows(c, e, a);
    bool is_its_own = a ? a->cell == cell : attempt_was_given(c, w, e->as.results.attempt);
    if (!is_its_own || !cell || !rows_are_valid(e, cell)) {
        note(c, true, "results_unknown worker=%s attempt=%llx", w->name,
             (unsigned long long)e->as.results.attempt);
        return;
    }
    uint32_t rows = e->as.results.rows, kept = rows;
    if (a && rows > 0)
        learn_rows(c, a, rows);
    else if (!a)
        c->rows_late += rows;
    struct bitmap keep = { .words = arena_alloc(&c->out->arena, (rows + 63u) / 64 * 8),
                           .bits = rows };
    bool any_fine = take_all(c, w, e, cell, a);
    if (any_fine)
        bitmap_set_range(&keep, 0, rows);
    else
        kept = take_each(c, w, e, cell, a, &keep, &any_fine);
    if (any_fine && a)
        culprit_fine(c, w, w->slots[a->slot].gpu_type, &c->models[cell->model]);
    if (kept == 0)
        return;
    struct core_effect *effect = emit(c, EFFECT_RECORD, 0);
    effect->as.record.model = cell->model;
    effect->as.record.task = cell->task;
    effect->as.record.all = kept == rows;
    effect->as.record.keep = keep;
}

void on_results(struct core *c, struct worker *w, const struct core_event *e)
{
    if (!next_in_order(c, w, e->as.results.seq))
        return;
    record_rows(c, w, e);
    emit(c, EFFECT_ACK, w->session)->as.ack.seq = e->as.results.seq;
}

/* Told of each attempt that the slot had of the model: the worker counts once. */
static void not_started(struct core *c, struct worker *w, uint32_t type, uint32_t model,
                        struct span text)
{
    bool is_known = worker_refuses(w, model, NONE);
    worker_refuse(c, w, model, NONE, text);
    if (!is_known)
        culprit_not_started(c, w, type, &c->models[model]);
}

void on_ended(struct core *c, struct worker *w, const struct core_event *e)
{
    if (!next_in_order(c, w, e->as.ended.seq))
        return;
    emit(c, EFFECT_ACK, w->session)->as.ack.seq = e->as.ended.seq;
    struct attempt *a = leased_to(c, w, e->as.ended.attempt);
    if (!a)
        return;
    if (e->as.ended.from > 0) {
        attempt_cut(c, a, e->as.ended.from);
        return;
    }
    struct slot *s = &w->slots[a->slot];
    switch (e->as.ended.reason) {
    case ENDED_DONE:
    case ENDED_RETURNED: break;
    case ENDED_HOST_FAILED: not_started(c, w, s->gpu_type, a->cell->model, e->as.ended.text); break;
    case ENDED_REFUSED: worker_refuse(c, w, a->cell->model, a->cell->task, e->as.ended.text); break;
    case ENDED_COUNT: break;
    }
    bool failed = e->as.ended.reason == ENDED_HOST_FAILED;
    uint32_t model = a->cell->model;
    struct span text = text_cut(e->as.ended.text, NOTED_BYTES_MAX);
    if (e->as.ended.reason != ENDED_DONE && text.len)
        note(c, failed, "attempt_ended attempt=%llx worker=%s slot=%u reason=%s text=\"%.*s\"",
             (unsigned long long)a->id, w->name, a->slot, ended_text(e->as.ended.reason),
             (int)text.len, (const char *)text.data);
    attempt_end(c, a);
    if (failed && s->queued == 0 && slot_leads(s, model))
        gang_end(c, s->gang);
    else if (failed && s->queued == 0 && s->model == model)
        slot_set_model(c, s, NONE);
}
