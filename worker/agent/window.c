/* The requests a slot has open, and those that have to run again. */
#include <stdlib.h>

#include "common/mem.h"
#include "worker/agent/private.h"

/* Places are kept + 1 in links and heads, so that zeroed memory is an empty window. */
static struct request *window_at(const struct window *w, uint16_t place_plus_1)
{
    return place_plus_1 == 0 ? NULL : &w->requests[place_plus_1 - 1];
}

static uint16_t window_place(const struct window *w, const struct request *r)
{
    return (uint16_t)(r - w->requests + 1);
}

void window_init(struct window *w)
{
    *w = (struct window){ 0 };
}

void window_release(struct window *w)
{
    free(w->requests);
    free(w->again);
    *w = (struct window){ 0 };
}

static void window_free_place(struct window *w, struct request *r)
{
    *r = (struct request){ .state = REQUEST_FREE, .next = w->free_head };
    w->free_head = window_place(w, r);
}

static struct again *window_again_at(const struct window *w, uint32_t i)
{
    return &w->again[(w->again_head + i) % w->again_capacity];
}

static void window_widen_ring(struct window *w, uint32_t capacity)
{
    struct again *ring = xcalloc(capacity, sizeof *ring);
    for (uint32_t i = 0; i < w->again_count; i++)
        ring[i] = *window_again_at(w, i);
    free(w->again);
    w->again = ring;
    w->again_capacity = capacity;
    w->again_head = 0;
}

/* Twice what the host wants: as many again may wait for their scores. */
void window_widen(struct window *w, uint32_t inflight)
{
    uint16_t capacity = (uint16_t)(2 * inflight);
    if (capacity <= w->capacity)
        return;
    check(capacity <= AGENT_PLACES_MAX);
    w->requests = xrealloc(w->requests, capacity * sizeof *w->requests);
    window_widen_ring(w, capacity + RUN_SPLITS);
    uint16_t from = w->capacity;
    w->capacity = capacity;
    for (uint16_t i = capacity; i > from; i--)
        window_free_place(w, &w->requests[i - 1]);
}

static void window_link(struct window *w, struct request *r)
{
    uint16_t place = window_place(w, r);
    r->next = 0;
    r->prev = w->newest;
    if (w->newest)
        window_at(w, w->newest)->next = place;
    else
        w->oldest = place;
    w->newest = place;
}

static void window_unlink(struct window *w, const struct request *r)
{
    if (r->prev)
        window_at(w, r->prev)->next = r->next;
    else
        w->oldest = r->next;
    if (r->next)
        window_at(w, r->next)->prev = r->prev;
    else
        w->newest = r->prev;
}

/* A run has no more time than an instance: its host answers at once. */
struct request *window_ask(struct window *w, const struct again *what, int64_t now_mono_ns)
{
    struct request *r = window_at(w, w->free_head);
    check(r);
    w->free_head = r->next;
    *r = (struct request){
        .id = ++w->serial * AGENT_PLACES_MAX + (uint64_t)(r - w->requests),
        .attempt = what->attempt,
        .asked_mono_ns = now_mono_ns,
        .deadline_mono_ns = now_mono_ns + what->attempt->needs.timeout_ns,
        .instance = what->instance,
        .count = what->count,
        .state = REQUEST_ASKED,
        .is_suspect = what->is_suspect,
    };
    window_link(w, r);
    w->asked++;
    r->attempt->asked++;
    return r;
}

struct request *window_find(const struct window *w, uint64_t id)
{
    uint32_t place = agent_request_place(id);
    if (place >= w->capacity)
        return NULL;
    struct request *r = &w->requests[place];
    return r->state != REQUEST_FREE && r->id == id ? r : NULL;
}

struct request *window_oldest(const struct window *w)
{
    return window_at(w, w->oldest);
}

uint32_t window_count_late(const struct window *w, int64_t now_mono_ns)
{
    uint32_t count = 0;
    const struct request *r = window_oldest(w);
    while (r && r->deadline_mono_ns <= now_mono_ns) { /* they all have the same time */
        count++;
        r = window_at(w, r->next);
    }
    return count;
}

void window_postpone(struct window *w, int64_t ns)
{
    for (struct request *r = window_at(w, w->oldest); r; r = window_at(w, r->next))
        r->deadline_mono_ns += ns;
}

static void window_leave_host(struct window *w, struct request *r)
{
    check(r->state == REQUEST_ASKED);
    window_unlink(w, r);
    w->asked--;
    r->attempt->asked--;
    if (r->is_suspect)
        w->suspects--;
}

void window_answered(struct window *w, struct request *r)
{
    window_leave_host(w, r);
    r->state = REQUEST_ANSWERED;
    w->answered++;
    r->attempt->answered++;
}

void window_drop(struct window *w, struct request *r)
{
    if (r->state == REQUEST_ASKED) {
        window_leave_host(w, r);
    } else {
        check(r->state == REQUEST_ANSWERED);
        w->answered--;
        r->attempt->answered--;
    }
    window_free_place(w, r);
}

void window_rerun(struct window *w, struct request *r, bool is_suspect)
{
    check(w->again_count < w->again_capacity);
    *window_again_at(w, w->again_count++) =
        (struct again){ r->attempt, r->instance, r->count, is_suspect };
    window_drop(w, r);
    if (is_suspect)
        w->suspects++;
}

/* First in the ring: depth before breadth, so that a run takes RUN_SPLITS places more at most. */
static void window_suspect(struct window *w, struct attempt *a, uint32_t instance, uint32_t count)
{
    check(w->again_count < w->again_capacity);
    w->again_head = (w->again_head + w->again_capacity - 1) % w->again_capacity;
    w->again_count++;
    *window_again_at(w, 0) = (struct again){ a, instance, count, true };
    w->suspects++;
}

void window_split(struct window *w, struct request *r)
{
    check(r->count > 1);
    uint32_t half = r->count / 2;
    window_suspect(w, r->attempt, r->instance + half, r->count - half);
    window_suspect(w, r->attempt, r->instance, half);
    window_drop(w, r);
}

const struct again *window_again(const struct window *w)
{
    return w->again_count == 0 ? NULL : &w->again[w->again_head];
}

/* Whoever was a suspect in the ring still is one at the host: the count stays. */
void window_take_again(struct window *w)
{
    check(w->again_count > 0);
    w->again_head = (w->again_head + 1) % w->again_capacity;
    w->again_count--;
}

void window_forget(struct window *w, const struct attempt *a)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < w->again_count; i++) {
        const struct again *item = window_again_at(w, i);
        if (item->attempt != a)
            *window_again_at(w, kept++) = *item;
        else if (item->is_suspect)
            w->suspects--;
    }
    w->again_count = kept;
}
