/* Who gets in over TCP: the folder of keys, the allow list, and real handshakes against a socket as
 * the coordinator opens it. */
#include "tests/lib/test.h"

#include <sys/stat.h>
#include <time.h>
#include <zmq.h>

#include "common/io/file.h"
#include "common/io/handshake.h"
#include "common/io/zsock.h"
#include "common/mem.h"
#include "coordinator/access/access.h"
#include "coordinator/access/allowed.h"
#include "coordinator/access/keys.h"

enum { DEADLINE_MS = 10000 };

#define KEY "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7" /* of somebody */

struct fixture {
    char *dir;
    void *context, *others; /* the coordinator's, and that of who connects */
    uv_loop_t loop;
    struct access *access;
    struct zsock *socket;
    char endpoint[256];
    unsigned messages;
    char last[64]; /* "HOLDER TEXT" of the newest message */
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->dir = test_dir();
    f->context = zmq_ctx_new();
    f->others = zmq_ctx_new();
    assert_int_equal(uv_loop_init(&f->loop), 0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    if (f->socket)
        zsock_close(f->socket);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    access_close(f->access);
    assert_int_equal(zmq_ctx_term(f->context), 0);
    assert_int_equal(zmq_ctx_term(f->others), 0);
    test_rm_rf(f->dir);
    free(f);
    return 0;
}

static void on_message(void *owner, const struct zpeer *peer, struct span body)
{
    struct fixture *f = owner;
    f->messages++;
    snprintf(f->last, sizeof(f->last), "%s %.*s", peer->user ? peer->user : "-", (int)body.len,
             (const char *)body.data);
}

/* The coordinator's side: with its keys, on a free port, for workers. */
static void listen_for_workers(struct fixture *f)
{
    struct errmsg msg = { "" };
    struct zsock_config config = { .zmq_context = f->context,
                                   .type = ZMQ_ROUTER,
                                   .message_bytes_max = 1000,
                                   .send_high_water = 10,
                                   .owner = f,
                                   .on_message = on_message };
    if (access_open(f->context, f->dir, &f->access, &msg) != OK)
        fail_msg("%s", msg.text);
    assert_int_equal(zsock_open(&f->loop, &config, &f->socket, &msg), OK);
    assert_int_equal(zsock_bind_with_keys(f->socket, "tcp://127.0.0.1:*", access_key(f->access),
                                          access_domain(KEY_WORKER), &msg),
                     OK);
    assert_int_equal(zsock_endpoint(f->socket, f->endpoint, sizeof(f->endpoint)), OK);
}

/* ---- Those who connect ---- */

struct knocker {
    void *socket;
    struct handshake_watch watch;
};

static struct knocker knock(struct fixture *f, const struct key_file *key)
{
    struct knocker k;
    struct errmsg msg;
    int linger = 0;
    k.socket = zmq_socket(f->others, ZMQ_DEALER);
    zmq_setsockopt(k.socket, ZMQ_LINGER, &linger, sizeof(linger));
    if (key)
        assert_int_equal(handshake_use_key(k.socket, key), 0);
    assert_int_equal(handshake_watch_open(f->others, k.socket, &k.watch, &msg), OK);
    assert_int_equal(zmq_connect(k.socket, f->endpoint), 0);
    assert_int_equal(zmq_send(k.socket, "hello", 5, 0), 5);
    return k;
}

static void leave(struct knocker *k)
{
    handshake_watch_close(&k->watch, k->socket);
    zmq_close(k->socket);
}

static void turn(struct fixture *f)
{
    uv_run(&f->loop, UV_RUN_NOWAIT);
    nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
}

/* How the first handshake ends. */
static enum handshake outcome(struct fixture *f, struct knocker *k)
{
    enum handshake what = HANDSHAKE_NONE;
    for (int i = 0; i < DEADLINE_MS / 2 && what == HANDSHAKE_NONE; i++) {
        turn(f);
        what = handshake_next(&k->watch);
    }
    return what;
}

static void wait_for_message(struct fixture *f, unsigned count)
{
    for (int i = 0; i < DEADLINE_MS / 2 && f->messages < count; i++)
        turn(f);
    assert_int_equal(f->messages, count);
}

/* The coordinator's side saw it fail. */
static void wait_for_failed_handshake(struct fixture *f)
{
    for (int i = 0; i < DEADLINE_MS / 2 && zsock_handshakes_failed(f->socket) == 0; i++)
        turn(f);
    assert_int_not_equal(zsock_handshakes_failed(f->socket), 0);
}

/* Who sent the newest message, "hello". */
static uint32_t holder_of_last(const struct fixture *f)
{
    char user[16], text[16];
    assert_int_equal(sscanf(f->last, "%15s %15s", user, text), 2);
    assert_string_equal(text, "hello");
    return access_holder(user);
}

static void read_key(struct fixture *f, const char *name, struct key_file *out)
{
    struct errmsg msg;
    char *path = keys_path(f->dir, name);
    assert_int_equal(key_read(path, out, &msg), OK);
    free(path);
}

/* The list with these lines. */
static void write_list(struct fixture *f, const char *lines)
{
    struct errmsg msg;
    char *path = keys_path(f->dir, "allowed");
    assert_int_equal(file_write_atomic(path, span_str(lines), 0600, &msg), OK);
    free(path);
}

static void allow(struct fixture *f, const char *role, const struct key_file *key)
{
    char *line = xformat("# nobody else\n\n%s %s %s\n", role, key->name, key->public_key);
    write_list(f, line);
    free(line);
}

static struct access_change reload(struct fixture *f)
{
    struct access_change change;
    struct errmsg msg = { "" };
    if (access_reload(f->access, &change, &msg) != OK)
        fail_msg("%s", msg.text);
    return change;
}

/* ---- At the door ---- */

static void a_key_of_the_list_gets_in_and_is_known_by_its_number(void **state)
{
    struct fixture *f = *state;
    struct key_file key;
    listen_for_workers(f);
    read_key(f, "worker.key", &key);
    struct knocker k = knock(f, &key);
    assert_int_equal(outcome(f, &k), HANDSHAKE_DONE);
    wait_for_message(f, 1);
    uint32_t holder = holder_of_last(f);
    assert_true(access_allows(f->access, holder, KEY_WORKER));
    assert_false(access_allows(f->access, holder, KEY_OPERATOR));
    assert_string_equal(access_name(f->access, holder), "worker");
    leave(&k);
}

/* Refused in words, and nothing of it arrives. */
static void refused(struct fixture *f, const struct key_file *key, enum handshake expected)
{
    struct knocker k = knock(f, key);
    assert_int_equal(outcome(f, &k), expected);
    leave(&k);
    assert_int_equal(f->messages, 0);
}

static void a_key_that_is_not_in_the_list_is_refused(void **state)
{
    struct fixture *f = *state;
    struct key_file worker, unknown;
    struct access_refusals refusals;
    listen_for_workers(f);
    read_key(f, "worker.key", &worker);
    key_make(KEY_WORKER, "unknown", &unknown);
    memcpy(unknown.coordinator, worker.coordinator, KEY_TEXT_BYTES);
    refused(f, &unknown, HANDSHAKE_REFUSED);
    access_refusals(f->access, &refusals);
    assert_int_equal(refusals.count, 1);
    assert_string_equal(refusals.public_key, unknown.public_key);
    assert_string_equal(refusals.address, "127.0.0.1");
    access_refusals(f->access, &refusals);
    assert_int_equal(refusals.count, 0);
}

static void an_operators_key_is_refused_where_workers_connect(void **state)
{
    struct fixture *f = *state;
    struct key_file key;
    listen_for_workers(f);
    read_key(f, "operator.key", &key);
    refused(f, &key, HANDSHAKE_REFUSED);
}

static void a_wrong_coordinators_key_is_broken_off(void **state)
{
    struct fixture *f = *state;
    struct key_file key, other;
    listen_for_workers(f);
    read_key(f, "worker.key", &key);
    key_make(KEY_COORDINATOR, "other", &other);
    memcpy(key.coordinator, other.public_key, KEY_TEXT_BYTES);
    refused(f, &key, HANDSHAKE_BROKEN);
}

static void without_a_key_nobody_gets_in(void **state)
{
    struct fixture *f = *state;
    listen_for_workers(f);
    struct knocker k = knock(f, NULL);
    enum handshake what = outcome(f, &k);
    assert_true(what == HANDSHAKE_MISMATCH || what == HANDSHAKE_BROKEN); /* who closes first */
    wait_for_failed_handshake(f);
    leave(&k);
    assert_int_equal(f->messages, 0);
}

/* ZeroMQ by itself lets everybody in when nobody answers it. */
static void when_nobody_answers_nobody_gets_in(void **state)
{
    struct fixture *f = *state;
    struct key_file key;
    listen_for_workers(f);
    read_key(f, "worker.key", &key);
    access_close(f->access);
    f->access = NULL;
    struct knocker k = knock(f, &key);
    wait_for_failed_handshake(f);
    assert_int_not_equal(handshake_next(&k.watch), HANDSHAKE_DONE);
    leave(&k);
    assert_int_equal(f->messages, 0);
}

/* ---- The list changes ---- */

static void a_key_that_is_removed_may_say_nothing_more(void **state)
{
    struct fixture *f = *state;
    struct key_file key;
    listen_for_workers(f);
    read_key(f, "worker.key", &key);
    struct knocker k = knock(f, &key);
    wait_for_message(f, 1);
    uint32_t holder = holder_of_last(f);
    write_list(f, "");
    struct access_change change = reload(f);
    assert_int_equal(change.allowed, 0);
    assert_int_equal(change.removed, 2);
    assert_false(access_allows(f->access, holder, KEY_WORKER)); /* though it is still connected */
    leave(&k);
    f->messages = 0;
    refused(f, &key, HANDSHAKE_REFUSED);
}

static void a_key_that_comes_back_has_its_number_again(void **state)
{
    struct fixture *f = *state;
    struct key_file key;
    listen_for_workers(f);
    read_key(f, "worker.key", &key);
    struct knocker k = knock(f, &key);
    wait_for_message(f, 1);
    char before[64];
    memcpy(before, f->last, sizeof(before));
    leave(&k);
    write_list(f, "");
    reload(f);
    allow(f, "worker", &key);
    assert_int_equal(reload(f).added, 1);
    k = knock(f, &key);
    wait_for_message(f, 2);
    assert_string_equal(f->last, before);
    leave(&k);
}

static void a_changed_role_counts_at_once(void **state)
{
    struct fixture *f = *state;
    struct key_file key;
    listen_for_workers(f);
    read_key(f, "worker.key", &key);
    allow(f, "operator", &key);
    struct access_change change = reload(f);
    assert_int_equal(change.added, 0);
    assert_int_equal(change.removed, 1); /* the operator's key of the first start */
    refused(f, &key, HANDSHAKE_REFUSED);
}

static void a_broken_list_leaves_the_one_in_force(void **state)
{
    struct fixture *f = *state;
    struct key_file key;
    struct access_change change;
    struct errmsg msg = { "" };
    listen_for_workers(f);
    read_key(f, "worker.key", &key);
    write_list(f, "worker\n");
    assert_int_equal(access_reload(f->access, &change, &msg), ERR_INVALID);
    struct knocker k = knock(f, &key);
    assert_int_equal(outcome(f, &k), HANDSHAKE_DONE);
    leave(&k);
}

/* ---- What peers say of themselves ---- */

static void only_numbers_that_were_given_are_holders(void **state)
{
    struct fixture *f = *state;
    listen_for_workers(f);
    static const char *const none[] = { "", "abc", "-1", "1x", "99999999" };
    assert_int_equal(access_holder(NULL), 0);
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        assert_int_equal(access_holder(none[i]), 0);
    assert_int_equal(access_holder("2"), 2);
    assert_true(access_allows(f->access, 1, KEY_WORKER) || access_allows(f->access, 2, KEY_WORKER));
    assert_false(access_allows(f->access, 0, KEY_WORKER));
    assert_false(access_allows(f->access, 3, KEY_WORKER));
    assert_string_equal(access_name(f->access, 0), "");
    assert_string_equal(access_name(f->access, 3), "");
}

/* Asks the handler itself, as ZeroMQ does. */
static void assert_answer(struct fixture *f, const struct span *parts, size_t count,
                          const char *status)
{
    void *asker = zmq_socket(f->context, ZMQ_REQ);
    int linger = 0, more = 1;
    size_t size = sizeof(more);
    zmq_setsockopt(asker, ZMQ_LINGER, &linger, sizeof(linger));
    assert_int_equal(zmq_connect(asker, "inproc://zeromq.zap.01"), 0);
    for (size_t i = 0; i < count; i++)
        assert_int_not_equal(
            zmq_send(asker, parts[i].data, parts[i].len, i + 1 < count ? ZMQ_SNDMORE : 0), -1);
    char said[256] = "";
    for (int i = 0; more; i++) {
        char part[sizeof(said)];
        int len = zmq_recv(asker, part, sizeof(part), 0);
        if (i == 2 && len == 3)
            memcpy(said, part, 3);
        assert_int_equal(zmq_getsockopt(asker, ZMQ_RCVMORE, &more, &size), 0);
    }
    zmq_close(asker);
    assert_string_equal(said, status);
}

/* Each differs in one thing from the question whose answer is yes. */
static void a_question_of_another_form_is_answered_with_no(void **state)
{
    enum { VERSION, DOMAIN = 2, ADDRESS, MECHANISM = 5, HELD_KEY, PARTS };
    struct fixture *f = *state;
    struct key_file key;
    uint8_t raw[KEY_RAW_BYTES + 1] = { 0 }, large[400] = { 0 };
    listen_for_workers(f);
    read_key(f, "worker.key", &key);
    assert_non_null(zmq_z85_decode(raw, key.public_key));
    const struct span good[] = {
        span_str("1.0"), span_str("1"),     span_str("workers"),        span_str("127.0.0.1"),
        span_str(""),    span_str("CURVE"), span_of(raw, KEY_RAW_BYTES)
    };
    const struct {
        size_t part;
        struct span instead;
    } cases[] = {
        { VERSION, span_str("2.0") },
        { DOMAIN, span_str("operators") },
        { DOMAIN, span_of(large, sizeof(large)) },
        { MECHANISM, span_str("NULL") },
        { HELD_KEY, span_of(raw, KEY_RAW_BYTES - 1) },
        { HELD_KEY, span_of(raw, KEY_RAW_BYTES + 1) },
        { HELD_KEY, span_of(large, KEY_RAW_BYTES) },
        { HELD_KEY, span_of(large, sizeof(large)) },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct span parts[PARTS];
        memcpy(parts, good, sizeof(parts));
        parts[cases[i].part] = cases[i].instead;
        assert_answer(f, parts, PARTS, "400");
    }
    struct span longer[PARTS + 2];
    memcpy(longer, good, sizeof(good));
    longer[PARTS] = longer[PARTS + 1] = span_of(large, sizeof(large));
    for (size_t count = 1; count <= PARTS + 2; count++)
        assert_answer(f, longer, count, count == PARTS ? "200" : "400");
    struct span far[PARTS]; /* where from is only for people */
    memcpy(far, good, sizeof(far));
    far[ADDRESS] = span_of(large, sizeof(large));
    assert_answer(f, far, PARTS, "200");
}

static void one_alone_answers_in_a_context(void **state)
{
    struct fixture *f = *state;
    struct access *other;
    struct errmsg msg = { "" };
    listen_for_workers(f);
    assert_int_equal(access_open(f->context, f->dir, &other, &msg), ERR_BUSY);
    assert_non_null(strstr(msg.text, "cannot answer for the keys of peers"));
    access_close(NULL);
}

static void nobody_answers_in_a_context_that_has_ended(void **state)
{
    struct fixture *f = *state;
    struct access *access;
    struct errmsg msg = { "" };
    void *context = zmq_ctx_new();
    assert_int_equal(access_open(context, f->dir, &access, &msg), OK);
    assert_int_equal(zmq_ctx_shutdown(context), 0); /* the handler notices */
    access_close(access);
    assert_int_equal(access_open(context, f->dir, &access, &msg), ERR_IO);
    assert_non_null(strstr(msg.text, "cannot answer for the keys of peers"));
    assert_int_equal(zmq_ctx_term(context), 0);
}

/* ---- The list as a file ---- */

static void a_start_with_a_broken_list_is_refused(void **state)
{
    struct fixture *f = *state;
    struct errmsg msg = { "" };
    write_list(f, "worker\n");
    assert_int_equal(access_open(f->context, f->dir, &f->access, &msg), ERR_INVALID);
    assert_non_null(strstr(msg.text, "allowed: line 1: expected a name"));
    f->access = NULL;
}

static void each_line_of_the_list_is_checked(void **state)
{
    (void)state;
    static const struct {
        const char *text, *said;
    } cases[] = {
        { "worker\n", "line 1: expected a name" },
        { "boss a " KEY, "line 1: expected \"worker NAME KEY\"" },
        { "coordinator a " KEY, "line 1: expected \"worker NAME KEY\"" },
        { "# x\n\nworker a/b " KEY "\n", "line 3: expected a name" },
        { "worker a short", "line 1: expected a public key" },
        { "worker a " KEY "0", "line 1: expected a public key" },
        { "worker a " KEY " b", "line 1: expected nothing behind" },
        { "worker a " KEY "\noperator b " KEY "\n", "is there twice" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct allowed a;
        struct errmsg msg = { "" };
        assert_int_not_equal(allowed_parse(span_str(cases[i].text), "LIST", &a, &msg), OK);
        if (!strstr(msg.text, cases[i].said) || !strstr(msg.text, "LIST"))
            fail_msg("case %zu: \"%s\"", i, msg.text);
    }
    struct allowed a;
    assert_int_equal(allowed_parse(span_str("\tworker  a\t" KEY "\r\n#"), "LIST", &a, NULL), OK);
    assert_int_equal(a.count, 1);
    assert_string_equal(allowed_find(&a, KEY)->name, "a");
    assert_null(allowed_find(&a, "a"));
    allowed_release(&a);
}

static void a_list_that_others_may_write_is_refused(void **state)
{
    struct fixture *f = *state;
    struct errmsg msg = { "" };
    char *path = keys_path(f->dir, "allowed");
    write_list(f, "");
    assert_int_equal(chmod(path, 0620), 0);
    assert_int_equal(access_open(f->context, f->dir, &f->access, &msg), ERR_DENIED);
    assert_non_null(strstr(msg.text, "chmod 600"));
    free(path);
}

/* ---- The folder ---- */

static void a_first_start_makes_all_that_two_machines_need(void **state)
{
    struct fixture *f = *state;
    char *dir = file_join(f->dir, "state/keys");
    struct key_file own, again, worker;
    struct errmsg msg = { "" };
    assert_int_equal(keys_prepare(dir, &own, &msg), OK);
    struct stat st;
    assert_int_equal(stat(dir, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_int_equal(keys_prepare(dir, &again, &msg), OK);
    assert_string_equal(own.secret_key, again.secret_key);
    char *path = keys_path(dir, "worker.key");
    assert_int_equal(key_read_for(KEY_WORKER, path, &worker, &msg), OK);
    assert_string_equal(worker.coordinator, own.public_key);
    free(path);
    free(dir);
}

/* Cut short behind any of its files, the next start comes to the same. */
static void a_first_start_that_was_cut_short_is_begun_again(void **state)
{
    struct fixture *f = *state;
    struct key_file own;
    struct errmsg msg = { "" };
    assert_int_equal(keys_prepare(f->dir, &own, &msg), OK);
    static const char *const never_written[] = { "allowed", "worker.key", "operator.key",
                                                 "coordinator.key" };
    for (size_t i = 0; i < sizeof(never_written) / sizeof(never_written[0]); i++) {
        for (size_t k = 0; k <= i; k++) {
            char *path = keys_path(f->dir, never_written[k]);
            assert_int_equal(remove(path), 0);
            free(path);
        }
        void *context = zmq_ctx_new(); /* of a new process */
        struct access *access = NULL;
        if (access_open(context, f->dir, &access, &msg) != OK)
            fail_msg("%s", msg.text);
        access_close(access);
        assert_int_equal(zmq_ctx_term(context), 0);
        struct key_file worker;
        read_key(f, "worker.key", &worker);
    }
}

static void a_folder_that_others_may_enter_is_refused(void **state)
{
    struct fixture *f = *state;
    struct key_file own;
    struct errmsg msg = { "" };
    assert_int_equal(chmod(f->dir, 0750), 0);
    assert_int_equal(keys_prepare(f->dir, &own, &msg), ERR_DENIED);
    assert_non_null(strstr(msg.text, "chmod 700"));
    assert_int_equal(chmod(f->dir, 0700), 0);
}

static void an_issued_key_is_allowed_and_its_name_taken(void **state)
{
    struct fixture *f = *state;
    char *path = keys_path(f->dir, "node7.key"), *other = keys_path(f->dir, "other.key");
    struct key_file key;
    struct errmsg msg = { "" };
    listen_for_workers(f);
    assert_int_equal(keys_issue(f->dir, KEY_WORKER, "node7", path, &msg), OK);
    assert_int_equal(keys_issue(f->dir, KEY_WORKER, "node7", other, &msg), ERR_EXISTS);
    assert_false(file_exists(other));
    assert_int_equal(reload(f).added, 1);
    assert_int_equal(key_read_for(KEY_WORKER, path, &key, &msg), OK);
    struct knocker k = knock(f, &key);
    assert_int_equal(outcome(f, &k), HANDSHAKE_DONE);
    leave(&k);
    free(path);
    free(other);
}

int main(void)
{
#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(a_key_of_the_list_gets_in_and_is_known_by_its_number),
        WITH_FOLDER(a_key_that_is_not_in_the_list_is_refused),
        WITH_FOLDER(an_operators_key_is_refused_where_workers_connect),
        WITH_FOLDER(a_wrong_coordinators_key_is_broken_off),
        WITH_FOLDER(without_a_key_nobody_gets_in),
        WITH_FOLDER(when_nobody_answers_nobody_gets_in),
        WITH_FOLDER(a_key_that_is_removed_may_say_nothing_more),
        WITH_FOLDER(a_key_that_comes_back_has_its_number_again),
        WITH_FOLDER(a_changed_role_counts_at_once),
        WITH_FOLDER(a_broken_list_leaves_the_one_in_force),
        WITH_FOLDER(only_numbers_that_were_given_are_holders),
        WITH_FOLDER(a_question_of_another_form_is_answered_with_no),
        WITH_FOLDER(one_alone_answers_in_a_context),
        WITH_FOLDER(nobody_answers_in_a_context_that_has_ended),
        WITH_FOLDER(a_start_with_a_broken_list_is_refused),
        WITH_FOLDER(each_line_of_the_list_is_checked),
        WITH_FOLDER(a_list_that_others_may_write_is_refused),
        WITH_FOLDER(a_first_start_makes_all_that_two_machines_need),
        WITH_FOLDER(a_first_start_that_was_cut_short_is_begun_again),
        WITH_FOLDER(a_folder_that_others_may_enter_is_refused),
        WITH_FOLDER(an_issued_key_is_allowed_and_its_name_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
