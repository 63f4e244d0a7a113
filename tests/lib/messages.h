/* One message of each type, with every field used, and the bytes that it is on the wire. The bytes
 * were packed by another implementation of MessagePack; PROTOCOL.md shows the same ones. */
#ifndef MUSTER_TESTS_LIB_MESSAGES_H
#define MUSTER_TESTS_LIB_MESSAGES_H

#include "tests/lib/test.h"

#include "proto/msg.h"

#define SAMPLE_SESSION UINT64_C(0x800000001)
#define SAMPLE_ATTEMPT UINT64_C(0x700000003)

static inline void make_hello(struct msg *m)
{
    static struct msg_slot slots[] = {
        { .gpus = 2, .cpus = 16, .memory_bytes = UINT64_C(64) << 30 },
        { .cpus = 4 },
    };
    static struct msg_held held[] = {
        { SAMPLE_ATTEMPT, .slot = 1, .model = 2, .task = 9, .first = 128, .count = 64 },
    };
    static struct place places[] = { { 1, 3, 128 }, { 0, 1, 0 } };
    static uint64_t gpu_memory[] = { UINT64_C(80) << 30, 0 };
    slots[0].gpu_type = span_str("NVIDIA A100-SXM4-80GB");
    slots[1].gpu_type = span_str("");
    *m = (struct msg){ .seq = 41 };
    m->as.hello = (struct msg_hello){ .worker_name = span_str("gpu-node-7"),
                                      .version = span_str("0.1.0"),
                                      .host = span_str("node7.cluster"),
                                      .pid = 4242,
                                      .lifetime_ms = 14400000,
                                      .slots = slots,
                                      .slot_count = 2,
                                      .held = held,
                                      .held_count = 1,
                                      .gpu_memory = gpu_memory,
                                      .places = places };
    for (unsigned i = 0; i < WORKER_ID_BYTES; i++)
        m->as.hello.worker_id[i] = (uint8_t)(16 + i);
}

static inline void make_beat(struct msg *m)
{
    static struct msg_slot_beat slots[] = { { SLOT_RUNNING, 2 }, { SLOT_IDLE, 0 } };
    static struct msg_progress attempts[] = { { SAMPLE_ATTEMPT, 17 } };
    static struct msg_use uses[] = { { 70000000000, 300, 2 }, { 0, 0, 1 } };
    m->as.beat = (struct msg_beat){ .slots = slots,
                                    .slot_count = 2,
                                    .attempts = attempts,
                                    .attempt_count = 1,
                                    .unacked_bytes = 70000,
                                    .draining = true,
                                    .uses = uses };
}

static inline void make_results(struct msg *m)
{
    m->seq = 41;
    m->as.results = (struct msg_results){
        .attempt = SAMPLE_ATTEMPT, .model = 2, .task = 9, .block = span_str("MBK1 block")
    };
}

static inline void make_ended(struct msg *m)
{
    m->seq = 42;
    m->as.ended = (struct msg_ended){ .attempt = SAMPLE_ATTEMPT,
                                      .reason = ENDED_RETURNED,
                                      .text = span_str("revoked"),
                                      .from = 160 };
}

static inline void make_host(struct msg *m)
{
    m->as.host = (struct msg_host){
        .slot = 1, .model = 300, .ready = true, .load_ms = 65536, .text = span_str("from the cache")
    };
}

static inline void make_goodbye(struct msg *m)
{
    m->as.goodbye.reason = span_str("drained");
}

static inline void make_welcome(struct msg *m)
{
    static const uint8_t store[STORE_ID_BYTES] = { 32, 33, 34, 35, 36, 37, 38, 39,
                                                   40, 41, 42, 43, 44, 45, 46, 47 };
    m->as.welcome = (struct msg_welcome){ .session = SAMPLE_SESSION,
                                          .epoch = 8,
                                          .beat_ms = 5000,
                                          .lease_ms = 30000,
                                          .sweep = span_str("quickstart"),
                                          .store = span_of(store, sizeof(store)) };
}

static inline void make_define_model(struct msg *m)
{
    m->as.define = (struct msg_define){ 2, span_str("{\"name\":\"m\"}") };
}

static inline void make_define_task(struct msg *m)
{
    m->as.define = (struct msg_define){ 9, span_str("{\"suite\":\"s\"}") };
}

static inline void make_grant(struct msg *m)
{
    static const uint8_t skip[] = { 0x05, 0x02 };
    static uint32_t members[] = { 2, 3 };
    m->as.grant = (struct msg_grant){ .attempt = SAMPLE_ATTEMPT + 1,
                                      .slot = 1,
                                      .model = 2,
                                      .task = 9,
                                      .first = 128,
                                      .count = 10,
                                      .skip = span_of(skip, sizeof(skip)),
                                      .inflight_max = 5,
                                      .members = members,
                                      .member_count = 2 };
}

static inline void make_revoke(struct msg *m)
{
    m->as.revoke = (struct msg_revoke){ .attempt = SAMPLE_ATTEMPT, .from = 150 };
}

static inline void make_ack(struct msg *m)
{
    m->as.ack.seq = 42;
}

static inline void make_beat_reply(struct msg *m)
{
    static uint64_t stale[] = { SAMPLE_ATTEMPT, SAMPLE_ATTEMPT + 1 };
    m->as.beat_reply = (struct msg_beat_reply){ stale, 2 };
}

static inline void make_drain(struct msg *m)
{
    m->as.drain.reason = span_str("the sweep is being stopped");
}

static inline void make_reject(struct msg *m)
{
    m->session = 0;
    m->as.reject = (struct msg_reject){ REJECT_SESSION, span_str("unknown session: say hello") };
}

static inline void make_ask(struct msg *m)
{
    *m = (struct msg){ .seq = 7 };
    m->as.ask.json = span_str("{\"ask\":\"status\"}");
}

static inline void make_reply(struct msg *m)
{
    *m = (struct msg){ .seq = 7 };
    m->as.reply = (struct msg_reply){ 1, span_str("{\"schema\":1}") };
}

struct sample {
    enum msg_type type;
    void (*fill)(struct msg *m); /* starts from the session's number and seq 0 */
    const char *hex;             /* head, then body */
};

static const struct sample samples[] = {
    { MSG_HELLO, make_hello,
      "4d530104010000000000000000002900000000000000"
      "9aaa6770752d6e6f64652d37c410101112131415161718191a1b1c1d1e1fa530"
      "2e312e30ad6e6f6465372e636c7573746572cd1092ce00dbba0092940210cf00"
      "00001000000000b54e564944494120413130302d53584d342d38304742940004"
      "00a09196cf0000000700000003010209cc804092cf000000140000000000"
      "92930103cc8093000100" },
    { MSG_BEAT, make_beat,
      "4d530104020001000000080000000000000000000000"
      "95929203029200009192cf000000070000000311ce00011170c39293cf000000"
      "104c533c00cd012c0293000001" },
    { MSG_RESULTS, make_results,
      "4d530104030001000000080000002900000000000000"
      "94cf00000007000000030209c40a4d424b3120626c6f636b" },
    { MSG_ENDED, make_ended,
      "4d530104040001000000080000002a00000000000000"
      "94cf000000070000000301a77265766f6b6564cca0" },
    { MSG_HOST, make_host,
      "4d530104050001000000080000000000000000000000"
      "9501cd012cc3ce00010000ae66726f6d20746865206361636865" },
    { MSG_GOODBYE, make_goodbye,
      "4d530104060001000000080000000000000000000000"
      "91a7647261696e6564" },
    { MSG_WELCOME, make_welcome,
      "4d530104100001000000080000000000000000000000"
      "96cf000000080000000108cd1388cd7530aa717569636b7374617274"
      "c410202122232425262728292a2b2c2d2e2f" },
    { MSG_DEFINE_MODEL, make_define_model,
      "4d530104110001000000080000000000000000000000"
      "9202ac7b226e616d65223a226d227d" },
    { MSG_DEFINE_TASK, make_define_task,
      "4d530104120001000000080000000000000000000000"
      "9209ad7b227375697465223a2273227d" },
    { MSG_GRANT, make_grant,
      "4d530104130001000000080000000000000000000000"
      "99cf0000000700000004010209cc800ac402050205920203" },
    { MSG_REVOKE, make_revoke,
      "4d530104140001000000080000000000000000000000"
      "92cf0000000700000003cc96" },
    { MSG_ACK, make_ack,
      "4d530104150001000000080000000000000000000000"
      "912a" },
    { MSG_BEAT_REPLY, make_beat_reply,
      "4d530104160001000000080000000000000000000000"
      "9192cf0000000700000003cf0000000700000004" },
    { MSG_DRAIN, make_drain,
      "4d530104170001000000080000000000000000000000"
      "91ba746865207377656570206973206265696e672073746f70706564" },
    { MSG_REJECT, make_reject,
      "4d530104180000000000000000000000000000000000"
      "9201ba756e6b6e6f776e2073657373696f6e3a207361792068656c6c6f" },
    { MSG_ASK, make_ask,
      "4d530104200000000000000000000700000000000000"
      "91b07b2261736b223a22737461747573227d" },
    { MSG_REPLY, make_reply,
      "4d530104300000000000000000000700000000000000"
      "9201ac7b22736368656d61223a317d" },
};

enum { SAMPLE_COUNT = sizeof(samples) / sizeof(samples[0]) };

static inline void sample_make(const struct sample *s, struct msg *m)
{
    *m = (struct msg){ .session = SAMPLE_SESSION };
    s->fill(m);
    m->type = s->type;
}

/* Appends the bytes. */
static inline void sample_frame(const struct sample *s, struct buf *out)
{
    for (const char *at = s->hex; *at; at += 2) {
        unsigned byte;
        assert_int_equal(sscanf(at, "%2x", &byte), 1);
        buf_append_byte(out, (uint8_t)byte);
    }
}

#endif
