/* A fixed-size set of small integers [0, bits). */
#ifndef MUSTER_COMMON_BITMAP_H
#define MUSTER_COMMON_BITMAP_H

#include <stdbool.h>
#include <stdint.h>

struct bitmap {
    uint64_t *words; /* (bits + 63) / 64; bits behind the last are 0 */
    uint32_t bits;
};

void bitmap_init(struct bitmap *b, uint32_t bits);              /* all clear */
void bitmap_copy(struct bitmap *to, const struct bitmap *from); /* `to` is initialised by it */
void bitmap_release(struct bitmap *b);
void bitmap_fill(struct bitmap *b);                /* all set */
bool bitmap_set(struct bitmap *b, uint32_t bit);   /* true if it was clear */
bool bitmap_clear(struct bitmap *b, uint32_t bit); /* true if it was set */
void bitmap_set_range(struct bitmap *b, uint32_t first, uint32_t count);
void bitmap_clear_range(struct bitmap *b, uint32_t first, uint32_t count);
uint32_t bitmap_count(const struct bitmap *b);
uint32_t bitmap_count_range(const struct bitmap *b, uint32_t first, uint32_t count);
/* The first set (clear) bit at or behind `from`; b->bits if there is none. */
uint32_t bitmap_next_set(const struct bitmap *b, uint32_t from);
uint32_t bitmap_next_clear(const struct bitmap *b, uint32_t from);
void bitmap_or(struct bitmap *into, const struct bitmap *other);     /* same size */
void bitmap_andnot(struct bitmap *into, const struct bitmap *other); /* into &= ~other */
bool bitmap_subset(const struct bitmap *inner, const struct bitmap *outer);

static inline bool bitmap_get(const struct bitmap *b, uint32_t bit)
{
    return (b->words[bit >> 6] >> (bit & 63)) & 1;
}

#endif
