/* General-Level: from one model's task scores and the specialists' (SoTA) to levels 2 to 5.
 * Pure functions (arXiv 2505.04620, section 3).
 *
 * A modality has two halves, comprehension and generation. With all sums over rows that have a
 * score and every division by the number of ALL rows of the half:
 *   level 2 = mean of the halves' mean score              (unsupported tasks count 0)
 *   level 3 = (S_C + S_G) / 2, S = mean score of the rows that win: score >= SoTA, else 0
 *   level 4 = harmonic mean of S_C and S_G, 0 if either is 0
 * The final levels 2 to 4 are means over the modalities that have rows; level 5 is the final level
 * 4 times w_L = S_L / 100, S_L being what S is, over the NLP rows.
 *
 * There are two rules. GL_OFFICIAL is the reference ranker (path2generalist/General-Level,
 * ranker.py and utils/special_metrix.py at 420b8eb), bit for bit, its slips included: published
 * boards can be compared with it. GL_CORRECTED is what the paper says where they differ:
 *
 *                          official                          corrected
 *   WER                    (1 - x) * 100: reads a fraction,  100 - x: the tables have percents
 *                          so 5.6 becomes -460
 *   CD (Chamfer ...),      the name is no key of its table:  the key is the name's first word:
 *   RTE ( Relative ...)    left raw, and higher is better    normalised as in the paper's A.1
 *   CER, other names       left raw, and higher is better    as WER; as the metric that the name
 *   ("Chamfer Distance")                                     means; errors without a scale (LPIPS)
 *                                                            are a fault
 *   RMSE of NLP            the model's normalised (in the    both sides normalised, as in every
 *                          first such row), the SoTA raw     other sheet
 *   other such metrics     left raw in NLP                   normalised in NLP too
 *   0 of an error metric   0, unsupported                    perfect: 100
 *   0 of MS-SSIM           0, unsupported                    50, as the formula says
 *   no cell, such metrics  0: wins if the SoTA, normalised,  no score: wins nothing; no SoTA:
 *                          is <= 0; the SoTA's too           nothing to win
 *   outside 0..100         as it is                          clamped
 *   a win is decided by    the normalised values: errors so  the raw values, lower or higher as
 *                          small that both round to 100 tie, the metric has it: the same, without
 *                          and a tie wins                    the rounding
 *   negative, NaN, -inf,   assertion error in such metrics,  a fault that names the row (MS-SSIM
 *   text                   else as it is; text is no score,  may go down to -1)
 *                          and a TypeError in NLP
 *   level 4                2CG / (C + G + 1e-6)              2CG / (C + G), never above level 3
 *   supported              both sides there and not 0,       a score is there, 0 included
 *                          in NLP 0 included
 *   wins of NLP, printed   of raw cells: a larger RMSE wins  those that S_L has
 *   no NLP rows            an error                          level 5 is 0
 *
 * ("Such metrics": those with a scale in gl_scale.h.) Under the corrected rule always
 * 0 <= level 5 <= level 4 <= level 3 <= level 2 <= 100. */
#ifndef MUSTER_COORDINATOR_LEVEL_GENERAL_LEVEL_H
#define MUSTER_COORDINATOR_LEVEL_GENERAL_LEVEL_H

#include "common/err.h"
#include "common/suite/suite.h" /* enum modality, enum paradigm: types alone */

/* X(name, text) */
#define GL_RULE_LIST(X)                                                                            \
    X(GL_OFFICIAL, "official")                                                                     \
    X(GL_CORRECTED, "corrected")

enum gl_rule {
#define X(name, text) name,
    GL_RULE_LIST(X)
#undef X
        GL_RULE_COUNT
};

const char *gl_rule_text(enum gl_rule rule);

/* A cell of a score table, as the reference tells them apart. */
enum gl_cell_kind {
    GL_CELL_EMPTY,    /* blank, or what pandas takes for missing ("N/A", "null", "None", ...) */
    GL_CELL_NUMBER,   /* may be NaN, +inf (the paper's way to say unsupported) or -inf */
    GL_CELL_INFINITY, /* the infinity sign as text: unsupported */
    GL_CELL_TEXT      /* anything else */
};

struct gl_cell {
    enum gl_cell_kind kind;
    double number; /* GL_CELL_NUMBER */
};

static inline struct gl_cell gl_cell_number(double number)
{
    return (struct gl_cell){ GL_CELL_NUMBER, number };
}

/* Blanks around it do not count; "inf", "+inf", "-inf", "infinity" and "nan" in any case are
 * numbers; so are a spreadsheet's error texts ("#DIV/0!"): NaN. */
struct gl_cell gl_cell_of_text(const char *text);

/* One task. Strings are borrowed. */
struct gl_row {
    enum modality modality;
    enum paradigm paradigm; /* ignored for NLP; else not PARADIGM_NONE */
    const char *task;       /* for messages */
    const char *metric;     /* byte for byte as in the SoTA table */
    struct gl_cell sota, score;
};

/* X(name, exception, text): why no level comes out. exception: what the reference dies of. */
#define GL_FAULT_LIST(X)                                                                           \
    X(GL_FAULT_NONE, "", "none")                                                                   \
    X(GL_FAULT_NOT_POSITIVE, "AssertionError",                                                     \
      "a score of this metric must be above 0, or the reference ranker stops here")                \
    X(GL_FAULT_RMSE_ZERO, "ZeroDivisionError",                                                     \
      "the reference ranker divides by this RMSE; an empty cell means unsupported")                \
    X(GL_FAULT_RMSE_OVERFLOW, "OverflowError",                                                     \
      "this RMSE is so close below 0 that the reference ranker overflows")                         \
    X(GL_FAULT_NLP_TEXT, "TypeError",                                                              \
      "the reference ranker cannot compare text in the NLP sheet; leave the cell empty instead")   \
    X(GL_FAULT_NO_MODALITY, "ValueError",                                                          \
      "no rows of Image, Video, Audio or 3D, so there is nothing to level")                        \
    X(GL_FAULT_NO_NLP, "ValueError", "no rows of NLP, and the reference ranker insists on them")   \
    X(GL_FAULT_NAN, "", "not a number (NaN); leave the cell empty for an unsupported task")        \
    X(GL_FAULT_TEXT, "", "text; leave the cell empty, or write inf, for an unsupported task")      \
    X(GL_FAULT_NEGATIVE, "", "below the metric's range, which begins at 0 (MS-SSIM: at -1)")       \
    X(GL_FAULT_NO_SCALE, "",                                                                       \
      "an error, of which less is better, and General-Level has no scale for it; leave it out")

enum gl_fault_kind {
#define X(name, exception, text) name,
    GL_FAULT_LIST(X)
#undef X
        GL_FAULT_KIND_COUNT
};

const char *gl_fault_text(enum gl_fault_kind kind);
const char *gl_fault_exception(enum gl_fault_kind kind);

struct gl_fault {
    enum gl_fault_kind kind;
    size_t row;   /* SIZE_MAX: of no row */
    bool in_sota; /* in the SoTA's cell, not the model's */
};

enum { GL_FAULTS_KEPT = 20 };

/* The official rule stops at the first fault; the corrected one goes through all rows. */
struct gl_faults {
    struct gl_fault first[GL_FAULTS_KEPT];
    size_t count; /* may be more than are kept */
};

/* What one row comes to under a rule. */
struct gl_verdict {
    double score, sota; /* normalised; NAN: none */
    double scored;      /* what enters level 2 */
    double earned;      /* what enters level 3, 4 and w_L: scored if the row wins, else 0 */
    bool win;
    bool counted_supported, counted_win; /* as the reports count them */
};

struct gl_modality {
    uint32_t tasks; /* 0: the modality has no rows, and is not part of the final levels */
    uint32_t supported, wins;
    double s_c, s_g; /* the halves of level 3; NLP: 0, as are the levels */
    double level2, level3, level4;
};

struct gl_levels {
    struct gl_modality modality[MODALITY_COUNT];
    double level2, level3, level4, level5; /* final */
    double w_l;                            /* weight of language, 0..1 under GL_CORRECTED */
};

/* Rows are summed in the order given: the reference's is sheet by sheet, in the order of the SoTA
 * workbook. ERR_INVALID: faults says why, and out is all zero. */
err gl_compute(enum gl_rule rule, const struct gl_row *rows, size_t count, struct gl_levels *out,
               struct gl_faults *faults);

/* The step before: verdicts[count]. */
err gl_judge(enum gl_rule rule, const struct gl_row *rows, size_t count,
             struct gl_verdict *verdicts, struct gl_faults *faults);

/* X(name, text): why the rules differ on a row. */
#define GL_REASON_LIST(X)                                                                          \
    X(GL_REASON_WER, "WER is a percentage: 100 - x, not (1 - x) * 100")                            \
    X(GL_REASON_NAME,                                                                              \
      "the metric is an error to normalise, but not by the name that the ranker knows")            \
    X(GL_REASON_NLP, "normalised on both sides of NLP, not on the model's of one row")             \
    X(GL_REASON_PERFECT, "0 is a score, not an unsupported task")                                  \
    X(GL_REASON_ABSENT, "an empty cell is no score, not a 0 to compare with")                      \
    X(GL_REASON_RANGE, "outside 0..100: clamped")                                                  \
    X(GL_REASON_ROUNDED, "both sides round to 100: the raw errors decide")

enum gl_reason {
#define X(name, text) name,
    GL_REASON_LIST(X)
#undef X
        GL_REASON_COUNT
};

const char *gl_reason_text(enum gl_reason reason);

struct gl_difference {
    size_t row;
    struct gl_verdict verdict[GL_RULE_COUNT];
    enum gl_reason reason;
};

/* The rows that enter the sums differently under the two rules, into out[count]; returns how many.
 * The verdicts are those of gl_judge. */
size_t gl_compare(const struct gl_row *rows, size_t count, const struct gl_verdict *official,
                  const struct gl_verdict *corrected, struct gl_difference *out);

#endif
