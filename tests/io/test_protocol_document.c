/* The examples of PROTOCOL.md are the samples, byte for byte, and none is missing. */
#include "tests/lib/messages.h"

#include "common/io/file.h"

static void read_document(struct buf *text)
{
    struct errmsg msg = { "" };
    if (file_read("proto/PROTOCOL.md", 1 << 20, text, &msg))
        fail_msg("%s", msg.text);
}

/* What stands between ```hex and the next ```, its blanks and line ends gone. */
static char *examples(void)
{
    struct buf text = { 0 };
    read_document(&text);
    const char *at = strstr(buf_cstr(&text), "```hex\n");
    assert_non_null(at);
    const char *end = strstr(at + 7, "```");
    assert_non_null(end);
    char *out = malloc((size_t)(end - at) + 1), *to = out;
    assert_non_null(out);
    for (at += 7; at < end; at++)
        if (*at != ' ' && *at != '\n')
            *to++ = *at;
    *to = '\0';
    buf_release(&text);
    return out;
}

static void the_document_shows_every_sample_in_order(void **state)
{
    (void)state;
    char *text = examples(), *at = text;
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        const char *const expected[] = { msg_type_text(samples[i].type), samples[i].hex };
        for (size_t k = 0; k < 2; k++) {
            if (strncmp(at, expected[k], strlen(expected[k])) != 0)
                fail_msg("%s: expected %s at %.80s", expected[0], expected[k], at);
            at += strlen(expected[k]);
        }
    }
    assert_string_equal(at, "");
    free(text);
}

static void the_document_names_the_version_that_is_spoken(void **state)
{
    (void)state;
    struct buf text = { 0 };
    char version[40];
    read_document(&text);
    (void)snprintf(version, sizeof(version), "\nVersion %d.%d. ", MSG_MAJOR, MSG_MINOR);
    assert_non_null(strstr(buf_cstr(&text), version));
    buf_release(&text);
}

static void the_document_has_a_row_for_every_message(void **state)
{
    (void)state;
    struct buf text = { 0 };
    read_document(&text);
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        char row[80];
        (void)snprintf(row, sizeof(row), "%d **%s**", (int)samples[i].type,
                       msg_type_text(samples[i].type));
        if (!strstr(buf_cstr(&text), row))
            fail_msg("no row \"%s\"", row);
    }
    buf_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_document_shows_every_sample_in_order),
        cmocka_unit_test(the_document_names_the_version_that_is_spoken),
        cmocka_unit_test(the_document_has_a_row_for_every_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
