/* Messages as people mean them: what is said arrives, in exactly these bytes, also between
 * versions. What must not get in is next door, in test_msg_damage.c. */
#include "tests/lib/messages.h"

#include "common/mem.h"

/* ---- the same message ---- */

static void assert_same_text(struct span a, struct span b)
{
    assert_true(span_equal(a, b));
}

static void assert_same_hello(const struct msg_hello *a, const struct msg_hello *b)
{
    assert_same_text(a->worker_name, b->worker_name);
    assert_memory_equal(a->worker_id, b->worker_id, WORKER_ID_BYTES);
    assert_same_text(a->version, b->version);
    assert_same_text(a->host, b->host);
    assert_int_equal(a->pid, b->pid);
    assert_int_equal(a->lifetime_ms, b->lifetime_ms);
    assert_int_equal(a->slot_count, b->slot_count);
    for (uint32_t i = 0; i < a->slot_count; i++) {
        assert_int_equal(a->slots[i].gpus, b->slots[i].gpus);
        assert_int_equal(a->slots[i].cpus, b->slots[i].cpus);
        assert_int_equal(a->slots[i].memory_bytes, b->slots[i].memory_bytes);
        assert_same_text(a->slots[i].gpu_type, b->slots[i].gpu_type);
    }
    assert_int_equal(a->gpu_memory != NULL, b->gpu_memory != NULL);
    for (uint32_t i = 0; a->gpu_memory && i < a->slot_count; i++)
        assert_int_equal(a->gpu_memory[i], b->gpu_memory[i]);
    assert_int_equal(a->places != NULL, b->places != NULL);
    for (uint32_t i = 0; a->places && i < a->slot_count; i++)
        assert_memory_equal(&a->places[i], &b->places[i], sizeof(a->places[i]));
    assert_int_equal(a->held_count, b->held_count);
    for (uint32_t i = 0; i < a->held_count; i++) {
        assert_int_equal(a->held[i].attempt, b->held[i].attempt);
        assert_int_equal(a->held[i].slot, b->held[i].slot);
        assert_int_equal(a->held[i].model, b->held[i].model);
        assert_int_equal(a->held[i].task, b->held[i].task);
        assert_int_equal(a->held[i].first, b->held[i].first);
        assert_int_equal(a->held[i].count, b->held[i].count);
    }
}

static void assert_same_beat(const struct msg_beat *a, const struct msg_beat *b)
{
    assert_int_equal(a->slot_count, b->slot_count);
    for (uint32_t i = 0; i < a->slot_count; i++) {
        assert_int_equal(a->slots[i].state, b->slots[i].state);
        assert_int_equal(a->slots[i].model, b->slots[i].model);
    }
    assert_int_equal(a->attempt_count, b->attempt_count);
    for (uint32_t i = 0; i < a->attempt_count; i++) {
        assert_int_equal(a->attempts[i].attempt, b->attempts[i].attempt);
        assert_int_equal(a->attempts[i].done, b->attempts[i].done);
    }
    assert_int_equal(a->unacked_bytes, b->unacked_bytes);
    assert_int_equal(a->draining, b->draining);
    assert_int_equal(a->uses != NULL, b->uses != NULL);
    for (uint32_t i = 0; a->uses && i < a->slot_count; i++) {
        assert_int_equal(a->uses[i].busy_ns, b->uses[i].busy_ns);
        assert_int_equal(a->uses[i].load_ns, b->uses[i].load_ns);
        assert_int_equal(a->uses[i].idle_ns, b->uses[i].idle_ns);
    }
}

static void assert_same_results(const struct msg_results *a, const struct msg_results *b)
{
    assert_int_equal(a->attempt, b->attempt);
    assert_int_equal(a->model, b->model);
    assert_int_equal(a->task, b->task);
    assert_same_text(a->block, b->block);
}

static void assert_same_ended(const struct msg_ended *a, const struct msg_ended *b)
{
    assert_int_equal(a->attempt, b->attempt);
    assert_int_equal(a->reason, b->reason);
    assert_same_text(a->text, b->text);
    assert_int_equal(a->from, b->from);
}

static void assert_same_host(const struct msg_host *a, const struct msg_host *b)
{
    assert_int_equal(a->slot, b->slot);
    assert_int_equal(a->model, b->model);
    assert_int_equal(a->ready, b->ready);
    assert_int_equal(a->load_ms, b->load_ms);
    assert_same_text(a->text, b->text);
}

static void assert_same_welcome(const struct msg_welcome *a, const struct msg_welcome *b)
{
    assert_int_equal(a->session, b->session);
    assert_int_equal(a->epoch, b->epoch);
    assert_int_equal(a->beat_ms, b->beat_ms);
    assert_int_equal(a->lease_ms, b->lease_ms);
    assert_same_text(a->sweep, b->sweep);
    assert_true(span_equal(a->store, b->store));
}

static void assert_same_grant(const struct msg_grant *a, const struct msg_grant *b)
{
    assert_int_equal(a->attempt, b->attempt);
    assert_int_equal(a->slot, b->slot);
    assert_int_equal(a->model, b->model);
    assert_int_equal(a->task, b->task);
    assert_int_equal(a->first, b->first);
    assert_int_equal(a->count, b->count);
    assert_same_text(a->skip, b->skip);
    assert_int_equal(a->inflight_max, b->inflight_max);
    assert_int_equal(a->member_count, b->member_count);
    for (uint32_t i = 0; i < a->member_count; i++)
        assert_int_equal(a->members[i], b->members[i]);
}

static void assert_same_stale(const struct msg_beat_reply *a, const struct msg_beat_reply *b)
{
    assert_int_equal(a->stale_count, b->stale_count);
    for (uint32_t i = 0; i < a->stale_count; i++)
        assert_int_equal(a->stale[i], b->stale[i]);
}

static void assert_same(const struct msg *a, const struct msg *b)
{
    assert_int_equal(a->type, b->type);
    assert_int_equal(a->session, b->session);
    assert_int_equal(a->seq, b->seq);
    switch (a->type) {
    case MSG_HELLO: assert_same_hello(&a->as.hello, &b->as.hello); return;
    case MSG_BEAT: assert_same_beat(&a->as.beat, &b->as.beat); return;
    case MSG_RESULTS: assert_same_results(&a->as.results, &b->as.results); return;
    case MSG_ENDED: assert_same_ended(&a->as.ended, &b->as.ended); return;
    case MSG_HOST: assert_same_host(&a->as.host, &b->as.host); return;
    case MSG_GOODBYE: assert_same_text(a->as.goodbye.reason, b->as.goodbye.reason); return;
    case MSG_WELCOME: assert_same_welcome(&a->as.welcome, &b->as.welcome); return;
    case MSG_DEFINE_MODEL:
    case MSG_DEFINE_TASK:
        assert_int_equal(a->as.define.id, b->as.define.id);
        assert_same_text(a->as.define.json, b->as.define.json);
        return;
    case MSG_GRANT: assert_same_grant(&a->as.grant, &b->as.grant); return;
    case MSG_REVOKE:
        assert_int_equal(a->as.revoke.attempt, b->as.revoke.attempt);
        assert_int_equal(a->as.revoke.from, b->as.revoke.from);
        return;
    case MSG_ACK: assert_int_equal(a->as.ack.seq, b->as.ack.seq); return;
    case MSG_BEAT_REPLY: assert_same_stale(&a->as.beat_reply, &b->as.beat_reply); return;
    case MSG_DRAIN: assert_same_text(a->as.drain.reason, b->as.drain.reason); return;
    case MSG_REJECT:
        assert_int_equal(a->as.reject.code, b->as.reject.code);
        assert_same_text(a->as.reject.text, b->as.reject.text);
        return;
    case MSG_ASK: assert_same_text(a->as.ask.json, b->as.ask.json); return;
    case MSG_REPLY:
        assert_int_equal(a->as.reply.ok, b->as.reply.ok);
        assert_same_text(a->as.reply.json, b->as.reply.json);
        return;
    }
    fail_msg("a message type that this test does not know");
}

static void assert_decodes(struct span frame, struct arena *arena, struct msg *out)
{
    struct errmsg msg = { "" };
    if (msg_decode(frame, arena, out, &msg))
        fail_msg("%s", msg.text);
}

static void assert_round_trip(const struct msg *m)
{
    struct buf frame = { 0 }, again = { 0 };
    struct arena arena = { 0 };
    struct msg back;
    msg_encode(m, &frame);
    assert_decodes(buf_span(&frame), &arena, &back);
    assert_same(m, &back);
    msg_encode(&back, &again);
    assert_true(span_equal(buf_span(&frame), buf_span(&again)));
    arena_release(&arena);
    buf_release(&frame);
    buf_release(&again);
}

/* ---- what is said arrives ---- */

static void there_is_a_sample_of_every_message(void **state)
{
    (void)state;
    size_t types = 0;
#define X(name, value, text, sender) types++;
    MSG_LIST(X)
#undef X
    assert_int_equal(SAMPLE_COUNT, types);
    for (size_t i = 1; i < SAMPLE_COUNT; i++)
        assert_true(samples[i - 1].type < samples[i].type);
}

static void every_message_is_these_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        struct buf golden = { 0 }, frame = { 0 };
        struct msg m;
        sample_frame(&samples[i], &golden);
        sample_make(&samples[i], &m);
        msg_encode(&m, &frame);
        assert_int_equal(frame.len, golden.len);
        assert_memory_equal(frame.data, golden.data, golden.len);
        buf_release(&golden);
        buf_release(&frame);
    }
}

static void the_bytes_are_every_message_field_by_field(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        struct buf golden = { 0 };
        struct arena arena = { 0 };
        struct msg m, back;
        sample_frame(&samples[i], &golden);
        sample_make(&samples[i], &m);
        assert_decodes(buf_span(&golden), &arena, &back);
        assert_same(&m, &back);
        arena_release(&arena);
        buf_release(&golden);
    }
}

static void frames_are_appended(void **state)
{
    (void)state;
    struct buf out = { 0 };
    struct msg m;
    sample_make(&samples[0], &m);
    msg_encode(&m, &out);
    size_t one = out.len;
    msg_encode(&m, &out);
    assert_int_equal(out.len, 2 * one);
    assert_memory_equal(out.data, out.data + one, one);
    buf_release(&out);
}

static void spans_borrow_from_the_frame(void **state)
{
    (void)state;
    struct buf frame = { 0 };
    struct arena arena = { 0 };
    struct msg m, back;
    sample_make(&samples[2], &m);
    assert_int_equal(m.type, MSG_RESULTS);
    msg_encode(&m, &frame);
    assert_decodes(buf_span(&frame), &arena, &back);
    assert_ptr_equal(back.as.results.block.data + back.as.results.block.len,
                     frame.data + frame.len);
    arena_release(&arena);
    buf_release(&frame);
}

static void empty_texts_and_lists_arrive(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        struct msg m = { .type = samples[i].type };
        if (m.type == MSG_HELLO) { /* who says it may not be nobody */
            m.as.hello.worker_name = span_str("w");
            m.as.hello.worker_id[0] = 1;
        }
        if (m.type == MSG_GRANT)
            m.as.grant = (struct msg_grant){ .attempt = 1, .count = 1 };
        assert_round_trip(&m);
    }
}

static void the_largest_numbers_arrive(void **state)
{
    (void)state;
    struct msg m = { .type = MSG_RESULTS, .session = UINT64_MAX, .seq = UINT64_MAX };
    m.as.results =
        (struct msg_results){ .attempt = UINT64_MAX, .model = UINT32_MAX, .task = UINT32_MAX };
    assert_round_trip(&m);
    m.type = MSG_GRANT;
    m.as.grant = (struct msg_grant){
        .attempt = UINT64_MAX,
        .slot = SLOTS_MAX - 1,
        .first = TASK_INSTANCES_MAX - 1,
        .count = 1,
        .inflight_max = UINT32_MAX,
    };
    assert_round_trip(&m);
}

/* ---- as large as the limits allow ---- */

/* Every slot, every attempt, the longest names: more than this no worker can have to say. */
static void the_fullest_hello_arrives(void **state)
{
    (void)state;
    char name[NAME_BYTES_MAX];
    memset(name, 'n', sizeof(name));
    struct span longest = span_of(name, sizeof(name));
    struct msg m;
    sample_make(&samples[0], &m);
    struct msg_hello *hello = &m.as.hello;
    hello->worker_name = hello->version = hello->host = longest;
    hello->slot_count = SLOTS_MAX;
    hello->slots = xcalloc(SLOTS_MAX, sizeof(*hello->slots));
    for (uint32_t i = 0; i < SLOTS_MAX; i++)
        hello->slots[i] = (struct msg_slot){ SLOTS_MAX, 1 << 20, UINT64_MAX, longest };
    hello->held_count = HELD_MAX;
    hello->held = xcalloc(HELD_MAX, sizeof(*hello->held));
    for (uint32_t i = 0; i < HELD_MAX; i++)
        hello->held[i] =
            (struct msg_held){ UINT64_MAX, SLOTS_MAX - 1,         UINT32_MAX, UINT32_MAX,
                               1,          TASK_INSTANCES_MAX - 1 };
    hello->gpu_memory = xcalloc(SLOTS_MAX, sizeof(*hello->gpu_memory));
    for (uint32_t i = 0; i < SLOTS_MAX; i++)
        hello->gpu_memory[i] = UINT64_MAX;
    hello->places = xcalloc(SLOTS_MAX, sizeof(*hello->places));
    for (uint32_t i = 0; i < SLOTS_MAX; i++)
        hello->places[i] = (struct place){ UINT32_MAX, UINT32_MAX, UINT32_MAX };
    assert_round_trip(&m);
    free(hello->slots);
    free(hello->held);
    free(hello->gpu_memory);
    free(hello->places);
}

static void the_fullest_beat_and_its_reply_arrive(void **state)
{
    (void)state;
    struct msg beat = { .type = MSG_BEAT }, reply = { .type = MSG_BEAT_REPLY };
    beat.as.beat.slot_count = SLOTS_MAX;
    beat.as.beat.slots = xcalloc(SLOTS_MAX, sizeof(*beat.as.beat.slots));
    for (uint32_t i = 0; i < SLOTS_MAX; i++)
        beat.as.beat.slots[i] = (struct msg_slot_beat){ SLOT_SICK, UINT32_MAX };
    beat.as.beat.uses = xcalloc(SLOTS_MAX, sizeof(*beat.as.beat.uses));
    for (uint32_t i = 0; i < SLOTS_MAX; i++)
        beat.as.beat.uses[i] = (struct msg_use){ INT64_MAX, INT64_MAX, INT64_MAX };
    beat.as.beat.attempt_count = reply.as.beat_reply.stale_count = HELD_MAX;
    beat.as.beat.attempts = xcalloc(HELD_MAX, sizeof(*beat.as.beat.attempts));
    reply.as.beat_reply.stale = xcalloc(HELD_MAX, sizeof(uint64_t));
    for (uint32_t i = 0; i < HELD_MAX; i++) {
        beat.as.beat.attempts[i] = (struct msg_progress){ UINT64_MAX, UINT32_MAX };
        reply.as.beat_reply.stale[i] = UINT64_MAX;
    }
    assert_round_trip(&beat);
    assert_round_trip(&reply);
    free(beat.as.beat.slots);
    free(beat.as.beat.attempts);
    free(beat.as.beat.uses);
    free(reply.as.beat_reply.stale);
}

static void the_largest_block_and_the_longest_answer_to_an_operator_arrive(void **state)
{
    (void)state;
    enum { JSON_BYTES = MESSAGE_BYTES_MAX - MSG_HEAD_BYTES - 7 }; /* array, ok, text 32 */
    uint8_t *bytes = xcalloc(1, MESSAGE_BYTES_MAX);
    struct msg m = { .type = MSG_RESULTS };
    m.as.results.block = span_of(bytes, BLOCK_BYTES_MAX);
    assert_round_trip(&m);
    m = (struct msg){ .type = MSG_REPLY };
    m.as.reply.json = span_of(bytes, JSON_BYTES);
    assert_round_trip(&m);
    free(bytes);
}

static void encode_too_long(void)
{
    static const uint8_t bytes[CONTROL_BYTES_MAX];
    struct buf out = { 0 };
    struct msg m = { .type = MSG_DRAIN };
    m.as.drain.reason = span_of(bytes, sizeof(bytes));
    msg_encode(&m, &out);
}

static void a_message_that_nobody_would_take_is_not_made(void **state)
{
    (void)state;
    assert_true(test_aborts(encode_too_long));
}

/* ---- parcels ---- */

enum { MAJOR_AT = 2, MINOR_AT = 3, TYPE_AT = 4, RESERVED_AT = 5 };

static void frames_are_taken_off_a_parcel_one_by_one(void **state)
{
    (void)state;
    struct buf parcel = { 0 };
    struct arena arena = { 0 };
    for (size_t i = 0; i < SAMPLE_COUNT; i++)
        sample_frame(&samples[i], &parcel);
    struct span rest = buf_span(&parcel);
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        struct msg m, back;
        sample_make(&samples[i], &m);
        assert_int_equal(msg_take(&rest, &arena, &back, NULL), OK);
        assert_same(&m, &back);
    }
    assert_int_equal(rest.len, 0);
    arena_release(&arena);
    buf_release(&parcel);
}

static void what_is_behind_a_bad_frame_is_not_looked_for(void **state)
{
    (void)state;
    struct buf parcel = { 0 };
    struct arena arena = { 0 };
    struct errmsg msg = { "" };
    struct msg ack = { .type = MSG_ACK }, m;
    msg_encode(&ack, &parcel);
    buf_append_str(&parcel, "no frame");
    msg_encode(&ack, &parcel);
    struct span rest = buf_span(&parcel);
    assert_int_equal(msg_take(&rest, &arena, &m, &msg), OK);
    assert_int_equal(msg_take(&rest, &arena, &m, &msg), ERR_INVALID);
    assert_string_equal(msg.text, "not a muster message");
    assert_int_equal(rest.len, 0);
    arena_release(&arena);
    buf_release(&parcel);
}

/* Each frame meets the limit of its own type, wherever in a parcel it stands. */
static void a_frame_of_a_parcel_is_bounded_by_its_type(void **state)
{
    (void)state;
    struct buf parcel = { 0 }, text = { 0 };
    struct arena arena = { 0 };
    struct errmsg msg = { "" };
    struct msg reply = { .type = MSG_REPLY }, m;
    while (text.len < CONTROL_BYTES_MAX)
        buf_append_byte(&text, 'x');
    reply.as.reply.json = buf_span(&text);
    msg_encode(&reply, &parcel);
    struct span rest = buf_span(&parcel);
    assert_int_equal(msg_take(&rest, &arena, &m, &msg), OK);
    parcel.data[TYPE_AT] = MSG_REJECT; /* the same fields */
    rest = buf_span(&parcel);
    assert_int_equal(msg_take(&rest, &arena, &m, &msg), ERR_INVALID);
    assert_non_null(strstr(msg.text, "expected at most 262144"));
    arena_release(&arena);
    buf_release(&text);
    buf_release(&parcel);
}

/* ---- between versions ---- */

/* `m` as a newer minor might say it: with fields behind those that we know. */
static void append_fields(struct buf *frame, const char *fields, uint8_t count)
{
    assert_true(frame->data[MSG_HEAD_BYTES] < 0x90 + 16 - count);
    frame->data[MSG_HEAD_BYTES] += count;
    buf_append_str(frame, fields);
}

static void fields_that_a_newer_minor_appends_are_skipped(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        struct buf frame = { 0 };
        struct arena arena = { 0 };
        struct msg m, back;
        sample_make(&samples[i], &m);
        sample_frame(&samples[i], &frame);
        append_fields(&frame, "\x2a\x92\xa1x\xc3", 2); /* 42, ["x", true] */
        assert_int_equal(msg_decode(buf_span(&frame), &arena, &back, NULL), ERR_INVALID);
        frame.data[MINOR_AT] = MSG_MINOR + 1;
        assert_decodes(buf_span(&frame), &arena, &back);
        assert_same(&m, &back);
        arena_release(&arena);
        buf_release(&frame);
    }
}

/* What minor 0 says: its hello ends with what is held, its grant with the skipped. */
static void fields_that_an_older_minor_lacks_are_none(void **state)
{
    (void)state;
    static const uint8_t hello_body[] = "\x98\xa1w\xc4\x10"
                                        "0123456789abcdef"
                                        "\xa0\xa0\x01\x00\x91\x94\x01\x01\x00\xa0\x90";
    static const uint8_t grant_body[] = "\x97\x01\x00\x01\x01\x00\x01\xc4\x00";
    struct buf hello = { 0 }, grant = { 0 };
    struct arena arena = { 0 };
    struct msg m;
    uint8_t head[MSG_HEAD_BYTES] = { 'M', 'S', MSG_MAJOR, 0, MSG_HELLO };
    buf_append(&hello, head, sizeof(head));
    buf_append(&hello, hello_body, sizeof(hello_body) - 1);
    assert_decodes(buf_span(&hello), &arena, &m);
    assert_int_equal(m.as.hello.slot_count, 1);
    assert_null(m.as.hello.gpu_memory);
    assert_null(m.as.hello.places);
    head[TYPE_AT] = MSG_GRANT;
    buf_append(&grant, head, sizeof(head));
    buf_append(&grant, grant_body, sizeof(grant_body) - 1);
    assert_decodes(buf_span(&grant), &arena, &m);
    assert_int_equal(m.as.grant.inflight_max, 0);
    assert_int_equal(m.as.grant.member_count, 0);
    arena_release(&arena);
    buf_release(&hello);
    buf_release(&grant);
}

static void another_major_is_not_read_however_it_goes_on(void **state)
{
    (void)state;
    static const uint8_t frames[][6] = { { 'M', 'S', 2, 7, 1, 0 }, { 'M', 'S', 0, 0, 0xff, 0xff } };
    for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
        for (size_t len = 4; len <= sizeof(frames[i]); len++) {
            struct msg m;
            struct errmsg msg = { "" };
            struct arena arena = { 0 };
            assert_int_equal(msg_decode(span_of(frames[i], len), &arena, &m, &msg),
                             ERR_UNSUPPORTED);
            assert_non_null(strstr(msg.text, i == 0 ? "version 2.7; this side speaks 1.4"
                                                    : "version 0.0; this side speaks 1.4"));
        }
    }
}

static void the_reserved_byte_of_the_head_is_ignored(void **state)
{
    (void)state;
    struct buf frame = { 0 };
    struct arena arena = { 0 };
    struct msg back;
    sample_frame(&samples[0], &frame);
    assert_int_equal(frame.data[RESERVED_AT], 0);
    frame.data[RESERVED_AT] = 0xff;
    assert_decodes(buf_span(&frame), &arena, &back);
    arena_release(&arena);
    buf_release(&frame);
}

/* ---- words ---- */

static void types_have_words_and_senders(void **state)
{
    (void)state;
    assert_string_equal(msg_type_text(MSG_HELLO), "hello");
    assert_string_equal(msg_type_text(MSG_DEFINE_TASK), "define_task");
    assert_null(msg_type_text((enum msg_type)0));
    assert_null(msg_type_text((enum msg_type)255));
    assert_int_equal(msg_sender(MSG_RESULTS), 'w');
    assert_int_equal(msg_sender(MSG_GRANT), 'c');
    assert_int_equal(msg_sender(MSG_ASK), 'o');
    assert_int_equal(msg_sender(MSG_REPLY), 'c');
    assert_int_equal(msg_sender((enum msg_type)255), 0);
}

static void states_and_reasons_have_words(void **state)
{
    (void)state;
    assert_string_equal(slot_state_text(SLOT_SICK), "sick");
    assert_string_equal(slot_state_text((enum slot_state)SLOT_STATE_COUNT), "?");
    assert_string_equal(ended_text(ENDED_HOST_FAILED), "host_failed");
    assert_string_equal(ended_text(ENDED_COUNT), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_is_a_sample_of_every_message),
        cmocka_unit_test(every_message_is_these_bytes),
        cmocka_unit_test(the_bytes_are_every_message_field_by_field),
        cmocka_unit_test(frames_are_appended),
        cmocka_unit_test(spans_borrow_from_the_frame),
        cmocka_unit_test(empty_texts_and_lists_arrive),
        cmocka_unit_test(the_largest_numbers_arrive),
        cmocka_unit_test(the_fullest_hello_arrives),
        cmocka_unit_test(the_fullest_beat_and_its_reply_arrive),
        cmocka_unit_test(the_largest_block_and_the_longest_answer_to_an_operator_arrive),
        cmocka_unit_test(a_message_that_nobody_would_take_is_not_made),
        cmocka_unit_test(frames_are_taken_off_a_parcel_one_by_one),
        cmocka_unit_test(what_is_behind_a_bad_frame_is_not_looked_for),
        cmocka_unit_test(a_frame_of_a_parcel_is_bounded_by_its_type),
        cmocka_unit_test(fields_that_a_newer_minor_appends_are_skipped),
        cmocka_unit_test(fields_that_an_older_minor_lacks_are_none),
        cmocka_unit_test(another_major_is_not_read_however_it_goes_on),
        cmocka_unit_test(the_reserved_byte_of_the_head_is_ignored),
        cmocka_unit_test(types_have_words_and_senders),
        cmocka_unit_test(states_and_reasons_have_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
