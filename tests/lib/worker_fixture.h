/* The real program muster-worker, in a folder of its own, with suites, models and scorers to work
 * with, and a coordinator that the test plays. WORKER: the program's path. */
#ifndef MUSTER_TESTS_LIB_WORKER_FIXTURE_H
#define MUSTER_TESTS_LIB_WORKER_FIXTURE_H

#include "tests/lib/scripted_coordinator.h"

#include <sys/stat.h>

#include "common/mem.h"

enum { MODEL = 1, TASK = 1 };

struct fixture {
    struct script *script;
    char *dir, *state;
    struct suite suite;
    struct task_definition task;
    struct model_definition model;
    const char *command[2], *scorer[2];
};

/* --- suites and models to work with --- */

static inline void write_file(const char *dir, const char *name, const char *text)
{
    char *path = xformat("%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
    free(path);
}

static inline void use_task(struct fixture *f, const char *kind, const char *path)
{
    static const char *const everything[] = { "**" }, *const scorer[] = { "[\"scorer.py\"]" };
    struct suite_config config = { .name = "mini", .kind = kind, .path = path };
    if (f->scorer[0]) {
        config.scorer_globs = everything;
        config.scorers = scorer;
        config.scorer_count = 1;
    }
    struct errmsg msg = { "" };
    if (suite_open(&config, &f->suite, &msg) != OK)
        fail_msg("%s", msg.text);
    f->task.suite = f->suite.config;
    f->task.task = f->suite.tasks[0];
    f->task.scorer = f->scorer;
    f->task.scorer_count = f->scorer[0] ? 2 : 0;
}

/* Five instances whose answer is the question in capitals. */
static inline void make_shout_task(struct fixture *f)
{
    static const char annotation[] =
        "{\"task\": \"Shout\", \"type\": \"QA\", \"metric\": \"EM\", \"data\": ["
        "{\"id\": \"a\", \"input\": {\"question\": \"one\"}, \"output\": {\"answer\": \"ONE\"}},"
        "{\"id\": \"b\", \"input\": {\"question\": \"two\"}, \"output\": {\"answer\": \"TWO\"}},"
        "{\"id\": \"c\", \"input\": {\"question\": \"three\"}, \"output\": {\"answer\": \"3\"}},"
        "{\"id\": \"d\", \"input\": {\"question\": \"four\"}, \"output\": {\"answer\": \"FOUR\"}},"
        "{\"id\": \"e\", \"input\": {\"question\": \"five\"}, \"output\": {\"answer\": \"FIVE\"}}"
        "]}";
    char *suite = xformat("%s/suite", f->dir), *nlp = xformat("%s/nlp", suite);
    char *folder = xformat("%s/Shout", nlp);
    mkdir(suite, 0700);
    mkdir(nlp, 0700);
    mkdir(folder, 0700);
    write_file(folder, "annotation.json", annotation);
    use_task(f, "general-bench", suite);
    free(folder);
    free(nlp);
    free(suite);
}

static inline void make_synthetic_task(struct fixture *f, const char *instances)
{
    char *table = xformat("sheet,task,metric,sota,instances\nNLP,Made up,ACC,80,%s\n", instances);
    write_file(f->dir, "tasks.csv", table);
    char *path = xformat("%s/tasks.csv", f->dir);
    use_task(f, "synthetic", path);
    free(path);
    free(table);
}

#define HELLO                                                                                      \
    "import json, os\n"                                                                            \
    "fd = int(os.environ['MUSTER_FD'])\n"                                                          \
    "requests, replies = os.fdopen(fd, 'r'), os.fdopen(os.dup(fd), 'w')\n"                         \
    "def reply(**message):\n"                                                                      \
    "    replies.write(json.dumps(message) + '\\n')\n"                                             \
    "    replies.flush()\n"                                                                        \
    "reply(hello=1, name='shout', inflight=4)\n"
#define EACH                                                                                       \
    "for line in requests:\n"                                                                      \
    "    request = json.loads(line)\n"                                                             \
    "    id = request['id']\n"                                                                     \
    "    question = request['input']['question']\n"
#define SHOUT "    reply(id=id, answer=question.upper())\n"

static inline void use_program(struct fixture *f, const char *python)
{
    write_file(f->dir, "model.py", python);
    f->command[0] = "/usr/bin/python3";
    f->command[1] = xformat("%s/model.py", f->dir);
    f->model = (struct model_definition){
        .name = "shout",
        .host = HOST_EXEC,
        .command = f->command,
        .command_count = 2,
        .args = "{}",
        .decoding = "{}",
        .timeout_ms = 5000,
        .load_timeout_ms = 10000,
        .resources = { .cpus = 1 },
    };
}

/* Before the task is made: it is part of what the task is. */
static inline void use_scorer(struct fixture *f, const char *python)
{
    write_file(f->dir, "scorer.py", python);
    f->scorer[0] = "/usr/bin/python3";
    f->scorer[1] = xformat("%s/scorer.py", f->dir);
}

static inline void use_sim(struct fixture *f)
{
    f->model = (struct model_definition){
        .name = "sim",
        .host = HOST_SIM,
        .command = f->command,
        .args = "{}",
        .decoding = "{}",
        .timeout_ms = 5000,
        .load_timeout_ms = 10000,
        .resources = { .cpus = 1 },
        .sim = { .seed = 7, .quality = 0.8 },
    };
}

static inline int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);
    f->dir = test_dir();
    f->state = xformat("%s/state", f->dir);
    f->script = script_new();
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;
    if (f->script->worker > 0) { /* the test failed */
        kill(f->script->worker, SIGKILL);
        waitpid(f->script->worker, NULL, 0);
    }
    script_free(f->script);
    suite_release(&f->suite);
    free((char *)(uintptr_t)f->command[1]);
    free((char *)(uintptr_t)f->scorer[1]);
    free(f->state);
    test_rm_rf(f->dir);
    free(f);
    return 0;
}

static inline void start(struct fixture *f)
{
    script_start_worker(f->script, WORKER, f->state, NULL);
}

static inline void start_and_define(struct fixture *f)
{
    start(f);
    script_expect(f->script, MSG_HELLO);
    script_welcome(f->script, 11, 200);
    script_define_model(f->script, MODEL, &f->model);
    script_define_task(f->script, TASK, &f->task);
}

static inline void stop(struct fixture *f)
{
    kill(f->script->worker, SIGTERM);
    assert_int_equal(script_wait_worker(f->script), 0);
}

static inline struct msg expect_ended(struct fixture *f, enum ended reason)
{
    struct msg m = script_expect(f->script, MSG_ENDED);
    if (m.as.ended.reason != reason)
        fail_msg("ended %s: %.*s", ended_text(m.as.ended.reason), (int)m.as.ended.text.len,
                 (const char *)m.as.ended.text.data);
    script_ack(f->script, m.seq);
    return m;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
