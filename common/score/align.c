/* Both walks cut b into blocks of 64 tokens: the block's column of the dynamic programming table is
 * a machine word, and a is run over it from left to right. What crosses the border to the next
 * block, one small number a token of a, waits in an array. So the masks (which places of the block
 * hold a given id) are needed for one block at a time. */
#include "common/score/align.h"

#include <stdlib.h>

#include "common/check.h"
#include "common/mem.h"

enum { BLOCK = 64 };

static uint64_t low_bits(size_t count)
{
    return count == BLOCK ? ~UINT64_C(0) : (UINT64_C(1) << count) - 1;
}

static void masks_set(uint64_t *masks, const uint32_t *block, size_t width)
{
    for (size_t i = 0; i < width; i++)
        masks[block[i]] |= UINT64_C(1) << i;
}

static void masks_clear(uint64_t *masks, const uint32_t *block, size_t width)
{
    for (size_t i = 0; i < width; i++)
        masks[block[i]] = 0;
}

/* delta[j]: cell (row, j) minus cell (row, j - 1), on entry for the row above the block, on return
 * for its last row. */
static void distance_block(const uint64_t *masks, const uint32_t *a, size_t a_count, size_t width,
                           int8_t *delta)
{
    const uint64_t last = UINT64_C(1) << (width - 1);
    uint64_t up = low_bits(width), down = 0; /* vertical differences +1 and -1 */
    for (size_t j = 0; j < a_count; j++) {
        const uint64_t in_up = delta[j] > 0, in_down = delta[j] < 0;
        const uint64_t vertical = masks[a[j]] | down;
        const uint64_t equal = masks[a[j]] | in_down;
        const uint64_t diagonal = (((equal & up) + up) ^ up) | equal;
        uint64_t right_up = down | ~(diagonal | up);
        uint64_t right_down = up & diagonal;
        delta[j] = (int8_t)((right_up & last ? 1 : 0) - (right_down & last ? 1 : 0));
        right_up = right_up << 1 | in_up;
        right_down = right_down << 1 | in_down;
        up = right_down | ~(vertical | right_up);
        down = right_up & vertical;
    }
}

size_t align_distance(const uint32_t *a, size_t a_count, const uint32_t *b, size_t b_count,
                      size_t id_count)
{
    check(a_count <= ALIGN_MAX && b_count <= ALIGN_MAX);
    uint64_t *masks = xcalloc(id_count + 1, sizeof(*masks));
    int8_t *delta = xmalloc(a_count + 1);
    memset(delta, 1, a_count + 1); /* the first row of the table counts up */
    for (size_t at = 0; at < b_count; at += BLOCK) {
        size_t width = b_count - at < BLOCK ? b_count - at : BLOCK;
        masks_set(masks, b + at, width);
        distance_block(masks, a, a_count, width, delta);
        masks_clear(masks, b + at, width);
    }
    int64_t distance = (int64_t)b_count;
    for (size_t j = 0; j < a_count; j++)
        distance += delta[j];
    free(delta);
    free(masks);
    return (size_t)distance;
}

/* Returns how many tokens of the block are matched. carry[j]: the bit that a[j] hands over. */
static size_t common_block(const uint64_t *masks, const uint32_t *a, size_t a_count, size_t width,
                           uint8_t *carry)
{
    uint64_t open = ~UINT64_C(0); /* places not matched yet */
    for (size_t j = 0; j < a_count; j++) {
        const uint64_t hit = open & masks[a[j]];
        uint64_t sum;
        bool over = __builtin_add_overflow(open, hit, &sum);
        over |= __builtin_add_overflow(sum, (uint64_t)carry[j], &sum);
        open = sum | (open & ~hit);
        carry[j] = over;
    }
    return (size_t)__builtin_popcountll(~open & low_bits(width));
}

size_t align_common(const uint32_t *a, size_t a_count, const uint32_t *b, size_t b_count,
                    size_t id_count)
{
    check(a_count <= ALIGN_MAX && b_count <= ALIGN_MAX);
    uint64_t *masks = xcalloc(id_count + 1, sizeof(*masks));
    uint8_t *carry = xcalloc(a_count + 1, 1);
    size_t common = 0;
    for (size_t at = 0; at < b_count; at += BLOCK) {
        size_t width = b_count - at < BLOCK ? b_count - at : BLOCK;
        masks_set(masks, b + at, width);
        common += common_block(masks, a, a_count, width, carry);
        masks_clear(masks, b + at, width);
    }
    free(carry);
    free(masks);
    return common;
}
