/* Real children, well-behaved and otherwise, behind the exec adapter. Whatever they do, the loop
 * goes on, the end is reported once with the right class, and nothing of theirs is left. */
#include "tests/lib/test.h"

#include <sys/stat.h>

#include "common/check.h"
#include "common/io/clock.h"
#include "common/mem.h"
#include "tests/lib/spared_process.h"
#include "worker/child/reap.h"
#include "worker/host/host.h"

enum { WAIT_MS = 15000, REPLIES_MAX = 64 };

/* One run of one program, and what came of it. */
struct trial {
    uv_loop_t loop;
    uv_timer_t guard; /* ends the loop if the host does not */
    char *dir, *log;
    struct host_family family;
    struct host *host;
    struct model_definition model;
    unsigned ask; /* requests to send at hello */
    bool closes;  /* ... and then the end of the requests, once all are answered */
    bool kills;   /* ... and then the kill */
    unsigned hellos, replies, exits;
    uint32_t inflight;
    char *answers[REPLIES_MAX]; /* by id; NULL: none */
    status statuses[REPLIES_MAX];
    uint32_t micros;
    enum host_end end;
    char *text;
};

static const struct task a_task = { .name = "Shout", .path = "nlp/Shout" };

static void ask(struct trial *t, uint64_t id)
{
    char text[128];
    snprintf(text, sizeof text, "{\"task\":\"nlp/Shout\",\"input\":{\"question\":\"q%llu\"}}",
             (unsigned long long)id);
    struct instance instance = { .id = "1", .request = span_str(text) };
    struct host_request r = {
        .id = id,
        .task = &a_task,
        .instance = &instance,
        .output_file = "/nowhere/3-17",
        .decoding = "{\"temperature\":0}",
    };
    host_request(t->host, &r);
}

static void on_hello(void *owner, const char *name, uint32_t inflight, uint32_t run_max)
{
    assert_int_equal(run_max, 1); /* a program is asked for one instance at a time */
    struct trial *t = owner;
    (void)name;
    t->hellos++;
    t->inflight = inflight;
    for (unsigned i = 1; i <= t->ask; i++)
        ask(t, i);
    if (t->kills)
        host_kill(t->host);
    else if (t->closes && t->ask == 0)
        host_close(t->host);
}

static void on_reply(void *owner, const struct host_reply *reply)
{
    struct trial *t = owner;
    assert_true(reply->id < REPLIES_MAX);
    assert_null(t->answers[reply->id]);
    struct span said = reply->file ? span_str(reply->file) : reply->answer;
    t->answers[reply->id] = xstrndup((const char *)said.data, said.len);
    t->statuses[reply->id] = reply->status;
    t->micros = reply->micros;
    t->replies++;
    if (t->closes && t->replies == t->ask)
        host_close(t->host);
}

static void on_exited(void *owner, enum host_end end, const char *text)
{
    struct trial *t = owner;
    t->exits++;
    t->end = end;
    t->text = xstrdup(text);
    t->host = NULL;
    uv_close((uv_handle_t *)&t->guard, NULL);
}

static void on_guard(uv_timer_t *guard)
{
    struct trial *t = container_of(guard, struct trial, guard);
    fail_msg("the host did not end within %d ms (%u hellos, %u replies)", WAIT_MS, t->hellos,
             t->replies);
}

static const struct host_callbacks callbacks = { on_hello, on_reply, on_exited };

static int setup(void **state)
{
    struct trial *t = xcalloc(1, sizeof *t);
    assert_int_equal(uv_loop_init(&t->loop), 0);
    t->dir = test_dir();
    t->log = xformat("%s/model.log", t->dir);
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    struct trial *t = *state;
    if (t->exits == 0 && t->host) {
        size_t left;
        host_kill(t->host);
        (void)reap_stragglers(NULL, 0, 0, &left, NULL);
    } else {
        assert_int_equal(uv_loop_close(&t->loop), 0);
    }
    for (size_t i = 0; i < REPLIES_MAX; i++)
        free(t->answers[i]);
    host_family_release(&t->family);
    test_rm_rf(t->dir);
    free(t->log);
    free(t->text);
    free(t);
    return 0;
}

static err open_program(struct trial *t, const char *const *command, size_t words)
{
    t->model = (struct model_definition){
        .name = "trial",
        .host = HOST_EXEC,
        .command = command,
        .command_count = words,
        .args = "{\"psm\":7}",
    };
    struct host_place place = {
        .launcher = LAUNCHER,
        .work_dir = t->dir,
        .log_path = t->log,
        .family = &t->family,
    };
    struct host_config config = { &t->loop, &t->model, &place, &callbacks, t };
    uv_timer_init(&t->loop, &t->guard);
    struct errmsg msg = { "" };
    return host_open(&config, &t->host, &msg);
}

static void run(struct trial *t)
{
    uv_timer_start(&t->guard, on_guard, WAIT_MS, 0);
    uv_run(&t->loop, UV_RUN_DEFAULT);
    assert_int_equal(t->exits, 1);
}

static void run_program(struct trial *t, const char *interpreter, const char *text)
{
    const char *command[] = { interpreter, "-c", text };
    assert_int_equal(open_program(t, command, 3), OK);
    run(t);
}

#define PRELUDE                                                                                    \
    "import json, os, sys, time, signal, subprocess\n"                                             \
    "requests, replies = os.fdopen(3, 'r'), os.fdopen(os.dup(3), 'w')\n"                           \
    "def say(text):\n"                                                                             \
    "    replies.write(text + '\\n')\n"                                                            \
    "    replies.flush()\n"                                                                        \
    "def reply(**message):\n"                                                                      \
    "    say(json.dumps(message))\n"
#define HELLO PRELUDE "reply(hello=1, name='trial', inflight=4)\n"
#define EACH  "for line in requests:\n    request = json.loads(line)\n    id = request['id']\n"

static void run_python(struct trial *t, const char *text)
{
    run_program(t, "/usr/bin/python3", text);
}

/* Orphans come to us, the subreaper: whoever still runs is our child. */
static bool has_children(void)
{
    pid_t child;
    while ((child = waitpid(-1, NULL, WNOHANG)) > 0) { /* dead: gone */
    }
    return child == 0;
}

/* --- what well-behaved models do --- */

static void test_the_example_of_the_protocol_document_works(void **state)
{
    struct trial *t = *state;
    t->ask = 3;
    t->closes = true;
    run_python(t,
               "import json, os\n"
               "fd = int(os.environ[\"MUSTER_FD\"])\n"
               "requests, replies = os.fdopen(fd, \"r\"), os.fdopen(os.dup(fd), \"w\")\n"
               "\n"
               "def reply(**message):\n"
               "    replies.write(json.dumps(message) + \"\\n\")\n"
               "    replies.flush()\n"
               "\n"
               "# Load the weights here, then say that you are ready.\n"
               "reply(hello=1, name=\"shout\", inflight=4)\n"
               "for line in requests:\n"
               "    request = json.loads(line)\n"
               "    reply(id=request[\"id\"], answer=request[\"input\"][\"question\"].upper())\n");
    assert_int_equal(t->hellos, 1);
    assert_int_equal(t->inflight, 4);
    assert_string_equal(t->answers[1], "Q1");
    assert_string_equal(t->answers[3], "Q3");
    assert_int_equal(t->end, HOST_END_GONE);
    assert_string_equal(t->text, "exited with code 0");
}

static void test_a_shell_script_can_be_a_model(void **state)
{
    struct trial *t = *state;
    t->ask = 1;
    t->closes = true;
    run_program(t, "/bin/sh",
                "echo '{\"hello\":1}' >&3\n"
                "while read -r line <&3; do\n"
                "    id=${line#*:}; id=${id%%,*}\n"
                "    echo loading > /dev/stderr\n" /* which a socket would refuse */
                "    echo \"{\\\"id\\\":$id,\\\"answer\\\":\\\"yes\\\"}\" >&3\n"
                "done\n");
    assert_int_equal(t->inflight, 1);
    assert_string_equal(t->answers[1], "yes");
    assert_string_equal(t->text, "exited with code 0; last printed: loading");
}

static void test_a_request_carries_decoding_output_file_and_settings(void **state)
{
    struct trial *t = *state;
    t->ask = 1;
    t->closes = true;
    run_python(t, HELLO EACH "    reply(id=id, answer=json.dumps([request['decoding'],"
                             " request['output_file'], os.environ['MUSTER_ARGS']]))\n");
    assert_string_equal(t->answers[1],
                        "[{\"temperature\": 0}, \"/nowhere/3-17\", \"{\\\"psm\\\":7}\"]");
}

static void test_replies_may_come_in_any_order(void **state)
{
    struct trial *t = *state;
    t->ask = 3;
    t->closes = true;
    run_python(t, HELLO "batch = [json.loads(requests.readline()) for _ in range(3)]\n"
                        "for request in reversed(batch):\n"
                        "    reply(id=request['id'], answer='a%d' % request['id'])\n"
                        "requests.read()\n");
    assert_int_equal(t->replies, 3);
    assert_string_equal(t->answers[2], "a2");
}

static void test_errors_have_classes(void **state)
{
    struct trial *t = *state;
    t->ask = 4;
    t->closes = true;
    run_python(t, HELLO EACH "    kinds = [{}, {'class': 'oom'}, {'class': 'too_long'},"
                             " {'class': 'refused'}]\n"
                             "    reply(id=id, error='no', **kinds[id - 1])\n");
    assert_int_equal(t->statuses[1], STATUS_ERROR);
    assert_int_equal(t->statuses[2], STATUS_OOM);
    assert_int_equal(t->statuses[3], STATUS_TOO_LONG);
    assert_int_equal(t->statuses[4], STATUS_REFUSED);
    assert_string_equal(t->answers[1], "no");
}

static void test_an_answer_over_the_limit_is_too_long(void **state)
{
    struct trial *t = *state;
    t->ask = 2;
    t->closes = true;
    run_python(t, HELLO EACH "    reply(id=id, answer='x' * (262143 + id))\n");
    assert_int_equal(t->statuses[1], STATUS_OK);
    assert_int_equal(strlen(t->answers[1]), 262144);
    assert_int_equal(t->statuses[2], STATUS_TOO_LONG);
}

static void test_files_are_passed_on_as_said(void **state)
{
    struct trial *t = *state;
    t->ask = 1;
    t->closes = true;
    run_python(t, HELLO EACH "    reply(id=id, file=request['output_file'] + '.wav')\n");
    assert_string_equal(t->answers[1], "/nowhere/3-17.wav");
}

static void test_the_time_of_a_request_is_measured(void **state)
{
    struct trial *t = *state;
    t->ask = 1;
    t->closes = true;
    run_python(t, HELLO EACH "    time.sleep(0.2)\n    reply(id=id, answer='')\n");
    assert_in_range(t->micros, 200000, 2000000);
}

static void test_a_slow_start_is_waited_for(void **state)
{
    struct trial *t = *state;
    t->ask = 1;
    t->closes = true;
    run_python(t, "import time\ntime.sleep(0.5)\n" HELLO EACH "    reply(id=id, answer='')\n");
    assert_int_equal(t->replies, 1);
}

static void test_the_last_reply_before_an_exit_counts(void **state)
{
    struct trial *t = *state;
    t->ask = 1;
    run_python(t, HELLO EACH "    reply(id=id, answer='last')\n    os._exit(0)\n");
    assert_string_equal(t->answers[1], "last");
}

static void test_it_sees_its_own_descriptors_only(void **state)
{
    struct trial *t = *state;
    t->ask = 1;
    t->closes = true;
    run_program(t, "/bin/sh",
                "echo '{\"hello\":1}' >&3\n"
                "read -r line <&3\n"
                "n=0; found=; while [ $n -lt 200 ]; do\n"
                "    [ -e /proc/$$/fd/$n ] && found=\"$found $n\"; n=$((n + 1))\n"
                "done\n"
                "echo \"{\\\"id\\\":1,\\\"answer\\\":\\\"$found\\\"}\" >&3\n");
    assert_string_equal(t->answers[1], " 0 1 2 3");
}

/* --- what they are told --- */

static void test_a_kill_takes_the_children_too(void **state)
{
    struct trial *t = *state;
    t->kills = true;
    run_python(t, PRELUDE "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
                          "subprocess.Popen(['sleep', '1000'])\n"
                          "subprocess.Popen(['setsid', 'sleep', '1000'])\n"
                          "time.sleep(0.1)\n"
                          "reply(hello=1)\ntime.sleep(1000)\n");
    assert_int_equal(t->end, HOST_END_GONE);
    assert_string_equal(t->text, "killed by signal 9 (Killed)");
    assert_false(has_children());
}

static void test_an_exit_takes_what_was_left_behind(void **state)
{
    struct trial *t = *state;
    t->closes = true;
    run_python(t, HELLO "subprocess.Popen(['setsid', 'sleep', '1000'])\nrequests.read()\n");
    assert_int_equal(t->end, HOST_END_GONE);
    assert_false(has_children());
}

/* --- a process that cannot be killed --- */

static void on_first_exited(void *owner, enum host_end end, const char *text)
{
    (void)end;
    (void)text;
    *(bool *)owner = true;
}

static void on_first_hello(void *owner, const char *name, uint32_t inflight, uint32_t run_max)
{
    (void)owner;
    (void)inflight;
    (void)run_max;
    spared = (pid_t)strtol(name, NULL, 10);
}

/* It left behind what cannot be killed: its own slot is lost, and no other one. */
static void expect_others_to_end(struct trial *t, const char *first_program)
{
    static const struct host_callbacks first_callbacks = { on_first_hello, on_reply,
                                                           on_first_exited };
    const char *command[] = { "/usr/bin/python3", "-c", first_program };
    struct model_definition model = {
        .name = "first", .host = HOST_EXEC, .command = command, .command_count = 3, .args = "{}"
    };
    struct host_place place = {
        .launcher = LAUNCHER, .work_dir = t->dir, .log_path = t->log, .family = &t->family
    };
    bool has_exited = false;
    struct host_config config = { &t->loop, &model, &place, &first_callbacks, &has_exited };
    struct host *first;
    assert_int_equal(host_open(&config, &first, NULL), OK);
    while (t->family.count > 0 || !spared) /* until it has ended itself */
        uv_run(&t->loop, UV_RUN_ONCE);

    t->closes = true;
    command[2] = HELLO "requests.read()\n";
    assert_int_equal(open_program(t, command, 3), OK);
    uv_timer_start(&t->guard, on_guard, WAIT_MS, 0);
    while (t->exits == 0)
        uv_run(&t->loop, UV_RUN_ONCE);
    assert_false(has_exited);
    kill(spared, SIGKILL);
    spared = 0;
    uv_run(&t->loop, UV_RUN_DEFAULT);
    assert_true(has_exited);
}

static void test_what_one_left_behind_holds_up_no_other(void **state)
{
    expect_others_to_end(*state, PRELUDE "p = subprocess.Popen(['setsid', 'sleep', '1000'])\n"
                                         "time.sleep(0.1)\nreply(hello=1, name=str(p.pid))\n");
}

static void test_nor_does_what_cleared_its_environment(void **state)
{
    expect_others_to_end(*state, PRELUDE
                         "p = subprocess.Popen(['/usr/bin/setsid', 'sleep', '1000'], env={})\n"
                         "time.sleep(0.1)\nreply(hello=1, name=str(p.pid))\n");
}

/* --- misbehaviour, one table: what it does, and how that is reported --- */

static void test_misbehaviour_is_reported_with_its_class(void **state)
{
    static const struct {
        const char *program;
        unsigned ask;
        enum host_end end;
        const char *text; /* must be in it */
    } cases[] = {
        { "raise SystemExit(3)\n", 0, HOST_END_GONE, "exited with code 3" },
        { "raise SystemExit('no weights')\n", 0, HOST_END_GONE,
          "exited with code 1; last printed: no weights" },
        { HELLO EACH "    os._exit(7)\n", 1, HOST_END_GONE, "exited with code 7" },
        { HELLO EACH "    os.kill(os.getpid(), signal.SIGSEGV)\n", 1, HOST_END_GONE,
          "killed by signal 11 (Segmentation fault)" },
        { HELLO EACH "    say('garbage')\n", 1, HOST_END_PROTOCOL, "not JSON" },
        { HELLO EACH "    say('')\n", 1, HOST_END_PROTOCOL, "not JSON" },
        { HELLO EACH "    say('[1]')\n", 1, HOST_END_PROTOCOL, "must be an object, not a list" },
        { HELLO EACH "    say('{\"id\": 1, \"id\": 2, \"answer\": \"\"}')\n", 1, HOST_END_PROTOCOL,
          "duplicate" },
        { HELLO EACH "    reply(id=99, answer='')\n", 1, HOST_END_PROTOCOL,
          "a reply to id 99, which is not being asked" },
        { HELLO EACH "    reply(id=id, answer='')\n    reply(id=id, answer='')\n", 1,
          HOST_END_PROTOCOL, "a reply to id 1, which is not being asked" },
        { HELLO EACH "    reply(id=id)\n", 1, HOST_END_PROTOCOL, "exactly one of" },
        { HELLO EACH "    reply(id=id, answer='', error='')\n", 1, HOST_END_PROTOCOL,
          "exactly one of" },
        { HELLO EACH "    reply(id=id, answer=5)\n", 1, HOST_END_PROTOCOL,
          "\"answer\" must be text, not a number" },
        { HELLO EACH "    reply(id='1', answer='')\n", 1, HOST_END_PROTOCOL, "an integer" },
        { HELLO EACH "    reply(id=id, error='no', **{'class': 'sad'})\n", 1, HOST_END_PROTOCOL,
          "\"class\" must be error, oom, too_long or refused" },
        { HELLO "reply(hello=1)\ntime.sleep(1000)\n", 0, HOST_END_PROTOCOL,
          "it said hello a second time" },
        { PRELUDE "reply(hello=2)\ntime.sleep(1000)\n", 0, HOST_END_PROTOCOL,
          "\"hello\" must be 1" },
        { PRELUDE "reply(hello=1, inflight=257)\ntime.sleep(1000)\n", 0, HOST_END_PROTOCOL,
          "\"inflight\" must be an integer from 1 to 256" },
        { PRELUDE "reply(id=1, answer='')\ntime.sleep(1000)\n", 0, HOST_END_PROTOCOL,
          "not being asked" },
        { HELLO EACH "    say('x' * (1 << 20) + 'x')\n", 1, HOST_END_PROTOCOL,
          "a line of more than 1048576 bytes" },
        { HELLO EACH "    while True: replies.write('x' * 65536)\n", 1, HOST_END_PROTOCOL,
          "a line of more than 1048576 bytes" },
        { HELLO EACH "    while True: say('{}')\n", 1, HOST_END_PROTOCOL, "\"id\"" },
        { HELLO "os.close(3); replies.close(); os.dup2(1, 3)\ntime.sleep(1000)\n", 0,
          HOST_END_PROTOCOL, "it closed its descriptor 3 and did not exit" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        void *trial;
        setup(&trial);
        struct trial *t = trial;
        t->ask = cases[i].ask;
        run_python(t, cases[i].program);
        if (t->end != cases[i].end || !strstr(t->text, cases[i].text))
            fail_msg("case %zu ended as %d: %s", i, t->end, t->text);
        assert_false(has_children());
        teardown(&trial);
    }
}

static void test_a_program_that_is_not_there_says_so(void **state)
{
    struct trial *t = *state;
    const char *command[] = { "/no/such/program" };
    assert_int_equal(open_program(t, command, 1), OK); /* the launcher is there */
    run(t);
    assert_non_null(strstr(t->text, "exited with code 127"));
    assert_non_null(strstr(t->text, "/no/such/program"));
}

/* A model that reads nothing is asked without the loop ever waiting for it. */
static void test_a_model_that_does_not_read_blocks_nobody(void **state)
{
    struct trial *t = *state;
    t->ask = 4;
    int64_t start = clock_mono_ns();
    run_python(t, HELLO "time.sleep(0.3)\nos._exit(0)\n");
    assert_true(clock_mono_ns() - start < 5000000000ll);
    assert_int_equal(t->replies, 0);
}

/* --- the log --- */

static size_t file_bytes(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? (size_t)st.st_size : 0;
}

static void test_what_it_prints_is_logged(void **state)
{
    struct trial *t = *state;
    t->closes = true;
    run_python(t, "print('out', flush=True)\n" HELLO
                  "print('err', file=sys.stderr)\nrequests.read()\n");
    FILE *f = fopen(t->log, "r");
    assert_non_null(f);
    char text[64] = "";
    size_t len = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    assert_int_equal(len, 8);
    assert_string_equal(text, "out\nerr\n");
}

static void test_a_flood_of_output_is_dropped_and_blocks_nobody(void **state)
{
    struct trial *t = *state;
    t->ask = 1;
    t->closes = true;
    run_python(t, HELLO EACH "    for _ in range(1000): sys.stdout.write('x' * 65536)\n"
                             "    sys.stdout.flush()\n    reply(id=id, answer='done')\n");
    assert_string_equal(t->answers[1], "done");
    char *older = xformat("%s.1", t->log);
    size_t kept = file_bytes(t->log) + file_bytes(older);
    free(older);
    assert_in_range(kept, 64 << 10, HOST_LOG_BYTES_MAX);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_the_example_of_the_protocol_document_works),
        CASE(test_a_shell_script_can_be_a_model),
        CASE(test_a_request_carries_decoding_output_file_and_settings),
        CASE(test_replies_may_come_in_any_order),
        CASE(test_errors_have_classes),
        CASE(test_an_answer_over_the_limit_is_too_long),
        CASE(test_files_are_passed_on_as_said),
        CASE(test_the_time_of_a_request_is_measured),
        CASE(test_a_slow_start_is_waited_for),
        CASE(test_the_last_reply_before_an_exit_counts),
        CASE(test_it_sees_its_own_descriptors_only),
        CASE(test_a_kill_takes_the_children_too),
        CASE(test_an_exit_takes_what_was_left_behind),
        CASE(test_what_one_left_behind_holds_up_no_other),
        CASE(test_nor_does_what_cleared_its_environment),
        CASE(test_misbehaviour_is_reported_with_its_class),
        CASE(test_a_program_that_is_not_there_says_so),
        CASE(test_a_model_that_does_not_read_blocks_nobody),
        CASE(test_what_it_prints_is_logged),
        CASE(test_a_flood_of_output_is_dropped_and_blocks_nobody),
    };
    struct errmsg msg = { "" };
    if (reap_init(&msg) != OK)
        fprintf(stderr, "%s\n", msg.text);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
