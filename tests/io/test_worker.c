/* What the real muster-worker makes of grants: programs, simulated models, crashes, files, scorers.
 */
#include "tests/lib/worker_fixture.h"

#include <dirent.h>
#include <math.h>

static void test_a_program_is_run_and_scored(void **state)
{
    struct fixture *f = *state;
    make_shout_task(f);
    use_program(f, HELLO EACH SHOUT);
    start_and_define(f);
    script_grant(f->script, 7, MODEL, TASK, 0, 5);
    struct msg m = expect_ended(f, ENDED_DONE);
    assert_int_equal(m.as.ended.attempt, 7);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(f->script->seen[i], 1);
        assert_int_equal(f->script->rows[i].status, STATUS_OK);
    }
    assert_string_equal(f->script->answers[2], "THREE");
    assert_int_equal(f->script->rows[1].stats[0], METRIC_ONE);
    assert_int_equal(f->script->rows[2].stats[0], 0);
    stop(f);
}

static void test_a_simulated_model_is_run(void **state)
{
    struct fixture *f = *state;
    make_synthetic_task(f, "4000");
    use_sim(f);
    start_and_define(f);
    script_grant(f->script, 7, MODEL, TASK, 0, 4000);
    expect_ended(f, ENDED_DONE);
    int64_t sums[STATS_MAX] = { 0 };
    for (unsigned i = 0; i < 4000; i++) {
        assert_int_equal(f->script->seen[i], 1);
        for (unsigned k = 0; k < f->task.task.metric->stat_count; k++)
            sums[k] += f->script->rows[i].stats[k];
    }
    double mean = metric_value(f->task.task.metric, sums, 4000);
    assert_true(fabs(mean - 0.8 * 80) < 2); /* quality times the specialist's */
    stop(f);
}

static void test_a_crash_costs_its_instance_and_nothing_else(void **state)
{
    struct fixture *f = *state;
    make_shout_task(f);
    use_program(f, HELLO EACH "    if question == 'three': os._exit(3)\n" SHOUT);
    start_and_define(f);
    script_grant(f->script, 7, MODEL, TASK, 0, 5);
    expect_ended(f, ENDED_DONE);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(f->script->seen[i], 1);
        assert_int_equal(f->script->rows[i].status, i == 2 ? STATUS_CRASH : STATUS_OK);
    }
    assert_string_equal(f->script->answers[2], "exited with code 3");
    stop(f);
}

/* As some do after so many answers, for their memory. The next instance had not reached it. */
static void test_a_model_that_goes_after_an_answer_costs_nothing(void **state)
{
    struct fixture *f = *state;
    make_shout_task(f);
    use_program(f, HELLO EACH SHOUT "    if question in ('two', 'four'): os._exit(0)\n");
    start_and_define(f);
    for (uint32_t i = 0; i < 5; i++) {
        struct msg m = { .type = MSG_GRANT };
        m.as.grant =
            (struct msg_grant){ .attempt = 7 + i, .model = MODEL, .task = TASK, .first = i };
        m.as.grant.count = 1;
        m.as.grant.inflight_max = 1;
        script_send(f->script, &m);
    }
    for (unsigned i = 0; i < 5; i++)
        expect_ended(f, ENDED_DONE);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(f->script->rows[i].status, STATUS_OK);
    stop(f);
}

static void test_a_hang_costs_its_instance_and_nothing_else(void **state)
{
    struct fixture *f = *state;
    make_shout_task(f);
    use_program(f, HELLO EACH "    while question == 'three': pass\n" SHOUT);
    f->model.timeout_ms = 1000;
    start_and_define(f);
    script_grant(f->script, 7, MODEL, TASK, 0, 5);
    expect_ended(f, ENDED_DONE);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(f->script->seen[i], 1);
    assert_int_equal(f->script->rows[0].status, STATUS_OK);
    assert_int_equal(f->script->rows[1].status, STATUS_OK);
    assert_int_equal(f->script->rows[2].status, STATUS_TIMEOUT);
    assert_string_equal(f->script->answers[2], "no answer within 1 s");
    assert_int_equal(f->script->rows[4].status, STATUS_OK);
    stop(f);
}

static void test_data_that_changed_are_refused(void **state)
{
    struct fixture *f = *state;
    make_shout_task(f);
    use_program(f, HELLO EACH SHOUT);
    f->task.task.data.bytes[0] ^= 1;
    start_and_define(f);
    script_grant(f->script, 7, MODEL, TASK, 0, 5);
    struct msg m = expect_ended(f, ENDED_REFUSED);
    assert_true(m.as.ended.text.len > 0);
    stop(f);
}

static void test_what_is_not_defined_is_refused(void **state)
{
    struct fixture *f = *state;
    make_shout_task(f);
    use_program(f, HELLO EACH SHOUT);
    start_and_define(f);
    script_grant(f->script, 7, 99, TASK, 0, 5);
    struct msg m = expect_ended(f, ENDED_REFUSED);
    assert_true(span_equal(m.as.ended.text, span_str("model 99 is not defined here")));
    stop(f);
}

static void test_a_model_that_does_not_start_is_reported_with_its_last_words(void **state)
{
    struct fixture *f = *state;
    make_shout_task(f);
    use_program(f, "raise SystemExit('no weights here')\n");
    start_and_define(f);
    script_grant(f->script, 7, MODEL, TASK, 0, 5);
    struct msg m = expect_ended(f, ENDED_HOST_FAILED);
    char *text = xstrndup((const char *)m.as.ended.text.data, m.as.ended.text.len);
    assert_non_null(strstr(text, "no weights here"));
    free(text);
    stop(f);
}

/* --- files and scorers --- */

#define WRITE_FILE                                                                                 \
    "    path = request['output_file'] + '.txt'\n"                                                 \
    "    with open(path, 'w') as f: f.write(question.upper())\n"

static void test_a_generated_file_is_kept_by_its_content(void **state)
{
    struct fixture *f = *state;
    make_shout_task(f);
    use_program(f, HELLO EACH WRITE_FILE "    reply(id=id, file=path)\n");
    start_and_define(f);
    script_grant(f->script, 7, MODEL, TASK, 0, 2);
    expect_ended(f, ENDED_DONE);
    assert_int_equal(f->script->rows[0].status, STATUS_OK);
    assert_true(f->script->rows[0].is_media);
    struct digest digest = digest_of(span_str("ONE"));
    char hex[DIGEST_HEX_BYTES];
    digest_hex(&digest, hex);
    char *answer = xformat("%s 3 %.2s/%s.txt", hex, hex, hex);
    assert_string_equal(f->script->answers[0], answer);
    char *path = xformat("%s/media/%.2s/%s.txt", f->state, hex, hex);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 3);
    char *tmp = xformat("%s/tmp", f->state);
    assert_int_equal(rmdir(tmp), 0); /* empty */
    free(tmp);
    free(path);
    free(answer);
    stop(f);
}

static void test_files_of_an_earlier_process_are_removed(void **state)
{
    struct fixture *f = *state;
    char *tmp = xformat("%s/tmp", f->state);
    mkdir(f->state, 0700);
    mkdir(tmp, 0700);
    write_file(tmp, "0-512.png", "half a picture");
    start(f);
    script_expect(f->script, MSG_HELLO);
    script_welcome(f->script, 11, 200);
    assert_int_equal(rmdir(tmp), 0); /* empty */
    free(tmp);
    stop(f);
}

/* Nobody will ask for it, and a model may crash a thousand times. */
static void test_the_file_of_a_model_that_crashed_is_removed(void **state)
{
    struct fixture *f = *state;
    make_shout_task(f);
    use_program(f, HELLO EACH WRITE_FILE "    os._exit(3)\n");
    start_and_define(f);
    script_grant(f->script, 7, MODEL, TASK, 0, 1);
    expect_ended(f, ENDED_DONE);
    assert_int_equal(f->script->rows[0].status, STATUS_CRASH);
    char *tmp = xformat("%s/tmp", f->state);
    assert_int_equal(rmdir(tmp), 0); /* empty */
    free(tmp);
    stop(f);
}

/* A model that tidies up too much, or a cleaner of old folders, costs the models after it nothing.
 */
static void test_folders_that_somebody_removed_are_made_again(void **state)
{
    struct fixture *f = *state;
    make_shout_task(f);
    use_program(f, HELLO EACH "    if question == 'two':\n"
                              "        import shutil\n"
                              "        shutil.rmtree(os.path.dirname(request['output_file']))\n"
                              "        shutil.rmtree(os.environ['MUSTER_WORK_DIR'])\n"
                              "        os._exit(3)\n" WRITE_FILE "    reply(id=id, file=path)\n");
    start_and_define(f);
    script_grant(f->script, 7, MODEL, TASK, 0, 5);
    expect_ended(f, ENDED_DONE);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(f->script->rows[i].status, i == 1 ? STATUS_CRASH : STATUS_OK);
    stop(f);
}

static void test_files_of_others_are_not_taken(void **state)
{
    struct fixture *f = *state;
    make_shout_task(f);
    use_program(f,
                HELLO EACH "    path = request['output_file']\n"
                           "    if question == 'one': path = '/etc/passwd'\n"
                           "    if question == 'two': os.symlink('/etc/passwd', path)\n"
                           "    if question == 'three': path = os.path.dirname(path) + '/../lock'\n"
                           "    if question == 'four': os.mkfifo(path)\n"
                           "    reply(id=id, file=path)\n"); /* five: there is none */
    start_and_define(f);
    script_grant(f->script, 7, MODEL, TASK, 0, 5);
    expect_ended(f, ENDED_DONE);
    static const char *const reasons[] = { "must lie right in the folder", "is a symbolic link",
                                           "must lie right in the folder", "is no regular file",
                                           "No such file" };
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(f->script->rows[i].status, STATUS_ERROR);
        if (!strstr(f->script->answers[i], reasons[i]))
            fail_msg("instance %u: %s", i, f->script->answers[i]);
    }
    stop(f);
}

/* The scorer reads the file (as recognition would), and the metric compares what it read. */
static void test_a_scorer_turns_a_file_into_text(void **state)
{
    struct fixture *f = *state;
    use_scorer(f, HELLO EACH "    reply(id=id, answer=open(request['file']).read())\n");
    make_shout_task(f);
    use_program(f, HELLO EACH WRITE_FILE "    reply(id=id, file=path)\n");
    start_and_define(f);
    script_grant(f->script, 7, MODEL, TASK, 0, 5);
    expect_ended(f, ENDED_DONE);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(f->script->seen[i], 1);
        assert_int_equal(f->script->rows[i].status, STATUS_OK);
        assert_true(f->script->rows[i].is_media);
        assert_int_equal(f->script->rows[i].stats[0], i == 2 ? 0 : METRIC_ONE);
    }
    stop(f);
}

static void test_a_scorer_gives_the_score(void **state)
{
    struct fixture *f = *state;
    use_scorer(f, HELLO EACH "    right = request['answer'] in request['references']\n"
                             "    reply(id=id, score=77.5 if right else 1)\n");
    make_shout_task(f);
    struct metric scored = metric_as_scored(f->task.task.metric);
    f->task.task.metric = &scored;
    use_program(f, HELLO EACH SHOUT);
    start_and_define(f);
    script_grant(f->script, 7, MODEL, TASK, 0, 5);
    expect_ended(f, ENDED_DONE);
    for (unsigned i = 0; i < 5; i++)
        assert_true(metric_value(&scored, f->script->rows[i].stats, 1) == (i == 2 ? 1 : 77.5));
    stop(f);
}

/* A text is no score, and a score no text to compare: neither counts as a wrong answer. */
static void test_a_scorer_that_says_something_else_gives_no_score(void **state)
{
    struct fixture *f = *state;
    use_scorer(f, HELLO EACH "    if question == 'one': reply(id=id, answer='ONE')\n"
                             "    else: reply(id=id, score=1)\n");
    make_shout_task(f);
    struct task_definition measured = f->task;
    struct metric scored = metric_as_scored(f->task.task.metric);
    measured.task.metric = &scored;
    use_program(f, HELLO EACH SHOUT);
    start_and_define(f);
    script_define_task(f->script, TASK + 1, &measured);
    script_grant(f->script, 7, MODEL, TASK, 1, 1);
    expect_ended(f, ENDED_DONE);
    assert_int_equal(f->script->rows[1].status, STATUS_SCORER);
    assert_non_null(strstr(f->script->answers[1], "expected an answer"));
    script_grant(f->script, 8, MODEL, TASK + 1, 0, 1);
    expect_ended(f, ENDED_DONE);
    assert_int_equal(f->script->rows[0].status, STATUS_SCORER);
    assert_non_null(strstr(f->script->answers[0], "expected a score"));
    stop(f);
}

static void test_a_scorer_that_dies_costs_one_instance(void **state)
{
    struct fixture *f = *state;
    use_scorer(f, HELLO EACH "    if question == 'two': os._exit(9)\n"
                             "    reply(id=id, answer=request['answer'])\n");
    make_shout_task(f);
    use_program(f, HELLO EACH SHOUT);
    start_and_define(f);
    script_grant(f->script, 7, MODEL, TASK, 0, 5);
    expect_ended(f, ENDED_DONE);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(f->script->rows[i].status, i == 1 ? STATUS_SCORER : STATUS_OK);
    assert_string_equal(f->script->answers[1], "exited with code 9");
    stop(f);
}

static void test_a_scorer_that_does_not_start_refuses_the_attempt(void **state)
{
    struct fixture *f = *state;
    use_scorer(f, "raise SystemExit('no metrics package')\n");
    make_shout_task(f);
    use_program(f, HELLO EACH SHOUT);
    start_and_define(f);
    script_grant(f->script, 7, MODEL, TASK, 0, 5);
    struct msg m = expect_ended(f, ENDED_REFUSED);
    char *text = xstrndup((const char *)m.as.ended.text.data, m.as.ended.text.len);
    assert_non_null(strstr(text, "the scorer does not start"));
    assert_non_null(strstr(text, "no metrics package"));
    free(text);
    stop(f);
}

static void test_what_needs_a_scorer_is_refused_without_one(void **state)
{
    struct fixture *f = *state;
    make_shout_task(f);
    struct metric scored = metric_as_scored(f->task.task.metric);
    f->task.task.metric = &scored;
    use_program(f, HELLO EACH SHOUT);
    start_and_define(f);
    script_grant(f->script, 7, MODEL, TASK, 0, 5);
    expect_ended(f, ENDED_REFUSED);
    stop(f);
}

/* Children of the worker that have ended and were not waited for. */
static unsigned count_zombies(const struct fixture *f)
{
    unsigned count = 0;
    DIR *dir = opendir("/proc");
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        char path[64], line[512] = "", is = 0;
        int parent = 0;
        snprintf(path, sizeof path, "/proc/%.20s/stat", entry->d_name);
        FILE *stat = fopen(path, "r");
        const char *rest = stat && fgets(line, sizeof line, stat) ? strrchr(line, ')') : NULL;
        count += rest && sscanf(rest, ") %c %d", &is, &parent) == 2 && is == 'Z' &&
                 parent == f->script->worker;
        if (stat)
            fclose(stat);
    }
    closedir(dir);
    return count;
}

/* What a model started and left behind comes to the worker when it ends. A model that does so for
 * each of a hundred thousand instances would fill the table of processes. */
static void test_orphans_of_a_model_that_lives_are_waited_for(void **state)
{
    struct fixture *f = *state;
    make_shout_task(f);
    use_program(f, HELLO EACH "    os.system('true &')\n" SHOUT);
    start_and_define(f);
    script_grant(f->script, 7, MODEL, TASK, 0, 5);
    expect_ended(f, ENDED_DONE);
    for (int looks = 0; count_zombies(f) > 0; looks++) {
        assert_true(looks < 50);
        script_take(f->script, 100);
    }
    stop(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_program_is_run_and_scored),
        CASE(test_a_simulated_model_is_run),
        CASE(test_a_crash_costs_its_instance_and_nothing_else),
        CASE(test_a_model_that_goes_after_an_answer_costs_nothing),
        CASE(test_a_hang_costs_its_instance_and_nothing_else),
        CASE(test_data_that_changed_are_refused),
        CASE(test_what_is_not_defined_is_refused),
        CASE(test_a_model_that_does_not_start_is_reported_with_its_last_words),
        CASE(test_a_generated_file_is_kept_by_its_content),
        CASE(test_files_of_an_earlier_process_are_removed),
        CASE(test_the_file_of_a_model_that_crashed_is_removed),
        CASE(test_folders_that_somebody_removed_are_made_again),
        CASE(test_files_of_others_are_not_taken),
        CASE(test_a_scorer_turns_a_file_into_text),
        CASE(test_a_scorer_gives_the_score),
        CASE(test_a_scorer_that_says_something_else_gives_no_score),
        CASE(test_a_scorer_that_dies_costs_one_instance),
        CASE(test_a_scorer_that_does_not_start_refuses_the_attempt),
        CASE(test_what_needs_a_scorer_is_refused_without_one),
        CASE(test_orphans_of_a_model_that_lives_are_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
