#include "common/digest.h"

/* Inlined, so that the library is needed for building only. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <stdlib.h>

#include "common/check.h"

struct digester {
    XXH3_state_t state;
};

static struct digest canonical(XXH128_hash_t hash)
{
    XXH128_canonical_t bytes; /* big endian: the same on every machine */
    XXH128_canonicalFromHash(&bytes, hash);
    struct digest d;
    memcpy(d.bytes, bytes.digest, DIGEST_BYTES);
    return d;
}

struct digester *digester_new(void)
{
    /* The state is over-aligned, for vector instructions: malloc would not do. */
    struct digester *d = aligned_alloc(_Alignof(struct digester), sizeof(*d));
    check(d);
    check(XXH3_128bits_reset(&d->state) == XXH_OK);
    return d;
}

static void feed(struct digester *d, const void *data, size_t len)
{
    if (len > 0)
        check(XXH3_128bits_update(&d->state, data, len) == XXH_OK);
}

void digester_add(struct digester *d, struct span part)
{
    uint8_t frame[8];
    for (unsigned i = 0; i < sizeof(frame); i++)
        frame[i] = (uint8_t)((uint64_t)part.len >> (8 * i));
    feed(d, frame, sizeof(frame));
    feed(d, part.data, part.len);
}

void digester_add_str(struct digester *d, const char *part)
{
    digester_add(d, span_str(part));
}

void digester_add_u64(struct digester *d, uint64_t value)
{
    uint8_t bytes[8];
    for (unsigned i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
    digester_add(d, span_of(bytes, sizeof(bytes)));
}

struct digest digester_take(struct digester *d)
{
    struct digest result = canonical(XXH3_128bits_digest(&d->state));
    free(d);
    return result;
}

struct digest digest_of(struct span bytes)
{
    return canonical(XXH3_128bits(bytes.len > 0 ? (const void *)bytes.data : "", bytes.len));
}

void digest_hex(const struct digest *d, char out[DIGEST_HEX_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    for (unsigned i = 0; i < DIGEST_BYTES; i++) {
        out[2 * i] = digits[d->bytes[i] >> 4];
        out[2 * i + 1] = digits[d->bytes[i] & 15];
    }
    out[2 * DIGEST_BYTES] = '\0';
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
    return memcmp(a->bytes, b->bytes, DIGEST_BYTES) == 0;
}
