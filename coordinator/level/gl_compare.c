/* Where the two rules part, and why. */
#include "common/check.h"
#include "coordinator/level/gl_rules.h"
#include "coordinator/level/gl_scale.h"

const char *gl_reason_text(enum gl_reason reason)
{
    static const char *const texts[] = {
#define X(name, text) [name] = text,
        GL_REASON_LIST(X)
#undef X
    };
    check(reason < GL_REASON_COUNT);
    return texts[reason];
}

static bool differ(const struct gl_row *row, const struct gl_verdict *a, const struct gl_verdict *b)
{
    bool level2 = row->modality != MODALITY_NLP && a->scored != b->scored;
    return level2 || a->earned != b->earned || a->win != b->win;
}

static enum gl_reason reason_of(const struct gl_row *row, const struct gl_verdict *official,
                                const struct gl_verdict *corrected)
{
    const struct gl_scale *scale = gl_scale_find(GL_CORRECTED, row->metric);
    if (scale == NULL)
        return GL_REASON_RANGE;
    if (row->modality == MODALITY_NLP)
        return GL_REASON_NLP;
    if (gl_scale_find(GL_OFFICIAL, row->metric) == NULL)
        return GL_REASON_NAME;
    if (scale->kind == GL_SCALE_WER)
        return GL_REASON_WER;
    if (isnan(corrected->score) || isnan(corrected->sota))
        return GL_REASON_ABSENT;
    bool zero = (row->score.kind == GL_CELL_NUMBER && row->score.number == 0) ||
                (row->sota.kind == GL_CELL_NUMBER && row->sota.number == 0);
    if (zero)
        return GL_REASON_PERFECT;
    return official->score == corrected->score && official->sota == corrected->sota
               ? GL_REASON_ROUNDED
               : GL_REASON_RANGE;
}

size_t gl_compare(const struct gl_row *rows, size_t count, const struct gl_verdict *official,
                  const struct gl_verdict *corrected, struct gl_difference *out)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        if (!differ(&rows[i], &official[i], &corrected[i]))
            continue;
        out[found++] = (struct gl_difference){
            .row = i,
            .verdict = { [GL_OFFICIAL] = official[i], [GL_CORRECTED] = corrected[i] },
            .reason = reason_of(&rows[i], &official[i], &corrected[i]),
        };
    }
    return found;
}
