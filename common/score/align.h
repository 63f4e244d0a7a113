/* Alignment of two lists of token ids, 64 cells at a time (Myers 1999 and Hyyro 2003 for the edit
 * distance; Hyyro 2004 for the longest common subsequence): n * m / 64 steps, n + ids memory. */
#ifndef MUSTER_COMMON_SCORE_ALIGN_H
#define MUSTER_COMMON_SCORE_ALIGN_H

#include <stddef.h>
#include <stdint.h>

#include "common/score/tokens.h"

/* Tokens of a text that take part in an alignment; what lies behind is not looked at. Two texts of
 * this length cost about 15 ms. */
enum { ALIGN_MAX = 16384 };

/* The least number of insertions, deletions and substitutions that turn a into b.
 * id_count: every id is below it. Counts are at most ALIGN_MAX. */
size_t align_distance(const uint32_t *a, size_t a_count, const uint32_t *b, size_t b_count,
                      size_t id_count);
/* The length of the longest common subsequence. */
size_t align_common(const uint32_t *a, size_t a_count, const uint32_t *b, size_t b_count,
                    size_t id_count);

#endif
