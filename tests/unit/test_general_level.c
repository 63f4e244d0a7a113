/* General-Level on rows made for the purpose: each rule of the paper, each slip of the reference.
 * The reference's own figures are in tests/io/test_level_cases.c. */
#include "tests/lib/test.h"

#include "common/rng.h"
#include "coordinator/level/general_level.h"

#include <math.h>

enum { ROWS_MAX = 64 };

struct rows {
    struct gl_row row[ROWS_MAX];
    size_t count;
};

static struct gl_cell empty(void)
{
    return (struct gl_cell){ .kind = GL_CELL_EMPTY };
}

static void add(struct rows *r, enum modality m, enum paradigm p, const char *metric,
                struct gl_cell sota, struct gl_cell score)
{
    assert_true(r->count < ROWS_MAX);
    r->row[r->count++] = (struct gl_row){ m, p, "a task", metric, sota, score };
}

static void add_numbers(struct rows *r, enum modality m, enum paradigm p, const char *metric,
                        double sota, double score)
{
    add(r, m, p, metric, gl_cell_number(sota), gl_cell_number(score));
}

/* A row of Image generation, with the NLP row that the reference insists on. */
static struct rows one_row(const char *metric, struct gl_cell sota, struct gl_cell score)
{
    struct rows r = { 0 };
    add(&r, MODALITY_IMAGE, PARADIGM_GENERATION, metric, sota, score);
    add_numbers(&r, MODALITY_NLP, PARADIGM_NONE, "ACC", 50, 0);
    return r;
}

static struct gl_levels compute(enum gl_rule rule, const struct rows *r)
{
    struct gl_levels levels;
    struct gl_faults faults;
    assert_int_equal(gl_compute(rule, r->row, r->count, &levels, &faults), OK);
    assert_int_equal(faults.count, 0);
    return levels;
}

static struct gl_fault fault_of(enum gl_rule rule, const struct rows *r)
{
    struct gl_levels levels;
    struct gl_faults faults;
    assert_int_equal(gl_compute(rule, r->row, r->count, &levels, &faults), ERR_INVALID);
    assert_true(levels.level2 == 0 && levels.modality[MODALITY_IMAGE].tasks == 0); /* empty */
    assert_true(faults.count >= 1);
    return faults.first[0];
}

static struct gl_verdict verdict_of(enum gl_rule rule, const struct rows *r, size_t row)
{
    struct gl_verdict verdicts[ROWS_MAX];
    struct gl_faults faults;
    assert_int_equal(gl_judge(rule, r->row, r->count, verdicts, &faults), OK);
    return verdicts[row];
}

/* The verdict on a row of Image generation. */
static struct gl_verdict judge(enum gl_rule rule, const char *metric, double sota, double score)
{
    struct rows r = one_row(metric, gl_cell_number(sota), gl_cell_number(score));
    return verdict_of(rule, &r, 0);
}

static void assert_near(double actual, double expected)
{
    if (!(fabs(actual - expected) <= 1e-9 * fmax(1, fabs(expected))))
        fail_msg("%.17g is not %.17g", actual, expected);
}

/* Two comprehension tasks and one generation task, in both rules alike but for the epsilon. */
static void levels_follow_the_paper(void **state)
{
    (void)state;
    struct rows r = { 0 };
    add_numbers(&r, MODALITY_IMAGE, PARADIGM_COMPREHENSION, "Acc", 50, 60);     /* a win */
    add_numbers(&r, MODALITY_IMAGE, PARADIGM_COMPREHENSION, "Acc", 90, 30);     /* a loss */
    add_numbers(&r, MODALITY_IMAGE, PARADIGM_GENERATION, "CLIP score", 20, 20); /* a tie: a win */
    add_numbers(&r, MODALITY_3D, PARADIGM_GENERATION, "CLIP score", 20, 10);
    add_numbers(&r, MODALITY_NLP, PARADIGM_NONE, "ACC", 40, 50);
    add_numbers(&r, MODALITY_NLP, PARADIGM_NONE, "ACC", 40, 30);

    struct gl_levels l = compute(GL_CORRECTED, &r);
    const struct gl_modality *image = &l.modality[MODALITY_IMAGE];
    assert_int_equal(image->tasks, 3);
    assert_int_equal(image->supported, 3);
    assert_int_equal(image->wins, 2);
    assert_near(image->s_c, 30);
    assert_near(image->s_g, 20);
    assert_near(image->level2, (45 + 20) / 2.0);
    assert_near(image->level3, (30 + 20) / 2.0);
    assert_near(image->level4, 2 * 30 * 20 / 50.0);
    assert_near(l.modality[MODALITY_3D].level2, 5);
    assert_near(l.modality[MODALITY_3D].level4, 0);
    assert_near(l.level2, (32.5 + 5) / 2);
    assert_near(l.level3, 12.5);
    assert_near(l.level4, 12);
    assert_near(l.w_l, 0.25);
    assert_near(l.level5, 3);
    assert_int_equal(l.modality[MODALITY_NLP].tasks, 2);
    assert_int_equal(l.modality[MODALITY_NLP].wins, 1);

    struct gl_levels official = compute(GL_OFFICIAL, &r);
    assert_true(official.modality[MODALITY_IMAGE].level4 == 2 * (30.0 * 20.0) / (50.0 + 1e-6));
    assert_near(official.level3, 12.5);
}

static void unsupported_tasks_divide_but_do_not_add(void **state)
{
    (void)state;
    const struct gl_cell absent[] = { empty(),
                                      gl_cell_number(INFINITY),
                                      { .kind = GL_CELL_INFINITY } };
    for (size_t i = 0; i < 3; i++) {
        for (int rule = 0; rule < GL_RULE_COUNT; rule++) {
            struct rows r = one_row("Acc", gl_cell_number(10), absent[i]);
            add_numbers(&r, MODALITY_IMAGE, PARADIGM_GENERATION, "Acc", 10, 40);
            struct gl_levels l = compute((enum gl_rule)rule, &r);
            assert_near(l.level2, 10);
            assert_int_equal(l.modality[MODALITY_IMAGE].supported, 1);
            assert_int_equal(l.modality[MODALITY_IMAGE].wins, 1);
        }
    }
}

static void metrics_are_scaled(void **state)
{
    (void)state;
    /* The values of the paper's SoTA table, computed by the reference. */
    static const struct {
        const char *metric;
        double raw, official, corrected;
    } cases[] = {
        { "MAE", 5.95, 99.9552, 99.9552 },
        { "RMS", 36.4, 59.5931, 59.5931 },
        { "MSE", 28.9, 8.6290, 8.6290 },
        { "RMSE", 3.29, 64.1005, 64.1005 },
        { "absRel", 0.27, 18.3097, 18.3097 },
        { "EPE", 49.2, 1.01623, 1.01623 },
        { "FID", 18.7, 58.3959, 58.3959 },
        { "FID", 0.228, 100, 100 },
        { "FVD", 71.27, 60.5355, 60.5355 },
        { "FAD", 11.52, 40.8682, 40.8682 },
        { "SAD", 18.1, 26.9424, 26.9424 },
        { "MCD", 4.12, 54.1868, 54.1868 },
        { "PSNR", 34.56, 93.8819, 93.8819 },
        { "MS-SSIM", 0.542, 77.1, 77.1 },
        { "MOS", 3.82, 70.5, 70.5 },
        { "WER", 5.6, -460, 94.4 },
        { "CD", 1, 46.2117, 46.2117 },
        { "CD (Chamfer Distance)", 1, 1, 46.2117 },
        { "RTE ( Relative Translation Error)", 0.5, 0.5, 46.2117 },
        { "Chamfer Distance", 1, 1, 46.2117 }, /* another name of CD */
        { "CER", 5.6, 5.6, 94.4 },             /* as WER, in percent */
        { "RMSEX", 3, 3, 3 },
        { "Acc", 73, 73, 73 },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        double official = judge(GL_OFFICIAL, cases[i].metric, cases[i].raw, cases[i].raw).score;
        double corrected = judge(GL_CORRECTED, cases[i].metric, cases[i].raw, cases[i].raw).score;
        assert_true(fabs(official - cases[i].official) < 1e-4);
        assert_true(fabs(corrected - cases[i].corrected) < 1e-4);
    }
}

static void zero_error_is_unsupported_officially_and_perfect_corrected(void **state)
{
    (void)state;
    static const char *const errors[] = { "FID", "MAE", "WER", "CD" };
    for (size_t i = 0; i < 4; i++) {
        struct gl_verdict official = judge(GL_OFFICIAL, errors[i], 20, 0);
        struct gl_verdict corrected = judge(GL_CORRECTED, errors[i], 20, 0);
        assert_true(official.score == 0 && !official.counted_supported);
        assert_true(corrected.score == 100 && corrected.win && corrected.earned == 100);
        assert_true(judge(GL_CORRECTED, errors[i], 20, -0.0).score == 100);
    }
}

/* (1 - 5.6) * 100 = -460, and an empty cell is 0 there. */
static void empty_wer_wins_officially(void **state)
{
    (void)state;
    struct rows r = one_row("WER", gl_cell_number(5.6), empty());
    assert_int_equal(compute(GL_OFFICIAL, &r).modality[MODALITY_IMAGE].wins, 1);
    assert_int_equal(compute(GL_OFFICIAL, &r).modality[MODALITY_IMAGE].supported, 0);
    assert_int_equal(compute(GL_CORRECTED, &r).modality[MODALITY_IMAGE].wins, 0);
}

/* Five times as many wrong characters as the specialist are no win. */
static void fewer_errors_win_whatever_the_metric_s_name(void **state)
{
    (void)state;
    static const char *const errors[] = { "CER", "Chamfer Distance", "CD", "WER", "MAE" };
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        assert_false(judge(GL_CORRECTED, errors[i], 10, 50).win);
        assert_true(judge(GL_CORRECTED, errors[i], 10, 2).win);
    }
}

static void an_error_without_a_scale_harms_nobody_who_has_no_score(void **state)
{
    (void)state;
    struct rows r = one_row("LPIPS", gl_cell_number(0.1), empty());
    assert_int_equal(compute(GL_CORRECTED, &r).modality[MODALITY_IMAGE].supported, 0);
}

static void missing_sota_is_beaten_officially_in_scaled_metrics_only(void **state)
{
    (void)state;
    struct rows scaled = one_row("FID", empty(), gl_cell_number(30));
    struct rows plain = one_row("Acc", empty(), gl_cell_number(30));
    assert_true(verdict_of(GL_OFFICIAL, &scaled, 0).win);
    assert_false(verdict_of(GL_OFFICIAL, &plain, 0).win);
    assert_false(verdict_of(GL_CORRECTED, &scaled, 0).win);
    assert_true(verdict_of(GL_CORRECTED, &scaled, 0).scored > 0);
    assert_false(verdict_of(GL_CORRECTED, &plain, 0).win);
}

/* FID 0.51 and 0.228 both come to exactly 100. */
static void rounding_to_100_does_not_win_under_the_corrected_rule(void **state)
{
    (void)state;
    assert_true(judge(GL_OFFICIAL, "FID", 0.228, 0.51).win);
    assert_false(judge(GL_CORRECTED, "FID", 0.228, 0.51).win);
    assert_true(judge(GL_CORRECTED, "FID", 0.51, 0.228).win);
    assert_true(judge(GL_CORRECTED, "FID", 0.51, 0.51).win);
}

static void corrected_values_are_clamped_and_wins_are_not_made_by_it(void **state)
{
    (void)state;
    struct gl_verdict high = judge(GL_CORRECTED, "CIDEr", 120, 110);
    assert_true(high.scored == 100 && high.score == 100 && !high.win);
    struct gl_verdict low = judge(GL_CORRECTED, "MOS", 3, 0.5);
    assert_true(low.scored == 0 && low.counted_supported);
    assert_true(judge(GL_CORRECTED, "WER", 5, 120).scored == 0);
    assert_true(judge(GL_OFFICIAL, "CIDEr", 120, 110).scored == 110);
}

static void supported_zero_counts_under_the_corrected_rule_only(void **state)
{
    (void)state;
    assert_false(judge(GL_OFFICIAL, "Acc", 50, 0).counted_supported);
    assert_true(judge(GL_CORRECTED, "Acc", 50, 0).counted_supported);
}

/* (2/(1+exp(-5/3))-1)*100 = 68.2: above a raw SoTA of 2.31, below a scaled one. */
static void nlp_rmse_is_scaled_on_one_side_officially(void **state)
{
    (void)state;
    struct rows r = { 0 };
    add_numbers(&r, MODALITY_IMAGE, PARADIGM_GENERATION, "Acc", 50, 50);
    add_numbers(&r, MODALITY_NLP, PARADIGM_NONE, "rmse", 2.31, 3);
    add_numbers(&r, MODALITY_NLP, PARADIGM_NONE, "RMSE", 2.31, 1);

    struct gl_verdict first = verdict_of(GL_OFFICIAL, &r, 1);
    assert_true(first.win && first.sota == 2.31);
    assert_near(first.earned, (2 / (1 + exp(-5.0 / 3)) - 1) * 100);
    assert_true(first.counted_win); /* of the raw cells: 3 >= 2.31 */
    struct gl_verdict second = verdict_of(GL_OFFICIAL, &r, 2);
    assert_true(!second.win && second.score == 1); /* left raw */

    assert_false(verdict_of(GL_CORRECTED, &r, 1).win);
    assert_near(verdict_of(GL_CORRECTED, &r, 1).sota, (2 / (1 + exp(-5 / 2.31)) - 1) * 100);
    assert_true(verdict_of(GL_CORRECTED, &r, 2).win);
}

static void minus_infinity_goes_through_officially(void **state)
{
    (void)state;
    struct rows r = one_row("Acc", gl_cell_number(50), gl_cell_number(-INFINITY));
    struct gl_levels l = compute(GL_OFFICIAL, &r);
    assert_true(l.level2 == -INFINITY && l.level3 == 0);
}

static void faults_name_cause_row_and_side(void **state)
{
    (void)state;
    const struct gl_cell text = { .kind = GL_CELL_TEXT };
    const struct {
        enum gl_rule rule;
        const char *metric;
        struct gl_cell sota, score;
        enum gl_fault_kind kind;
        bool in_sota;
    } cases[] = {
        { GL_OFFICIAL, "FID", gl_cell_number(9), gl_cell_number(-1), GL_FAULT_NOT_POSITIVE, 0 },
        { GL_OFFICIAL, "FID", gl_cell_number(-9), gl_cell_number(1), GL_FAULT_NOT_POSITIVE, 1 },
        { GL_OFFICIAL, "WER", gl_cell_number(9), gl_cell_number(-INFINITY), GL_FAULT_NOT_POSITIVE,
          0 },
        { GL_CORRECTED, "Acc", gl_cell_number(9), gl_cell_number(-1), GL_FAULT_NEGATIVE, 0 },
        { GL_CORRECTED, "Acc", gl_cell_number(-9), gl_cell_number(1), GL_FAULT_NEGATIVE, 1 },
        { GL_CORRECTED, "Acc", gl_cell_number(9), gl_cell_number(-INFINITY), GL_FAULT_NEGATIVE, 0 },
        { GL_CORRECTED, "MS-SSIM", gl_cell_number(0.5), gl_cell_number(-1.5), GL_FAULT_NEGATIVE,
          0 },
        { GL_CORRECTED, "Acc", gl_cell_number(9), gl_cell_number(NAN), GL_FAULT_NAN, 0 },
        { GL_CORRECTED, "Acc", gl_cell_number(9), text, GL_FAULT_TEXT, 0 },
        { GL_CORRECTED, "LPIPS", gl_cell_number(0.1), gl_cell_number(0.6), GL_FAULT_NO_SCALE, 0 },
        { GL_CORRECTED, "Error", empty(), gl_cell_number(7), GL_FAULT_NO_SCALE, 0 },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rows r = one_row(cases[i].metric, cases[i].sota, cases[i].score);
        struct gl_fault fault = fault_of(cases[i].rule, &r);
        assert_int_equal(fault.kind, cases[i].kind);
        assert_int_equal(fault.row, 0);
        assert_int_equal(fault.in_sota, cases[i].in_sota);
    }
    assert_true(judge(GL_CORRECTED, "MS-SSIM", 0.5, -0.5).score == 25);
}

static void nlp_faults_are_the_reference_s(void **state)
{
    (void)state;
    const struct gl_cell text = { .kind = GL_CELL_TEXT }, sign = { .kind = GL_CELL_INFINITY };
    const struct {
        const char *metric;
        struct gl_cell sota, score;
        const char *exception;
    } cases[] = {
        { "RMSE", gl_cell_number(2), gl_cell_number(0), "ZeroDivisionError" },
        { "RMSE", gl_cell_number(2), gl_cell_number(-0.001), "OverflowError" },
        { "ACC", gl_cell_number(2), text, "TypeError" },
        { "ACC", gl_cell_number(2), sign, "TypeError" },
        { "ACC", text, gl_cell_number(2), "TypeError" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rows r = { 0 };
        add_numbers(&r, MODALITY_IMAGE, PARADIGM_GENERATION, "Acc", 50, 50);
        add(&r, MODALITY_NLP, PARADIGM_NONE, cases[i].metric, cases[i].sota, cases[i].score);
        struct gl_fault fault = fault_of(GL_OFFICIAL, &r);
        assert_string_equal(gl_fault_exception(fault.kind), cases[i].exception);
        assert_int_equal(fault.row, 1);
    }
    /* Without a SoTA nothing is compared. */
    struct rows r = { 0 };
    add_numbers(&r, MODALITY_IMAGE, PARADIGM_GENERATION, "Acc", 50, 50);
    add(&r, MODALITY_NLP, PARADIGM_NONE, "ACC", empty(), text);
    (void)compute(GL_OFFICIAL, &r);
}

static void corrected_rule_reports_every_bad_row(void **state)
{
    (void)state;
    struct rows r = { 0 };
    for (int i = 0; i < GL_FAULTS_KEPT + 5; i++)
        add_numbers(&r, MODALITY_IMAGE, PARADIGM_GENERATION, "Acc", 50, -1);
    struct gl_levels levels;
    struct gl_faults faults;
    assert_int_equal(gl_compute(GL_CORRECTED, r.row, r.count, &levels, &faults), ERR_INVALID);
    assert_int_equal(faults.count, GL_FAULTS_KEPT + 5);
    assert_int_equal(faults.first[GL_FAULTS_KEPT - 1].row, GL_FAULTS_KEPT - 1);
}

static void missing_sheets(void **state)
{
    (void)state;
    struct rows only_nlp = { 0 }, no_nlp = { 0 };
    add_numbers(&only_nlp, MODALITY_NLP, PARADIGM_NONE, "ACC", 50, 60);
    add_numbers(&no_nlp, MODALITY_AUDIO, PARADIGM_COMPREHENSION, "ACC", 50, 60);
    assert_int_equal(fault_of(GL_OFFICIAL, &only_nlp).kind, GL_FAULT_NO_MODALITY);
    assert_int_equal(fault_of(GL_CORRECTED, &only_nlp).kind, GL_FAULT_NO_MODALITY);
    assert_int_equal(fault_of(GL_OFFICIAL, &no_nlp).kind, GL_FAULT_NO_NLP);
    assert_true(compute(GL_CORRECTED, &no_nlp).level5 == 0);
    assert_near(compute(GL_CORRECTED, &no_nlp).level2, 30);
}

static void texts_of_cells(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum gl_cell_kind kind;
        double number;
    } cases[] = {
        { "", GL_CELL_EMPTY, 0 },
        { "  ", GL_CELL_EMPTY, 0 },
        { "N/A", GL_CELL_EMPTY, 0 },
        { "NULL", GL_CELL_EMPTY, 0 },
        { "12.5", GL_CELL_NUMBER, 12.5 },
        { " 12.5\t", GL_CELL_NUMBER, 12.5 },
        { "-3e1", GL_CELL_NUMBER, -30 },
        { "inf", GL_CELL_NUMBER, INFINITY },
        { " INF ", GL_CELL_NUMBER, INFINITY },
        { "-inf", GL_CELL_NUMBER, -INFINITY },
        { "nan", GL_CELL_NUMBER, NAN },
        { "#DIV/0!", GL_CELL_NUMBER, NAN },
        { "\u221e", GL_CELL_INFINITY, 0 },
        { " \u221e ", GL_CELL_INFINITY, 0 },
        { "-", GL_CELL_TEXT, 0 },
        { "8O.5", GL_CELL_TEXT, 0 },
        { "0x10", GL_CELL_TEXT, 0 },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct gl_cell cell = gl_cell_of_text(cases[i].text);
        assert_int_equal(cell.kind, cases[i].kind);
        if (isnan(cases[i].number))
            assert_true(isnan(cell.number));
        else
            assert_true(cell.number == cases[i].number);
    }
}

static void differences_name_the_reason(void **state)
{
    (void)state;
    const struct {
        const char *metric;
        struct gl_cell sota, score;
        enum gl_reason reason;
    } cases[] = {
        { "WER", gl_cell_number(5), gl_cell_number(4), GL_REASON_WER },
        { "WER", gl_cell_number(5), empty(), GL_REASON_WER },
        { "CD (Chamfer Distance)", gl_cell_number(5), gl_cell_number(4), GL_REASON_NAME },
        { "FID", gl_cell_number(5), gl_cell_number(0), GL_REASON_PERFECT },
        { "FID", empty(), gl_cell_number(5), GL_REASON_ABSENT },
        { "Acc", gl_cell_number(50), gl_cell_number(101), GL_REASON_RANGE },
        { "MOS", gl_cell_number(3), gl_cell_number(0.5), GL_REASON_RANGE },
        { "FID", gl_cell_number(0.228), gl_cell_number(0.51), GL_REASON_ROUNDED },
        { "Acc", gl_cell_number(50), gl_cell_number(60), GL_REASON_COUNT },
        { "FID", gl_cell_number(5), gl_cell_number(6), GL_REASON_COUNT },
        { "FID", gl_cell_number(5), empty(), GL_REASON_COUNT },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rows r = one_row(cases[i].metric, cases[i].sota, cases[i].score);
        struct gl_verdict verdicts[GL_RULE_COUNT][ROWS_MAX];
        struct gl_faults faults;
        for (int rule = 0; rule < GL_RULE_COUNT; rule++)
            assert_int_equal(gl_judge((enum gl_rule)rule, r.row, r.count, verdicts[rule], &faults),
                             OK);
        struct gl_difference found[ROWS_MAX];
        size_t count =
            gl_compare(r.row, r.count, verdicts[GL_OFFICIAL], verdicts[GL_CORRECTED], found);
        assert_int_equal(count, cases[i].reason == GL_REASON_COUNT ? 0 : 1);
        if (count > 0)
            assert_int_equal(found[0].reason, cases[i].reason);
    }
}

static struct rows random_rows(struct rng *rng)
{
    static const char *const metrics[] = { "Acc",  "FID",     "WER", "CD (Chamfer Distance)",
                                           "PSNR", "MS-SSIM", "MOS", "RMSE" };
    struct rows r = { 0 };
    while (r.count < ROWS_MAX) {
        enum modality m = (enum modality)rng_below(rng, MODALITY_COUNT);
        enum paradigm p = rng_below(rng, 2) ? PARADIGM_COMPREHENSION : PARADIGM_GENERATION;
        double sota = rng_unit(rng) * 110, score = sota * (0.7 + 0.6 * rng_unit(rng));
        bool blank = rng_below(rng, 5) == 0;
        add(&r, m, m == MODALITY_NLP ? PARADIGM_NONE : p, metrics[rng_below(rng, 8)],
            gl_cell_number(sota), blank ? empty() : gl_cell_number(score));
    }
    return r;
}

static void shuffle(struct rows *r, struct rng *rng)
{
    for (size_t i = r->count; i > 1; i--) {
        size_t other = rng_below(rng, i);
        struct gl_row row = r->row[i - 1];
        r->row[i - 1] = r->row[other];
        r->row[other] = row;
    }
}

/* The paper's designed properties, and that the order of rows does not matter. */
static void corrected_levels_are_ordered_bounded_and_stable(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 20250504);
    for (int round = 0; round < 2000; round++) {
        struct rows r = random_rows(&rng);
        struct gl_levels a = compute(GL_CORRECTED, &r);
        assert_true(0 <= a.level5 && a.level5 <= a.level4 && a.level4 <= a.level3 &&
                    a.level3 <= a.level2 && a.level2 <= 100);
        for (int m = 1; m < MODALITY_COUNT; m++) {
            const struct gl_modality *one = &a.modality[m];
            assert_true(one->level4 <= one->level3 && one->level3 <= one->level2);
            assert_true(one->wins <= one->supported && one->supported <= one->tasks);
        }
        shuffle(&r, &rng);
        struct gl_levels b = compute(GL_CORRECTED, &r);
        assert_near(b.level2, a.level2);
        assert_near(b.level3, a.level3);
        assert_near(b.level4, a.level4);
        assert_near(b.level5, a.level5);
    }
}

/* 2cc/(c+c) may round above c. */
static void level_4_of_equal_halves_is_level_3(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 7);
    for (int i = 0; i < 2000; i++) {
        double score = rng_unit(&rng) * 100;
        struct rows r = { 0 };
        add_numbers(&r, MODALITY_IMAGE, PARADIGM_COMPREHENSION, "Acc", 0, score);
        add_numbers(&r, MODALITY_IMAGE, PARADIGM_GENERATION, "Acc", 0, score);
        struct gl_levels l = compute(GL_CORRECTED, &r);
        assert_true(l.level4 <= l.level3);
        assert_near(l.level4, l.level3);
    }
}

static void a_row_without_its_half_is_a_bug(void)
{
    const struct gl_row row = { .modality = MODALITY_IMAGE, .task = "t", .metric = "Acc" };
    struct gl_levels levels;
    struct gl_faults faults;
    (void)gl_compute(GL_OFFICIAL, &row, 1, &levels, &faults);
}

static void rows_must_say_their_half(void **state)
{
    (void)state;
    assert_true(test_aborts(a_row_without_its_half_is_a_bug));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_follow_the_paper),
        cmocka_unit_test(unsupported_tasks_divide_but_do_not_add),
        cmocka_unit_test(metrics_are_scaled),
        cmocka_unit_test(zero_error_is_unsupported_officially_and_perfect_corrected),
        cmocka_unit_test(empty_wer_wins_officially),
        cmocka_unit_test(fewer_errors_win_whatever_the_metric_s_name),
        cmocka_unit_test(an_error_without_a_scale_harms_nobody_who_has_no_score),
        cmocka_unit_test(missing_sota_is_beaten_officially_in_scaled_metrics_only),
        cmocka_unit_test(rounding_to_100_does_not_win_under_the_corrected_rule),
        cmocka_unit_test(corrected_values_are_clamped_and_wins_are_not_made_by_it),
        cmocka_unit_test(supported_zero_counts_under_the_corrected_rule_only),
        cmocka_unit_test(nlp_rmse_is_scaled_on_one_side_officially),
        cmocka_unit_test(minus_infinity_goes_through_officially),
        cmocka_unit_test(faults_name_cause_row_and_side),
        cmocka_unit_test(nlp_faults_are_the_reference_s),
        cmocka_unit_test(corrected_rule_reports_every_bad_row),
        cmocka_unit_test(missing_sheets),
        cmocka_unit_test(texts_of_cells),
        cmocka_unit_test(differences_name_the_reason),
        cmocka_unit_test(corrected_levels_are_ordered_bounded_and_stable),
        cmocka_unit_test(level_4_of_equal_halves_is_level_3),
        cmocka_unit_test(rows_must_say_their_half),
    };
    return cmocka_run_group_tests_name("general_level", tests, NULL, NULL);
}
