/* The line to the coordinator, with a coordinator that takes its time. */
#include "tests/lib/test.h"

#include <zmq.h>

#include "common/block.h"
#include "common/io/clock.h"
#include "common/mem.h"
#include "worker/link.h"
#include "worker/spool.h"

enum { MESSAGES = 600, ANSWER_BYTES = 20000 };

struct line {
    uv_loop_t loop;
    void *context, *router;
    struct spool *spool;
    struct link *link;
    char endpoint[200];
};

static void on_message(void *owner, const struct msg *m)
{
    struct line *l = owner;
    if (m->type == MSG_WELCOME)
        link_set_session(l->link, m->as.welcome.session);
}

/* More results than all buffers on the way take. */
static void fill(struct spool *s)
{
    char *text = xcalloc(1, ANSWER_BYTES);
    for (uint64_t seq = 1; seq <= MESSAGES; seq++) {
        struct result row = { .instance = (uint32_t)seq, .answer = span_of(text, ANSWER_BYTES) };
        spool_record(s, 7, 0, &row, 1);
        spool_flush(s, 7, 1, 1, seq);
    }
    free(text);
}

static struct line *line_new(void)
{
    struct line *l = xcalloc(1, sizeof *l);
    int one = 1;
    size_t len = sizeof l->endpoint;
    assert_int_equal(uv_loop_init(&l->loop), 0);
    l->context = zmq_ctx_new();
    l->router = zmq_socket(l->context, ZMQ_ROUTER);
    assert_int_equal(zmq_setsockopt(l->router, ZMQ_RCVHWM, &one, sizeof one), 0);
    assert_int_equal(zmq_bind(l->router, "tcp://127.0.0.1:*"), 0);
    assert_int_equal(zmq_getsockopt(l->router, ZMQ_LAST_ENDPOINT, l->endpoint, &len), 0);
    l->spool = spool_new();
    fill(l->spool);
    struct link_config config = { .loop = &l->loop,
                                  .endpoint = l->endpoint,
                                  .spool = l->spool,
                                  .owner = l,
                                  .on_message = on_message };
    struct errmsg msg = { "" };
    if (link_open(&config, &l->link, &msg) != OK)
        fail_msg("%s", msg.text);
    return l;
}

static void line_free(struct line *l)
{
    int none = 0;
    assert_int_equal(zmq_setsockopt(l->router, ZMQ_LINGER, &none, sizeof none), 0);
    assert_int_equal(zmq_close(l->router), 0); /* what is on the way has nowhere to go */
    link_close(l->link);
    assert_int_equal(zmq_ctx_term(l->context), 0);
    uv_run(&l->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&l->loop), 0);
    spool_free(l->spool);
    free(l);
}

/* Let the loop run for so long. */
static void turn(struct line *l, int64_t ms)
{
    int64_t until = clock_mono_ns() + ms * 1000000;
    while (clock_mono_ns() < until)
        uv_run(&l->loop, UV_RUN_NOWAIT);
}

/* The type of the next message that arrives; 0: none does any more. */
static uint8_t receive(struct line *l)
{
    uint8_t peer[64], frame[64];
    int64_t until = clock_mono_ns() + 2000000000;
    while (zmq_recv(l->router, peer, sizeof peer, ZMQ_DONTWAIT) < 0) {
        if (clock_mono_ns() > until)
            return 0;
        uv_run(&l->loop, UV_RUN_NOWAIT);
    }
    assert_true(zmq_recv(l->router, frame, sizeof frame, 0) > 4);
    return frame[4];
}

/* As the coordinator that says so: a welcome of that minor version, on the connection that said
 * something. */
static void welcome(struct line *l, uint8_t minor)
{
    enum { MINOR_AT = 3 };
    uint8_t peer[64], hello[1024];
    struct msg said = { .type = MSG_HELLO };
    said.as.hello.worker_name = span_str("w");
    said.as.hello.worker_id[0] = 1;
    link_say_hello(l->link, &said);
    int len = -1;
    for (int64_t until = clock_mono_ns() + 2000000000; len < 0 && clock_mono_ns() < until;) {
        uv_run(&l->loop, UV_RUN_NOWAIT);
        len = zmq_recv(l->router, peer, sizeof peer, ZMQ_DONTWAIT);
    }
    assert_true(len > 0);
    assert_true(zmq_recv(l->router, hello, sizeof hello, 0) > 0);

    struct buf frame = { 0 };
    struct msg m = { .type = MSG_WELCOME };
    m.as.welcome.session = 11;
    msg_encode(&m, &frame);
    frame.data[MINOR_AT] = minor;
    assert_int_equal(zmq_send(l->router, peer, (size_t)len, ZMQ_SNDMORE), len);
    assert_int_equal(zmq_send(l->router, frame.data, frame.len, 0), (int)frame.len);
    buf_release(&frame);
}

/* The frames of the next ZeroMQ message, each of which has the next seq; 0: none comes. */
static unsigned receive_parcel(struct line *l, uint64_t *seq)
{
    uint8_t peer[64];
    zmq_msg_t body;
    struct arena arena = { 0 };
    unsigned frames = 0;
    for (int64_t until = clock_mono_ns() + 2000000000;
         zmq_recv(l->router, peer, sizeof peer, ZMQ_DONTWAIT) < 0;) {
        if (clock_mono_ns() > until)
            return 0;
        uv_run(&l->loop, UV_RUN_NOWAIT);
    }
    zmq_msg_init(&body);
    assert_true(zmq_msg_recv(&body, l->router, 0) > 0);
    struct span parcel = span_of(zmq_msg_data(&body), zmq_msg_size(&body));
    assert_in_range(parcel.len, 1, PARCEL_BYTES + BLOCK_BYTES_MAX);
    for (struct msg m; parcel.len > 0; frames++) {
        assert_int_equal(msg_take(&parcel, &arena, &m, NULL), OK);
        assert_int_equal(m.session, 11);
        assert_int_equal(m.seq, ++*seq);
    }
    zmq_msg_close(&body);
    arena_release(&arena);
    return frames;
}

/* A session that the coordinator's version begins; how many messages bring the first results. */
static unsigned parcels_of(struct line *l, uint8_t minor, unsigned results)
{
    unsigned parcels = 0;
    uint64_t seq = 0;
    welcome(l, minor);
    while (seq < results) {
        assert_true(receive_parcel(l, &seq) > 0);
        parcels++;
    }
    return parcels;
}

static void test_what_waits_goes_in_parcels(void **state)
{
    (void)state;
    struct line *l = line_new();
    enum { A_PARCEL = PARCEL_BYTES / ANSWER_BYTES + 1 };
    assert_int_equal(parcels_of(l, 3, 10 * A_PARCEL), 10);
    line_free(l);
}

static void test_an_older_coordinator_gets_each_message_alone(void **state)
{
    (void)state;
    struct line *l = line_new();
    assert_int_equal(parcels_of(l, 2, 10), 10);
    line_free(l);
}

static void test_a_beat_does_not_wait_behind_all_results(void **state)
{
    (void)state;
    struct line *l = line_new();
    link_set_session(l->link, 11);
    turn(l, 300); /* the line is full */
    struct msg beat = { .type = MSG_BEAT };
    link_say(l->link, &beat);
    unsigned results_before = 0;
    while (results_before < MESSAGES && receive(l) != MSG_BEAT)
        results_before++;
    assert_in_range(results_before, 1, MESSAGES / 2);
    line_free(l);
}

static void test_of_two_that_wait_the_newer_one_is_said(void **state)
{
    (void)state;
    struct line *l = line_new();
    link_set_session(l->link, 11);
    turn(l, 300);
    struct msg beat = { .type = MSG_BEAT };
    link_say(l->link, &beat);
    link_say(l->link, &beat);
    unsigned beats = 0;
    for (unsigned i = 0; i <= MESSAGES; i++)
        beats += receive(l) == MSG_BEAT;
    assert_int_equal(beats, 1);
    line_free(l);
}

/* Of each slot the newest: a model that does not start in one of them is told, whatever the others
 * have to say. */
static void test_of_each_slot_the_newest_waits(void **state)
{
    (void)state;
    struct line *l = line_new();
    enum { SLOTS = 5 };
    link_set_session(l->link, 11);
    turn(l, 300);
    for (uint32_t i = 0; i < 2 * SLOTS; i++) {
        struct msg news = { .type = MSG_HOST };
        news.as.host.slot = (i * 3) % SLOTS;
        link_say(l->link, &news);
    }
    unsigned hosts = 0;
    for (unsigned i = 0; i < MESSAGES + SLOTS; i++)
        hosts += receive(l) == MSG_HOST;
    assert_int_equal(hosts, SLOTS);
    line_free(l);
}

static void say_hello(struct line *l)
{
    struct msg m = { .type = MSG_HELLO };
    m.as.hello.worker_name = span_str("w");
    m.as.hello.worker_id[0] = 1;
    link_say_hello(l->link, &m);
}

/* The coordinator would refuse it, of whatever session there is: of the one that it is about to
 * give. */
static void test_news_are_nothing_without_a_session(void **state)
{
    (void)state;
    struct line *l = line_new();
    say_hello(l);
    assert_int_equal(receive(l), MSG_HELLO);
    struct msg news = { .type = MSG_HOST };
    link_say(l->link, &news);
    say_hello(l);
    assert_int_equal(receive(l), MSG_HELLO);
    line_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_waits_goes_in_parcels),
        cmocka_unit_test(test_an_older_coordinator_gets_each_message_alone),
        cmocka_unit_test(test_a_beat_does_not_wait_behind_all_results),
        cmocka_unit_test(test_of_two_that_wait_the_newer_one_is_said),
        cmocka_unit_test(test_of_each_slot_the_newest_waits),
        cmocka_unit_test(test_news_are_nothing_without_a_session),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
