#include "coordinator/connections.h"

#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/mem.h"

void connections_init(struct connections *all)
{
    *all = (struct connections){ 0 };
    list_init(&all->all);
    list_init(&all->talking);
}

void connections_release(struct connections *all)
{
    while (!list_empty(&all->all))
        connection_free(all, container_of(list_first(&all->all), struct connection, in_all));
    map_release(&all->by_handle);
    map_release(&all->by_session);
    parcels_release(&all->spare);
}

struct connection *connection_new(struct connections *all, const struct outbox_peer *peer,
                                  const struct msg *hello, uint32_t models, uint32_t tasks)
{
    const struct msg_hello *h = &hello->as.hello;
    struct connection *c = xcalloc(1, sizeof(*c));
    c->name = xstrndup((const char *)h->worker_name.data, h->worker_name.len);
    c->handle = ++all->next_handle;
    c->peer = *peer;
    c->takes_parcels = msg_takes_parcels(hello);
    bitmap_init(&c->models, models);
    bitmap_init(&c->tasks, tasks);
    list_init(&c->in_talking);
    list_push_back(&all->all, &c->in_all);
    map_put(&all->by_handle, c->handle, c);
    return c;
}

void connection_free(struct connections *all, struct connection *c)
{
    map_take(&all->by_handle, c->handle);
    if (c->session)
        map_take(&all->by_session, c->session);
    list_remove(&c->in_all);
    list_remove(&c->in_talking);
    bitmap_release(&c->models);
    bitmap_release(&c->tasks);
    parcels_release(&c->parcels);
    free(c->name);
    free(c);
}

void connection_welcomed(struct connections *all, struct connection *c, uint64_t session)
{
    c->session = session;
    map_put(&all->by_session, session, c);
}

bool outbox_same_peer(const struct outbox_peer *a, const struct outbox_peer *b)
{
    return a->port == b->port && a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

struct connection *connection_of(const struct connections *all, uint64_t session,
                                 const struct outbox_peer *peer)
{
    struct connection *c = session ? map_find(&all->by_session, session) : NULL;
    return c && outbox_same_peer(&c->peer, peer) ? c : NULL;
}

/* ---- What is said, and when ---- */

void connection_say(struct connections *all, struct connection *c, struct turn *turn,
                    const struct msg *m)
{
    if (!c->takes_parcels) {
        turn_say(turn, &c->peer, m);
        return;
    }
    parcels_add(&c->parcels, m);
    if (list_empty(&c->in_talking))
        list_push_back(&all->talking, &c->in_talking);
}

/* The connection may be gone when it returns. */
static void talk(struct connections *all, struct connection *c, translate_say_f *say, void *owner)
{
    struct outbox_peer peer = c->peer;
    struct parcels leaving = c->parcels;
    c->parcels = all->spare;
    all->spare = (struct parcels){ 0 };
    for (size_t i = 0; i < leaving.count; i++)
        say(owner, &peer, parcels_at(&leaving, i));
    parcels_clear(&leaving);
    all->spare = leaving;
}

void connections_talk(struct connections *all, translate_say_f *say, void *owner)
{
    while (!list_empty(&all->talking)) {
        struct list *n = list_first(&all->talking);
        list_remove(n);
        talk(all, container_of(n, struct connection, in_talking), say, owner);
    }
}
