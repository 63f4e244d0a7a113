#include "worker/host/message.h"

#include <inttypes.h>
#include <jansson.h>

#include "common/check.h"
#include "common/text.h"

enum { REASON_BYTES_MAX = 4096 }; /* of an error that a model explains */

/* --- from the model --- */

static const char *type_name(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT: return "an object";
    case JSON_ARRAY: return "a list";
    case JSON_STRING: return "text";
    case JSON_INTEGER:
    case JSON_REAL: return "a number";
    case JSON_TRUE:
    case JSON_FALSE: return "true or false";
    case JSON_NULL: return "null";
    }
    return "nothing known";
}

static err expect_text(const json_t *value, const char *key, struct errmsg *msg)
{
    if (json_is_string(value))
        return OK;
    return err_say(msg, ERR_INVALID, "\"%s\" must be text, not %s", key, type_name(value));
}

static err parse_hello(const json_t *hello, const json_t *root, struct host_message *out,
                       struct errmsg *msg)
{
    if (!json_is_integer(hello) || json_integer_value(hello) != 1)
        return err_say(msg, ERR_INVALID, "\"hello\" must be 1: no other protocol is known");
    out->is_hello = true;
    out->name = "";
    out->inflight = 1;
    const json_t *name = json_object_get(root, "name");
    if (name) {
        err e = expect_text(name, "name", msg);
        if (e)
            return e;
        out->name = json_string_value(name);
    }
    const json_t *inflight = json_object_get(root, "inflight");
    if (!inflight)
        return OK;
    json_int_t count = json_is_integer(inflight) ? json_integer_value(inflight) : 0;
    if (count < 1 || count > HOST_INFLIGHT_MAX)
        return err_say(msg, ERR_INVALID, "\"inflight\" must be an integer from 1 to %d",
                       HOST_INFLIGHT_MAX);
    out->inflight = (uint32_t)count;
    return OK;
}

static err parse_answer(const json_t *answer, struct host_reply *reply, struct errmsg *msg)
{
    static const char too_long[] = "the answer is longer than 262144 bytes";
    _Static_assert(ANSWER_BYTES_MAX == 262144, "the sentence above");
    err e = expect_text(answer, "answer", msg);
    if (e)
        return e;
    reply->answer = span_of(json_string_value(answer), json_string_length(answer));
    if (reply->answer.len <= ANSWER_BYTES_MAX)
        return OK;
    reply->status = STATUS_TOO_LONG;
    reply->answer = span_of(too_long, sizeof too_long - 1);
    return OK;
}

static err parse_file(const json_t *file, struct host_reply *reply, struct errmsg *msg)
{
    err e = expect_text(file, "file", msg);
    if (e)
        return e;
    reply->file = json_string_value(file);
    if (strlen(reply->file) != json_string_length(file))
        return err_say(msg, ERR_INVALID, "\"file\" has a zero byte in it");
    return OK;
}

static err parse_score(const json_t *score, struct host_reply *reply, struct errmsg *msg)
{
    if (!json_is_number(score))
        return err_say(msg, ERR_INVALID, "\"score\" must be a number, not %s", type_name(score));
    reply->has_score = true;
    reply->score = json_number_value(score);
    return OK;
}

/* The classes a model may name are statuses of the same names. */
static err parse_error(const json_t *error, const json_t *root, struct host_reply *reply,
                       struct errmsg *msg)
{
    static const status classes[] = { STATUS_ERROR, STATUS_OOM, STATUS_TOO_LONG, STATUS_REFUSED };
    err e = expect_text(error, "error", msg);
    if (e)
        return e;
    reply->answer =
        text_cut(span_of(json_string_value(error), json_string_length(error)), REASON_BYTES_MAX);
    reply->status = STATUS_ERROR;
    const json_t *class = json_object_get(root, "class");
    if (!class)
        return OK;
    for (size_t i = 0; json_is_string(class) && i < sizeof classes / sizeof *classes; i++) {
        if (strcmp(json_string_value(class), status_text(classes[i])) == 0) {
            reply->status = classes[i];
            return OK;
        }
    }
    return err_say(msg, ERR_INVALID, "\"class\" must be error, oom, too_long or refused");
}

static err parse_reply(const json_t *root, struct host_reply *reply, struct errmsg *msg)
{
    const json_t *id = json_object_get(root, "id");
    if (!json_is_integer(id) || json_integer_value(id) < 0)
        return err_say(msg, ERR_INVALID, "a reply needs the \"id\" of its request, an integer");
    reply->id = (uint64_t)json_integer_value(id);
    reply->status = STATUS_OK;
    const json_t *answer = json_object_get(root, "answer");
    const json_t *file = json_object_get(root, "file");
    const json_t *score = json_object_get(root, "score");
    const json_t *error = json_object_get(root, "error");
    if (!!answer + !!file + !!score + !!error != 1)
        return err_say(msg, ERR_INVALID,
                       "a reply needs exactly one of \"answer\", \"file\", \"score\", \"error\"");
    if (answer)
        return parse_answer(answer, reply, msg);
    if (file)
        return parse_file(file, reply, msg);
    if (score)
        return parse_score(score, reply, msg);
    return parse_error(error, root, reply, msg);
}

err host_message_parse(struct span line, struct host_message *out, struct errmsg *msg)
{
    *out = (struct host_message){ 0 };
    json_error_t where;
    json_t *root = json_loadb((const char *)line.data, line.len,
                              JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &where);
    if (!root)
        return err_say(msg, ERR_INVALID, "a line that is not JSON (%s, byte %d): %.*s", where.text,
                       where.position, (int)text_cut(line, 80).len, (const char *)line.data);
    out->json = root;
    err e;
    const json_t *hello = json_object_get(root, "hello");
    if (!json_is_object(root))
        e = err_say(msg, ERR_INVALID, "a line must be an object, not %s", type_name(root));
    else if (hello)
        e = parse_hello(hello, root, out, msg);
    else
        e = parse_reply(root, &out->reply, msg);
    if (e)
        host_message_release(out);
    return e;
}

void host_message_release(struct host_message *m)
{
    json_decref(m->json);
    *m = (struct host_message){ 0 };
}

/* --- to the model --- */

static void append_json_text(struct buf *out, struct span raw)
{
    struct buf text = { 0 };
    text_append_utf8(&text, raw);
    buf_append_byte(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (c == '"' || c == '\\')
            buf_append_byte(out, '\\');
        if (c < 0x20)
            buf_printf(out, "\\u%04x", c);
        else
            buf_append_byte(out, c);
    }
    buf_append_byte(out, '"');
    buf_release(&text);
}

static void append_key(struct buf *out, const char *key)
{
    buf_printf(out, ",\"%s\":", key);
}

static void append_scoring(struct buf *out, const struct host_request *r)
{
    append_key(out, "references");
    for (size_t i = 0; i < r->instance->reference_count; i++) {
        buf_append_byte(out, i == 0 ? '[' : ',');
        append_json_text(out, r->instance->references[i]);
    }
    buf_append_str(out, r->instance->reference_count == 0 ? "[]" : "]");
    append_key(out, r->file ? "file" : "answer");
    append_json_text(out, r->file ? span_str(r->file) : r->answer);
}

void host_request_format(const struct host_request *r, struct buf *out)
{
    struct span asked = r->instance->request; /* one object, by the promise of suite.h */
    check(asked.len >= 2 && asked.data[0] == '{' && asked.data[asked.len - 1] == '}');
    buf_printf(out, "{\"id\":%" PRIu64, r->id);
    if (asked.len > 2) {
        buf_append_byte(out, ',');
        buf_append(out, asked.data + 1, asked.len - 2);
    }
    if (r->output_file) {
        append_key(out, "output_file");
        append_json_text(out, span_str(r->output_file));
    }
    if (r->decoding) {
        append_key(out, "decoding");
        buf_append_str(out, r->decoding);
    }
    if (r->is_scoring)
        append_scoring(out, r);
    buf_append_str(out, "}\n");
}
