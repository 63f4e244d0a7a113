/* What `muster plan` says of a plan. */

#include "tests/lib/test.h"

#include "coordinator/spec/plan_report.h"

#include <math.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- A plan of two models and three tasks: the first model does not do the last task ---- */

static const char *const vision_types[] = { "A100" };
static struct spec_model specs[] = {
    { .definition = { .name = "org/vision", .resources = { 2, 4, 8ull << 30 } },
      .rules = { .priority = PRIORITY_DEFAULT, .weight = 1 },
      .gpus = { .memory_bytes = 40ull << 30, .types = vision_types, .type_count = 1 },
      .role = SPEC_ROLE_GENERALIST },
    { .definition = { .name = "fast", .resources = { 0, 1, 0 } },
      .rules = { .priority = PRIORITY_DEFAULT, .weight = 1 },
      .role = SPEC_ROLE_SPECIALIST },
};

static const struct spec sweep = {
    .name = "trial", .settings = { .share = { .user = "", .weight = 1, .priority = 50 } }
};

static const char vision_record[] =
    "{\"args\":{\"beams\":2},\"decoding\":{\"temperature\":0.7},\"files\":{\"m.py\":\"aa\"},"
    "\"name\":\"org/vision\",\"precision\":\"bf16\",\"revision\":\"4f2a90c1\"}";

static struct plan make_plan(void)
{
    static struct plan_task tasks[] = {
        { .wanted_count = 1000 },
        { .wanted_count = 20 },
        { .wanted_count = 500 },
    };
    static struct plan_cell cells[] = { { 0, 0 }, { 0, 1 }, { 1, 0 }, { 1, 1 }, { 1, 2 } };
    static struct plan_gap gaps[] = { { 0, 2, PLAN_GAP_TASKS } };
    static struct plan_model models[2];
    models[0] = (struct plan_model){ .spec = &specs[0],
                                     .identity = { { 1 } },
                                     .record = { (const uint8_t *)vision_record,
                                                 sizeof(vision_record) - 1 },
                                     .revision = "4f2a90c1",
                                     .cell_count = 2,
                                     .gap_count = 1 };
    models[1] = (struct plan_model){ .spec = &specs[1],
                                     .identity = { { 2 } },
                                     .record = { (const uint8_t *)"{}", 2 },
                                     .first_cell = 2,
                                     .cell_count = 3,
                                     .first_gap = 1 };
    return (struct plan){ .spec = &sweep,
                          .models = models,
                          .model_count = 2,
                          .tasks = tasks,
                          .task_count = 3,
                          .cells = cells,
                          .cell_count = 5,
                          .gaps = gaps,
                          .gap_count = 1 };
}

/* ---- A store ---- */

struct fake_store {
    struct plan_done done; /* of the first task, for each model */
    struct plan_times times;
    const struct plan_earlier *earlier;
    size_t earlier_count;
    const struct plan_recorded_task *tasks;
    size_t task_count;
    const struct plan *plan;
};

static void fake_done(void *owner, const struct plan_model *model, const struct plan_task *task,
                      const struct bitmap *wanted, struct plan_done *out)
{
    const struct fake_store *s = owner;
    (void)model;
    (void)wanted;
    if (task == &s->plan->tasks[0])
        *out = s->done;
}

static void fake_earlier(void *owner, const char *name, plan_earlier_f *each, void *each_owner)
{
    const struct fake_store *s = owner;
    for (size_t i = 0; i < s->earlier_count && strcmp(name, "org/vision") == 0; i++)
        each(each_owner, &s->earlier[i]);
}

static void fake_times(void *owner, const struct plan_model *model, struct plan_times *out)
{
    const struct fake_store *s = owner;
    (void)model;
    *out = s->times;
}

static void fake_tasks(void *owner, plan_recorded_task_f *each, void *each_owner)
{
    const struct fake_store *s = owner;
    for (size_t i = 0; i < s->task_count; i++)
        each(each_owner, &s->tasks[i]);
}

/* Of each model as many as the task has. */
static uint64_t fake_results(void *owner, const struct plan_model *model,
                             const struct plan_recorded_task *task)
{
    (void)owner;
    (void)model;
    return task->size;
}

static struct plan_report report_on(const struct plan *plan, const struct plan_machine *machines,
                                    size_t count, struct fake_store *store)
{
    struct plan_report r;
    struct plan_store look = { store, fake_done, fake_times, fake_earlier, NULL, fake_results };
    if (store && store->tasks)
        look.tasks = fake_tasks;
    if (store)
        store->plan = plan;
    plan_report_make(plan,
                     &(struct plan_question){ .machines = machines,
                                              .machine_count = count,
                                              .store = store ? &look : NULL,
                                              .now_wall_ms = 5000 },
                     &r);
    return r;
}

static struct plan_report report_of(const struct plan *plan, const struct plan_machine *machine,
                                    struct fake_store *store)
{
    return report_on(plan, machine, machine ? 1 : 0, store);
}

/* ---- Counting ---- */

static void without_a_store_everything_is_missing(void **state)
{
    (void)state;
    struct plan plan = make_plan();
    struct plan_report r = report_of(&plan, NULL, NULL);
    assert_int_equal(r.models[0].counts.tasks, 2);
    assert_int_equal(r.models[0].counts.instances, 1020);
    assert_int_equal(r.models[0].counts.missing, 1020);
    assert_int_equal(r.models[0].gaps[PLAN_GAP_TASKS], 1);
    assert_int_equal(r.models[1].counts.tasks, 3);
    assert_int_equal(r.total.instances, 2540);
    assert_int_equal(r.total.done, 0);
    plan_report_release(&r);
}

static void what_the_store_holds_is_done(void **state)
{
    (void)state;
    struct plan plan = make_plan();
    struct fake_store store = { .done = { .ended = 900, .rows = 950, .micros = 1 } };
    struct plan_report r = report_of(&plan, NULL, &store);
    assert_int_equal(r.models[0].counts.done, 900);
    assert_int_equal(r.models[0].counts.missing, 120);
    assert_int_equal(r.total.done, 1800);
    plan_report_release(&r);
}

static void unmeasured_jobs_have_the_size_of_a_probe(void **state)
{
    (void)state;
    struct plan plan = make_plan();
    struct plan_report r = report_of(&plan, NULL, NULL);
    assert_int_equal(r.models[0].counts.jobs, 63 + 2); /* 1000 / 16 and 20 / 16, rounded up */
    assert_true(r.models[0].counts.jobs_are_bound);
    plan_report_release(&r);
}

static void measured_jobs_last_a_minute(void **state)
{
    (void)state;
    struct plan plan = make_plan();
    plan.tasks[1].wanted_count = 0; /* leaves only the first task missing */
    /* 3 s an instance: 20 a minute, 800 are missing. */
    struct fake_store store = { .done = { .ended = 200, .rows = 200, .micros = 200 * 3000000ull } };
    struct plan_report r = report_of(&plan, NULL, &store);
    assert_int_equal(r.models[0].counts.jobs, 41);
    assert_false(r.models[0].counts.jobs_are_bound);
    plan_report_release(&r);
    plan.tasks[1].wanted_count = 20;
}

static void a_slow_model_has_no_more_jobs_than_instances(void **state)
{
    (void)state;
    struct plan plan = make_plan();
    struct fake_store store = { .done = { .ended = 990, .rows = 1, .micros = 3600000000ull } };
    plan.tasks[1].wanted_count = 0;
    struct plan_report r = report_of(&plan, NULL, &store);
    assert_int_equal(r.models[0].counts.jobs, 10);
    plan_report_release(&r);
    plan.tasks[1].wanted_count = 20;
}

/* ---- Obstacles ---- */

static void a_replica_must_fit_into_a_slot_or_several(void **state)
{
    (void)state;
    static const struct {
        struct plan_machine machine;
        const char *obstacle;
    } cases[] = {
        { { .slots = 1, .gpus_per_slot = 2, .cores_per_slot = 4, .memory_bytes = 8ull << 30 },
          NULL },
        { { .slots = 1, .gpus_per_slot = 2, .cores_per_slot = 4 }, NULL }, /* no limit is known */
        { { .slots = 1, .gpus_per_slot = 1, .cores_per_slot = 4 },
          "a replica needs 2 GPUs, a slot has 1" },
        { { .slots = 1, .gpus_per_slot = 2, .cores_per_slot = 3 },
          "a replica needs 4 cores, a slot has 3" },
        { { .slots = 1, .gpus_per_slot = 2, .cores_per_slot = 4, .memory_bytes = 1ull << 30 },
          "a replica needs 8192 MiB of memory, a slot has 1024" },
        { { .slots = 1, .gpus_per_slot = 2, .cores_per_slot = 4, .gpu_memory_bytes = 16ull << 30 },
          "a replica needs GPUs of 40960 MiB each, the largest has 16384" },
        { { .slots = 1, .gpus_per_slot = 2, .cores_per_slot = 4, .gpu_type = "Tesla T4" },
          "its gpu_types do not name Tesla T4" },
        { { .slots = 1, .gpus_per_slot = 2, .cores_per_slot = 4, .gpu_type = "NVIDIA A100" },
          NULL },
        { { .slots = 0, .gpus_per_slot = 2, .cores_per_slot = 4 }, "there is no slot" },
        { { .slots = 2, .gpus_per_slot = 1, .cores_per_slot = 2 }, NULL }, /* both together */
        { { .slots = 3, .gpus_per_slot = 1, .cores_per_slot = 1 },
          "a replica needs 4 cores, all slots that it may take together have 3" },
    };
    struct plan plan = make_plan();
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct plan_report r = report_of(&plan, &cases[i].machine, NULL);
        if (cases[i].obstacle)
            assert_string_equal(r.models[0].obstacle, cases[i].obstacle);
        else
            assert_null(r.models[0].obstacle);
        plan_report_release(&r);
    }
}

static void expect_ms(double got, double ms)
{
    assert_true(fabs(got - ms) < 1);
}

static const struct plan_machine clusters[] = {
    { .name = "A100",
      .workers = 3,
      .slots = 4,
      .gpus_per_slot = 1,
      .cores_per_slot = 4,
      .gpu_type = "A100",
      .gpu_memory_bytes = 80ull << 30 },
    { .name = "T4",
      .workers = 10,
      .slots = 2,
      .gpus_per_slot = 1,
      .cores_per_slot = 4,
      .gpu_type = "T4",
      .gpu_memory_bytes = 16ull << 30 },
};

static void slots_that_are_taken_for_memory_alone_are_told(void **state)
{
    (void)state;
    struct plan plan = make_plan();
    struct plan_machine machine = { .slots = 8, .gpus_per_slot = 1, .cores_per_slot = 4 };
    static const struct {
        uint64_t memory_bytes;
        uint32_t slots;
        bool is_for_memory;
    } cases[] = { { 0, 2, false }, { 4ull << 30, 2, false }, { 3ull << 30, 3, true } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        machine.memory_bytes = cases[i].memory_bytes;
        struct plan_report r = report_on(&plan, &machine, 1, NULL);
        struct buf text = { 0 };
        plan_report_text(&r, &text);
        assert_int_equal(r.models[0].fits[0].slots, cases[i].slots);
        bool is_told = strstr(buf_cstr(&text), "3 slots together on this machine, for its memory: "
                                               "a slot has 3072 MiB\n");
        assert_int_equal(is_told, cases[i].is_for_memory);
        buf_release(&text);
        plan_report_release(&r);
    }
}

static void a_cluster_is_asked_group_by_group(void **state)
{
    (void)state;
    struct plan plan = make_plan();
    struct plan_report r = report_on(&plan, clusters, 2, NULL);
    assert_int_equal(r.slots, 3 * 4 + 10 * 2);
    assert_int_equal(r.models[0].fits[0].slots, 2);
    assert_int_equal(r.models[0].replicas_max, 3 * 2);
    assert_string_equal(r.models[0].fits[1].obstacle,
                        "a replica needs GPUs of 40960 MiB each, the largest has 16384");
    assert_null(r.models[0].obstacle);
    assert_int_equal(r.models[1].replicas_max, 32);
    plan_report_release(&r);
    r = report_on(&plan, &clusters[1], 1, NULL);
    assert_non_null(r.models[0].obstacle);
    plan_report_release(&r);
}

/* ---- When it is done ---- */

static const struct plan_machine ten_slots = { .slots = 10,
                                               .gpus_per_slot = 2,
                                               .cores_per_slot = 4 };

/* 1,020 + 1,520 instances of 100 ms, and a load of 5 s for each of two models. */
static void what_is_expected_of_models_is_a_forecast(void **state)
{
    (void)state;
    struct plan plan = make_plan();
    struct fake_store store = { .times = { .load_ms = 5000, .instance_ms = 100 } };
    struct plan_report r = report_of(&plan, &ten_slots, &store);
    expect_ms(r.sweeps[0].ends_ms, (254000 + 10000) / 10);
    assert_int_equal(r.sweeps[0].deadline_ms, INT64_MAX);
    plan_report_release(&r);
}

/* The same, but the second model answers one request at a time, 152 s of them behind its load. */
static void a_cap_holds_the_forecast_up(void **state)
{
    (void)state;
    struct plan plan = make_plan();
    plan.models[1].rules.concurrency = 1;
    struct fake_store store = { .times = { .load_ms = 5000, .instance_ms = 100 } };
    struct plan_report r = report_of(&plan, &ten_slots, &store);
    expect_ms(r.sweeps[0].ends_ms, 157000);
    plan_report_release(&r);
}

/* 4 requests at once, 400 ms each: a slot takes 100 ms for one. */
static void recorded_time_counts_as_slots_take_it(void **state)
{
    (void)state;
    struct plan plan = make_plan();
    struct fake_store store = { .done = { .ended = 500, .rows = 500, .micros = 500 * 400000ull },
                                .times = { .instance_ms = 100 } };
    struct plan_report r = report_of(&plan, &ten_slots, &store);
    expect_ms(r.sweeps[0].ends_ms, (520 + 1020) * 100 / 10);
    plan_report_release(&r);
}

static void what_nobody_measured_has_no_forecast(void **state)
{
    (void)state;
    struct plan plan = make_plan();
    struct plan_report r = report_of(&plan, &ten_slots, NULL);
    assert_true(r.sweeps[0].ends_ms < 0);
    plan_report_release(&r);
}

static const char *when_of(const struct plan *plan, const struct plan_machine *machine)
{
    static char line[200];
    struct plan_report r = report_of(plan, machine, NULL);
    struct buf out = { 0 };
    plan_report_text(&r, &out);
    const char *when = strstr(buf_cstr(&out), "\nforecast for ");
    assert_non_null(when);
    snprintf(line, sizeof(line), "%.*s", (int)strcspn(when + 1, "\n"), when + 1);
    buf_release(&out);
    plan_report_release(&r);
    return line;
}

#define NOT_KNOWN_YET "forecast for 10 slots: how long it takes is not known yet: "
#define TELLS_IT                                                                                   \
    " not measured (`estimate` of a model tells it); the deadline is in 1m 40s "                   \
    "(1970-01-01T00:01:45Z)"

static void it_is_said_which_models_nobody_measured(void **state)
{
    (void)state;
    struct plan plan = make_plan();
    struct plan_machine no_gpus = ten_slots;
    struct spec hurried = sweep;
    hurried.settings.deadline = (struct yaml_deadline){ DEADLINE_AFTER, 100000 };
    plan.spec = &hurried;
    assert_string_equal(when_of(&plan, &ten_slots),
                        NOT_KNOWN_YET "org/vision and fast are" TELLS_IT);
    no_gpus.gpus_per_slot = 0;
    assert_string_equal(when_of(&plan, &no_gpus), NOT_KNOWN_YET "fast is" TELLS_IT);
    struct plan_model models[5];
    for (size_t i = 0; i < 5; i++)
        models[i] = plan.models[1];
    plan.models = models;
    plan.model_count = 3;
    assert_string_equal(when_of(&plan, &ten_slots),
                        NOT_KNOWN_YET "fast, fast and fast are" TELLS_IT);
    plan.model_count = 5;
    assert_string_equal(when_of(&plan, &ten_slots),
                        NOT_KNOWN_YET "fast, fast, fast and 2 more are" TELLS_IT);
}

/* Three of the same work on ten slots, 100 s of them: ada's two share half of all, 3 to 1, with the
 * one of bob; what is over leaves its share to the others. Then a fourth, of a lower priority. */
static void sweeps_share_by_weight_and_wait_by_priority(void **state)
{
    (void)state;
    static struct spec parts_of[4];
    struct plan plans[4], merged = { .spec = &parts_of[0], .part_count = 4 };
    struct plan_part parts[4];
    struct plan_model model = make_plan().models[1];
    struct plan_task task = { .wanted_count = 1000 };
    struct plan_cell cell = { 0, 0 };
    static uint32_t first[] = { 0 };
    for (size_t i = 0; i < 4; i++) {
        parts_of[i] = (struct spec){ .name = "s" };
        parts_of[i].settings.share =
            (struct spec_share){ i < 2 ? "ada" : "bob", i == 0 ? 3 : 1, i < 3 ? 50 : 40, false };
        plans[i] = (struct plan){ .spec = &parts_of[i],
                                  .models = &model,
                                  .model_count = 1,
                                  .tasks = &task,
                                  .task_count = 1,
                                  .cells = &cell,
                                  .cell_count = 1 };
        parts[i] = (struct plan_part){ &plans[i], first, first };
    }
    model.first_cell = model.first_gap = 0;
    model.cell_count = 1;
    merged.models = &model;
    merged.model_count = 1;
    merged.tasks = &task;
    merged.cells = &cell;
    merged.parts = parts;
    struct fake_store store = { .times = { .instance_ms = 1000 } };
    struct plan_report r = report_of(&merged, &ten_slots, &store);
    /* bob has 5 slots, ada 3.75 and 1.25: bob's is done after 200 s; then 7.5 and 2.5; then 10. */
    expect_ms(r.sweeps[2].ends_ms, 200000);
    expect_ms(r.sweeps[0].ends_ms, 200000 + 250000 / 7.5);
    expect_ms(r.sweeps[1].ends_ms, 300000);
    expect_ms(r.sweeps[3].ends_ms, 400000);
    plan_report_release(&r);
}

static void a_deadline_counts_from_when_the_sweep_was_submitted(void **state)
{
    (void)state;
    static const struct {
        enum yaml_deadline_kind kind;
        int64_t submitted_ms, ms, left_ms, at_ms;
    } cases[] = {
        { DEADLINE_AFTER, 40000, 100000, 40000, 140000 },
        { DEADLINE_AFTER, 40000, 50000, -10000, 90000 },
        { DEADLINE_AFTER, 0, 50000, 50000, 150000 },
        { DEADLINE_AT, 40000, 170000, 70000, 170000 },
        { DEADLINE_NONE, 40000, 0, INT64_MAX, 0 },
    };
    struct plan plan = make_plan();
    struct spec hurried = sweep;
    plan.spec = &hurried;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct plan_report r;
        hurried.settings.deadline = (struct yaml_deadline){ cases[i].kind, cases[i].ms };
        plan_report_make(&plan,
                         &(struct plan_question){ .now_wall_ms = 100000,
                                                  .submitted_wall_ms = &cases[i].submitted_ms },
                         &r);
        assert_int_equal(r.sweeps[0].deadline_ms, cases[i].left_ms);
        assert_int_equal(r.sweeps[0].deadline_wall_ms, cases[i].at_ms);
        plan_report_release(&r);
    }
}

static void what_cannot_run_is_not_in_the_total(void **state)
{
    (void)state;
    struct plan plan = make_plan();
    struct plan_machine no_gpus = { .slots = 4, .cores_per_slot = 8 };
    struct plan_report r = report_of(&plan, &no_gpus, NULL);
    assert_int_equal(r.total.missing, 1520);
    assert_int_equal(r.blocked, 1020);
    plan_report_release(&r);
}

/* ---- Earlier results ---- */

static const char old_record[] =
    "{\"args\":{\"beams\":2},\"decoding\":{\"temperature\":0},\"files\":{\"m.py\":\"bb\"},"
    "\"name\":\"org/vision\",\"revision\":\"3f00aa5511cc99\"}";

static const struct plan_earlier earlier[] = {
    { { { 1 } }, { (const uint8_t *)vision_record, sizeof(vision_record) - 1 }, 5 },
    { { { 9 } }, { (const uint8_t *)old_record, sizeof(old_record) - 1 }, 7000 },
    { { { 8 } }, { (const uint8_t *)old_record, sizeof(old_record) - 1 }, 0 },
    { { { 7 } }, { (const uint8_t *)"damaged", 7 }, 1 },
};

static void only_results_of_another_identity_are_outdated(void **state)
{
    (void)state;
    struct plan plan = make_plan();
    struct fake_store store = { .earlier = earlier, .earlier_count = COUNT(earlier) };
    struct plan_report r = report_of(&plan, NULL, &store);
    const struct plan_outdated *o = r.models[0].outdated;
    assert_int_equal(o->results, 7000);
    assert_string_equal(o->revision, "3f00aa5511cc99");
    assert_int_equal(o->changed.count, 4);
    assert_string_equal(o->changed.keys[0], "decoding.temperature");
    assert_string_equal(o->changed.keys[1], "files.m.py");
    assert_string_equal(o->changed.keys[2], "revision");
    assert_string_equal(o->changed.keys[3], "precision"); /* it had none */
    assert_int_equal(o->next->results, 1);                /* even if nobody can say what it was */
    assert_null(o->next->next);
    assert_null(r.models[1].outdated);
    plan_report_release(&r);
}

/* ---- Changed tasks ---- */

#define RECORD(text)                                                                               \
    {                                                                                              \
        (const uint8_t *)(text), sizeof(text) - 1                                                  \
    }
#define IS_NOW                                                                                     \
    "{\"data\":\"aa\",\"path\":\"nlp/A\",\"scorer_files\":{\"s.py\":\"1\"},\"size\":1000,"         \
    "\"suite\":\"mini\"}"
#define WITH_OTHER_DATA                                                                            \
    "{\"data\":\"bb\",\"path\":\"nlp/A\",\"scorer_files\":{\"s.py\":\"1\"},\"size\":900,"          \
    "\"suite\":\"mini\"}"
#define WITH_ANOTHER_SCORER                                                                        \
    "{\"data\":\"bb\",\"path\":\"nlp/A\",\"scorer_files\":{\"s.py\":\"2\"},\"size\":1000,"         \
    "\"suite\":\"mini\"}"

/* Tasks of a suite, with their records. */
static struct plan plan_with_tasks(void)
{
    static const struct spec_suite suite = { .config = { .name = "mini" } };
    static const struct task tasks[] = { { .path = "nlp/A" },
                                         { .path = "nlp/B" },
                                         { .path = "C" } };
    static const struct span records[] = { RECORD(IS_NOW), RECORD("{}"), RECORD("{}") };
    static struct plan_task planned[3];
    struct plan plan = make_plan();
    for (size_t i = 0; i < COUNT(planned); i++) {
        planned[i] = plan.tasks[i];
        planned[i].suite = &suite;
        planned[i].task = &tasks[i];
        planned[i].record = records[i];
        planned[i].identity = (struct digest){ { 100 + (uint8_t)i } };
    }
    plan.tasks = planned;
    return plan;
}

static const struct plan_recorded_task recorded[] = {
    { { { 100 } }, RECORD(IS_NOW), 1000 }, /* that it is now */
    { { { 1 } }, RECORD(WITH_OTHER_DATA), 900 },
    { { { 2 } }, RECORD(WITH_ANOTHER_SCORER), 10 },
    { { { 3 } }, RECORD("{\"path\":\"nlp/B\",\"suite\":\"mini\"}"), 0 }, /* never answered */
    { { { 4 } }, RECORD("{\"path\":\"C\",\"suite\":\"other\"}"), 5 },
    { { { 5 } }, RECORD("{\"path\":\"D\",\"suite\":\"mini\"}"), 5 },
    { { { 6 } }, RECORD("damaged"), 5 },
};

static void a_task_that_became_another_one_is_told(void **state)
{
    (void)state;
    struct plan plan = plan_with_tasks();
    struct fake_store store = { .tasks = recorded, .task_count = COUNT(recorded) };
    struct plan_report r = report_of(&plan, NULL, &store);
    assert_int_equal(r.changed_task_count, 1);
    assert_int_equal(r.tasks[0].results, 2 * 910); /* of two models and two former selves */
    assert_int_equal(r.tasks[0].missing, 2 * 1000);
    assert_int_equal(r.tasks[0].changed.count, 3);
    assert_string_equal(r.tasks[0].changed.keys[0], "data");
    assert_string_equal(r.tasks[0].changed.keys[1], "size");
    assert_string_equal(r.tasks[0].changed.keys[2], "scorer_files.s.py");
    assert_int_equal(r.tasks[1].results + r.tasks[2].results, 0);
    plan_report_release(&r);
}

static void assert_text_has(const struct plan_report *r, const char *part)
{
    struct buf out = { 0 };
    plan_report_text(r, &out);
    if (!strstr(buf_cstr(&out), part))
        fail_msg("\"%s\" is not in:\n%s", part, buf_cstr(&out));
    buf_release(&out);
}

static void changed_tasks_are_counted_and_the_first_are_named(void **state)
{
    (void)state;
    struct plan plan = plan_with_tasks();
    struct fake_store store = { .tasks = recorded, .task_count = COUNT(recorded) };
    struct plan_report r = report_of(&plan, NULL, &store);
    assert_text_has(&r,
                    "\n1 task changed since 1,820 results of it were recorded, which are kept but "
                    "do not count; 2,000 instances run anew:\n"
                    "  nlp/A: data, size, scorer_files.s.py changed\n");
    struct buf out = { 0 };
    plan_report_json(&r, &out);
    assert_non_null(strstr(buf_cstr(&out),
                           "\"changed_tasks\":[{\"suite\":\"mini\",\"task\":\"nlp/A\","
                           "\"results\":1820,\"missing\":2000,"
                           "\"changed\":[\"data\",\"size\",\"scorer_files.s.py\"]}],"));
    buf_release(&out);
    plan_report_release(&r);

    store.done = (struct plan_done){ .ended = 1000, .rows = 1000 };
    r = report_of(&plan, NULL, &store);
    assert_text_has(&r, "which are kept but do not count:\n  nlp/A: ");
    plan_report_release(&r);

    struct plan_task many[12];
    for (size_t i = 0; i < COUNT(many); i++)
        many[i] = plan.tasks[2];
    plan.tasks = many;
    plan.task_count = COUNT(many);
    r = report_of(&plan, NULL, NULL);
    r.changed_task_count = COUNT(many);
    for (size_t i = 0; i < COUNT(many); i++)
        r.tasks[i].results = 1;
    assert_text_has(&r, "\n12 tasks changed since 12 results of them were recorded, ");
    assert_text_has(&r, "  C\n  C\n  and 4 more\n");
    plan_report_release(&r);
}

/* ---- How it looks ---- */

static void the_text_says_it_all(void **state)
{
    (void)state;
    struct plan plan = make_plan();
    struct plan_machine no_gpus = { .slots = 4, .cores_per_slot = 8 };
    struct fake_store store = { .done = { .ended = 900, .failed = 12, .rows = 900, .micros = 900 },
                                .earlier = earlier,
                                .earlier_count = COUNT(earlier) };
    struct plan_report r = report_of(&plan, &no_gpus, &store);
    struct buf out = { 0 };
    plan_report_text(&r, &out);
    assert_string_equal(
        buf_cstr(&out),
        "sweep trial: 2 models, 3 tasks, 5 pairs\n"
        "\n"
        "model          tasks     instances          done       missing          jobs\n"
        "org/vision         2         1,020           900           120             3 at most\n"
        "fast               3         1,520           900           620            35 at most\n"
        "can run            3         1,520           900           620            35 at most\n"
        "\n"
        "failed for good (muster failures says why, muster run --retry-failures tries again):\n"
        "  org/vision: 12 of the 900 done\n"
        "  fast: 12 of the 900 done\n"
        "\n"
        "cannot run here:\n"
        "  org/vision: a replica needs 2 GPUs, a slot has 0\n"
        "\n"
        "left out:\n"
        "  org/vision: 1 task: not among the model's tasks\n"
        "\n"
        "changed models:\n"
        "  7,000 earlier results of org/vision (revision 3f00aa5511cc...) are kept but do not "
        "count: decoding.temperature, files.m.py, revision, precision changed\n"
        "  1 earlier result of org/vision is kept but does not count\n"
        "\n"
        "Jobs are made to last about a minute. Until it is measured how long an instance takes,\n"
        "they are counted as at most one for every 16 instances.\n");
    buf_release(&out);
    plan_report_release(&r);
}

static void the_json_says_the_same(void **state)
{
    (void)state;
    struct plan plan = make_plan();
    struct plan_machine no_gpus = { .slots = 4, .cores_per_slot = 8 };
    struct fake_store store = { .earlier = &earlier[1],
                                .earlier_count = 1,
                                .times = { .load_ms = 30000, .instance_ms = 500 } };
    struct spec urgent = sweep; /* 1,520 instances of half a second, and a load, on four slots */
    urgent.settings.deadline = (struct yaml_deadline){ DEADLINE_AT, 5000 + 215000 };
    plan.spec = &urgent;
    plan.models[0].rules.max_replicas = 2;
    struct plan_report r = report_of(&plan, &no_gpus, &store);
    struct buf out = { 0 };
    plan_report_json(&r, &out);
    assert_string_equal(
        buf_cstr(&out),
        "{\"sweep\":\"trial\",\"pairs\":5,\"models\":["
        "{\"name\":\"org/vision\",\"role\":\"generalist\","
        "\"identity\":\"01000000000000000000000000000000\",\"revision\":\"4f2a90c1\",\"tasks\":2,"
        "\"instances\":1020,\"done\":0,\"failed\":0,\"missing\":1020,\"jobs\":65,\"jobs_basis\":"
        "\"at_most\","
        "\"cannot_run\":\"a replica needs 2 GPUs, a slot has 0\","
        "\"needs\":{\"gpus\":2,\"cpus\":4,\"memory_bytes\":8589934592,"
        "\"gpu_memory_bytes\":42949672960,\"gpu_types\":[\"A100\"]},"
        "\"fits\":[{\"group\":null,\"workers\":1,\"slots\":4,\"slots_of_a_replica\":null,"
        "\"cannot_run\":\"a replica needs 2 GPUs, a slot has 0\"}],"
        "\"rules\":{\"priority\":50,\"weight\":1.0,\"concurrency\":null,\"max_replicas\":2},"
        "\"load_seconds\":30.0,\"instance_seconds\":0.5,"
        "\"left_out\":{\"not_among_its_tasks\":1,\"no_scorer\":0},"
        "\"outdated\":[{\"identity\":\"09000000000000000000000000000000\","
        "\"revision\":\"3f00aa5511cc99\",\"results\":7000,"
        "\"changed\":[\"decoding.temperature\",\"files.m.py\",\"revision\",\"precision\"]}]},"
        "{\"name\":\"fast\",\"role\":\"specialist\","
        "\"identity\":\"02000000000000000000000000000000\",\"revision\":null,\"tasks\":3,"
        "\"instances\":1520,\"done\":0,\"failed\":0,\"missing\":1520,\"jobs\":97,\"jobs_basis\":"
        "\"at_most\","
        "\"cannot_run\":null,\"needs\":{\"gpus\":0,\"cpus\":1,\"memory_bytes\":null,"
        "\"gpu_memory_bytes\":null,\"gpu_types\":[]},"
        "\"fits\":[{\"group\":null,\"workers\":1,\"slots\":4,\"slots_of_a_replica\":1,"
        "\"cannot_run\":null}],"
        "\"rules\":{\"priority\":50,\"weight\":1.0,\"concurrency\":null,\"max_replicas\":null},"
        "\"load_seconds\":30.0,\"instance_seconds\":0.5,\"left_out\":{\"not_among_its_tasks\":0,"
        "\"no_scorer\":0},"
        "\"outdated\":[]}],"
        "\"changed_tasks\":[],"
        "\"can_run\":{\"tasks\":3,\"instances\":1520,\"done\":0,\"failed\":0,\"missing\":1520,"
        "\"jobs\":97,"
        "\"jobs_basis\":\"at_most\"},\"missing_but_cannot_run\":1020,\"slots\":4,\"sweeps\":["
        "{\"name\":\"trial\",\"user\":\"\",\"weight\":1.0,\"priority\":50,\"fair_models\":false,"
        "\"instances\":1520,\"missing\":1520,\"takes_seconds\":220.0,"
        "\"deadline_at\":\"1970-01-01T00:03:40Z\",\"deadline_seconds\":215.0,"
        "\"late_by_seconds\":5.0}]}\n");
    buf_release(&out);
    plan_report_release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_store_everything_is_missing),
        cmocka_unit_test(what_the_store_holds_is_done),
        cmocka_unit_test(unmeasured_jobs_have_the_size_of_a_probe),
        cmocka_unit_test(measured_jobs_last_a_minute),
        cmocka_unit_test(a_slow_model_has_no_more_jobs_than_instances),
        cmocka_unit_test(a_replica_must_fit_into_a_slot_or_several),
        cmocka_unit_test(slots_that_are_taken_for_memory_alone_are_told),
        cmocka_unit_test(a_cluster_is_asked_group_by_group),
        cmocka_unit_test(what_is_expected_of_models_is_a_forecast),
        cmocka_unit_test(a_cap_holds_the_forecast_up),
        cmocka_unit_test(recorded_time_counts_as_slots_take_it),
        cmocka_unit_test(what_nobody_measured_has_no_forecast),
        cmocka_unit_test(it_is_said_which_models_nobody_measured),
        cmocka_unit_test(sweeps_share_by_weight_and_wait_by_priority),
        cmocka_unit_test(a_deadline_counts_from_when_the_sweep_was_submitted),
        cmocka_unit_test(what_cannot_run_is_not_in_the_total),
        cmocka_unit_test(only_results_of_another_identity_are_outdated),
        cmocka_unit_test(a_task_that_became_another_one_is_told),
        cmocka_unit_test(changed_tasks_are_counted_and_the_first_are_named),
        cmocka_unit_test(the_text_says_it_all),
        cmocka_unit_test(the_json_says_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
