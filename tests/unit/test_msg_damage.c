/* What must not get in: frames that are cut, bent or blown up. A refusal names the message and the
 * field, no declared length is believed, and nothing ends the process. */
#include "tests/lib/messages.h"
#include "tests/lib/msgpack_text.h"

#include "common/rng.h"

/* Exactly as large as the frame, so that a sanitizer sees every byte read behind it. */
static uint8_t *copy_of(struct span bytes)
{
    uint8_t *copy = malloc(bytes.len > 0 ? bytes.len : 1);
    assert_non_null(copy);
    if (bytes.len > 0)
        memcpy(copy, bytes.data, bytes.len);
    return copy;
}

/* Refused, with exactly this sentence (NULL: any). */
static void assert_refused(struct span frame, const char *sentence)
{
    struct arena arena = { 0 };
    struct errmsg msg = { "" };
    struct msg m;
    uint8_t *copy = copy_of(frame);
    err e = msg_decode(span_of(copy, frame.len), &arena, &m, &msg);
    if (sentence)
        assert_string_equal(msg.text, sentence);
    assert_int_equal(e, ERR_INVALID);
    assert_true(msg.text[0] != '\0');
    arena_release(&arena);
    free(copy);
}

static void append_head(struct buf *frame, int type)
{
    uint8_t head[MSG_HEAD_BYTES] = { 'M', 'S', MSG_MAJOR, MSG_MINOR, (uint8_t)type };
    buf_append(frame, head, sizeof(head));
}

/* ---- the head ---- */

static void what_is_no_message_of_ours_is_refused(void **state)
{
    (void)state;
    static const struct {
        uint8_t bytes[MSG_HEAD_BYTES + 1];
        size_t len;
        const char *sentence;
    } cases[] = {
        { "", 0, "not a muster message" },
        { "MS\1", 3, "not a muster message" },
        { "GET / HTTP/1.1\r\n\r\n   ", 22, "not a muster message" },
        { "MX\1\0\1", MSG_HEAD_BYTES + 1, "not a muster message" },
        { "MS\1\0\1", 4, "message head is cut short" },
        { "MS\1\0\1", MSG_HEAD_BYTES - 1, "message head is cut short" },
        { "MS\1\0\0", MSG_HEAD_BYTES + 1, "unknown message type 0" },
        { "MS\1\0\7", MSG_HEAD_BYTES + 1, "unknown message type 7" },
        { "MS\1\0\377", MSG_HEAD_BYTES + 1, "unknown message type 255" },
        { "MS\1\0\1", MSG_HEAD_BYTES, "hello: the body is cut short" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_refused(span_of(cases[i].bytes, cases[i].len), cases[i].sentence);
}

static void a_frame_over_its_types_limit_is_refused(void **state)
{
    (void)state;
    static const struct {
        int type;
        size_t limit;
        const char *sentence;
    } cases[] = {
        { MSG_GRANT, CONTROL_BYTES_MAX, "grant: 262145 bytes; expected at most 262144" },
        { MSG_HELLO, MESSAGE_BYTES_MAX, "hello: 1310721 bytes; expected at most 1310720" },
        { MSG_RESULTS, MESSAGE_BYTES_MAX, "results: 1310721 bytes; expected at most 1310720" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf frame = { 0 };
        append_head(&frame, cases[i].type);
        buf_reserve(&frame, cases[i].limit);
        while (frame.len <= cases[i].limit)
            buf_append_byte(&frame, 0xc0);
        assert_refused(buf_span(&frame), cases[i].sentence);
        buf_release(&frame);
    }
}

/* ---- the walk before anything is unpacked ---- */

/* Each body has a type byte and a count that a trusting reader would reserve gigabytes for. */
static void a_count_beyond_the_bytes_is_refused_without_allocation(void **state)
{
    (void)state;
    static const struct {
        uint8_t bytes[12];
        size_t len;
    } bombs[] = {
        { "\xdd\xff\xff\xff\xff", 5 }, /* array 32 */
        { "\xdd\x10\x00\x00\x00", 5 },
        { "\xdc\xff\xff", 3 },                     /* array 16 */
        { "\x9f", 1 },                             /* array of 15 */
        { "\x91\xdd\xff\xff\xff\xff", 6 },         /* one level down */
        { "\x92\x91\x91\xdd\x7f\xff\xff\xff", 8 }, /* three */
        { "\x91\xdb\xff\xff\xff\xff", 6 },         /* text 32 */
        { "\x91\xc6\xff\xff\xff\xff", 6 },         /* bytes 32 */
        { "\x91\xda\xff\xff\x00", 5 },             /* text 16 */
        { "\x91\xc5\xff\xff\x00", 5 },             /* bytes 16 */
        { "\x91\xd9\x02\x00", 4 },                 /* text 8 */
        { "\x91\xc4\x02\x00", 4 },                 /* bytes 8 */
        { "\x91\xa2\x00", 3 },                     /* text of 2 */
        { "\x91\xcf\x00\x00", 4 },                 /* a number of 8 bytes */
    };
    for (size_t i = 0; i < sizeof(bombs) / sizeof(bombs[0]); i++) {
        struct buf frame = { 0 };
        struct arena arena = { 0 };
        struct errmsg msg = { "" };
        struct msg m;
        append_head(&frame, MSG_HELLO);
        buf_append(&frame, bombs[i].bytes, bombs[i].len);
        assert_int_equal(msg_decode(buf_span(&frame), &arena, &m, &msg), ERR_INVALID);
        assert_string_equal(msg.text, "hello: the body declares more than it holds");
        assert_null(arena.chunks);
        buf_release(&frame);
    }
}

static void a_length_that_is_itself_cut_is_refused(void **state)
{
    (void)state;
    static const uint8_t types[] = { 0xc4, 0xc5, 0xc6, 0xd9, 0xda, 0xdb, 0xdc, 0xdd };
    for (size_t i = 0; i < sizeof(types); i++) {
        struct buf frame = { 0 };
        append_head(&frame, MSG_ACK);
        buf_append(&frame, "\x91", 1);
        buf_append_byte(&frame, types[i]);
        assert_refused(buf_span(&frame), "ack: a MessagePack type that is not allowed");
        buf_release(&frame);
    }
}

static void maps_extensions_and_reserved_types_are_refused(void **state)
{
    (void)state;
    static const uint8_t types[] = { 0x80, 0x81, 0x8f, 0xc1, 0xc7, 0xc8, 0xc9,
                                     0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xde, 0xdf };
    for (size_t i = 0; i < sizeof(types); i++) {
        static const uint8_t padding[20];
        struct buf frame = { 0 };
        append_head(&frame, MSG_ACK);
        buf_append(&frame, "\x91", 1);
        buf_append_byte(&frame, types[i]);
        buf_append(&frame, padding, sizeof(padding));
        assert_refused(buf_span(&frame), "ack: a MessagePack type that is not allowed");
        buf_release(&frame);
    }
}

/* `levels` arrays of one, the innermost empty. */
static void append_nested(struct buf *frame, unsigned levels)
{
    append_head(frame, MSG_ACK);
    while (--levels > 0)
        buf_append_byte(frame, 0x91);
    buf_append_byte(frame, 0x90);
}

static void depth_is_bounded(void **state)
{
    (void)state;
    struct buf fits = { 0 }, deeper = { 0 }, deepest = { 0 };
    append_nested(&fits, MESSAGE_DEPTH_MAX + 1); /* an empty array opens no level */
    assert_refused(buf_span(&fits), "ack: seq: expected a whole number up to 18446744073709551615");
    append_nested(&deeper, MESSAGE_DEPTH_MAX + 2);
    assert_refused(buf_span(&deeper), "ack: nested deeper than 4");
    append_nested(&deepest, 200000);
    assert_refused(buf_span(&deepest), "ack: nested deeper than 4");
    buf_release(&fits);
    buf_release(&deeper);
    buf_release(&deepest);
}

/* An array 16 of nils. */
static void append_nils(struct buf *frame, unsigned count)
{
    append_head(frame, MSG_ACK);
    buf_append_byte(frame, 0xdc);
    pack_big_endian(frame, count, 2);
    while (count-- > 0)
        buf_append_byte(frame, 0xc0);
}

static void the_number_of_values_is_bounded(void **state)
{
    (void)state;
    struct buf fits = { 0 }, over = { 0 };
    append_nils(&fits, MESSAGE_NODES_MAX - 1); /* the array is one, too */
    assert_refused(buf_span(&fits), "ack: seq: expected a whole number up to 18446744073709551615");
    append_nils(&over, MESSAGE_NODES_MAX);
    assert_refused(buf_span(&over), "ack: more than 28672 values");
    buf_release(&fits);
    buf_release(&over);
}

static void a_body_is_one_array(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *sentence;
    } cases[] = {
        { "\x01", "ack: the body is not an array" },
        { "\xa1x", "ack: the body is not an array" },
        { "\x91\x01\x01", "ack: 1 bytes behind the body" },
        { "\x91\x01\x91\x01", "ack: 2 bytes behind the body" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf frame = { 0 };
        append_head(&frame, MSG_ACK);
        buf_append_str(&frame, cases[i].bytes);
        assert_refused(buf_span(&frame), cases[i].sentence);
        buf_release(&frame);
    }
}

static void every_truncation_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        struct buf frame = { 0 };
        sample_frame(&samples[i], &frame);
        for (size_t len = 0; len < frame.len; len++)
            assert_refused(span_of(frame.data, len), NULL);
        buf_append_byte(&frame, 0);
        assert_refused(buf_span(&frame), NULL);
        buf_release(&frame);
    }
}

/* ---- fields ---- */

#define ID "#101112131415161718191a1b1c1d1e1f"
#define NAME_200                                                                                   \
    "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"         \
    "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"         \
    "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"

struct field_case {
    enum msg_type type;
    const char *body, *expected; /* "grant: " is put in front of what is expected of a grant */
};

static void assert_field_refused(const struct field_case *c)
{
    struct buf frame = { 0 }, sentence = { 0 };
    append_head(&frame, (int)c->type);
    pack_text(&frame, c->body);
    buf_printf(&sentence, "%s: %s", msg_type_text(c->type), c->expected);
    assert_refused(buf_span(&frame), buf_cstr(&sentence));
    buf_release(&frame);
    buf_release(&sentence);
}

#define U64  "expected a whole number up to 18446744073709551615"
#define U32  "expected a whole number up to 4294967295"
#define SLOT "expected a whole number up to 1023"

static void a_field_of_the_wrong_kind_or_range_is_named(void **state)
{
    (void)state;
    static const struct field_case cases[] = {
        { MSG_HELLO, "[7, " ID ", \"\", \"\", 1, 0, [], []]",
          "worker_name: expected text of at most 200 bytes" },
        { MSG_HELLO, "[\"" NAME_200 "n\", " ID ", \"\", \"\", 1, 0, [], []]",
          "worker_name: expected text of at most 200 bytes" },
        { MSG_HELLO, "[\"\", " ID ", \"\", \"\", 1, 0, [], []]", "worker_name: expected a name" },
        { MSG_HELLO, "[\"a\nb\", " ID ", \"\", \"\", 1, 0, [], []]",
          "worker_name: expected UTF-8 without control characters" },
        { MSG_HELLO, "[\"a\x7f\", " ID ", \"\", \"\", 1, 0, [], []]",
          "worker_name: expected UTF-8 without control characters" },
        { MSG_HELLO, "[\"\xff\", " ID ", \"\", \"\", 1, 0, [], []]",
          "worker_name: expected UTF-8 without control characters" },
        { MSG_HELLO, "[\"w\", \"0123456789abcdef\", \"\", \"\", 1, 0, [], []]",
          "worker_id: expected at most 16 bytes" },
        { MSG_HELLO, "[\"w\", " ID "20, \"\", \"\", 1, 0, [], []]",
          "worker_id: expected at most 16 bytes" },
        { MSG_HELLO, "[\"w\", #10, \"\", \"\", 1, 0, [], []]",
          "worker_id: expected 16 bytes that are not all 0" },
        { MSG_HELLO, "[\"w\", #00000000000000000000000000000000, \"\", \"\", 1, 0, [], []]",
          "worker_id: expected 16 bytes that are not all 0" },
        { MSG_HELLO, "[\"w\", " ID ", nil, \"\", 1, 0, [], []]",
          "version: expected text of at most 200 bytes" },
        { MSG_HELLO, "[\"w\", " ID ", \"\", \"\xc3\", 1, 0, [], []]",
          "host: expected UTF-8 without control characters" },
        { MSG_HELLO, "[\"w\", " ID ", \"\", \"\", 4294967296, 0, [], []]", "pid: " U32 },
        { MSG_HELLO, "[\"w\", " ID ", \"\", \"\", -1, 0, [], []]", "pid: " U32 },
        { MSG_HELLO, "[\"w\", " ID ", \"\", \"\", 1, 3153600000001, [], []]",
          "lifetime_ms: expected a whole number up to 3153600000000" },
        { MSG_HELLO, "[\"w\", " ID ", \"\", \"\", 1, 0, 3, []]",
          "slots: expected a list of at most 1024" },
        { MSG_HELLO, "[\"w\", " ID ", \"\", \"\", 1, 0, [5], []]", "slots[0]: expected a record" },
        { MSG_HELLO, "[\"w\", " ID ", \"\", \"\", 1, 0, [[1025,1,0,\"\"]], []]",
          "slots[0].gpus: expected a whole number up to 1024" },
        { MSG_HELLO, "[\"w\", " ID ", \"\", \"\", 1, 0, [[1,1,0,\"\"],[1,1048577,0,\"\"]], []]",
          "slots[1].cpus: expected a whole number up to 1048576" },
        { MSG_HELLO, "[\"w\", " ID ", \"\", \"\", 1, 0, [[1,1,-1,\"\"]], []]",
          "slots[0].memory_bytes: " U64 },
        { MSG_HELLO, "[\"w\", " ID ", \"\", \"\", 1, 0, [[1,1,0,\"\t\"]], []]",
          "slots[0].gpu_type: expected UTF-8 without control characters" },
        { MSG_HELLO, "[\"w\", " ID ", \"\", \"\", 1, 0, [], [[true,0,1,1,0,1]]]",
          "held[0].attempt: " U64 },
        { MSG_HELLO, "[\"w\", " ID ", \"\", \"\", 1, 0, [], [[0,0,1,1,0,1]]]",
          "held[0].attempt: expected a number above 0" },
        { MSG_HELLO, "[\"w\", " ID ", \"\", \"\", 1, 0, [], [[1,1024,1,1,0,1]]]",
          "held[0].slot: " SLOT },
        { MSG_HELLO, "[\"w\", " ID ", \"\", \"\", 1, 0, [], [[1,0,1,1,0,1],[2,0,1,1,0,0]]]",
          "held[1].count: expected 1 to 16777216 instances of a task" },
        { MSG_HELLO, "[\"w\", " ID ", \"\", \"\", 1, 0, [], [[1,0,1,1,16777217,1]]]",
          "held[0].first: expected a whole number up to 16777216" },
        { MSG_BEAT, "[[[6,1]], [], 0, false]", "slots[0].state: expected a whole number up to 5" },
        { MSG_BEAT, "[[[0,\"m\"]], [], 0, false]", "slots[0].model: " U32 },
        { MSG_BEAT, "[[], [[1,4294967296]], 0, false]", "attempts[0].done: " U32 },
        { MSG_BEAT, "[[], [], nil, false]", "unacked_bytes: " U64 },
        { MSG_BEAT, "[[], [], 0, 1]", "draining: expected true or false" },
        { MSG_RESULTS, "[-1, 1, 1, #]", "attempt: " U64 },
        { MSG_RESULTS, "[1, 4294967296, 1, #]", "model: " U32 },
        { MSG_RESULTS, "[1, 1, \"t\", #]", "task: " U32 },
        { MSG_RESULTS, "[1, 1, 1, \"text\"]", "block: expected at most 1048576 bytes" },
        { MSG_ENDED, "[1, 4, \"\"]", "reason: expected a whole number up to 3" },
        { MSG_ENDED, "[1, 0, #]", "text: expected text of at most 262144 bytes" },
        { MSG_ENDED, "[1, 0, \"\", 16777217]", "from: expected a whole number up to 16777216" },
        { MSG_HOST, "[1024, 1, true, 0, \"\"]", "slot: " SLOT },
        { MSG_HOST, "[0, 1, nil, 0, \"\"]", "ready: expected true or false" },
        { MSG_HOST, "[0, 1, true, -1, \"\"]", "load_ms: " U32 },
        { MSG_GOODBYE, "[1]", "reason: expected text of at most 262144 bytes" },
        { MSG_WELCOME, "[\"\", 1, 1, 1, \"s\"]", "session: " U64 },
        { MSG_WELCOME, "[1, 1, 4294967296, 1, \"s\"]", "beat_ms: " U32 },
        { MSG_WELCOME, "[1, 1, 1, 1, \"s\", 1]", "store: expected at most 16 bytes" },
        { MSG_WELCOME, "[1, 1, 1, 1, \"s\", #1011]", "store: expected nothing, or 16 bytes" },
        { MSG_WELCOME, "[1, 1, 1, 1, \"\x1b[2J\"]",
          "sweep: expected UTF-8 without control characters" },
        { MSG_DEFINE_MODEL, "[4294967296, \"{}\"]", "id: " U32 },
        { MSG_DEFINE_TASK, "[1, []]", "json: expected text of at most 262144 bytes" },
        { MSG_GRANT, "[0, 0, 1, 1, 0, 1, #]", "attempt: expected a number above 0" },
        { MSG_GRANT, "[1, 1024, 1, 1, 0, 1, #]", "slot: " SLOT },
        { MSG_GRANT, "[1, 0, 1, 1, 0, 0, #]", "count: expected 1 to 16777216 instances of a task" },
        { MSG_GRANT, "[1, 0, 1, 1, 16777216, 1, #]",
          "count: expected 1 to 16777216 instances of a task" },
        { MSG_GRANT, "[1, 0, 1, 1, 0, 9, #00]", "skip: expected no bits, or a bit an instance" },
        { MSG_GRANT, "[1, 0, 1, 1, 0, 8, #0000]", "skip: expected no bits, or a bit an instance" },
        { MSG_GRANT, "[1, 0, 1, 1, 0, 8, #00, -1]", "inflight_max: " U32 },
        { MSG_REVOKE, "[\"1\"]", "attempt: " U64 },
        { MSG_REVOKE, "[1, -1]", "from: expected a whole number up to 16777216" },
        { MSG_ACK, "[-1]", "seq: " U64 },
        { MSG_BEAT_REPLY, "[1]", "stale: expected a list of at most 2048" },
        { MSG_BEAT_REPLY, "[[1, nil]]", "stale.attempt: " U64 },
        { MSG_DRAIN, "[#]", "reason: expected text of at most 262144 bytes" },
        { MSG_REJECT, "[6, \"\"]", "code: expected a whole number up to 5" },
        { MSG_REJECT, "[0, 0]", "text: expected text of at most 262144 bytes" },
        { MSG_ASK, "[#7b7d]", "json: expected text of at most 262144 bytes" },
        { MSG_REPLY, "[2, \"{}\"]", "ok: expected a whole number up to 1" },
        { MSG_REPLY, "[1, nil]", "json: expected text of at most 1310720 bytes" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_field_refused(&cases[i]);
}

static void a_list_over_its_limit_is_named(void **state)
{
    (void)state;
    static const struct {
        unsigned items;
        const char *before, *item, *after;
        struct field_case refusal;
    } cases[] = {
        { SLOTS_MAX + 1,
          "[\"w\", " ID ", \"\", \"\", 1, 0, [",
          "[1,1,0,\"\"],",
          "], []]",
          { MSG_HELLO, NULL, "slots: expected a list of at most 1024" } },
        { HELD_MAX + 1,
          "[\"w\", " ID ", \"\", \"\", 1, 0, [], [",
          "[1,0,1,1,0,1],",
          "]]",
          { MSG_HELLO, NULL, "held: expected a list of at most 2048" } },
        { SLOTS_MAX + 1,
          "[[",
          "[0,0],",
          "], [], 0, true]",
          { MSG_BEAT, NULL, "slots: expected a list of at most 1024" } },
        { HELD_MAX + 1,
          "[[], [",
          "[1,0],",
          "], 0, true]",
          { MSG_BEAT, NULL, "attempts: expected a list of at most 2048" } },
        { HELD_MAX + 1,
          "[[",
          "1,",
          "]]",
          { MSG_BEAT_REPLY, NULL, "stale: expected a list of at most 2048" } },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf body = { 0 };
        struct field_case refusal = cases[i].refusal;
        buf_append_str(&body, cases[i].before);
        for (unsigned k = 0; k < cases[i].items; k++)
            buf_append_str(&body, cases[i].item);
        buf_append_str(&body, cases[i].after);
        refusal.body = buf_cstr(&body);
        assert_field_refused(&refusal);
        buf_release(&body);
    }
}

static void missing_and_extra_fields_are_named_in_messages_and_in_records(void **state)
{
    (void)state;
    static const struct field_case cases[] = {
        { MSG_ACK, "[]", "seq: expected one more field" },
        { MSG_ACK, "[1, 2]", "expected 1 field, not 2" },
        { MSG_HELLO, "[\"w\", " ID ", \"\", \"\", 1, 0, []]", "held: expected one more field" },
        { MSG_HELLO, "[\"w\", " ID ", \"\", \"\", 1, 0, [], [], [], [], 1]",
          "expected 10 fields, not 11" },
        { MSG_HELLO, "[\"w\", " ID ", \"\", \"\", 1, 0, [], [], [7]]",
          "gpu_memory: expected nothing, or a number a slot" },
        { MSG_HELLO, "[\"w\", " ID ", \"\", \"\", 1, 0, [[1,1,0]], []]",
          "slots[0].gpu_type: expected one more field" },
        { MSG_HELLO, "[\"w\", " ID ", \"\", \"\", 1, 0, [[1,1,0,\"\",1]], []]",
          "slots[0]: expected 4 fields, not 5" },
        { MSG_HELLO, "[\"w\", " ID ", \"\", \"\", 1, 0, [], [[1,0,1,1,0,1],[]]]",
          "held[1].attempt: expected one more field" },
        { MSG_HELLO, "[\"w\", " ID ", \"\", \"\", 1, 0, [], [[1,0,1,1,0,1,1]]]",
          "held[0]: expected 6 fields, not 7" },
        { MSG_BEAT, "[[[0]], [], 0, false]", "slots[0].model: expected one more field" },
        { MSG_BEAT, "[[[0,0,0]], [], 0, false]", "slots[0]: expected 2 fields, not 3" },
        { MSG_BEAT, "[[], [[1]], 0, false]", "attempts[0].done: expected one more field" },
        { MSG_BEAT, "[[], [[1,0],[1,0,0]], 0, false]", "attempts[1]: expected 2 fields, not 3" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_field_refused(&cases[i]);
}

/* What slots were used for came with minor 2. */
static void uses_that_cannot_be_are_refused(void **state)
{
    (void)state;
    static const struct field_case cases[] = {
        { MSG_BEAT, "[[], [], 0, false, 1]", "uses: expected a list of at most 1024" },
        { MSG_BEAT, "[[], [], 0, false, [[0,0,0]]]", "uses: expected nothing, or a record a slot" },
        { MSG_BEAT, "[[[0,0]], [], 0, false, [[0,0]]]",
          "uses[0].idle_ns: expected one more field" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_field_refused(&cases[i]);
}

/* Where slots are, and who is in a gang: both came with minor 1. */
static void places_and_gangs_that_cannot_be_are_refused(void **state)
{
    (void)state;
    static const struct field_case cases[] = {
        { MSG_HELLO, "[\"w\", " ID ", \"\", \"\", 1, 0, [], [], [], 1]",
          "places: expected a list of at most 1024" },
        { MSG_HELLO, "[\"w\", " ID ", \"\", \"\", 1, 0, [], [], [], [[0,0,0]]]",
          "places: expected nothing, or a record a slot" },
        { MSG_HELLO, "[\"w\", " ID ", \"\", \"\", 1, 0, [[1,1,0,\"\"]], [], [], [[0,-1,0]]]",
          "places[0].node: " U32 },
        { MSG_HELLO, "[\"w\", " ID ", \"\", \"\", 1, 0, [[1,1,0,\"\"]], [], [], [[0,0]]]",
          "places[0].near: expected one more field" },
        { MSG_GRANT, "[1, 0, 1, 1, 0, 1, #, 0, [], 1]", "expected 9 fields, not 10" },
        { MSG_GRANT, "[1, 0, 1, 1, 0, 1, #, 0, [1024]]", "members.slot: " SLOT },
        { MSG_GRANT, "[1, 0, 1, 1, 0, 1, #, 0, [0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15]]",
          "members: expected a list of at most 15" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_field_refused(&cases[i]);
}

/* A newer minor appends to messages; records are of one length for ever. */
static void records_do_not_grow_with_the_minor_version(void **state)
{
    (void)state;
    struct buf frame = { 0 };
    append_head(&frame, MSG_BEAT);
    frame.data[3] = MSG_MINOR + 1;
    pack_text(&frame, "[[[0,0,0]], [], 0, false]");
    assert_refused(buf_span(&frame), "beat: slots[0]: expected 2 fields, not 3");
    buf_release(&frame);
}

/* Any width of a number means the same, and goes on in the shortest. */
static void long_forms_are_read(void **state)
{
    (void)state;
    static const char *const forms[] = { "\x91\x2a", "\x91\xcc\x2a", "\x91\xd0\x2a" };
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        struct buf frame = { 0 }, again = { 0 };
        struct arena arena = { 0 };
        struct msg m;
        append_head(&frame, MSG_ACK);
        buf_append_str(&frame, forms[i]);
        assert_int_equal(msg_decode(buf_span(&frame), &arena, &m, NULL), OK);
        assert_int_equal(m.as.ack.seq, 42);
        msg_encode(&m, &again);
        assert_int_equal(again.len, MSG_HEAD_BYTES + 2);
        arena_release(&arena);
        buf_release(&frame);
        buf_release(&again);
    }
}

/* ---- at random ---- */

static void insert(struct buf *bytes, size_t at, uint8_t value)
{
    buf_append_byte(bytes, 0);
    memmove(bytes->data + at + 1, bytes->data + at, bytes->len - 1 - at);
    bytes->data[at] = value;
}

static void mutate(struct rng *rng, struct buf *bytes)
{
    static const uint8_t edges[] = { 0x00, 0x01, 0x7f, 0x80, 0x90, 0x91, 0x9f, 0xa0, 0xa1, 0xc0,
                                     0xc2, 0xc3, 0xc4, 0xca, 0xcc, 0xcf, 0xd9, 0xdc, 0xdd, 0xff };
    for (uint64_t n = 1 + rng_below(rng, 3); n > 0 && bytes->len > 0; n--) {
        bool in_body = bytes->len > MSG_HEAD_BYTES && rng_below(rng, 8) != 0;
        size_t from = in_body ? MSG_HEAD_BYTES : 0;
        size_t at = from + (size_t)rng_below(rng, bytes->len - from);
        uint8_t value =
            rng_below(rng, 2) ? edges[rng_below(rng, sizeof(edges))] : (uint8_t)rng_u64(rng);
        switch (rng_below(rng, 5)) {
        case 0: bytes->data[at] ^= (uint8_t)(1 << rng_below(rng, 8)); break;
        case 1: bytes->data[at] = value; break;
        case 2: insert(bytes, at, value); break;
        case 3:
            memmove(bytes->data + at, bytes->data + at + 1, bytes->len - 1 - at);
            bytes->len--;
            break;
        default: bytes->len = at; break;
        }
    }
}

/* Whatever was understood is said again in one form, which is understood the same. */
static void assert_stable(const struct msg *m)
{
    struct buf once = { 0 }, twice = { 0 };
    struct arena arena = { 0 };
    struct msg back;
    msg_encode(m, &once);
    assert_int_equal(msg_decode(buf_span(&once), &arena, &back, NULL), OK);
    msg_encode(&back, &twice);
    assert_true(span_equal(buf_span(&once), buf_span(&twice)));
    arena_release(&arena);
    buf_release(&once);
    buf_release(&twice);
}

static void mutations_are_refused_or_understood(void **state)
{
    (void)state;
    enum { ROUNDS = 100000 };
    struct rng rng;
    struct arena arena = { 0 };
    unsigned understood = 0;
    rng_seed(&rng, 27);
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct buf frame = { 0 };
        struct errmsg msg = { "" };
        struct msg m;
        sample_frame(&samples[rng_below(&rng, SAMPLE_COUNT)], &frame);
        mutate(&rng, &frame);
        uint8_t *copy = copy_of(buf_span(&frame));
        err e = msg_decode(span_of(copy, frame.len), &arena, &m, &msg);
        if (e == OK)
            assert_stable(&m);
        else
            assert_true(msg.text[0] != '\0');
        understood += e == OK;
        free(copy);
        buf_release(&frame);
        arena_clear(&arena);
    }
    arena_release(&arena);
    assert_in_range(understood, ROUNDS / 50, ROUNDS / 2); /* both ways are taken often */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_message_of_ours_is_refused),
        cmocka_unit_test(a_frame_over_its_types_limit_is_refused),
        cmocka_unit_test(a_count_beyond_the_bytes_is_refused_without_allocation),
        cmocka_unit_test(a_length_that_is_itself_cut_is_refused),
        cmocka_unit_test(maps_extensions_and_reserved_types_are_refused),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(the_number_of_values_is_bounded),
        cmocka_unit_test(a_body_is_one_array),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(a_field_of_the_wrong_kind_or_range_is_named),
        cmocka_unit_test(a_list_over_its_limit_is_named),
        cmocka_unit_test(missing_and_extra_fields_are_named_in_messages_and_in_records),
        cmocka_unit_test(uses_that_cannot_be_are_refused),
        cmocka_unit_test(places_and_gangs_that_cannot_be_are_refused),
        cmocka_unit_test(records_do_not_grow_with_the_minor_version),
        cmocka_unit_test(long_forms_are_read),
        cmocka_unit_test(mutations_are_refused_or_understood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
