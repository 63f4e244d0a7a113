/* The corrected rule: the paper's formulas on the tables' units, every sheet alike, and scores that
 * cannot be right are refused by name instead of entering a mean. */
#include "coordinator/level/gl_rules.h"
#include "coordinator/level/gl_scale.h"

/* One side of a row. */
struct side {
    double raw, value; /* as in the table; on the scale, within 0..100. NAN: there is none */
};

/* Empty cells and infinity, the paper's sign for "unsupported", are none. */
static enum gl_fault_kind read_cell(struct gl_cell cell, const struct gl_scale *scale,
                                    struct side *out)
{
    *out = (struct side){ NAN, NAN };
    switch (cell.kind) {
    case GL_CELL_EMPTY:
    case GL_CELL_INFINITY: return GL_FAULT_NONE;
    case GL_CELL_TEXT: return GL_FAULT_TEXT;
    case GL_CELL_NUMBER: break;
    }
    double x = cell.number + 0.0; /* -0 becomes 0: it is a divisor */
    if (isnan(x))
        return GL_FAULT_NAN;
    if (x == INFINITY)
        return GL_FAULT_NONE;
    if (x < (scale != NULL && scale->kind == GL_SCALE_MS_SSIM ? -1 : 0))
        return GL_FAULT_NEGATIVE;
    double value = scale != NULL ? gl_scale_apply(GL_CORRECTED, scale, x) : x;
    *out = (struct side){ x, fmin(fmax(value, 0), 100) };
    return GL_FAULT_NONE;
}

/* All scales are monotonic, so the raw values say who wins; the scaled ones need not, since small
 * errors all round to 100 and what was clamped is equal. False where a side is NAN. */
static bool beats(const struct gl_scale *scale, double score, double sota)
{
    return gl_scale_lower_is_better(scale) ? score <= sota : score >= sota;
}

static struct gl_verdict verdict_of(const struct gl_scale *scale, struct side score,
                                    struct side sota)
{
    bool supported = !isnan(score.raw);
    bool win = beats(scale, score.raw, sota.raw);
    return (struct gl_verdict){
        .score = score.value,
        .sota = sota.value,
        .scored = supported ? score.value : 0,
        .earned = win ? score.value : 0,
        .win = win,
        .counted_supported = supported,
        .counted_win = win,
    };
}

/* Taken for a percentage, an error would be the better the larger it is. */
static bool lacks_scale(const struct gl_scale *scale, const char *metric, struct side score)
{
    return scale == NULL && !isnan(score.raw) && gl_scale_is_missing(metric);
}

void gl_judge_corrected(const struct gl_row *rows, size_t count, struct gl_verdict *verdicts,
                        struct gl_faults *faults)
{
    for (size_t i = 0; i < count; i++) {
        const struct gl_scale *scale = gl_scale_find(GL_CORRECTED, rows[i].metric);
        struct side sota, score;
        enum gl_fault_kind in_sota = read_cell(rows[i].sota, scale, &sota);
        enum gl_fault_kind in_score = read_cell(rows[i].score, scale, &score);
        if (in_sota)
            gl_faults_add(faults, in_sota, i, true);
        if (!in_score && lacks_scale(scale, rows[i].metric, score))
            in_score = GL_FAULT_NO_SCALE;
        if (in_score)
            gl_faults_add(faults, in_score, i, false);
        verdicts[i] = verdict_of(scale, score, sota);
    }
    if (gl_count_rows(rows, count, false) == 0)
        gl_faults_add(faults, GL_FAULT_NO_MODALITY, SIZE_MAX, false);
}
