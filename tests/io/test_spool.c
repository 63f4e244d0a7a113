/* The spool: rows become messages, messages stay until they are durable. */
#include "tests/lib/test.h"

#include "common/block.h"
#include "common/pack/pack.h"
#include "common/rng.h"
#include "worker/spool.h"

static void record(struct spool *s, uint64_t attempt, uint32_t instance)
{
    struct result row = { .instance = instance, .status = STATUS_OK, .answer = span_str("yes") };
    row.stats[0] = instance;
    spool_record(s, attempt, 1, &row, 1);
}

/* Send everything that is to be sent; returns how many, and the seqs as text. */
static unsigned send_all(struct spool *s, char *seqs, size_t bytes)
{
    unsigned count = 0;
    struct msg m;
    seqs[0] = '\0';
    while (spool_next(s, &m)) {
        size_t len = strlen(seqs);
        snprintf(seqs + len, bytes - len, "%s%llu", count ? " " : "", (unsigned long long)m.seq);
        spool_sent(s);
        count++;
    }
    return count;
}

static int setup(void **state)
{
    *state = spool_new();
    return 0;
}

static int teardown(void **state)
{
    spool_free(*state);
    return 0;
}

static void test_rows_become_a_block(void **state)
{
    struct spool *s = *state;
    record(s, 7, 12);
    record(s, 7, 10);
    spool_flush(s, 7, 3, 4, 1);
    struct msg m;
    assert_true(spool_next(s, &m));
    assert_int_equal(m.type, MSG_RESULTS);
    assert_int_equal(m.seq, 1);
    assert_int_equal(m.as.results.attempt, 7);
    assert_int_equal(m.as.results.model, 3);
    assert_int_equal(m.as.results.task, 4);
    struct block block;
    assert_int_equal(pack_decode(m.as.results.block, &block), OK);
    assert_int_equal(block.rows, 2);
    assert_int_equal(block.instance[0], 10);
    assert_int_equal(block.instance[1], 12);
    assert_int_equal(block.stats[1], 12);
    block_release(&block);
}

/* Bytes of a block of 500 rows of random letters, whose model took so long for each. */
static size_t block_bytes_of(struct spool *s, uint64_t attempt, uint32_t micros)
{
    struct rng rng;
    rng_seed(&rng, 5);
    for (uint32_t i = 0; i < 500; i++) {
        char text[32];
        for (size_t k = 0; k < sizeof text; k++)
            text[k] = (char)('a' + rng_below(&rng, 26));
        struct result row = { .instance = i, .micros = micros };
        row.answer = span_of(text, sizeof text);
        spool_record(s, attempt, 0, &row, 1);
    }
    spool_flush(s, attempt, 1, 1, attempt);
    struct msg m;
    assert_true(spool_next(s, &m));
    spool_sent(s);
    return m.as.results.block.len;
}

/* A model that takes no time is not kept waiting; beside others the better packing is nothing. */
static void test_slow_rows_are_packed_well(void **state)
{
    struct spool *s = *state;
    spool_set_packing(s, true);
    size_t quick = block_bytes_of(s, 1, 9), slow = block_bytes_of(s, 2, 10);
    assert_true(quick > 500 * 32);
    assert_true(slow < 500 * 24);
    assert_true(block_bytes_of(s, 3, 0) > 500 * 32); /* what was before does not count */
}

static void test_attempts_do_not_mix(void **state)
{
    struct spool *s = *state;
    record(s, 7, 1);
    record(s, 8, 2);
    spool_flush(s, 8, 1, 1, 1);
    struct msg m;
    struct block block;
    assert_true(spool_next(s, &m));
    assert_int_equal(pack_decode(m.as.results.block, &block), OK);
    assert_int_equal(block.rows, 1);
    assert_int_equal(block.instance[0], 2);
    block_release(&block);
}

static void test_an_end_carries_its_reason(void **state)
{
    struct spool *s = *state;
    spool_ended(s, 7, ENDED_REFUSED, span_str("no such slot"), 0, 1);
    struct msg m;
    assert_true(spool_next(s, &m));
    assert_int_equal(m.type, MSG_ENDED);
    assert_int_equal(m.as.ended.reason, ENDED_REFUSED);
    assert_true(span_equal(m.as.ended.text, span_str("no such slot")));
}

static void test_messages_are_sent_once_in_order(void **state)
{
    struct spool *s = *state;
    char seqs[64];
    for (uint64_t seq = 1; seq <= 3; seq++)
        spool_ended(s, seq, ENDED_DONE, (struct span){ 0 }, 0, seq);
    assert_int_equal(send_all(s, seqs, sizeof seqs), 3);
    assert_string_equal(seqs, "1 2 3");
    assert_int_equal(send_all(s, seqs, sizeof seqs), 0);
    spool_ended(s, 4, ENDED_DONE, (struct span){ 0 }, 0, 4);
    send_all(s, seqs, sizeof seqs);
    assert_string_equal(seqs, "4");
}

static void test_what_is_not_acked_is_sent_again(void **state)
{
    struct spool *s = *state;
    char seqs[64];
    for (uint64_t seq = 1; seq <= 4; seq++)
        spool_ended(s, seq, ENDED_DONE, (struct span){ 0 }, 0, seq);
    send_all(s, seqs, sizeof seqs);
    spool_ack(s, 2);
    assert_int_equal(spool_count(s), 2);
    spool_rewind(s);
    send_all(s, seqs, sizeof seqs);
    assert_string_equal(seqs, "3 4");
}

/* A coordinator that had it already acks before it was sent again. */
static void test_what_cannot_be_read_becomes_the_end_of_its_attempt(void **state)
{
    struct spool *s = *state;
    record(s, 7, 1);
    spool_flush(s, 7, 3, 4, 1);
    record(s, 8, 1);
    spool_flush(s, 8, 3, 4, 2);
    struct msg m;
    assert_false(spool_refused(s, 1, span_str("why")));
    assert_false(spool_refused(s, 1, span_str("why")));
    assert_true(spool_next(s, &m));
    assert_int_equal(m.type, MSG_RESULTS);
    assert_true(spool_refused(s, 1, span_str("why")));
    assert_false(spool_refused(s, 9, span_str("there is none")));
    assert_true(spool_next(s, &m));
    assert_int_equal(m.type, MSG_ENDED);
    assert_int_equal(m.seq, 1);
    assert_int_equal(m.as.ended.attempt, 7);
    assert_int_equal(m.as.ended.reason, ENDED_REFUSED);
    assert_true(span_equal(m.as.ended.text, span_str("why")));
    spool_sent(s);
    assert_true(spool_next(s, &m));
    assert_int_equal(m.type, MSG_RESULTS); /* of the other attempt: as it was */
    assert_int_equal(m.seq, 2);
}

static void test_an_ack_ahead_of_sending_skips(void **state)
{
    struct spool *s = *state;
    char seqs[64];
    for (uint64_t seq = 1; seq <= 4; seq++)
        spool_ended(s, seq, ENDED_DONE, (struct span){ 0 }, 0, seq);
    spool_ack(s, 3);
    send_all(s, seqs, sizeof seqs);
    assert_string_equal(seqs, "4");
    spool_ack(s, 100);
    assert_int_equal(spool_count(s), 0);
    spool_ack(s, 100);
    spool_rewind(s);
    assert_int_equal(send_all(s, seqs, sizeof seqs), 0);
}

static void test_a_largest_flush_fits_a_message(void **state)
{
    struct spool *s = *state;
    static char answer[ANSWER_BYTES_MAX];
    memset(answer, 'x', sizeof answer);
    struct result row = { .status = STATUS_OK, .answer = span_of(answer, (128 << 10) - 1) };
    spool_record(s, 7, STATS_MAX, &row, 1); /* just below what is flushed ... */
    row.instance = 1;
    row.answer = span_of(answer, sizeof answer);
    spool_record(s, 7, STATS_MAX, &row, 1); /* ... and then the longest answer */
    spool_flush(s, 7, 1, 1, 1);
    struct msg m;
    struct buf frame = { 0 };
    assert_true(spool_next(s, &m));
    msg_encode(&m, &frame);
    assert_true(frame.len <= MESSAGE_BYTES_MAX);
    buf_release(&frame);
}

static void flush_without_rows(void)
{
    struct spool *s = spool_new();
    spool_flush(s, 7, 1, 1, 1);
}

static void end_with_rows_left(void)
{
    struct spool *s = spool_new();
    record(s, 7, 1);
    spool_ended(s, 7, ENDED_DONE, (struct span){ 0 }, 0, 1);
}

static void leave_a_gap(void)
{
    struct spool *s = spool_new();
    spool_ended(s, 7, ENDED_DONE, (struct span){ 0 }, 0, 2);
}

static void test_bugs_end_the_process(void **state)
{
    (void)state;
    assert_true(test_aborts(flush_without_rows));
    assert_true(test_aborts(end_with_rows_left));
    assert_true(test_aborts(leave_a_gap));
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_rows_become_a_block),
        CASE(test_slow_rows_are_packed_well),
        CASE(test_attempts_do_not_mix),
        CASE(test_an_end_carries_its_reason),
        CASE(test_messages_are_sent_once_in_order),
        CASE(test_what_is_not_acked_is_sent_again),
        CASE(test_what_cannot_be_read_becomes_the_end_of_its_attempt),
        CASE(test_an_ack_ahead_of_sending_skips),
        CASE(test_a_largest_flush_fits_a_message),
        CASE(test_bugs_end_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
