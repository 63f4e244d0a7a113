/* From the verdicts on rows to levels: what the two rules have in common. */
#include "coordinator/level/general_level.h"

#include "common/check.h"
#include "common/mem.h"
#include "coordinator/level/gl_rules.h"

#include <stdlib.h>

const char *gl_rule_text(enum gl_rule rule)
{
    static const char *const texts[] = {
#define X(name, text) [name] = text,
        GL_RULE_LIST(X)
#undef X
    };
    check(rule < GL_RULE_COUNT);
    return texts[rule];
}

static const struct {
    const char *exception, *text;
} faults_said[] = {
#define X(name, exception, text) [name] = { exception, text },
    GL_FAULT_LIST(X)
#undef X
};

const char *gl_fault_text(enum gl_fault_kind kind)
{
    check(kind < GL_FAULT_KIND_COUNT);
    return faults_said[kind].text;
}

const char *gl_fault_exception(enum gl_fault_kind kind)
{
    check(kind < GL_FAULT_KIND_COUNT);
    return faults_said[kind].exception;
}

void gl_faults_add(struct gl_faults *faults, enum gl_fault_kind kind, size_t row, bool in_sota)
{
    if (faults->count < GL_FAULTS_KEPT)
        faults->first[faults->count] = (struct gl_fault){ kind, row, in_sota };
    faults->count++;
}

size_t gl_count_rows(const struct gl_row *rows, size_t count, bool nlp)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        found += (rows[i].modality == MODALITY_NLP) == nlp;
    return found;
}

err gl_judge(enum gl_rule rule, const struct gl_row *rows, size_t count,
             struct gl_verdict *verdicts, struct gl_faults *faults)
{
    *faults = (struct gl_faults){ 0 };
    for (size_t i = 0; i < count; i++)
        check(rows[i].modality == MODALITY_NLP || rows[i].paradigm != PARADIGM_NONE);
    switch (rule) {
    case GL_OFFICIAL: gl_judge_official(rows, count, verdicts, faults); break;
    case GL_CORRECTED: gl_judge_corrected(rows, count, verdicts, faults); break;
    case GL_RULE_COUNT: check(false);
    }
    return faults->count > 0 ? ERR_INVALID : OK;
}

/* The rows of one half of a modality, or of NLP. */
struct half {
    uint32_t tasks, supported, wins;
    double scored, earned; /* means over all its rows; 0 if it has none */
};

static struct half fold_half(const struct gl_row *rows, const struct gl_verdict *verdicts,
                             size_t count, enum modality modality, enum paradigm paradigm)
{
    struct half half = { 0 };
    for (size_t i = 0; i < count; i++) {
        if (rows[i].modality != modality ||
            (modality != MODALITY_NLP && rows[i].paradigm != paradigm))
            continue;
        half.tasks++;
        half.supported += verdicts[i].counted_supported;
        half.wins += verdicts[i].counted_win;
        half.scored += verdicts[i].scored;
        half.earned += verdicts[i].earned;
    }
    if (half.tasks > 0) {
        half.scored /= half.tasks;
        half.earned /= half.tasks;
    }
    return half;
}

static double harmonic(enum gl_rule rule, double c, double g)
{
    if (c == 0 || g == 0)
        return 0;
    if (rule == GL_OFFICIAL)
        return 2 * (c * g) / (c + g + 1e-6);
    /* fmin: rounding must not lift level 4 above level 3 where the halves are equal. */
    return fmin(2 * (c * g) / (c + g), (c + g) / 2);
}

static struct gl_modality fold_modality(enum gl_rule rule, const struct gl_row *rows,
                                        const struct gl_verdict *verdicts, size_t count,
                                        enum modality modality)
{
    struct half c = fold_half(rows, verdicts, count, modality, PARADIGM_COMPREHENSION);
    struct half g = fold_half(rows, verdicts, count, modality, PARADIGM_GENERATION);
    return (struct gl_modality){
        .tasks = c.tasks + g.tasks,
        .supported = c.supported + g.supported,
        .wins = c.wins + g.wins,
        .s_c = c.earned,
        .s_g = g.earned,
        .level2 = (c.scored + g.scored) / 2,
        .level3 = (c.earned + g.earned) / 2,
        .level4 = harmonic(rule, c.earned, g.earned),
    };
}

/* Means over the modalities, added in the order in which they appear, as the reference does. */
static void fold_final(const struct gl_row *rows, size_t count, struct gl_levels *out)
{
    bool seen[MODALITY_COUNT] = { [MODALITY_NLP] = true };
    int modalities = 0;
    for (size_t i = 0; i < count; i++) {
        enum modality m = rows[i].modality;
        if (seen[m])
            continue;
        seen[m] = true;
        modalities++;
        out->level2 += out->modality[m].level2;
        out->level3 += out->modality[m].level3;
        out->level4 += out->modality[m].level4;
    }
    check(modalities > 0); /* otherwise it is a fault */
    out->level2 /= modalities;
    out->level3 /= modalities;
    out->level4 /= modalities;
}

static void fold(enum gl_rule rule, const struct gl_row *rows, const struct gl_verdict *verdicts,
                 size_t count, struct gl_levels *out)
{
    for (int m = 0; m < MODALITY_COUNT; m++) {
        if (m != MODALITY_NLP)
            out->modality[m] = fold_modality(rule, rows, verdicts, count, (enum modality)m);
    }
    fold_final(rows, count, out);

    struct half nlp = fold_half(rows, verdicts, count, MODALITY_NLP, PARADIGM_NONE);
    out->modality[MODALITY_NLP] =
        (struct gl_modality){ .tasks = nlp.tasks, .supported = nlp.supported, .wins = nlp.wins };
    out->w_l = nlp.earned / 100;
    out->level5 = out->level4 * out->w_l;
}

err gl_compute(enum gl_rule rule, const struct gl_row *rows, size_t count, struct gl_levels *out,
               struct gl_faults *faults)
{
    struct gl_verdict *verdicts = xcalloc(count + 1, sizeof(*verdicts));
    *out = (struct gl_levels){ 0 };
    err e = gl_judge(rule, rows, count, verdicts, faults);
    if (e == OK)
        fold(rule, rows, verdicts, count, out);
    free(verdicts);
    return e;
}
