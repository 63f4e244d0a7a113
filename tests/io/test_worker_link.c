/* The real muster-worker and its coordinator: sessions, lost links, resending, the ends of both. */
#include "tests/lib/worker_fixture.h"

/* A zombie that nobody waits for is gone for us. */
static bool is_running(pid_t pid)
{
    char path[64], line[256] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *stat = fopen(path, "r");
    if (!stat)
        return false;
    bool has_line = fgets(line, sizeof line, stat);
    fclose(stat);
    const char *name_end = strrchr(line, ')');
    return has_line && name_end && name_end[2] != 'Z';
}

static void test_hello_says_who_it_is_and_what_it_has(void **state)
{
    struct fixture *f = *state;
    start(f);
    struct msg m = script_expect(f->script, MSG_HELLO);
    assert_true(span_equal(m.as.hello.worker_name, span_str("w1")));
    assert_int_equal(m.as.hello.pid, f->script->worker);
    assert_int_equal(m.as.hello.slot_count, 1);
    assert_true(m.as.hello.slots[0].cpus >= 1);
    assert_int_equal(m.as.hello.held_count, 0);
    script_welcome(f->script, 11, 200);
    script_expect(f->script, MSG_BEAT);
    stop(f);
}

/* --- the coordinator comes and goes --- */

/* Acked results do not come again; the others do, in order, whoever the coordinator is now. */
static void test_unacked_results_are_sent_again_to_the_next_coordinator(void **state)
{
    struct fixture *f = *state;
    struct script *s = f->script;
    make_synthetic_task(f, "3000");
    use_sim(f);
    start_and_define(f);
    script_grant(s, 7, MODEL, TASK, 0, 1000);
    expect_ended(f, ENDED_DONE); /* and acked */
    script_grant(s, 8, MODEL, TASK, 1000, 1000);
    script_expect(s, MSG_ENDED); /* not acked */
    uint64_t top_seq = s->top_seq;
    script_vanish(s);
    memset(s->seen, 0, sizeof s->seen);
    script_return(s);

    struct msg hello = script_expect(s, MSG_HELLO);
    assert_int_equal(hello.as.hello.held_count, 1);
    assert_int_equal(hello.as.hello.held[0].attempt, 8);
    script_welcome(s, 12, 200);
    struct msg ended = script_expect(s, MSG_ENDED);
    assert_int_equal(ended.as.ended.attempt, 8);
    assert_int_equal(ended.seq, top_seq);
    assert_int_equal(ended.session, 12);
    for (unsigned i = 0; i < 1000; i++)
        assert_int_equal(s->seen[i], 0);
    for (unsigned i = 1000; i < 2000; i++)
        assert_int_equal(s->seen[i], 1);
    script_ack(s, ended.seq);
    stop(f);
}

/* The same numbers mean other models, tasks and attempts there. */
static void test_nothing_of_one_store_comes_to_another(void **state)
{
    struct fixture *f = *state;
    struct script *s = f->script;
    make_synthetic_task(f, "3000");
    use_sim(f);
    start_and_define(f);
    script_grant(s, 7, MODEL, TASK, 0, 1000);
    script_expect(s, MSG_ENDED); /* not acked */
    script_vanish(s);
    memset(s->seen, 0, sizeof s->seen);
    s->store[0] = 1;
    script_return(s);

    struct msg before = script_expect(s, MSG_HELLO);
    uint8_t id[WORKER_ID_BYTES];
    memcpy(id, before.as.hello.worker_id, sizeof id);
    assert_int_equal(before.as.hello.held_count, 1);
    script_welcome(s, 12, 200);
    struct msg hello = script_expect(s, MSG_HELLO);
    assert_memory_not_equal(hello.as.hello.worker_id, id, sizeof id);
    assert_int_equal(hello.as.hello.held_count, 0);
    assert_int_equal(hello.seq, 1);

    script_welcome(s, 13, 200);
    f->model.sim.failure_rate = 1; /* another model, by the number of the one before */
    script_define_model(s, MODEL, &f->model);
    script_define_task(s, TASK, &f->task);
    script_grant(s, 7, MODEL, TASK, 1000, 1000);
    expect_ended(f, ENDED_DONE);
    for (unsigned i = 0; i < 2000; i++)
        assert_int_equal(s->seen[i], i >= 1000);
    assert_int_equal(s->rows[1000].status, STATUS_ERROR);
    stop(f);
}

/* What is no part of what a model is, as its time limit, may be another the next time it is run. */
static void test_a_definition_that_has_changed_is_the_one_that_counts(void **state)
{
    struct fixture *f = *state;
    struct script *s = f->script;
    make_shout_task(f);
    use_program(f, HELLO EACH "    import time; time.sleep(0.5)\n" SHOUT);
    f->model.timeout_ms = 100;
    start_and_define(f);
    script_grant(s, 7, MODEL, TASK, 0, 1);
    script_expect(s, MSG_ENDED); /* an ack might be lost with who says it */
    assert_int_equal(s->rows[0].status, STATUS_TIMEOUT);
    script_vanish(s);
    script_return(s);

    script_expect(s, MSG_HELLO);
    script_welcome(s, 12, 200);
    assert_int_equal(expect_ended(f, ENDED_DONE).as.ended.attempt, 7);
    f->model.timeout_ms = 10000;
    script_define_model(s, MODEL, &f->model);
    script_define_task(s, TASK, &f->task);
    script_grant(s, 8, MODEL, TASK, 1, 1);
    assert_int_equal(expect_ended(f, ENDED_DONE).as.ended.attempt, 8);
    assert_int_equal(s->seen[1], 1);
    assert_int_equal(s->rows[1].status, STATUS_OK);
    stop(f);
}

/* What is running was loaded with what the definition said then: the next instance is for a host
 * that is loaded with what it says now. */
static void test_a_model_that_is_to_be_started_otherwise_is_loaded_anew(void **state)
{
    struct fixture *f = *state;
    struct script *s = f->script;
    struct env_entry word = { "WORD", "old" };
    make_shout_task(f);
    use_program(f, HELLO EACH "    reply(id=id, answer=os.environ['WORD'])\n");
    f->model.env = &word;
    f->model.env_count = 1;
    start_and_define(f);
    script_grant(s, 7, MODEL, TASK, 0, 1);
    expect_ended(f, ENDED_DONE);
    assert_string_equal(s->answers[0], "old");
    word.value = "new";
    script_define_model(s, MODEL, &f->model);
    script_grant(s, 8, MODEL, TASK, 1, 1);
    expect_ended(f, ENDED_DONE);
    assert_string_equal(s->answers[1], "new");
    stop(f);
}

/* As of a coordinator of a later release. What was granted before goes on as it was understood. */
static void test_a_definition_that_cannot_be_read_harms_nothing_under_way(void **state)
{
    struct fixture *f = *state;
    struct script *s = f->script;
    make_shout_task(f);
    use_program(f, HELLO EACH "    import time; time.sleep(0.3)\n" SHOUT);
    start_and_define(f);
    script_grant(s, 7, MODEL, TASK, 0, 2);
    struct msg host = script_expect(s, MSG_HOST);
    assert_true(host.as.host.ready);
    struct msg m = { .type = MSG_DEFINE_TASK };
    m.as.define.id = TASK;
    m.as.define.json = span_str("{\"of\": \"another release\"}");
    script_send(s, &m);
    m.type = MSG_DEFINE_MODEL;
    m.as.define.id = MODEL;
    script_send(s, &m);
    expect_ended(f, ENDED_DONE);
    assert_int_equal(s->rows[0].status, STATUS_OK);
    assert_int_equal(s->rows[1].status, STATUS_OK);
    script_grant(s, 8, MODEL, TASK, 2, 2);
    struct msg ended = expect_ended(f, ENDED_REFUSED);
    assert_non_null(strstr((const char *)ended.as.ended.text.data, "cannot be read"));
    stop(f);
}

/* Whoever stops it while it starts over wants no worker any more. */
static void test_a_worker_that_starts_over_can_be_stopped(void **state)
{
    struct fixture *f = *state;
    struct script *s = f->script;
    make_shout_task(f);
    use_program(f, "import json, os, time\n"
                   "os.write(3, b'{\"hello\": 1}\\n')\n"
                   "time.sleep(1000)\n"); /* it does not go when it is asked to */
    start_and_define(f);
    script_grant(s, 7, MODEL, TASK, 0, 1);
    script_expect(s, MSG_HOST);
    s->store[0] = 1;
    script_welcome(s, 12, 200);
    usleep(200000);
    kill(s->worker, SIGTERM);
    usleep(100000);
    kill(s->worker, SIGTERM); /* at once: without the seconds that its model is left */
    assert_int_equal(script_wait_worker(s), 0);
}

static void test_work_goes_on_while_the_coordinator_is_away(void **state)
{
    struct fixture *f = *state;
    struct script *s = f->script;
    make_synthetic_task(f, "20");
    use_sim(f);
    f->model.sim.duration_ms = 50;
    start_and_define(f);
    script_grant(s, 7, MODEL, TASK, 0, 20);
    script_expect(s, MSG_HOST);
    script_vanish(s);
    memset(s->seen, 0, sizeof s->seen); /* a first one may have come already: it comes again */
    usleep(1500000);                    /* longer than the work takes */
    script_return(s);
    script_expect(s, MSG_HELLO);
    script_welcome(s, 12, 200);
    script_expect(s, MSG_ENDED);
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(s->seen[i], 1);
    script_ack(s, s->top_seq);
    stop(f);
}

static void test_silence_of_the_coordinator_is_noticed(void **state)
{
    struct fixture *f = *state;
    start(f);
    script_expect(f->script, MSG_HELLO);
    script_welcome(f->script, 11, 100);
    f->script->mute = true;
    struct msg m = script_expect(f->script, MSG_HELLO);
    assert_int_equal(m.session, 0);
    f->script->mute = false;
    script_welcome(f->script, 12, 100);
    stop(f);
}

static void test_an_unknown_session_says_hello_again(void **state)
{
    struct fixture *f = *state;
    start(f);
    struct msg first = script_expect(f->script, MSG_HELLO);
    uint8_t id[WORKER_ID_BYTES];
    memcpy(id, first.as.hello.worker_id, sizeof id);
    script_welcome(f->script, 11, 100);
    script_expect(f->script, MSG_BEAT);
    struct msg m = { .type = MSG_REJECT };
    m.as.reject.code = REJECT_SESSION;
    script_send(f->script, &m);
    struct msg again = script_expect(f->script, MSG_HELLO);
    assert_memory_equal(again.as.hello.worker_id, id, sizeof id);
    script_welcome(f->script, 12, 100);
    stop(f);
}

/* As by a coordinator of another release. The worker keeps its order, and nothing waits for ever.
 */
static void test_results_that_cannot_be_read_are_given_up(void **state)
{
    struct fixture *f = *state;
    struct script *s = f->script;
    make_synthetic_task(f, "3000");
    use_sim(f);
    start_and_define(f);
    script_grant(s, 7, MODEL, TASK, 0, 10);
    for (uint64_t session = 12; session < 15; session++) {
        struct msg results = script_expect(s, MSG_RESULTS);
        assert_int_equal(results.seq, 1);
        struct msg m = { .type = MSG_REJECT, .seq = results.seq };
        m.as.reject.code = REJECT_MALFORMED;
        m.as.reject.text = span_str("13 statistics a row");
        script_send(s, &m);
        script_expect(s, MSG_HELLO);
        script_welcome(s, session, 200);
    }
    struct msg ended = script_expect(s, MSG_ENDED);
    assert_int_equal(ended.seq, 1);
    assert_int_equal(ended.as.ended.attempt, 7);
    assert_int_equal(ended.as.ended.reason, ENDED_REFUSED);
    assert_non_null(strstr((const char *)ended.as.ended.text.data, "13 statistics a row"));
    ended = expect_ended(f, ENDED_DONE);
    assert_int_equal(ended.seq, 2);
    stop(f);
}

/* A worker whose hellos are answered late has said several, and beats in between: what is refused
 * of the sessions before says nothing of the one that it has. */
static void test_what_is_said_of_an_older_session_is_nothing_to_the_newest(void **state)
{
    struct fixture *f = *state;
    struct script *s = f->script;
    start(f);
    script_expect(s, MSG_HELLO);
    script_welcome(s, 11, 100);
    script_welcome(s, 12, 100);
    struct msg m = { .type = MSG_REJECT, .session = 11 };
    m.as.reject.code = REJECT_SESSION;
    script_send(s, &m);
    struct msg next;
    for (int beats = 0; beats < 15;) { /* a hello would come within a second */
        assert_true(script_receive(s, &next, SCRIPT_WAIT_MS));
        assert_int_equal(next.type, MSG_BEAT);
        script_note(s, &next);
        beats += next.session == 12;
    }
    stop(f);
}

static void test_another_version_ends_the_worker(void **state)
{
    struct fixture *f = *state;
    start(f);
    script_expect(f->script, MSG_HELLO);
    struct msg m = { .type = MSG_REJECT };
    m.as.reject.code = REJECT_VERSION;
    m.as.reject.text = span_str("this coordinator speaks 2");
    script_send(f->script, &m);
    assert_int_equal(script_wait_worker(f->script), 4);
}

static void test_draining_gives_back_and_leaves(void **state)
{
    struct fixture *f = *state;
    struct script *s = f->script;
    make_synthetic_task(f, "100");
    use_sim(f);
    f->model.sim.duration_ms = 200;
    start_and_define(f);
    script_grant(s, 7, MODEL, TASK, 0, 100);
    script_expect(s, MSG_HOST);
    struct msg m = { .type = MSG_DRAIN };
    script_send(s, &m);
    struct msg_ended part = expect_ended(f, ENDED_RETURNED).as.ended; /* others have it at once */
    assert_in_range(part.from, 1, 10);
    assert_int_equal(expect_ended(f, ENDED_DONE).as.ended.from, 0); /* what ran is through */
    script_expect(s, MSG_GOODBYE);
    assert_int_equal(script_wait_worker(s), 0);
    unsigned done = 0;
    for (unsigned i = 0; i < 100; i++)
        done += s->seen[i];
    assert_in_range(done, 1, 10); /* what ran */
}

static void test_a_second_signal_stops_at_once(void **state)
{
    struct fixture *f = *state;
    struct script *s = f->script;
    make_shout_task(f);
    use_program(f, "import json, os, time\n"
                   "os.write(3, b'{\"hello\": 1}\\n')\n"
                   "time.sleep(1000)\n");
    f->model.timeout_ms = 600000;
    start_and_define(f);
    script_grant(s, 7, MODEL, TASK, 0, 5);
    script_expect(s, MSG_HOST);
    kill(s->worker, SIGTERM);
    usleep(100000);
    kill(s->worker, SIGTERM);
    assert_int_equal(script_wait_worker(s), 0);
}

/* Nothing goes on computing on a GPU that nobody knows of. */
static void test_models_die_with_a_killed_worker(void **state)
{
    struct fixture *f = *state;
    struct script *s = f->script;
    make_shout_task(f);
    use_program(f, HELLO EACH "    reply(id=id, answer=str(os.getpid()))\n");
    start_and_define(f);
    script_grant(s, 7, MODEL, TASK, 0, 1);
    expect_ended(f, ENDED_DONE);
    pid_t model = (pid_t)strtol(s->answers[0], NULL, 10);
    assert_int_equal(kill(model, 0), 0);
    kill(s->worker, SIGKILL);
    assert_int_equal(script_wait_worker(s), 1000 + SIGKILL);
    for (int i = 0; i < 100 && is_running(model); i++)
        usleep(20000);
    assert_false(is_running(model));
}

/* A killed worker can end nobody, and its models' children may hold GPUs: who takes over its folder
 * ends them before anything is started. */
static void test_what_a_killed_worker_left_behind_is_ended_by_the_next(void **state)
{
    struct fixture *f = *state;
    struct script *s = f->script;
    make_shout_task(f);
    use_program(f, HELLO "import subprocess\n"
                         "child = subprocess.Popen(['setsid', 'sleep', '1000'])\n" EACH
                         "    reply(id=id, answer=str(child.pid))\n");
    start_and_define(f);
    script_grant(s, 7, MODEL, TASK, 0, 1);
    expect_ended(f, ENDED_DONE);
    pid_t child = (pid_t)strtol(s->answers[0], NULL, 10);
    kill(s->worker, SIGKILL);
    assert_int_equal(script_wait_worker(s), 1000 + SIGKILL);
    assert_true(is_running(child));
    start(f);
    script_expect(s, MSG_HELLO);
    bool lives = is_running(child);
    kill(child, SIGKILL);
    assert_false(lives);
    script_welcome(s, 12, 200);
    stop(f);
}

static void test_two_workers_do_not_share_a_folder(void **state)
{
    struct fixture *f = *state;
    start(f);
    script_expect(f->script, MSG_HELLO);
    script_welcome(f->script, 11, 200);
    pid_t first = f->script->worker;
    start(f);
    assert_int_equal(script_wait_worker(f->script), 1);
    f->script->worker = first;
    stop(f);
}

static void test_bad_usage_is_told_from_failure(void **state)
{
    struct fixture *f = *state;
    const char *const words[] = { "--slots", "none", NULL };
    script_start_worker(f->script, WORKER, f->state, words);
    assert_int_equal(script_wait_worker(f->script), 2);
}

static void test_garbage_from_the_coordinator_is_ignored(void **state)
{
    struct fixture *f = *state;
    struct script *s = f->script;
    start(f);
    script_expect(s, MSG_HELLO);
    script_welcome(s, 11, 100);
    for (int i = 0; i < 100; i++) {
        char junk[64];
        memset(junk, i * 7, sizeof junk);
        zmq_send(s->socket, s->peer.bytes, s->peer.len, ZMQ_SNDMORE);
        zmq_send(s->socket, junk, (size_t)i % sizeof junk, 0);
    }
    script_take(s, 200);
    script_expect(s, MSG_BEAT);
    stop(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_hello_says_who_it_is_and_what_it_has),
        CASE(test_unacked_results_are_sent_again_to_the_next_coordinator),
        CASE(test_nothing_of_one_store_comes_to_another),
        CASE(test_a_definition_that_has_changed_is_the_one_that_counts),
        CASE(test_a_model_that_is_to_be_started_otherwise_is_loaded_anew),
        CASE(test_a_definition_that_cannot_be_read_harms_nothing_under_way),
        CASE(test_a_worker_that_starts_over_can_be_stopped),
        CASE(test_work_goes_on_while_the_coordinator_is_away),
        CASE(test_silence_of_the_coordinator_is_noticed),
        CASE(test_an_unknown_session_says_hello_again),
        CASE(test_results_that_cannot_be_read_are_given_up),
        CASE(test_what_is_said_of_an_older_session_is_nothing_to_the_newest),
        CASE(test_another_version_ends_the_worker),
        CASE(test_draining_gives_back_and_leaves),
        CASE(test_a_second_signal_stops_at_once),
        CASE(test_models_die_with_a_killed_worker),
        CASE(test_what_a_killed_worker_left_behind_is_ended_by_the_next),
        CASE(test_two_workers_do_not_share_a_folder),
        CASE(test_bad_usage_is_told_from_failure),
        CASE(test_garbage_from_the_coordinator_is_ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
