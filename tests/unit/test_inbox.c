/* What waits while the agent is at work is what came, byte for byte. */
#include "tests/lib/test.h"

#include "worker/inbox.h"

static void answers_are_kept_with_all_their_bytes(void **state)
{
    (void)state;
    char first[] = "one\0two", second[] = "three";
    struct result rows[] = {
        { .instance = 1, .answer = span_of(first, 7) },
        { .instance = 2, .answer = span_of(second, 5) },
        { .instance = 3 },
    };
    struct agent_event event = { .kind = AGENT_ON_ROWS, .as.rows = { .rows = rows, .count = 3 } };
    struct inbox in = { 0 };
    inbox_put(&in, &event);
    memset(first, 'x', sizeof(first)); /* what was lent is the host's again */
    memset(second, 'x', sizeof(second));

    const struct agent_event *kept = inbox_next(&in);
    assert_non_null(kept);
    assert_int_equal(kept->as.rows.count, 3);
    assert_true(span_equal(kept->as.rows.rows[0].answer, span_of("one\0two", 7)));
    assert_true(span_equal(kept->as.rows.rows[1].answer, span_str("three")));
    assert_int_equal(kept->as.rows.rows[2].answer.len, 0);
    assert_null(inbox_next(&in));
    inbox_release(&in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_kept_with_all_their_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
