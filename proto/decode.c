#include <msgpack.h>

#include "common/check.h"
#include "proto/fields.h"
#include "proto/msg.h"
#include "proto/wire.h"

static const uint64_t LIFETIME_MS_MAX = LIFETIME_DAYS_MAX * UINT64_C(86400000);

/* The number under which an attempt comes to be known: 0 is none. */
static uint64_t get_new_attempt(struct fields *f)
{
    uint64_t attempt = take_uint(f, "attempt", UINT64_MAX);
    if (attempt == 0)
        fields_refuse(f, "attempt", "a number above 0");
    return attempt;
}

/* A range of instances within any task. */
static void get_range(struct fields *f, uint32_t *first, uint32_t *count)
{
    *first = take_u32(f, "first", TASK_INSTANCES_MAX);
    *count = take_u32(f, "count", TASK_INSTANCES_MAX);
    if (*count == 0 || *count > TASK_INSTANCES_MAX - *first)
        fields_refuse(f, "count", "1 to %d instances of a task", TASK_INSTANCES_MAX);
}

static void get_slots(struct fields *f, struct arena *arena, struct msg_hello *m)
{
    struct fields list = take_list(f, "slots", SLOTS_MAX);
    m->slot_count = list.count;
    m->slots = arena_alloc(arena, list.count * sizeof(*m->slots));
    for (uint32_t i = 0; i < list.count; i++) {
        struct fields s = take_record(&list);
        m->slots[i].gpus = take_u32(&s, "gpus", SLOTS_MAX);
        m->slots[i].cpus = take_u32(&s, "cpus", 1 << 20);
        m->slots[i].memory_bytes = take_uint(&s, "memory_bytes", UINT64_MAX);
        m->slots[i].gpu_type = take_name(&s, "gpu_type");
        fields_end(&s);
    }
}

static void get_held(struct fields *f, struct arena *arena, struct msg_hello *m)
{
    struct fields list = take_list(f, "held", HELD_MAX);
    m->held_count = list.count;
    m->held = arena_alloc(arena, list.count * sizeof(*m->held));
    for (uint32_t i = 0; i < list.count; i++) {
        struct fields h = take_record(&list);
        m->held[i].attempt = get_new_attempt(&h);
        m->held[i].slot = take_u32(&h, "slot", SLOTS_MAX - 1);
        m->held[i].model = take_u32(&h, "model", UINT32_MAX);
        m->held[i].task = take_u32(&h, "task", UINT32_MAX);
        get_range(&h, &m->held[i].first, &m->held[i].count);
        fields_end(&h);
    }
}

static void get_worker_id(struct fields *f, uint8_t out[WORKER_ID_BYTES])
{
    static const uint8_t none[WORKER_ID_BYTES];
    struct span id = take_bytes(f, "worker_id", WORKER_ID_BYTES);
    if (id.len == WORKER_ID_BYTES && memcmp(id.data, none, WORKER_ID_BYTES) != 0)
        memcpy(out, id.data, WORKER_ID_BYTES);
    else
        fields_refuse(f, "worker_id", "%d bytes that are not all 0", WORKER_ID_BYTES);
}

/* Since minor 1. Nothing is said of slots that have no GPU, or by an older worker. */
static void get_gpu_memory(struct fields *f, struct arena *arena, struct msg_hello *m)
{
    struct fields list = take_list(f, "gpu_memory", SLOTS_MAX);
    if (list.count == 0)
        return;
    if (list.count != m->slot_count)
        fields_refuse(f, "gpu_memory", "nothing, or a number a slot");
    m->gpu_memory = arena_alloc(arena, list.count * sizeof(*m->gpu_memory));
    for (uint32_t i = 0; i < list.count; i++)
        m->gpu_memory[i] = take_uint(&list, "bytes", UINT64_MAX);
}

/* Since minor 1. */
static void get_places(struct fields *f, struct arena *arena, struct msg_hello *m)
{
    struct fields list = take_list(f, "places", SLOTS_MAX);
    if (list.count == 0)
        return;
    if (list.count != m->slot_count)
        fields_refuse(f, "places", "nothing, or a record a slot");
    m->places = arena_alloc(arena, list.count * sizeof(*m->places));
    for (uint32_t i = 0; i < list.count; i++) {
        struct fields p = take_record(&list);
        m->places[i].package = take_u32(&p, "package", UINT32_MAX);
        m->places[i].node = take_u32(&p, "node", UINT32_MAX);
        m->places[i].near = take_u32(&p, "near", UINT32_MAX);
        fields_end(&p);
    }
}

static void get_hello(struct fields *f, struct arena *arena, struct msg_hello *m)
{
    m->worker_name = take_name(f, "worker_name");
    if (m->worker_name.len == 0)
        fields_refuse(f, "worker_name", "a name");
    get_worker_id(f, m->worker_id);
    m->version = take_name(f, "version");
    m->host = take_name(f, "host");
    m->pid = take_u32(f, "pid", UINT32_MAX);
    m->lifetime_ms = take_uint(f, "lifetime_ms", LIFETIME_MS_MAX);
    get_slots(f, arena, m);
    get_held(f, arena, m);
    if (fields_left(f))
        get_gpu_memory(f, arena, m);
    if (fields_left(f))
        get_places(f, arena, m);
}

/* Since minor 2. */
static void get_uses(struct fields *f, struct arena *arena, struct msg_beat *m)
{
    struct fields list = take_list(f, "uses", SLOTS_MAX);
    if (list.count == 0)
        return;
    if (list.count != m->slot_count)
        fields_refuse(f, "uses", "nothing, or a record a slot");
    m->uses = arena_alloc(arena, list.count * sizeof(*m->uses));
    for (uint32_t i = 0; i < list.count; i++) {
        struct fields u = take_record(&list);
        m->uses[i].busy_ns = take_uint(&u, "busy_ns", INT64_MAX);
        m->uses[i].load_ns = take_uint(&u, "load_ns", INT64_MAX);
        m->uses[i].idle_ns = take_uint(&u, "idle_ns", INT64_MAX);
        fields_end(&u);
    }
}

static void get_beat(struct fields *f, struct arena *arena, struct msg_beat *m)
{
    struct fields slots = take_list(f, "slots", SLOTS_MAX);
    m->slot_count = slots.count;
    m->slots = arena_alloc(arena, slots.count * sizeof(*m->slots));
    for (uint32_t i = 0; i < slots.count; i++) {
        struct fields s = take_record(&slots);
        m->slots[i].state = (uint8_t)take_u32(&s, "state", SLOT_STATE_COUNT - 1);
        m->slots[i].model = take_u32(&s, "model", UINT32_MAX);
        fields_end(&s);
    }
    struct fields attempts = take_list(f, "attempts", HELD_MAX);
    m->attempt_count = attempts.count;
    m->attempts = arena_alloc(arena, attempts.count * sizeof(*m->attempts));
    for (uint32_t i = 0; i < attempts.count; i++) {
        struct fields a = take_record(&attempts);
        m->attempts[i].attempt = take_uint(&a, "attempt", UINT64_MAX);
        m->attempts[i].done = take_u32(&a, "done", UINT32_MAX);
        fields_end(&a);
    }
    m->unacked_bytes = take_uint(f, "unacked_bytes", UINT64_MAX);
    m->draining = take_bool(f, "draining");
    if (fields_left(f))
        get_uses(f, arena, m);
}

static void get_results(struct fields *f, struct msg_results *m)
{
    m->attempt = take_uint(f, "attempt", UINT64_MAX);
    m->model = take_u32(f, "model", UINT32_MAX);
    m->task = take_u32(f, "task", UINT32_MAX);
    m->block = take_bytes(f, "block", BLOCK_BYTES_MAX);
}

static void get_ended(struct fields *f, struct msg_ended *m)
{
    m->attempt = take_uint(f, "attempt", UINT64_MAX);
    m->reason = (uint8_t)take_u32(f, "reason", ENDED_COUNT - 1);
    m->text = take_text(f, "text", CONTROL_BYTES_MAX);
    if (fields_left(f)) /* since minor 3 */
        m->from = take_u32(f, "from", TASK_INSTANCES_MAX);
}

static void get_host(struct fields *f, struct msg_host *m)
{
    m->slot = take_u32(f, "slot", SLOTS_MAX - 1);
    m->model = take_u32(f, "model", UINT32_MAX);
    m->ready = take_bool(f, "ready");
    m->load_ms = take_u32(f, "load_ms", UINT32_MAX);
    m->text = take_text(f, "text", CONTROL_BYTES_MAX);
}

static void get_welcome(struct fields *f, struct msg_welcome *m)
{
    m->session = take_uint(f, "session", UINT64_MAX);
    m->epoch = take_uint(f, "epoch", UINT64_MAX);
    m->beat_ms = take_u32(f, "beat_ms", UINT32_MAX);
    m->lease_ms = take_u32(f, "lease_ms", UINT32_MAX);
    m->sweep = take_name(f, "sweep");
    if (!fields_left(f))
        return;
    m->store = take_bytes(f, "store", STORE_ID_BYTES); /* since minor 4 */
    if (m->store.len != 0 && m->store.len != STORE_ID_BYTES)
        fields_refuse(f, "store", "nothing, or %d bytes", STORE_ID_BYTES);
}

static void get_define(struct fields *f, struct msg_define *m)
{
    m->id = take_u32(f, "id", UINT32_MAX);
    m->json = take_text(f, "json", CONTROL_BYTES_MAX);
}

/* Since minor 1. */
static void get_members(struct fields *f, struct arena *arena, struct msg_grant *m)
{
    struct fields members = take_list(f, "members", GANG_SLOTS_MAX - 1);
    m->member_count = members.count;
    m->members = arena_alloc(arena, members.count * sizeof(*m->members));
    for (uint32_t i = 0; i < members.count; i++)
        m->members[i] = take_u32(&members, "slot", SLOTS_MAX - 1);
}

static void get_grant(struct fields *f, struct arena *arena, struct msg_grant *m)
{
    m->attempt = get_new_attempt(f);
    m->slot = take_u32(f, "slot", SLOTS_MAX - 1);
    m->model = take_u32(f, "model", UINT32_MAX);
    m->task = take_u32(f, "task", UINT32_MAX);
    get_range(f, &m->first, &m->count);
    m->skip = take_bytes(f, "skip", CONTROL_BYTES_MAX);
    if (m->skip.len != 0 && m->skip.len != (m->count + 7u) / 8)
        fields_refuse(f, "skip", "no bits, or a bit an instance");
    if (fields_left(f))
        m->inflight_max = take_u32(f, "inflight_max", UINT32_MAX);
    if (fields_left(f))
        get_members(f, arena, m);
}

static void get_revoke(struct fields *f, struct msg_revoke *m)
{
    m->attempt = take_uint(f, "attempt", UINT64_MAX);
    if (fields_left(f)) /* since minor 3 */
        m->from = take_u32(f, "from", TASK_INSTANCES_MAX);
}

static void get_beat_reply(struct fields *f, struct arena *arena, struct msg_beat_reply *m)
{
    struct fields stale = take_list(f, "stale", HELD_MAX);
    m->stale_count = stale.count;
    m->stale = arena_alloc(arena, stale.count * sizeof(*m->stale));
    for (uint32_t i = 0; i < stale.count; i++)
        m->stale[i] = take_uint(&stale, "attempt", UINT64_MAX);
}

static void get_reject(struct fields *f, struct msg_reject *m)
{
    m->code = (uint8_t)take_u32(f, "code", REJECT_COUNT - 1);
    m->text = take_text(f, "text", CONTROL_BYTES_MAX);
}

static void get_reply(struct fields *f, struct msg_reply *m)
{
    m->ok = (uint8_t)take_u32(f, "ok", 1);
    m->json = take_text(f, "json", MESSAGE_BYTES_MAX);
}

static void get_body(struct fields *f, struct arena *arena, struct msg *m)
{
    switch (m->type) {
    case MSG_HELLO: get_hello(f, arena, &m->as.hello); return;
    case MSG_BEAT: get_beat(f, arena, &m->as.beat); return;
    case MSG_RESULTS: get_results(f, &m->as.results); return;
    case MSG_ENDED: get_ended(f, &m->as.ended); return;
    case MSG_HOST: get_host(f, &m->as.host); return;
    case MSG_GOODBYE: m->as.goodbye.reason = take_text(f, "reason", CONTROL_BYTES_MAX); return;
    case MSG_WELCOME: get_welcome(f, &m->as.welcome); return;
    case MSG_DEFINE_MODEL:
    case MSG_DEFINE_TASK: get_define(f, &m->as.define); return;
    case MSG_GRANT: get_grant(f, arena, &m->as.grant); return;
    case MSG_REVOKE: get_revoke(f, &m->as.revoke); return;
    case MSG_ACK: m->as.ack.seq = take_uint(f, "seq", UINT64_MAX); return;
    case MSG_BEAT_REPLY: get_beat_reply(f, arena, &m->as.beat_reply); return;
    case MSG_DRAIN: m->as.drain.reason = take_text(f, "reason", CONTROL_BYTES_MAX); return;
    case MSG_REJECT: get_reject(f, &m->as.reject); return;
    case MSG_ASK: m->as.ask.json = take_text(f, "json", CONTROL_BYTES_MAX); return;
    case MSG_REPLY: get_reply(f, &m->as.reply); return;
    }
}

static uint64_t get_u64_le(const uint8_t *at)
{
    uint64_t value = 0;
    for (int i = 7; i >= 0; i--)
        value = value << 8 | at[i];
    return value;
}

static err read_head(struct span frame, struct msg *m, struct errmsg *msg)
{
    /* Of another major version nothing is known but where the version stands. */
    if (frame.len < 4 || frame.data[0] != 'M' || frame.data[1] != 'S')
        return err_say(msg, ERR_INVALID, "not a muster message");
    if (frame.data[2] != MSG_MAJOR)
        return err_say(msg, ERR_UNSUPPORTED, "protocol version %u.%u; this side speaks %d.%d",
                       frame.data[2], frame.data[3], MSG_MAJOR, MSG_MINOR);
    if (frame.len < MSG_HEAD_BYTES)
        return err_say(msg, ERR_INVALID, "message head is cut short");
    m->type = (enum msg_type)frame.data[4];
    m->minor = frame.data[3];
    m->session = get_u64_le(frame.data + 6);
    m->seq = get_u64_le(frame.data + 14);
    if (!msg_type_text(m->type))
        return err_say(msg, ERR_INVALID, "unknown message type %d", (int)m->type);
    return OK;
}

static err check_size(const struct msg *m, size_t frame_len, struct errmsg *msg)
{
    size_t most = wire_frame_bytes_max(m->type);
    return frame_len <= most ? OK
                             : err_say(msg, ERR_INVALID, "%s: %zu bytes; expected at most %zu",
                                       msg_type_text(m->type), frame_len, most);
}

/* newer: the sender's minor version is above ours, so it may have appended fields. */
static void read_body(struct reading *r, const msgpack_object *body, bool newer,
                      struct arena *arena, struct msg *m)
{
    struct fields f = fields_of(r, body);
    get_body(&f, arena, m);
    if (!newer)
        fields_end(&f);
}

/* The walk has shown that unpacking makes so many objects, and copies nothing: one piece of memory
 * holds them, which for most messages is a small one. */
static err unpack(struct span body, uint32_t values, struct arena *arena, struct msg *m,
                  struct errmsg *msg)
{
    msgpack_zone zone;
    check(msgpack_zone_init(&zone, (values + 1) * sizeof(msgpack_object)));
    msgpack_object root;
    size_t offset = 0;
    struct reading r = { .type = msg_type_text(m->type), .msg = msg };
    check(msgpack_unpack((const char *)body.data, body.len, &offset, &zone, &root) ==
          MSGPACK_UNPACK_SUCCESS);
    read_body(&r, &root, m->minor > MSG_MINOR, arena, m);
    msgpack_zone_destroy(&zone);
    return r.failed ? ERR_INVALID : OK;
}

/* The head was read. *rest: what is behind the frame; nothing after a failure. */
static err read_frame(struct span frame, struct arena *arena, struct msg *m, struct span *rest,
                      struct errmsg *msg)
{
    struct span behind_head = span_of(frame.data + MSG_HEAD_BYTES, frame.len - MSG_HEAD_BYTES);
    struct wire_body body;
    *rest = span_of(NULL, 0);
    err e = wire_scan(behind_head, msg_type_text(m->type), &body, msg);
    if (!e)
        e = check_size(m, MSG_HEAD_BYTES + body.len, msg);
    if (!e)
        e = unpack(span_of(behind_head.data, body.len), body.values, arena, m, msg);
    if (!e)
        *rest = span_of(behind_head.data + body.len, behind_head.len - body.len);
    return e;
}

err msg_take(struct span *parcel, struct arena *arena, struct msg *out, struct errmsg *msg)
{
    struct span frame = *parcel;
    *parcel = span_of(NULL, 0);
    *out = (struct msg){ 0 };
    err e = read_head(frame, out, msg);
    return e ? e : read_frame(frame, arena, out, parcel, msg);
}

err msg_decode(struct span frame, struct arena *arena, struct msg *out, struct errmsg *msg)
{
    struct span rest;
    *out = (struct msg){ 0 };
    err e = read_head(frame, out, msg);
    if (!e)
        e = check_size(out, frame.len, msg);
    if (!e)
        e = read_frame(frame, arena, out, &rest, msg);
    if (!e && rest.len > 0)
        e = err_say(msg, ERR_INVALID, "%s: %zu bytes behind the body", msg_type_text(out->type),
                    rest.len);
    return e;
}
