/* A worker that is allowed in and means harm: COUNT messages as fast as the coordinator takes them,
 * malformed or forged in every way that the wire leaves, over two connections.
 *
 *   hostile ENDPOINT KEY-FILE COUNT SEED
 *
 * The first connection never has a right to anything: noise, valid frames with damage, lengths that
 * lie, messages of other roles, messages of sessions that are others', messages of many parts. The
 * second says hello as a worker without slots, and then forges within its session: attempts and
 * instances of others, ends and beats of attempts that it was never given. Prints what it sent and
 * what it was told, as JSON. Exit code 1: it could not send them all, or was not told which one of
 * its session's was refused. */
#include "tests/lib/messages.h"

#include <stdlib.h>
#include <zmq.h>

#include "common/block.h"
#include "common/io/clock.h"
#include "common/io/handshake.h"
#include "common/rng.h"
#include "common/text.h"

enum {
    NOISE_BYTES_MAX = 3000,
    EDITS_MAX = 8,
    IDS_GUESSED = 64, /* sessions and attempts count up from 1: these are certainly others' */
    ROWS_MAX = 64,
    STATS_OF_THE_TASK = 2, /* each row: with another number a block is malformed */
    STUCK_MS = 20000
};

/* X(name): each kind of message is sent as often as any other. */
#define KIND_LIST(X)                                                                               \
    X(noise)                                                                                       \
    X(damaged)                                                                                     \
    X(lying_length)                                                                                \
    X(wrong_role)                                                                                  \
    X(others_session)                                                                              \
    X(many_parts)                                                                                  \
    X(parcels)                                                                                     \
    X(forged_results)                                                                              \
    X(forged_end)                                                                                  \
    X(forged_beat)

enum kind {
#define X(name) KIND_##name,
    KIND_LIST(X)
#undef X
        KIND_COUNT
};

static const char *const kind_names[KIND_COUNT] = {
#define X(name) [KIND_##name] = #name,
    KIND_LIST(X)
#undef X
};

struct hostile {
    void *context, *stranger, *member; /* the two connections */
    struct rng rng;
    uint64_t session, epoch, seq; /* of the member */
    uint64_t refused_seq;         /* of its messages, the last that was refused as malformed */
    uint64_t sent[KIND_COUNT], rejects, acks, grants, others;
};

static uint32_t below(struct hostile *h, uint32_t n)
{
    return (uint32_t)rng_below(&h->rng, n);
}

/* ---- Talking ---- */

static void *connect_to(struct hostile *h, const char *endpoint, const struct key_file *key)
{
    int linger = 5000;
    void *socket = zmq_socket(h->context, ZMQ_DEALER);
    assert_non_null(socket);
    zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof(linger));
    assert_int_equal(handshake_use_key(socket, key), 0);
    assert_int_equal(zmq_connect(socket, endpoint), 0);
    return socket;
}

/* The next frame of a parcel. */
static void hear(struct hostile *h, void *socket, struct span *parcel)
{
    struct arena arena = { 0 };
    struct msg m;
    if (msg_take(parcel, &arena, &m, NULL) != OK) {
        h->others++;
    } else if (m.type == MSG_WELCOME && socket == h->member) {
        h->session = m.as.welcome.session;
        h->epoch = m.as.welcome.epoch;
    } else {
        h->rejects += m.type == MSG_REJECT;
        if (m.type == MSG_REJECT && m.session == h->session && socket == h->member &&
            m.as.reject.code == REJECT_MALFORMED)
            h->refused_seq = m.seq;
        h->acks += m.type == MSG_ACK;
        h->grants += m.type == MSG_GRANT;
    }
    arena_release(&arena);
}

/* What the coordinator said so far. */
static void listen_to(struct hostile *h, void *socket)
{
    zmq_msg_t frame;
    zmq_msg_init(&frame);
    while (zmq_msg_recv(&frame, socket, ZMQ_DONTWAIT) >= 0) {
        struct span parcel = span_of(zmq_msg_data(&frame), zmq_msg_size(&frame));
        do
            hear(h, socket, &parcel);
        while (parcel.len > 0);
    }
    zmq_msg_close(&frame);
}

static bool send_part(struct hostile *h, void *socket, struct span bytes, int flags)
{
    int64_t until = clock_mono_ns() + (int64_t)STUCK_MS * 1000000;
    while (zmq_send(socket, bytes.data, bytes.len, ZMQ_DONTWAIT | flags) < 0) {
        if (clock_mono_ns() > until)
            return false;
        zmq_pollitem_t item = { .socket = socket, .events = ZMQ_POLLIN | ZMQ_POLLOUT };
        zmq_poll(&item, 1, 100);
        listen_to(h, socket);
    }
    return true;
}

/* ---- Messages ---- */

static void append_noise(struct hostile *h, struct buf *out, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++)
        buf_append_byte(out, (uint8_t)below(h, 256));
}

/* A hello has no slots: what is damaged too little to be refused must not be given work. */
static void append_sample(struct hostile *h, struct buf *out)
{
    struct msg m;
    sample_make(&samples[below(h, SAMPLE_COUNT)], &m);
    if (m.type == MSG_HELLO)
        m.as.hello.slot_count = m.as.hello.held_count = 0;
    msg_encode(&m, out);
}

static void edit(struct hostile *h, struct buf *frame)
{
    if (frame->len == 0)
        return;
    size_t at = below(h, (uint32_t)frame->len);
    switch (below(h, 5)) {
    case 0: frame->data[at] ^= (uint8_t)(1u << below(h, 8)); return;
    case 1: frame->data[at] = 0xff; return;
    case 2: frame->data[at] = (uint8_t)below(h, 256); return;
    case 3: frame->len = at; return;
    default: append_noise(h, frame, 1 + below(h, 40)); return;
    }
}

static void make_damaged(struct hostile *h, struct buf *out)
{
    append_sample(h, out);
    for (uint32_t edits = 1 + below(h, EDITS_MAX); edits > 0; edits--)
        edit(h, out);
}

/* A body that declares much more than it has. */
static void make_lying_length(struct hostile *h, struct buf *out)
{
    static const uint8_t heads[] = { 0xdd, 0xdb, 0xc6, 0xdc, 0xda, 0xc5, 0xdf, 0xc9 };
    append_sample(h, out);
    out->len = 22; /* the head stays */
    buf_append_byte(out, 0x91);
    buf_append_byte(out, heads[below(h, sizeof(heads))]);
    buf_append(out, "\xff\xff\xff\xff", 4);
    append_noise(h, out, below(h, 100));
}

/* What only a coordinator or an operator says; as it should be. */
static void make_wrong_role(struct hostile *h, struct buf *out)
{
    const struct sample *s;
    do
        s = &samples[below(h, SAMPLE_COUNT)];
    while (msg_sender(s->type) == 'w');
    sample_frame(s, out);
}

static uint64_t guess(struct hostile *h)
{
    return h->epoch << 32 | (1 + below(h, IDS_GUESSED));
}

/* Results that the store would take, were they anybody's. */
static void append_block(struct hostile *h, struct buf *out)
{
    struct block_builder b;
    block_builder_init(&b, STATS_OF_THE_TASK);
    uint32_t first = below(h, 300), rows = 1 + below(h, ROWS_MAX);
    for (uint32_t i = 0; i < rows; i++)
        block_builder_add(&b, &(struct result){ .instance = first + i,
                                                .status = (status)below(h, STATUS_COUNT),
                                                .answer = span_str("forged") });
    block_builder_encode(&b, out);
    block_builder_release(&b);
}

static void make_results_of(struct hostile *h, uint64_t session, uint64_t seq, uint64_t attempt,
                            struct buf *out)
{
    struct buf block = { 0 };
    append_block(h, &block);
    struct msg m = { .type = MSG_RESULTS, .session = session, .seq = seq };
    m.as.results = (struct msg_results){ .attempt = attempt,
                                         .model = 1 + below(h, 2),
                                         .task = 1 + below(h, 2),
                                         .block = buf_span(&block) };
    msg_encode(&m, out);
    buf_release(&block);
}

static void make_others_session(struct hostile *h, struct buf *out)
{
    uint64_t session = guess(h);
    struct msg m;
    if (below(h, 2) == 0) {
        make_results_of(h, session, 1 + below(h, 5), guess(h), out);
        return;
    }
    do
        sample_make(&samples[below(h, SAMPLE_COUNT)], &m);
    while (msg_sender(m.type) != 'w' || m.type == MSG_HELLO);
    m.session = session;
    m.seq = 1 + below(h, 5);
    msg_encode(&m, out);
}

/* An attempt that was never given to the member: another's, one to come, an invented one. */
static uint64_t forged_attempt(struct hostile *h)
{
    switch (below(h, 4)) {
    case 0: return (h->epoch + 1) << 32 | 1;
    case 1: return h->epoch << 32 | UINT32_MAX;
    case 2: return 1 + below(h, UINT32_MAX);
    default: return guess(h);
    }
}

static void make_forged_end(struct hostile *h, struct buf *out)
{
    struct msg m = { .type = MSG_ENDED, .session = h->session, .seq = h->seq++ };
    m.as.ended = (struct msg_ended){ .attempt = forged_attempt(h),
                                     .reason = (uint8_t)below(h, ENDED_COUNT),
                                     .text = span_str("\x1b[2J it never was mine \n") };
    msg_encode(&m, out);
}

static void make_forged_beat(struct hostile *h, struct buf *out)
{
    struct msg_progress attempts[4];
    for (int i = 0; i < 4; i++)
        attempts[i] = (struct msg_progress){ .attempt = forged_attempt(h), .done = below(h, 9) };
    struct msg m = { .type = MSG_BEAT, .session = h->session };
    m.as.beat = (struct msg_beat){ .attempts = attempts, .attempt_count = 4 };
    msg_encode(&m, out);
}

/* Frames of others, a damaged one among them, or more frames than a parcel may have. */
static void make_parcel(struct hostile *h, struct buf *out)
{
    uint32_t frames = below(h, 100) == 0 ? PARCEL_FRAMES_MAX + 1 : 1 + below(h, 8);
    for (uint32_t i = 0; i < frames; i++)
        if (frames < 8 && below(h, 8) == 0)
            make_damaged(h, out);
        else
            make_others_session(h, out);
}

static bool send_one(struct hostile *h, enum kind kind)
{
    struct buf out = { 0 };
    void *socket = h->stranger;
    int parts = 1;
    switch (kind) {
    case KIND_noise: append_noise(h, &out, below(h, NOISE_BYTES_MAX)); break;
    case KIND_damaged: make_damaged(h, &out); break;
    case KIND_lying_length: make_lying_length(h, &out); break;
    case KIND_wrong_role: make_wrong_role(h, &out); break;
    case KIND_others_session: make_others_session(h, &out); break;
    case KIND_many_parts:
        make_damaged(h, &out);
        parts = 2 + (int)below(h, 4);
        break;
    case KIND_parcels: make_parcel(h, &out); break;
    case KIND_forged_results:
        socket = h->member;
        make_results_of(h, h->session, h->seq++, forged_attempt(h), &out);
        break;
    case KIND_forged_end:
        socket = h->member;
        make_forged_end(h, &out);
        break;
    case KIND_forged_beat:
        socket = h->member;
        make_forged_beat(h, &out);
        break;
    case KIND_COUNT: break;
    }
    bool sent = true;
    for (int i = 0; i < parts && sent; i++)
        sent = send_part(h, socket, buf_span(&out), i < parts - 1 ? ZMQ_SNDMORE : 0);
    h->sent[kind] += sent;
    buf_release(&out);
    return sent;
}

/* As a worker without slots, which is given nothing. */
static bool say_hello(struct hostile *h)
{
    struct msg m;
    struct buf out = { 0 };
    make_hello(&m);
    m.type = MSG_HELLO;
    m.seq = h->seq;
    m.as.hello.worker_name = span_str("hostile");
    m.as.hello.slot_count = m.as.hello.held_count = 0;
    msg_encode(&m, &out);
    bool sent = send_part(h, h->member, buf_span(&out), 0);
    buf_release(&out);
    int64_t until = clock_mono_ns() + (int64_t)STUCK_MS * 1000000;
    while (sent && h->session == 0 && clock_mono_ns() < until) {
        zmq_pollitem_t item = { .socket = h->member, .events = ZMQ_POLLIN };
        zmq_poll(&item, 1, 100);
        listen_to(h, h->member);
    }
    return h->session != 0;
}

/* Results whose rows have other numbers than the task's, in order: the refusal says which they
 * were. */
static bool is_told_which(struct hostile *h)
{
    struct buf block = { 0 }, out = { 0 };
    struct block_builder b;
    block_builder_init(&b, STATS_OF_THE_TASK + 1);
    block_builder_add(&b, &(struct result){ .answer = span_str("forged") });
    block_builder_encode(&b, &block);
    struct msg m = { .type = MSG_RESULTS, .session = h->session, .seq = h->seq };
    m.as.results = (struct msg_results){ .attempt = guess(h), .model = 1, .task = 1 };
    m.as.results.block = buf_span(&block);
    msg_encode(&m, &out);
    h->refused_seq = 0;
    bool sent = send_part(h, h->member, buf_span(&out), 0);
    block_builder_release(&b);
    buf_release(&block);
    buf_release(&out);
    int64_t until = clock_mono_ns() + (int64_t)STUCK_MS * 1000000;
    while (sent && h->refused_seq == 0 && clock_mono_ns() < until) {
        zmq_pollitem_t item = { .socket = h->member, .events = ZMQ_POLLIN };
        zmq_poll(&item, 1, 100);
        listen_to(h, h->member);
    }
    return h->refused_seq == h->seq;
}

static void print_counts(const struct hostile *h)
{
    printf("{\"sent\": {");
    for (int i = 0; i < KIND_COUNT; i++)
        printf("%s\"%s\": %llu", i ? ", " : "", kind_names[i], (unsigned long long)h->sent[i]);
    printf("}, \"rejects\": %llu, \"acks\": %llu, \"grants\": %llu, \"unreadable\": %llu}\n",
           (unsigned long long)h->rejects, (unsigned long long)h->acks,
           (unsigned long long)h->grants, (unsigned long long)h->others);
}

int main(int argc, char **argv)
{
    struct hostile h = { .seq = 1 };
    struct key_file key;
    struct errmsg msg;
    uint64_t count, seed;
    if (argc != 5 || !text_parse_u64(argv[3], &count) || !text_parse_u64(argv[4], &seed)) {
        fputs("usage: hostile ENDPOINT KEY-FILE COUNT SEED\n", stderr);
        return 2;
    }
    if (key_read_for(KEY_WORKER, argv[2], &key, &msg) != OK) {
        fprintf(stderr, "hostile: %s\n", msg.text);
        return 2;
    }
    rng_seed(&h.rng, seed);
    h.context = zmq_ctx_new();
    h.stranger = connect_to(&h, argv[1], &key);
    h.member = connect_to(&h, argv[1], &key);
    bool all = say_hello(&h);
    for (uint64_t i = 0; all && i < count; i++) {
        all = send_one(&h, (enum kind)(i % KIND_COUNT));
        if (i % 64 == 0) {
            listen_to(&h, h.stranger);
            listen_to(&h, h.member);
        }
    }
    all = all && is_told_which(&h);
    print_counts(&h);
    zmq_close(h.stranger);
    zmq_close(h.member);
    zmq_ctx_term(h.context);
    return all ? 0 : 1;
}
