/* A ZeroMQ socket on a loop: against plain ZeroMQ sockets as peers. Nothing here ticks: the loop
 * sleeps until the socket wakes it, so that a lost wake-up shows. */
#include "tests/lib/test.h"

#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

#include "common/check.h"
#include "common/io/clock.h"
#include "common/io/zsock.h"
#include "common/rng.h"

enum { DEADLINE_MS = 10000, MESSAGE_MAX = 100000, HIGH_WATER = 64, SOCKETS_MAX = 8 };

/* A socket under test, and what it got. */
struct inbox {
    struct zsock *z; /* NULL: closed */
    unsigned messages, turns, this_turn;
    char last[64];
    size_t last_len;
    struct zpeer peer;
    bool has_peer, too_many_a_turn, called_when_closed;
    unsigned close_at; /* the message in whose callback these are closed */
    struct inbox *closes[2];
};

struct fixture {
    void *context;
    uv_loop_t loop;
    uv_timer_t deadline;
    bool late;
    char *dir;
    char endpoint[600];
    struct inbox inboxes[SOCKETS_MAX];
    void *peers[SOCKETS_MAX];
};

static void on_deadline(uv_timer_t *timer)
{
    container_of(timer, struct fixture, deadline)->late = true;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->context = zmq_ctx_new();
    f->dir = test_dir();
    assert_int_equal(uv_loop_init(&f->loop), 0);
    assert_int_equal(uv_timer_init(&f->loop, &f->deadline), 0);
    assert_int_equal(uv_timer_start(&f->deadline, on_deadline, DEADLINE_MS, 0), 0);
    uv_unref((uv_handle_t *)&f->deadline);
    *state = f;
    return 0;
}

static void close_inbox(struct inbox *in)
{
    if (in->z)
        zsock_close(in->z);
    in->z = NULL;
}

static void close_peer(struct fixture *f, void *peer)
{
    for (unsigned i = 0; i < SOCKETS_MAX; i++) {
        if (peer && f->peers[i] == peer) {
            assert_int_equal(zmq_close(peer), 0);
            f->peers[i] = NULL;
        }
    }
}

/* Every handle of a closed socket is gone: otherwise the loop would not close. */
static int tear_down(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 0; i < SOCKETS_MAX; i++) {
        close_inbox(&f->inboxes[i]);
        close_peer(f, f->peers[i]);
    }
    uv_close((uv_handle_t *)&f->deadline, NULL);
    (void)uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    assert_int_equal(zmq_ctx_term(f->context), 0);
    test_rm_rf(f->dir);
    free(f);
    return 0;
}

static void on_message(void *owner, const struct zpeer *peer, struct span body)
{
    struct inbox *in = owner;
    in->called_when_closed = in->called_when_closed || !in->z;
    in->messages++;
    in->too_many_a_turn = in->too_many_a_turn || ++in->this_turn > ZSOCK_TURN_MAX;
    in->has_peer = peer != NULL;
    if (peer)
        in->peer = *peer;
    in->last_len = body.len;
    size_t kept = body.len < sizeof(in->last) - 1 ? body.len : sizeof(in->last) - 1;
    if (kept > 0)
        memcpy(in->last, body.data, kept);
    in->last[kept] = '\0';
    for (unsigned i = 0; i < 2 && in->messages == in->close_at && in->closes[i]; i++)
        close_inbox(in->closes[i]);
}

static void on_turn(void *owner)
{
    struct inbox *in = owner;
    in->called_when_closed = in->called_when_closed || !in->z;
    in->turns++;
    in->this_turn = 0;
}

static struct inbox *open_zsock(struct fixture *f, int type)
{
    struct inbox *in = f->inboxes;
    while (in->z || in->messages > 0)
        in++;
    assert_true(in < f->inboxes + SOCKETS_MAX);
    const struct zsock_config config = {
        .zmq_context = f->context,
        .type = type,
        .message_bytes_max = MESSAGE_MAX,
        .send_high_water = HIGH_WATER,
        .owner = in,
        .on_message = on_message,
        .on_turn = on_turn,
    };
    struct errmsg msg;
    assert_int_equal(zsock_open(&f->loop, &config, &in->z, &msg), OK);
    return in;
}

/* Run the loop until in has `messages`. */
static void wait_for(struct fixture *f, const struct inbox *in, unsigned messages)
{
    while (in->messages < messages && !f->late)
        (void)uv_run(&f->loop, UV_RUN_ONCE);
    assert_false(f->late);
    assert_int_equal(in->messages, messages);
}

/* Run the loop until sending gives something else: whatever makes the difference must wake it. */
static err send_while(struct fixture *f, struct inbox *in, struct span body, err same)
{
    const struct zpeer *peer = in->has_peer ? &in->peer : NULL;
    err e;
    while ((e = zsock_send(in->z, peer, body)) == same && !f->late)
        (void)uv_run(&f->loop, UV_RUN_ONCE);
    return e;
}

static void *open_peer(struct fixture *f, int type)
{
    void *peer = zmq_socket(f->context, type);
    assert_non_null(peer);
    unsigned free_place = 0;
    while (f->peers[free_place])
        free_place++;
    assert_true(free_place < SOCKETS_MAX);
    f->peers[free_place] = peer;
    const int linger = 0, timeout = DEADLINE_MS;
    assert_int_equal(zmq_setsockopt(peer, ZMQ_LINGER, &linger, sizeof(linger)), 0);
    assert_int_equal(zmq_setsockopt(peer, ZMQ_RCVTIMEO, &timeout, sizeof(timeout)), 0);
    assert_int_equal(zmq_setsockopt(peer, ZMQ_SNDTIMEO, &timeout, sizeof(timeout)), 0);
    return peer;
}

static void send_text(void *peer, const char *text, int flags)
{
    assert_int_equal(zmq_send(peer, text, strlen(text), flags), strlen(text));
}

static void assert_receives(void *peer, const char *text)
{
    char got[64];
    int len = zmq_recv(peer, got, sizeof(got) - 1, 0);
    assert_in_range(len, 0, sizeof(got) - 1);
    got[len] = '\0';
    assert_string_equal(got, text);
}

enum { TRANSPORTS = 3 };

/* A ROUTER under test, bound by one of the transports, and a plain DEALER connected to it. */
static struct inbox *open_pair(struct fixture *f, unsigned transport, void **dealer)
{
    struct errmsg msg;
    struct inbox *router = open_zsock(f, ZMQ_ROUTER);
    switch (transport) {
    case 0: (void)snprintf(f->endpoint, sizeof(f->endpoint), "inproc://router"); break;
    case 1: (void)snprintf(f->endpoint, sizeof(f->endpoint), "ipc://%s/router", f->dir); break;
    default: (void)snprintf(f->endpoint, sizeof(f->endpoint), "tcp://127.0.0.1:*"); break;
    }
    assert_int_equal(zsock_bind(router->z, f->endpoint, &msg), OK);
    assert_int_equal(zsock_endpoint(router->z, f->endpoint, sizeof(f->endpoint)), OK);
    *dealer = open_peer(f, ZMQ_DEALER);
    assert_int_equal(zmq_connect(*dealer, f->endpoint), 0);
    return router;
}

static struct inbox *open_greeted_pair(struct fixture *f, unsigned transport, void **dealer)
{
    struct inbox *in = open_pair(f, transport, dealer);
    send_text(*dealer, "hello", 0);
    wait_for(f, in, 1);
    return in;
}

static void messages_go_both_ways(void **state)
{
    struct fixture *f = *state;
    for (unsigned transport = 0; transport < TRANSPORTS; transport++) {
        void *dealer;
        struct inbox *in = open_greeted_pair(f, transport, &dealer);
        assert_string_equal(in->last, "hello");
        assert_true(in->has_peer);
        assert_int_equal(zsock_send(in->z, &in->peer, span_str("welcome")), OK);
        assert_receives(dealer, "welcome");
        send_text(dealer, "", 0); /* an empty frame is a frame */
        wait_for(f, in, 2);
        assert_int_equal(in->last_len, 0);
        assert_true(in->turns > 0);
    }
}

static void a_dealer_under_test_talks_too(void **state)
{
    struct fixture *f = *state;
    struct errmsg msg;
    struct inbox *router = open_zsock(f, ZMQ_ROUTER), *dealer = open_zsock(f, ZMQ_DEALER);
    (void)snprintf(f->endpoint, sizeof(f->endpoint), "ipc://%s/router", f->dir);
    assert_int_equal(zsock_connect(dealer->z, f->endpoint, &msg), OK);
    /* Not accepted before there is a connection: it could not get lost unseen. */
    assert_int_equal(zsock_send(dealer->z, NULL, span_str("early")), ERR_AGAIN);
    assert_int_equal(zsock_bind(router->z, f->endpoint, &msg), OK);
    assert_int_equal(send_while(f, dealer, span_str("hi"), ERR_AGAIN), OK);
    wait_for(f, router, 1);
    assert_string_equal(router->last, "hi");
    assert_int_equal(zsock_send(router->z, &router->peer, span_str("ho")), OK);
    wait_for(f, dealer, 1);
    assert_string_equal(dealer->last, "ho");
    assert_false(dealer->has_peer);
}

static void a_vanished_peer_is_an_error(void **state)
{
    struct fixture *f = *state;
    for (unsigned transport = 0; transport < TRANSPORTS; transport++) {
        void *dealer;
        struct inbox *in = open_greeted_pair(f, transport, &dealer);
        const struct zpeer stranger = { .len = 3, .bytes = "abc" };
        assert_int_equal(zsock_send(in->z, &stranger, span_str("who?")), ERR_CLOSED);
        close_peer(f, dealer);
        assert_int_equal(send_while(f, in, span_str("anyone?"), OK), ERR_CLOSED);
    }
}

static void a_full_queue_says_so_and_takes_more_later(void **state)
{
    struct fixture *f = *state;
    static uint8_t large[MESSAGE_MAX];
    for (unsigned transport = 0; transport < TRANSPORTS; transport++) {
        void *dealer;
        struct inbox *in = open_greeted_pair(f, transport, &dealer);
        unsigned accepted = 0;
        err e;
        while ((e = zsock_send(in->z, &in->peer, span_of(large, sizeof(large)))) == OK)
            assert_true(++accepted < 10000);
        assert_int_equal(e, ERR_AGAIN);
        assert_true(accepted >= HIGH_WATER / 2);
        for (unsigned i = 0; i < accepted; i++)
            assert_int_equal(zmq_recv(dealer, large, sizeof(large), 0), sizeof(large));
        assert_int_equal(send_while(f, in, span_str("more"), ERR_AGAIN), OK);
        assert_receives(dealer, "more");
    }
}

static void messages_of_more_frames_are_dropped_and_counted(void **state)
{
    struct fixture *f = *state;
    for (unsigned transport = 0; transport < TRANSPORTS; transport++) {
        void *dealer;
        struct inbox *in = open_pair(f, transport, &dealer);
        send_text(dealer, "", ZMQ_SNDMORE); /* as a REQ does */
        send_text(dealer, "two", 0);
        for (unsigned i = 0; i < 1000; i++)
            send_text(dealer, "many", ZMQ_SNDMORE);
        send_text(dealer, "many", 0);
        send_text(dealer, "good", 0);
        wait_for(f, in, 1);
        assert_string_equal(in->last, "good");
        assert_int_equal(zsock_malformed_count(in->z), 2);
        assert_true(in->turns > 1000 / ZSOCK_TURN_MAX); /* frames count: the turn is bounded */
    }
}

static void a_peer_with_a_long_name_is_not_listened_to(void **state)
{
    struct fixture *f = *state;
    void *dealer, *named = open_peer(f, ZMQ_DEALER);
    struct inbox *in = open_pair(f, 0, &dealer);
    char name[ZSOCK_PEER_BYTES_MAX + 1];
    memset(name, 'n', sizeof(name));
    assert_int_equal(zmq_setsockopt(named, ZMQ_ROUTING_ID, name, sizeof(name)), 0);
    assert_int_equal(zmq_connect(named, f->endpoint), 0);
    send_text(named, "hello", 0);
    while (zsock_malformed_count(in->z) == 0 && !f->late)
        (void)uv_run(&f->loop, UV_RUN_ONCE);
    send_text(dealer, "hello", 0);
    wait_for(f, in, 1);
    assert_int_equal(zsock_malformed_count(in->z), 1);
}

static void a_message_over_the_limit_ends_the_connection(void **state)
{
    struct fixture *f = *state;
    static uint8_t large[MESSAGE_MAX + 1];
    void *dealer;
    struct inbox *in = open_greeted_pair(f, 2, &dealer);
    assert_int_equal(zmq_send(dealer, large, sizeof(large), 0), sizeof(large));
    assert_int_equal(send_while(f, in, span_str("x"), OK), ERR_CLOSED);
    assert_int_equal(in->messages, 1);
}

/* One socket has much to read, the other little: neither waits for the other. */
static void two_sockets_both_progress(void **state)
{
    struct fixture *f = *state;
    enum { MUCH = 1000, LITTLE = 200 };
    struct errmsg msg;
    void *busy_peer, *calm_peer = open_peer(f, ZMQ_DEALER);
    struct inbox *busy = open_pair(f, 0, &busy_peer), *calm = open_zsock(f, ZMQ_ROUTER);
    assert_int_equal(zsock_bind(calm->z, "inproc://calm", &msg), OK);
    assert_int_equal(zmq_connect(calm_peer, "inproc://calm"), 0);
    for (unsigned i = 0; i < MUCH; i++)
        send_text(busy_peer, "x", 0);
    for (unsigned i = 0; i < LITTLE; i++)
        send_text(calm_peer, "x", 0);
    while (calm->messages < LITTLE && !f->late) {
        (void)uv_run(&f->loop, UV_RUN_ONCE);
        assert_true(busy->messages <= calm->messages + ZSOCK_TURN_MAX);
    }
    assert_true(busy->messages < MUCH);
    wait_for(f, busy, MUCH);
    assert_int_equal(calm->messages, LITTLE);
    assert_false(busy->too_many_a_turn);
    assert_false(calm->too_many_a_turn);
}

/* Let the loop run for a moment; the turns it took. Few: it slept. */
static unsigned turns_of_a_moment(struct fixture *f, const struct inbox *in)
{
    const unsigned before = in->turns;
    assert_int_equal(uv_timer_start(&f->deadline, on_deadline, 50, 0), 0);
    while (!f->late)
        (void)uv_run(&f->loop, UV_RUN_ONCE);
    f->late = false;
    assert_int_equal(uv_timer_start(&f->deadline, on_deadline, DEADLINE_MS, 0), 0);
    return in->turns - before;
}

static void the_loop_sleeps_when_there_is_nothing_to_do(void **state)
{
    struct fixture *f = *state;
    void *dealer;
    struct inbox *in = open_greeted_pair(f, 0, &dealer);
    for (unsigned i = 0; i < 3 * ZSOCK_TURN_MAX; i++) /* keeps it awake for some turns */
        send_text(dealer, "x", 0);
    wait_for(f, in, 1 + 3 * ZSOCK_TURN_MAX);
    assert_in_range(turns_of_a_moment(f, in), 1, 50);
}

static void a_paused_socket_delivers_nothing_and_loses_nothing(void **state)
{
    struct fixture *f = *state;
    void *dealer;
    struct inbox *in = open_greeted_pair(f, 2, &dealer);
    zsock_pause(in->z, true);
    for (unsigned i = 0; i < 100; i++)
        send_text(dealer, "x", 0);
    assert_in_range(turns_of_a_moment(f, in), 1, 50); /* it sleeps over what there is to read */
    assert_int_equal(in->messages, 1);
    zsock_pause(in->z, false);
    wait_for(f, in, 101);
}

static void a_socket_may_close_itself_in_its_callback(void **state)
{
    struct fixture *f = *state;
    void *dealer;
    struct inbox *in = open_pair(f, 0, &dealer);
    in->close_at = 3;
    in->closes[0] = in;
    for (unsigned i = 0; i < 10; i++)
        send_text(dealer, "x", 0);
    assert_int_equal(uv_run(&f->loop, UV_RUN_DEFAULT), 0); /* nothing is left in the loop */
    assert_int_equal(in->messages, 3);
    assert_false(in->called_when_closed);
}

static void a_callback_may_close_another_socket(void **state)
{
    struct fixture *f = *state;
    struct errmsg msg;
    void *dealers[2];
    struct inbox *first = open_pair(f, 0, &dealers[0]), *second = open_zsock(f, ZMQ_ROUTER);
    assert_int_equal(zsock_bind(second->z, "inproc://second", &msg), OK);
    dealers[1] = open_peer(f, ZMQ_DEALER);
    assert_int_equal(zmq_connect(dealers[1], "inproc://second"), 0);
    first->close_at = second->close_at = 1; /* whichever comes first closes both */
    first->closes[0] = second->closes[0] = first;
    first->closes[1] = second->closes[1] = second;
    send_text(dealers[0], "x", 0);
    send_text(dealers[1], "x", 0);
    assert_int_equal(uv_run(&f->loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(first->messages + second->messages, 1);
    assert_false(first->called_when_closed || second->called_when_closed);
}

static void endpoints_are_checked(void **state)
{
    struct fixture *f = *state;
    struct errmsg msg;
    void *dealer;
    struct inbox *in = open_pair(f, 2, &dealer), *other = open_zsock(f, ZMQ_ROUTER);
    assert_null(strchr(f->endpoint, '*'));
    assert_int_equal(zsock_bind(other->z, f->endpoint, &msg), ERR_BUSY);
    assert_non_null(strstr(msg.text, f->endpoint));
    assert_int_equal(zsock_bind(other->z, "nonsense", &msg), ERR_INVALID);
    assert_int_equal(zsock_bind(other->z, "carrier://pigeon", &msg), ERR_INVALID);
    assert_int_equal(zsock_connect(other->z, "tcp://127.0.0.1", &msg), ERR_INVALID);
    assert_non_null(strstr(msg.text, "'tcp://127.0.0.1'"));
    char small[4];
    assert_int_equal(zsock_endpoint(in->z, small, sizeof(small)), ERR_LIMIT);
}

static bool has_ipv6(void)
{
    const struct sockaddr_in6 loopback = { .sin6_family = AF_INET6,
                                           .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    bool has = fd >= 0 && bind(fd, (const struct sockaddr *)&loopback, sizeof(loopback)) == 0;
    if (fd >= 0)
        (void)close(fd);
    return has;
}

static void an_ipv6_address_in_brackets_is_one(void **state)
{
    struct fixture *f = *state;
    struct errmsg msg;
    if (!has_ipv6())
        skip();
    struct inbox *router = open_zsock(f, ZMQ_ROUTER), *dealer = open_zsock(f, ZMQ_DEALER);
    assert_int_equal(zsock_bind(router->z, "tcp://[::1]:*", &msg), OK);
    assert_int_equal(zsock_endpoint(router->z, f->endpoint, sizeof(f->endpoint)), OK);
    assert_int_equal(strncmp(f->endpoint, "tcp://[::1]:", 12), 0);
    assert_int_equal(zsock_connect(dealer->z, f->endpoint, &msg), OK);
    assert_int_equal(send_while(f, dealer, span_str("hi"), ERR_AGAIN), OK);
    wait_for(f, router, 1);
    /* And the same socket goes on with the other family. */
    assert_int_equal(zsock_bind(router->z, "tcp://127.0.0.1:*", &msg), OK);
}

static void an_address_of_another_machine_is_refused_with_what_to_write(void **state)
{
    struct fixture *f = *state;
    struct errmsg msg = { "" };
    struct inbox *in = open_zsock(f, ZMQ_ROUTER);
    assert_int_equal(zsock_bind(in->z, "tcp://no-such-host.invalid:7770", &msg), ERR_NOT_FOUND);
    assert_non_null(strstr(msg.text, "expected an address of this machine, or 0.0.0.0"));
}

enum { TRIALS = 4000, SPIN_NS_MAX = 100000 };

/* A plain ROUTER that sends everything back at once, until "stop". */
static void *echo(void *socket)
{
    char name[256], body[64];
    int name_len, len;
    do {
        name_len = zmq_recv(socket, name, sizeof(name), 0);
        len = zmq_recv(socket, body, sizeof(body), 0);
        if (name_len < 0 || len < 0)
            return socket; /* too late: the test says so */
        (void)zmq_send(socket, name, (size_t)name_len, ZMQ_SNDMORE);
        (void)zmq_send(socket, body, (size_t)len, 0);
    } while (len != 4 || memcmp(body, "stop", 4) != 0);
    return NULL;
}

struct race {
    uv_timer_t trial;
    struct inbox *in;
    struct rng rng;
    unsigned refused;
};

/* Send, wait a moment, send: the second takes the edge of the answer to the first. Timers run when
 * the check handle is done and before the loop sleeps: the prepare handle alone can see it. */
static void on_trial(uv_timer_t *timer)
{
    struct race *r = container_of(timer, struct race, trial);
    r->refused += zsock_send(r->in->z, NULL, span_str("one")) != OK;
    int64_t until = clock_mono_ns() + (int64_t)rng_below(&r->rng, SPIN_NS_MAX);
    while (clock_mono_ns() < until)
        ;
    r->refused += zsock_send(r->in->z, NULL, span_str("two")) != OK;
}

static void no_wake_up_is_lost(void **state)
{
    struct fixture *f = *state;
    struct errmsg msg;
    struct race r = { .in = open_zsock(f, ZMQ_DEALER) };
    rng_seed(&r.rng, 31);
    void *router = open_peer(f, ZMQ_ROUTER);
    assert_int_equal(zmq_bind(router, "inproc://echo"), 0);
    assert_int_equal(zsock_connect(r.in->z, "inproc://echo", &msg), OK);
    assert_int_equal(uv_timer_init(&f->loop, &r.trial), 0);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, echo, router), 0);
    unsigned answered = 0;
    for (unsigned trial = 1; trial <= TRIALS && !f->late; trial++) {
        (void)uv_timer_start(&f->deadline, on_deadline, 2000, 0);
        (void)uv_timer_start(&r.trial, on_trial, 0, 0);
        while (r.in->messages < 2 * trial && !f->late)
            (void)uv_run(&f->loop, UV_RUN_ONCE);
        answered += r.in->messages == 2 * trial;
    }
    (void)zsock_send(r.in->z, NULL, span_str("stop"));
    uv_close((uv_handle_t *)&r.trial, NULL);
    (void)uv_run(&f->loop, UV_RUN_NOWAIT);
    void *too_late;
    assert_int_equal(pthread_join(thread, &too_late), 0);
    assert_int_equal(answered, TRIALS);
    assert_int_equal(r.refused, 0);
    assert_null(too_late);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(messages_go_both_ways),
        TEST(a_dealer_under_test_talks_too),
        TEST(a_vanished_peer_is_an_error),
        TEST(a_full_queue_says_so_and_takes_more_later),
        TEST(messages_of_more_frames_are_dropped_and_counted),
        TEST(a_peer_with_a_long_name_is_not_listened_to),
        TEST(a_message_over_the_limit_ends_the_connection),
        TEST(two_sockets_both_progress),
        TEST(the_loop_sleeps_when_there_is_nothing_to_do),
        TEST(a_paused_socket_delivers_nothing_and_loses_nothing),
        TEST(a_socket_may_close_itself_in_its_callback),
        TEST(a_callback_may_close_another_socket),
        TEST(endpoints_are_checked),
        TEST(an_ipv6_address_in_brackets_is_one),
        TEST(an_address_of_another_machine_is_refused_with_what_to_write),
        TEST(no_wake_up_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
