/* The official rule: the reference ranker, with what it does at the edges. The order of operations
 * is the reference's, so that sums agree to the last bit. */
#include "coordinator/level/gl_rules.h"
#include "coordinator/level/gl_scale.h"

#include <strings.h>

/* to_float_inf: whatever is no number is +inf. */
static double cell_number(struct gl_cell cell)
{
    return cell.kind == GL_CELL_NUMBER ? cell.number : INFINITY;
}

/* normalize_special_metrics. False: the assertion fails. */
static bool normalise(const char *metric, double raw, double *out)
{
    const struct gl_scale *scale = gl_scale_find(GL_OFFICIAL, metric);
    *out = raw;
    if (scale == NULL)
        return true;
    if (!gl_is_there(raw) || raw == 0) {
        *out = 0;
        return true;
    }
    if (!(raw > 0))
        return false;
    *out = gl_scale_apply(GL_OFFICIAL, scale, raw);
    return true;
}

static struct gl_verdict verdict_of(double score, double sota)
{
    bool both = gl_is_there(score) && gl_is_there(sota);
    bool win = both && score >= sota;
    return (struct gl_verdict){
        .score = gl_is_there(score) ? score : NAN,
        .sota = gl_is_there(sota) ? sota : NAN,
        .scored = gl_is_there(score) ? score : 0,
        .earned = win ? score : 0,
        .win = win,
        .counted_supported = both && score != 0 && sota != 0,
        .counted_win = win,
    };
}

static bool judge_row(const struct gl_row *rows, size_t row, struct gl_verdict *out,
                      struct gl_faults *faults)
{
    double sota, score;
    bool sota_fine = normalise(rows[row].metric, cell_number(rows[row].sota), &sota);
    if (!sota_fine || !normalise(rows[row].metric, cell_number(rows[row].score), &score)) {
        gl_faults_add(faults, GL_FAULT_NOT_POSITIVE, row, !sota_fine);
        return false;
    }
    *out = verdict_of(score, sota);
    return true;
}

/* get_level_5's sigmoid_adjust, times 100. Python raises where C would give inf or go on. */
static enum gl_fault_kind adjust_rmse(double *score)
{
    if (*score == 0)
        return GL_FAULT_RMSE_ZERO;
    double exponent = -5 / *score, power = exp(exponent);
    if (isinf(power) && !isinf(exponent))
        return GL_FAULT_RMSE_OVERFLOW;
    *score = (2 / (1 + power) - 1) * 100;
    return GL_FAULT_NONE;
}

/* The NLP line of the report compares raw cells, text included, which Python cannot do. (Text on
 * both sides would compare by letters there; we call that a fault as well.) */
static bool raw_cells_compare(const struct gl_row *row)
{
    bool sota_text = row->sota.kind == GL_CELL_TEXT || row->sota.kind == GL_CELL_INFINITY;
    bool score_text = row->score.kind == GL_CELL_TEXT || row->score.kind == GL_CELL_INFINITY;
    bool sota_there = sota_text || gl_is_there(cell_number(row->sota));
    bool score_there = score_text || gl_is_there(cell_number(row->score));
    return !(sota_there && score_there && (sota_text || score_text));
}

static struct gl_verdict judge_nlp_row(const struct gl_row *row, double score)
{
    double sota = cell_number(row->sota);
    struct gl_verdict verdict = verdict_of(score, sota);
    struct gl_verdict raw = verdict_of(cell_number(row->score), sota);
    verdict.counted_supported = !isnan(raw.score) && !isnan(raw.sota);
    verdict.counted_win = raw.win;
    return verdict;
}

/* Only the first RMSE row is adjusted, and only the model's side of it. */
static void judge_nlp(const struct gl_row *rows, size_t count, struct gl_verdict *verdicts,
                      struct gl_faults *faults)
{
    bool adjusted = false;
    for (size_t i = 0; i < count; i++) {
        if (rows[i].modality != MODALITY_NLP)
            continue;
        double score = cell_number(rows[i].score);
        if (!adjusted && strcasecmp(rows[i].metric, "RMSE") == 0) {
            adjusted = true;
            enum gl_fault_kind fault = adjust_rmse(&score);
            if (fault) {
                gl_faults_add(faults, fault, i, false);
                return;
            }
        }
        verdicts[i] = judge_nlp_row(&rows[i], score);
    }
}

static void check_nlp_text(const struct gl_row *rows, size_t count, struct gl_faults *faults)
{
    for (size_t i = 0; i < count; i++) {
        if (rows[i].modality == MODALITY_NLP && !raw_cells_compare(&rows[i])) {
            gl_faults_add(faults, GL_FAULT_NLP_TEXT, i, rows[i].score.kind == GL_CELL_NUMBER);
            return;
        }
    }
}

/* In the order in which the reference would fail: sheets, then NLP, then the report. */
void gl_judge_official(const struct gl_row *rows, size_t count, struct gl_verdict *verdicts,
                       struct gl_faults *faults)
{
    for (size_t i = 0; i < count; i++) {
        if (rows[i].modality != MODALITY_NLP && !judge_row(rows, i, &verdicts[i], faults))
            return;
    }
    if (gl_count_rows(rows, count, false) == 0) {
        gl_faults_add(faults, GL_FAULT_NO_MODALITY, SIZE_MAX, false);
        return;
    }
    if (gl_count_rows(rows, count, true) == 0) {
        gl_faults_add(faults, GL_FAULT_NO_NLP, SIZE_MAX, false);
        return;
    }
    judge_nlp(rows, count, verdicts, faults);
    if (faults->count == 0)
        check_nlp_text(rows, count, faults);
}
