#include "coordinator/access/access.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "common/check.h"
#include "common/mem.h"
#include "common/text.h"
#include "coordinator/access/allowed.h"
#include "coordinator/access/keys.h"
#include "coordinator/access/zap.h"

enum {
    HOLDERS_MAX = 1 << 20 /* keys ever allowed by this process: the list turned over 50 times */
};

struct holder {
    struct allowed_key key; /* as it was last allowed */
    bool is_allowed;
};

struct access {
    struct key_file own;
    char *list_path;
    struct zap *zap;
    /* The loop thread alone changes what follows; the handler's thread reads. */
    uv_mutex_t lock;
    struct holder *holders; /* holder n at n - 1; never removed */
    size_t holder_count, holder_capacity;
    uint32_t *sorted; /* indexes of them by public key */
    struct access_refusals refusals;
};

const char *access_domain(enum key_role role)
{
    return role == KEY_WORKER ? "workers" : "operators";
}

const struct key_file *access_key(const struct access *a)
{
    return &a->own;
}

uint32_t access_holder(const char *user)
{
    uint64_t number;
    return user && text_parse_u64(user, &number) && number <= HOLDERS_MAX ? (uint32_t)number : 0;
}

bool access_allows(const struct access *a, uint32_t holder, enum key_role role)
{
    if (holder == 0 || holder > a->holder_count)
        return false;
    const struct holder *h = &a->holders[holder - 1];
    return h->is_allowed && h->key.role == role;
}

const char *access_name(const struct access *a, uint32_t holder)
{
    return holder == 0 || holder > a->holder_count ? "" : a->holders[holder - 1].key.name;
}

/* ---- Holders ---- */

/* The place of this key among the sorted, or where it would be. */
static size_t find_place(const struct access *a, const char *public_key, bool *found)
{
    size_t low = 0, high = a->holder_count;
    *found = false;
    while (low < high && !*found) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(a->holders[a->sorted[middle]].key.public_key, public_key);
        *found = order == 0;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return *found ? high : low;
}

static struct holder *find_or_add(struct access *a, const char *public_key)
{
    bool found;
    size_t place = find_place(a, public_key, &found);
    if (found)
        return &a->holders[a->sorted[place]];
    size_t count = a->holder_count, capacity = a->holder_capacity;
    a->holders = xgrow(a->holders, &capacity, count + 1, sizeof(a->holders[0]));
    a->sorted = xrealloc(a->sorted, capacity * sizeof(a->sorted[0]));
    a->holder_capacity = capacity;
    memmove(a->sorted + place + 1, a->sorted + place, (count - place) * sizeof(a->sorted[0]));
    a->sorted[place] = (uint32_t)count;
    a->holder_count = count + 1;
    a->holders[count] = (struct holder){ 0 };
    return &a->holders[count];
}

static void put_in_force(struct access *a, const struct allowed *list, struct access_change *out)
{
    *out = (struct access_change){ .allowed = list->count };
    for (size_t i = 0; i < a->holder_count; i++) {
        struct holder *h = &a->holders[i];
        bool stays = h->is_allowed && allowed_find(list, h->key.public_key);
        out->removed += h->is_allowed && !stays;
        h->is_allowed = stays;
    }
    size_t known = 0;
    for (size_t i = 0; i < list->count; i++) {
        struct holder *h = find_or_add(a, list->keys[i].public_key);
        known += h->is_allowed;
        *h = (struct holder){ .key = list->keys[i], .is_allowed = true };
    }
    out->added = list->count - known;
}

err access_reload(struct access *a, struct access_change *out, struct errmsg *msg)
{
    struct allowed list;
    err e = allowed_read(a->list_path, &list, msg);
    if (e)
        return e;
    if (a->holder_count + list.count > HOLDERS_MAX)
        e = err_say(msg, ERR_LIMIT, "%s: too many keys came and went: start the coordinator anew",
                    a->list_path);
    if (!e) {
        uv_mutex_lock(&a->lock);
        put_in_force(a, &list, out);
        uv_mutex_unlock(&a->lock);
    }
    allowed_release(&list);
    return e;
}

/* ---- At the door: the handler's thread ---- */

static void note_refusal(struct access *a, const struct zap_knock *knock, const char *why)
{
    a->refusals.count++;
    a->refusals.why = why;
    snprintf(a->refusals.address, sizeof(a->refusals.address), "%s", knock->address);
    memcpy(a->refusals.public_key, knock->public_key, KEY_TEXT_BYTES);
}

static uint32_t on_knock(void *owner, const struct zap_knock *knock)
{
    struct access *a = owner;
    uint32_t holder = 0;
    bool found;
    uv_mutex_lock(&a->lock);
    size_t place = find_place(a, knock->public_key, &found);
    const struct holder *h = found ? &a->holders[a->sorted[place]] : NULL;
    if (!h || !h->is_allowed)
        note_refusal(a, knock, "the key is not in the allow list");
    else if (strcmp(access_domain(h->key.role), knock->domain) != 0)
        note_refusal(a, knock, "the key is for the other port");
    else
        holder = a->sorted[place] + 1;
    uv_mutex_unlock(&a->lock);
    return holder;
}

void access_refusals(struct access *a, struct access_refusals *out)
{
    uv_mutex_lock(&a->lock);
    *out = a->refusals;
    a->refusals.count = 0;
    uv_mutex_unlock(&a->lock);
}

/* ---- Start and end ---- */

err access_open(void *zmq_context, const char *dir, struct access **out, struct errmsg *msg)
{
    struct access *a = xcalloc(1, sizeof(*a));
    struct access_change change;
    check(uv_mutex_init(&a->lock) == 0);
    a->list_path = keys_path(dir, "allowed");
    err e = keys_prepare(dir, &a->own, msg);
    if (!e)
        e = access_reload(a, &change, msg);
    if (!e)
        e = zap_start(zmq_context, on_knock, a, &a->zap, msg);
    if (e) {
        access_close(a);
        return e;
    }
    *out = a;
    return OK;
}

void access_close(struct access *a)
{
    if (!a)
        return;
    zap_stop(a->zap);
    uv_mutex_destroy(&a->lock);
    key_forget(&a->own);
    free(a->list_path);
    free(a->holders);
    free(a->sorted);
    free(a);
}
