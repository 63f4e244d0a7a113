#include "coordinator/access/zap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>
#include <zmq.h>

#include "common/check.h"
#include "common/mem.h"

/* A question's parts, in their order. */
enum {
    PART_VERSION,
    PART_REQUEST,
    PART_DOMAIN,
    PART_ADDRESS,
    PART_IDENTITY,
    PART_MECHANISM,
    PART_KEY,
    PART_COUNT
};
enum { PART_BYTES_MAX = 255 };

static const char STOP_NAME[] = "inproc://muster-zap-stop";

struct zap {
    zap_knock_f *on_knock;
    void *owner;
    void *answers;                /* REP: the thread's, once it runs */
    void *stop_here, *stop_there; /* PAIR: a message says that it is over */
    uv_thread_t thread;
    bool runs;
};

struct part {
    size_t len;
    char bytes[PART_BYTES_MAX + 1]; /* ended by NUL */
};

/* One question, whatever its form; the count of its parts. -1: the context ends. */
static int read_question(void *socket, struct part *parts)
{
    int count = 0, more = 1;
    while (more) {
        struct part ignored, *p = count < PART_COUNT ? &parts[count] : &ignored;
        int len = zmq_recv(socket, p->bytes, PART_BYTES_MAX, 0);
        if (len < 0 && zmq_errno() == EINTR)
            continue;
        if (len < 0)
            return -1;
        p->len = len < PART_BYTES_MAX ? (size_t)len : PART_BYTES_MAX;
        p->bytes[p->len] = '\0';
        count++;
        size_t size = sizeof(more);
        check(zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &size) == 0);
    }
    return count;
}

static void answer(void *socket, const struct part *request, uint32_t user)
{
    char user_text[16] = "";
    if (user)
        snprintf(user_text, sizeof(user_text), "%u", (unsigned)user);
    const char *status = user ? "200" : "400", *text = user ? "" : "not allowed";
    const struct span parts[] = { span_str("1.0"),     span_of(request->bytes, request->len),
                                  span_str(status),    span_str(text),
                                  span_str(user_text), span_str("") };
    enum { COUNT = sizeof(parts) / sizeof(parts[0]) };
    for (int i = 0; i < COUNT; i++) /* fails only when the context ends */
        (void)zmq_send(socket, parts[i].data, parts[i].len, i < COUNT - 1 ? ZMQ_SNDMORE : 0);
}

static uint32_t judge(struct zap *z, const struct part *parts, int count)
{
    if (count != PART_COUNT || strcmp(parts[PART_VERSION].bytes, "1.0") != 0 ||
        strcmp(parts[PART_MECHANISM].bytes, "CURVE") != 0 || parts[PART_KEY].len != KEY_RAW_BYTES)
        return 0; /* no such question is asked about endpoints with keys */
    struct zap_knock knock = { .domain = parts[PART_DOMAIN].bytes,
                               .address = parts[PART_ADDRESS].bytes };
    key_format((const uint8_t *)parts[PART_KEY].bytes, knock.public_key);
    return z->on_knock(z->owner, &knock);
}

static void run(void *argument)
{
    struct zap *z = argument;
    struct part parts[PART_COUNT];
    zmq_pollitem_t items[] = { { .socket = z->answers, .events = ZMQ_POLLIN },
                               { .socket = z->stop_there, .events = ZMQ_POLLIN } };
    for (;;) {
        int ready = zmq_poll(items, 2, -1);
        if (ready < 0 && zmq_errno() == EINTR)
            continue;
        if (ready < 0 || items[1].revents)
            return;
        int count = read_question(z->answers, parts);
        if (count < 0)
            return;
        answer(z->answers, &parts[PART_REQUEST], judge(z, parts, count));
    }
}

static void *open_socket(void *zmq_context, int type)
{
    int linger = 0;
    void *socket = zmq_socket(zmq_context, type);
    if (socket)
        check(zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof(linger)) == 0);
    return socket;
}

static void close_socket(void *socket)
{
    if (socket)
        (void)zmq_close(socket); /* a valid socket: cannot fail */
}

static bool open_all(struct zap *z, void *zmq_context)
{
    z->answers = open_socket(zmq_context, ZMQ_REP);
    z->stop_here = open_socket(zmq_context, ZMQ_PAIR);
    z->stop_there = open_socket(zmq_context, ZMQ_PAIR);
    return z->answers && z->stop_here && z->stop_there && zmq_bind(z->stop_here, STOP_NAME) == 0 &&
           zmq_connect(z->stop_there, STOP_NAME) == 0 &&
           zmq_bind(z->answers, "inproc://zeromq.zap.01") == 0;
}

err zap_start(void *zmq_context, zap_knock_f *on_knock, void *owner, struct zap **out,
              struct errmsg *msg)
{
    struct zap *z = xcalloc(1, sizeof(*z));
    z->on_knock = on_knock;
    z->owner = owner;
    if (!open_all(z, zmq_context)) {
        int error = zmq_errno();
        zap_stop(z);
        return err_say(msg, error == EADDRINUSE ? ERR_BUSY : ERR_IO,
                       "cannot answer for the keys of peers: %s", zmq_strerror(error));
    }
    check(uv_thread_create(&z->thread, run, z) == 0);
    z->runs = true;
    *out = z;
    return OK;
}

void zap_stop(struct zap *z)
{
    if (!z)
        return;
    if (z->runs) {
        (void)zmq_send(z->stop_here, "", 0, 0); /* fails only when the context ends: so does it */
        check(uv_thread_join(&z->thread) == 0);
    }
    close_socket(z->answers);
    close_socket(z->stop_there);
    close_socket(z->stop_here);
    free(z);
}
