#include "common/io/handshake.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <zmq.h>

#include "common/check.h"

enum {
    EVENTS_WATCHED = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
                     ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH,
    STATUS_NOT_ALLOWED = 400 /* of ZAP; others are troubles of the coordinator's */
};

static err open_pair(void *zmq_context, const char *name, void **out)
{
    void *pair = zmq_socket(zmq_context, ZMQ_PAIR);
    int unlimited = 0, linger = 0;
    if (!pair)
        return ERR_LIMIT;
    /* Without a bound: behind a full monitor the I/O thread would wait for us. */
    if (zmq_setsockopt(pair, ZMQ_RCVHWM, &unlimited, sizeof(unlimited)) != 0 ||
        zmq_setsockopt(pair, ZMQ_LINGER, &linger, sizeof(linger)) != 0 ||
        zmq_connect(pair, name) != 0) {
        (void)zmq_close(pair); /* a valid socket: cannot fail */
        return ERR_IO;
    }
    *out = pair;
    return OK;
}

err handshake_watch_open(void *zmq_context, void *socket, struct handshake_watch *out,
                         struct errmsg *msg)
{
    static atomic_uint number; /* names in a context must differ */
    char name[64];
    snprintf(name, sizeof(name), "inproc://muster-handshakes-%u", atomic_fetch_add(&number, 1));
    err e = ERR_IO;
    if (zmq_socket_monitor(socket, name, EVENTS_WATCHED) == 0) {
        e = open_pair(zmq_context, name, &out->pair);
        if (e)
            (void)zmq_socket_monitor(socket, NULL, 0); /* the failure is told below */
    }
    return e ? err_say(msg, e, "cannot watch a ZeroMQ socket: %s", zmq_strerror(zmq_errno())) : OK;
}

static enum handshake classify(uint16_t event, uint32_t value)
{
    switch (event) {
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED: return HANDSHAKE_DONE;
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
        return value == STATUS_NOT_ALLOWED ? HANDSHAKE_REFUSED : HANDSHAKE_BROKEN;
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
        return value == ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH ? HANDSHAKE_MISMATCH
                                                                   : HANDSHAKE_BROKEN;
    default: return HANDSHAKE_BROKEN;
    }
}

enum handshake handshake_next(struct handshake_watch *watch)
{
    uint8_t event[6] = { 0 };
    uint16_t number;
    uint32_t value;
    char endpoint[256];
    if (zmq_recv(watch->pair, event, sizeof(event), ZMQ_DONTWAIT) < 0)
        return HANDSHAKE_NONE;
    (void)zmq_recv(watch->pair, endpoint, sizeof(endpoint), ZMQ_DONTWAIT); /* comes with it */
    memcpy(&number, event, sizeof(number));
    memcpy(&value, event + sizeof(number), sizeof(value));
    return classify(number, value);
}

int handshake_fd(const struct handshake_watch *watch)
{
    int fd = -1;
    size_t size = sizeof(fd);
    check(zmq_getsockopt(watch->pair, ZMQ_FD, &fd, &size) == 0);
    return fd;
}

void handshake_watch_close(struct handshake_watch *watch, void *socket)
{
    if (!watch->pair)
        return;
    (void)zmq_socket_monitor(socket, NULL, 0); /* it ends with the socket in any case */
    (void)zmq_close(watch->pair);              /* a valid socket: cannot fail */
    watch->pair = NULL;
}

err handshake_explain(enum handshake what, const char *endpoint, const struct key_file *key,
                      struct errmsg *msg)
{
    check(what != HANDSHAKE_NONE && what != HANDSHAKE_DONE);
    if (what == HANDSHAKE_REFUSED && key)
        return err_say(msg, ERR_DENIED,
                       "the coordinator at %s does not allow this key there: the port is not for "
                       "%ss, or its keys/allowed had no line \"%s %s %s\" when it was last sent "
                       "SIGHUP",
                       endpoint, key_role_text(key->role), key_role_text(key->role), key->name,
                       key->public_key);
    if (!key)
        return err_say(msg, ERR_DENIED,
                       what == HANDSHAKE_MISMATCH
                           ? "the coordinator at %s wants a key: --key FILE"
                           : "what listens at %s breaks off the handshake: it wants a key (--key "
                             "FILE), or is no coordinator of muster",
                       endpoint);
    return err_say(msg, ERR_DENIED,
                   what == HANDSHAKE_MISMATCH
                       ? "what listens at %s uses no keys: if it is a coordinator that was started "
                         "with --insecure, leave out --key"
                       : "what listens at %s is not the coordinator whose public key is in the key "
                         "file: its keys may have been made anew, or it uses none",
                   endpoint);
}

int handshake_use_key(void *socket, const struct key_file *key)
{
    check(key->coordinator[0] && key->secret_key[0]);
    if (zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, key->coordinator, KEY_TEXT_BYTES) != 0 ||
        zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, key->public_key, KEY_TEXT_BYTES) != 0)
        return -1;
    return zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, key->secret_key, KEY_TEXT_BYTES);
}
