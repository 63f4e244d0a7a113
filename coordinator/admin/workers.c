/* Who works, and at what. */
#include <stdio.h>

#include "coordinator/admin/admin_private.h"
#include "proto/msg.h"

/* The name of the key that a worker connected with; null: a Unix socket, no keys, or it is gone. */
static json_t *key_name(const struct admin *a, uint64_t session)
{
    const struct outbox_peer *peer = translate_peer(a->translate, session);
    return peer && peer->holder ? json_string(access_name(a->door->access, peer->holder))
                                : json_null();
}

static json_t *slot_status(const struct admin *a, uint32_t worker, uint32_t slot)
{
    struct core_slot_view v;
    core_slot_view(a->core, worker, slot, &v);
    char attempt[24];
    snprintf(attempt, sizeof(attempt), "%llx", (unsigned long long)v.attempt);
    json_t *o = json_object();
    json_object_set_new(o, "slot", admin_count(slot));
    json_object_set_new(o, "state", json_string(slot_state_text((enum slot_state)v.state)));
    json_object_set_new(
        o, "model", v.model == UINT32_MAX ? json_null() : admin_name(&a->catalog->models[v.model]));
    json_object_set_new(o, "gang", v.lead == UINT32_MAX ? json_null() : admin_count(v.lead));
    json_object_set_new(o, "held", json_boolean(v.is_held));
    json_object_set_new(o, "attempt", v.attempt ? json_string(attempt) : json_null());
    json_object_set_new(o, "queued", admin_count(v.queued));
    json_object_set_new(o, "gpus", admin_count(v.gpus));
    json_object_set_new(o, "cpus", admin_count(v.cpus));
    json_object_set_new(o, "memory_bytes",
                        v.memory_bytes > 0 ? admin_count(v.memory_bytes) : json_null());
    admin_set_use(o, &v.use);
    return o;
}

static json_t *worker_status(const struct admin *a, uint32_t i)
{
    struct core_worker_view v;
    core_worker_view(a->core, i, &v);
    json_t *o = json_object();
    json_object_set_new(o, "name", admin_text(span_str(v.name)));
    json_object_set_new(o, "state",
                        json_string(!v.live      ? "lost"
                                    : v.draining ? "draining"
                                                 : "live"));
    json_object_set_new(o, "key", key_name(a, v.live ? v.session : 0));
    json_object_set_new(o, "drain_reason",
                        v.drain_reason ? admin_text(span_str(v.drain_reason)) : json_null());
    json_object_set_new(o, "left_s",
                        v.drain_mono_ns == INT64_MAX
                            ? json_null()
                            : json_real((double)(v.drain_mono_ns - a->now_mono_ns) * 1e-9));
    json_object_set_new(o, "heard_s", json_real((double)(a->now_mono_ns - v.heard_mono_ns) * 1e-9));
    json_object_set_new(o, "done", admin_count(v.rows));
    json_object_set_new(o, "failed", admin_count(v.failures));
    json_object_set_new(o, "unacked_bytes", admin_count(v.unacked_bytes));
    json_t *slots = json_array();
    for (uint32_t k = 0; k < v.slot_count; k++)
        json_array_append_new(slots, slot_status(a, i, k));
    json_object_set_new(o, "slots", slots);
    return o;
}

json_t *admin_workers(struct admin *a, const json_t *ask)
{
    json_t *o = json_object();
    json_object_set_new(o, "schema", json_integer(ADMIN_SCHEMA));
    json_object_set_new(o, "insecure", json_boolean(a->door->insecure));
    admin_set_page(o, "workers", a, ask, core_worker_count(a->core), worker_status);
    return o;
}
