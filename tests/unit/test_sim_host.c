/* The simulated model: what an instance comes to depends on nothing but the instance. */
#include "tests/lib/test.h"

#include <math.h>

#include "common/check.h"
#include "common/mem.h"
#include "common/rng.h"
#include "worker/agent/effect.h"
#include "worker/host/host.h"

enum { INSTANCES = 2000, TEXT_BYTES = 33 };

struct trial {
    uv_loop_t loop;
    struct host *host;
    struct model_definition model;
    struct task task;
    struct metric scored;
    uint32_t next, end, step; /* what to ask: next, next + step, ... below end */
    uint32_t waiting[512];    /* instance of a request, by id % 512 */
    uint64_t serial;
    uint32_t inflight, run_max, asked, replies, exits, hellos;
    uint32_t close_after; /* replies; 0: when all are answered */
    double scores[INSTANCES];
    status statuses[INSTANCES];
    uint32_t micros[INSTANCES];
    unsigned seen[INSTANCES];
    bool answer_is_right[INSTANCES];
    uint32_t answer_bytes[INSTANCES];
    char texts[INSTANCES][TEXT_BYTES];
    uint32_t died_asked; /* requests at hand when it died */
};

static void see_reply(struct trial *t, const struct host_reply *reply)
{
    uint32_t i = t->waiting[reply->id % 512];
    t->seen[i]++;
    t->statuses[i] = reply->status;
    t->micros[i] = reply->micros;
    t->scores[i] = reply->has_score ? reply->score : -1;
    t->answer_is_right[i] = span_equal(reply->answer, span_str("Paris"));
    t->answer_bytes[i] = (uint32_t)reply->answer.len;
    if (reply->answer.len == TEXT_BYTES)
        memcpy(t->texts[i], reply->answer.data, TEXT_BYTES);
    t->replies++;
}

/* The next request, or the next instance of a run. */
static void ask(struct trial *t)
{
    static const struct span references[] = { { (const uint8_t *)"Paris", 5 } };
    struct instance instance = {
        .id = "x",
        .request = { (const uint8_t *)"{}", 2 },
        .references = references,
        .reference_count = 1,
    };
    uint64_t id = ++t->serial;
    struct host_request r = { .id = id, .task = &t->task, .instance = &instance, .index = t->next };
    t->waiting[id % 512] = t->next;
    t->next += t->step;
    if (t->run_max == 1) {
        t->asked++;
        host_request(t->host, &r);
        return;
    }
    struct host_reply reply;
    host_answer(t->host, &r, &reply);
    see_reply(t, &reply);
}

static void ask_more(struct trial *t)
{
    while (t->asked < t->inflight && t->next < t->end)
        ask(t);
}

static void on_hello(void *owner, const char *name, uint32_t inflight, uint32_t run_max)
{
    struct trial *t = owner;
    assert_string_equal(name, "sim");
    t->hellos++;
    t->inflight = inflight;
    t->run_max = run_max;
    ask_more(t);
    if (t->asked == 0)
        host_close(t->host);
}

static void on_reply(void *owner, const struct host_reply *reply)
{
    struct trial *t = owner;
    see_reply(t, reply);
    t->asked--;
    ask_more(t);
    if (t->asked == 0 || t->replies == t->close_after)
        host_close(t->host);
}

static void on_exited(void *owner, enum host_end end, const char *text)
{
    struct trial *t = owner;
    (void)text;
    assert_int_equal(end, HOST_END_GONE);
    t->exits++;
    t->died_asked = t->asked;
    t->host = NULL;
}

static struct trial *trial_new(const char *metric)
{
    struct trial *t = xcalloc(1, sizeof *t);
    assert_int_equal(uv_loop_init(&t->loop), 0);
    t->model = (struct model_definition){ .name = "sim-a",
                                          .host = HOST_SIM,
                                          .sim = { .seed = 7, .quality = 0.8 } };
    t->task = (struct task){ .name = "T", .path = "nlp/T", .sota = 80 };
    t->task.data.bytes[0] = 1;
    t->task.metric = metric_find(metric ? metric : "ACC");
    if (!metric) {
        t->scored = metric_as_scored(t->task.metric);
        t->task.metric = &t->scored;
    }
    t->end = INSTANCES;
    t->step = 1;
    return t;
}

static void trial_run(struct trial *t)
{
    static const struct host_callbacks callbacks = { on_hello, on_reply, on_exited };
    struct host_config config = {
        .loop = &t->loop, .model = &t->model, .callbacks = &callbacks, .owner = t
    };
    struct errmsg msg = { "" };
    t->asked = 0;
    t->exits = 0;
    assert_int_equal(host_open(&config, &t->host, &msg), OK);
    uv_run(&t->loop, UV_RUN_DEFAULT);
    assert_int_equal(t->exits, 1);
}

static void trial_free(struct trial *t)
{
    assert_int_equal(uv_loop_close(&t->loop), 0);
    free(t);
}

/* --- tests --- */

static void test_every_request_is_answered_once(void **state)
{
    (void)state;
    struct trial *t = trial_new(NULL);
    trial_run(t);
    for (uint32_t i = 0; i < INSTANCES; i++)
        assert_int_equal(t->seen[i], 1);
    assert_int_equal(t->hellos, 1);
    trial_free(t);
}

static void test_scores_lie_around_the_specialists_times_quality(void **state)
{
    static const struct {
        bool lower_is_better;
        double quality, low, high, mean;
    } cases[] = {
        { false, 1.0, 40, 120, 80 },
        { false, 0.5, 20, 60, 40 },
        { true, 0.5, 80, 240, 160 },
        { false, 0, 0, 0, 0 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct trial *t = trial_new(NULL);
        t->scored.lower_is_better = cases[i].lower_is_better;
        t->model.sim.quality = cases[i].quality;
        trial_run(t);
        double sum = 0;
        for (uint32_t k = 0; k < INSTANCES; k++) {
            assert_true(t->scores[k] >= cases[i].low && t->scores[k] <= cases[i].high);
            sum += t->scores[k];
        }
        assert_true(fabs(sum / INSTANCES - cases[i].mean) <= 0.03 * cases[i].mean);
        trial_free(t);
    }
}

static void test_beside_a_score_there_may_be_text(void **state)
{
    (void)state;
    struct trial *t = trial_new(NULL);
    t->model.sim.answer_bytes = TEXT_BYTES;
    trial_run(t);
    for (uint32_t i = 0; i < INSTANCES; i++)
        assert_int_equal(t->answer_bytes[i], TEXT_BYTES);
    trial_free(t);
}

/* Stores hold them: a sweep that goes on must not find other words. */
static void test_the_text_follows_from_the_instance_letter_by_letter(void **state)
{
    (void)state;
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ.0123456789";
    struct trial *t = trial_new(NULL);
    t->model.sim.answer_bytes = TEXT_BYTES;
    trial_run(t);
    struct digest name = digest_of(span_str(t->model.name));
    uint64_t model, task;
    memcpy(&model, name.bytes, sizeof model);
    memcpy(&task, t->task.data.bytes, sizeof task);
    uint64_t key = rng_mix(t->model.sim.seed, model, 0, 0);
    for (uint32_t i = 0; i < INSTANCES; i++) {
        uint64_t draws = rng_mix(rng_mix(key, task, i, 0), 4, 0, 0), bits = 0;
        for (size_t k = 0; k < TEXT_BYTES; k++, bits >>= 8) {
            bits = k % 8 == 0 ? rng_next(&draws) : bits;
            assert_int_equal(t->texts[i][k], letters[bits & 63]);
        }
    }
    trial_free(t);
}

/* Whether it is asked for runs changes how, not what. */
static void test_runs_are_answered_like_single_requests(void **state)
{
    (void)state;
    struct trial *runs = trial_new(NULL), *single = trial_new(NULL);
    single->model.sim.crash_rate = 1e-12; /* it could die: so no runs */
    trial_run(runs);
    trial_run(single);
    assert_int_equal(runs->run_max, AGENT_RUN_MAX);
    assert_int_equal(single->run_max, 1);
    assert_memory_equal(runs->scores, single->scores, sizeof runs->scores);
    assert_memory_equal(runs->statuses, single->statuses, sizeof runs->statuses);
    trial_free(runs);
    trial_free(single);
}

static void test_other_metrics_get_right_answers_with_that_probability(void **state)
{
    (void)state;
    struct trial *t = trial_new("ACC");
    trial_run(t);
    unsigned right = 0;
    for (uint32_t i = 0; i < INSTANCES; i++)
        right += t->answer_is_right[i];
    assert_in_range(right, 1520, 1680); /* 80 % of 2,000 */
    trial_free(t);
}

/* Backwards in steps, by another process' worth of state: the same. */
static void test_an_instance_does_not_depend_on_the_order(void **state)
{
    (void)state;
    struct trial *a = trial_new(NULL), *b = trial_new(NULL);
    a->model.sim.failure_rate = b->model.sim.failure_rate = 0.1;
    trial_run(a);
    b->step = 2;
    b->next = 1;
    trial_run(b); /* the odd ones */
    b->next = 0;
    trial_run(b); /* then the even ones, after a restart */
    assert_memory_equal(a->scores, b->scores, sizeof a->scores);
    assert_memory_equal(a->statuses, b->statuses, sizeof a->statuses);
    trial_free(a);
    trial_free(b);
}

static void test_seed_name_and_task_tell_models_apart(void **state)
{
    (void)state;
    struct trial *base = trial_new(NULL);
    trial_run(base);
    for (int change = 0; change < 3; change++) {
        struct trial *t = trial_new(NULL);
        if (change == 0)
            t->model.sim.seed = 8;
        if (change == 1)
            t->model.name = "sim-b";
        if (change == 2)
            t->task.data.bytes[0] = 2;
        trial_run(t);
        assert_memory_not_equal(base->scores, t->scores, sizeof t->scores);
        trial_free(t);
    }
    trial_free(base);
}

static void test_failures_come_at_their_rate(void **state)
{
    (void)state;
    struct trial *t = trial_new(NULL);
    t->model.sim.failure_rate = 0.25;
    trial_run(t);
    unsigned failed = 0;
    for (uint32_t i = 0; i < INSTANCES; i++)
        failed += t->statuses[i] == STATUS_ERROR;
    assert_in_range(failed, 430, 570);
    trial_free(t);
}

static void test_poison_kills_each_time(void **state)
{
    (void)state;
    struct trial *t = trial_new(NULL);
    t->model.sim.poison_rate = 1;
    t->end = 1;
    for (int i = 0; i < 3; i++) {
        t->next = 0;
        trial_run(t);
        assert_int_equal(t->died_asked, 1);
    }
    assert_int_equal(t->replies, 0);
    trial_free(t);
}

/* It never dies of chance with a single request: so nobody is ever blamed for it. */
static void test_crashes_by_chance_spare_a_lone_request(void **state)
{
    (void)state;
    struct trial *t = trial_new(NULL);
    t->model.sim.crash_rate = 1;
    trial_run(t);
    assert_true(t->died_asked > 1);
    assert_int_equal(t->replies, 0);
    t->end = 1; /* alone, at the same rate */
    t->next = 0;
    trial_run(t);
    assert_int_equal(t->replies, 1);
    trial_free(t);
}

static void test_durations_take_their_time_one_after_the_other(void **state)
{
    (void)state;
    struct trial *t = trial_new(NULL);
    t->model.sim.duration_ms = 5;
    t->end = 10;
    uint64_t start = uv_hrtime();
    trial_run(t);
    assert_in_range((uv_hrtime() - start) / 1000000, 45, 1000);
    for (uint32_t i = 0; i < 10; i++)
        assert_int_equal(t->micros[i], 5000);
    trial_free(t);
}

static void test_the_spread_of_durations_is_log_normal(void **state)
{
    (void)state;
    struct trial *t = trial_new(NULL);
    t->model.sim.duration_ms = 1;
    t->model.sim.duration_spread = 0.5;
    t->end = 200;
    trial_run(t);
    double sum = 0, squares = 0;
    for (uint32_t i = 0; i < 200; i++) {
        double log_ms = log((double)t->micros[i] / 1000);
        sum += log_ms;
        squares += log_ms * log_ms;
    }
    assert_true(fabs(sum / 200) < 0.12);
    assert_true(fabs(sqrt(squares / 200) - 0.5) < 0.1);
    trial_free(t);
}

static void test_loading_takes_its_time(void **state)
{
    (void)state;
    struct trial *t = trial_new(NULL);
    t->model.sim.load_ms = 50;
    t->end = 1;
    uint64_t start = uv_hrtime();
    trial_run(t);
    assert_in_range((uv_hrtime() - start) / 1000000, 49, 1000);
    trial_free(t);
}

static void test_asked_to_go_it_finishes_what_it_has(void **state)
{
    (void)state;
    struct trial *t = trial_new(NULL);
    t->end = 100;
    t->close_after = 1;
    trial_run(t);
    assert_int_equal(t->replies, 100); /* all were asked at once */
    trial_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_request_is_answered_once),
        cmocka_unit_test(test_scores_lie_around_the_specialists_times_quality),
        cmocka_unit_test(test_beside_a_score_there_may_be_text),
        cmocka_unit_test(test_the_text_follows_from_the_instance_letter_by_letter),
        cmocka_unit_test(test_runs_are_answered_like_single_requests),
        cmocka_unit_test(test_other_metrics_get_right_answers_with_that_probability),
        cmocka_unit_test(test_an_instance_does_not_depend_on_the_order),
        cmocka_unit_test(test_seed_name_and_task_tell_models_apart),
        cmocka_unit_test(test_failures_come_at_their_rate),
        cmocka_unit_test(test_poison_kills_each_time),
        cmocka_unit_test(test_crashes_by_chance_spare_a_lone_request),
        cmocka_unit_test(test_durations_take_their_time_one_after_the_other),
        cmocka_unit_test(test_the_spread_of_durations_is_log_normal),
        cmocka_unit_test(test_loading_takes_its_time),
        cmocka_unit_test(test_asked_to_go_it_finishes_what_it_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
