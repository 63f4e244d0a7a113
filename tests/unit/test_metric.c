/* Names of metrics, what a statistic may be, and the metrics of whole answers: exact, contains,
 * choice, numbers, scored. */
#include <math.h>

#include "tests/lib/score.h"

static void names_are_found_as_people_write_them(void **state)
{
    (void)state;
    const struct {
        const char *name;
        enum metric_kind kind;
        bool lower_is_better;
    } cases[] = {
        { "ACC", METRIC_EXACT, false },
        { "Acc", METRIC_EXACT, false },
        { "  acc\n", METRIC_EXACT, false },
        { "EM@1", METRIC_EXACT, false },
        { "Contains", METRIC_CONTAINS, false },
        { "Choice", METRIC_CHOICE, false },
        { "F1", METRIC_TOKEN_F1, false },
        { "F1 Score", METRIC_TOKEN_F1, false },
        { "F-score", METRIC_TOKEN_F1, false },
        { "Micro-F1", METRIC_MICRO_F1, false },
        { "BLEU-1", METRIC_BLEU1, false },
        { "BLUE_1", METRIC_BLEU1, false },
        { "BLEU@4", METRIC_BLEU4, false },
        { "ROUGE-1", METRIC_ROUGE1, false },
        { "Rouge-L f", METRIC_ROUGEL, false },
        { "ROUGE-L", METRIC_ROUGEL, false },
        { "ANLS", METRIC_ANLS, false },
        { "WER", METRIC_WER, true },
        { "CER", METRIC_CER, true },
        { "MAE", METRIC_MAE, true },
        { "RMSE", METRIC_RMSE, true },
        { "FID", METRIC_SCORED, true },
        { "PSNR", METRIC_SCORED, false },
        { "cd (chamfer distance)", METRIC_SCORED, true },
        { "RTE ( Relative Translation Error)", METRIC_SCORED, true },
        { "L1 distance", METRIC_SCORED, false }, /* the workbook's is a similarity */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct metric *m = metric_find(cases[i].name);
        if (!m)
            fail_msg("'%s' is not found", cases[i].name);
        assert_int_equal(m->kind, cases[i].kind);
        assert_int_equal(m->lower_is_better, cases[i].lower_is_better);
    }
}

static void an_unknown_name_has_a_neighbour(void **state)
{
    (void)state;
    assert_null(metric_find("ROGUE-1"));
    assert_null(metric_find(""));
    assert_string_equal(metric_nearest("ROGUE-1"), "ROUGE-1");
    assert_null(metric_nearest("nothing of the kind at all"));
}

static void statistics_never_exceed_one_billion(void **state)
{
    (void)state;
    static const char *const names[] = { "ACC",    "Contains", "Choice",  "F1",      "Micro-F1",
                                         "BLEU-1", "BLEU@4",   "ROUGE-1", "ROUGE-L", "ANLS",
                                         "WER",    "CER",      "MAE",     "RMSE" };
    const struct test_answer wild[] = {
        { "", { NULL } },      { "", { "" } },
        { "x", { "", NULL } }, { "-1e308 1e999", { "1e308" } },
        { "1e9", { "-1e9" } },
    };
    for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
        for (size_t i = 0; i < sizeof(wild) / sizeof(wild[0]); i++) {
            int64_t stats[STATS_MAX];
            test_stats(names[n], &wild[i], 0, stats);
            for (size_t k = 0; k < STATS_MAX; k++) {
                assert_true(stats[k] >= -METRIC_ONE && stats[k] <= METRIC_ONE);
                if (k >= metric_find(names[n])->stat_count)
                    assert_int_equal(stats[k], 0);
            }
        }
    }
}

static void no_answers_have_no_score(void **state)
{
    (void)state;
    const int64_t sums[STATS_MAX] = { 0 };
    assert_true(isnan(metric_value(metric_find("ACC"), sums, 0)));
    assert_true(isnan(metric_value(metric_find("WER"), sums, 1))); /* no reference word */
}

static void exact_match_trims_and_keeps_case(void **state)
{
    (void)state;
    const struct test_answer answers[] = { { " 42\n", { "41", "42" } },
                                           { "a", { "A" } },
                                           { "\u00a0yes\u3000", { "yes " } },
                                           { "", { "x" } } };
    test_close(test_score_of("ACC", answers, 4), 50, 1e-9);
}

static void contains_ignores_case_and_empty_references(void **state)
{
    (void)state;
    const struct test_answer answers[] = { { "It is RAIN falling", { "snow", "rain" } },
                                           { "anything", { "" } },
                                           { "ra in", { "rain" } },
                                           { "", { "rain" } } };
    test_close(test_score_of("Contains", answers, 4), 25, 1e-9);
}

static void the_chosen_option_is_found(void **state)
{
    (void)state;
    const struct {
        const char *answer;
        unsigned options;
        const char *letter; /* "-": none */
    } cases[] = {
        { "B", 4, "B" },
        { "b", 4, "B" },
        { " (b). ", 4, "B" },
        { "**C**", 4, "C" },
        { "B. the dog", 4, "B" },
        { "b) the dog", 4, "B" },
        { "The final answer is $\\boxed{D}$.", 4, "D" },
        { "The final answer is \\boxed{\\text{C}} and not B", 4, "C" },
        { "\\boxed{A} no, \\boxed{b}", 4, "B" },
        { "The answer is B, because A and C are wrong.", 4, "B" },
        { "Answer: A. I chose it over B", 4, "A" },
        { "First answer: A. Final ANSWER: (C)", 4, "C" },
        { "The answer is a small dog (C)", 4, "C" },
        { "Not A, so it must be C", 4, "C" },
        { "I think that A dog is seen, so D", 4, "D" },
        { "C, I think, as A dog is seen", 4, "C" },
        { "A dog", 4, "A" },
        { "D is the answer.", 4, "D" },
        { "I'm sure of B-movies", 4, "-" },
        { "E", 4, "-" },
        { "E", 5, "E" },
        { "E", 0, "E" },
        { "The answer is unknown", 4, "-" },
        { "\u7b54\u6848\u662fB\u3002", 4, "B" },
        { "", 4, "-" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (char letter = 'A'; letter <= 'E'; letter++) {
            const char reference[] = { letter, '\0' };
            const struct test_answer a = { cases[i].answer, { reference } };
            int64_t stats[STATS_MAX];
            test_stats("Choice", &a, cases[i].options, stats);
            if ((stats[0] == METRIC_ONE) != (cases[i].letter[0] == letter))
                fail_msg("'%s': %c", cases[i].answer, letter);
        }
    }
}

static void a_choice_may_be_given_by_its_text(void **state)
{
    (void)state;
    const struct test_answer answers[] = { { "The Dog ", { "the dog" } },
                                           { "the cat", { "the dog" } },
                                           { "B", { "(b)" } } };
    test_close(test_score_of("Choice", answers, 3), 200.0 / 3, 1e-7);
}

static void numbers_are_taken_from_answers(void **state)
{
    (void)state;
    const struct {
        const char *answer, *reference;
        double error;
    } cases[] = {
        { "12", "12", 0 },
        { "There are 12 people, not 30", "10", 2 },
        { "about 1,234.5 of them", "1234", 0.5 },
        { "1234,567", "1234", 0 },
        { "1,23", "1", 0 }, /* no group of three */
        { "-3.5e2", "-350", 0 },
        { ".5", "0", 0.5 },
        { "covid-19", "19", 0 },           /* no sign inside a word */
        { "It is \u22123.5.", "-3.5", 0 }, /* as typesetters write it */
        { "[\u22121,234,\r\n 3] 2024", "[-1, 234, 3]", 0 },
        { "3\u22125", "3", 0 },
        { "none", "7", 7 }, /* no number says 0 */
        { "", "-7", 7 },
        { "[1,234]", "[1, 234]", 0 }, /* in a list a comma lies between two */
        { "so: [1, 2, 3] as of 2024", "[1,2,5]", 2.0 / 3 },
        { "[4]", "[4, 6]", 1 }, /* the last one is repeated */
        { "4 and 6", "[4, 6]", 0 },
        { "x [a] 5 [6]", "6", 0 },
        { "9e999", "0", 1e9 }, /* a wilder guess is not more wrong */
        { "1000000000000000000000000000000000000000000000000000000000000000000000000", "0", 1e9 },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct test_answer a = { cases[i].answer, { cases[i].reference } };
        test_close(test_score_of("MAE", &a, 1), cases[i].error, 1e-8);
    }
}

static void the_nearest_reference_counts(void **state)
{
    (void)state;
    const struct test_answer a = { "10", { "3", "12", "100" } };
    test_close(test_score_of("MAE", &a, 1), 2, 1e-9);
    test_close(test_score_of("RMSE", &a, 1), 2, 1e-9);
}

static void rmse_is_the_root_of_the_mean_square(void **state)
{
    (void)state;
    const struct test_answer answers[] = { { "1", { "4" } }, { "0.5", { "4.5" } } };
    test_close(test_score_of("RMSE", answers, 2), sqrt(12.5), 1e-9);
    const struct test_answer large[] = { { "123456.75", { "0" } }, { "1e12", { "0" } } };
    test_close(test_score_of("RMSE", large, 1), 123456.75, 1e-7);
    test_close(test_score_of("RMSE", large + 1, 1), 1e9, 1e-3);
}

static void a_scorer_s_values_are_averaged_as_they_are(void **state)
{
    (void)state;
    const struct metric *m = metric_find("mIoU");
    const double values[] = { 27.31, -3.25, 1e9, 0.000000001 };
    int64_t sums[STATS_MAX] = { 0 };
    for (size_t i = 0; i < 4; i++) {
        int64_t stats[STATS_MAX];
        assert_int_equal(
            metric_score(m, &(struct metric_input){ .scorer_value = values[i] }, stats), OK);
        for (size_t k = 0; k < STATS_MAX; k++)
            sums[k] += stats[k];
    }
    test_close(metric_value(m, sums, 4), (27.31 - 3.25 + 1e9 + 1e-9) / 4, 1e-6);
}

static void a_scorer_must_say_a_number(void **state)
{
    (void)state;
    const double values[] = { NAN, INFINITY, -INFINITY, 1.1e9, -1.1e9 };
    int64_t stats[STATS_MAX];
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(metric_score(metric_find("FID"),
                                      &(struct metric_input){ .scorer_value = values[i] }, stats),
                         ERR_INVALID);
}

static void any_metric_can_be_scored_by_a_program(void **state)
{
    (void)state;
    struct metric m = metric_as_scored(metric_find("WER"));
    assert_int_equal(m.kind, METRIC_SCORED);
    assert_int_equal(m.stat_count, metric_find("FID")->stat_count);
    assert_true(m.lower_is_better);
    int64_t stats[STATS_MAX];
    assert_int_equal(metric_score(&m, &(struct metric_input){ .scorer_value = 5.6 }, stats), OK);
    test_close(metric_value(&m, stats, 1), 5.6, 1e-9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_found_as_people_write_them),
        cmocka_unit_test(an_unknown_name_has_a_neighbour),
        cmocka_unit_test(statistics_never_exceed_one_billion),
        cmocka_unit_test(no_answers_have_no_score),
        cmocka_unit_test(exact_match_trims_and_keeps_case),
        cmocka_unit_test(contains_ignores_case_and_empty_references),
        cmocka_unit_test(the_chosen_option_is_found),
        cmocka_unit_test(a_choice_may_be_given_by_its_text),
        cmocka_unit_test(numbers_are_taken_from_answers),
        cmocka_unit_test(the_nearest_reference_counts),
        cmocka_unit_test(rmse_is_the_root_of_the_mean_square),
        cmocka_unit_test(a_scorer_s_values_are_averaged_as_they_are),
        cmocka_unit_test(a_scorer_must_say_a_number),
        cmocka_unit_test(any_metric_can_be_scored_by_a_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
