/* Between wire and core: whose message it is, what a worker must know before a grant, where answers
 * go, and which rows are recorded. Effects are made here; what is said is decoded again. */
#include "tests/lib/test.h"

#include "common/check.h"
#include "coordinator/store/batch.h"
#include "coordinator/translate.h"
#include "proto/msg.h"

enum { MODELS = 2, TASKS = 3, TASK_SIZE = 100, TASK_STATS = 1 };
static const uint64_t SESSION_A = 0x700000001, SESSION_B = 0x700000002;

/* The store's ids are not the core's indexes. */
#define MODEL_ID(index) (11 + (index))
#define TASK_ID(index)  (31 + (index))

struct bench {
    struct catalog catalog;
    struct translate *translate;
    struct incoming in;
    struct turn turn;
    struct arena arena; /* of decoded messages */
};

static void fill(struct catalog *c)
{
    c->model_count = MODELS;
    c->task_count = TASKS;
    c->models = arena_alloc(&c->arena, MODELS * sizeof(*c->models));
    c->tasks = arena_alloc(&c->arena, TASKS * sizeof(*c->tasks));
    c->task_sizes = arena_alloc(&c->arena, TASKS * sizeof(*c->task_sizes));
    c->task_stats = arena_alloc(&c->arena, TASKS * sizeof(*c->task_stats));
    for (uint32_t i = 0; i < MODELS; i++) {
        const char *json = arena_format(&c->arena, "{\"model\":%u}", i);
        c->models[i] = (struct catalog_entry){ MODEL_ID(i), "model", span_str(json) };
        map_put(&c->model_index, MODEL_ID(i), (void *)(uintptr_t)(i + 1));
    }
    for (uint32_t i = 0; i < TASKS; i++) {
        const char *json = arena_format(&c->arena, "{\"task\":%u}", i);
        c->tasks[i] = (struct catalog_entry){ TASK_ID(i), "task", span_str(json) };
        c->task_sizes[i] = TASK_SIZE;
        c->task_stats[i] = TASK_STATS;
        map_put(&c->task_index, TASK_ID(i), (void *)(uintptr_t)(i + 1));
    }
}

static int setup(void **state)
{
    struct bench *b = calloc(1, sizeof(*b));
    assert_non_null(b);
    fill(&b->catalog);
    b->translate = translate_new(&b->catalog, "trial", 7, 1000, 15000);
    turn_init(&b->turn);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    translate_free(b->translate);
    incoming_release(&b->in);
    turn_release(&b->turn);
    arena_release(&b->arena);
    catalog_release(&b->catalog);
    free(b);
    return 0;
}

static struct outbox_peer peer(uint8_t byte)
{
    return (struct outbox_peer){ .len = 2, .bytes = { 0, byte } };
}

/* A message of the connection `from`; the event that it came to. */
static const struct core_event *take(struct bench *b, uint8_t from, const struct msg *m)
{
    struct outbox_peer p = peer(from);
    struct errmsg msg = { "" };
    incoming_clear(&b->in);
    if (translate_in(b->translate, m, &p, 5, &b->in, &msg) != OK)
        fail_msg("%s", msg.text);
    return &b->in.event;
}

static void carry_out(struct bench *b, struct core_effect effect, struct incoming *in)
{
    translate_out(b->translate, &(struct core_effects){ .items = &effect, .count = 1 }, in,
                  &b->turn);
}

static uint64_t hello_of(struct bench *b, uint8_t from, const char *name, uint8_t minor)
{
    struct msg m = { .type = MSG_HELLO, .minor = minor, .seq = 1 };
    m.as.hello.worker_name = span_str(name);
    const struct core_event *e = take(b, from, &m);
    assert_int_equal(e->kind, CORE_HELLO);
    return e->as.hello.peer;
}

static uint64_t hello(struct bench *b, uint8_t from, const char *name)
{
    return hello_of(b, from, name, MSG_MINOR);
}

/* Hello, and the core's welcome. */
static void connect_worker_of(struct bench *b, uint8_t from, uint64_t session, uint8_t minor)
{
    struct core_effect welcome = { .kind = EFFECT_WELCOME, .session = session };
    welcome.as.welcome.peer = hello_of(b, from, "w", minor);
    carry_out(b, welcome, &b->in);
}

static void connect_worker(struct bench *b, uint8_t from, uint64_t session)
{
    connect_worker_of(b, from, session, MSG_MINOR);
}

static void grant(struct bench *b, uint64_t session, uint32_t model, uint32_t task)
{
    struct core_effect e = { .kind = EFFECT_GRANT, .session = session };
    e.as.grant.attempt = 99;
    e.as.grant.model = model;
    e.as.grant.task = task;
    e.as.grant.count = 10;
    carry_out(b, e, NULL);
}

/* "PEER type id" a line, a frame each. */
static void append_said(struct bench *b, const struct outbox_peer *to, struct span parcel,
                        struct buf *text)
{
    unsigned frames = 0;
    for (struct msg m; parcel.len > 0; frames++) {
        assert_int_equal(msg_take(&parcel, &b->arena, &m, NULL), OK);
        buf_printf(text, "%u %s", to->bytes[1], msg_type_text(m.type));
        if (m.type == MSG_DEFINE_MODEL || m.type == MSG_DEFINE_TASK)
            buf_printf(text, " %u %.*s", m.as.define.id, (int)m.as.define.json.len,
                       (const char *)m.as.define.json.data);
        if (m.type == MSG_REJECT && m.session)
            buf_printf(text, " session %llx", (unsigned long long)m.session);
        if (m.type == MSG_ACK)
            buf_printf(text, " %u", (unsigned)m.as.ack.seq);
        if (m.type == MSG_GRANT)
            buf_printf(text, " %u/%u", m.as.grant.model, m.as.grant.task);
        buf_append_byte(text, '\n');
    }
    assert_in_range(frames, 1, PARCEL_FRAMES_MAX);
}

static const char *keep(struct bench *b, struct buf *text)
{
    const char *copy = arena_strdup(&b->arena, buf_cstr(text));
    buf_release(text);
    return copy;
}

struct listener {
    struct bench *bench;
    struct buf text;
    size_t parcels;
};

static void hear(void *owner, const struct outbox_peer *to, struct span parcel)
{
    struct listener *l = owner;
    append_said(l->bench, to, parcel, &l->text);
    l->parcels++;
}

/* What is said at the end of the turn of the loop. */
static const char *said_at_once(struct bench *b)
{
    struct listener l = { .bench = b };
    translate_talk(b->translate, hear, &l);
    return keep(b, &l.text);
}

/* What is said once the turn is durable; empties it. */
static const char *said_when_durable(struct bench *b)
{
    struct buf text = { 0 };
    turn_seal(&b->turn);
    for (size_t i = 0; i < b->turn.count; i++) {
        const struct outbox_item *item = &b->turn.items[i];
        append_said(b, &item->peer, span_of(b->turn.frames.data + item->at, item->len), &text);
    }
    turn_clear(&b->turn);
    return keep(b, &text);
}

/* All of it. */
static const char *said(struct bench *b)
{
    const char *at_once = said_at_once(b);
    return arena_format(&b->arena, "%s%s", at_once, said_when_durable(b));
}

/* A block of the instances 0, 1, ...; the statuses say how many. The caller releases it. */
static struct buf block_with(uint8_t stat_count, const status *statuses, uint32_t count)
{
    struct block_builder builder;
    struct buf bytes = { 0 };
    block_builder_init(&builder, stat_count);
    for (uint32_t i = 0; i < count; i++) {
        struct result row = { .instance = i,
                              .status = statuses[i],
                              .answer = span_str(statuses[i] ? "too big" : "an answer") };
        block_builder_add(&builder, &row);
    }
    block_builder_encode(&builder, &bytes);
    block_builder_release(&builder);
    return bytes;
}

static struct buf block_of(const status *statuses, uint32_t count)
{
    return block_with(TASK_STATS, statuses, count);
}

static struct msg results(uint64_t session, struct span block)
{
    struct msg m = { .type = MSG_RESULTS, .session = session, .seq = 4 };
    m.as.results =
        (struct msg_results){ .attempt = 99, .model = MODEL_ID(1), .task = TASK_ID(2), block };
    return m;
}

/* ---- Whose message it is ---- */

static void a_session_belongs_to_its_connection(void **state)
{
    struct bench *b = *state;
    connect_worker(b, 'a', SESSION_A);
    connect_worker(b, 'b', SESSION_B);
    struct msg m = { .type = MSG_GOODBYE, .session = SESSION_A };
    assert_int_equal(take(b, 'a', &m)->session, SESSION_A);
    assert_int_equal(take(b, 'b', &m)->session, 0); /* as good as unknown */
    assert_int_equal(take(b, 'c', &m)->session, 0);
    m.session = 12345;
    assert_int_equal(take(b, 'a', &m)->session, 0);
    struct outbox_peer a = peer('a'), c = peer('c');
    assert_int_equal(translate_session(b->translate, &a), SESSION_A);
    assert_int_equal(translate_session(b->translate, &c), 0);
}

static void nothing_is_said_to_a_session_that_is_over(void **state)
{
    struct bench *b = *state;
    connect_worker(b, 'a', SESSION_A);
    said(b);
    carry_out(b, (struct core_effect){ .kind = EFFECT_GONE, .session = SESSION_A }, NULL);
    grant(b, SESSION_A, 0, 0);
    struct core_effect ack = { .kind = EFFECT_ACK, .session = SESSION_A, .as.ack.seq = 3 };
    carry_out(b, ack, NULL);
    assert_string_equal(said(b), "");
    struct msg m = { .type = MSG_GOODBYE, .session = SESSION_A };
    assert_int_equal(take(b, 'a', &m)->session, 0);
}

static void ids_of_another_sweep_are_no_index(void **state)
{
    struct bench *b = *state;
    struct msg_held held[] = { { .attempt = 1, .model = MODEL_ID(1), .task = TASK_ID(0) },
                               { .attempt = 2, .model = 1, .task = 999 } };
    struct msg m = { .type = MSG_HELLO, .seq = 1 };
    m.as.hello.worker_name = span_str("w");
    m.as.hello.held = held;
    m.as.hello.held_count = 2;
    const struct core_event *e = take(b, 'a', &m);
    assert_int_equal(e->as.hello.held[0].model, 1);
    assert_int_equal(e->as.hello.held[0].task, 0);
    assert_int_equal(e->as.hello.held[1].model, UINT32_MAX);
    assert_int_equal(e->as.hello.held[1].task, UINT32_MAX);
}

static void what_no_worker_sends_is_refused(void **state)
{
    struct bench *b = *state;
    const enum msg_type types[] = {
        MSG_WELCOME, MSG_GRANT, MSG_ACK, MSG_REJECT, MSG_ASK, MSG_REPLY
    };
    struct outbox_peer p = peer('a');
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        struct errmsg msg = { "" };
        struct msg m = { .type = types[i] };
        assert_int_equal(translate_in(b->translate, &m, &p, 5, &b->in, &msg), ERR_INVALID);
        assert_non_null(strstr(msg.text, msg_type_text(types[i])));
        incoming_clear(&b->in);
    }
}

/* ---- What is said ---- */

static void definitions_come_once_and_before_the_first_grant(void **state)
{
    struct bench *b = *state;
    connect_worker(b, 'a', SESSION_A);
    assert_string_equal(said(b), "97 welcome\n");
    grant(b, SESSION_A, 1, 0);
    assert_string_equal(said(b), "97 define_model 12 {\"model\":1}\n"
                                 "97 define_task 31 {\"task\":0}\n"
                                 "97 grant 12/31\n");
    grant(b, SESSION_A, 1, 0);
    assert_string_equal(said(b), "97 grant 12/31\n");
    grant(b, SESSION_A, 1, 2);
    assert_string_equal(said(b), "97 define_task 33 {\"task\":2}\n"
                                 "97 grant 12/33\n");
}

static void each_connection_is_told_anew(void **state)
{
    struct bench *b = *state;
    connect_worker(b, 'a', SESSION_A);
    grant(b, SESSION_A, 0, 0);
    connect_worker(b, 'b', SESSION_B);
    said(b);
    grant(b, SESSION_B, 0, 0);
    assert_string_equal(said(b), "98 define_model 11 {\"model\":0}\n"
                                 "98 define_task 31 {\"task\":0}\n"
                                 "98 grant 11/31\n");
}

static struct core_effect ack_of(uint64_t session, uint64_t seq)
{
    struct core_effect ack = { .kind = EFFECT_ACK, .session = session };
    ack.as.ack.seq = seq;
    return ack;
}

/* Who waits for work does not wait for the disk as well. */
static void only_an_ack_waits_until_its_turn_is_durable(void **state)
{
    struct bench *b = *state;
    connect_worker(b, 'a', SESSION_A);
    carry_out(b, ack_of(SESSION_A, 1), NULL);
    grant(b, SESSION_A, 0, 0);
    assert_string_equal(said_at_once(b), "97 welcome\n"
                                         "97 define_model 11 {\"model\":0}\n"
                                         "97 define_task 31 {\"task\":0}\n"
                                         "97 grant 11/31\n");
    assert_string_equal(said_at_once(b), "");
    assert_string_equal(said_when_durable(b), "97 ack 1\n");
}

/* It would get a parcel of frames, and more attempts than its hello can name. */
static void a_worker_of_before_parcels_is_told_all_when_it_is_durable(void **state)
{
    struct bench *b = *state;
    connect_worker_of(b, 'a', SESSION_A, 2);
    grant(b, SESSION_A, 0, 0);
    assert_string_equal(said_at_once(b), "");
    assert_int_equal(b->turn.count, 4); /* a frame each */
    assert_string_equal(said_when_durable(b), "97 welcome\n"
                                              "97 define_model 11 {\"model\":0}\n"
                                              "97 define_task 31 {\"task\":0}\n"
                                              "97 grant 11/31\n");
}

static void what_is_too_much_for_one_parcel_goes_in_several(void **state)
{
    struct bench *b = *state;
    struct listener l = { .bench = b };
    connect_worker(b, 'a', SESSION_A);
    (void)said(b);
    for (int i = 0; i < 3 * PARCEL_FRAMES_MAX; i++)
        grant(b, SESSION_A, 0, 0);
    translate_talk(b->translate, hear, &l);
    assert_int_equal(l.parcels, 4); /* two definitions besides the grants */
    buf_release(&l.text);
}

/* As the server does with a peer whose queue is full: what is said to 'a' ends its session, and its
 * work goes to 'b'. */
static void hear_from_a_full_queue(void *owner, const struct outbox_peer *to, struct span parcel)
{
    struct listener *l = owner;
    if (to->bytes[1] == 'a') {
        carry_out(l->bench, (struct core_effect){ .kind = EFFECT_GONE, .session = SESSION_A },
                  NULL);
        grant(l->bench, SESSION_B, 0, 0);
        return;
    }
    hear(owner, to, parcel);
}

static void a_session_may_end_while_it_is_spoken_to(void **state)
{
    struct bench *b = *state;
    struct listener l = { .bench = b };
    connect_worker(b, 'a', SESSION_A);
    connect_worker(b, 'b', SESSION_B);
    (void)said(b);
    for (int i = 0; i < 2 * PARCEL_FRAMES_MAX; i++)
        grant(b, SESSION_A, 0, 0);
    translate_talk(b->translate, hear_from_a_full_queue, &l);
    assert_string_equal(keep(b, &l.text), "98 define_model 11 {\"model\":0}\n"
                                          "98 define_task 31 {\"task\":0}\n"
                                          "98 grant 11/31\n"
                                          "98 grant 11/31\n"
                                          "98 grant 11/31\n");
}

static void a_rejection_answers_the_message_where_it_came_from(void **state)
{
    struct bench *b = *state;
    connect_worker(b, 'a', SESSION_A);
    said(b);
    struct msg m = { .type = MSG_GOODBYE, .session = SESSION_A };
    take(b, 'b', &m); /* with the session of 'a' */
    struct core_effect e = { .kind = EFFECT_REJECT };
    e.as.reject.code = REJECT_SESSION;
    e.as.reject.text = "say hello again";
    carry_out(b, e, &b->in);
    assert_string_equal(said(b), "98 reject session 700000001\n"); /* which it is about */
    assert_int_equal(take(b, 'a', &m)->session, SESSION_A);        /* untouched */
}

static void a_refused_hello_leaves_no_connection(void **state)
{
    struct bench *b = *state;
    struct core_effect e = { .kind = EFFECT_REJECT };
    e.as.reject.peer = hello(b, 'a', "taken");
    e.as.reject.code = REJECT_NAME;
    e.as.reject.text = "taken";
    carry_out(b, e, &b->in);
    assert_string_equal(said(b), "97 reject\n");
    connect_worker(b, 'a', SESSION_A); /* the only one of this peer */
    struct outbox_peer a = peer('a');
    assert_int_equal(translate_session(b->translate, &a), SESSION_A);
}

/* Another worker must not take over the leases that go with a name. */
static void a_name_belongs_to_the_key_of_its_session(void **state)
{
    struct bench *b = *state;
    struct outbox_peer with_key = peer(1);
    struct errmsg msg = { "" };
    struct msg m = { .type = MSG_HELLO, .seq = 1 };
    m.as.hello.worker_name = span_str("w");
    with_key.holder = 4;
    assert_true(translate_name_is_free(b->translate, span_str("w"), 5));
    assert_int_equal(translate_in(b->translate, &m, &with_key, 5, &b->in, &msg), OK);
    struct core_effect welcome = { .kind = EFFECT_WELCOME, .session = SESSION_A };
    welcome.as.welcome.peer = b->in.event.as.hello.peer;
    carry_out(b, welcome, &b->in);
    assert_true(translate_name_is_free(b->translate, span_str("w"), 4));
    assert_false(translate_name_is_free(b->translate, span_str("w"), 5));
    assert_false(translate_name_is_free(b->translate, span_str("w"), 0)); /* nor to one without */
    assert_true(translate_name_is_free(b->translate, span_str("v"), 5));
    assert_int_equal(translate_peer(b->translate, SESSION_A)->holder, 4);
    carry_out(b, (struct core_effect){ .kind = EFFECT_GONE, .session = SESSION_A }, NULL);
    assert_true(translate_name_is_free(b->translate, span_str("w"), 5));
    assert_null(translate_peer(b->translate, SESSION_A));
}

static void a_note_is_one_line_that_names_its_model(void **state)
{
    struct bench *b = *state;
    struct core_effect e = { .kind = EFFECT_NOTE };
    e.as.note.warn = true;
    e.as.note.model = 1;
    e.as.note.text = "host_failed text=\"a\n!forged event\x1b[2J\"";
    carry_out(b, e, NULL);
    e.as.note.warn = false;
    e.as.note.model = UINT32_MAX;
    e.as.note.text = "worker_hello";
    carry_out(b, e, NULL);
    assert_string_equal(
        buf_cstr(&b->turn.notes),
        "!host_failed model=model text=\"a\\x0A!forged event\\x1B[2J\"\n worker_hello\n");
}

/* They are cumulative, and one a message would be most of what is said. */
static void of_a_turns_acks_only_the_last_to_each_connection_is_said(void **state)
{
    struct bench *b = *state;
    connect_worker(b, 'a', SESSION_A);
    connect_worker(b, 'b', SESSION_B);
    (void)said(b);
    for (uint64_t seq = 1; seq <= 5; seq++) {
        carry_out(b, ack_of(seq % 2 ? SESSION_A : SESSION_B, seq), NULL);
    }
    assert_string_equal(said(b), "97 ack 5\n98 ack 4\n");
    carry_out(b, ack_of(SESSION_B, 6), NULL);
    assert_string_equal(said(b), "98 ack 6\n");
}

/* ---- What is recorded ---- */

static void results_become_columns_and_reasons(void **state)
{
    struct bench *b = *state;
    connect_worker(b, 'a', SESSION_A);
    const status statuses[] = { STATUS_OK, STATUS_OOM, STATUS_OK };
    struct buf block = block_of(statuses, 3);
    struct msg m = results(SESSION_A, buf_span(&block));
    const struct core_event *e = take(b, 'a', &m);
    assert_int_equal(e->as.results.model, 1);
    assert_int_equal(e->as.results.task, 2);
    assert_int_equal(e->as.results.rows, 3);
    assert_int_equal(e->as.results.status[1], STATUS_OOM);
    assert_true(span_equal(e->as.results.reason[1], span_str("too big")));
    assert_int_equal(e->as.results.reason[0].len, 0); /* an answer is no reason */
    buf_release(&block);
}

static void a_damaged_block_is_refused(void **state)
{
    struct bench *b = *state;
    const status statuses[] = { STATUS_OK };
    struct buf block = block_of(statuses, 1);
    block.data[block.len / 2] ^= 1;
    struct msg m = results(SESSION_A, buf_span(&block));
    struct outbox_peer p = peer('a');
    struct errmsg msg = { "" };
    assert_int_equal(translate_in(b->translate, &m, &p, 5, &b->in, &msg), ERR_INVALID);
    assert_non_null(strstr(msg.text, "damaged"));
    buf_release(&block);
}

static void rows_with_another_number_of_statistics_are_refused(void **state)
{
    struct bench *b = *state;
    const status statuses[] = { STATUS_OK };
    struct outbox_peer p = peer('a');
    for (uint8_t stats = 0; stats <= STATS_MAX; stats++) {
        struct errmsg msg = { "" };
        struct buf block = block_with(stats, statuses, 1);
        struct msg m = results(SESSION_A, buf_span(&block));
        incoming_clear(&b->in);
        err e = translate_in(b->translate, &m, &p, 5, &b->in, &msg);
        assert_int_equal(e, stats == TASK_STATS ? OK : ERR_INVALID);
        assert_true(e == OK || strstr(msg.text, "expected the 1 of task"));
        m.as.results.task = 999; /* of another sweep: left aside later, whatever is in it */
        incoming_clear(&b->in);
        assert_int_equal(translate_in(b->translate, &m, &p, 5, &b->in, &msg), OK);
        buf_release(&block);
    }
}

/* Record the message that was taken; the bytes that the batch holds of it. */
static struct span record(struct bench *b, const struct bitmap *keep)
{
    struct core_effect e = { .kind = EFFECT_RECORD };
    e.as.record.model = b->in.event.as.results.model;
    e.as.record.task = b->in.event.as.results.task;
    e.as.record.all = !keep;
    if (keep)
        e.as.record.keep = *keep;
    carry_out(b, e, &b->in);
    const struct store_batch *batch = b->turn.batch;
    assert_int_equal(batch->count, 1);
    assert_int_equal(batch->ops[0].model, MODEL_ID(1));
    assert_int_equal(batch->ops[0].task, TASK_ID(2));
    assert_int_equal(batch->ops[0].size, TASK_SIZE);
    return store_op_bytes(batch, &batch->ops[0]);
}

static void a_whole_block_is_stored_byte_for_byte(void **state)
{
    struct bench *b = *state;
    const status statuses[] = { STATUS_OK, STATUS_OK };
    struct buf block = block_of(statuses, 2);
    struct msg m = results(SESSION_A, buf_span(&block));
    take(b, 'a', &m);
    assert_true(span_equal(record(b, NULL), buf_span(&block)));
    buf_release(&block);
}

static void of_a_filtered_block_only_the_kept_rows_are_stored(void **state)
{
    struct bench *b = *state;
    const status statuses[] = { STATUS_OK, STATUS_OOM, STATUS_OK, STATUS_OK };
    struct buf block = block_of(statuses, 4);
    struct msg m = results(SESSION_A, buf_span(&block));
    take(b, 'a', &m);
    struct bitmap keep;
    bitmap_init(&keep, 4);
    bitmap_set(&keep, 1);
    bitmap_set(&keep, 3);
    struct block stored;
    assert_int_equal(block_decode(record(b, &keep), &stored), OK);
    assert_int_equal(stored.rows, 2);
    assert_int_equal(stored.instance[0], 1);
    assert_int_equal(stored.status[0], STATUS_OOM);
    assert_int_equal(stored.instance[1], 3);
    assert_int_equal(store_batch_rows(b->turn.batch), 2);
    block_release(&stored);
    bitmap_release(&keep);
    buf_release(&block);
}

static void a_strike_is_stored_under_the_stores_ids(void **state)
{
    struct bench *b = *state;
    struct core_effect e = { .kind = EFFECT_STRIKE };
    e.as.strike.model = 0;
    e.as.strike.task = 1;
    e.as.strike.instance = 42;
    e.as.strike.count = 2;
    e.as.strike.status = STATUS_TIMEOUT;
    e.as.strike.reason = span_str("60 s");
    carry_out(b, e, NULL);
    const struct store_op *op = &b->turn.batch->ops[0];
    assert_int_equal(op->kind, OP_STRIKE);
    assert_int_equal(op->model, MODEL_ID(0));
    assert_int_equal(op->task, TASK_ID(1));
    assert_int_equal(op->instance, 42);
    assert_int_equal(op->count, 2);
    assert_int_equal(op->status, STATUS_TIMEOUT);
}

static void what_was_learned_is_stored_under_the_stores_id(void **state)
{
    struct bench *b = *state;
    const struct core_factor factors[] = { { span_str("fast"), 1 }, { span_str("slow"), 2.5 } };
    struct core_effect e = { .kind = EFFECT_LEARNED };
    e.as.learned.model = 1;
    e.as.learned.instance_ns = 5;
    carry_out(b, e, NULL);
    assert_int_equal(b->turn.batch->count, 1);
    assert_string_equal(store_op_bytes(b->turn.batch, &b->turn.batch->ops[0]).data, "learned/12");
    e.as.learned.factors = factors;
    e.as.learned.factor_count = 2;
    carry_out(b, e, NULL);
    assert_int_equal(b->turn.batch->count, 3);
    assert_string_equal(store_op_bytes(b->turn.batch, &b->turn.batch->ops[2]).data, "factors/12");
}

int main(void)
{
#define ON_A_BENCH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        ON_A_BENCH(a_session_belongs_to_its_connection),
        ON_A_BENCH(nothing_is_said_to_a_session_that_is_over),
        ON_A_BENCH(ids_of_another_sweep_are_no_index),
        ON_A_BENCH(what_no_worker_sends_is_refused),
        ON_A_BENCH(definitions_come_once_and_before_the_first_grant),
        ON_A_BENCH(each_connection_is_told_anew),
        ON_A_BENCH(only_an_ack_waits_until_its_turn_is_durable),
        ON_A_BENCH(a_worker_of_before_parcels_is_told_all_when_it_is_durable),
        ON_A_BENCH(what_is_too_much_for_one_parcel_goes_in_several),
        ON_A_BENCH(a_session_may_end_while_it_is_spoken_to),
        ON_A_BENCH(a_rejection_answers_the_message_where_it_came_from),
        ON_A_BENCH(a_refused_hello_leaves_no_connection),
        ON_A_BENCH(a_name_belongs_to_the_key_of_its_session),
        ON_A_BENCH(a_note_is_one_line_that_names_its_model),
        ON_A_BENCH(results_become_columns_and_reasons),
        ON_A_BENCH(of_a_turns_acks_only_the_last_to_each_connection_is_said),
        ON_A_BENCH(a_damaged_block_is_refused),
        ON_A_BENCH(rows_with_another_number_of_statistics_are_refused),
        ON_A_BENCH(a_whole_block_is_stored_byte_for_byte),
        ON_A_BENCH(of_a_filtered_block_only_the_kept_rows_are_stored),
        ON_A_BENCH(a_strike_is_stored_under_the_stores_ids),
        ON_A_BENCH(what_was_learned_is_stored_under_the_stores_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
