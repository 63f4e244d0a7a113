/* Any bytes as a line from a model. What it means is within its limits; and whatever the model said
 * goes on to a scorer as one line of JSON again. */
#include "tests/fuzz/fuzz.h"

#include <jansson.h>
#include <math.h>

#include "worker/host/message.h"

/* The scorer's request, with the answer (or the name of the file) in it. */
static void check_scoring(const struct host_reply *reply)
{
    const struct span references[] = { span_str("one"), reply->answer };
    const struct instance instance = { .id = "1",
                                       .request = span_str("{\"input\":{}}"),
                                       .references = references,
                                       .reference_count = 2 };
    const struct host_request request = { .id = reply->id,
                                          .instance = &instance,
                                          .is_scoring = true,
                                          .answer = reply->answer,
                                          .file = reply->file };
    struct buf line = { 0 };
    host_request_format(&request, &line);
    check(memchr(line.data, '\n', line.len) == line.data + line.len - 1);
    json_t *root = json_loadb((const char *)line.data, line.len,
                              JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    check(json_is_object(root));
    const json_t *said = json_object_get(root, reply->file ? "file" : "answer");
    struct span expected = reply->file ? span_str(reply->file) : reply->answer;
    check(span_equal(span_of(json_string_value(said), json_string_length(said)), expected));
    json_decref(root);
    buf_release(&line);
}

static void check_reply(const struct host_reply *reply)
{
    check(reply->answer.len <= ANSWER_BYTES_MAX && reply->status < STATUS_COUNT);
    check(!reply->has_score || isfinite(reply->score));
    check(!reply->file || (reply->status == STATUS_OK && reply->answer.len == 0));
    if (reply->status == STATUS_OK && !reply->has_score)
        check_scoring(reply);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct host_message m;
    struct errmsg msg = { "" };
    err e = host_message_parse(span_of(data, size), &m, &msg);
    if (e) {
        check(e == ERR_INVALID && msg.text[0] && !m.json);
        return 0;
    }
    check(m.json && msg.text[0] == '\0');
    if (m.is_hello)
        check(m.name && m.inflight >= 1 && m.inflight <= HOST_INFLIGHT_MAX);
    else
        check_reply(&m.reply);
    host_message_release(&m);
    return 0;
}
