/* Text for people and from people. Pure. */
#ifndef MUSTER_COMMON_TEXT_H
#define MUSTER_COMMON_TEXT_H

#include "common/buf.h"

bool text_is_utf8(struct span s);
/* Append s as text that is safe on a terminal and in a log line: valid UTF-8; control characters,
 * escape sequences and bidirectional controls become \xNN or \u{...}. */
void text_append_safe(struct buf *out, struct span s);
/* Append s as UTF-8: each invalid byte becomes U+FFFD. */
void text_append_utf8(struct buf *out, struct span s);
/* The same, and each NUL too: readers of JSON that end texts at it refuse the whole document. */
void text_append_utf8_without_nul(struct buf *out, struct span s);
/* The beginning of s of so many bytes at most, cut between characters; what is no UTF-8 loses up to
 * three bytes more. */
struct span text_cut(struct span s, size_t bytes_max);
/* A glob over '/'-separated names: * and ? stay inside a part, ** crosses parts; a part that is **
 * may also stand for no part at all. */
bool text_glob(const char *pattern, const char *name);
/* Whether `words` stand in `name` as whole words, whatever the case: "A100" in "NVIDIA A100-SXM4",
 * but not "A10". Empty words stand in every name. */
bool text_has_words(struct span name, const char *words);
bool text_ends_with(const char *text, const char *end);
/* The candidate nearest to `word` by edit distance, for "did you mean"; NULL if none is near. */
const char *text_nearest(const char *word, const char *const *candidates, size_t count);
/* "90", "90s", "1h30m", "2d", "250ms" -> milliseconds; without a unit, seconds. Units, each at most
 * once, fall from d to ms. False if it is none of these or negative. */
bool text_parse_duration_ms(const char *text, int64_t *out_ms);
/* Strict decimal numbers: the whole text, no blanks. */
bool text_parse_u64(const char *text, uint64_t *out);
bool text_parse_double(const char *text, double *out);
/* "2GiB", "512 MB", "1.5TiB", or a number of bytes; a fraction of a byte may be left. False if it
 * is none of these or negative. */
bool text_parse_bytes(const char *text, double *out);
/* "1h 02m", "42s", "310ms". */
void text_format_duration(char *out, size_t out_bytes, int64_t ms);
/* Milliseconds since 1970 -> "2031-05-01T18:00:30Z". Only 1970 to 9999: what is before or after is
 * said as the first or last second of them. */
enum { TEXT_TIME_BYTES = sizeof("2031-05-01T18:00:30Z") };
void text_format_time(char out[TEXT_TIME_BYTES], int64_t wall_ms);
/* 1234567 -> "1,234,567". */
void text_format_count(char *out, size_t out_bytes, uint64_t count);

#endif
