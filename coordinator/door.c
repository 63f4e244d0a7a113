#include "coordinator/door.h"

#include <stdio.h>
#include <string.h>

#include "common/check.h"
#include "common/io/log.h"

/* Lines a tick: a hostile peer must not fill the disk. */
enum {
    LINES_MAX = 5,    /* of refused messages */
    NOTES_MAX = 1000, /* of what workers do: a fleet that comes at once is told whole */
};

/* ---- Listening ---- */

static bool is_tcp(const char *endpoint)
{
    return strncmp(endpoint, "tcp://", 6) == 0;
}

static err bind_one(struct door *d, void *zmq_context, const char *keys_dir, struct zsock *socket,
                    enum key_role role, const char *endpoint, struct errmsg *msg)
{
    if (!is_tcp(endpoint) || !keys_dir)
        return zsock_bind(socket, endpoint, msg);
    err e = d->access ? OK : access_open(zmq_context, keys_dir, &d->access, msg);
    return e ? e
             : zsock_bind_with_keys(socket, endpoint, access_key(d->access), access_domain(role),
                                    msg);
}

static err listen_one(struct door *d, void *zmq_context, const char *keys_dir, struct zsock *socket,
                      enum key_role role, const char *endpoint, struct errmsg *msg)
{
    check(d->endpoint_count < DOOR_ENDPOINTS_MAX);
    err e = bind_one(d, zmq_context, keys_dir, socket, role, endpoint, msg);
    if (e)
        return e;
    struct door_endpoint *at = &d->endpoints[d->endpoint_count++];
    *at = (struct door_endpoint){ .role = role, .with_keys = is_tcp(endpoint) && keys_dir };
    if (zsock_endpoint(socket, at->text, sizeof(at->text)) != OK)
        snprintf(at->text, sizeof(at->text), "%s", endpoint); /* longer than any that is bound */
    if (at->with_keys) {
        log_info("listening endpoint=%s for=%s coordinator=%s", at->text, key_role_text(role),
                 access_key(d->access)->public_key);
    } else if (is_tcp(endpoint)) {
        d->insecure = true;
        log_warn(
            "listening_insecure endpoint=%s for=%s: nothing is encrypted, and whoever connects "
            "is trusted",
            at->text, key_role_text(role));
    } else {
        log_info("listening endpoint=%s for=%s", at->text, key_role_text(role));
    }
    return OK;
}

err door_listen(struct door *d, void *zmq_context, const char *keys_dir, struct zsock *socket,
                enum key_role role, const char *const *endpoints, size_t count, struct errmsg *msg)
{
    err e = OK;
    for (int tcp = 0; tcp <= 1; tcp++) /* those without keys come first (zsock.h) */
        for (size_t i = 0; !e && i < count; i++)
            if (is_tcp(endpoints[i]) == (tcp == 1))
                e = listen_one(d, zmq_context, keys_dir, socket, role, endpoints[i], msg);
    return e;
}

void door_close(struct door *d)
{
    access_close(d->access);
    d->access = NULL;
}

/* ---- Who may ---- */

bool door_admits(const struct door *d, const char *user, enum key_role role)
{
    if (!user) /* a Unix socket, or nobody asks for keys */
        return true;
    return d->access && access_allows(d->access, access_holder(user), role);
}

bool door_keeps(const struct door *d, uint32_t holder)
{
    return holder == 0 || (d->access && access_allows(d->access, holder, KEY_WORKER));
}

void door_reload(struct door *d)
{
    struct errmsg msg = { "" };
    struct access_change change;
    if (!d->access)
        log_info("allow_list_not_used: no endpoint asks for keys");
    else if (access_reload(d->access, &change, &msg) == OK)
        log_info("allow_list_read allowed=%zu added=%zu removed=%zu", change.allowed, change.added,
                 change.removed);
    else
        log_error("allow_list_not_read: the one in force stays; text=\"%s\"", msg.text);
}

/* ---- Turning away ---- */

void door_refused(struct door *d, enum key_role role, const char *why)
{
    d->messages_refused++;
    if (d->lines == LINES_MAX) {
        d->unlogged++;
        return;
    }
    d->lines++;
    log_warn("message_refused from=%s text=\"%s\"", key_role_text(role), why);
}

bool door_may_log(struct door *d)
{
    return ++d->notes <= NOTES_MAX;
}

void door_tick(struct door *d)
{
    if (d->notes > NOTES_MAX)
        log_warn("notes_left_out count=%u", d->notes - NOTES_MAX);
    d->notes = 0;
    if (d->unlogged > 0)
        log_warn("messages_refused unlogged=%llu total=%llu", (unsigned long long)d->unlogged,
                 (unsigned long long)d->messages_refused);
    d->lines = 0;
    d->unlogged = 0;
    if (!d->access)
        return;
    struct access_refusals r;
    access_refusals(d->access, &r);
    d->connections_refused += r.count;
    if (r.count > 0)
        log_warn(
            "connections_refused count=%llu total=%llu last_address=%s last_key=%s text=\"%s\"",
            (unsigned long long)r.count, (unsigned long long)d->connections_refused, r.address,
            r.public_key, r.why);
}
