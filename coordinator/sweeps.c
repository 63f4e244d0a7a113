#include "coordinator/sweeps.h"

#include <stdlib.h>
#include <string.h>

#include "common/io/clock.h"
#include "common/io/file.h"
#include "common/mem.h"
#include "coordinator/report/report.h"
#include "coordinator/spec/plan_merge.h"

enum { NS_PER_MS = 1000000 };

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

static int64_t deadline_of(const struct yaml_deadline *d)
{
    switch (d->kind) {
    case DEADLINE_NONE: break;
    case DEADLINE_AFTER: return clock_mono_ns() + d->ms * NS_PER_MS;
    case DEADLINE_AT: return clock_mono_ns() + (d->ms - clock_wall_ms()) * NS_PER_MS;
    }
    return INT64_MAX;
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
        out->deadline_mono_ns[i] = deadline_of(&out->specs[i].settings.deadline);
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

err sweeps_report(const struct sweeps *s, struct store *store, const char *state,
                  struct errmsg *msg)
{
    char *top = file_join(state, "report");
    err e = s->count > 1 ? file_make_dir(top, 0700, msg) : OK;
    for (size_t i = 0; !e && i < s->count; i++) {
        char *dir = s->count > 1 ? file_join(top, s->specs[i].name) : xstrdup(top);
        e = report_write(&s->plans[i], store, dir, msg);
        free(dir);
    }
    free(top);
    return e;
}
