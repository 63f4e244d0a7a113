#include "coordinator/store/bundle.h"

enum {
    BUNDLE_MAGIC = 0x314E424D, /* "MBN1", little endian; a block begins with another one */
    HEAD_BYTES_MAX = 4 + 2 * VARINT_BYTES_MAX
};

static bool is_bundle(struct span payload)
{
    struct cursor c = cursor_of(payload);
    return cursor_u32(&c) == BUNDLE_MAGIC;
}

bool store_bundle_takes(const struct buf *bundle, struct span block)
{
    size_t head = bundle->len > 0 ? HEAD_BYTES_MAX : 0;
    return bundle->len + head + block.len <= STORE_BUNDLE_BYTES_MAX;
}

/* The only block in it gets the head that several have. */
static void become_bundle(struct buf *bundle)
{
    size_t len = bundle->len;
    buf_reserve(bundle, HEAD_BYTES_MAX);
    struct buf head = { 0 };
    put_u32(&head, BUNDLE_MAGIC);
    put_varint(&head, len);
    memmove(bundle->data + head.len, bundle->data, len);
    memcpy(bundle->data, head.data, head.len);
    bundle->len += head.len;
    buf_release(&head);
}

void store_bundle_add(struct buf *bundle, struct span block)
{
    if (bundle->len > 0 && !is_bundle(buf_span(bundle)))
        become_bundle(bundle);
    if (bundle->len > 0)
        put_varint(bundle, block.len);
    buf_append_span(bundle, block);
}

struct store_bundle store_bundle_of(struct span payload)
{
    struct store_bundle b = { .left = cursor_of(payload), .is_one = !is_bundle(payload) };
    if (!b.is_one)
        (void)cursor_u32(&b.left);
    return b;
}

bool store_bundle_next(struct store_bundle *b, struct span *block)
{
    if (b->is_over)
        return false;
    uint64_t len = b->is_one ? cursor_left(&b->left) : cursor_varint(&b->left);
    *block = cursor_bytes(&b->left, len);
    b->is_over = b->left.failed || cursor_left(&b->left) == 0;
    return true;
}
