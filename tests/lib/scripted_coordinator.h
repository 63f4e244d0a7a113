/* A coordinator that does what a test says, line by line, for the real muster-worker. Blocking,
 * with a deadline on every wait. */
#ifndef MUSTER_TESTS_LIB_SCRIPTED_COORDINATOR_H
#define MUSTER_TESTS_LIB_SCRIPTED_COORDINATOR_H

#include "tests/lib/test.h"

#include <inttypes.h>
#include <spawn.h>
#include <time.h>
#include <zmq.h>

#include "common/block.h"
#include "common/io/zsock.h"
#include "common/map.h"
#include "common/pack/pack.h"
#include "proto/definition/definition.h"
#include "proto/msg.h"

enum { SCRIPT_WAIT_MS = 10000, SCRIPT_ROWS_MAX = 4096 };

struct script {
    void *context, *socket;
    char endpoint[256];
    struct zpeer peer; /* the last that sent something */
    uint64_t session;
    uint8_t store[STORE_ID_BYTES];
    struct arena arena; /* of the message at hand, and the one before */
    zmq_msg_t body;
    bool has_body;
    struct span parcel; /* what is left of the body */
    pid_t worker;
    /* What came in results, by instance. */
    struct result rows[SCRIPT_ROWS_MAX];
    char *answers[SCRIPT_ROWS_MAX];
    unsigned seen[SCRIPT_ROWS_MAX];
    uint64_t top_seq; /* the highest reliable seq received */
    bool mute;        /* beats are not answered */
};

extern char **environ;

static inline void script_listen(struct script *s, const char *endpoint)
{
    int linger = 0, mandatory = 1;
    s->socket = zmq_socket(s->context, ZMQ_ROUTER);
    assert_non_null(s->socket);
    zmq_setsockopt(s->socket, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt(s->socket, ZMQ_ROUTER_MANDATORY, &mandatory, sizeof mandatory);
    for (int tries = 0; zmq_bind(s->socket, endpoint) != 0; tries++) {
        assert_true(tries < 100); /* the port of a socket just closed frees in a moment */
        usleep(20000);
    }
    size_t len = sizeof s->endpoint;
    assert_int_equal(zmq_getsockopt(s->socket, ZMQ_LAST_ENDPOINT, s->endpoint, &len), 0);
}

static inline struct script *script_new(void)
{
    struct script *s = calloc(1, sizeof *s);
    assert_non_null(s);
    s->context = zmq_ctx_new();
    script_listen(s, "tcp://127.0.0.1:*");
    return s;
}

/* The coordinator dies. */
static inline void script_vanish(struct script *s)
{
    if (s->has_body)
        zmq_msg_close(&s->body);
    s->has_body = false;
    s->parcel = span_of(NULL, 0);
    assert_int_equal(zmq_close(s->socket), 0);
    s->socket = NULL;
    s->session = 0;
}

/* ... and is started again, where it was. */
static inline void script_return(struct script *s)
{
    char endpoint[256];
    memcpy(endpoint, s->endpoint, sizeof endpoint);
    script_listen(s, endpoint);
}

static inline void script_free(struct script *s)
{
    if (s->socket)
        script_vanish(s);
    zmq_ctx_term(s->context);
    arena_release(&s->arena);
    for (size_t i = 0; i < SCRIPT_ROWS_MAX; i++)
        free(s->answers[i]);
    free(s);
}

/* False: the worker is gone. */
static inline bool script_try_send(struct script *s, struct msg *m)
{
    struct buf frame = { 0 };
    if (m->session == 0)
        m->session = s->session;
    msg_encode(m, &frame);
    bool is_there = zmq_send(s->socket, s->peer.bytes, s->peer.len, ZMQ_SNDMORE) == s->peer.len;
    if (is_there)
        assert_int_equal(zmq_send(s->socket, frame.data, frame.len, 0), (int)frame.len);
    buf_release(&frame);
    return is_there;
}

static inline void script_send(struct script *s, struct msg *m)
{
    assert_true(script_try_send(s, m));
}

static inline void script_reply_to_beat(struct script *s)
{
    struct msg m = { .type = MSG_BEAT_REPLY };
    (void)script_try_send(s, &m); /* it may have left after that beat */
}

static inline bool script_receive_parcel(struct script *s, int wait_ms)
{
    zmq_pollitem_t item = { .socket = s->socket, .events = ZMQ_POLLIN };
    if (zmq_poll(&item, 1, wait_ms) != 1)
        return false;
    int len = zmq_recv(s->socket, s->peer.bytes, sizeof s->peer.bytes, 0);
    assert_true(len > 0);
    s->peer.len = (uint8_t)len;
    if (s->has_body)
        zmq_msg_close(&s->body);
    zmq_msg_init(&s->body);
    s->has_body = true;
    assert_true(zmq_msg_recv(&s->body, s->socket, 0) > 0);
    assert_false(zmq_msg_more(&s->body));
    s->parcel = span_of(zmq_msg_data(&s->body), zmq_msg_size(&s->body));
    return true;
}

/* The next message; false: none within the time. Borrowed until the next call. */
static inline bool script_receive(struct script *s, struct msg *out, int wait_ms)
{
    struct errmsg msg = { "" };
    if (s->parcel.len == 0 && !script_receive_parcel(s, wait_ms))
        return false;
    assert_int_equal(msg_take(&s->parcel, &s->arena, out, &msg), OK);
    assert_int_equal(msg_sender(out->type), 'w');
    return true;
}

static inline void script_keep_rows(struct script *s, struct span bytes)
{
    struct block block;
    assert_int_equal(pack_decode(bytes, &block), OK);
    for (uint32_t i = 0; i < block.rows; i++) {
        struct result row;
        block_row(&block, i, &row);
        assert_true(row.instance < SCRIPT_ROWS_MAX);
        s->seen[row.instance]++;
        free(s->answers[row.instance]);
        s->answers[row.instance] = strndup((const char *)row.answer.data, row.answer.len);
        s->rows[row.instance] = row;
        s->rows[row.instance].answer = span_str(s->answers[row.instance]);
    }
    block_release(&block);
}

/* Everything that needs no thought: results are kept, beats answered. */
static inline void script_note(struct script *s, const struct msg *m)
{
    if (m->seq > s->top_seq)
        s->top_seq = m->seq;
    if (m->type == MSG_RESULTS)
        script_keep_rows(s, m->as.results.block);
    if (m->type == MSG_BEAT && !s->mute)
        script_reply_to_beat(s);
}

/* Wait for a message of this type; others are noted on the way. */
static inline struct msg script_expect(struct script *s, enum msg_type type)
{
    struct msg m;
    for (;;) {
        if (!script_receive(s, &m, SCRIPT_WAIT_MS))
            fail_msg("no %s within %d ms", msg_type_text(type), SCRIPT_WAIT_MS);
        script_note(s, &m);
        if (m.type == type)
            return m;
    }
}

/* For so long, take what comes. */
static inline void script_take(struct script *s, int for_ms)
{
    struct timespec start, now;
    struct msg m;
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (;;) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        long passed = (now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000;
        if (passed >= for_ms)
            return;
        if (script_receive(s, &m, (int)(for_ms - passed)))
            script_note(s, &m);
    }
}

static inline void script_welcome(struct script *s, uint64_t session, uint32_t beat_ms)
{
    s->session = session;
    struct msg m = { .type = MSG_WELCOME };
    m.as.welcome.session = session;
    m.as.welcome.epoch = session;
    m.as.welcome.beat_ms = beat_ms;
    m.as.welcome.lease_ms = 30000;
    m.as.welcome.sweep = span_str("test");
    m.as.welcome.store = span_of(s->store, sizeof s->store);
    script_send(s, &m);
}

static inline void script_define_model(struct script *s, uint32_t id,
                                       const struct model_definition *d)
{
    struct buf json = { 0 };
    model_definition_encode(d, &json);
    struct msg m = { .type = MSG_DEFINE_MODEL };
    m.as.define.id = id;
    m.as.define.json = buf_span(&json);
    script_send(s, &m);
    buf_release(&json);
}

static inline void script_define_task(struct script *s, uint32_t id,
                                      const struct task_definition *d)
{
    struct buf json = { 0 };
    task_definition_encode(d, &json);
    struct msg m = { .type = MSG_DEFINE_TASK };
    m.as.define.id = id;
    m.as.define.json = buf_span(&json);
    script_send(s, &m);
    buf_release(&json);
}

static inline void script_grant(struct script *s, uint64_t attempt, uint32_t model, uint32_t task,
                                uint32_t first, uint32_t count)
{
    struct msg m = { .type = MSG_GRANT };
    m.as.grant.attempt = attempt;
    m.as.grant.model = model;
    m.as.grant.task = task;
    m.as.grant.first = first;
    m.as.grant.count = count;
    script_send(s, &m);
}

static inline void script_ack(struct script *s, uint64_t seq)
{
    struct msg m = { .type = MSG_ACK };
    m.as.ack.seq = seq;
    script_send(s, &m);
}

/* Start the program with these arguments (NULL at the end) besides. Its log lies beside `state`. */
static inline void script_start_worker(struct script *s, const char *program, const char *state,
                                       const char *const *more)
{
    char log[512];
    snprintf(log, sizeof log, "%s.log", state);
    const char *argv[32] = { program, "--connect", s->endpoint, "--state", state, "--name",
                             "w1",    "--slots",   "1",         "--log",   log };
    size_t count = 11;
    for (size_t i = 0; more && more[i]; i++)
        argv[count++] = more[i];
    assert_int_equal(
        posix_spawn(&s->worker, program, NULL, NULL, (char **)(uintptr_t)argv, environ), 0);
}

/* The exit code within the time; -1: it had to be killed; 1000 + n: killed by signal n. */
static inline int script_wait_worker(struct script *s)
{
    for (int waited_ms = 0; waited_ms < SCRIPT_WAIT_MS; waited_ms += 10) {
        int code;
        if (waitpid(s->worker, &code, WNOHANG) == s->worker) {
            s->worker = 0;
            return WIFEXITED(code) ? WEXITSTATUS(code) : 1000 + WTERMSIG(code);
        }
        struct msg m;
        if (s->socket && script_receive(s, &m, 10))
            script_note(s, &m);
        else if (!s->socket)
            usleep(10000);
    }
    kill(s->worker, SIGKILL);
    waitpid(s->worker, NULL, 0);
    s->worker = 0;
    return -1;
}

#endif
