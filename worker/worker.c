/* The life of a worker: its start, the loop, its end. */
#include "worker/worker.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/check.h"
#include "common/io/clock.h"
#include "common/io/file.h"
#include "common/io/log.h"
#include "common/mem.h"
#include "worker/catalog.h"
#include "worker/child/reap.h"
#include "worker/link.h"
#include "worker/media.h"
#include "worker/spool.h"
#include "worker/worker_private.h"

enum {
    OPEN_TASKS_SPARE = 4,       /* tasks kept open besides one a slot */
    SHUT_ASK_MS = 5000,         /* at the end: models and scorers may finish for so long */
    SHUT_KILL_MS = 5000,        /* then they are killed, and have so long to be gone */
    LIFETIME_MARGIN_MS = 60000, /* drained so long before the end, or a tenth before */
    ORPHAN_LOOK_MS = 1000,
    ORPHAN_LOOKS = 10 /* in a row without a coordinator: nobody comes for what it has */
};

/* --- the end --- */

static void worker_close(struct worker *w)
{
    w->state = WORKER_CLOSED;
    uv_close((uv_handle_t *)&w->prepare, NULL);
    uv_close((uv_handle_t *)&w->deadline, NULL);
    uv_close((uv_handle_t *)&w->lifetime, NULL);
    uv_close((uv_handle_t *)&w->shut, NULL);
    uv_close((uv_handle_t *)&w->orphan, NULL);
    link_close(w->link);
    uv_stop(w->config.loop);
}

static bool worker_is_empty(const struct worker *w)
{
    for (uint32_t i = 0; i < w->slot_count; i++)
        if (!worker_slot_is_empty(w->slots[i]))
            return false;
    return true;
}

static void worker_shut_slots(struct worker *w, bool now)
{
    w->state = now ? WORKER_KILLING : WORKER_SHUTTING;
    for (uint32_t i = 0; i < w->slot_count; i++)
        worker_slot_shut(w->slots[i], now);
}

static void worker_on_shut(uv_timer_t *timer)
{
    struct worker *w = container_of(timer, struct worker, shut);
    if (w->state == WORKER_SHUTTING) {
        worker_shut_slots(w, true);
        uv_timer_start(&w->shut, worker_on_shut, SHUT_KILL_MS, 0);
        return;
    }
    log_error("processes_left: some process of a model does not die of SIGKILL");
    if (w->end == WORKER_ELSEWHERE)
        w->end = WORKER_LEFT; /* its slot is of no use to another */
    worker_close(w);
}

void worker_shut(struct worker *w)
{
    if (w->state != WORKER_RUNNING)
        return;
    worker_shut_slots(w, false);
    uv_timer_start(&w->shut, worker_on_shut, SHUT_ASK_MS, 0);
}

/* With its parent the coordinator has most likely ended, too. Another run of the sweep takes what
 * this worker has; if none comes, it goes. Nobody was promised anything: its work is done again. */
static void worker_on_orphan(uv_timer_t *timer)
{
    struct worker *w = container_of(timer, struct worker, orphan);
    w->orphan_looks = agent_only_waits(w->agent) ? w->orphan_looks + 1 : 0;
    if (w->orphan_looks < ORPHAN_LOOKS)
        return;
    uv_timer_stop(&w->orphan);
    worker_stop(w);
}

void worker_stop(struct worker *w)
{
    if (w->end == WORKER_ELSEWHERE)
        w->end = WORKER_LEFT;
    if (!w->is_draining) {
        worker_drain(w, "a signal; the next one stops everything at once");
    } else if (w->state == WORKER_RUNNING || w->state == WORKER_SHUTTING) {
        log_warn("worker_stopped unacked_messages=%zu", spool_count(w->spool));
        worker_shut_slots(w, true);
        uv_timer_start(&w->shut, worker_on_shut, SHUT_KILL_MS, 0);
    }
}

void worker_orphan(struct worker *w)
{
    if (w->end == WORKER_ELSEWHERE)
        w->end = WORKER_LEFT;
    worker_drain(w, "the process that started it has ended");
    if (w->state == WORKER_RUNNING && !uv_is_active((uv_handle_t *)&w->orphan))
        uv_timer_start(&w->orphan, worker_on_orphan, ORPHAN_LOOK_MS, ORPHAN_LOOK_MS);
}

/* --- the loop --- */

static void worker_on_deadline(uv_timer_t *timer)
{
    struct worker *w = container_of(timer, struct worker, deadline);
    reap_orphans(w->family.pids, w->family.count); /* often enough: once a beat at least */
    if (w->state == WORKER_RUNNING)
        worker_post(w, AGENT_ON_TIME);
}

static void worker_on_lifetime(uv_timer_t *timer)
{
    struct worker *w = container_of(timer, struct worker, lifetime);
    worker_drain(w, "the end of its lifetime is near");
}

/* Before the loop sleeps: set the alarm. The link sends what there is. */
static void worker_on_prepare(uv_prepare_t *prepare)
{
    struct worker *w = container_of(prepare, struct worker, prepare);
    if (w->state != WORKER_RUNNING) {
        if (worker_is_empty(w))
            worker_close(w);
        return;
    }
    int64_t deadline = agent_deadline_mono_ns(w->agent);
    if (deadline == INT64_MAX)
        return;
    int64_t wait_ns = deadline - clock_mono_ns();
    uint64_t wait_ms = wait_ns > 0 ? (uint64_t)(wait_ns + 999999) / 1000000 : 0;
    uv_timer_start(&w->deadline, worker_on_deadline, wait_ms, 0);
}

/* --- the start --- */

struct host_place worker_place(struct worker *w, const struct topology_slot *slot,
                               struct arena *arena)
{
    return (struct host_place){
        .launcher = w->config.launcher,
        .cpus = topology_list_text(slot->cpus, slot->cpu_count, arena),
        .nodes =
            slot->node_count == 0 ? NULL : topology_list_text(slot->nodes, slot->node_count, arena),
        .env = topology_slot_env(slot, arena),
        .work_dir = arena_format(arena, "%s/slot-%u", w->config.work_dir, slot->index),
        .nice = w->config.nice,
        .family = &w->family,
    };
}

static err worker_open_slot(struct worker *w, uint32_t i, struct errmsg *msg)
{
    struct worker_slot_config config = {
        .loop = w->config.loop,
        .index = i,
        .place = worker_place(w, &w->config.topology->slots[i], &w->arena),
        .log_dir = w->config.log_dir,
        .catalog = w->catalog,
        .media = w->media,
        .owner = w,
        .on_event = worker_on_event,
    };
    err e = file_make_dir(config.place.work_dir, 0700, msg);
    if (e == OK)
        w->slots[i] = worker_slot_new(&config);
    return e;
}

static struct agent *worker_new_agent(const struct worker *w)
{
    struct agent_slot_config *slots = xcalloc(w->slot_count, sizeof *slots);
    for (uint32_t i = 0; i < w->slot_count; i++) {
        const struct topology_slot *slot = &w->config.topology->slots[i];
        slots[i].gpus = (uint32_t)slot->gpu_count;
        slots[i].cpus = (uint32_t)slot->core_count;
        slots[i].memory_bytes = slot->memory_bytes;
    }
    struct agent_config config = {
        .slots = slots,
        .slot_count = w->slot_count,
        .unacked_bytes_max = UNACKED_BYTES_MAX,
    };
    file_random(&config.seed, sizeof config.seed);
    struct agent *agent = agent_new(&config);
    free(slots);
    return agent;
}

static void worker_start_clocks(struct worker *w)
{
    uv_loop_t *loop = w->config.loop;
    check(uv_prepare_init(loop, &w->prepare) == 0 && uv_timer_init(loop, &w->deadline) == 0 &&
          uv_timer_init(loop, &w->lifetime) == 0 && uv_timer_init(loop, &w->shut) == 0 &&
          uv_timer_init(loop, &w->orphan) == 0);
    check(uv_prepare_start(&w->prepare, worker_on_prepare) == 0);
    int64_t lifetime = w->config.lifetime_ms;
    w->ends_mono_ns = INT64_MAX;
    if (lifetime == 0)
        return;
    int64_t margin = lifetime / 10 < LIFETIME_MARGIN_MS ? lifetime / 10 : LIFETIME_MARGIN_MS;
    w->ends_mono_ns = clock_mono_ns() + lifetime * 1000000;
    uv_timer_start(&w->lifetime, worker_on_lifetime, (uint64_t)(lifetime - margin), 0);
}

err worker_new(const struct worker_config *config, struct worker **out, struct errmsg *msg)
{
    struct worker *w = xcalloc(1, sizeof *w);
    w->config = *config;
    w->slot_count = (uint32_t)config->topology->slot_count;
    w->slots = xcalloc(w->slot_count, sizeof *w->slots);
    file_random(w->id, sizeof w->id);
    w->spool = spool_new();
    w->catalog = catalog_new(w->slot_count + OPEN_TASKS_SPARE);
    w->agent = worker_new_agent(w);
    struct link_config link = {
        .loop = config->loop,
        .endpoint = config->endpoint,
        .key = config->key,
        .spool = w->spool,
        .owner = w,
        .on_message = worker_on_message,
    };
    err e = media_open(config->media_dir, config->tmp_dir, &w->media, msg);
    for (uint32_t i = 0; e == OK && i < w->slot_count; i++)
        e = worker_open_slot(w, i, msg);
    if (e == OK)
        e = link_open(&link, &w->link, msg);
    if (e) {
        worker_free(w);
        return e;
    }
    worker_start_clocks(w);
    *out = w;
    return OK;
}

enum worker_end worker_run(struct worker *w)
{
    uv_run(w->config.loop, UV_RUN_DEFAULT); /* until worker_close */
    return w->end;
}

void worker_free(struct worker *w)
{
    if (!w)
        return;
    for (uint32_t i = 0; i < w->slot_count; i++)
        if (w->slots[i] && worker_slot_is_empty(w->slots[i])) /* else the kernel holds it */
            worker_slot_free(w->slots[i]);
    uv_run(w->config.loop, UV_RUN_NOWAIT); /* the last close callbacks */
    agent_free(w->agent);
    agent_effects_release(&w->effects);
    inbox_release(&w->inbox);
    spool_free(w->spool);
    catalog_free(w->catalog);
    media_close(w->media);
    host_family_release(&w->family);
    free(w->slots);
    arena_release(&w->arena);
    arena_release(&w->scratch);
    free(w);
}
