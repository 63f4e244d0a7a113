#include <msgpack.h>

#include "common/check.h"
#include "proto/msg.h"
#include "proto/wire.h"

static int write_bytes(void *data, const char *bytes, size_t len)
{
    buf_append(data, bytes, len);
    return 0;
}

static void put_array(msgpack_packer *p, size_t items)
{
    msgpack_pack_array(p, items);
}

static void put_uint(msgpack_packer *p, uint64_t value)
{
    msgpack_pack_uint64(p, value);
}

static void put_bool(msgpack_packer *p, bool value)
{
    if (value)
        msgpack_pack_true(p);
    else
        msgpack_pack_false(p);
}

static void put_text(msgpack_packer *p, struct span text)
{
    msgpack_pack_str(p, text.len);
    if (text.len)
        msgpack_pack_str_body(p, text.data, text.len);
}

static void put_name(msgpack_packer *p, struct span name)
{
    check(name.len <= NAME_BYTES_MAX);
    put_text(p, name);
}

static void put_bytes(msgpack_packer *p, struct span bytes)
{
    msgpack_pack_bin(p, bytes.len);
    if (bytes.len)
        msgpack_pack_bin_body(p, bytes.data, bytes.len);
}

static void put_hello(msgpack_packer *p, const struct msg_hello *m)
{
    check(m->slot_count <= SLOTS_MAX && m->held_count <= HELD_MAX);
    put_array(p, 10);
    put_name(p, m->worker_name);
    put_bytes(p, span_of(m->worker_id, WORKER_ID_BYTES));
    put_name(p, m->version);
    put_name(p, m->host);
    put_uint(p, m->pid);
    put_uint(p, m->lifetime_ms);
    put_array(p, m->slot_count);
    for (uint32_t i = 0; i < m->slot_count; i++) {
        put_array(p, 4);
        put_uint(p, m->slots[i].gpus);
        put_uint(p, m->slots[i].cpus);
        put_uint(p, m->slots[i].memory_bytes);
        put_name(p, m->slots[i].gpu_type);
    }
    put_array(p, m->held_count);
    for (uint32_t i = 0; i < m->held_count; i++) {
        put_array(p, 6);
        put_uint(p, m->held[i].attempt);
        put_uint(p, m->held[i].slot);
        put_uint(p, m->held[i].model);
        put_uint(p, m->held[i].task);
        put_uint(p, m->held[i].first);
        put_uint(p, m->held[i].count);
    }
    put_array(p, m->gpu_memory ? m->slot_count : 0);
    for (uint32_t i = 0; m->gpu_memory && i < m->slot_count; i++)
        put_uint(p, m->gpu_memory[i]);
    put_array(p, m->places ? m->slot_count : 0);
    for (uint32_t i = 0; m->places && i < m->slot_count; i++) {
        put_array(p, 3);
        put_uint(p, m->places[i].package);
        put_uint(p, m->places[i].node);
        put_uint(p, m->places[i].near);
    }
}

static void put_beat(msgpack_packer *p, const struct msg_beat *m)
{
    check(m->slot_count <= SLOTS_MAX && m->attempt_count <= HELD_MAX);
    put_array(p, 5);
    put_array(p, m->slot_count);
    for (uint32_t i = 0; i < m->slot_count; i++) {
        put_array(p, 2);
        put_uint(p, m->slots[i].state);
        put_uint(p, m->slots[i].model);
    }
    put_array(p, m->attempt_count);
    for (uint32_t i = 0; i < m->attempt_count; i++) {
        put_array(p, 2);
        put_uint(p, m->attempts[i].attempt);
        put_uint(p, m->attempts[i].done);
    }
    put_uint(p, m->unacked_bytes);
    put_bool(p, m->draining);
    put_array(p, m->uses ? m->slot_count : 0);
    for (uint32_t i = 0; m->uses && i < m->slot_count; i++) {
        put_array(p, 3);
        put_uint(p, m->uses[i].busy_ns);
        put_uint(p, m->uses[i].load_ns);
        put_uint(p, m->uses[i].idle_ns);
    }
}

static void put_results(msgpack_packer *p, const struct msg_results *m)
{
    check(m->block.len <= BLOCK_BYTES_MAX);
    put_array(p, 4);
    put_uint(p, m->attempt);
    put_uint(p, m->model);
    put_uint(p, m->task);
    put_bytes(p, m->block);
}

static void put_ended(msgpack_packer *p, const struct msg_ended *m)
{
    put_array(p, 4);
    put_uint(p, m->attempt);
    put_uint(p, m->reason);
    put_text(p, m->text);
    put_uint(p, m->from);
}

static void put_host(msgpack_packer *p, const struct msg_host *m)
{
    put_array(p, 5);
    put_uint(p, m->slot);
    put_uint(p, m->model);
    put_bool(p, m->ready);
    put_uint(p, m->load_ms);
    put_text(p, m->text);
}

static void put_welcome(msgpack_packer *p, const struct msg_welcome *m)
{
    check(m->store.len == 0 || m->store.len == STORE_ID_BYTES);
    put_array(p, 6);
    put_uint(p, m->session);
    put_uint(p, m->epoch);
    put_uint(p, m->beat_ms);
    put_uint(p, m->lease_ms);
    put_name(p, m->sweep);
    put_bytes(p, m->store);
}

static void put_define(msgpack_packer *p, const struct msg_define *m)
{
    put_array(p, 2);
    put_uint(p, m->id);
    put_text(p, m->json);
}

static void put_grant(msgpack_packer *p, const struct msg_grant *m)
{
    check(m->member_count < GANG_SLOTS_MAX);
    put_array(p, 9);
    put_uint(p, m->attempt);
    put_uint(p, m->slot);
    put_uint(p, m->model);
    put_uint(p, m->task);
    put_uint(p, m->first);
    put_uint(p, m->count);
    put_bytes(p, m->skip);
    put_uint(p, m->inflight_max);
    put_array(p, m->member_count);
    for (uint32_t i = 0; i < m->member_count; i++)
        put_uint(p, m->members[i]);
}

static void put_revoke(msgpack_packer *p, const struct msg_revoke *m)
{
    put_array(p, 2);
    put_uint(p, m->attempt);
    put_uint(p, m->from);
}

static void put_beat_reply(msgpack_packer *p, const struct msg_beat_reply *m)
{
    check(m->stale_count <= HELD_MAX);
    put_array(p, 1);
    put_array(p, m->stale_count);
    for (uint32_t i = 0; i < m->stale_count; i++)
        put_uint(p, m->stale[i]);
}

/* {number, text}: reject and reply */
static void put_pair(msgpack_packer *p, uint64_t number, struct span text)
{
    put_array(p, 2);
    put_uint(p, number);
    put_text(p, text);
}

/* An array of one value: ack; and of one text: goodbye, drain, ask. */
static void put_single(msgpack_packer *p, uint64_t value)
{
    put_array(p, 1);
    put_uint(p, value);
}

static void put_single_text(msgpack_packer *p, struct span text)
{
    put_array(p, 1);
    put_text(p, text);
}

static void put_body(msgpack_packer *p, const struct msg *m)
{
    switch (m->type) {
    case MSG_HELLO: put_hello(p, &m->as.hello); return;
    case MSG_BEAT: put_beat(p, &m->as.beat); return;
    case MSG_RESULTS: put_results(p, &m->as.results); return;
    case MSG_ENDED: put_ended(p, &m->as.ended); return;
    case MSG_HOST: put_host(p, &m->as.host); return;
    case MSG_GOODBYE: put_single_text(p, m->as.goodbye.reason); return;
    case MSG_WELCOME: put_welcome(p, &m->as.welcome); return;
    case MSG_DEFINE_MODEL:
    case MSG_DEFINE_TASK: put_define(p, &m->as.define); return;
    case MSG_GRANT: put_grant(p, &m->as.grant); return;
    case MSG_REVOKE: put_revoke(p, &m->as.revoke); return;
    case MSG_ACK: put_single(p, m->as.ack.seq); return;
    case MSG_BEAT_REPLY: put_beat_reply(p, &m->as.beat_reply); return;
    case MSG_DRAIN: put_single_text(p, m->as.drain.reason); return;
    case MSG_REJECT: put_pair(p, m->as.reject.code, m->as.reject.text); return;
    case MSG_ASK: put_single_text(p, m->as.ask.json); return;
    case MSG_REPLY: put_pair(p, m->as.reply.ok, m->as.reply.json); return;
    }
    check(!"a message type of msg.h");
}

static void put_u64_le(uint8_t *out, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        out[i] = (uint8_t)(value >> (8 * i));
}

void msg_encode(const struct msg *m, struct buf *out)
{
    size_t start = out->len;
    uint8_t head[MSG_HEAD_BYTES] = { 'M', 'S', MSG_MAJOR, MSG_MINOR, (uint8_t)m->type, 0 };
    put_u64_le(head + 6, m->session);
    put_u64_le(head + 14, m->seq);
    buf_append(out, head, sizeof(head));

    msgpack_packer packer;
    msgpack_packer_init(&packer, out, write_bytes);
    put_body(&packer, m);
    check(out->len - start <= wire_frame_bytes_max(m->type));
}
