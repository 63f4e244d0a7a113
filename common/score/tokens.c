#include "common/score/tokens.h"

#include <stdlib.h>

#include "common/check.h"
#include "common/mem.h"

/* FNV-1a, and a last mix because the table looks at the low bits. */
static uint64_t hash_of(struct span word)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < word.len; i++)
        h = (h ^ word.data[i]) * 0x100000001b3u;
    h ^= h >> 32;
    return h * 0x9e3779b97f4a7c15u >> 16;
}

/* Where word is, or the free slot where it belongs. */
static size_t find_slot(const struct vocab *v, struct span word)
{
    size_t slot = (size_t)hash_of(word) & (v->slot_count - 1);
    while (v->slots[slot] && !span_equal(v->words[v->slots[slot] - 1], word))
        slot = (slot + 1) & (v->slot_count - 1);
    return slot;
}

static void grow_slots(struct vocab *v)
{
    free(v->slots);
    v->slot_count = v->slot_count ? v->slot_count * 2 : 64;
    v->slots = xcalloc(v->slot_count, sizeof(*v->slots));
    for (size_t i = 0; i < v->count; i++)
        v->slots[find_slot(v, v->words[i])] = (uint32_t)i + 1;
}

uint32_t vocab_id(struct vocab *v, struct span word)
{
    if (v->count * 2 >= v->slot_count)
        grow_slots(v);
    size_t slot = find_slot(v, word);
    if (!v->slots[slot]) {
        check(v->count < UINT32_MAX - 1);
        v->words = xgrow(v->words, &v->capacity, v->count + 1, sizeof(*v->words));
        v->words[v->count++] = word;
        v->slots[slot] = (uint32_t)v->count;
    }
    return v->slots[slot] - 1;
}

void vocab_release(struct vocab *v)
{
    free(v->words);
    free(v->slots);
    *v = (struct vocab){ 0 };
}

void tokens_push(struct tokens *t, uint32_t id)
{
    t->ids = xgrow(t->ids, &t->capacity, t->count + 1, sizeof(*t->ids));
    t->ids[t->count++] = id;
}

void tokens_release(struct tokens *t)
{
    free(t->ids);
    *t = (struct tokens){ 0 };
}

void tokens_by_blanks(struct span text, struct vocab *v, struct tokens *out)
{
    while (text.len) {
        size_t blank = blank_bytes(text), len = 0;
        if (blank) {
            text = span_from(text, blank);
            continue;
        }
        while (len < text.len && !blank_bytes(span_from(text, len)))
            len++;
        tokens_push(out, vocab_id(v, span_of(text.data, len)));
        text = span_from(text, len);
    }
}

/* Bytes of the character that text (not empty) begins with. */
static size_t char_bytes(struct span text)
{
    uint8_t lead = text.data[0];
    size_t want = lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf8 ? 4 : 1;
    for (size_t i = 1; i < want; i++) {
        if (i >= text.len || (text.data[i] & 0xc0) != 0x80)
            return 1;
    }
    return want;
}

size_t tokens_by_chars(struct span text, size_t max, struct vocab *v, struct tokens *out)
{
    size_t total = 0;
    while (text.len) {
        size_t len = char_bytes(text);
        if (total++ < max)
            tokens_push(out, vocab_id(v, span_of(text.data, len)));
        text = span_from(text, len);
    }
    return total;
}

uint32_t *tokens_count_ids(const struct tokens *t, const struct vocab *v)
{
    uint32_t *counts = xcalloc(v->count + 1, sizeof(*counts));
    for (size_t i = 0; i < t->count; i++)
        counts[t->ids[i]]++;
    return counts;
}

/* Beyond ASCII: U+0085, U+00A0, U+1680, U+2000-200A, U+2028, U+2029, U+202F, U+205F, U+3000. */
static size_t wide_blank_bytes(struct span text)
{
    const uint8_t *c = text.data;
    if (text.len >= 2 && c[0] == 0xc2)
        return c[1] == 0x85 || c[1] == 0xa0 ? 2 : 0;
    if (text.len < 3)
        return 0;
    if (c[0] == 0xe2 && c[1] == 0x80)
        return (c[2] >= 0x80 && c[2] <= 0x8a) || c[2] == 0xa8 || c[2] == 0xa9 || c[2] == 0xaf ? 3
                                                                                              : 0;
    bool blank = (c[0] == 0xe1 && c[1] == 0x9a && c[2] == 0x80) ||
                 (c[0] == 0xe2 && c[1] == 0x81 && c[2] == 0x9f) ||
                 (c[0] == 0xe3 && c[1] == 0x80 && c[2] == 0x80);
    return blank ? 3 : 0;
}

size_t blank_bytes(struct span text)
{
    if (!text.len)
        return 0;
    uint8_t c = text.data[0];
    if (c < 0x80)
        return c == ' ' || (c >= 9 && c <= 13) || (c >= 28 && c <= 31);
    return wide_blank_bytes(text);
}

struct span span_trim(struct span text)
{
    for (size_t blank; (blank = blank_bytes(text)) > 0;)
        text = span_from(text, blank);
    for (bool more = true; more && text.len;) {
        more = false;
        for (size_t bytes = 1; bytes <= 3 && bytes <= text.len && !more; bytes++) {
            if (blank_bytes(span_from(text, text.len - bytes)) == bytes) {
                text.len -= bytes;
                more = true;
            }
        }
    }
    return text;
}

struct span span_lower(struct span text, struct arena *arena)
{
    uint8_t *copy = arena_alloc(arena, text.len + 1);
    for (size_t i = 0; i < text.len; i++)
        copy[i] = to_lower(text.data[i]);
    return span_of(copy, text.len);
}
