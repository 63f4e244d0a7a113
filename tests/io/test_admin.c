/* What operators are told, and what their orders come to: against a real core and store. */
#include "tests/io/store_fixture.h"

#include <jansson.h>

#include "coordinator/admin/admin.h"
#include "coordinator/admin/waiting.h"

enum { MODELS = 5000, TASK_SIZE = 1000, FAILED = 450, MS = 1000000 };

/* Not UTF-8, with controls, quotes and a newline. */
static const char hostile[] = "\xff\xfe\x01 \"quoted\\\" \n\x1b[31m \xe6\x97";

struct bench {
    char *dir;
    uv_loop_t loop;
    struct catalog catalog;
    struct core *core;
    struct core_effects effects;
    struct admin admin;
    struct commit *commit;
    struct door door; /* nothing listens */
    struct translate *translate;
    struct arena arena;
    struct admin_order order; /* of the newest ask */
    bool ok;                  /* of the newest ask */
};

static void ignore_turn(void *owner, struct turn *turn)
{
    (void)owner;
    (void)turn;
}

/* MODELS models with one task: "model-0", "model-1", ..., but the second has a hostile name. */
static void fill_catalog(struct catalog *c)
{
    c->model_count = MODELS;
    c->task_count = 1;
    c->models = arena_alloc(&c->arena, MODELS * sizeof(*c->models));
    c->tasks = arena_alloc(&c->arena, sizeof(*c->tasks));
    for (uint32_t i = 0; i < MODELS; i++) {
        const char *name = i == 1 ? hostile : arena_format(&c->arena, "model-%u", i);
        c->models[i] = (struct catalog_entry){ .id = i + 1, .name = name };
        map_put(&c->model_index, i + 1, (void *)(uintptr_t)(i + 1));
    }
    c->tasks[0] = (struct catalog_entry){ .id = 1, .name = "nlp/\xff" };
    map_put(&c->task_index, 1, (void *)(uintptr_t)1);
}

/* All instances but the first `open` of each model have ended. */
static void fill_core(struct bench *b, uint32_t models, uint32_t open)
{
    struct bitmap ended;
    bitmap_init(&ended, TASK_SIZE);
    for (uint32_t i = open; i < TASK_SIZE; i++)
        bitmap_set(&ended, i);
    b->core = core_new(&(struct core_config){ .epoch = 3,
                                              .seed = 1,
                                              .beat_ns = 1000ll * MS,
                                              .lease_ns = 15000ll * MS,
                                              .job_target_ns = 30000ll * MS,
                                              .probe_ns = 1000ll * MS,
                                              .backoff_ns = 1000ll * MS,
                                              .strikes_max = 3 });
    core_add_task(b->core, TASK_SIZE);
    for (uint32_t i = 0; i < models; i++) {
        core_add_model(b->core, &(struct core_need){ .cpus = 1 });
        core_add_cell(b->core, i, 0, NULL, &ended, 0);
    }
    bitmap_release(&ended);
}

static int setup(void **state)
{
    struct bench *b = calloc(1, sizeof(*b));
    assert_non_null(b);
    b->dir = test_dir();
    assert_int_equal(uv_loop_init(&b->loop), 0);
    fill_catalog(&b->catalog);
    fill_core(b, MODELS, TASK_SIZE);
    b->translate = translate_new(&b->catalog, "trial", 3, 1000, 15000);
    b->admin = (struct admin){ .sweep_name = "trial",
                               .translate = b->translate,
                               .door = &b->door,
                               .epoch = 3,
                               .catalog = &b->catalog,
                               .core = b->core,
                               .store = fixture_open(b->dir),
                               .now_mono_ns = 1000ll * MS };
    b->admin.commit = b->commit = commit_new(&b->loop, b->admin.store, NULL, ignore_turn);
    progress_start(&b->admin.progress, 0, 0);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    translate_free(b->translate);
    commit_close(b->commit);
    uv_run(&b->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&b->loop), 0);
    store_close(b->admin.store);
    core_free(b->core);
    core_effects_release(&b->effects);
    catalog_release(&b->catalog);
    arena_release(&b->arena);
    test_rm_rf(b->dir);
    free(b);
    return 0;
}

/* The answer, which must be an object and fit into a message. The caller releases it. */
static json_t *ask(struct bench *b, const char *question)
{
    struct buf out = { 0 };
    arena_clear(&b->arena);
    b->ok = admin_answer(&b->admin, span_str(question), &b->arena, &out, &b->order);
    assert_in_range(out.len, 2, MESSAGE_BYTES_MAX - 1024);
    json_error_t where;
    json_t *o = json_loadb((const char *)out.data, out.len, JSON_REJECT_DUPLICATES, &where);
    if (!json_is_object(o))
        fail_msg("%s: %s", where.text, buf_cstr(&out));
    assert_int_equal(b->ok, json_object_get(o, "error") == NULL);
    if (b->ok)
        assert_int_equal(json_integer_value(json_object_get(o, "schema")), 1);
    buf_release(&out);
    return o;
}

static void step(struct bench *b, struct core_event event)
{
    core_step(b->core, &event, &b->effects);
    core_effects_clear(&b->effects);
}

/* A worker says hello. */
static void connect_worker(struct bench *b, const char *name, uint32_t slots)
{
    static struct msg_slot all[SLOTS_MAX];
    static uint8_t id[WORKER_ID_BYTES];
    id[0]++;
    for (uint32_t i = 0; i < slots; i++)
        all[i] = (struct msg_slot){ .cpus = 2 };
    struct core_event e = { .kind = CORE_HELLO, .now_mono_ns = 500ll * MS };
    e.as.hello.peer = id[0];
    e.as.hello.next_seq = 1;
    e.as.hello.name = span_str(name);
    e.as.hello.worker_id = id;
    e.as.hello.slots = all;
    e.as.hello.slot_count = slots;
    step(b, e);
}

static const char *text(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    assert_non_null(s);
    return s;
}

static json_int_t whole(const json_t *o, const char *key)
{
    assert_true(json_is_integer(json_object_get(o, key)));
    return json_integer_value(json_object_get(o, key));
}

/* ---- Status ---- */

static void status_tells_the_sweep(void **state)
{
    struct bench *b = *state;
    json_t *o = ask(b, "{\"ask\": \"status\"}");
    assert_string_equal(text(o, "sweep"), "trial");
    assert_string_equal(text(o, "state"), "running");
    assert_int_equal(whole(o, "total"), (json_int_t)MODELS * TASK_SIZE);
    assert_int_equal(whole(o, "done"), 0);
    assert_int_equal(whole(o, "epoch"), 3);
    assert_true(json_is_null(json_object_get(o, "blocked")));
    assert_true(json_is_false(json_object_get(o, "insecure")));
    assert_int_equal(json_array_size(json_object_get(o, "listen")), 0);
    assert_true(json_is_null(json_object_get(o, "eta_s"))); /* no rate, no guess */
    assert_int_equal(whole(json_object_get(o, "counters"), "commits"), 0);
    assert_int_equal(b->order.kind, ADMIN_NOTHING);
    json_decref(o);
}

static void a_long_list_comes_in_pages_without_a_gap(void **state)
{
    struct bench *b = *state;
    uint32_t seen = 0, pages = 0;
    json_t *next = json_integer(0);
    while (json_is_integer(next)) {
        char question[64];
        snprintf(question, sizeof(question), "{\"ask\": \"status\", \"from\": %d}",
                 (int)json_integer_value(next));
        json_t *o = ask(b, question), *m;
        size_t i;
        json_array_foreach(json_object_get(o, "models"), i, m)
        {
            if (seen != 1)
                assert_string_equal(text(m, "name"), b->catalog.models[seen].name);
            seen++;
        }
        json_decref(next);
        next = json_incref(json_object_get(o, "next"));
        json_decref(o);
        pages++;
    }
    assert_true(json_is_null(next));
    assert_int_equal(seen, MODELS);
    assert_in_range(pages, 2, 10);
    json_decref(next);
}

static void a_page_behind_the_end_is_empty(void **state)
{
    struct bench *b = *state;
    json_t *o = ask(b, "{\"ask\": \"status\", \"from\": 4000000000}");
    assert_int_equal(json_array_size(json_object_get(o, "models")), 0);
    assert_true(json_is_null(json_object_get(o, "next")));
    json_decref(o);
}

static void a_hostile_name_is_still_a_text(void **state)
{
    struct bench *b = *state;
    json_t *o = ask(b, "{\"ask\": \"status\"}");
    const char *name = text(json_array_get(json_object_get(o, "models"), 1), "name");
    assert_non_null(strstr(name, "\xef\xbf\xbd")); /* U+FFFD for what is no UTF-8 */
    assert_non_null(strstr(name, "\"quoted\\\""));
    json_decref(o);
}

/* Whoever looks at the sweep sees that it is open to all. */
static void an_endpoint_without_keys_is_told_in_each_view(void **state)
{
    struct bench *b = *state;
    b->door.insecure = true;
    b->door.endpoint_count = 1;
    b->door.endpoints[0] = (struct door_endpoint){ .text = "tcp://0.0.0.0:1", .role = KEY_WORKER };
    json_t *o = ask(b, "{\"ask\": \"status\"}");
    assert_true(json_is_true(json_object_get(o, "insecure")));
    const json_t *endpoint = json_array_get(json_object_get(o, "listen"), 0);
    assert_string_equal(text(endpoint, "endpoint"), "tcp://0.0.0.0:1");
    assert_string_equal(text(endpoint, "for"), "worker");
    assert_true(json_is_false(json_object_get(endpoint, "keys")));
    json_decref(o);
    o = ask(b, "{\"ask\": \"workers\"}");
    assert_true(json_is_true(json_object_get(o, "insecure")));
    json_decref(o);
}

/* ---- What is not durable yet ---- */

/* The first worker's first attempt answers its instances 0 to 2, the last of them failed for good.
 * As the loop would: the core counts them, and they gather for the next commit. */
static void take_results(struct bench *b)
{
    static const uint32_t instances[] = { 0, 1, 2 };
    static const uint8_t statuses[] = { STATUS_OK, STATUS_OK, STATUS_REFUSED };
    struct core_worker_view w;
    struct core_slot_view slot;
    core_worker_view(b->core, 0, &w);
    core_slot_view(b->core, 0, 0, &slot);
    assert_int_equal(slot.model, 0);
    struct core_event e = { .kind = CORE_RESULTS, .now_mono_ns = 600ll * MS, .session = w.session };
    e.as.results.seq = 1;
    e.as.results.attempt = slot.attempt;
    e.as.results.rows = 3;
    e.as.results.instance = instances;
    e.as.results.status = statuses;
    step(b, e);
    struct store_batch *batch = commit_open_turn(b->commit)->batch;
    fixture_block(batch, 1, 1, TASK_SIZE, 0, 1, 2, STATUS_OK);
    fixture_block(batch, 1, 1, TASK_SIZE, 2, 1, 1, STATUS_REFUSED);
}

static void make_durable(struct bench *b)
{
    commit_go(b->commit);
    while (!commit_is_idle(b->commit))
        uv_run(&b->loop, UV_RUN_ONCE);
}

static void expect_counts(struct bench *b, json_int_t done, json_int_t failed, json_int_t running)
{
    json_t *o = ask(b, "{\"ask\": \"status\"}");
    const json_t *model = json_array_get(json_object_get(o, "models"), 0);
    assert_true(b->order.is_durable);
    assert_int_equal(whole(o, "done"), done);
    assert_int_equal(whole(o, "failed"), failed);
    assert_int_equal(whole(o, "running"), running);
    assert_int_equal(whole(model, "done"), done);
    assert_int_equal(whole(model, "failed"), failed);
    assert_int_equal(whole(model, "running"), running);
    assert_int_equal(whole(json_object_get(o, "counters"), "rows_accepted"), done);
    json_decref(o);
}

/* A status need not wait for a commit: it leaves out what does. */
static void a_result_runs_until_it_is_durable(void **state)
{
    struct bench *b = *state;
    fixture_ids(b->admin.store, 2, 1, TASK_SIZE);
    connect_worker(b, "gpu-1", 1);
    struct core_totals t;
    core_totals(b->core, &t);
    json_int_t taken = (json_int_t)t.taken;
    take_results(b);
    expect_counts(b, 0, 0, taken);
    commit_go(b->commit);
    expect_counts(b, 0, 0, taken); /* in flight: on the work thread */
    make_durable(b);
    expect_counts(b, 3, 1, taken - 3);
}

static void a_sweep_is_not_done_before_its_last_result_is_durable(void **state)
{
    struct bench *b = *state;
    fixture_ids(b->admin.store, 1, 1, TASK_SIZE);
    core_free(b->core);
    fill_core(b, 1, 3);
    b->admin.core = b->core;
    b->catalog.model_count = 1;
    connect_worker(b, "gpu-1", 1);
    take_results(b);
    struct core_totals t;
    core_totals(b->core, &t);
    assert_int_equal(t.state, SWEEP_DONE);
    json_t *o = ask(b, "{\"ask\": \"status\"}");
    assert_string_equal(text(o, "state"), "running");
    assert_int_equal(whole(o, "done"), TASK_SIZE - 3);
    json_decref(o);
    make_durable(b);
    o = ask(b, "{\"ask\": \"status\"}");
    assert_string_equal(text(o, "state"), "done");
    assert_int_equal(whole(o, "done"), TASK_SIZE);
    json_decref(o);
}

/* The loop looks twice a second while a disk takes nothing. What waits counted at one look and not
 * at the next was a rate below nothing, told as 18 million million million a second. */
static void what_waits_is_in_no_rate(void **state)
{
    struct bench *b = *state;
    fixture_ids(b->admin.store, 2, 1, TASK_SIZE);
    connect_worker(b, "gpu-1", 1);
    take_results(b);
    for (int64_t ms = 1000; ms <= 40000; ms += 500)
        admin_sample(&b->admin, ms * MS);
    b->admin.now_mono_ns = 41000ll * MS;
    json_t *o = ask(b, "{\"ask\": \"status\"}");
    assert_true(json_number_value(json_object_get(o, "rate_per_s")) == 0);
    assert_true(json_is_null(json_object_get(o, "eta_s")));
    json_decref(o);
    make_durable(b);
    b->admin.now_mono_ns = 42000ll * MS;
    o = ask(b, "{\"ask\": \"status\"}");
    assert_true(json_number_value(json_object_get(o, "rate_per_s")) > 0);
    json_decref(o);
}

/* Of two sweeps that want different instances of one cell. */
static void what_waits_is_known_by_instance(void **state)
{
    struct bench *b = *state;
    struct store_batch *batch = commit_open_turn(b->commit)->batch;
    fixture_ids(b->admin.store, 2, 1, TASK_SIZE);
    fixture_block(batch, 2, 1, TASK_SIZE, 10, 2, 5, STATUS_OK); /* 10, 12, ... 18 */
    fixture_block(batch, 2, 1, TASK_SIZE, 11, 1, 1, STATUS_OK);
    struct bitmap some;
    bitmap_init(&some, TASK_SIZE);
    for (uint32_t i = 11; i < 15; i++)
        bitmap_set(&some, i); /* of them 11, 12 and 14 */
    struct waiting waiting;
    waiting_collect(&b->admin, &waiting);
    assert_int_equal(waiting.all.ended, 6);
    assert_int_equal(waiting_in_cell(&waiting, 1, 0, &some), 3);
    assert_int_equal(waiting_in_cell(&waiting, 0, 0, &some), 0);
    waiting_release(&waiting);
    bitmap_release(&some);
    make_durable(b);
}

/* What tells more than durable counts leaves with its commit. */
static void other_answers_wait_for_their_commit(void **state)
{
    static const struct {
        const char *question;
        bool is_durable;
    } cases[] = {
        { "{\"ask\": \"status\"}", true },
        { "{\"ask\": \"failures\"}", true },
        { "{\"ask\": \"workers\"}", false },
        { "{\"ask\": \"explain\", \"what\": \"nlp\"}", false },
        { "{\"ask\": \"drain\"}", false },
        { "{\"ask\": \"pause\", \"model\": \"model-7\"}", false },
    };
    struct bench *b = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        json_decref(ask(b, cases[i].question));
        assert_int_equal(b->order.is_durable, cases[i].is_durable);
    }
}

/* ---- Workers ---- */

static void workers_are_told_with_their_slots(void **state)
{
    struct bench *b = *state;
    connect_worker(b, "gpu-1", 3);
    connect_worker(b, hostile, 1);
    json_t *o = ask(b, "{\"ask\": \"workers\"}"), *list = json_object_get(o, "workers");
    assert_int_equal(json_array_size(list), 2);
    const json_t *first = json_array_get(list, 0);
    assert_string_equal(text(first, "name"), "gpu-1");
    assert_string_equal(text(first, "state"), "live");
    assert_true(json_real_value(json_object_get(first, "heard_s")) == 0.5);
    assert_int_equal(json_array_size(json_object_get(first, "slots")), 3);
    const json_t *slot = json_array_get(json_object_get(first, "slots"), 2);
    assert_int_equal(whole(slot, "slot"), 2);
    assert_int_equal(whole(slot, "cpus"), 2);
    text(json_array_get(list, 1), "name"); /* hostile, and there */
    json_decref(o);
}

static void the_largest_worker_fits_into_a_message(void **state)
{
    struct bench *b = *state;
    for (int i = 0; i < 4; i++) {
        char name[NAME_BYTES_MAX + 1];
        memset(name, 1, sizeof(name)); /* escaped, six bytes each */
        name[0] = (char)('a' + i);
        name[NAME_BYTES_MAX] = '\0';
        connect_worker(b, name, SLOTS_MAX);
    }
    json_t *o = ask(b, "{\"ask\": \"workers\"}");
    assert_int_not_equal(json_array_size(json_object_get(o, "workers")), 0);
    json_decref(o);
}

/* ---- Failures ---- */

/* FAILED instances of the first model that failed, each with this reason. */
static void fail_instances(struct bench *b, struct span reason)
{
    struct block_builder builder;
    struct buf bytes = { 0 };
    struct store_batch *batch = store_batch_new();
    fixture_ids(b->admin.store, 2, 1, TASK_SIZE);
    block_builder_init(&builder, 1);
    for (uint32_t i = 0; i < FAILED; i++)
        block_builder_add(
            &builder,
            &(struct result){ .instance = 2 * i, .status = STATUS_REFUSED, .answer = reason });
    block_builder_encode(&builder, &bytes);
    store_batch_block(batch, 1, 1, TASK_SIZE, buf_span(&bytes));
    fixture_commit(b->admin.store, batch);
    store_batch_free(batch);
    block_builder_release(&builder);
    buf_release(&bytes);
}

/* A model may say what it wants of its failures. Readers of JSON that end texts at a NUL, as the
 * command does, refuse the whole answer for one. */
static void a_reason_with_a_nul_is_told(void **state)
{
    struct bench *b = *state;
    fail_instances(b, span_of("no\0pe", 5));
    json_t *o = ask(b, "{\"ask\": \"failures\", \"limit\": 1}");
    const json_t *first = json_array_get(json_object_get(o, "failures"), 0);
    assert_string_equal(text(first, "reason"), "no\xef\xbf\xbdpe");
    json_decref(o);
}

static void failures_come_in_pages_without_a_gap(void **state)
{
    struct bench *b = *state;
    fail_instances(b, span_str("no"));
    uint32_t seen = 0;
    json_t *after = json_null();
    do {
        json_t *question =
            json_pack("{s:s,s:i,s:o}", "ask", "failures", "limit", 100, "after", after);
        char *line = json_dumps(question, JSON_COMPACT);
        json_t *o = ask(b, line), *f;
        size_t i;
        json_array_foreach(json_object_get(o, "failures"), i, f)
        {
            assert_int_equal(whole(f, "instance"), 2 * seen);
            assert_string_equal(text(f, "model"), "model-0");
            assert_string_equal(text(f, "status"), "refused");
            assert_string_equal(text(f, "reason"), "no");
            seen++;
        }
        after = json_incref(json_object_get(o, "next"));
        json_decref(o);
        json_decref(question);
        free(line);
    } while (json_is_object(after));
    assert_int_equal(seen, FAILED);
    json_decref(after);
}

static void hostile_reasons_of_any_length_are_texts_that_fit(void **state)
{
    struct bench *b = *state;
    char reason[2000];
    memset(reason, 1, sizeof(reason)); /* escaped, six bytes each */
    memcpy(reason, hostile, sizeof(hostile) - 1);
    fail_instances(b, span_of(reason, sizeof(reason)));
    json_t *o = ask(b, "{\"ask\": \"failures\", \"limit\": 1000000}"), *f;
    assert_int_equal(json_array_size(json_object_get(o, "failures")), 200); /* a page at most */
    size_t i;
    json_array_foreach(json_object_get(o, "failures"), i, f)
    {
        assert_non_null(strstr(text(f, "reason"), "\"quoted\\\""));
        assert_in_range(strlen(text(f, "reason")), 100, 1500);
        assert_non_null(strstr(text(f, "task"), "nlp/"));
    }
    json_decref(o);
}

static void failures_of_one_model(void **state)
{
    struct bench *b = *state;
    fail_instances(b, span_str("no"));
    json_t *o = ask(b, "{\"ask\": \"failures\", \"model\": \"model-2\"}");
    assert_int_equal(json_array_size(json_object_get(o, "failures")), 0);
    assert_true(json_is_null(json_object_get(o, "next")));
    json_decref(o);
}

/* ---- What cannot be answered ---- */

static void expect_explained(struct bench *b, const char *what, const char *kind,
                             const char *reason, const char *part)
{
    struct buf question = { 0 };
    buf_printf(&question, "{\"ask\": \"explain\", \"what\": \"%s\"}", what);
    json_t *o = ask(b, buf_cstr(&question));
    assert_true(b->ok);
    assert_string_equal(text(o, "what"), kind);
    assert_string_equal(text(o, "reason"), reason);
    if (!strstr(text(o, "text"), part))
        fail_msg("expected %s in %s", part, text(o, "text"));
    json_decref(o);
    buf_release(&question);
}

static void why_things_are_where_they_are(void **state)
{
    struct bench *b = *state;
    expect_explained(b, "model-77", "model", "no_worker", "model-77 waits: no worker");
    expect_explained(b, "model-4321", "model", "no_worker", "model-4321 waits");
    expect_explained(b, "nlp/", "task", "turn", "is done by 0 of 5000 models"); /* completed */
    expect_explained(b, "300000001", "attempt", "over", "attempt 300000001 is over");
}

static void expect_not_explained(struct bench *b, const char *what, const char *part)
{
    struct buf question = { 0 };
    buf_printf(&question, "{\"ask\": \"explain\", \"what\": \"%s\"}", what);
    json_t *o = ask(b, buf_cstr(&question));
    assert_false(b->ok);
    if (!strstr(text(o, "error"), part))
        fail_msg("expected %s in %s", part, text(o, "error"));
    json_decref(o);
    buf_release(&question);
}

static void what_is_not_there_or_not_clear_is_said_with_what_may_be_meant(void **state)
{
    struct bench *b = *state;
    expect_not_explained(b, "", "expected");
    expect_not_explained(b, "model-", "may be model-0, model-2, model-3, ");
    expect_not_explained(b, "modell-12", "did you mean \"model-12\"?");
    expect_not_explained(b, "zzzzzzzzzzzzzzzzz", "no model, worker, task");
}

static void what_cannot_be_answered_is_said(void **state)
{
    static const struct {
        const char *question, *error;
    } cases[] = {
        { "", "an ask is one JSON object" },
        { "[]", "an ask is one JSON object" },
        { "{\"ask\": \"status\"", "an ask is one JSON object" },
        { "{\"ask\": \"status\", \"ask\": \"stop\"}", "an ask is one JSON object" },
        { "{\"ask\": \"\xff\"}", "an ask is one JSON object" },
        { "{}", "expected {\"ask\": \"status\"} or another ask" },
        { "{\"ask\": 7}", "expected {\"ask\": \"status\"} or another ask" },
        { "{\"ask\": \"reboot\"}", "unknown ask \"reboot\"" },
        { "{\"ask\": \"failures\", \"model\": \"x\"}", "no model \"x\" in this sweep" },
        { "{\"ask\": \"pause\"}", "no model \"\" in this sweep" },
        { "{\"ask\": \"pause\", \"model\": \"model-\"}", "no model \"model-\" in this sweep" },
        { "{\"ask\": \"drain_worker\", \"worker\": \"w\"}", "no worker \"w\" has said hello" },
    };
    struct bench *b = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        json_t *o = ask(b, cases[i].question);
        assert_false(b->ok);
        assert_string_equal(text(o, "error"), cases[i].error);
        assert_int_equal(b->order.kind, ADMIN_NOTHING);
        json_decref(o);
    }
}

/* What is repeated of an ask must not make the answer larger than a message. */
static void the_longest_ask_gets_a_short_answer(void **state)
{
    struct bench *b = *state;
    struct buf question = { 0 };
    buf_append_str(&question, "{\"ask\": \"");
    while (question.len < CONTROL_BYTES_MAX - 100)
        buf_append_str(&question, "\\u0001");
    buf_append_str(&question, "\"}");
    json_t *o = ask(b, buf_cstr(&question));
    assert_false(b->ok);
    assert_in_range(strlen(text(o, "error")), 10, 500);
    json_decref(o);
    buf_release(&question);
}

/* ---- Orders ---- */

static void orders_are_events_of_the_core(void **state)
{
    static const struct {
        const char *question;
        enum core_event_kind kind;
        uint32_t model;
    } cases[] = {
        { "{\"ask\": \"drain\"}", CORE_DRAIN, 0 },
        { "{\"ask\": \"pause\", \"model\": \"model-7\"}", CORE_PAUSE_MODEL, 7 },
        { "{\"ask\": \"resume\", \"model\": \"model-4999\"}", CORE_RESUME_MODEL, 4999 },
    };
    struct bench *b = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        json_t *o = ask(b, cases[i].question);
        assert_true(json_is_true(json_object_get(o, "ok")));
        assert_int_equal(b->order.kind, ADMIN_STEP);
        assert_int_equal(b->order.event.kind, cases[i].kind);
        assert_int_equal(b->order.event.now_mono_ns, b->admin.now_mono_ns);
        assert_int_equal(b->order.event.as.order.model, cases[i].model);
        json_decref(o);
    }
}

static void an_order_does_nothing_until_it_is_stepped(void **state)
{
    struct bench *b = *state;
    connect_worker(b, "gpu-1", 1);
    json_decref(ask(b, "{\"ask\": \"drain_worker\", \"worker\": \"gpu-1\"}"));
    assert_int_equal(b->order.kind, ADMIN_STEP);
    struct core_worker_view v;
    core_worker_view(b->core, 0, &v);
    assert_false(v.draining);
    step(b, b->order.event);
    core_worker_view(b->core, 0, &v);
    assert_true(v.draining);
    json_t *o = ask(b, "{\"ask\": \"workers\"}");
    assert_string_equal(text(json_array_get(json_object_get(o, "workers"), 0), "state"),
                        "draining");
    json_decref(o);
}

static void stop_is_for_the_loop(void **state)
{
    struct bench *b = *state;
    json_decref(ask(b, "{\"ask\": \"stop\"}"));
    assert_true(b->ok);
    assert_int_equal(b->order.kind, ADMIN_STOP);
}

int main(void)
{
#define ON_A_BENCH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        ON_A_BENCH(status_tells_the_sweep),
        ON_A_BENCH(an_endpoint_without_keys_is_told_in_each_view),
        ON_A_BENCH(a_long_list_comes_in_pages_without_a_gap),
        ON_A_BENCH(a_page_behind_the_end_is_empty),
        ON_A_BENCH(a_hostile_name_is_still_a_text),
        ON_A_BENCH(a_result_runs_until_it_is_durable),
        ON_A_BENCH(a_sweep_is_not_done_before_its_last_result_is_durable),
        ON_A_BENCH(what_waits_is_in_no_rate),
        ON_A_BENCH(what_waits_is_known_by_instance),
        ON_A_BENCH(other_answers_wait_for_their_commit),
        ON_A_BENCH(workers_are_told_with_their_slots),
        ON_A_BENCH(the_largest_worker_fits_into_a_message),
        ON_A_BENCH(a_reason_with_a_nul_is_told),
        ON_A_BENCH(failures_come_in_pages_without_a_gap),
        ON_A_BENCH(hostile_reasons_of_any_length_are_texts_that_fit),
        ON_A_BENCH(failures_of_one_model),
        ON_A_BENCH(why_things_are_where_they_are),
        ON_A_BENCH(what_is_not_there_or_not_clear_is_said_with_what_may_be_meant),
        ON_A_BENCH(what_cannot_be_answered_is_said),
        ON_A_BENCH(the_longest_ask_gets_a_short_answer),
        ON_A_BENCH(orders_are_events_of_the_core),
        ON_A_BENCH(an_order_does_nothing_until_it_is_stepped),
        ON_A_BENCH(stop_is_for_the_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
