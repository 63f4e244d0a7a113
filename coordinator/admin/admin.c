/* Which answer an ask gets, and what an order wants stepped. */
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "coordinator/admin/admin_private.h"

static json_t *done(void)
{
    return json_pack("{s:i,s:b}", "schema", ADMIN_SCHEMA, "ok", 1);
}

static json_t *order_model(struct admin *a, const json_t *ask, enum core_event_kind kind,
                           struct admin_order *order)
{
    const char *name = json_string_value(json_object_get(ask, "model"));
    uint32_t model = admin_find_model(a, name);
    if (model == UINT32_MAX)
        return admin_error("no model \"%s\" in this sweep", name ? name : "");
    order->kind = ADMIN_STEP;
    order->event = (struct core_event){ .kind = kind, .now_mono_ns = a->now_mono_ns };
    order->event.as.order.model = model;
    return done();
}

static json_t *order_drain(struct admin *a, struct admin_order *order)
{
    order->kind = ADMIN_STEP;
    order->event = (struct core_event){ .kind = CORE_DRAIN, .now_mono_ns = a->now_mono_ns };
    return done();
}

static json_t *order_drain_worker(struct admin *a, const json_t *ask, struct arena *arena,
                                  struct admin_order *order)
{
    const char *name = json_string_value(json_object_get(ask, "worker"));
    for (uint32_t i = 0; name && i < core_worker_count(a->core); i++) {
        struct core_worker_view v;
        core_worker_view(a->core, i, &v);
        if (strcmp(v.name, name) != 0)
            continue;
        order->kind = ADMIN_STEP;
        order->event =
            (struct core_event){ .kind = CORE_DRAIN_WORKER, .now_mono_ns = a->now_mono_ns };
        order->event.as.order.worker = span_str(arena_strdup(arena, name));
        return done();
    }
    return admin_error("no worker \"%s\" has said hello", name ? name : "");
}

static json_t *answer(struct admin *a, const json_t *ask, struct arena *arena,
                      struct admin_order *order)
{
    const char *what = json_string_value(json_object_get(ask, "ask"));
    if (!what)
        return admin_error("expected {\"ask\": \"status\"} or another ask");
    order->is_durable = strcmp(what, "status") == 0 || strcmp(what, "failures") == 0;
    if (strcmp(what, "status") == 0)
        return admin_status(a, ask);
    if (strcmp(what, "workers") == 0)
        return admin_workers(a, ask);
    if (strcmp(what, "failures") == 0)
        return admin_failures(a, ask);
    if (strcmp(what, "explain") == 0)
        return admin_explain(a, ask);
    if (strcmp(what, "drain") == 0)
        return order_drain(a, order);
    if (strcmp(what, "drain_worker") == 0)
        return order_drain_worker(a, ask, arena, order);
    if (strcmp(what, "pause") == 0)
        return order_model(a, ask, CORE_PAUSE_MODEL, order);
    if (strcmp(what, "resume") == 0)
        return order_model(a, ask, CORE_RESUME_MODEL, order);
    if (strcmp(what, "stop") == 0) {
        order->kind = ADMIN_STOP;
        return done();
    }
    return admin_error("unknown ask \"%s\"", what);
}

bool admin_answer(struct admin *a, struct span ask, struct arena *arena, struct buf *out,
                  struct admin_order *order)
{
    *order = (struct admin_order){ .kind = ADMIN_NOTHING };
    json_t *parsed = json_loadb((const char *)ask.data, ask.len, JSON_REJECT_DUPLICATES, NULL);
    json_t *reply = json_is_object(parsed) ? answer(a, parsed, arena, order)
                                           : admin_error("an ask is one JSON object");
    char *text = json_dumps(reply, JSON_COMPACT | JSON_REAL_PRECISION(12));
    check(text);
    buf_append_str(out, text);
    free(text);
    bool ok = !json_object_get(reply, "error");
    json_decref(reply);
    json_decref(parsed);
    return ok;
}
