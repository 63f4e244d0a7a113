/* `muster levels` as its users call it: arguments, exit codes, text and JSON. */
#include "tests/lib/test.h"

#include "ops/cli/levels.h"

#include <jansson.h>

static const char table_csv[] = "modality,paradigm,no,task,metric,sota,score\n"
                                "NLP,,1,Sums,ACC,50,60\n"
                                "Image,Comprehension,1,Dogs,Acc,70,80\n"
                                "Image,Generation,1,Cats,FID,20,10\n"
                                "Audio,Generation,1,\"Speech \x1b[31m\",WER,5.6,4.5\n";

struct run {
    int code;
    char *out, *complaints;
};

static char *slurp(const char *path)
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char *text = calloc(1, 1 << 16);
    assert_non_null(text);
    assert_true(fread(text, 1, (1 << 16) - 1, file) < (1 << 16) - 1);
    fclose(file);
    return text;
}

/* Runs the command with stdout and stderr into files. TABLE in an argument stands for a file with
 * this text. */
static struct run run_levels(const char *table, int argc, const char *const *args)
{
    char *dir = test_dir(), path[600], out[600], complaints[600];
    snprintf(path, sizeof(path), "%s/scores.csv", dir);
    snprintf(out, sizeof(out), "%s/out", dir);
    snprintf(complaints, sizeof(complaints), "%s/complaints", dir);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(table, file);
    fclose(file);

    char *argv[12] = { strdup("levels") };
    for (int i = 0; i < argc; i++)
        argv[i + 1] = strdup(strcmp(args[i], "TABLE") == 0 ? path : args[i]);
    fflush(NULL);
    int saved_out = dup(STDOUT_FILENO), saved_complaints = dup(STDERR_FILENO);
    assert_non_null(freopen(out, "w", stdout));
    assert_non_null(freopen(complaints, "w", stderr));
    struct run run = { .code = cmd_levels(argc + 1, argv) };
    fflush(NULL);
    dup2(saved_out, STDOUT_FILENO);
    dup2(saved_complaints, STDERR_FILENO);
    close(saved_out);
    close(saved_complaints);
    for (int i = 0; i <= argc; i++)
        free(argv[i]);
    run.out = slurp(out);
    run.complaints = slurp(complaints);
    test_rm_rf(dir);
    return run;
}

static void release(struct run *run)
{
    free(run->out);
    free(run->complaints);
}

#define RUN(table, ...)                                                                            \
    run_levels(table, (int)(sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *)),        \
               (const char *const[]){ __VA_ARGS__ })

static void assert_says(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("'%s' does not say '%s'", text, part);
}

static json_t *parsed(const struct run *run)
{
    json_error_t error;
    json_t *object = json_loads(run->out, 0, &error);
    if (object == NULL)
        fail_msg("%s in: %s", error.text, run->out);
    return object;
}

static double number_at(const json_t *object, const char *a, const char *b, const char *c)
{
    const json_t *value = json_object_get(object, a);
    value = json_object_get(value, b);
    if (c != NULL)
        value = json_object_get(value, c);
    if (!json_is_number(value))
        fail_msg("no number %s.%s.%s", a, b, c ? c : "");
    return json_number_value(value);
}

static void json_of_one_rule(void **state)
{
    (void)state;
    struct run run = RUN(table_csv, "--scores", "TABLE", "--rule", "official", "--json");
    assert_int_equal(run.code, 0);
    assert_string_equal(run.complaints, "");
    json_t *object = parsed(&run);
    assert_int_equal(json_object_size(object), 3);
    assert_string_equal(json_string_value(json_object_get(object, "rule")), "official");
    assert_int_equal(json_object_size(json_object_get(object, "final")), 4);
    (void)number_at(object, "final", "level2", NULL);
    (void)number_at(object, "final", "level3", NULL);
    (void)number_at(object, "final", "level4", NULL);
    (void)number_at(object, "final", "level5", NULL);
    const json_t *modalities = json_object_get(object, "modality");
    assert_int_equal(json_object_size(modalities), 3); /* Video and 3D have no rows */
    assert_int_equal(json_object_size(json_object_get(modalities, "Image")), 6);
    assert_int_equal(json_object_size(json_object_get(modalities, "NLP")), 3);
    (void)number_at(object, "modality", "Image", "level2");
    (void)number_at(object, "modality", "Image", "level3");
    (void)number_at(object, "modality", "Image", "level4");
    assert_true(number_at(object, "modality", "Image", "supported") == 2);
    assert_true(number_at(object, "modality", "NLP", "tasks") == 1);
    assert_true(number_at(object, "modality", "Audio", "wins") == 1);
    assert_true(number_at(object, "modality", "Audio", "level2") == (1 - 4.5) * 100 / 2);
    json_decref(object);
    release(&run);
}

/* 2 / (1 + exp(-25/10)) - 1 needs all its digits to be the same number again. */
static void json_has_all_digits(void **state)
{
    (void)state;
    struct run run = RUN(table_csv, "--scores", "TABLE", "--rule", "corrected", "--json");
    json_t *object = parsed(&run);
    double level2 = number_at(object, "modality", "Image", "level2");
    char text[64];
    snprintf(text, sizeof(text), "\"level2\": %.17g", level2);
    assert_says(run.out, text);
    json_decref(object);
    release(&run);
}

static void json_of_both_rules_has_the_differences(void **state)
{
    (void)state;
    struct run run = RUN(table_csv, "--scores", "TABLE", "--json");
    assert_int_equal(run.code, 0);
    json_t *object = parsed(&run);
    assert_string_equal(json_string_value(json_object_get(object, "rule")), "official");
    (void)number_at(object, "final", "level5", NULL);
    json_t *corrected = json_object_get(object, "corrected");
    assert_string_equal(json_string_value(json_object_get(corrected, "rule")), "corrected");
    assert_true(number_at(corrected, "modality", "Audio", "level2") == 95.5 / 2);
    json_t *differences = json_object_get(object, "differences");
    assert_int_equal(json_array_size(differences), 1);
    json_t *wer = json_array_get(differences, 0);
    assert_string_equal(json_string_value(json_object_get(wer, "metric")), "WER");
    assert_true(number_at(wer, "corrected", "score", NULL) == 95.5);
    assert_true(json_is_true(json_object_get(json_object_get(wer, "official"), "win")));
    json_decref(object);
    release(&run);
}

static void text_has_both_tables_and_nothing_for_the_terminal_to_obey(void **state)
{
    (void)state;
    struct run run = RUN(table_csv, "--scores", "TABLE");
    assert_int_equal(run.code, 0);
    assert_says(run.out, "rule: official");
    assert_says(run.out, "rule: corrected");
    assert_says(run.out, "tasks on which the rules differ: 1");
    assert_says(run.out, "WER is a percentage");
    assert_null(strchr(run.out, '\x1b'));
    release(&run);

    run = RUN(table_csv, "--scores", "TABLE", "--rule", "corrected");
    assert_null(strstr(run.out, "official"));
    release(&run);
}

static void refused_scores_are_named(void **state)
{
    (void)state;
    static const char bad[] = "modality,paradigm,no,task,metric,sota,score\n"
                              "NLP,,1,Sums,ACC,50,60\n"
                              "Image,Generation,1,Cats,FID,20,-1\n";
    struct run run = RUN(bad, "--scores", "TABLE", "--json");
    assert_int_equal(run.code, 2);
    assert_says(run.complaints, "official rule: ");
    assert_says(run.complaints, "scores.csv, row 3, task 'Cats' (FID)");
    assert_says(run.complaints, "corrected rule: ");
    json_t *object = parsed(&run);
    assert_int_equal(json_array_size(json_object_get(object, "errors")), 1);
    assert_null(json_object_get(object, "final"));
    json_decref(object);
    release(&run);
}

static void bad_arguments_are_refused(void **state)
{
    (void)state;
    struct run run = RUN(table_csv, "--json");
    assert_int_equal(run.code, 2);
    assert_says(run.complaints, "--scores TABLE is missing");
    release(&run);
    run = RUN(table_csv, "--scores", "TABLE", "--rule", "best");
    assert_int_equal(run.code, 2);
    assert_says(run.complaints, "--rule best: expected official, corrected or both");
    release(&run);
    run = RUN(table_csv, "--scores", "TABLE", "more");
    assert_int_equal(run.code, 2);
    assert_says(run.complaints, "unexpected argument 'more'");
    release(&run);
    run = RUN(table_csv, "--colour");
    assert_int_equal(run.code, 2);
    release(&run);
    run = RUN(table_csv, "--scores", "TABLE", "--model", "none");
    assert_int_equal(run.code, 2);
    assert_says(run.complaints, "no model 'none'; there are: score");
    release(&run);
    run = RUN(table_csv, "--scores", "/nowhere.csv");
    assert_int_equal(run.code, 2);
    assert_says(run.complaints, "/nowhere.csv");
    assert_string_equal(run.out, "");
    release(&run);
}

static void help_goes_to_stdout(void **state)
{
    (void)state;
    struct run run = RUN(table_csv, "--help");
    assert_int_equal(run.code, 0);
    assert_says(run.out, "usage: muster levels --scores TABLE");
    assert_string_equal(run.complaints, "");
    release(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_of_one_rule),
        cmocka_unit_test(json_has_all_digits),
        cmocka_unit_test(json_of_both_rules_has_the_differences),
        cmocka_unit_test(text_has_both_tables_and_nothing_for_the_terminal_to_obey),
        cmocka_unit_test(refused_scores_are_named),
        cmocka_unit_test(bad_arguments_are_refused),
        cmocka_unit_test(help_goes_to_stdout),
    };
    return cmocka_run_group_tests_name("levels_cli", tests, NULL, NULL);
}
