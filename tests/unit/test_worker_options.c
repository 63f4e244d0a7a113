/* The command line of muster-worker: what is taken, and what is said of the rest. */
#include "tests/lib/test.h"

#include "worker/options.h"

enum { WORDS_MAX = 12 };

/* Words as of a shell, split at blanks. */
static err parse(const char *line, struct worker_options *out, struct errmsg *msg)
{
    static char text[512]; /* the options borrow from it */
    char *argv[WORDS_MAX + 1], *rest = text;
    int argc = 0;
    snprintf(text, sizeof text, "muster-worker %s", line);
    for (char *word; (word = strsep(&rest, " ")) && argc < WORDS_MAX;)
        if (*word)
            argv[argc++] = word;
    argv[argc] = NULL;
    msg->text[0] = '\0';
    return worker_options_parse(argc, argv, out, msg);
}

static void test_defaults(void **state)
{
    (void)state;
    struct worker_options o;
    struct errmsg msg;
    assert_int_equal(parse("--connect tcp://head:7770", &o, &msg), OK);
    assert_string_equal(o.connect, "tcp://head:7770");
    assert_null(o.name);
    assert_int_equal(o.slots, 0);
    assert_int_equal(o.gpus_per_slot, 1);
    assert_int_equal(o.cores_per_slot, 1);
    assert_int_equal(o.lifetime_ms, 0);
    assert_int_equal(o.log_level, LOG_INFO);
    assert_false(o.plan || o.die_with_parent);
}

static void test_everything_can_be_set(void **state)
{
    (void)state;
    struct worker_options o;
    struct errmsg msg;
    assert_int_equal(
        parse("--connect ipc:///run/m --name n1 --state s --slots 3 --lifetime 4h", &o, &msg), OK);
    assert_string_equal(o.name, "n1");
    assert_string_equal(o.state, "s");
    assert_int_equal(o.slots, 3);
    assert_int_equal(o.lifetime_ms, 4 * 3600 * 1000);
    assert_int_equal(parse("--connect ipc:///run/m --gpus-per-slot 0 --cores-per-slot 4 --media m "
                           "--log l",
                           &o, &msg),
                     OK);
    assert_int_equal(o.gpus_per_slot, 0);
    assert_int_equal(o.cores_per_slot, 4);
    assert_string_equal(o.media, "m");
    assert_string_equal(o.log, "l");
    assert_int_equal(
        parse("--connect ipc:///run/m --log-level debug --nice 5 --die-with-parent", &o, &msg), OK);
    assert_int_equal(o.log_level, LOG_DEBUG);
    assert_int_equal(o.nice, 5);
    assert_true(o.die_with_parent);
    assert_int_equal(o.parent, 0);
    assert_int_equal(parse("--connect ipc:///run/m --die-with-parent=77", &o, &msg), OK);
    assert_int_equal(o.parent, 77);
    assert_false(o.has_memory);
    assert_int_equal(parse("--connect ipc:///run/m --memory 1.5GiB", &o, &msg), OK);
    assert_true(o.has_memory);
    assert_int_equal(o.memory_bytes, 3ull << 29);
    assert_int_equal(parse("--connect ipc:///run/m --memory 0", &o, &msg), OK);
    assert_true(o.has_memory && o.memory_bytes == 0);
}

static void test_a_plan_needs_no_coordinator(void **state)
{
    (void)state;
    struct worker_options o;
    struct errmsg msg;
    assert_int_equal(parse("--plan --json --topology node.xml", &o, &msg), OK);
    assert_true(o.plan && o.json);
    assert_string_equal(o.topology, "node.xml");
}

static void test_bad_usage_names_the_option_and_what_was_expected(void **state)
{
    static const struct {
        const char *line, *said;
    } cases[] = {
        { "", "--connect ENDPOINT is missing: the coordinator's, as tcp://host:7770" },
        { "--connect head:7770",
          "--connect: expected tcp://HOST:PORT or ipc://PATH, not \"head:7770\"" },
        { "--connect tcp://head:99999",
          "--connect: expected tcp://HOST:PORT or ipc://PATH, not \"tcp://head:99999\"" },
        { "--connect tcp://head",
          "--connect: expected tcp://HOST:PORT or ipc://PATH, not \"tcp://head\"" },
        { "--connect", "--connect needs a value; see --help" },
        { "--slots 0", "--slots: expected a number from 1 to 1024, not \"0\"" },
        { "--slots many", "--slots: expected a number from 1 to 1024, not \"many\"" },
        { "--gpus-per-slot -1", "--gpus-per-slot: expected a number from 0 to 64, not \"-1\"" },
        { "--cores-per-slot 0", "--cores-per-slot: expected a number from 1 to 4096, not \"0\"" },
        { "--memory much",
          "--memory: expected a size such as 512MB or 64GiB, up to 1 PiB, not \"much\"" },
        { "--memory 2000TiB",
          "--memory: expected a size such as 512MB or 64GiB, up to 1 PiB, not \"2000TiB\"" },
        { "--memory 0.5",
          "--memory: expected a size such as 512MB or 64GiB, up to 1 PiB, not \"0.5\"" },
        { "--lifetime soon", "--lifetime: expected a time, as 90s, 30m or 4h, not \"soon\"" },
        { "--lifetime 0", "--lifetime: expected a time, as 90s, 30m or 4h, not \"0\"" },
        { "--lifetime 1000000d",
          "--lifetime: expected a time, as 90s, 30m or 4h, not \"1000000d\"" },
        { "--log-level loud", "--log-level: expected error, warn, info or debug, not \"loud\"" },
        { "--nice 20", "--nice: expected a number from 0 to 19, not \"20\"" },
        { "--name a/b", "--name: expected a name of up to 200 bytes without \"/\" and control "
                        "characters, not \"a/b\"" },
        { "--name a\tb", "--name: expected a name of up to 200 bytes without \"/\" and control "
                         "characters, not \"a\tb\"" },
        { "--conect x", "unknown option --conect; did you mean --connect; see --help" },
        { "--plan=yes", "--plan takes no value; see --help" },
        { "stray", "\"stray\" is no option; see --help" },
        { "--connect tcp://h:1 --json", "--json goes with --plan" },
        { "--connect tcp://h:1 --topology f",
          "--topology FILE goes with --plan: slots can only be bound on this machine" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct worker_options o;
        struct errmsg msg;
        assert_int_equal(parse(cases[i].line, &o, &msg), ERR_INVALID);
        assert_string_equal(msg.text, cases[i].said);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_everything_can_be_set),
        cmocka_unit_test(test_a_plan_needs_no_coordinator),
        cmocka_unit_test(test_bad_usage_names_the_option_and_what_was_expected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
