/* Any bytes as the definition of a model and of a task. What is understood is said again in one
 * form, which is understood the same. */
#include "tests/fuzz/fuzz.h"

#include "proto/definition/definition.h"

static void check_refusal(err e, const struct errmsg *msg)
{
    check((e == ERR_INVALID || e == ERR_LIMIT) && msg->text[0]);
}

static void try_model(struct span json)
{
    struct arena arena = { 0 };
    struct errmsg msg = { "" };
    struct model_definition m, back;
    struct buf once = { 0 }, twice = { 0 };
    err e = model_definition_decode(json, &arena, &m, &msg);
    if (e) {
        check_refusal(e, &msg);
    } else {
        model_definition_encode(&m, &once);
        check(model_definition_decode(buf_span(&once), &arena, &back, &msg) == OK);
        model_definition_encode(&back, &twice);
        check(span_equal(buf_span(&once), buf_span(&twice)));
    }
    arena_release(&arena);
    buf_release(&once);
    buf_release(&twice);
}

static void try_task(struct span json)
{
    struct arena arena = { 0 };
    struct errmsg msg = { "" };
    struct task_definition t, back;
    struct buf once = { 0 }, twice = { 0 };
    err e = task_definition_decode(json, &arena, &t, &msg);
    if (e) {
        check_refusal(e, &msg);
    } else {
        task_definition_encode(&t, &once);
        check(task_definition_decode(buf_span(&once), &arena, &back, &msg) == OK);
        task_definition_encode(&back, &twice);
        check(span_equal(buf_span(&once), buf_span(&twice)));
    }
    arena_release(&arena);
    buf_release(&once);
    buf_release(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_model(span_of(data, size));
    try_task(span_of(data, size));
    return 0;
}
