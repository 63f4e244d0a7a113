/* What zsock.c and zsock_dial.c share. */
#ifndef MUSTER_COMMON_IO_ZSOCK_PRIVATE_H
#define MUSTER_COMMON_IO_ZSOCK_PRIVATE_H

#include "common/io/handshake.h"
#include "common/io/zsock.h"

/* How a socket's connections come about: watching their handshakes, and dialling again where
 * ZeroMQ would never, or without end at full speed. */
struct zsock_dial {
    struct handshake_watch watch;
    uv_poll_t poll;   /* wakes the loop, as zsock.poll; only with a watch */
    uv_timer_t again; /* runs: the next connect */
    char *endpoint;   /* DEALER: the one it connects to; owned */
    unsigned broken;  /* handshakes in a row that broke off */
    unsigned redials; /* since the last handshake that succeeded */
    uint64_t failed_count;
};

struct zsock {
    struct zsock_config config;
    void *socket;
    uv_poll_t poll;       /* wakes the loop; its callback does nothing */
    uv_prepare_t prepare; /* before the loop sleeps: is anything ready? */
    uv_idle_t idle;       /* active: the loop does not sleep */
    uv_check_t check;     /* delivers */
    struct zsock_dial dial;
    unsigned open_handles;
    bool closing;
    bool asks_for_keys; /* all endpoints bound from now on do */
    bool paused;        /* by the owner */
    bool skipping;      /* inside a message with too many frames */
    uint64_t malformed_count;
};

/* The callback of handles that only have to wake the loop. */
void zsock_wake(uv_poll_t *poll, int status, int events);
void zsock_close_handle(struct zsock *z, uv_handle_t *handle);
err zsock_say_endpoint(struct errmsg *msg, const char *what, const char *endpoint);

/* From now on handshakes are watched, if they were not. */
err zsock_dial_watch(struct zsock *z, uv_loop_t *loop, struct errmsg *msg);
/* In each turn: look at what the watch has to tell. */
void zsock_dial_turn(struct zsock *z);
/* Before the socket is closed. */
void zsock_dial_close(struct zsock *z);

#endif
