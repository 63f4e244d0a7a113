#include "common/bitmap.h"

#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/mem.h"

static uint32_t word_count(uint32_t bits)
{
    return bits / 64 + (bits % 64 != 0);
}

/* The bits of the last word that are in use: those behind them stay 0, so that words can be
 * counted and compared whole. */
static uint64_t last_mask(uint32_t bits)
{
    return bits % 64 == 0 ? UINT64_MAX : (UINT64_C(1) << (bits % 64)) - 1;
}

void bitmap_init(struct bitmap *b, uint32_t bits)
{
    b->words = xcalloc(word_count(bits), sizeof(b->words[0]));
    b->bits = bits;
}

void bitmap_copy(struct bitmap *to, const struct bitmap *from)
{
    bitmap_init(to, from->bits);
    memcpy(to->words, from->words, word_count(from->bits) * sizeof(from->words[0]));
}

void bitmap_release(struct bitmap *b)
{
    free(b->words);
    *b = (struct bitmap){ 0 };
}

void bitmap_fill(struct bitmap *b)
{
    uint32_t words = word_count(b->bits);
    if (words == 0)
        return;
    memset(b->words, 0xFF, words * sizeof(b->words[0]));
    b->words[words - 1] = last_mask(b->bits);
}

bool bitmap_set(struct bitmap *b, uint32_t bit)
{
    check(bit < b->bits);
    uint64_t mask = UINT64_C(1) << (bit & 63);
    bool was_clear = !(b->words[bit >> 6] & mask);
    b->words[bit >> 6] |= mask;
    return was_clear;
}

bool bitmap_clear(struct bitmap *b, uint32_t bit)
{
    check(bit < b->bits);
    uint64_t mask = UINT64_C(1) << (bit & 63);
    bool was_set = b->words[bit >> 6] & mask;
    b->words[bit >> 6] &= ~mask;
    return was_set;
}

uint32_t bitmap_count(const struct bitmap *b)
{
    uint32_t count = 0;
    for (uint32_t w = 0; w < word_count(b->bits); w++)
        count += (uint32_t)__builtin_popcountll(b->words[w]);
    return count;
}

/* Of a word, the bits that lie in [first, last]. */
static uint64_t range_mask(uint32_t word, uint32_t first, uint32_t last)
{
    uint64_t mask = UINT64_MAX;
    if (word == first >> 6)
        mask &= UINT64_MAX << (first & 63);
    if (word == last >> 6)
        mask &= UINT64_MAX >> (63 - (last & 63));
    return mask;
}

/* Words [0, end) have all bits of the range; end is 0 if it is empty. */
static uint32_t range_end(const struct bitmap *b, uint32_t first, uint32_t count)
{
    check(first <= b->bits && count <= b->bits - first);
    return count == 0 ? 0 : ((first + count - 1) >> 6) + 1;
}

void bitmap_set_range(struct bitmap *b, uint32_t first, uint32_t count)
{
    uint32_t end = range_end(b, first, count);
    for (uint32_t w = first >> 6; w < end; w++)
        b->words[w] |= range_mask(w, first, first + count - 1);
}

void bitmap_clear_range(struct bitmap *b, uint32_t first, uint32_t count)
{
    uint32_t end = range_end(b, first, count);
    for (uint32_t w = first >> 6; w < end; w++)
        b->words[w] &= ~range_mask(w, first, first + count - 1);
}

uint32_t bitmap_count_range(const struct bitmap *b, uint32_t first, uint32_t count)
{
    uint32_t end = range_end(b, first, count), total = 0;
    for (uint32_t w = first >> 6; w < end; w++)
        total +=
            (uint32_t)__builtin_popcountll(b->words[w] & range_mask(w, first, first + count - 1));
    return total;
}

/* The first bit at or behind `from` that is set in (word ^ flip). */
static uint32_t next(const struct bitmap *b, uint32_t from, uint64_t flip)
{
    if (from >= b->bits)
        return b->bits;
    uint32_t w = from >> 6;
    uint64_t word = (b->words[w] ^ flip) & (UINT64_MAX << (from & 63));
    while (word == 0) {
        if (++w == word_count(b->bits))
            return b->bits;
        word = b->words[w] ^ flip;
    }
    /* At most b->bits: flipped, the first of the unused bits is the first set one among them. */
    return w * 64 + (uint32_t)__builtin_ctzll(word);
}

uint32_t bitmap_next_set(const struct bitmap *b, uint32_t from)
{
    return next(b, from, 0);
}

uint32_t bitmap_next_clear(const struct bitmap *b, uint32_t from)
{
    return next(b, from, UINT64_MAX);
}

void bitmap_or(struct bitmap *into, const struct bitmap *other)
{
    check(into->bits == other->bits);
    for (uint32_t w = 0; w < word_count(into->bits); w++)
        into->words[w] |= other->words[w];
}

void bitmap_andnot(struct bitmap *into, const struct bitmap *other)
{
    check(into->bits == other->bits);
    for (uint32_t w = 0; w < word_count(into->bits); w++)
        into->words[w] &= ~other->words[w];
}

bool bitmap_subset(const struct bitmap *inner, const struct bitmap *outer)
{
    check(inner->bits == outer->bits);
    for (uint32_t w = 0; w < word_count(inner->bits); w++) {
        if (inner->words[w] & ~outer->words[w])
            return false;
    }
    return true;
}
