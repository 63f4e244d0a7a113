#include "coordinator/sweeps.h"

#include <stdlib.h>
#include <string.h>

#include "common/io/clock.h"
#include "common/io/file.h"
#include "common/mem.h"
#include "coordinator/report/report.h"
#include "coordinator/spec/plan_merge.h"
#include "coordinator/submission.h"

enum { NS_PER_MS = 1000000 };
static const int64_t LEFT_MS_MAX =
    100ll * 366 * 24 * 60 * 60 * 1000; /* as ns it must not overflow */

/* A report is a folder of the sweep's name. */
static void check_names(const struct sweeps *s, struct problems *problems)
{
    for (size_t i = 1; i < s->count; i++)
        for (size_t k = 0; k < i; k++)
            if (strcmp(s->specs[i].name, s->specs[k].name) == 0)
                problems_add(problems, 0,
                             "%s: the sweep is named \"%s\" as the one in %s is; sweeps of one "
                             "run need names that differ",
                             s->specs[i].path, s->specs[i].name, s->specs[k].path);
}

static struct sweep_deadline deadline_of(const struct yaml_deadline *d, int64_t from_wall_ms)
{
    if (d->kind == DEADLINE_NONE)
        return (struct sweep_deadline){ .mono_ns = INT64_MAX };
    int64_t wall_ms = d->kind == DEADLINE_AFTER ? from_wall_ms + d->ms : d->ms;
    int64_t left_ms = wall_ms - clock_wall_ms();
    left_ms = left_ms > LEFT_MS_MAX ? LEFT_MS_MAX : left_ms;
    return (struct sweep_deadline){ .mono_ns = clock_mono_ns() + left_ms * NS_PER_MS,
                                    .wall_ms = wall_ms };
}

static void set_submitted(struct sweeps *s, size_t i, int64_t wall_ms)
{
    s->submitted_wall_ms[i] = wall_ms;
    s->deadlines[i] = deadline_of(&s->specs[i].settings.deadline, wall_ms);
}

static char *joined_names(const struct sweeps *s)
{
    if (s->count == 1)
        return xstrdup(s->specs[0].name);
    return xformat("%s and %zu more", s->specs[0].name, s->count - 1);
}

err sweeps_open(const char *const *files, size_t count, struct sweeps *out,
                struct problems *problems)
{
    *out = (struct sweeps){ 0 };
    for (size_t i = 0; i < count; i++) {
        err e = spec_load(files[i], (struct spec_env){ 0 }, &out->specs[i], problems);
        if (e)
            return e;
        out->count++;
        e = plan_open(&out->specs[i], &out->plans[i], problems);
        if (e)
            return e;
        out->deadlines[i] = deadline_of(&out->specs[i].settings.deadline, clock_wall_ms());
    }
    check_names(out, problems);
    if (problems_any(problems))
        return ERR_INVALID;
    out->all = &out->plans[0];
    if (count > 1) {
        err e = plan_merge(out->plans, count, &out->merged, problems);
        if (e)
            return e;
        out->all = &out->merged;
    }
    out->name = joined_names(out);
    return OK;
}

void sweeps_release(struct sweeps *s)
{
    plan_release(&s->merged);
    for (size_t i = 0; i < s->count; i++) {
        plan_release(&s->plans[i]);
        spec_release(&s->specs[i]);
    }
    free(s->name);
    *s = (struct sweeps){ 0 };
}

/* ---- Submissions ---- */

/* What goes on; else submitted_wall_ms is 0. */
static err load_open(struct store *store, const char *sweep, struct submission *out,
                     struct errmsg *msg)
{
    err e = submission_load(store, sweep, out, msg);
    if (!e && out->is_over)
        out->submitted_wall_ms = 0;
    return e;
}

err sweeps_recall(struct sweeps *s, struct store *store, struct errmsg *msg)
{
    err e = OK;
    for (size_t i = 0; !e && i < s->count; i++) {
        struct submission known;
        e = load_open(store, s->specs[i].name, &known, msg);
        if (!e && known.submitted_wall_ms > 0)
            set_submitted(s, i, known.submitted_wall_ms);
    }
    return e;
}

static bool is_same(const struct submission *a, const struct submission *b)
{
    return a->submitted_wall_ms == b->submitted_wall_ms && a->is_over == b->is_over &&
           a->is_one_of_several == b->is_one_of_several;
}

/* What is new of it: a start that goes on with a sweep writes nothing. */
static err record(const struct sweeps *s, struct store *store, bool is_over, struct errmsg *msg)
{
    struct store_batch *batch = store_batch_new();
    err e = OK;
    for (size_t i = 0; !e && i < s->count; i++) {
        struct submission known, now = { .submitted_wall_ms = s->submitted_wall_ms[i],
                                         .is_over = is_over,
                                         .is_one_of_several = s->count > 1 };
        e = submission_load(store, s->specs[i].name, &known, msg);
        if (!e && !is_same(&known, &now))
            submission_store(batch, s->specs[i].name, &now);
    }
    if (!e && !store_batch_empty(batch))
        e = store_commit(store, batch, msg);
    store_batch_free(batch);
    return e;
}

err sweeps_submit(struct sweeps *s, struct store *store, struct errmsg *msg)
{
    err e = sweeps_recall(s, store, msg);
    for (size_t i = 0; i < s->count; i++)
        if (s->submitted_wall_ms[i] == 0)
            set_submitted(s, i, clock_wall_ms());
    return e ? e : record(s, store, false, msg);
}

err sweeps_end(const struct sweeps *s, struct store *store, struct errmsg *msg)
{
    return record(s, store, true, msg);
}

/* ---- Reports ---- */

char *sweeps_report_dir(const char *state, const char *sweep, bool is_one_of_several)
{
    return is_one_of_several ? xformat("%s/report/%s", state, sweep) : file_join(state, "report");
}

err sweeps_find_report_dir(const char *state, const char *sweep, struct store *store, char **out,
                           struct errmsg *msg)
{
    struct submission known;
    err e = submission_load(store, sweep, &known, msg);
    if (e)
        return e;
    char *own = sweeps_report_dir(state, sweep, true);
    bool is_known =
        known.submitted_wall_ms > 0; /* else an earlier build may have made its folder */
    *out = sweeps_report_dir(state, sweep, is_known ? known.is_one_of_several : file_is_dir(own));
    free(own);
    return OK;
}

err sweeps_report(const struct sweeps *s, struct store *store, const char *state,
                  struct errmsg *msg)
{
    err e = OK;
    for (size_t i = 0; !e && i < s->count; i++) {
        char *dir = sweeps_report_dir(state, s->specs[i].name, s->count > 1);
        e = report_write(&s->plans[i], store, dir, msg);
        free(dir);
    }
    return e;
}
