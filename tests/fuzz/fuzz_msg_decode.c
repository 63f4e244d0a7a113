/* Any bytes as a parcel of frames. What is understood is said again in one form, which is
 * understood the same; what is refused is refused with a sentence. A frame of a parcel is
 * understood as it is alone. */
#include "tests/fuzz/fuzz.h"

#include "proto/msg.h"

/* As a worker or coordinator might read it: what the message says is within the bounds. */
static void check_bounds(const struct msg *m)
{
    check(msg_type_text(m->type) && msg_sender(m->type));
    if (m->type == MSG_HELLO)
        check(m->as.hello.worker_name.len > 0 && m->as.hello.worker_name.len <= NAME_BYTES_MAX &&
              m->as.hello.slot_count <= SLOTS_MAX && m->as.hello.held_count <= HELD_MAX);
    if (m->type == MSG_GRANT)
        check(m->as.grant.count > 0 && m->as.grant.first + m->as.grant.count <= TASK_INSTANCES_MAX);
}

static void check_stable(const struct msg *m)
{
    struct buf once = { 0 }, twice = { 0 };
    struct arena arena = { 0 };
    struct msg back;
    msg_encode(m, &once);
    check(msg_decode(buf_span(&once), &arena, &back, NULL) == OK);
    msg_encode(&back, &twice);
    check(span_equal(buf_span(&once), buf_span(&twice)));
    arena_release(&arena);
    buf_release(&once);
    buf_release(&twice);
}

static void check_alone(struct span frame)
{
    struct arena arena = { 0 };
    struct errmsg msg = { "" };
    struct msg m;
    err e = msg_decode(frame, &arena, &m, &msg);
    check(e == OK || e == ERR_INVALID || e == ERR_UNSUPPORTED);
    check((e == OK) == (msg.text[0] == '\0'));
    if (e == OK) {
        check_bounds(&m);
        check_stable(&m);
    }
    arena_release(&arena);
}

/* False: it is not understood, and with it all that is behind. */
static bool check_first(struct span *parcel)
{
    struct span before = *parcel;
    struct arena arena = { 0 };
    struct msg m, alone;
    bool is_good = msg_take(parcel, &arena, &m, NULL) == OK;
    check(is_good ? parcel->len < before.len : parcel->len == 0);
    struct span frame = span_of(before.data, before.len - parcel->len);
    if (is_good)
        check(msg_decode(frame, &arena, &alone, NULL) == OK);
    arena_release(&arena);
    return is_good;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span parcel = span_of(data, size);
    check_alone(parcel);
    while (parcel.len > 0 && check_first(&parcel))
        ;
    return 0;
}
